"""Statistics against loops, against scipy, and against simulated truth."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from mimicry_audit.statistics.intervals import (
    PERMUTATIONS,
    adjusted_lift,
    bootstrap_resamples,
    domain_means,
    holm,
    intervals,
    wilson,
)

NAN = float("nan")


def loop_mean(values, domains, weights=None):
    """Mean of domain means of one column, by hand."""
    weights = [1.0] * len(values) if weights is None else weights
    means = []
    for domain in sorted(set(domains)):
        rows = [i for i, d in enumerate(domains) if d == domain and not math.isnan(values[i])]
        mass = sum(weights[i] for i in rows)
        if mass:
            means.append(sum(weights[i] * values[i] for i in rows) / mass)
        elif rows:
            means.append(sum(values[i] for i in rows) / len(rows))
    return sum(means) / len(means) if means else NAN


def band(rate, n, tail=0.0005):
    """Counts of successes that chance allows at a rate."""
    return binom.ppf(tail, n, rate), binom.isf(tail, n, rate)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 4), st.floats(0, 0.9))
def test_domain_means_equal_a_loop(seed, probes, domains, missing):
    rng = np.random.default_rng(seed)
    codes, values = rng.integers(0, domains, probes), rng.normal(size=(probes, 3))
    values[rng.random(values.shape) < missing] = NAN
    weights = rng.integers(0, 3, (5, probes)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, weighed = domain_means(values, codes), domain_means(values, codes, weights)
    for k in range(3):
        np.testing.assert_allclose(plain[k], loop_mean(values[:, k], codes.tolist()), atol=1e-12)
        for b in range(5):
            np.testing.assert_allclose(weighed[b, k], loop_mean(values[:, k], codes.tolist(), weights[b]), atol=1e-12)


def test_domains_weigh_the_same_whatever_their_size():
    values = np.array([[1.0]] * 9 + [[0.0]])
    assert domain_means(values, np.array([0] * 9 + [1]))[0] == 0.5


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_bootstrap_weights_sum_to_each_domain(domains):
    codes = np.array(domains)
    weights = bootstrap_resamples(codes, 20, 3)
    assert weights.shape == (20, len(domains))
    assert (weights >= 0).all()
    for domain in set(domains):
        np.testing.assert_allclose(weights[:, codes == domain].sum(axis=1), domains.count(domain))
    np.testing.assert_array_equal(weights, bootstrap_resamples(codes, 20, 3))


def test_bootstrap_gives_the_variance_of_a_mean():
    values = np.random.default_rng(0).normal(size=(8, 1))
    draws = domain_means(values, np.zeros(8, int), bootstrap_resamples(np.zeros(8, int), 40_000, 0))
    assert draws.std() == pytest.approx(values.std(ddof=1) / math.sqrt(8), rel=0.02)


@pytest.mark.parametrize("kind", ["normal", "share", "skewed", "missing"])
def test_intervals_cover_the_truth(kind):
    rng, sets = np.random.default_rng(11), 400
    codes = np.repeat([0, 1, 2], 40)
    if kind == "share":
        values, truth = (rng.random((120, sets)) < 0.4).astype(float), 0.4
    elif kind == "skewed":
        values, truth = rng.exponential(1, (120, sets)), 1.0
    else:
        values, truth = rng.normal(codes[:, None], 1 + codes[:, None], (120, sets)), 1.0
    if kind == "missing":
        values[rng.random(values.shape) < 0.3] = NAN
    found = intervals(values, codes, bootstrap_resamples(codes, 1000, 2))
    covered = sum(i.low <= truth <= i.high for i in found)
    # a percentile bootstrap of 40 a domain is a little short of 95%: 93.5% is allowed as its true rate, no less
    assert band(0.935, sets)[0] <= covered <= band(0.955, sets)[1]


def test_intervals_where_little_or_nothing_is_measured():
    codes = np.array([0, 0, 0, 1])
    values = np.array([[NAN, 1.0, NAN, 0.5], [NAN, 1.0, NAN, 0.5], [NAN, 1.0, NAN, 0.5], [NAN, NAN, 3.0, 0.5]])
    nothing, one_domain, one_probe, constant = intervals(values, codes, bootstrap_resamples(codes, 200, 0))
    assert nothing is None
    assert (one_domain.value, one_domain.low, one_domain.high, one_domain.n) == (1, 1, 1, 3)
    assert (one_probe.value, one_probe.n) == (3, 1)
    assert (constant.low, constant.high) == pytest.approx((0.5, 0.5))
    assert intervals(np.zeros((4, 0)), codes, bootstrap_resamples(codes, 5, 0)) == []


def test_a_draw_that_misses_a_domain_estimates_the_same_thing():
    # one probe measured of thirty in a domain of its own level: dropping the domain would move a third of the draws by 5
    codes = np.repeat([0, 1], 30)
    values = np.concatenate([np.random.default_rng(0).normal(0, 0.1, 30), [10.0], [NAN] * 29])[:, None]
    (found,) = intervals(values, codes, bootstrap_resamples(codes, 2000, 0))
    assert found.low > 4.9
    assert found.high < 5.1


def test_intervals_in_blocks_equal_intervals_one_by_one(monkeypatch):
    rng = np.random.default_rng(3)
    values, codes = rng.normal(size=(12, 9)), np.repeat([0, 1], 6)
    values[:, 4] = NAN
    weights = bootstrap_resamples(codes, 100, 0)
    alone = [intervals(values[:, [k]], codes, weights)[0] for k in range(9)]
    monkeypatch.setattr(
        "mimicry_audit.statistics.intervals._column_blocks", lambda n: iter([slice(0, 4), slice(4, 7), slice(7, n)])
    )
    for one, other in zip(intervals(values, codes, weights), alone, strict=True):
        assert (one is None) is (other is None)
        if one and other:
            assert (one.value, one.low, one.high, one.n) == pytest.approx((other.value, other.low, other.high, other.n))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy(case):
    successes, n = case
    expected, found = binomtest(successes, n).proportion_ci(method="wilson"), wilson(successes, n)
    assert (found.low, found.high, found.n) == pytest.approx((expected.low, expected.high, n), abs=1e-7)
    assert found.low <= found.value <= found.high


def test_wilson_of_nothing():
    assert wilson(0, 0) is None


def naive_holm(p):
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        out[i] = worst
    return out


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_equals_the_textbook(p):
    found = holm(np.array(p))
    np.testing.assert_allclose(found, naive_holm(p))
    assert (found >= np.array(p)).all()


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [0.5, NAN]])
def test_holm_refuses_what_is_no_p_value(bad):
    with pytest.raises(ValueError, match="lie in"):
        holm(np.array(bad))


def triangle(rng, probes=60, controls=4, shift=0.0, general=0.0, spread=0.15):
    """Lifts of a candidate: `general` toward everybody, `shift` more toward the reference, probes and models apart."""
    common = rng.normal(0, spread, probes)
    lift = general + shift + common + rng.normal(0, spread, probes)
    away = general + common[:, None] + rng.normal(0, spread, (probes, controls))
    return lift, away


DOMAINS = np.repeat([0, 1, 2], 20)


def p_values(runs, seed, **kwargs):
    rng = np.random.default_rng(seed)
    minimum = kwargs.pop("minimum", 0.0)
    return np.array(
        [adjusted_lift(*triangle(rng, **kwargs), DOMAINS, minimum_effect=minimum, draws=50).p for _ in range(runs)]
    )


@pytest.mark.parametrize("general", [0.0, 0.3])
def test_p_keeps_its_rate_under_the_null(general):
    # nothing toward the reference in particular; much or nothing toward everybody
    p = p_values(300, 5, general=general)
    for level in (0.01, 0.05, 0.2):
        assert np.sum(p <= level) <= band(level, len(p))[1]
    assert 0.4 < np.mean(p) < 0.65


def test_p_keeps_its_rate_where_candidate_and_base_are_exchangeable():
    rng, p = np.random.default_rng(8), []
    for _ in range(300):
        two = rng.random((2, 60, 5))  # similarities of two models to the reference and four controls
        d = two[0] - two[1]
        p.append(adjusted_lift(d[:, 0], d[:, 1:], DOMAINS, draws=50).p)
    for level in (0.01, 0.05, 0.2):
        low, high = band(level, 300)
        assert low <= np.sum(np.array(p) <= level) <= high


def test_p_keeps_its_rate_at_the_minimum_effect():
    p = p_values(300, 6, shift=0.05, general=0.2, minimum=0.05)
    assert np.sum(p <= 0.05) <= band(0.05, len(p))[1]


def test_an_effect_is_found():
    assert np.mean(p_values(100, 7, shift=0.12, general=0.2, minimum=0.03) < 0.01) > 0.9


def test_the_interval_of_the_adjusted_lift_covers_the_truth():
    rng, covered, runs = np.random.default_rng(9), 0, 300
    for _ in range(runs):
        found = adjusted_lift(*triangle(rng, controls=1, shift=0.1, general=0.2), DOMAINS, draws=400)
        covered += found.adjusted.low <= 0.1 <= found.adjusted.high
    assert band(0.93, runs)[0] <= covered <= band(0.955, runs)[1]


def test_one_control_that_is_kin_hides_nothing():
    rng = np.random.default_rng(10)
    lift, away = triangle(rng, controls=5, shift=0.25, general=0.1)
    clean = adjusted_lift(lift, away, DOMAINS)
    away[:, 2] = lift - 0.01
    tainted = adjusted_lift(lift, away, DOMAINS)
    assert tainted.adjusted.value == pytest.approx(clean.adjusted.value, abs=0.06)
    assert tainted.p < 0.001


def test_the_smallest_p_has_its_floor_and_the_seed_decides():
    lift = np.full(60, 0.5)
    first, again = (adjusted_lift(lift, np.zeros((60, 2)), DOMAINS, seed=3) for _ in range(2))
    assert first == again
    assert first.p == 1 / (1 + PERMUTATIONS)
    assert first.adjusted.value == first.lift.value == pytest.approx(0.5)


def test_no_controls_no_adjustment():
    lift = np.random.default_rng(1).normal(0.2, 0.1, 60)
    found = adjusted_lift(lift, np.zeros((60, 0)), DOMAINS)
    assert found.adjusted == found.lift


def test_one_probe_is_never_significant():
    found = adjusted_lift(np.array([0.9]), np.zeros((1, 3)), np.array([0]))
    assert found.p > 0.4
    assert found.adjusted.n == 1


def test_nothing_measured_is_nothing_found():
    assert adjusted_lift(np.full(4, NAN), np.zeros((4, 2)), np.zeros(4, int)) is None
    assert adjusted_lift(np.zeros(4), np.full((4, 2), NAN), np.zeros(4, int)) is None
    apart = np.array([[NAN], [NAN], [0.1], [0.2]])
    assert adjusted_lift(np.array([0.1, 0.2, NAN, NAN]), apart, np.zeros(4, int)) is None


def test_a_control_without_answers_counts_for_nothing():
    rng = np.random.default_rng(12)
    lift, away = triangle(rng, controls=3, general=0.4)
    silent = np.column_stack([away, np.full((60, 2), NAN)])
    assert adjusted_lift(lift, silent, DOMAINS) == adjusted_lift(lift, away, DOMAINS)


def test_lift_and_control_are_compared_on_the_same_probes():
    # the candidate moved everywhere by what its domain is worth; the axis sees the reference in two domains only
    values = np.array([0.1, 0.3, 0.8])[DOMAINS] + np.random.default_rng(0).normal(0, 0.01, 60)
    lift = values.copy()
    lift[DOMAINS == 2] = NAN
    found = adjusted_lift(lift, np.column_stack([values, values]), DOMAINS)
    assert found.adjusted.value == pytest.approx(0, abs=1e-12)
    patchy = np.column_stack([values, values])
    patchy[DOMAINS == 0, 0] = NAN
    assert adjusted_lift(lift, patchy, DOMAINS).adjusted.value == pytest.approx(0, abs=1e-12)
