"""Parts of a run, collected apart, become one run: shards of the probes, models on other machines, or both.

Promise: nothing is joined that was not asked alike: parts must agree on sampling, on every model and every probe that they
share, and on what such a model turned out to be. No answer is changed or lost, none is asked again; where two parts answer one
question differently, or a shard is missing, that is an error that names them. Merging again rebuilds the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.records.asked import Probe, Response, canonical_json, sha256_text, timestamp
from mimicry_audit.records.likelihood import Likelihood, likelihood_lines, likelihood_path
from mimicry_audit.records.manifest import LikelihoodEntry, Manifest
from mimicry_audit.records.run import Journal, RunDirectory
from mimicry_audit.workflow.shards import Shard

MERGED = "merged_from"
"""Field of the manifest that names the parts."""
_Line = TypeVar("_Line", Response, Likelihood)


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the parts.

    Attributes:
        directory: the run.
        missing: (part, model) → how many answers that part still lacks.
    """

    directory: RunDirectory
    missing: Mapping[tuple[str, str], int]


def merge_runs(paths: Sequence[Path], out: Path) -> Merged:
    """Join parts of a run.

    Args:
        paths: run directories, or one folder of shards.
        out: the run to make, or one that was merged before.

    Raises:
        DataError: the parts do not fit together, or one of them is missing.
        RunDirectoryError: a part cannot be read, or `out` cannot be written.
        ConfigError: `out` holds a run that was not merged.
    """
    parts = _parts(paths)
    manifests = {part.path.name: part.manifest() for part in parts}
    target = RunDirectory(out)
    if target.exists() and MERGED not in target.manifest().other:
        raise ConfigError(f"{out} holds a run that was not merged", "choose another --out")
    _demand_same_sampling(manifests)
    probes = _join_probes(parts, manifests)
    manifest = _join_manifests(manifests, probes)
    answers = {
        label: _join(
            {part.path.name: part.responses(label) for part in parts if label in manifests[part.path.name].labels},
            lambda r: (r.probe_id, r.sample),
            lambda r: (r.status, r.text, r.reasoning),
            label,
        )
        for label in dict.fromkeys(label for m in manifests.values() for label in m.labels)
    }
    scored = {
        label: _join(
            {part.path.name: likelihood_lines(likelihood_path(part, label)) for part in parts},
            lambda r: (r.author, r.probe_id),
            lambda r: (r.text_sha, r.logprobs),
            label,
        )
        for label in answers
    }
    with target.locked():
        target.write_probes(probes)
        for label, own in answers.items():
            _rewrite(target.journal_path(label), own)
        for label, texts in scored.items():
            if texts:
                _rewrite(likelihood_path(target, label), texts)
        target.write_manifest(manifest)
    return Merged(target, _missing(parts, manifests))


def _parts(paths: Sequence[Path]) -> list[RunDirectory]:
    """The runs that paths name; a folder that is no run stands for the runs in it."""
    found: list[RunDirectory] = []
    for path in paths:
        run = RunDirectory(path)
        inner = [RunDirectory(folder) for folder in sorted(path.glob("*")) if RunDirectory(folder).exists()]
        found += [run] if run.exists() or not inner else inner
    names = [run.path.name for run in found]
    if len(found) < 2:
        raise DataError(f"only {', '.join(names) or 'nothing'} was given to merge", "name two runs or more")
    if len(set(names)) < len(names):
        raise DataError("two parts have folders of one name", "rename one of them")
    return found


def _demand_same_sampling(manifests: Mapping[str, Manifest]) -> None:
    (first, model), *others = manifests.items()
    for name, manifest in others:
        for field in ("sampling", "panels"):
            if manifest.settings.get(field) != model.settings.get(field):
                raise DataError(
                    f"{first} and {name} were collected with other {field}", "collect them with the same settings"
                )


def _shard_of(manifest: Manifest) -> Shard | None:
    text = manifest.settings["selection"].get("shard")
    return Shard.from_text(text, {}) if text else None


def _join_probes(parts: Sequence[RunDirectory], manifests: Mapping[str, Manifest]) -> list[Probe]:
    """Every probe once, in the order of the whole run.

    Raises:
        DataError: one id stands for two probes, or shards are of several wholes or not all there.
    """
    shards = {name: _shard_of(manifest) for name, manifest in manifests.items()}
    _demand_all_shards(shards.values())
    placed: dict[str, tuple[tuple[int, int], Probe]] = {}
    for at, part in enumerate(parts):
        shard = shards[part.path.name]
        for number, probe in enumerate(part.probes()):
            place = (number * shard.of + shard.number, 0) if shard else (number, at)
            earlier = placed.setdefault(probe.id, (place, probe))
            if earlier[1] != probe:
                raise DataError(
                    f"the probe {probe.id} is another one in {part.path.name}", "merge runs of the same probe sets"
                )
    return [probe for _, probe in sorted(placed.values(), key=lambda entry: entry[0])]


def _demand_all_shards(shards: Iterable[Shard | None]) -> None:
    known = list(shards)
    present = {shard for shard in known if shard}
    if not present:
        return
    wholes = {shard.of for shard in present}
    if len(wholes) > 1 or None in known:
        raise DataError("the parts are not shards of one whole", "merge the shards of one run alone")
    (of,) = wholes
    lost = [str(Shard(number, of)) for number in range(1, of + 1) if Shard(number, of) not in present]
    if lost:
        raise DataError(
            f"{'shard' if len(lost) == 1 else 'shards'} {', '.join(lost)} {'is' if len(lost) == 1 else 'are'} missing",
            f"collect it with the same command and --shard {lost[0]}, then merge again",
        )


def _join(
    by_part: Mapping[str, Sequence[_Line]],
    slot: Callable[[_Line], tuple[object, ...]],
    content: Callable[[_Line], tuple[object, ...]],
    label: str,
) -> list[_Line]:
    """One model's lines of all parts; a failure gives way to an answer.

    Raises:
        DataError: two parts hold different content for one slot.
    """
    joined: dict[tuple[object, ...], tuple[str, _Line]] = {}
    for part, own in by_part.items():
        for line in own:
            earlier = joined.get(slot(line))
            if earlier is None or (earlier[1].status == "error" and line.status != "error"):
                joined[slot(line)] = (part, line)
            elif line.status != "error" and content(earlier[1]) != content(line):
                where = ", ".join(map(str, slot(line)))
                raise DataError(
                    f"{label} answered differently in {earlier[0]} and {part} ({where})",
                    "merge parts that do not overlap",
                )
    return [line for _, line in joined.values()]


def _join_manifests(manifests: Mapping[str, Manifest], probes: Sequence[Probe]) -> Manifest:
    """The manifest of the whole."""
    first = next(iter(manifests.values()))
    settings: Any = {**first.settings, "models": {}}
    joined = replace(
        first, settings=settings, resolved={}, sources={}, judges=None, search=None, created=timestamp("seconds")
    )
    seen: dict[tuple[str, str], str] = {}
    for name, manifest in manifests.items():
        for label, spec in manifest.settings["models"].items():
            _same_or_refuse(settings["models"], label, dict(spec), (name, seen.setdefault((label, "settings"), name)))
        for label, known in manifest.resolved.items():
            _same_or_refuse(joined.resolved, label, known, (name, seen.setdefault((label, "resolved"), name)))
        if manifest.students:
            joined.students = {**manifest.students, **(joined.students or {})}
        joined.sources = {**(manifest.sources or {}), **(joined.sources or {})}
        if manifest.likelihood is not None:
            joined.likelihood = _join_scorers(joined.likelihood, manifest.likelihood)
    selection = {key: value for key, value in first.settings["selection"].items() if key != "shard"}
    settings |= {"selection": selection, "probes_sha": sha256_text(canonical_json([asdict(p) for p in probes]))}
    joined.other = {**first.other, MERGED: list(manifests)}
    return joined


def _same_or_refuse(known: dict[str, Any], label: str, entry: Any, parts: tuple[str, str]) -> None:
    if _pinned(known.setdefault(label, entry)) != _pinned(entry):
        raise DataError(
            f"{label} is another model, or was asked otherwise, in {parts[1]} and {parts[0]}",
            "give one of them a label of its own",
        )


def _pinned(entry: Any) -> Any:
    """What must agree of a model: of recorded answers not the hash of their file, for the answers themselves are compared."""
    identity = entry.get("identity") or {}
    if str(identity.get("engine_version") or "").startswith("recorded"):
        return {**entry, "identity": {key: value for key, value in identity.items() if key != "revision"}}
    return entry


def _join_scorers(first: LikelihoodEntry | None, second: LikelihoodEntry) -> LikelihoodEntry:
    if first is None:
        return second
    if first["top_k"] != second["top_k"]:
        raise DataError("the parts keep different numbers of tokens of a likelihood", "use one --likelihood-top-k")
    references = list(dict.fromkeys([*first["references"], *second["references"]]))
    controls = [c for c in dict.fromkeys([*first["controls"], *second["controls"]]) if c not in references]
    return {**first, "references": references, "controls": controls, "models": {**second["models"], **first["models"]}}


def _missing(parts: Sequence[RunDirectory], manifests: Mapping[str, Manifest]) -> dict[tuple[str, str], int]:
    """How many answers each part lacks of each of its models, where it lacks some."""
    missing = {}
    for part in parts:
        manifest = manifests[part.path.name]
        wanted = len(part.probes()) * int(manifest.settings["sampling"]["samples"])
        for label in manifest.labels:
            if lacks := wanted - sum(r.status != "error" for r in part.responses(label)):
                missing[part.path.name, label] = lacks
    return missing


def _rewrite(path: Path, lines: Sequence[Response] | Sequence[Likelihood]) -> None:
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for line in lines:
            journal.append(line)
