"""What is compared: models asked now, or answers that lie in run directories, brought onto one set of probes.

Promise: every side is one model with its answers, under a label of its own; only probes that all sides were asked in the same
words are compared, and what differs is told in a line; sides that were asked under other sampling are refused before
anything is computed; and models are asked through the same engines, into a run directory that the same command finishes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.asking.progress import Progress
from mimicry_audit.comparison.settings import CompareSettings as CompareSettings
from mimicry_audit.engines.names import parse_models
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import IDENTITY_DOMAIN, Probe, Response, Sampling, canonical_json, sha256_text
from mimicry_audit.records.manifest import ModelInRun, Notes, ProbeSetEntry, SamplingEntry
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.workflow.settings import Settings, probes_for, sampling_of

SAME_SAMPLING = ("temperature", "top_p", "max_tokens")
"""Sampling fields that must agree. A seed may differ, and of more samples the first are taken."""
_FIXED = (
    *("probes", "domains", "limit", "samples", "temperature", "top_p", "max_tokens", "system_prompt"),
    "identity_attempts",
)
_LABEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One model with its answers.

    Attributes:
        label: unique in the comparison.
        role: ``before``, ``after``, ``reference`` or ``control``.
        source: as it was typed.
        name: the model's own name, which may tell whose it is.
        engine: that answered.
        run: where its answers lie.
        step: the number given for a checkpoint.
        model: as its run knows it, under the label here.
        probes: what it was asked, by id.
        responses: its standing answers.
        sampling: of its run; None where its answers were imported and nobody knows.
    """

    label: str
    role: str
    source: str
    name: str
    engine: str
    run: Path
    step: float | None
    model: ModelInRun
    probes: Mapping[str, Probe]
    responses: tuple[Response, ...]
    sampling: SamplingEntry | None


@dataclass(frozen=True, slots=True)
class Matter:
    """What is compared, on common ground.

    Attributes:
        sides: before, checkpoints in order, reference, controls.
        compared: the common probes but for identity.
        selves: identity probes that before and all checkpoints were asked.
        samples: answers per probe that all sides have.
        differences: what was left aside and what differs, a line each.
        probe_sets: of the run of `before`.
    """

    sides: tuple[Side, ...]
    compared: tuple[Probe, ...]
    selves: tuple[Probe, ...]
    samples: int
    differences: tuple[str, ...]
    probe_sets: tuple[ProbeSetEntry, ...]

    def of(self, role: str) -> list[Side]:
        """The sides of a role, in order."""
        return [side for side in self.sides if side.role == role]


@dataclass(frozen=True, slots=True)
class _Named:
    """One side before its answers are read: a place in a run, or a model that is to be asked (``run`` None)."""

    role: str
    text: str
    chosen: str | None
    run: RunDirectory | None
    label: str | None


def check(settings: CompareSettings) -> None:
    """Raises ConfigError when a side is missing, or the steps do not go with the checkpoints."""
    for role, text in settings.texts():
        if not text.strip():
            raise ConfigError(f"--{role} is empty", "name a model, or a run directory")
    if not settings.after:
        raise ConfigError("there is nothing to compare with --before", "name the model after the training with --after")
    if settings.steps and len(settings.steps) != len(settings.after):
        raise ConfigError(
            f"--steps gives {len(settings.steps)} numbers for {len(settings.after)} checkpoints",
            "give one for each --after",
        )
    if list(settings.steps) != sorted(set(settings.steps)):
        raise ConfigError("--steps do not rise", "name the checkpoints in the order of the training")


def locate(settings: CompareSettings) -> list[_Named]:
    """Where each side's answers are, or that it must be asked.

    Raises:
        ConfigError: a run has several models and none is named, has no such model, or one model is given twice.
        RunDirectoryError: a run's manifest cannot be read.
    """
    found = [_parse_side(role, text) for role, text in settings.texts()]
    runs = {n.run.path: n.run for n in found if n.run is not None}
    known = {path: run.manifest().labels for path, run in runs.items()}
    found = [_by_label(n, runs, known) for n in found]
    taken: set[tuple[Path, str | None]] = {
        (n.run.path, n.label) for n in found if n.run is not None and n.label is not None
    }
    found = [_only_model(n, known, taken) for n in found]
    places = Counter((str(n.run.path), n.label) if n.run else ("", n.text) for n in found)
    for (path, label), count in places.items():
        if count > 1:
            where = f"{label} of {path}" if path else str(label)
            raise ConfigError(f"{where} is named {count} times", "give each side a model of its own")
    return found


def _parse_side(role: str, text: str) -> _Named:
    written = _LABEL.fullmatch(text)
    chosen, body = (written[1], written[2]) if written else (None, text)
    path, mark, label = body.partition("#")
    for place, inner in ((body, None), (path, label if mark else None)):
        if place and "\0" not in place and RunDirectory(Path(place).expanduser()).exists():
            return _Named(role, text, chosen, RunDirectory(Path(place).expanduser()), inner or None)
    return _Named(role, text, chosen, None, None)


def _by_label(named: _Named, runs: Mapping[Path, RunDirectory], known: Mapping[Path, list[str]]) -> _Named:
    """A bare label stands for the model of that label in a run that another option names."""
    if named.run is not None:
        labels = known[named.run.path]
        if named.label is not None and named.label not in labels:
            raise ConfigError(f"{named.run.path} has no model {named.label}", f"choose from {', '.join(labels)}")
        return named
    for path, labels in known.items():
        if named.text in labels:
            return replace(named, run=runs[path], label=named.text)
    return named


def _only_model(named: _Named, known: Mapping[Path, list[str]], taken: set[tuple[Path, str | None]]) -> _Named:
    if named.run is None or named.label is not None:
        return named
    labels = known[named.run.path]
    left = [label for label in labels if (named.run.path, label) not in taken]
    if len(left) != 1:
        raise ConfigError(
            f"--{named.role} {named.text} holds {len(labels)} models",
            f"say which one: {named.text}#LABEL, with LABEL one of {', '.join(labels)}",
        )
    return replace(named, label=left[0])


def plan_for(settings: CompareSettings, found: Sequence[_Named]) -> Plan | None:
    """What is to be asked of the sides that are models; None where all answers are there.

    The models are asked what the first run was asked, as it was asked; without any run, what the settings say.

    Raises:
        AuditError: a name, a probe set or an option is wrong.
    """
    asked = [n for n in found if n.run is None]
    runs = [n.run for n in found if n.run is not None]
    given = [name for name in _FIXED if getattr(settings.settings, name) != getattr(Settings(), name)]
    if runs and given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise ConfigError(
            f"{flags} cannot be chosen: {runs[0].path} says what was asked, and how",
            "leave it out, or name models only",
        )
    if not asked:
        return None
    s = settings.settings
    specs = parse_models([n.text for n in asked], default_engine=s.engine, options=s.engine_options)
    if not runs:
        probes, sets, selection = probes_for(s, specs)
        return Plan(models=specs, probes=probes, sampling=sampling_of(s), probe_sets=sets, selection=selection)
    theirs = runs[0].manifest().settings
    return Plan(
        models=specs,
        probes=tuple(runs[0].probes()),
        sampling=Sampling(**theirs["sampling"]),
        probe_sets=tuple(theirs["probe_sets"]),
        selection=theirs["selection"],
    )


def sides_of(
    settings: CompareSettings, found: Sequence[_Named], plan: Plan | None, out: Path, progress: Progress | None = None
) -> list[Side]:
    """Every side with its answers; models are asked for what is still owed.

    Raises:
        AuditError: a model cannot be asked, or a run cannot be read.
    """
    if plan is not None:
        run = RunDirectory(out / "answers")
        notes: Notes = {"sources": {s.label: s.source or s.name for s in plan.models}, "version": __version__}
        collect(run, plan, progress=progress, notes=notes)
        specs = iter(plan.models)
        found = [replace(n, run=run, label=next(specs).label) if n.run is None else n for n in found]
    steps = iter(settings.steps)
    labels = _side_labels(found)
    return [
        _build_side(n, label, next(steps, None) if n.role == "after" else None)
        for n, label in zip(found, labels, strict=True)
    ]


def _side_labels(found: Sequence[_Named]) -> list[str]:
    """The chosen labels, else those of the runs, with the run's name beside where two are the same."""
    plain = [n.chosen or str(n.label) for n in found]
    twice = {label for label, count in Counter(plain).items() if count > 1}
    told = [
        f"{label} ({n.run.path.resolve().name})" if label in twice and n.run is not None else label
        for n, label in zip(found, plain, strict=True)
    ]
    seen: Counter[str] = Counter()
    out = []
    for label in told:
        seen[label] += 1
        out.append(label if seen[label] == 1 else f"{label} {seen[label]}")
    return out


def _build_side(named: _Named, label: str, step: float | None) -> Side:
    assert named.run is not None
    assert named.label is not None
    manifest = named.run.manifest()
    model = manifest.model(named.label)
    return Side(
        label=label,
        role=named.role,
        source=named.text,
        name=model.given_name,
        engine=model.engine,
        run=named.run.path,
        step=step,
        model=replace(model, label=label),
        probes={probe.id: probe for probe in named.run.probes()},
        responses=tuple(named.run.responses(named.label)),
        sampling=None if manifest.imported else manifest.settings["sampling"],
    )


def matter_of(sides: Sequence[Side]) -> Matter:
    """The sides on common ground.

    Raises:
        ConfigError: they were sampled otherwise, or share no probe.
        DataError: a side has no usable answer to a common probe.
    """
    first = sides[0]
    lines = _sampling_lines(sides)
    compared = _common_probes([p for p in first.probes.values() if p.domain != IDENTITY_DOMAIN], sides)
    models = [s for s in sides if s.role in ("before", "after")]
    selves = _common_probes([p for p in first.probes.values() if p.domain == IDENTITY_DOMAIN], models)
    lines += _probe_lines(sides, {p.id for p in compared})
    if not compared:
        raise ConfigError(
            f"{', '.join(s.label for s in sides)} share no probe in the same words"
            + (f" ({'; '.join(lines)})" if lines else ""),
            "compare answers to the same probe sets under the same system prompt",
        )
    samples = _count_samples(sides, {p.id for p in compared})
    if len(set(samples.values())) > 1:
        told = ", ".join(f"{label} has {n}" for label, n in samples.items())
        lines.append(f"Samples per probe differ ({told}); the first {min(samples.values())} of each are compared")
    least = min(samples.values())
    wanted = {p.id for p in (*compared, *selves)}
    cut = tuple(
        replace(s, responses=tuple(r for r in s.responses if r.probe_id in wanted and r.sample < least)) for s in sides
    )
    ids = {p.id for p in compared}
    for side in cut:
        if not any(r.usable and r.probe_id in ids for r in side.responses):
            raise DataError(f"{side.label} has no usable answer to a common probe", f"collect {side.run} again")
    manifest = RunDirectory(first.run).manifest()
    return Matter(cut, tuple(compared), tuple(selves), least, tuple(lines), tuple(manifest.settings["probe_sets"]))


def _count_samples(sides: Sequence[Side], ids: set[str]) -> dict[str, int]:
    return {s.label: 1 + max((r.sample for r in s.responses if r.probe_id in ids), default=0) for s in sides}


def asked_as(probe: Probe) -> str:
    """Hash of what is put to the model: the turns and the arm; how an answer is checked is no part of it."""
    return sha256_text(canonical_json([[asdict(m) for m in probe.messages], probe.arm, probe.domain]))


def _common_probes(probes: Iterable[Probe], sides: Sequence[Side]) -> list[Probe]:
    return [
        probe
        for probe in probes
        if all(probe.id in s.probes and asked_as(s.probes[probe.id]) == asked_as(probe) for s in sides[1:])
    ]


def _probe_lines(sides: Sequence[Side], common: set[str]) -> list[str]:
    """How many probes of each run are left aside, and why; one line a run."""
    lines, told = [], set[Path]()
    first = sides[0]
    for side in sides:
        if side.run in told:
            continue
        told.add(side.run)
        mine = {p.id for p in side.probes.values() if p.domain != IDENTITY_DOMAIN}
        if left := mine - common:
            other = [i for i in left if i in first.probes and asked_as(first.probes[i]) != asked_as(side.probes[i])]
            why = f", {len(other)} of them asked in other words than in {first.run}" if other else ""
            lines.append(f"{len(left)} of {len(mine)} probes of {side.run} are left aside: not asked of all sides{why}")
    return lines


def _sampling_lines(sides: Sequence[Side]) -> list[str]:
    known = [s for s in sides if s.sampling is not None]
    for side in known[1:]:
        for name in SAME_SAMPLING:
            ours, theirs = known[0].sampling, side.sampling
            assert ours is not None
            assert theirs is not None
            if ours.get(name) != theirs.get(name):
                raise ConfigError(
                    f"{known[0].label} was asked with {name} {ours.get(name)} and {side.label} with {theirs.get(name)}",
                    "compare answers that were given under the same sampling",
                )
    lines = []
    if hidden := list(dict.fromkeys(str(s.run) for s in sides if s.sampling is None)):
        lines.append(f"How the answers of {', '.join(hidden)} were sampled is not known: they were imported")
    seeds = list(dict.fromkeys(str(s.sampling["seed"]) for s in known if s.sampling is not None))
    if len(seeds) > 1:
        lines.append(f"The answers were sampled from different seeds ({', '.join(seeds)})")
    return lines
