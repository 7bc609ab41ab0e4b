"""How well a model predicts a text: cross-entropy, perplexity and bits per byte, and how much training gained.

Promise: log-probabilities are natural; figures over several texts pool them (all nats over all tokens, all bits over all
bytes), as perplexity and bits per byte are defined, and their intervals redraw whole probes within their domains.

Perplexity depends on the tokenizer and is compared only where the tokenizers map equally; bits per byte are not and are
compared everywhere (L. Gao et al., *The Pile*, 2020, section 3.1).
"""

from __future__ import annotations

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.statistics.intervals import Interval

LN2 = float(np.log(2.0))


def bits_per_byte(nats: FloatArray, sizes: FloatArray) -> FloatArray:
    """Bits per byte of each text.

    Args:
        nats: ``(P,)`` negative log-likelihood of each whole text; NaN where not measured.
        sizes: ``(P,)`` bytes of each text in UTF-8.
    """
    return np.asarray(nats / (LN2 * sizes))


def pooled(nats: FloatArray, units: FloatArray, weights: FloatArray) -> Interval | None:
    """Σ nats / Σ units over the measured texts, with a percentile-bootstrap interval over whole probes.

    Args:
        nats: ``(P,)`` negative log-likelihoods, NaN where not measured.
        units: ``(P,)`` tokens, or ln 2 · bytes, of each text.
        weights: ``(B, P)`` from `mimicry_audit.statistics.intervals.bootstrap_resamples`.

    Returns:
        None where nothing was measured.
    """
    finite = np.isfinite(nats)
    if not finite.any():
        return None
    value = float(nats[finite].sum() / units[finite].sum())
    below = weights[:, finite] @ units[finite]
    ratios = (weights[:, finite] @ nats[finite])[below > 0] / below[below > 0]
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Interval(value, float(low), float(high), int(finite.sum()))


def perplexity(cross_entropy: Interval) -> Interval | None:
    """The exponential of a cross-entropy in nats per token; None where that is beyond what a number can hold."""
    if cross_entropy.high >= 700:
        return None
    value, low, high = (float(np.exp(x)) for x in (cross_entropy.value, cross_entropy.low, cross_entropy.high))
    return Interval(value, low, high, cross_entropy.n)
