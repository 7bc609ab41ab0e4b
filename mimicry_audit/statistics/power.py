"""How many probes are needed to detect an effect: the power of the one-sided test of a mean.

Promise: pure functions of numbers. A mean of *n* probes with standard deviation *sd* is tested against zero with Student's t;
under an effect *d* its statistic follows the noncentral t distribution with *n* − 1 degrees of freedom and noncentrality
√n · d / sd (Cohen 1988, *Statistical Power Analysis for the Behavioral Sciences*, ch. 2). Over *m* tests the level is α / m:
what Holm's first step asks of the smallest p-value, and so the most that it ever asks.

An excess, which takes the place of a lift where no base is known, is ranked among models: no number of probes makes up for too
few of them (`others_needed`).

The effect is what remains beyond what the test already subtracts (for lifts the minimum effect δ). Scoring uses a permutation
test in place of t; for means of tens of probes the two agree closely.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

MOST_PROBES = 1_000_000
"""Beyond this many the answer is: not with probes."""

DEFAULT_SPREAD: Mapping[str, float] = {
    "lexical": 0.21,
    "phrases": 0.21,
    "characters": 0.21,
    "early": 0.19,
    "opening": 0.24,
    "semantic": 0.16,
    "style": 0.11,
    "structure": 0.12,
    "answers": 0.43,
}
"""Axis → standard deviation of an adjusted lift over probes, measured on the lab models; ``benchmarks/spread.py`` says how."""


def power(n: int, effect: float, sd: float, alpha: float) -> float:
    """Chance that `n` probes show a true effect.

    Args:
        n: probes, at least 2.
        effect: true mean beyond zero, in units of similarity.
        sd: standard deviation over probes, in the same units.
        alpha: one-sided level of this one test.

    Returns:
        In [0, 1]; 0 for fewer than two probes, 1 where nothing varies.
    """
    from scipy.stats import nct, norm, t

    if n < 2:
        return 0.0
    if sd == 0:
        return 1.0 if effect > 0 else 0.0
    shift = math.sqrt(n) * effect / sd
    critical = float(t.isf(alpha, n - 1))
    chance = float(nct.sf(critical, n - 1, shift))
    # Where the tail is so far out that scipy gives up, the normal approximation is exact to many digits.
    return chance if math.isfinite(chance) else float(norm.sf(critical - shift))


def probes_needed(effect: float, sd: float, alpha: float, power: float) -> int | None:
    """Fewest probes that show a true effect with this power; None when `MOST_PROBES` are too few.

    Args:
        effect: true mean beyond zero, above 0.
        sd: standard deviation over probes.
        alpha: one-sided level of this one test.
        power: wanted chance of seeing it.
    """
    if _power(MOST_PROBES, effect, sd, alpha) < power:
        return None
    low, high = 1, 2
    while _power(high, effect, sd, alpha) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _power(middle, effect, sd, alpha) < power else (low, middle)
    return high


def smallest_effect(n: int, sd: float, alpha: float, power: float) -> float | None:
    """Smallest true effect that `n` probes show with this power; None for fewer than two probes."""
    from scipy.optimize import brentq

    if n < 2:
        return None
    if sd == 0:
        return 0.0
    # In units of sd the effect is at most a few times critical value plus quantile over √n.
    high = 1.0
    while _power(n, high * sd, sd, alpha) < power:
        high *= 2
    return float(brentq(lambda d: _power(n, d * sd, sd, alpha) - power, 0.0, high, xtol=1e-9)) * sd


_power = power


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much one axis varies over probes.

    Attributes:
        axis: its name.
        statistic: ``adjusted lift`` or ``excess``.
        sd: standard deviation over probes: the median over the judged pairs; None where too few probes tell it.
        n: probes it was measured on, the median over the pairs; None for a default.
        tests: p-values of this statistic that the run corrects together.
        others: of an excess, the most models that a pair is ranked among; None for a lift, which is tested over probes.
    """

    axis: str
    statistic: str
    sd: float | None
    n: int | None = None
    tests: int = 1
    others: int | None = None


def level(alpha: float, tests: int) -> float:
    """The one-sided level that the smallest of `tests` p-values has to reach.

    Holm's first step asks for α / m. A positive axis also needs the lower end of its 95 % interval beyond the minimum
    effect, which is a test at 2.5 %, so no level is laxer than that.
    """
    return min(alpha / tests, 0.025)


def others_needed(alpha: float, tests: int) -> int:
    """Fewest models to rank a pair among for a rank to count: the smallest p among n is 1 / (1 + n), times the tests."""
    return math.floor(tests / alpha)


def most_tests(alpha: float, permutations: int) -> int:
    """Most tests corrected together under which the smallest p of so many permutations still counts."""
    return math.ceil(alpha * (1 + permutations)) - 1


def spreads_of(scores: Mapping[str, Any], fewest: int) -> list[Spread]:
    """What a scored run shows about each axis: from the intervals of its judged pairs, backwards.

    An interval of a mean over n probes is about 2 · 1.96 · sd / √n wide, whatever the domains and controls were; so
    ``sd = √n · width / 3.92`` is the standard deviation that matters for planning, adjustment by the controls included. An
    interval of fewer than `fewest` probes, or one without any width, tells no spread.
    """
    others = len(scores["models"]) - 2
    most_others = 0
    tests: Counter[str] = Counter()
    spreads_by_axis: dict[tuple[str, str], list[tuple[float | None, int]]] = {}
    axes = [a["name"] for a in scores["axes"] if a["measured"] and not a["baseline"]]
    pairs = {frozenset((p["a"], p["b"])): p for p in scores["pairs"]}
    for verdict in scores["verdicts"]:
        lifts = {e["axis"]: e["estimate"] for e in verdict["evidence"] if e["statistic"] == "adjusted lift"}
        pair = pairs.get(frozenset((verdict["candidate"], verdict["reference"])), {"axes": {}})
        for axis in axes:
            statistic = "adjusted lift" if lifts else "excess"
            interval = lifts.get(axis) if lifts else (pair["axes"].get(axis) or {}).get("centred")
            if interval:
                tests[statistic] += 1
                n, width = interval["n"], interval["high"] - interval["low"]
                known = n >= fewest and width > 0
                spreads_by_axis.setdefault((axis, statistic), []).append(
                    (math.sqrt(n) * width / 3.92 if known else None, n)
                )
        if not lifts:
            # Ranked among the unrelated models that it was centred on, or among all others.
            on_panel = verdict["candidate"] not in (verdict.get("centred_on") or [verdict["candidate"]])
            most_others = max(most_others, len(verdict["centred_on"]) if on_panel else others)
    return [
        Spread(
            axis=axis, statistic=statistic, n=round(median(n for _, n in spreads)), tests=tests[statistic],
            sd=median(known) if (known := [sd for sd, _ in spreads if sd is not None]) else None,
            others=most_others if statistic == "excess" else None,
        )
        for (axis, statistic), spreads in spreads_by_axis.items()
    ]  # fmt: skip
