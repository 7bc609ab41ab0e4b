"""Scores a run directory: from journals to ``scores.json``.

Promise: scoring asks no model anything; the same journals, settings and version give the same numbers; and when nothing has
changed since the last scoring, nothing is computed again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimicry_audit.errors import DataError, RunDirectoryError
from mimicry_audit.evidence import Material, Roles, gather
from mimicry_audit.likelihoods import likelihood_sha
from mimicry_audit.pairwise import PairTables
from mimicry_audit.records import Probe, Response, canonical_json, sha256_text
from mimicry_audit.rivals import settle
from mimicry_audit.runs import RunDirectory, write_json
from mimicry_audit.scoring.judgements import journals_sha, judge_section, judge_warnings, judged_by
from mimicry_audit.scoring.likelihood import load as load_likelihoods
from mimicry_audit.scoring.models import model_entry
from mimicry_audit.scoring.notes import LIMITS, signature, title, versions, warnings
from mimicry_audit.scoring.nulls import EMPTY, null_entries
from mimicry_audit.scoring.pairs import (
    LARGE,
    axis_entry,
    centred_on_panel,
    detailed,
    leading,
    nearness,
    pair_entries,
    trimmed,
)
from mimicry_audit.scoring.truth import agrees, with_truth
from mimicry_audit.similarity import AXES, axis_class, measure
from mimicry_audit.statistics import DRAWS, FloatArray, IntArray, bootstrap_weights
from mimicry_audit.verdicts import Verdict, judge

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, OwnIdentity

SCORES_SCHEMA = "mimicry_audit.scores/1"
_SCORES_FIELDS = (
    *("title", "created", "signature", "settings", "versions", "probe_sets", "domains", "models", "axes", "pairs"),
    *("verdicts", "identity", "limits", "warnings"),
)
IDENTITY_DOMAIN = "identity"


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
        errors = [r.error for mine in responses.values() for r in mine if r.error]
        why = f" (first failure: {errors[0]})" if errors else ""
        raise DataError(f"{run.path} holds no usable answers{why}", "mend the cause and collect again")
    scores = _scores(run, manifest, labels, probes, responses, options, progress)
    scores["fingerprint"] = fingerprint
    write_json(run.scores_path, scores, compact=len(labels) > LARGE)
    return scores


def _fingerprint(run: RunDirectory, labels: Sequence[str], options: ScoringOptions) -> str:
    """Hash of everything the scores follow from: answers, what was asked of whom, settings, and this code."""
    journals = [sha for label in labels for sha in (run.journal_sha(label), likelihood_sha(run, label))]
    manifest = run.manifest()
    known = [manifest.get(part) for part in ("settings", "resolved", "sources", "judges", "likelihood")]
    known.append(journals_sha(run, manifest))
    probes = sha256_text(canonical_json([asdict(p) for p in run.probes()]))
    return sha256_text(canonical_json([_source_sha(), journals, _plain(asdict(options)), known, probes]))


def _source_sha() -> str:
    """Hash of this package's own code: scores made by other code are never taken for current."""
    root = Path(__file__).resolve().parent.parent
    return sha256_text("\0".join(p.read_text("utf-8") for p in sorted(root.rglob("*.py"))))


def _standing(run: RunDirectory, fingerprint: str) -> dict[str, Any] | None:
    try:
        loaded = json.loads(run.scores_path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) and loaded.get("fingerprint") == fingerprint else None


def _scores(
    run: RunDirectory,
    manifest: Mapping[str, Any],
    labels: Sequence[str],
    probes: Sequence[Probe],
    responses: Mapping[str, Sequence[Response]],
    options: ScoringOptions,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    from mimicry_audit.identity.asked import own_identity_of, templated_scores
    from mimicry_audit.identity.facts import load_facts
    from mimicry_audit.identity.scores import identity_scores

    judges = judged_by(run, manifest)
    facts = load_facts()
    sources = {label: manifest["settings"]["models"][label]["name"] for label in labels}
    own = {label: own_in_run(label, sources[label], manifest, facts) for label in labels}
    compared = [p for p in probes if p.domain != IDENTITY_DOMAIN]
    progress("Identity")
    selves = [p for p in probes if p.domain == IDENTITY_DOMAIN]
    identity = identity_scores(selves, responses, own, facts)
    roles = options.roles
    templated_scores(
        identity,
        selves,
        responses,
        {n: own_identity_of(str(manifest.get("sources", {}).get(n) or sources[n]), own[n], facts) for n in labels},
        facts,
        controls=(*roles.controls, *roles.panel),
        set_aside=(*roles.references, *roles.bases.values()),
        draws=options.draws,
        seed=options.seed,
    )
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
        claims=_claims(identity, labels, own),
    )
    progress("Intervals and tests")
    likely = load_likelihoods(run, manifest, labels, compared, codes, responses)
    weights = bootstrap_weights(codes, options.draws, options.seed) if compared else None
    centred_on = centred_on_panel(labels, options.roles)
    tables = PairTables(labels, measured, codes, weights, panel=centred_on) if weights is not None else None
    found = (
        gather(
            material,
            options.roles,
            draws=options.draws,
            seed=options.seed,
            min_coverage=options.min_coverage,
            tables=None if centred_on else tables,
            **({"extend": likely.extension(options.draws, options.seed)} if likely else {}),
        )
        if compared
        else []
    )  # fmt: skip
    judged = [judge(with_truth(f, manifest["resolved"])) for f in found]
    verdicts = sorted(settle(judged, material, draws=options.draws, seed=options.seed), key=_strength)
    told = [_verdict(v) for v in verdicts]
    whole = detailed(told, tables)
    near = options.roles.references[0] if options.roles.references else leading(told, whole, tables) or labels[0]
    wanted = {frozenset((v["candidate"], v["reference"])) for v, kept in zip(told, whole, strict=True) if kept}
    shown = [v.facts for v, kept in zip(verdicts, whole, strict=True) if kept]
    beside = null_entries(shown, material, manifest, weights)
    return {
        "schema": SCORES_SCHEMA,
        "title": title(labels, options.roles),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "signature": signature(manifest, compared, options),
        "settings": {
            "sampling": manifest["settings"]["sampling"],
            "selection": manifest["settings"]["selection"],
            "scoring": _plain(asdict(options)),
        },
        "versions": versions(manifest),
        "probe_sets": manifest["settings"]["probe_sets"],
        "domains": domains,
        "models": [
            model_entry(label, manifest, options.roles, probes, responses[label], codes, compared, weights)
            for label in labels
        ],
        "axes": [axis_entry(m) for m in measured],
        "pairs": pair_entries(tables, domains, wanted),
        "centred_on": centred_on or list(labels),
        "nearness_to": near,
        "nearness": nearness(labels, near, measured, compared),
        "verdicts": [
            {**trimmed(v, kept), **beside.get((v["candidate"], v["reference"]), EMPTY)}
            for v, kept in zip(told, whole, strict=True)
        ],
        "identity": identity,
        "judge": judge_section(judges, compared, labels, measured, draws=options.draws, seed=options.seed),
        **({"likelihood": likely.section(verdicts, weights)} if likely else {}),
        "limits": list(LIMITS),
        "warnings": warnings(manifest, labels, measured, verdicts)
        + judge_warnings(judges, manifest, own, lambda label, name, known: own_in_run(label, name, known, facts)),
    }


def own_in_run(label: str, name: str, manifest: Mapping[str, Any], facts: Facts) -> OwnIdentity:
    """Who a model is: by the name the user gave for it, else by the checkpoint's lineage manifest."""
    from mimicry_audit.identity.facts import OwnIdentity, own_identity

    found = own_identity(str(manifest.get("sources", {}).get(label) or name), facts)
    if found.maker is None:
        given = (manifest["resolved"].get(label, {}).get("lineage") or {}).get("identity") or {}
        maker = facts.maker(str(given.get("maker") or ""))
        if maker is not None:
            model = next((m for m in maker.models if given.get("name") in m.names), None)
            return OwnIdentity(maker, model)
    return found


def _claims(
    identity: Mapping[str, Any], labels: Sequence[str], own: Mapping[str, OwnIdentity]
) -> dict[tuple[str, str], tuple[int, int] | None]:
    """(candidate, reference) → identity claims. Only the reference's maker matters, so each is counted once."""
    from mimicry_audit.identity.scores import claims_of

    attempts: dict[str, list[Any]] = {label: [] for label in labels}
    for attempt in identity["attempts"]:
        attempts[attempt["model"]].append(attempt)
    counted: dict[tuple[str, str | None], tuple[int, int] | None] = {}
    found = {}
    for candidate in labels:
        mine = {**identity, "attempts": attempts[candidate]}
        for reference in labels:
            if candidate != reference:
                maker = own[reference].maker
                key = candidate, maker.name if maker else None
                if key not in counted:
                    counted[key] = claims_of(mine, candidate, own[reference])
                found[candidate, reference] = counted[key]
    return found


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


_ORDER = ("same model", "distilled", "shared base", "inconclusive", "convergent", "no evidence")


def _strength(verdict: Verdict) -> tuple[int, str, str]:
    return _ORDER.index(verdict.verdict), verdict.facts.reference, verdict.facts.candidate


def _verdict(verdict: Verdict) -> dict[str, Any]:
    found = verdict.as_dict()
    if found["truth"]:
        found["truth"]["agrees"] = agrees(verdict.verdict, found["truth"].pop("right"))
    return found


def _plain(value: Any) -> Any:
    """Tuples as lists, so that what is compared equals what was stored."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def read_scores(run: RunDirectory) -> dict[str, Any]:
    """The scores of a run.

    Raises:
        RunDirectoryError: it was never scored, or ``scores.json`` is of another version or cannot be read.
    """
    run.manifest()
    if not run.scores_path.exists():
        raise RunDirectoryError(f"{run.path} has not been scored", f"score it first: audit score {run.path}")
    try:
        loaded = json.loads(run.scores_path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunDirectoryError(
            f"{run.scores_path} cannot be read: {error}", f"score again: audit score {run.path}"
        ) from error
    if not isinstance(loaded, dict) or loaded.get("schema") != SCORES_SCHEMA:
        raise RunDirectoryError(f"{run.scores_path} is of another version", f"score again: audit score {run.path}")
    if lacks := [name for name in _SCORES_FIELDS if name not in loaded]:
        raise RunDirectoryError(
            f"{run.scores_path} is damaged: it lacks {', '.join(lacks)}", f"score again: audit score {run.path}"
        )
    return loaded
