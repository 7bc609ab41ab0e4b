"""Centring: what is left of a similarity after removing the probe's and both models' general similarity.

``s_ij − s_i· − s_·j + s_··`` per probe, over the models that answered it (double-centring, as in classical scaling, Torgerson
1952). An easy probe makes all answers alike, and a plain style is close to every model; both cancel. What was
centred *on* matters: among six kin of one teacher their kinship is the mean and cancels too, so the models centred
over are always named beside the result.
"""

from __future__ import annotations

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray

FEWEST_MODELS = 4
"""Three models have three similarities and three numbers to fit them with: everything cancels, kinship included."""


def centre(similarities: FloatArray) -> FloatArray:
    """Double-centre each probe's matrix over its off-diagonal entries.

    Self-similarity is always 1 and says nothing, so row means leave the diagonal out; the formula is the additive model
    ``s_ij = μ + a_i + a_j + e_ij`` fitted by least squares to the off-diagonal entries, and the residual e_ij is returned.

    Args:
        similarities: ``(P, M, M)`` symmetric; NaN where a model's answer is missing or two answers cannot be compared.

    Returns:
        ``(P, M, M)``; NaN on the diagonal, where the similarity is missing, and for probes that fewer than
        `FEWEST_MODELS` models answered.
    """
    off = similarities.copy()
    models = off.shape[1]
    off[:, np.arange(models), np.arange(models)] = np.nan
    present = np.isfinite(off)
    m = present.any(axis=2).sum(axis=1)
    fits = m >= FEWEST_MODELS
    complete = present.sum(axis=(1, 2)) == m * (m - 1)
    residual = np.full_like(off, np.nan)
    closed = fits & complete
    residual[closed] = _centre_complete(off[closed], present[closed], m[closed].astype(np.float64))
    for probe in np.flatnonzero(fits & ~complete):
        residual[probe] = _centre_incomplete(off[probe], present[probe])
    return residual


def _centre_complete(off: FloatArray, present: FloatArray, m: FloatArray) -> FloatArray:
    """Least squares in closed form, where every two of the m models that answered were compared."""
    row_sums = np.where(present, off, 0.0).sum(axis=2)
    mean = row_sums.sum(axis=1) / (m * (m - 1))
    # On the complete graph of m models: a_i = (row sum − (m − 1) μ) / (m − 2), with Σ a_i = 0.
    effect = (row_sums - ((m - 1) * mean)[:, None]) / (m - 2)[:, None]
    return np.asarray(off - mean[:, None, None] - effect[:, :, None] - effect[:, None, :])


def _centre_incomplete(off: FloatArray, present: FloatArray) -> FloatArray:
    """Least squares through the normal equations, where some pairs could not be compared (neither states a result)."""
    filled, linked = np.where(present, off, 0.0), present.astype(np.float64)
    # With the mean absorbed (b_i = a_i + μ/2): Σ_j∈N(i) (b_i + b_j) = Σ_j∈N(i) s_ij for every model i.
    normal = linked + np.diag(linked.sum(axis=1))
    effect, _, rank, _ = np.linalg.lstsq(normal, filled.sum(axis=1), rcond=None)
    if linked.sum() / 2 <= rank:  # as many numbers to fit with as there are similarities
        return np.full_like(off, np.nan)
    return np.asarray(off - effect[:, None] - effect[None, :])
