"""How well a score finds what it should: area under the curve, finds at few false alarms, and calibration.

Pure functions on scores. Shapes: ``(n,)`` scores of pairs that are related (positive) and that are not (negative).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimicry_audit.statistics.intervals import DRAWS, FloatArray, Interval

FALSE_ALARMS = 0.01
"""Rate of false alarms at which finds are counted: an accusation is worth nothing if one unrelated pair in ten gets it."""


def auc(positive: FloatArray, negative: FloatArray) -> float:
    """Area under the ROC curve: how often a related pair scores above an unrelated one, ties counting half.

    The Mann–Whitney statistic over its maximum (Hanley & McNeil 1982). NaN where either side is empty.
    """
    if not len(positive) or not len(negative):
        return float("nan")
    return float(_win_matrix(positive, negative).mean())


def auc_interval(
    positive: FloatArray,
    negative: FloatArray,
    clusters: tuple[Sequence[str], Sequence[str]],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval | None:
    """`auc` with a 95% interval from resampling whole clusters (students): pairs of one student are not independent.

    Args:
        positive: scores of related pairs.
        negative: scores of unrelated pairs.
        clusters: the cluster of each positive and of each negative.
        draws: bootstrap resamples; those that leave one side empty are drawn over.
        seed: of the draws.

    Returns:
        None where either side is empty.
    """
    if not len(positive) or not len(negative):
        return None
    names, codes = np.unique([*clusters[0], *clusters[1]], return_inverse=True)
    first, second = codes[: len(positive)], codes[len(positive) :]
    rng = np.random.default_rng(seed)
    cluster_counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(np.float64)
    weigh_p, weigh_n = cluster_counts[:, first], cluster_counts[:, second]
    mass = weigh_p.sum(axis=1) * weigh_n.sum(axis=1)
    areas = ((weigh_p @ _win_matrix(positive, negative)) * weigh_n).sum(axis=1)[mass > 0] / mass[mass > 0]
    low, high = np.percentile(areas, [2.5, 97.5]) if len(areas) else (0.0, 1.0)
    return Interval(auc(positive, negative), float(low), float(high), len(positive))


def tpr_at_fpr(positive: FloatArray, negative: FloatArray, rate: float = FALSE_ALARMS) -> float:
    """Share of related pairs above the score that at most `rate` of the unrelated pairs exceed. NaN without either side."""
    if not len(positive) or not len(negative):
        return float("nan")
    threshold = np.sort(negative)[::-1][int(rate * len(negative))]
    return float(np.mean(positive > threshold))


def reliability(
    probabilities: FloatArray, happened: FloatArray, weights: FloatArray | None = None, bins: int = 5
) -> list[dict[str, float | int]]:
    """A reliability table: what was promised against what happened, in bins of equal width.

    Args:
        probabilities: ``(n,)`` in [0, 1].
        happened: ``(n,)`` 1 where it was so, else 0.
        weights: ``(n,)`` of the means, at least 0; all alike by default.
        bins: number of bins; empty ones are left out.

    Returns:
        One entry a bin: ``low``, ``high``, mean ``promised``, ``observed`` share and ``n``.
    """
    weights = np.ones(len(probabilities)) if weights is None else weights
    place = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    table: list[dict[str, float | int]] = []
    for b in range(bins):
        inside = place == b
        if inside.any():
            table.append(
                {
                    "low": b / bins,
                    "high": (b + 1) / bins,
                    "promised": round(float(np.average(probabilities[inside], weights=weights[inside])), 4),
                    "observed": round(float(np.average(happened[inside], weights=weights[inside])), 4),
                    "n": int(inside.sum()),
                }
            )
    return table


def _win_matrix(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """``(n positive, n negative)``: 1 where the positive scores higher, ½ where they tie."""
    difference = np.asarray(positive)[:, None] - np.asarray(negative)[None, :]
    return np.asarray(((difference > 0) + 0.5 * (difference == 0)).astype(np.float64))
