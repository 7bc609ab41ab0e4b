"""Known students as the null: does the candidate resemble a student of this reference more than students resemble each other?

Students of one base by different teachers resemble each other, more so where the teachers write alike. Two students of one
teacher resemble each other beyond that: of many possible sentences they choose the same. So the candidate is held against
students of known teachers from its own base (`audit calibrate`): its likeness to the reference's student, less what each of
the two has in common with everybody, against the same of every two students of different teachers
(`mimicry_audit.statistics.round_robin`). And the two must be each other's nearest: if a candidate's teacher has no student, it
resembles the students of its neighbours, but no more than these resemble each other.

Promise: nothing is fitted; without a student of the reference, or with fewer than `FEWEST_STUDENTS` teachers, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimicry_audit.statistics.intervals import FloatArray, IntArray, Interval, bootstrap_resamples, domain_means
from mimicry_audit.statistics.round_robin import RoundRobin
from mimicry_audit.verdicts.authors import UNIT
from mimicry_audit.verdicts.findings import AMONG_STUDENTS, AUTHORSHIP, FEWEST_STUDENTS, Evidence

AXIS = "students"
_CANDIDATE = 0


def students_evidence(
    likeness: Sequence[FloatArray],
    teachers: Sequence[str],
    reference: str,
    domains: IntArray,
    *,
    draws: int,
    seed: int,
) -> Evidence | None:
    """Whether the candidate is one more student of the reference.

    Args:
        likeness: one array for each measure, ``(P, 1 + S, 1 + S)``: likeness of every two of the candidate and S known
            students, on every probe, the larger the more alike; NaN where not measured. The diagonal is not read.
        teachers: of the S students.
        reference: the teacher in question.
        domains: ``(P,)``.
        draws: bootstrap draws over probes, for the intervals.
        seed: of the draws.

    Returns:
        The distance of the pair in standard errors of a prediction; ``raw`` is by how much the two are each other's nearest, in
        standard deviations of what two students share. None with too few students, or where nothing was measured.
    """
    if reference not in teachers or len(set(teachers)) < FEWEST_STUDENTS:
        return None
    own = [1 + i for i, teacher in enumerate(teachers) if teacher == reference]
    same = [
        (1 + i, 1 + j) for i, first in enumerate(teachers) for j, second in enumerate(teachers[:i]) if first == second
    ]
    test = RoundRobin(1 + len(teachers), [(_CANDIDATE, student) for student in own], same)
    weights = bootstrap_resamples(domains, draws, seed)
    means = [_means(measure, domains, weights) for measure in likeness]
    spreads = [float(test.spread(m[0])) for m in means]
    scaled = [m / spread for m, spread in zip(means, spreads, strict=True) if np.isfinite(spread) and spread > 0]
    if not scaled:
        return None
    averaged = np.mean(scaled, axis=0)  # (1 + draws, 1 + S, 1 + S), the first as observed
    distance = test.t(averaged)
    if not np.isfinite(distance[0]):
        return None  # the two have no probe in common
    p = test.p(float(distance[0]))
    measured = int(np.isfinite(likeness[0][:, _CANDIDATE, own[0]]).sum())
    return Evidence(
        axis=AXIS,
        title="Against known students",
        family=AUTHORSHIP,
        statistic=AMONG_STUDENTS,
        estimate=_interval(distance, measured),
        p=p,
        p_holm=p,
        raw=_interval(_ahead(averaged, own), measured),
        minimum_effect=0.0,
        unit=UNIT,
    )


def _means(measure: FloatArray, domains: IntArray, weights: FloatArray) -> FloatArray:
    """``(P, M, M)`` to ``(1 + B, M, M)``: the observed mean over probes, then those of the draws."""
    flat = measure.reshape(len(measure), -1)
    rows = np.vstack([domain_means(flat, domains)[None], domain_means(flat, domains, weights)])
    return rows.reshape(-1, *measure.shape[1:])


def _ahead(means: FloatArray, own: Sequence[int]) -> FloatArray:
    """By how much the candidate and the reference's students are each other's nearest: ``(1 + B,)``."""
    others = [m for m in range(1, means.shape[1]) if m not in own]
    to_students = means[:, own].mean(axis=1)
    nearest = np.maximum(means[:, _CANDIDATE, others].max(axis=1), to_students[:, others].max(axis=1))
    return np.asarray(to_students[:, _CANDIDATE] - nearest)


def _interval(values: FloatArray, n: int) -> Interval:
    """The first value with the 95 % interval of the others."""
    low, high = np.nanquantile(values[1:], (0.025, 0.975))
    return Interval(float(values[0]), float(low), float(high), n)
