"""One reference against all other authors: it takes the probes' spread into account, and the controls' own."""

from __future__ import annotations

import numpy as np
import pytest

from mimicry_audit.statistics.outlier import prediction_t
from mimicry_audit.verdicts.authors import UNIT, authors_evidence
from mimicry_audit.verdicts.findings import AUTHORSHIP, FEWEST_AUTHORS, Evidence

PROBES = 60
DOMAINS = np.repeat([0, 1], PROBES // 2)


def movements(toward: float, others: int = 10, seed: int = 0, measures: int = 2) -> list[np.ndarray]:
    """Movement of 0.1 ± 0.02 toward each control, and `toward` more toward the reference; noise from probe to probe."""
    rng = np.random.default_rng(seed)
    authors = 0.1 + np.r_[toward, rng.normal(scale=0.02, size=others)]
    return [authors + rng.normal(scale=0.1, size=(PROBES, 1 + others)) for _ in range(measures)]


def found(given: list[np.ndarray]) -> Evidence | None:
    return authors_evidence(given, DOMAINS, axis="authors", title="Authors", draws=400, seed=0)


def test_the_estimate_is_the_distance_of_the_means() -> None:
    given = movements(0.3, measures=1)
    evidence = found(given)
    assert evidence is not None
    means = np.stack([given[0][d == DOMAINS].mean(axis=0) for d in (0, 1)]).mean(axis=0)
    assert evidence.estimate.value == pytest.approx(float(prediction_t(means)))
    assert evidence.estimate.low < evidence.estimate.value < evidence.estimate.high
    assert (evidence.family, evidence.unit, evidence.estimate.n) == (AUTHORSHIP, UNIT, PROBES)


def test_a_teacher_stands_out_and_one_of_many_does_not() -> None:
    teacher, stranger = found(movements(0.3)), found(movements(0.0))
    assert teacher is not None
    assert stranger is not None
    assert teacher.positive
    assert teacher.p < 1e-4
    assert not stranger.positive


def test_the_scale_of_a_measure_does_not_matter() -> None:
    given = movements(0.2)
    scaled = [given[0], 100 * given[1]]
    first, second = found(given), found(scaled)
    assert first is not None
    assert second is not None
    assert first.estimate.value == pytest.approx(second.estimate.value)


def test_nothing_is_said_of_few_authors() -> None:
    assert found(movements(0.3, others=FEWEST_AUTHORS - 1)) is None
    assert found([]) is None


def test_moving_away_from_everybody_else_singles_nobody_out() -> None:
    away = [m - 0.5 for m in movements(0.3)]
    evidence = found(away)
    assert evidence is not None
    assert evidence.p < 1e-4
    assert not evidence.positive
