"""Power against dose and the detection limit, held against scipy, scikit-learn and reckonings by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mimicry_audit.statistics import doses

DOSES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


def made(shares, seeds=3, pools=4, sets=5, seed=0):
    """Outcomes of audits that find with these chances."""
    return (np.random.default_rng(seed).random((seeds, pools, sets, len(shares))) < np.asarray(shares)).astype(float)


def test_the_fit_is_isotonic_regression():
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(1)
    for _ in range(20):
        shares, trials = rng.random(6), rng.integers(1, 40, size=6).astype(float)
        reference = IsotonicRegression().fit_transform(np.arange(6), shares, sample_weight=trials)
        np.testing.assert_allclose(doses.isotonic(shares, trials), reference, atol=1e-12)


def test_a_limit_is_read_over_log_dose():
    fitted = np.array([0.0, 0.0, 0.2, 0.6, 1.0, 1.0])
    assert doses.dose_at(DOSES, fitted, 0.6) == pytest.approx(0.1)
    assert doses.dose_at(DOSES, fitted, 0.8) == pytest.approx(math.sqrt(0.1 * 0.3))  # half of the way in log dose
    expected = np.exp(np.interp(0.5, fitted[2:5], np.log(DOSES[2:5])))
    assert doses.dose_at(DOSES, fitted, 0.5) == pytest.approx(expected)


def test_a_limit_below_the_smallest_dose_and_beyond_the_largest():
    assert doses.dose_at(DOSES, np.array([0.0, 1.0, 1, 1, 1, 1]), 0.8) == pytest.approx(0.008)
    assert doses.dose_at(DOSES, np.array([0.9, 0.9, 1, 1, 1, 1]), 0.8) == 0.0
    assert doses.dose_at(DOSES, np.array([0, 0, 0, 0, 0, 0.7]), 0.8) == math.inf
    never = doses.detection_limit(np.zeros((3, 2, 2, 6)), DOSES, 0.8, draws=20)
    assert (never.value, never.low, never.high) == (None, None, None)


def test_the_interval_covers_the_limit_and_is_that_of_whole_clusters():
    chances = (0.0, 0.05, 0.2, 0.6, 0.95, 1.0)
    truth = doses.dose_at(DOSES, np.asarray(chances), 0.8)
    held = sum(
        limit.low <= truth <= (limit.high or math.inf)
        for limit in (doses.detection_limit(made(chances, 6, 6, 5, seed=s), DOSES, 0.8, draws=200) for s in range(30))
    )
    assert held >= 26
    # Two seeds that disagree altogether: the interval must hold both, however many sets each was asked.
    split = np.concatenate([made((0, 1, 1, 1, 1, 1), 1, 4, 50), made((0, 0, 0, 0, 0, 1), 1, 4, 50)])
    limit = doses.detection_limit(split, DOSES, 0.8, draws=400)
    assert limit.low == pytest.approx(0.008)
    assert limit.high == pytest.approx(math.exp(0.8 * math.log(1.0) + 0.2 * math.log(0.3)))


def test_the_power_curve_is_the_share_of_finds():
    outcomes = made((0.0, 0.1, 0.4, 0.6, 0.9, 1.0))
    curve = doses.power_curve(outcomes, draws=300)
    for d, point in enumerate(curve):
        assert point.value == pytest.approx(outcomes[..., d].mean())
        assert point.low <= point.value <= point.high
        assert point.n == 60
    assert (curve[0].low, curve[0].high, curve[-1].low, curve[-1].high) == (0, 0, 1, 1)


def test_the_trend_is_spearmans_and_falls_are_named():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(3)
    scores = np.linspace(0, 0.5, 6) + rng.normal(0, 0.1, size=(3, 4, 6))
    found = doses.trend(scores, DOSES, draws=200)
    assert found.spearman.value == pytest.approx(spearmanr(scores.mean(axis=(0, 1)), DOSES).statistic)
    assert found.spearman.low <= found.spearman.value <= found.spearman.high
    each = scores.mean(axis=1)
    assert len(found.falls) == int((np.diff(each, axis=1) < 0).sum())
    for s, low, high, fall in found.falls:
        assert each[s, DOSES.index(low)] - each[s, DOSES.index(high)] == pytest.approx(fall)
    assert doses.trend(np.zeros((2, 2, 6)), DOSES, draws=5).spearman.value == 0


def test_the_limit_of_a_number_of_probes_between_two():
    def curve(probes, value, high):
        return {"probes": probes, "limits": [{"power": 0.8, "value": value, "low": value / 2, "high": high}]}

    curves = [curve(300, 0.04, 0.1), curve(100, 0.16, None)]
    middle = round(math.sqrt(100 * 300))
    found = doses.at_probes(curves, middle, 0.8)
    assert found["value"] == pytest.approx(0.08, rel=0.01)
    assert found["high"] is None
    assert found["beyond"] == 0
    assert doses.at_probes(curves, 300, 0.8)["high"] == 0.1
    assert (doses.at_probes(curves, 1000, 0.8)["value"], doses.at_probes(curves, 1000, 0.8)["beyond"]) == (0.04, 1)
    assert (doses.at_probes(curves, 20, 0.8)["value"], doses.at_probes(curves, 20, 0.8)["beyond"]) == (0.16, -1)
    assert doses.at_probes([], 20, 0.8) is None
