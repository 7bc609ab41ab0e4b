"""The round robin's test is ordinary least squares with a prediction for one pair, and its p-values keep their promise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mimicry_audit.statistics.round_robin import RoundRobin


def table(members: int, seed: int, *, shared: float = 0.0, noise: float = 1.0) -> np.ndarray:
    """What each member brings, what each pair shares at random, and `shared` more for the pair (0, 1)."""
    rng = np.random.default_rng(seed)
    own = rng.normal(scale=3.0, size=members)
    values = own[:, None] + own[None] + np.triu(rng.normal(scale=noise, size=(members, members)), 1)
    values[0, 1] += shared
    return np.triu(values, 1) + np.triu(values, 1).T


@pytest.mark.parametrize("members", [5, 6, 9])
def test_the_distance_is_that_of_a_prediction_by_least_squares(members: int) -> None:
    values = table(members, seed=3)
    pairs = [pair for pair in combinations(range(members), 2) if pair != (0, 1)]
    design = np.array([[float(m in pair) for m in range(members)] for pair in pairs])
    observed = np.array([values[pair] for pair in pairs])
    fitted, (residual,), rank, _ = np.linalg.lstsq(design, observed, rcond=None)
    freedom = len(pairs) - int(rank)
    question = np.array([float(m in (0, 1)) for m in range(members)])
    leverage = question @ np.linalg.inv(design.T @ design) @ question
    expected = (values[0, 1] - question @ fitted) / np.sqrt(residual / freedom * (1 + leverage))
    test = RoundRobin(members, [(0, 1)])
    assert test.freedom == freedom
    assert float(test.t(values)) == pytest.approx(expected)
    assert float(test.t(10 * values + 7)) == pytest.approx(expected), "neither scale nor level matters"


def test_several_tables_are_tested_at_once() -> None:
    test = RoundRobin(5, [(0, 1)])
    tables = np.stack([table(5, seed) for seed in range(4)])
    np.testing.assert_allclose(test.t(tables), [float(test.t(one)) for one in tables])


def test_p_values_of_usual_pairs_are_uniform_and_those_of_a_close_one_are_small() -> None:
    test = RoundRobin(6, [(0, 1)])
    usual = np.array([test.p(float(test.t(table(6, seed)))) for seed in range(2000)])
    for level in (0.01, 0.05, 0.5):
        assert (usual < level).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 2000))
    close = [test.p(float(test.t(table(6, seed, shared=12.0)))) for seed in range(50)]
    assert np.median(close) < 1e-4


def test_pairs_that_are_left_out_change_nothing() -> None:
    values = table(6, seed=1)
    test = RoundRobin(6, [(0, 1)], [(4, 5)])
    before = float(test.t(values))
    values[4, 5] = values[5, 4] = 100.0
    assert float(test.t(values)) == before
    assert test.freedom == RoundRobin(6, [(0, 1)]).freedom - 1


def test_nothing_is_known_of_three_or_of_a_member_without_another_pair() -> None:
    assert RoundRobin(3, [(0, 1)]).freedom == 0
    assert RoundRobin(5, [(0, 1)], [(0, 2), (0, 3), (0, 4)]).freedom == 0


def test_a_missing_pair_gives_no_number() -> None:
    values = table(5, seed=1)
    values[2, 3] = values[3, 2] = np.nan
    assert np.isnan(RoundRobin(5, [(0, 1)]).t(values))
