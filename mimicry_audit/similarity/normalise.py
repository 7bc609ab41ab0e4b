"""Two ways to read a similarity relative to all others: symmetric score normalisation and rank evidence.

A raw similarity says little, because some models are close to every other and some probes make all models alike. Both functions
compare a pair with the *cohort*: all other models of the run that are compared with either of its two.

* `symmetric_norm`: how many robust standard deviations a mean similarity stands above what each of the two has with the
  cohort, as the S-norm of speaker verification does with verification scores (Kenny 2010, "Bayesian speaker verification with
  heavy-tailed priors"), with median and median absolute deviation in place of mean and standard deviation, so that a
  handful of kin in the cohort does not raise the bar. A model's own spread is drawn halfway toward the median spread of all
  models, so that a model whose cohort happens to be tight or wide does not decide the score by its spread alone.
* `rank_evidence`: probe by probe, how near the top of each other's list two models stand, ``−ln(rank / others)``: the
  mean is Fisher's statistic for combining p-values (Fisher 1932) over probes, 1 in expectation for unrelated models. It
  detects a few distinctive probes that a mean of similarities hides.
"""

from __future__ import annotations

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray

FEWEST_COHORT = 8
"""With fewer other models a median and a spread of them are too rough to hold a pair against."""
_TO_SIGMA = 1.4826
"""Median absolute deviation of a normal distribution, in standard deviations, inverted."""
_POOLED_SHARE = 0.5
"""Weight of the median spread of all models in each model's squared spread."""
_SMALLEST_SPREAD = 1e-3
"""Keeps a cohort that is all alike from turning roundings into large scores; far below any real spread."""


def symmetric_norm(means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Robust S-norm of a matrix of mean similarities.

    ``z_i(j) = (s_ij − median_k s_ik) / d_i`` over the models k ≠ i, where ``d_i² = (σ_i² + median_m σ_m²) / 2`` and
    ``σ_i = 1.4826 · MAD_k s_ik``.

    Args:
        means: ``(M, M)`` symmetric; NaN where two models could not be compared; the diagonal is ignored.

    Returns:
        Two ``(M, M)`` symmetric matrices: the mean of ``z_i(j)`` and ``z_j(i)``, and the smaller of the two. NaN on the
        diagonal, where the similarity is missing, and for a model compared with at most `FEWEST_COHORT` others.
    """
    off = np.array(means, dtype=np.float64)
    np.fill_diagonal(off, np.nan)
    enough = np.isfinite(off).sum(axis=1) > FEWEST_COHORT
    z = np.full_like(off, np.nan)
    if enough.any():
        some = off[enough]
        middle = np.nanmedian(some, axis=1, keepdims=True)
        spread = _TO_SIGMA * np.nanmedian(np.abs(some - middle), axis=1, keepdims=True)
        shrunk = np.sqrt((1 - _POOLED_SHARE) * spread**2 + _POOLED_SHARE * np.median(spread) ** 2)
        z[enough] = (some - middle) / (shrunk + _SMALLEST_SPREAD)
    return (z + z.T) / 2, np.minimum(z, z.T)


def rank_evidence(similarities: FloatArray) -> FloatArray:
    """``−ln(rank / others)`` of each model in every other's list, probe by probe, averaged over the two lists.

    Ties share their mean rank, so two models with the same answer never differ by their place in the run.

    Args:
        similarities: ``(P, M, M)`` symmetric, NaN where missing.

    Returns:
        ``(P, M, M)`` symmetric, at least 0; NaN where missing or where a list has one model only.
    """
    from scipy.stats import rankdata

    mean_evidence = np.full(similarities.shape, np.nan)
    models = similarities.shape[1]
    for p, matrix in enumerate(similarities):
        off = matrix.astype(np.float64).copy()
        off[np.arange(models), np.arange(models)] = np.nan
        present = np.isfinite(off)
        others = present.sum(axis=1, keepdims=True)
        ranks = rankdata(
            np.where(present, -off, np.inf), axis=1
        )  # the missing come last and disturb no rank before them
        evidence = np.where(present & (others > 1), -np.log(np.minimum(ranks / np.maximum(others, 1), 1.0)), np.nan)
        mean_evidence[p] = (evidence + evidence.T) / 2
    return mean_evidence
