"""What is compared: models asked now, or answers in run directories, brought onto one set of probes.

Promise: every side is one model with its answers, under its own label; only probes that all sides were asked in the same
words are compared, and what differs is reported in a line; sides that were asked under other sampling are refused before
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
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.ground.version import __version__
from mimicry_audit.probes.stored import checked_probes
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
        name: the model's own name, which may show who made it.
        engine: that answered.
        run: where its answers are stored.
        step: the number given for a checkpoint.
        model: as its run knows it, under the label here.
        probes: what it was asked, by id.
        responses: its standing answers.
        sampling: of its run; None where its answers were imported and the sampling is unknown.
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
class CommonProbes:
    """What is compared, on common ground.

    Attributes:
        sides: before, checkpoints in order, reference, controls.
        compared: the common probes but for identity.
        selves: identity probes that before and all checkpoints were asked.
        samples: answers per probe that all sides have.
        differences: what was left out and what differs, a line each.
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
        raise ConfigError("--after is missing", "name the model after the training with --after")
    if settings.steps and len(settings.steps) != len(settings.after):
        raise ConfigError(
            f"--steps gives {len(settings.steps)} numbers for {len(settings.after)} checkpoints",
            "give one for each --after",
        )
    if list(settings.steps) != sorted(set(settings.steps)):
        raise ConfigError("--steps do not increase", "name the checkpoints in the order of the training")


def locate(settings: CompareSettings) -> list[_Named]:
    """Where each side's answers are, or that it must be asked.

    Raises:
        ConfigError: a run has several models and none is named, has no such model, or one model is given twice.
        RunDirectoryError: a run's manifest cannot be read.
    """
    sides = [_parse_side(role, text) for role, text in settings.texts()]
    runs = {n.run.path: n.run for n in sides if n.run is not None}
    labels_by_run = {path: run.manifest().labels for path, run in runs.items()}
    sides = [_by_label(n, runs, labels_by_run) for n in sides]
    used_models: set[tuple[Path, str | None]] = {
        (n.run.path, n.label) for n in sides if n.run is not None and n.label is not None
    }
    sides = [_only_model(n, labels_by_run, used_models) for n in sides]
    places = Counter((str(n.run.path), n.label) if n.run else ("", n.text) for n in sides)
    for (path, label), count in places.items():
        if count > 1:
            where = f"{label} of {path}" if path else str(label)
            raise ConfigError(f"{where} is named {count} times", "name a different model for each side")
    return sides


def _parse_side(role: str, text: str) -> _Named:
    written = _LABEL.fullmatch(text)
    own_label, body = (written[1], written[2]) if written else (None, text)
    path, mark, label = body.partition("#")
    for place, inner in ((body, None), (path, label if mark else None)):
        if place and "\0" not in place and is_there(find_place(place)) and RunDirectory(find_place(place)).exists():
            return _Named(role, text, own_label, RunDirectory(find_place(place)), inner or None)
    return _Named(role, text, own_label, None, None)


def _by_label(side: _Named, runs: Mapping[Path, RunDirectory], labels_by_run: Mapping[Path, list[str]]) -> _Named:
    """A bare label stands for the model of that label in a run that another option names."""
    if side.run is not None:
        labels = labels_by_run[side.run.path]
        if side.label is not None and side.label not in labels:
            raise ConfigError(f"{side.run.path} has no model {side.label}", f"choose from {', '.join(labels)}")
        return side
    for path, labels in labels_by_run.items():
        if side.text in labels:
            return replace(side, run=runs[path], label=side.text)
    return side


def _only_model(
    side: _Named, labels_by_run: Mapping[Path, list[str]], used_models: set[tuple[Path, str | None]]
) -> _Named:
    if side.run is None or side.label is not None:
        return side
    labels = labels_by_run[side.run.path]
    free_labels = [label for label in labels if (side.run.path, label) not in used_models]
    if len(free_labels) != 1:
        raise ConfigError(
            f"--{side.role} {side.text} holds {len(labels)} models",
            f"say which one: {side.text}#LABEL, with LABEL one of {', '.join(labels)}",
        )
    return replace(side, label=free_labels[0])


def plan_for(settings: CompareSettings, sides: Sequence[_Named]) -> Plan | None:
    """What is to be asked of the sides that are models; None where all answers are there.

    The models are asked what the first run was asked, as it was asked; without any run, what the settings say.

    Raises:
        AuditError: a name, a probe set or an option is wrong.
    """
    model_sides = [n for n in sides if n.run is None]
    runs = [n.run for n in sides if n.run is not None]
    changed_names = [name for name in _FIXED if getattr(settings.settings, name) != getattr(Settings(), name)]
    if runs and changed_names:
        flags = ", ".join("--" + name.replace("_", "-") for name in changed_names)
        raise ConfigError(
            f"{flags} cannot be given: {runs[0].path} decides what was asked, and how",
            "leave it out, or name models only",
        )
    if not model_sides:
        return None
    s = settings.settings
    specs = parse_models([n.text for n in model_sides], default_engine=s.engine, options=s.engine_options)
    if not runs:
        probes, sets, selection = probes_for(s, specs)
        return Plan(models=specs, probes=probes, sampling=sampling_of(s), probe_sets=sets, selection=selection)
    run_settings = runs[0].manifest().settings
    return Plan(
        models=specs,
        probes=tuple(checked_probes(runs[0])),
        sampling=Sampling(**run_settings["sampling"]),
        probe_sets=tuple(run_settings["probe_sets"]),
        selection=run_settings["selection"],
    )


def sides_of(
    settings: CompareSettings, sides: Sequence[_Named], plan: Plan | None, out: Path, progress: Progress | None = None
) -> list[Side]:
    """Every side with its answers; models are asked for what is still missing.

    Raises:
        AuditError: a model cannot be asked, or a run cannot be read.
    """
    if plan is not None:
        run = RunDirectory(out / "answers")
        if not run.exists():  # before hours of asking, not after
            _refuse_other_types(_types_before_asking(sides, plan))
        notes: Notes = {"sources": {s.label: s.source or s.name for s in plan.models}, "version": __version__}
        collect(run, plan, progress=progress, notes=notes)
        specs = iter(plan.models)
        sides = [replace(n, run=run, label=next(specs).label) if n.run is None else n for n in sides]
    steps = iter(settings.steps)
    labels = _side_labels(sides)
    return [
        _build_side(n, label, next(steps, None) if n.role == "after" else None)
        for n, label in zip(sides, labels, strict=True)
    ]


def _side_labels(sides: Sequence[_Named]) -> list[str]:
    """The chosen labels, else those of the runs, with the run's name beside where two are the same."""
    plain = [n.chosen or str(n.label) for n in sides]
    twice = {label for label, count in Counter(plain).items() if count > 1}
    full_labels = [
        f"{label} ({n.run.path.resolve().name})" if label in twice and n.run is not None else label
        for n, label in zip(sides, plain, strict=True)
    ]
    label_counts: Counter[str] = Counter()
    out = []
    for label in full_labels:
        label_counts[label] += 1
        out.append(label if label_counts[label] == 1 else f"{label} {label_counts[label]}")
    return out


def _build_side(side: _Named, label: str, step: float | None) -> Side:
    assert side.run is not None
    assert side.label is not None
    manifest = side.run.manifest()
    model = manifest.model(side.label)
    return Side(
        label=label,
        role=side.role,
        source=side.text,
        name=model.given_name,
        engine=model.engine,
        run=side.run.path,
        step=step,
        model=replace(model, label=label),
        probes={probe.id: probe for probe in checked_probes(side.run)},
        responses=tuple(side.run.responses(side.label)),
        sampling=None if manifest.imported else manifest.settings["sampling"],
    )


def find_common_probes(sides: Sequence[Side]) -> CommonProbes:
    """The sides on common ground.

    Raises:
        ConfigError: they were sampled otherwise, or share no probe.
        DataError: a side has no usable answer to a common probe.
    """
    first = sides[0]
    lines = _sampling_lines(sides)
    _refuse_other_types([(side.role, side.label, side.model.numeric_type) for side in sides])
    compared = _common_probes([p for p in first.probes.values() if p.domain != IDENTITY_DOMAIN], sides)
    models = [s for s in sides if s.role in ("before", "after")]
    selves = _common_probes([p for p in first.probes.values() if p.domain == IDENTITY_DOMAIN], models)
    lines += _probe_lines(sides, {p.id for p in compared})
    if not compared:
        raise ConfigError(
            f"{', '.join(s.label for s in sides)} have no probe in common with the same wording"
            + (f" ({'; '.join(lines)})" if lines else ""),
            "compare answers to the same probe sets under the same system prompt",
        )
    samples = _count_samples(sides, {p.id for p in compared})
    if len(set(samples.values())) > 1:
        counts_text = ", ".join(f"{label} has {n}" for label, n in samples.items())
        lines.append(
            f"Samples per probe differ ({counts_text}); the first {min(samples.values())} of each are compared"
        )
    least = min(samples.values())
    probe_ids = {p.id for p in (*compared, *selves)}
    cut = tuple(
        replace(s, responses=tuple(r for r in s.responses if r.probe_id in probe_ids and r.sample < least))
        for s in sides
    )
    ids = {p.id for p in compared}
    for side in cut:
        if not any(r.usable and r.probe_id in ids for r in side.responses):
            raise DataError(f"{side.label} has no usable answer to a common probe", f"collect {side.run} again")
    manifest = RunDirectory(first.run).manifest()
    return CommonProbes(
        cut, tuple(compared), tuple(selves), least, tuple(lines), tuple(manifest.settings["probe_sets"])
    )


def _count_samples(sides: Sequence[Side], ids: set[str]) -> dict[str, int]:
    return {s.label: 1 + max((r.sample for r in s.responses if r.probe_id in ids), default=0) for s in sides}


def asked_as(probe: Probe) -> str:
    """Hash of what is put to the model: the turns and the arm; how an answer is checked is not part of it."""
    return sha256_text(canonical_json([[asdict(m) for m in probe.messages], probe.arm, probe.domain]))


def _common_probes(probes: Iterable[Probe], sides: Sequence[Side]) -> list[Probe]:
    return [
        probe
        for probe in probes
        if all(probe.id in s.probes and asked_as(s.probes[probe.id]) == asked_as(probe) for s in sides[1:])
    ]


def _probe_lines(sides: Sequence[Side], common: set[str]) -> list[str]:
    """How many probes of each run are left out, and why; one line a run."""
    lines, reported_runs = [], set[Path]()
    first = sides[0]
    for side in sides:
        if side.run in reported_runs:
            continue
        reported_runs.add(side.run)
        side_ids = {p.id for p in side.probes.values() if p.domain != IDENTITY_DOMAIN}
        if uncommon_ids := side_ids - common:
            other = [
                i for i in uncommon_ids if i in first.probes and asked_as(first.probes[i]) != asked_as(side.probes[i])
            ]
            why = f", {len(other)} of them worded differently from those of {first.run}" if other else ""
            lines.append(
                f"{len(uncommon_ids)} of {len(side_ids)} probes of {side.run} are left out: not asked of all sides{why}"
            )
    return lines


def _types_before_asking(sides: Sequence[_Named], plan: Plan) -> list[tuple[str, str, str | None]]:
    """Role, name and numeric type of before and every checkpoint; models are found, not loaded."""
    specs, types = iter(plan.models), []
    for side in sides:
        if side.run is not None:
            model = side.run.manifest().model(str(side.label))
        else:
            spec = next(specs)
            model = ModelInRun(spec.label, {"engine": spec.engine, "name": spec.name})
            if spec.engine in ("hf", "vllm") and side.role in ("before", "after"):
                found = engine_for(spec).identify()
                model = replace(model, known={"identity": {"dtype": found.dtype}})
        types.append((side.role, side.chosen or model.label, model.numeric_type))
    return types


def _refuse_other_types(types: Sequence[tuple[str, str, str | None]]) -> None:
    """Greedy answers change with the numeric type alone, which must not be taken for an effect of the training.

    Args:
        types: role, name and numeric type of every side, before first.

    Raises:
        ConfigError: before and a checkpoint ran in other numeric types.
    """
    _, before, first = types[0]
    for role, name, own in types:
        if role == "after" and first is not None and own is not None and own != first:
            raise ConfigError(
                f"{before} answers in {first} and {name} in {own}, which changes answers by itself",
                "run both in one numeric type, such as -E dtype=float32",
            )


def _sampling_lines(sides: Sequence[Side]) -> list[str]:
    sampled_sides = [s for s in sides if s.sampling is not None]
    for side in sampled_sides[1:]:
        for name in SAME_SAMPLING:
            first_sampling, side_sampling = sampled_sides[0].sampling, side.sampling
            assert first_sampling is not None
            assert side_sampling is not None
            if first_sampling.get(name) != side_sampling.get(name):
                raise ConfigError(
                    f"{sampled_sides[0].label} was asked with {name} {first_sampling.get(name)} and "
                    f"{side.label} with {side_sampling.get(name)}",
                    "compare answers that were sampled with the same settings",
                )
    lines = []
    if hidden := list(dict.fromkeys(str(s.run) for s in sides if s.sampling is None)):
        lines.append(f"How the answers of {', '.join(hidden)} were sampled is not known: they were imported")
    seeds = list(dict.fromkeys(str(s.sampling["seed"]) for s in sampled_sides if s.sampling is not None))
    if len(seeds) > 1:
        lines.append(f"The answers were sampled from different seeds ({', '.join(seeds)})")
    return lines
