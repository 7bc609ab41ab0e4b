"""Known lineage: how well each axis, the combined score and the verdicts tell related models from strangers.

Promise: from a response file and a file of documented lineage, one table of how well every axis finds every relation,
how often a verdict accuses a stranger, and how often the right teacher is named; beside each, what length alone
or the most common answer would have done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mimicry_audit.detection import auc_interval, tpr_at_fpr
from mimicry_audit.errors import DataError
from mimicry_audit.evidence.attribution import Case, evaluate, rank
from mimicry_audit.evidence.gather import Material, Roles, gather
from mimicry_audit.evidence.verdicts import judge
from mimicry_audit.imports import probes_of
from mimicry_audit.similarity import Measured, measure
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.combined import (
    RELATIONS,
    Readings,
    combine,
    curves,
    mean_matrix,
    read,
    teacher_curve,
    version,
)
from mimicry_audit.statistics import DRAWS, FloatArray, IntArray, wilson

UNRELATED = "none"
TAUGHT = "distilled-from"
COLUMNS = ("student", "teacher", "relation")
ACCUSATIONS = ("same model", "shared base", "distilled")
SCHEMA = "mimicry_audit.lineage/1"


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a lineage file.

    Attributes:
        student, teacher: model names as in the response file.
        relation: what is documented; ``none`` for strangers.
        teacher_org: who made the teacher, None where the file does not say.
    """

    student: str
    teacher: str
    relation: str
    teacher_org: str | None = None


def read_lineage(path: Path) -> list[Pair]:
    """The pairs of a lineage file (CSV, JSON lines or Parquet with ``student, teacher, relation``).

    Raises:
        DataError: it cannot be read, lacks a column, has an empty field, or names one pair twice with different relations.
    """
    import pandas as pd

    readers: dict[str, Callable[[], pd.DataFrame]] = {
        ".csv": lambda: pd.read_csv(path, dtype=str, keep_default_na=False),
        ".jsonl": lambda: pd.read_json(path, lines=True, dtype=False),
        ".parquet": lambda: pd.read_parquet(path),
    }
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is no lineage file", "name it .csv, .jsonl or .parquet")
    if not path.is_file():
        raise DataError(f"there is no lineage file {path}", "check the path")
    try:
        table = readers[path.suffix.lower()]()
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path} cannot be read ({first[:160]})", "check the file") from error
    if lacking := [c for c in COLUMNS if c not in table.columns]:
        raise DataError(f"{path} lacks the column {', '.join(lacking)}", f"give rows with {', '.join(COLUMNS)}")
    return _pairs(path, table.to_dict("records"))


def _pairs(path: Path, rows: Sequence[dict[Any, Any]]) -> list[Pair]:
    pairs: dict[tuple[str, str, str], Pair] = {}
    for number, row in enumerate(rows, 1):
        fields = [str(row[c]).strip() if isinstance(row[c], str) else "" for c in COLUMNS]
        if not all(fields):
            raise DataError(f"{path}, row {number} has an empty field", f"fill in {', '.join(COLUMNS)}")
        org = row.get("teacher_org")
        student, teacher, relation = fields
        pairs[student, teacher, relation] = Pair(
            student, teacher, relation, org if isinstance(org, str) and org else None
        )
    if not any(p.relation == UNRELATED for p in pairs.values()):
        raise DataError(f"{path} names no unrelated pair", f"add pairs with the relation {UNRELATED!r} to compare with")
    return list(pairs.values())


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A response file, measured.

    Attributes:
        labels: M model names.
        material: everything a verdict is drawn from; no weights and no identity claims.
    """

    labels: Sequence[str]
    material: Material

    @property
    def domains(self) -> IntArray:
        """``(P,)`` codes."""
        return self.material.domains

    @property
    def measured(self) -> Sequence[Measured]:
        """The axes."""
        return self.material.measured


def measure_file(path: Path, axes: Sequence[str], progress: Callable[[str], None] = lambda _: None) -> MeasuredFile:
    """Measure all models of a response file along some axes, in memory and without a run directory.

    Raises:
        DataError: the file cannot be used.
    """
    from mimicry_audit.engines.responses_file import read_responses
    from mimicry_audit.records import Response

    answers = read_responses(path)
    probes = probes_of(answers, path)
    labels = list(dict.fromkeys(a.model for a in answers))
    known = [p.domain for p in probes]
    order = list(dict.fromkeys(known))
    responses: dict[str, list[Response]] = {label: [] for label in labels}
    for answer in answers:
        responses[answer.model].append(
            Response(
                key="",
                model=answer.model,
                probe_id=answer.prompt_id,
                sample=answer.sample,
                text=answer.output,
                status="ok" if answer.output.strip() else "empty",
            )
        )
    measured = measure(probes, labels, responses, axes=axes, progress=progress)
    usable = {label: {r.probe_id for r in mine if r.usable} for label, mine in responses.items()}
    material = Material(
        labels=labels,
        domains=np.array([order.index(d) for d in known], dtype=np.int64),
        measured=measured,
        texts={k: {r.probe_id: r.text for r in mine if r.usable and r.sample == 0} for k, mine in responses.items()},
        answered=np.array([[float(p.id in usable[label]) for label in labels] for p in probes]),
        resolved={},
        claims={},
    )
    return MeasuredFile(labels, material)


def benchmark(
    found: MeasuredFile,
    pairs: Sequence[Pair],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The content of ``lineage.json``, see ``docs/formats.md``.

    Args:
        found: the measured answers.
        pairs: documented lineage; pairs of models without answers are counted and left out.
        draws: of every bootstrap.
        seed: of the draws.
        progress: told what is being computed.

    Raises:
        DataError: no documented pair has answers.
    """
    known = [p for p in pairs if {p.student, p.teacher} <= set(found.labels) and p.student != p.teacher]
    if not known:
        raise DataError("no pair of the lineage file has answers", "use the model names of the response file")
    progress("Relations")
    readings = _readings(found)
    relations = relations_table(found, known, readings, draws=draws, seed=seed)
    progress("Verdicts")
    verdicts = verdict_table(found, known, draws=draws, seed=seed)
    progress("Attribution")
    return {
        "schema": SCHEMA,
        "models": len(found.labels),
        "prompts": len(found.domains),
        "combined_version": version(),
        "pairs": dict(Counter(p.relation for p in known)),
        "left_out": len(pairs) - len(known),
        "axes": [m.axis.name for m in found.measured if m.values is not None],
        "not_measured": {m.axis.name: m.why_not for m in found.measured if m.values is None},
        "relations": relations,
        "attribution": attribution_table(found, known, readings),
        "verdicts": verdicts,
    }


def verdict_table(found: MeasuredFile, pairs: Sequence[Pair], *, draws: int, seed: int) -> dict[str, Any]:
    """Relation → verdict → count, as `audit score` judges the file without references, and the share of strangers accused.

    An accusation is `same model`, `shared base` or `distilled`; ``false_verdict_rate`` is its share among the unrelated.
    """
    judged = [judge(f) for f in gather(found.material, Roles(), draws=draws, seed=seed, min_coverage=0.5)]
    said = {frozenset((v.facts.candidate, v.facts.reference)): v.verdict for v in judged}
    confusion: dict[str, Counter[str]] = {}
    for pair in pairs:
        confusion.setdefault(pair.relation, Counter())[said[frozenset((pair.student, pair.teacher))]] += 1
    strangers = confusion.get(UNRELATED, Counter())
    accused, n = sum(strangers[v] for v in ACCUSATIONS), sum(strangers.values())
    rate, distilled = wilson(accused, n), wilson(strangers["distilled"], n)
    return {
        "confusion": {relation: dict(counts) for relation, counts in confusion.items()},
        "false_verdict_rate": rate.as_dict() if rate else None,
        "distilled_rate": distilled.as_dict() if distilled else None,
    }


def attribution_table(found: MeasuredFile, pairs: Sequence[Pair], readings: Readings) -> dict[str, Any]:
    """How well the teacher of a student is named among all teachers of the file; see `evidence.attribution.evaluate`.

    The references of a student are all models that the file names as a teacher under ``distilled-from`` or ``none``, but
    for its documented kin: whether kin taught it is not what is asked.
    """
    scores = combine(readings, teacher_curve())
    if scores is None:
        return {"why_not": "too few models, or too few axes, for the combined score", **evaluate([], {})}
    asked = [p for p in pairs if p.relation in (TAUGHT, UNRELATED)]
    teachers = sorted({p.teacher for p in asked})
    kin = {frozenset((p.student, p.teacher)) for p in pairs if p.relation not in (TAUGHT, UNRELATED)}
    taught: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.relation == TAUGHT:
            taught.setdefault(pair.student, set()).add(pair.teacher)
    cases, answers = [], []
    for student in sorted({p.student for p in asked}):
        mine = taught.get(student, set())
        possible = [t for t in teachers if t != student and (t in mine or frozenset((student, t)) not in kin)]
        ranking = rank(student, possible, found.labels, scores) if possible else None
        if ranking is not None:
            cases.append(Case(ranking, frozenset(mine)))
            answers.append({**ranking.as_dict(), "documented": sorted(mine)})
    return {**evaluate(cases, _makers(pairs)), "students_ranked": answers}


def _makers(pairs: Sequence[Pair]) -> dict[str, str]:
    """Teacher → who made it: as the file says, else as the identity facts know its name."""
    from mimicry_audit.identity.facts import load_facts, own_identity

    facts = load_facts()
    makers: dict[str, str] = {}
    for pair in pairs:
        known = own_identity(pair.teacher, facts).maker
        makers[pair.teacher] = pair.teacher_org or (known.name if known else pair.teacher)
    return makers


def relations_table(
    found: MeasuredFile, pairs: Sequence[Pair], readings: Readings, *, draws: int, seed: int
) -> dict[str, Any]:
    """How well every axis, raw and centred, and the combined score find every relation.

    Returns:
        ``{relation: {axis: {auc, low, high, tpr_at_1pct_fpr, n_positive, n_negative}}}``; axes that measured nothing, and the
        combined score where the run is too small for one, are left out.
    """
    scores = _matrices(found)
    by_question = _combined(readings)
    place = {label: i for i, label in enumerate(found.labels)}
    table: dict[str, Any] = {}
    for relation in dict.fromkeys(p.relation for p in pairs if p.relation != UNRELATED):
        own = {"combined": by_question.get(RELATIONS.get(relation, "version"))}
        table[relation] = {}
        for axis, matrix in {**own, **scores}.items():
            if matrix is None:
                continue
            related, students = _at(matrix, place, [p for p in pairs if p.relation == relation])
            unrelated, others = _at(matrix, place, [p for p in pairs if p.relation == UNRELATED])
            interval = auc_interval(related, unrelated, (students, others), draws=draws, seed=seed)
            if interval is not None:
                table[relation][axis] = {
                    "auc": round(interval.value, 4),
                    "low": round(interval.low, 4),
                    "high": round(interval.high, 4),
                    "tpr_at_1pct_fpr": round(tpr_at_fpr(related, unrelated), 4),
                    "n_positive": len(related),
                    "n_negative": len(unrelated),
                }
    return table


def _matrices(found: MeasuredFile) -> dict[str, FloatArray]:
    """Mean similarity of every two models on every axis, raw and centred."""
    scores: dict[str, FloatArray] = {}
    for m in found.measured:
        if m.values is not None:
            scores[m.axis.name] = mean_matrix(m.values, found.domains)
    for m in found.measured:
        if m.values is not None:
            scores[f"{m.axis.name}_centred"] = mean_matrix(centre(m.values), found.domains)
    return scores


def _combined(readings: Readings) -> dict[str, FloatArray]:
    scores = {question: combine(readings, curve) for question, curve in curves().items()}
    return {question: matrix for question, matrix in scores.items() if matrix is not None}


def _readings(found: MeasuredFile) -> Readings:
    values = {m.axis.name: m.values for m in found.measured if m.values is not None and not m.axis.baseline}
    return read(values, found.domains)


def _at(matrix: FloatArray, place: Mapping[str, int], pairs: Sequence[Pair]) -> tuple[FloatArray, list[str]]:
    """The scores of the pairs that have one, and their students."""
    both = [p for p in pairs if p.student in place and p.teacher in place and p.student != p.teacher]
    scores = np.array([matrix[place[p.student], place[p.teacher]] for p in both], dtype=np.float64)
    known = np.isfinite(scores)
    return scores[known], [p.student for p, k in zip(both, known, strict=True) if k]
