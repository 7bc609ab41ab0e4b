"""Centring: what is left of a similarity when the probe and both models' general likeness are taken out.

``s_ij − s_i· − s_·j + s_··`` per probe, over the models that answered it (double-centring, as in classical scaling, Torgerson
1952). An easy probe makes all answers alike and a plain-spoken model is like everybody; both cancel. What was
centred *on* matters: among six kin of one teacher their kinship is the mean and cancels too, so the models centred
over are always named beside the result.
"""

from __future__ import annotations

import numpy as np

from mimicry_audit.similarity.base import FloatArray

FEWEST_MODELS = 3
"""Centring over fewer models leaves nothing to see."""


def centre(similarities: FloatArray) -> FloatArray:
    """Double-centre each probe's matrix over its off-diagonal entries.

    Self-similarity is always 1 and says nothing, so row means leave the diagonal out; the formula is the additive model
    ``s_ij = μ + a_i + a_j + e_ij`` fitted by least squares to the off-diagonal entries, and the residual e_ij is returned.

    Args:
        similarities: ``(P, M, M)`` symmetric; NaN where a model's answer is missing.

    Returns:
        ``(P, M, M)``; NaN on the diagonal, where either answer is missing, and for probes that fewer than
        `FEWEST_MODELS` models answered.
    """
    off = similarities.copy()
    models = off.shape[1]
    off[:, np.arange(models), np.arange(models)] = np.nan
    present = np.isfinite(off)
    answered = present.any(axis=2)
    m = answered.sum(axis=1).astype(np.float64)
    filled = np.where(present, off, 0.0)
    row_sums = filled.sum(axis=2)
    total = row_sums.sum(axis=1) / 2
    fits = m >= FEWEST_MODELS
    safe = np.where(fits, m, FEWEST_MODELS)
    mean = total / (safe * (safe - 1) / 2)
    # Least squares for the complete graph on m models: a_i = (row sum − (m − 1) μ) / (m − 2), with Σ a_i = 0.
    effect = (row_sums - (safe - 1)[:, None] * mean[:, None]) / np.maximum(safe - 2, 1)[:, None]
    residual = off - mean[:, None, None] - effect[:, :, None] - effect[:, None, :]
    residual[~fits] = np.nan
    return np.asarray(residual)
