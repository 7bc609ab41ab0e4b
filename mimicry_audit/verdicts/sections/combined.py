"""The combined score of every pair and question, and which reference taught each candidate, in a run of enough models.

Promise: nothing here decides a verdict; where the run is too small or too few axes were measured, the reason is given in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mimicry_audit.records.scores import CombinedSections, RatioRecord
from mimicry_audit.similarity.combined import combine, curves, read, teacher_curve, version
from mimicry_audit.similarity.normalise import FEWEST_COHORT
from mimicry_audit.statistics.intervals import FloatArray
from mimicry_audit.verdicts.attribution import rank
from mimicry_audit.verdicts.material import Material


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Combined scores of a run.

    Attributes:
        labels: M models.
        place: label → its row.
        scores: question → ``(M, M)``; empty where there are none.
        teachers: ``(M, M)`` scores that rank possible teachers; None where there are none.
        why_not: why the scores are missing.
    """

    labels: Sequence[str]
    place: Mapping[str, int]
    scores: Mapping[str, FloatArray]
    teachers: FloatArray | None
    why_not: str | None

    def of(self, a: str, b: str) -> dict[str, RatioRecord] | None:
        """Question → ``score`` and ``log_likelihood_ratio`` of one pair; None where there are none."""
        if not self.scores:
            return None
        i, j = self.place[a], self.place[b]
        pair_scores = {q: float(matrix[i, j]) for q, matrix in self.scores.items() if np.isfinite(matrix[i, j])}
        return {
            q: {"score": round(s, 3), "log_likelihood_ratio": round(curves()[q].log_likelihood_ratio(s), 3)}
            for q, s in pair_scores.items()
        } or None

    def ratios(self, a: str, b: str) -> dict[str, float]:
        """Question → log likelihood ratio of one pair."""
        return {q: record["log_likelihood_ratio"] for q, record in (self.of(a, b) or {}).items()}

    def section(self, candidates: Sequence[str], references: Sequence[str]) -> CombinedSections:
        """The ``combined`` and ``attribution`` parts of ``scores.json``."""
        ranked = []
        if self.teachers is not None and references:
            rankings = [rank(c, references, self.labels, self.teachers) for c in candidates]
            ranked = [r.as_dict() for r in rankings if r is not None]
        return {
            "combined": {"version": version(), "questions": list(self.scores), "why_not": self.why_not},
            "attribution": ranked,
        }


def calibrate(material: Material) -> Calibrated:
    """Combined scores of all pairs of a run."""
    need = FEWEST_COHORT + 2
    if len(material.labels) < need:
        why = f"{len(material.labels)} models; a pair is compared with at least {FEWEST_COHORT} others, so {need} are needed"
        return Calibrated(material.labels, {}, {}, None, why)
    every = (*curves().values(), teacher_curve())
    used = {a for curve in every for a in (*curve.rank, *curve.value, *curve.mean)}
    values = {m.axis.name: m.values for m in material.measured if m.values is not None and m.axis.name in used}
    readings = read(values, material.domains)
    combined_scores = {q: combine(readings, curve) for q, curve in curves().items()}
    scores = {q: s for q, s in combined_scores.items() if s is not None and np.isfinite(s).any()}
    place = {label: i for i, label in enumerate(material.labels)}
    why_not = None if scores else "too few of the axes it is made of were measured"
    return Calibrated(material.labels, place, scores, combine(readings, teacher_curve()), why_not)
