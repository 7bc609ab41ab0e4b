"""Agreement beyond chance, where the panel says what chance is.

Two models agree on an answer because it is right, or because it is the mistake that all models make. What agreement two models
would have if each were no more like the other than like the rest of the panel is measured, not assumed:

    kappa = (observed − expected) / (1 − expected)

with ``expected`` the mean agreement of either of the two with all other models on the same probes. This is the form of
Cohen's kappa and of CAPA (Goel et al. 2025, arXiv 2502.04313, eq. 4), whose expected agreement comes from the models'
accuracies and a uniform choice among wrong options; unrelated models share far more mistakes than that (Kim et al. 2025,
"Correlated Errors in Large Language Models"), so the panel is the fairer chance.
"""

from __future__ import annotations

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.statistics.intervals import IntArray, Interval, domain_means

FEWEST_OTHERS = 2
"""Expected agreement from a single other model would be that model's agreement, not chance."""


def beyond_chance(
    agreement: FloatArray, i: int, j: int, domains: IntArray, weights: FloatArray
) -> tuple[float, float, Interval] | None:
    """Observed and expected agreement of two models, and kappa with its interval.

    Args:
        agreement: ``(P, M, M)`` of an answer axis, NaN where two answers cannot be compared.
        i: one model.
        j: the other.
        domains: ``(P,)``.
        weights: ``(B, P)`` from `mimicry_audit.statistics.intervals.bootstrap_resamples`.

    Returns:
        None where the two share no comparable probe, the panel is smaller than `FEWEST_OTHERS`, or agreement
        is expected to be perfect, so that nothing can exceed it.
    """
    others = [k for k in range(agreement.shape[1]) if k not in (i, j)]
    if len(others) < FEWEST_OTHERS:
        return None
    usual = np.concatenate([agreement[:, [i], :][:, 0, others], agreement[:, [j], :][:, 0, others]], axis=1)
    finite = np.isfinite(usual)
    finite_counts = finite.sum(axis=1)
    expected = np.where(
        finite_counts > 0, np.where(finite, usual, 0.0).sum(axis=1) / np.maximum(finite_counts, 1), np.nan
    )
    both = np.column_stack([agreement[:, i, j], expected])
    both[~np.isfinite(both).all(axis=1)] = np.nan
    if not np.isfinite(both).any():
        return None
    observed, chance = domain_means(both, domains)
    if chance >= 1:
        return None
    resampled_means = domain_means(both, domains, weights)
    kappas = (resampled_means[:, 0] - resampled_means[:, 1]) / np.maximum(1 - resampled_means[:, 1], 1e-9)
    low, high = (float(x) for x in np.percentile(kappas, [2.5, 97.5]))
    value = float((observed - chance) / (1 - chance))
    return float(observed), float(chance), Interval(value, low, high, int(np.isfinite(both[:, 0]).sum()))
