"""Attribution: given several possible teachers, which one, or none of them?

Promise: a ranked list per candidate whose probabilities include "none of these" and sum to 1. They come from a score
of their own (`mimicry_audit.similarity.combined.teacher_curve`) by Bayes' rule with a stated prior, and
`evaluate` says how often they were right where the teacher is documented.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mimicry_audit.records.scores import AttributionRecord
from mimicry_audit.similarity.combined import attribute, teacher_curve
from mimicry_audit.statistics.detection import reliability
from mimicry_audit.statistics.intervals import FloatArray

PRIOR_NONE = 0.5
"""Before any answer is read, "none of these" is as likely as all references together."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The references of one candidate, likeliest first.

    Attributes:
        candidate: label.
        references: labels, likeliest first.
        probabilities: one a reference.
        none: probability that it is none of them.
    """

    candidate: str
    references: tuple[str, ...]
    probabilities: tuple[float, ...]
    none: float

    def as_dict(self) -> AttributionRecord:
        """For ``scores.json``."""
        ranked = zip(self.references, self.probabilities, strict=True)
        return {
            "candidate": self.candidate,
            "ranked": [{"reference": r, "probability": round(p, 4)} for r, p in ranked],
            "none": round(self.none, 4),
            "prior_none": PRIOR_NONE,
        }


def rank(candidate: str, references: Sequence[str], labels: Sequence[str], scores: FloatArray) -> Ranking | None:
    """Rank the possible teachers of a candidate.

    Args:
        candidate: label.
        references: at least one label other than the candidate's.
        labels: of the rows of `scores`.
        scores: ``(M, M)`` teacher scores.

    Returns:
        None where no reference could be scored.
    """
    at, curve = list(labels).index, teacher_curve()
    reference_scores = [scores[at(candidate), at(r)] for r in references]
    if not np.isfinite(reference_scores).any():
        return None
    ratios = [curve.log_likelihood_ratio(s) if np.isfinite(s) else None for s in reference_scores]
    *each, none = attribute(ratios, PRIOR_NONE)
    order = sorted(range(len(each)), key=lambda i: -each[i])
    return Ranking(candidate, tuple(references[i] for i in order), tuple(each[i] for i in order), none)


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate whose teachers are documented.

    Attributes:
        ranking: what was said.
        teachers: the documented teachers among the references; empty where none of them is.
    """

    ranking: Ranking
    teachers: frozenset[str]


def evaluate(cases: Sequence[Case], makers: Mapping[str, str]) -> dict[str, object]:
    """How well teachers are named, balanced over teachers, beside always naming the most common one.

    Args:
        cases: at least one with a documented teacher, else the shares are None.
        makers: reference → who makes it.

    Returns:
        ``top1`` (the teacher itself comes first), ``developer_top1`` (a model of its maker does), ``mrr`` (mean reciprocal
        rank): each the mean over teachers of the mean over their students; the same under ``majority``; and
        ``reliability``, over every reference and "none" of every case, weighted so that as large a share of the cases has no
        documented teacher as the prior assumes.
    """
    taught = [c for c in cases if c.teachers]
    common = Counter(t for c in taught for t in sorted(c.teachers))
    answers = [(c, c.ranking.references) for c in taught]
    always = [(c, tuple(sorted(c.ranking.references, key=lambda r: (-common[r], r)))) for c in taught]
    untaught = [c for c in cases if not c.teachers]
    weight_of_none = len(taught) / len(untaught) * PRIOR_NONE / (1 - PRIOR_NONE) if taught and untaught else 1.0
    promised = [p for c in cases for p in (*c.ranking.probabilities, c.ranking.none)]
    weights = [1.0 if c.teachers else weight_of_none for c in cases for _ in range(len(c.ranking.references) + 1)]
    happened = [float(h) for c in cases for h in (*(r in c.teachers for r in c.ranking.references), not c.teachers)]
    return {
        "students": len(taught),
        "teachers": len(common),
        **_right_shares(answers, makers),
        "majority": _right_shares(always, makers),
        "reliability": reliability(np.array(promised), np.array(happened), np.array(weights)) if cases else [],
    }


def _right_shares(answers: Sequence[tuple[Case, Sequence[str]]], makers: Mapping[str, str]) -> dict[str, float | None]:
    by_teacher: dict[str, list[tuple[float, float, float]]] = {}
    for case, ranked in answers:
        first = ranked[0]
        developers = {makers.get(t, t) for t in case.teachers}
        for teacher in case.teachers:
            by_teacher.setdefault(teacher, []).append(
                (
                    float(first in case.teachers),
                    float(makers.get(first, first) in developers),
                    1 / (1 + list(ranked).index(teacher)),
                )
            )
    means = np.array([np.mean(rows, axis=0) for rows in by_teacher.values()])
    if not len(means):
        return {"top1": None, "developer_top1": None, "mrr": None}
    top1, developer, mrr = means.mean(axis=0)
    return {"top1": round(float(top1), 4), "developer_top1": round(float(developer), 4), "mrr": round(float(mrr), 4)}
