"""How much of a teacher an audit can see: power against dose, and the dose at which it is reached.

Promise: pure functions on what came of repeated audits at known doses, and the reader of what was measured on the lab
(``doses.json`` beside this file; ``python -m benchmarks.dose_response`` makes it). A *dose* is the share of a student's
fine-tuning answers that came from the teacher, in [0, 1]; the *detection limit* is the dose from which the verdict is
``distilled`` with a given chance, the *power*.

Power cannot fall with the dose, so the shares found are fitted by isotonic regression (Ayer et al. 1955), which supposes no
shape; between two tested doses the fit is read in a straight line over log dose, as in bioassay (Finney 1971), and between
dose 0 and the smallest dose over the dose itself. The interval resamples whole clusters: seeds (retrained models) and pools
of probes, then sets within them (cluster bootstrap, Davison & Hinkley 1997, section 3.8).
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mimicry_audit.statistics.intervals import DRAWS, FloatArray, Interval

SCHEMA = "mimicry_audit.doses/1"
POWERS = (0.5, 0.8)
"""Chances of a right verdict for which a limit is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A detection limit, as shares of the fine-tuning answers.

    Attributes:
        power: the chance that is reached.
        value, low, high: the dose and its 95 % interval; None beyond the largest dose tested.
    """

    power: float
    value: float | None
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        """As JSON."""
        return {"power": self.power, "value": self.value, "low": self.low, "high": self.high}


def isotonic(shares: FloatArray, trials: FloatArray) -> FloatArray:
    """The never-falling curve nearest to the shares, in least squares weighted by the trials behind each.

    Args:
        shares: ``(D,)`` by rising dose.
        trials: ``(D,)`` above 0.
    """
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(shares, weights=trials).x, dtype=np.float64)


def dose_at(doses: Sequence[float], fitted: FloatArray, power: float) -> float:
    """The smallest dose at which a never-falling curve reaches `power`; infinite where it never does.

    Args:
        doses: ``(D,)`` rising, the first may be 0.
        fitted: ``(D,)`` from `isotonic`.
        power: wanted chance.
    """
    reached = np.flatnonzero(fitted >= power - 1e-12)
    if not len(reached):
        return math.inf
    at = int(reached[0])
    if at == 0:
        return float(doses[0])
    low, high = float(doses[at - 1]), float(doses[at])
    share = (power - float(fitted[at - 1])) / (float(fitted[at]) - float(fitted[at - 1]))
    if low <= 0:
        return low + share * (high - low)
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def detection_limit(
    outcomes: FloatArray, doses: Sequence[float], power: float, *, draws: int = DRAWS, seed: int = 0
) -> Limit:
    """The dose from which the chance of a find is `power`.

    Args:
        outcomes: ``(S, P, K, D)``: 1 where an audit of the student of that seed and dose, asked the k-th set of probes
            drawn from the p-th pool, came to ``distilled``, else 0.
        doses: ``(D,)`` rising.
        power: wanted chance, in (0, 1).
        draws: bootstrap resamples.
        seed: of the draws.
    """
    trials = np.full(len(doses), outcomes[..., 0].size, dtype=np.float64)
    limits = [
        dose_at(doses, isotonic(resample.mean(axis=(0, 1, 2)), trials), power)
        for resample in resampled(outcomes, draws, seed)
    ]
    low, high = np.quantile(limits, [0.025, 0.975], method="inverted_cdf")  # order statistics: some may be infinite
    value = dose_at(doses, isotonic(outcomes.mean(axis=(0, 1, 2)), trials), power)
    return Limit(
        power=power, value=_finite_or_none(value), low=_finite_or_none(float(low)), high=_finite_or_none(float(high))
    )


def power_curve(outcomes: FloatArray, *, draws: int = DRAWS, seed: int = 0) -> list[Interval]:
    """The share of audits that came to ``distilled`` at each dose, with the interval of the same clusters.

    Args:
        outcomes: ``(S, P, K, D)`` as in `detection_limit`.
        draws: bootstrap resamples.
        seed: of the draws.
    """
    shares = outcomes.mean(axis=(0, 1, 2))
    rates = np.array([resample.mean(axis=(0, 1, 2)) for resample in resampled(outcomes, draws, seed)])
    low, high = np.percentile(rates, [2.5, 97.5], axis=0)
    n = outcomes[..., 0].size
    return [Interval(float(v), float(a), float(b), n) for v, a, b in zip(shares, low, high, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Whether scores rise with the dose.

    Attributes:
        spearman: rank correlation of the mean score with the dose, with its interval.
        falls: ``(seed number, smaller dose, larger dose, fall)`` where a larger dose scored lower in one seed.
    """

    spearman: Interval
    falls: tuple[tuple[int, float, float, float], ...]


def trend(scores: FloatArray, doses: Sequence[float], *, draws: int = DRAWS, seed: int = 0) -> Trend:
    """How monotone scores are in the dose.

    Args:
        scores: ``(S, P, D)``: the score of the student of that seed and dose on the p-th pool of probes.
        doses: ``(D,)`` rising.
        draws: bootstrap resamples of seeds and pools.
        seed: of the draws.
    """
    ranks = [
        _rank_correlation(resample.mean(axis=(0, 1, 2)), doses)
        for resample in resampled(scores[:, :, None, :], draws, seed)
    ]
    low, high = np.percentile(ranks, [2.5, 97.5])
    value = _rank_correlation(scores.mean(axis=(0, 1)), doses)
    each = scores.mean(axis=1)
    falls = tuple(
        (s, float(doses[d]), float(doses[d + 1]), float(each[s, d] - each[s, d + 1]))
        for s in range(len(each))
        for d in range(len(doses) - 1)
        if each[s, d + 1] < each[s, d]
    )
    return Trend(spearman=Interval(value, float(low), float(high), len(each)), falls=falls)


def resampled(outcomes: FloatArray, draws: int, seed: int) -> Iterator[FloatArray]:
    """Cluster bootstrap: seeds and pools with replacement (the same pools for every seed), then sets within each.

    Args:
        outcomes: ``(S, P, K, D)``.
        draws: how many.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    seeds, pools, sets, _ = outcomes.shape
    for _ in range(draws):
        of_seeds = rng.integers(0, seeds, size=(seeds,))
        of_pools = rng.integers(0, pools, size=(pools,))
        of_sets = rng.integers(sets, size=(seeds, pools, sets))
        clusters = outcomes[np.ix_(of_seeds, of_pools)]
        yield np.take_along_axis(clusters, of_sets[..., None], axis=2)


def at_probes(curves: Sequence[Mapping[str, Any]], probes: int, power: float) -> dict[str, Any] | None:
    """The detection limit for a number of probes, between the numbers it was measured for.

    Args:
        curves: ``curves`` of ``doses.json``.
        probes: of the present audit.
        power: one of the powers that limits are stated for.

    Returns:
        ``probes``, ``power``, ``value``, ``low``, ``high`` (None where it is beyond the largest dose tested) and
        ``beyond``: -1 and 1 where fewer or more probes than were measured make it the limit of the nearest number, else 0.
        Read in straight lines over log probes and log dose. None without curves.
    """
    measured_curves = sorted(
        ((int(c["probes"]), limit) for c in curves for limit in c["limits"] if limit["power"] == power),
        key=lambda item: item[0],
    )
    if not measured_curves:
        return None
    outside_range = -1 if probes < measured_curves[0][0] else 1 if probes > measured_curves[-1][0] else 0
    n = min(max(probes, measured_curves[0][0]), measured_curves[-1][0])
    limits = {end: _interpolate_dose(measured_curves, n, end) for end in ("value", "low", "high")}
    return {"probes": probes, "power": power, **limits, "beyond": outside_range}


def _interpolate_dose(measured_curves: Sequence[tuple[int, Mapping[str, Any]]], n: int, end: str) -> float | None:
    upper = next(at for at, (probes, _) in enumerate(measured_curves) if probes >= n)
    upper_probes, above = measured_curves[upper][0], measured_curves[upper][1][end]
    if upper_probes == n or upper == 0:
        return None if above is None else float(above)
    lower_probes, below = measured_curves[upper - 1][0], measured_curves[upper - 1][1][end]
    if above is None or below is None:  # an unknown limit allows no interpolation, so the cautious end is used
        return None
    share = (math.log(n) - math.log(lower_probes)) / (math.log(upper_probes) - math.log(lower_probes))
    if above <= 0 or below <= 0:
        return float(below + share * (above - below))
    return math.exp(math.log(below) + share * (math.log(above) - math.log(below)))


@functools.cache
def shipped() -> Mapping[str, object] | None:
    """What was measured on the lab, as `docs/formats.md` describes it; None where the file is not there."""
    path = Path(__file__).with_name("doses.json")
    if not path.is_file():
        return None
    document: dict[str, object] = json.loads(path.read_text("utf-8"))
    return document if document.get("schema") == SCHEMA else None


def _rank_correlation(scores: FloatArray, doses: Sequence[float]) -> float:
    from scipy.stats import rankdata

    first, second = rankdata(scores), rankdata(doses)
    if first.std() == 0:
        return 0.0  # all alike: nothing rises
    return float(np.corrcoef(first, second)[0, 1])


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
