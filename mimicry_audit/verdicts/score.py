"""Scores a run directory: from journals to ``scores.json``.

Promise: scoring asks no model anything; the same journals, settings and version give the same numbers; and when nothing has
changed since the last scoring, nothing is computed again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from mimicry_audit.ground.errors import DataError, RunDirectoryError
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.probes.stored import checked_probes
from mimicry_audit.records.asked import Probe, Response, canonical_json, sha256_text
from mimicry_audit.records.likelihood import likelihood_sha
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory, write_json
from mimicry_audit.records.scores import (
    REQUIRED_SCORES,
    SCORES_SCHEMA,
    Scores,
    ScoringRecord,
    VerdictRecord,
    find_damage,
)
from mimicry_audit.records.verdict_words import rank_of
from mimicry_audit.similarity.measure import AXES, axis_class
from mimicry_audit.verdicts.gather import gather_facts
from mimicry_audit.verdicts.material import Material
from mimicry_audit.verdicts.measure import Measurements, measure_run, own_in_run
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.verdicts.pairwise import PairTables
from mimicry_audit.verdicts.recognition import KnownStudents, Recognition
from mimicry_audit.verdicts.rivals import settle_rivals
from mimicry_audit.verdicts.rules import Verdict, decide
from mimicry_audit.verdicts.sections import where
from mimicry_audit.verdicts.sections.agreement import agreement_entries
from mimicry_audit.verdicts.sections.answer_notes import answer_warnings
from mimicry_audit.verdicts.sections.combined import Calibrated, calibrate
from mimicry_audit.verdicts.sections.grades import journals_sha, judge_section, judge_warnings, judged_by
from mimicry_audit.verdicts.sections.likelihood import Likelihoods
from mimicry_audit.verdicts.sections.likelihood import load as load_likelihoods
from mimicry_audit.verdicts.sections.models import model_entry, student_entry
from mimicry_audit.verdicts.sections.movement import movement_entries
from mimicry_audit.verdicts.sections.notes import LIMITS, title, versions, warnings
from mimicry_audit.verdicts.sections.pairs import (
    LARGE,
    axis_entry,
    centred_on_panel,
    detailed,
    leading,
    nearness,
    pair_entries,
    trimmed,
)
from mimicry_audit.verdicts.sections.panel import EMPTY, null_entries
from mimicry_audit.verdicts.sections.signature import signature
from mimicry_audit.verdicts.truth import with_truth

__all__ = ["SCORES_SCHEMA", "ScoringOptions", "read_scores", "score"]


def score(
    run: RunDirectory,
    options: ScoringOptions | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Scores:
    """Score a run and write ``scores.json``.

    Args:
        run: a collected run directory.
        options: roles and statistics.
        progress: called with what is being computed.

    Returns:
        The scores as written (schema ``mimicry_audit.scores/1``, see ``docs/formats.md``).

    Raises:
        ConfigError: a role names a model that is not in the run, or an axis does not exist.
        RunDirectoryError: the run does not exist, or the scores cannot be written.
        DataError: a journal is corrupt, or there is nothing to score.
    """
    options = options or ScoringOptions()
    manifest = run.manifest()
    students = {**(manifest.students or {}), **options.roles.students}
    options = replace(options, roles=replace(options.roles, students=students))
    options.roles.check(manifest.labels)
    labels = [label for label in manifest.labels if label not in students]
    for axis in options.axes:
        axis_class(axis)
    fingerprint = _scores_fingerprint(run, manifest.labels, options)
    if run.scores_path.exists() and (unchanged := _unchanged_scores(run, fingerprint)):
        return unchanged
    probes = checked_probes(run)
    responses = {label: run.responses(label) for label in labels}
    if not any(r.usable for model_responses in responses.values() for r in model_responses):
        failures = [r for model_responses in responses.values() for r in model_responses if r.status == "error"]
        if failures and all(r.absent for r in failures):
            raise DataError(
                f"{run.path} holds no usable answers: the files of recorded answers hold other prompts than were asked",
                "name theirs with --probes, or compare them as they are: audit score --responses FILE --out DIR",
            )
        errors = [r.error for r in failures if r.error]
        why = f" (first failure: {errors[0]})" if errors else ""
        raise DataError(f"{run.path} holds no usable answers{why}", "fix the cause and collect again")
    scores = _compute_scores(run, manifest, probes, responses, options, progress)
    scores["fingerprint"] = fingerprint
    write_json(run.scores_path, scores, compact=len(labels) > LARGE)
    return scores


def _scores_fingerprint(run: RunDirectory, labels: Sequence[str], options: ScoringOptions) -> str:
    """Hash of everything the scores follow from: answers, what each model was asked, settings, and this code."""
    journals = [sha for label in labels for sha in (run.journal_sha(label), likelihood_sha(run, label))]
    manifest = run.manifest()
    stored = manifest.as_json()
    manifest_parts = [
        stored.get(part) for part in ("settings", "resolved", "sources", "judges", "likelihood", "students")
    ]
    manifest_parts.append(journals_sha(run, manifest))
    probes = sha256_text(canonical_json([asdict(p) for p in run.probes()]))
    return sha256_text(
        canonical_json([_source_sha(), AXES.sources(), journals, _plain_value(asdict(options)), manifest_parts, probes])
    )


def _source_sha() -> str:
    """Hash of this package's own code: scores made by other code are never taken for current."""
    root = Path(__file__).resolve().parent.parent
    return sha256_text("\0".join(p.read_text("utf-8") for p in sorted(root.rglob("*.py"))))


def _unchanged_scores(run: RunDirectory, fingerprint: str) -> Scores | None:
    try:
        loaded = parse_json(run.scores_path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return cast("Scores", loaded) if isinstance(loaded, dict) and loaded.get("fingerprint") == fingerprint else None


def _compute_scores(
    run: RunDirectory,
    manifest: Manifest,
    probes: Sequence[Probe],
    responses: Mapping[str, Sequence[Response]],
    options: ScoringOptions,
    progress: Callable[[str], None],
) -> Scores:
    labels, roles = list(responses), options.roles
    models = {label: manifest.models[label] for label in labels}
    measurement = measure_run(models, probes, responses, options, progress, imported=manifest.imported)
    material, weights = measurement.material, measurement.weights
    progress("Intervals and tests")
    likelihoods = load_likelihoods(run, manifest.likelihood, labels, measurement.compared, material.domains, responses)
    centred_on = centred_on_panel(labels, roles)
    tables = (
        PairTables(labels, material.measured, material.domains, weights, panel=centred_on)
        if weights is not None
        else None
    )
    calibrated = calibrate(material)
    students = {student: run.responses(student) for student in roles.students}
    recognition = _recognise(manifest, measurement, {**responses, **students}, options, progress)
    verdicts = (
        _decide_pairs(material, options, None if centred_on else tables, likelihoods, calibrated, recognition)
        if tables
        else []
    )
    records = [v.as_dict() for v in verdicts]
    detail_flags = detailed(records, tables)
    nearest_reference = roles.references[0] if roles.references else leading(records, detail_flags, tables) or labels[0]
    detailed_pairs = {
        frozenset((v["candidate"], v["reference"]))
        for v, is_detailed in zip(records, detail_flags, strict=True)
        if is_detailed
    }
    detailed_facts = [v.facts for v, is_detailed in zip(verdicts, detail_flags, strict=True) if is_detailed]
    nulls = null_entries(detailed_facts, material, manifest, weights)
    places = where.where_entries(
        detailed_facts,
        labels,
        material.measured,
        measurement.compared,
        weights,
        where.found_kin([v.facts for v in verdicts], [v.verdict for v in verdicts]),
        material.passages,
    )
    movements = movement_entries(detailed_facts, labels, material.measured, material.domains, weights)
    judges, samples = judged_by(run, manifest), manifest.settings["sampling"]["samples"]
    combined = calibrated.section([c for c in labels if roles.role_of(c) == "candidate"], roles.references)
    scores: Scores = {
        "schema": SCORES_SCHEMA,
        "title": title(labels, roles),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "signature": signature(manifest, measurement.compared, options, material.measured, {**responses, **students}),
        "settings": {
            "sampling": manifest.settings["sampling"],
            "selection": manifest.settings["selection"],
            "panels": [panel["name"] for panel in manifest.settings.get("panels", [])],
            "scoring": cast("ScoringRecord", _plain_value(asdict(options))),
        },
        "versions": versions(manifest.python or ""),
        "probe_sets": manifest.settings["probe_sets"],
        "domains": list(measurement.domains),
        "models": [
            model_entry(m, samples, roles, probes, responses[m.label], material.domains, measurement.compared, weights)
            for m in material.models.values()
        ],
        "axes": [axis_entry(m) for m in material.measured],
        "pairs": pair_entries(tables, measurement.domains, detailed_pairs, calibrated.of),
        "agreement": agreement_entries(detailed_facts, material, weights),
        "centred_on": centred_on or labels,
        "nearness_to": nearest_reference,
        "nearness": nearness(labels, nearest_reference, material.measured, measurement.compared),
        "verdicts": [
            {
                **trimmed(v, is_detailed),
                **nulls.get(_pair_of(v), EMPTY),
                "where": places.get(_pair_of(v)),
                "movement": movements.get(_pair_of(v)),
            }
            for v, is_detailed in zip(records, detail_flags, strict=True)
        ],
        "hardest": where.hardest(measurement.compared, responses),
        "combined": combined["combined"],
        "attribution": combined["attribution"],
        "identity": measurement.identity,
        "judge": judge_section(
            judges, measurement.compared, labels, material.measured, draws=options.draws, seed=options.seed
        ),
    }
    if students:
        scores["students"] = [
            student_entry(manifest.models[label], roles.students[label], own) for label, own in students.items()
        ]
    if likelihoods:
        scores["likelihood"] = likelihoods.section(verdicts, weights)
    scores["limits"] = list(LIMITS)
    max_tokens = None if manifest.imported else manifest.settings["sampling"]["max_tokens"]
    scores["answer_warnings"] = answer_warnings(responses, max_tokens)
    scores["warnings"] = [
        *scores["answer_warnings"],
        *warnings(manifest, labels, material.measured, verdicts),
        *(likelihoods.notes() if likelihoods else []),
        *(recognition.notes if recognition else []),
        *judge_warnings(judges, material.models, measurement.own, lambda model: own_in_run(model, measurement.facts)),
    ]
    return scores


def _recognise(
    manifest: Manifest,
    measurement: Measurements,
    answers: Mapping[str, Sequence[Response]],
    options: ScoringOptions,
    progress: Callable[[str], None],
) -> Recognition | None:
    """What the known students of the run say of its candidates; None where there are none."""
    roles = options.roles
    if not roles.students or not measurement.compared:
        return None
    progress("Known students")
    known = KnownStudents(
        teachers=roles.students,
        probes=measurement.compared,
        domains=measurement.material.domains,
        responses=answers,
        models=manifest.models,
        axes=options.axes,
    )
    return Recognition(known, roles, draws=options.draws, seed=options.seed)


def _decide_pairs(
    material: Material,
    options: ScoringOptions,
    tables: PairTables | None,
    likelihoods: Likelihoods | None,
    calibrated: Calibrated,
    recognition: Recognition | None,
) -> list[Verdict]:
    """The verdict on every judged pair, the gravest first."""
    with_likelihood = likelihoods.extension(options.draws, options.seed) if likelihoods else (lambda facts: facts)
    with_students = recognition.extend if recognition else (lambda facts: facts)
    facts_of_pairs = gather_facts(
        material,
        options.roles,
        draws=options.draws,
        seed=options.seed,
        min_coverage=options.min_coverage,
        tables=tables,
        extend=lambda facts: replace(
            with_students(with_likelihood(facts)), ratios=calibrated.ratios(facts.candidate, facts.reference)
        ),
    )
    settled = settle_rivals(
        [decide(facts) for facts in facts_of_pairs], material, draws=options.draws, seed=options.seed
    )
    return sort_verdicts([with_truth(verdict, material.models) for verdict in settled])


def sort_verdicts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts in the order of their words, then by reference and candidate."""
    return sorted(verdicts, key=lambda v: (rank_of(v.verdict), v.facts.reference, v.facts.candidate))


def _pair_of(verdict: VerdictRecord) -> tuple[str, str]:
    return verdict["candidate"], verdict["reference"]


def _plain_value(value: object) -> object:
    """Tuples as lists, so that what is compared equals what was stored."""
    if isinstance(value, Mapping):
        return {k: _plain_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(v) for v in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def read_scores(run: RunDirectory) -> Scores:
    """The scores of a run.

    Raises:
        RunDirectoryError: it was never scored, or ``scores.json`` was written by another version or cannot be read.
    """
    run.manifest()
    if not run.scores_path.exists():
        raise RunDirectoryError(f"{run.path} has not been scored", f"score it first: audit score {run.path}")
    try:
        loaded = parse_json(run.scores_path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunDirectoryError(
            f"{run.scores_path} cannot be read: {error}", f"score again: audit score {run.path}"
        ) from error
    if not isinstance(loaded, dict) or loaded.get("schema") != SCORES_SCHEMA:
        raise RunDirectoryError(
            f"{run.scores_path} was written by another version", f"score again: audit score {run.path}"
        )
    if lacks := [name for name in REQUIRED_SCORES if name not in loaded]:
        raise RunDirectoryError(
            f"{run.scores_path} is damaged: it lacks {', '.join(lacks)}", f"score again: audit score {run.path}"
        )
    if damage := find_damage(loaded):
        raise RunDirectoryError(f"{run.scores_path} is damaged: {damage}", f"score again: audit score {run.path}")
    return cast("Scores", loaded)
