"""Intervals, tests and corrections: pure functions on arrays, no models and no text.

Promise: every statistic is a *mean of domain means* (each domain weighs the same, as in the RSE of Lee et al. 2025,
arXiv 2501.12619, where each data set does), every interval resamples whole probes within their domain, every p-value is
``(1 + #)/(1 + B)``, and a missing value (NaN) leaves its probe out of that statistic only.

Shapes: values are ``(P,)`` or ``(P, K)`` for P probes and K quantities; ``domains`` is a ``(P,)`` integer array.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DRAWS = 2000
"""Bootstrap resamples."""
PERMUTATIONS = 9999
"""Permutations of a test: p-values down to 1/10,000, so that Holm's correction over a large run leaves something to see."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95% interval and the number of probes behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Rounded for storage; four digits are more than the interval supports."""
        return {"value": round(self.value, 5), "low": round(self.low, 5), "high": round(self.high, 5), "n": self.n}


def domain_means(values: FloatArray, domains: IntArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean of domain means, optionally under probe weights.

    Args:
        values: ``(P, K)``, NaN where not measured.
        domains: ``(P,)``.
        weights: ``(B, P)`` non-negative, one row a draw; None for one row of ones.

    Returns:
        ``(B, K)`` (or ``(K,)`` without weights). NaN where no domain has a measured probe.
    """
    single = weights is None
    rows = np.ones((1, len(values))) if weights is None else weights
    total = np.zeros((len(rows), values.shape[1]))
    counted = np.zeros_like(total)
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    for domain in np.unique(domains):
        inside = domains == domain
        mass = rows[:, inside] @ present[inside].astype(np.float64)
        sums = rows[:, inside] @ filled[inside]
        has = mass > 0
        total += np.divide(sums, mass, out=np.zeros_like(sums), where=has)
        counted += has
    means = np.divide(total, counted, out=np.full_like(total, np.nan), where=counted > 0)
    return means[0] if single else means


def bootstrap_weights(domains: IntArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """How often each probe is drawn in each bootstrap resample, stratified by domain.

    Returns:
        ``(draws, P)``; within a domain each row sums to its number of probes (Efron & Tibshirani 1993, ch. 6).
    """
    rng = np.random.default_rng(seed)
    weights = np.zeros((draws, len(domains)))
    for domain in np.unique(domains):
        inside = np.flatnonzero(domains == domain)
        weights[:, inside] = rng.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), size=draws)
    return weights


def intervals(values: FloatArray, domains: IntArray, weights: FloatArray) -> list[Interval | None]:
    """Percentile-bootstrap intervals of the mean of domain means, one per column.

    Args:
        values: ``(P, K)``, NaN where not measured.
        domains: ``(P,)``.
        weights: from `bootstrap_weights`; the same weights for every quantity keep comparisons paired.

    Returns:
        One `Interval` per column; None where nothing was measured.
    """
    found: list[Interval | None] = []
    estimates = domain_means(values, domains)
    counts = np.isfinite(values).sum(axis=0)
    for block in _blocks(values.shape[1]):
        draws = domain_means(values[:, block], domains, weights)
        for offset, column in enumerate(range(block.start, block.stop)):
            mine = draws[:, offset][np.isfinite(draws[:, offset])]
            if not counts[column] or not len(mine):
                found.append(None)
                continue
            low, high = np.percentile(mine, [2.5, 97.5])
            found.append(Interval(float(estimates[column]), float(low), float(high), int(counts[column])))
    return found


def _blocks(columns: int, size: int = 4096) -> Iterator[slice]:
    """Column blocks that keep the draws of one block near 64 MB."""
    for start in range(0, columns, size):
        yield slice(start, min(start + size, columns))


def wilson(successes: int, n: int, z: float = 1.959964) -> Interval | None:
    """Wilson score interval of a proportion (Wilson 1927); None for no trials."""
    if not n:
        return None
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), n)


@dataclass(frozen=True, slots=True)
class LiftTest:
    """The outcome of `adjusted_lift`."""

    lift: Interval
    adjusted: Interval
    p: float
    minimum_effect: float


def adjusted_lift(
    lift: FloatArray,
    control_lifts: FloatArray,
    domains: IntArray,
    *,
    minimum_effect: float = 0.0,
    draws: int = DRAWS,
    seed: int = 0,
) -> LiftTest | None:
    """Movement toward the reference beyond the movement toward controls, with a paired interval and a permutation p.

    The adjustment subtracts the *median* over controls of the mean movement toward each, so that a minority of controls
    that are themselves kin of the reference cannot hide a real movement. The p-value is one-sided for ``adjusted >
    minimum_effect`` and comes from swapping candidate and base within each probe (a joint sign flip of all its
    lifts), the exact null when the training moved the model nowhere in particular (Good 2005, ch. 3).

    Args:
        lift: ``(P,)`` similarity(candidate, reference) − similarity(base, reference).
        control_lifts: ``(P, C)`` the same with each control in the reference's place; C may be 0 (no adjustment).
        domains: ``(P,)``.
        minimum_effect: smallest movement worth calling one, in units of similarity.
        draws: bootstrap draws.
        seed: of the draws and the permutations.

    Returns:
        None when no probe is measured.
    """
    stacked = np.column_stack([lift, control_lifts])
    if not np.isfinite(lift).any():
        return None
    weights = bootstrap_weights(domains, draws, seed)
    point, sampled = domain_means(stacked, domains), domain_means(stacked, domains, weights)

    def beyond(means: FloatArray) -> FloatArray:
        if means.shape[-1] == 1:
            return means[..., 0]
        return np.asarray(means[..., 0] - np.nanmedian(means[..., 1:], axis=-1))

    shifted = stacked.copy()
    shifted[:, 0] -= minimum_effect
    observed = float(beyond(domain_means(shifted, domains)))
    signs = np.random.default_rng(seed + 1).choice([-1.0, 1.0], size=(PERMUTATIONS, len(lift)))
    null = beyond(_signed_means(shifted, domains, signs))
    p = (1 + int(np.sum(null >= observed - 1e-12))) / (1 + PERMUTATIONS)
    n = int(np.isfinite(lift).sum())
    return LiftTest(
        _interval(point[0], sampled[:, 0], n), _interval(float(beyond(point)), beyond(sampled), n), p, minimum_effect
    )


def _signed_means(values: FloatArray, domains: IntArray, signs: FloatArray) -> FloatArray:
    """Mean of domain means after multiplying each probe's row by its sign, one row of signs a draw."""
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    total = np.zeros((len(signs), values.shape[1]))
    counted = np.zeros(values.shape[1])
    for domain in np.unique(domains):
        inside = domains == domain
        mass = present[inside].sum(axis=0)
        has = mass > 0
        total += np.where(has, (signs[:, inside] @ filled[inside]) / np.maximum(mass, 1), 0.0)
        counted += has
    return np.asarray(total / np.maximum(counted, 1))


def _interval(value: float, draws: FloatArray, n: int) -> Interval:
    low, high = np.percentile(draws[np.isfinite(draws)], [2.5, 97.5])
    return Interval(float(value), float(low), float(high), n)


def holm(p_values: FloatArray) -> FloatArray:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.size and (np.nanmin(p) < 0 or np.nanmax(p) > 1):
        raise ValueError("p-values lie in [0, 1]")
    order = np.argsort(p)
    scaled = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted
