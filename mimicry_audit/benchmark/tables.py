"""What the benchmark counts without a base: how every axis finds every relation, what is concluded, and who is named.

Promise: each figure is shown beside what length alone or the most common answer would have achieved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mimicry_audit.benchmark.files import TAUGHT, UNRELATED, MeasuredFile, Pair
from mimicry_audit.records.verdict_words import ACCUSATIONS
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.combined import RELATIONS, Readings, combine, curves, mean_matrix, read, teacher_curve
from mimicry_audit.statistics.detection import auc_interval, tpr_at_fpr
from mimicry_audit.statistics.intervals import FloatArray, wilson
from mimicry_audit.verdicts.attribution import Case, evaluate, rank
from mimicry_audit.verdicts.gather import gather_facts
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import decide


def verdict_table(measured_file: MeasuredFile, pairs: Sequence[Pair], *, draws: int, seed: int) -> dict[str, object]:
    """Relation → verdict → count, as `audit score` judges the file without references, and the false accusations.

    An accusation is `same model`, `shared base` or `distilled`; ``false_verdict_rate`` is its share among the unrelated.
    """
    verdicts = [
        decide(f) for f in gather_facts(measured_file.material, Roles(), draws=draws, seed=seed, min_coverage=0.5)
    ]
    verdict_by_pair = {frozenset((v.facts.candidate, v.facts.reference)): v.verdict for v in verdicts}
    confusion: dict[str, Counter[str]] = {}
    for pair in pairs:
        confusion.setdefault(pair.relation, Counter())[verdict_by_pair[frozenset((pair.student, pair.teacher))]] += 1
    strangers = confusion.get(UNRELATED, Counter())
    accused, n = sum(strangers[v] for v in ACCUSATIONS), sum(strangers.values())
    rate, distilled = wilson(accused, n), wilson(strangers["distilled"], n)
    return {
        "confusion": {relation: dict(counts) for relation, counts in confusion.items()},
        "false_verdict_rate": rate.as_dict() if rate else None,
        "distilled_rate": distilled.as_dict() if distilled else None,
    }


def attribution_table(measured_file: MeasuredFile, pairs: Sequence[Pair], readings: Readings) -> dict[str, object]:
    """How well the teacher of a student is named among all teachers of the file; see `evidence.attribution.evaluate`.

    The references of a student are all models that the file names as a teacher under ``distilled-from`` or ``none``, but
    for its documented kin: whether kin taught it is not what is asked.
    """
    scores = combine(readings, teacher_curve())
    if scores is None:
        return {"why_not": "too few models, or too few axes, for the combined score", **evaluate([], {})}
    tested_pairs = [p for p in pairs if p.relation in (TAUGHT, UNRELATED)]
    teachers = sorted({p.teacher for p in tested_pairs})
    kin = {frozenset((p.student, p.teacher)) for p in pairs if p.relation not in (TAUGHT, UNRELATED)}
    taught: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.relation == TAUGHT:
            taught.setdefault(pair.student, set()).add(pair.teacher)
    cases, answers = [], []
    for student in sorted({p.student for p in tested_pairs}):
        own_teachers = taught.get(student, set())
        possible = [t for t in teachers if t != student and (t in own_teachers or frozenset((student, t)) not in kin)]
        ranking = rank(student, possible, measured_file.labels, scores) if possible else None
        if ranking is not None:
            cases.append(Case(ranking, frozenset(own_teachers)))
            answers.append({**ranking.as_dict(), "documented": sorted(own_teachers)})
    return {**evaluate(cases, _makers_of_teachers(pairs)), "students_ranked": answers}


def _makers_of_teachers(pairs: Sequence[Pair]) -> dict[str, str]:
    """Teacher → who made it: as the file says, else as the identity facts know its name."""
    from mimicry_audit.identity.facts import load_facts, own_identity

    facts = load_facts()
    makers: dict[str, str] = {}
    for pair in pairs:
        maker = own_identity(pair.teacher, facts).maker
        makers[pair.teacher] = pair.teacher_org or (maker.name if maker else pair.teacher)
    return makers


def relations_table(
    measured_file: MeasuredFile, pairs: Sequence[Pair], readings: Readings, *, draws: int, seed: int
) -> dict[str, Any]:
    """How well every axis, raw and centred, and the combined score find every relation.

    Returns:
        ``{relation: {axis: {auc, low, high, tpr_at_1pct_fpr, n_positive, n_negative}}}``; axes that measured nothing, and the
        combined score where the run is too small for one, are left out.
    """
    scores = _mean_matrices(measured_file)
    by_question = _combined_matrices(readings)
    place = {label: i for i, label in enumerate(measured_file.labels)}
    table: dict[str, Any] = {}
    for relation in dict.fromkeys(p.relation for p in pairs if p.relation != UNRELATED):
        own = {"combined": by_question.get(RELATIONS.get(relation, "version"))}
        table[relation] = {}
        for axis, matrix in {**own, **scores}.items():
            if matrix is None:
                continue
            related, students = _scores_at(matrix, place, [p for p in pairs if p.relation == relation])
            unrelated, others = _scores_at(matrix, place, [p for p in pairs if p.relation == UNRELATED])
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


def _mean_matrices(measured_file: MeasuredFile) -> dict[str, FloatArray]:
    """Mean similarity of every two models on every axis, raw and centred."""
    scores: dict[str, FloatArray] = {}
    for m in measured_file.measured:
        if m.values is not None:
            scores[m.axis.name] = mean_matrix(m.values, measured_file.domains)
    for m in measured_file.measured:
        if m.values is not None:
            scores[f"{m.axis.name}_centred"] = mean_matrix(centre(m.values), measured_file.domains)
    return scores


def _combined_matrices(readings: Readings) -> dict[str, FloatArray]:
    scores = {question: combine(readings, curve) for question, curve in curves().items()}
    return {question: matrix for question, matrix in scores.items() if matrix is not None}


def readings_of(measured_file: MeasuredFile) -> Readings:
    """What the combined scores read of all axes but the baselines."""
    values = {m.axis.name: m.values for m in measured_file.measured if m.values is not None and not m.axis.baseline}
    return read(values, measured_file.domains)


def _scores_at(matrix: FloatArray, place: Mapping[str, int], pairs: Sequence[Pair]) -> tuple[FloatArray, list[str]]:
    """The scores of the pairs that have one, and their students."""
    both = [p for p in pairs if p.student in place and p.teacher in place and p.student != p.teacher]
    scores = np.array([matrix[place[p.student], place[p.teacher]] for p in both], dtype=np.float64)
    finite = np.isfinite(scores)
    return scores[finite], [p.student for p, k in zip(both, finite, strict=True) if k]
