"""Centring against a least-squares fit of the additive model, probe by probe."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.similarity.centring import FEWEST_MODELS, centre


def symmetric(rng, probes, models):
    s = rng.random((probes, models, models))
    s = (s + s.transpose(0, 2, 1)) / 2
    s[:, range(models), range(models)] = np.nan
    return s


def drop_model(s, probe, model):
    s[probe, model, :] = s[probe, :, model] = np.nan


def naive(matrix):
    """Residuals of s_ij = μ + a_i + a_j by numpy's least squares over the pairs that are there."""
    m = len(matrix)
    pairs = [(i, j) for i in range(m) for j in range(i + 1, m) if np.isfinite(matrix[i, j])]
    design = np.zeros((len(pairs), m + 1))
    for row, (i, j) in enumerate(pairs):
        design[row, [0, i + 1, j + 1]] = 1
    y = np.array([matrix[i, j] for i, j in pairs])
    fit = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    out = np.full((m, m), np.nan)
    for (i, j), e in zip(pairs, y - fit, strict=True):
        out[i, j] = out[j, i] = e
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 9), st.integers(0, 2), st.integers(0, 3))
def test_centre_is_the_least_squares_residual(seed, models, missing_models, missing_pairs):
    rng = np.random.default_rng(seed)
    s = symmetric(rng, 3, models + missing_models)
    for model in rng.permutation(models + missing_models)[:missing_models]:
        drop_model(s, 0, model)
    for _ in range(missing_pairs):
        i, j = rng.choice(models + missing_models, 2, replace=False)
        s[1, i, j] = s[1, j, i] = np.nan
    found = centre(s)
    for p in range(3):
        if np.isfinite(found[p]).any():
            np.testing.assert_allclose(found[p], naive(s[p]), atol=1e-9)
        else:
            answered = np.isfinite(s[p]).any(axis=1).sum()
            assert p == 1
            assert answered < FEWEST_MODELS or np.nanmax(np.abs(naive(s[p]))) < 1e-9


def test_effects_of_models_and_probes_cancel():
    rng = np.random.default_rng(1)
    s = symmetric(rng, 5, 7)
    drop_model(s, 2, 3)
    s[4, 0, 1] = s[4, 1, 0] = np.nan
    effect, ease = rng.normal(size=7), rng.normal(size=5)
    moved = s + effect[None, :, None] + effect[None, None, :] + ease[:, None, None]
    np.testing.assert_allclose(centre(moved), centre(s), atol=1e-9)


def test_order_of_models_does_not_matter():
    s = symmetric(np.random.default_rng(2), 4, 6)
    order = [3, 0, 5, 1, 4, 2]
    np.testing.assert_allclose(centre(s[:, order][:, :, order]), centre(s)[:, order][:, :, order], atol=1e-12)


def test_residuals_of_each_model_sum_to_nothing():
    found = centre(symmetric(np.random.default_rng(3), 4, 6))
    np.testing.assert_allclose(np.nansum(found, axis=2), 0, atol=1e-12)


def test_input_is_left_alone_and_the_diagonal_is_no_part_of_it():
    s = symmetric(np.random.default_rng(4), 2, 5)
    with_diagonal = s.copy()
    with_diagonal[:, range(5), range(5)] = 1.0
    before = with_diagonal.copy()
    np.testing.assert_allclose(centre(with_diagonal), centre(s))
    np.testing.assert_array_equal(with_diagonal, before)


@pytest.mark.parametrize("models", [1, 2, 3])
def test_too_few_models_leave_nothing_to_see(models):
    assert np.isnan(centre(symmetric(np.random.default_rng(5), 2, models))).all()


def test_a_probe_that_three_models_answered_is_no_zero():
    s = symmetric(np.random.default_rng(6), 2, 5)
    drop_model(s, 1, 0)
    drop_model(s, 1, 4)
    found = centre(s)
    assert np.isfinite(found[0]).sum() == 20
    assert np.isnan(found[1]).all()


def test_a_chain_of_comparisons_leaves_nothing_to_see():
    s = symmetric(np.random.default_rng(7), 1, 4)
    for i, j in ((0, 2), (0, 3), (1, 3)):
        s[0, i, j] = s[0, j, i] = np.nan
    assert np.isnan(centre(s)).all()
