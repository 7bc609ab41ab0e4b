"""Intervals, tests and corrections: pure functions on arrays, no models and no text.

Promise: every statistic is a *mean of domain means* (each domain weighs the same, as in the RSE of Lee et al. 2025,
arXiv 2501.12619, where each data set does), every interval resamples whole probes within their domain, every p-value is
``(1 + #)/(1 + B)``, and a missing value (NaN) leaves its probe out of that statistic only.

Shapes: values are ``(P,)`` or ``(P, K)`` for P probes and K quantities; ``domains`` is a ``(P,)`` integer array.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mimicry_audit.statistics.interval_record import IntervalRecord

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

    def as_dict(self) -> IntervalRecord:
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
    domain_counts = np.zeros_like(total)
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    for domain in np.unique(domains):
        inside = domains == domain
        weighing = rows[:, inside]
        mass = weighing.sum(axis=1, keepdims=True)
        sums = weighing @ filled[inside]
        gaps = ~present[inside].all(axis=0)
        if not gaps.any() and (mass > 0).all():  # nothing missing, as nearly always
            total += sums / mass
            domain_counts += 1
            continue
        if not (mass > 0).all():
            gaps[:] = True
        # A draw that misses every measured probe of a domain keeps the domain's own mean: dropping the domain would
        # make that draw an estimate of something else.
        total[:, ~gaps] += sums[:, ~gaps] / mass
        domain_counts[:, ~gaps] += 1
        mass = weighing @ present[inside][:, gaps].astype(np.float64)
        probe_counts = present[inside][:, gaps].sum(axis=0)
        plain = filled[inside][:, gaps].sum(axis=0) / np.maximum(probe_counts, 1)
        total[:, gaps] += np.divide(sums[:, gaps], mass, out=np.broadcast_to(plain, mass.shape).copy(), where=mass > 0)
        domain_counts[:, gaps] += probe_counts > 0
    means = np.divide(total, domain_counts, out=np.full_like(total, np.nan), where=domain_counts > 0)
    return means[0] if single else means


def bootstrap_resamples(domains: IntArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """How much each probe weighs in each bootstrap resample, stratified by domain.

    A domain of n probes is resampled n − 1 times and weighed up to n (Rao & Wu 1988): n draws, as in the plain
    bootstrap, make intervals too narrow by (n − 1)/n in variance, which shows in a domain of ten probes.

    Returns:
        ``(draws, P)``; within a domain each row sums to its number of probes. A domain of one probe does not vary.
    """
    rng = np.random.default_rng(seed)
    weights = np.zeros((draws, len(domains)))
    for domain in np.unique(domains):
        inside = np.flatnonzero(domains == domain)
        n = len(inside)
        probe_draws = rng.multinomial(max(n - 1, 1), np.full(n, 1 / n), size=draws)
        weights[:, inside] = probe_draws * (n / max(n - 1, 1))
    return weights


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """Intervals of K quantities as arrays: what `intervals` gives as records.

    Attributes:
        value, low, high: ``(K,)``; NaN where nothing was measured.
        n: ``(K,)`` probes behind each.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    n: IntArray

    def at(self, k: int) -> Interval | None:
        """One of them; None where nothing was measured."""
        n = int(self.n[k])
        return Interval(float(self.value[k]), float(self.low[k]), float(self.high[k]), n) if n else None


def intervals(values: FloatArray, domains: IntArray, weights: FloatArray) -> list[Interval | None]:
    """Percentile-bootstrap intervals of the mean of domain means, one per column.

    Args:
        values: ``(P, K)``, NaN where not measured.
        domains: ``(P,)``.
        weights: from `bootstrap_resamples`; the same weights for every quantity keep comparisons paired.

    Returns:
        One `Interval` per column; None where nothing was measured.
    """
    table = interval_table(values, domains, weights)
    return [table.at(k) for k in range(values.shape[1])]


def interval_table(values: FloatArray, domains: IntArray, weights: FloatArray) -> IntervalTable:
    """As `intervals`, for so many columns that records of them would be slow."""
    value = domain_means(values, domains)
    low, high = np.full_like(value, np.nan), np.full_like(value, np.nan)
    n = np.isfinite(values).sum(axis=0)
    for block in _column_blocks(values.shape[1]):
        defined_columns = np.flatnonzero(n[block]) + block.start
        if len(defined_columns):
            low[defined_columns], high[defined_columns] = _interval_bounds(
                domain_means(values[:, defined_columns], domains, weights)
            )
    return IntervalTable(value, low, high, n)


def _interval_bounds(draws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The 2.5% and 97.5% points of each column, between neighbours in a straight line as in `numpy.percentile`.

    Laid out so that the draws of a column lie side by side, which halves the time of it.
    """
    rows, places = np.ascontiguousarray(draws.T), [share * (len(draws) - 1) for share in (0.025, 0.975)]
    last = len(draws) - 1
    rows.partition(sorted({min(int(place) + more, last) for place in places for more in (0, 1)}), axis=1)
    low, high = (
        rows[:, int(place)] + (place - int(place)) * (rows[:, min(int(place) + 1, last)] - rows[:, int(place)])
        for place in places
    )
    return low, high


def _row_medians(rows: FloatArray) -> FloatArray:
    """The median of each row; for rows of a hundred numbers sorting beats `numpy.median` several times over."""
    ordered, middle = np.sort(rows, axis=1), rows.shape[1] // 2
    return ordered[:, middle] if rows.shape[1] % 2 else (ordered[:, middle - 1] + ordered[:, middle]) / 2


def _column_blocks(columns: int, size: int = 4096) -> Iterator[slice]:
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
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)), n)


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

    The movement is compared with that toward each control on the probes where both are measured, and the *median* over
    the controls of these differences is the estimate, so that a minority of controls that are themselves kin of the
    reference cannot hide a real movement. The p-value is one-sided for ``adjusted >
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
        None when no probe is measured, or none together with any control.
    """
    excess_lifts = lift[:, None] - control_lifts
    excess_lifts = excess_lifts[:, np.isfinite(excess_lifts).any(axis=0)]
    if not control_lifts.shape[1]:
        excess_lifts = lift[:, None]
    if not excess_lifts.shape[1] or not np.isfinite(excess_lifts).any():
        return None
    weights = _standing_weights(domains.astype(np.int64).tobytes(), draws, seed)
    signs = _sign_flips(len(lift), seed)
    shifted = excess_lifts - minimum_effect
    observed = float(np.median(domain_means(shifted, domains)))
    null = _row_medians(_signed_means(shifted, domains, signs))
    p = (1 + int(np.sum(null >= observed - 1e-12))) / (1 + PERMUTATIONS)
    raw = intervals(lift[:, None], domains, weights)[0]
    assert raw is not None
    low, high = _interval_bounds(_row_medians(domain_means(excess_lifts, domains, weights))[:, None])
    adjusted = Interval(
        float(np.median(domain_means(excess_lifts, domains))),
        float(low[0]),
        float(high[0]),
        int(np.median(np.isfinite(excess_lifts).sum(axis=0))),
    )
    return LiftTest(raw, adjusted, p, minimum_effect)


@functools.lru_cache(maxsize=4)
def _standing_weights(domains: bytes, draws: int, seed: int) -> FloatArray:
    """The same draws for every test of a run, made once."""
    return bootstrap_resamples(np.frombuffer(domains, dtype=np.int64), draws, seed)


@functools.lru_cache(maxsize=4)
def _sign_flips(probes: int, seed: int) -> FloatArray:
    """Joint sign flips, one row a permutation, made once a run."""
    return np.random.default_rng(seed + 1).choice([-1.0, 1.0], size=(PERMUTATIONS, probes))


def _signed_means(values: FloatArray, domains: IntArray, signs: FloatArray) -> FloatArray:
    """Mean of domain means after multiplying each probe's row by its sign, one row of signs a draw."""
    present = np.isfinite(values)
    shares, domain_counts = np.zeros_like(values), np.zeros(values.shape[1])
    for domain in np.unique(domains):
        inside = domains == domain
        mass = present[inside].sum(axis=0)
        shares[inside] = 1 / np.maximum(mass, 1)
        domain_counts += mass > 0
    # What each probe weighs in the mean of domain means does not depend on its sign: one product does for all domains.
    return np.asarray(signs @ (np.where(present, values, 0.0) * shares / np.maximum(domain_counts, 1)))


def holm(p_values: FloatArray) -> FloatArray:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given.

    Raises:
        ValueError: a p-value outside [0, 1], or none at all (NaN).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values lie in [0, 1]")
    order = np.argsort(p)
    scaled = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted
