"""How far a model moved, and whether it moved at all: paired statistics on arrays, nothing about models or texts.

Promise: before and after are compared on the same probes, the probe being the unit that is redrawn and swapped; a movement
toward the reference is reported beyond the movement toward the controls where any are given (the *adjusted lift* of
`mimicry_audit.statistics.intervals.adjusted_lift`); p-values are two-sided, for a model can also move away; and everything
is the mean of domain means.

Shapes: P probes, C controls; missing values are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mimicry_audit.records.compared import Direction, MovementRecord
from mimicry_audit.statistics.intervals import (
    FloatArray,
    IntArray,
    Interval,
    adjusted_lift,
    bootstrap_resamples,
    holm,
    intervals,
)
from mimicry_audit.verdicts.findings import ALPHA, FEWEST_PER_AXIS, MINIMUM_EFFECT

Rows: TypeAlias = "slice | npt.NDArray[np.bool_]"
"""Which probes: a slice of them, or a ``(P,)`` mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One quantity before and after.

    Attributes:
        before, after: its means on the probes where both are known.
        change: after less before, paired.
        adjusted: the change beyond that of the controls (their median); `change` itself without controls.
        p: two-sided, of `adjusted` beyond `minimum`: twice the smaller one-sided p, at most 1.
        p_holm: after Holm's correction over the family it was tested in.
        minimum: smallest movement that is called one.
    """

    before: Interval
    after: Interval
    change: Interval
    adjusted: Interval
    p: float
    p_holm: float | None = None
    minimum: float = 0.0

    @property
    def direction(self) -> Direction:
        """``up``, ``down``, ``relative``, ``unclear``, or ``too few`` probes.

        Up takes p below α, the whole interval beyond `minimum`, and a change that is above zero by itself: what lost on
        every text has not come nearer to the one on which it lost least. That is ``relative``: so only beside the controls.
        """
        if self.adjusted.n < FEWEST_PER_AXIS:
            return "too few"
        exceeds_minimum = self.adjusted.low > self.minimum or self.adjusted.high < -self.minimum
        if not exceeds_minimum or (self.p if self.p_holm is None else self.p_holm) >= ALPHA:
            return "unclear"
        if self.adjusted.value * self.change.value <= 0:
            return "relative"
        return "up" if self.adjusted.value > 0 else "down"

    def as_dict(self) -> MovementRecord:
        """For ``compare.json``."""
        return {
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "change": self.change.as_dict(),
            "adjusted": self.adjusted.as_dict(),
            "p": round(self.p, 6),
            "p_holm": None if self.p_holm is None else round(self.p_holm, 6),
            "direction": self.direction,
        }


def moved(
    before: FloatArray,
    after: FloatArray,
    controls: FloatArray | None,
    domains: IntArray,
    *,
    minimum: float = 0.0,
    draws: int,
    seed: int,
) -> Movement | None:
    """One quantity before and after, tested.

    Args:
        before: ``(P,)``.
        after: ``(P,)``.
        controls: ``(P, C)`` the same change toward each control; None or C = 0 for no adjustment.
        domains: ``(P,)``.
        minimum: smallest change worth calling one, in the quantity's units.
        draws: bootstrap draws.
        seed: of draws and permutations.

    Returns:
        None where no probe is known on both sides, or none together with any control.
    """
    both = np.isfinite(before) & np.isfinite(after)
    if not both.any():
        return None
    lift = np.where(both, after - before, np.nan)
    control_lifts = np.full((len(lift), 0), np.nan) if controls is None else controls
    toward = adjusted_lift(lift, control_lifts, domains, minimum_effect=minimum, draws=draws, seed=seed)
    away = adjusted_lift(-lift, -control_lifts, domains, minimum_effect=minimum, draws=draws, seed=seed)
    if toward is None or away is None:
        return None
    columns = np.column_stack([np.where(both, before, np.nan), np.where(both, after, np.nan)])
    first, second = intervals(columns, domains, bootstrap_resamples(domains, draws, seed))
    assert first is not None
    assert second is not None
    return Movement(
        before=first,
        after=second,
        change=toward.lift,
        adjusted=toward.adjusted,
        p=min(1.0, 2 * min(toward.p, away.p)),
        minimum=minimum,
    )


def corrected(movements: Sequence[Movement | None]) -> list[Movement | None]:
    """Holm's correction over one family of tests; what was not measured stays None."""
    measured_movements = [m for m in movements if m is not None]
    if not measured_movements:
        return list(movements)
    adjusted = iter(holm(np.array([m.p for m in measured_movements])))
    return [None if m is None else replace(m, p_holm=float(next(adjusted))) for m in movements]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Similarity to the reference on one axis, or on the mean of all.

    Attributes:
        to_reference: ``(P, S)`` of before and each checkpoint, S in all; known on a probe for all of them or for none.
        to_controls: ``(P, S, C)`` of the same to each control.
    """

    to_reference: FloatArray
    to_controls: FloatArray

    def movement(
        self, start: int, end: int, domains: IntArray, *, minimum: float = MINIMUM_EFFECT, draws: int, seed: int
    ) -> Movement | None:
        """From one place in the trajectory to another, beyond the controls."""
        return moved(
            self.to_reference[:, start],
            self.to_reference[:, end],
            self.to_controls[:, end] - self.to_controls[:, start],
            domains,
            minimum=minimum,
            draws=draws,
            seed=seed,
        )

    def rows(self, selection: Rows) -> Likeness:
        """The same on some of the probes."""
        return Likeness(self.to_reference[selection], self.to_controls[selection])


def likeness(values: FloatArray, models: Sequence[int], reference: int, controls: Sequence[int]) -> Likeness:
    """One axis's similarities, on the probes where before and every checkpoint have one.

    One common ground for the whole trajectory: else a checkpoint that fails on hard probes would seem to be nearer.

    Args:
        values: ``(P, M, M)``.
        models: places of before and the checkpoints.
        reference: its place.
        controls: their places.
    """
    to_reference = values[:, list(models), reference]
    common_probes = np.asarray(np.isfinite(to_reference).all(axis=1))
    to_controls = values[:, list(models)][:, :, list(controls)]
    return Likeness(
        np.where(common_probes[:, None], to_reference, np.nan),
        np.where(common_probes[:, None, None], to_controls, np.nan),
    )


def together(parts: Sequence[Likeness]) -> Likeness:
    """The mean over axes, probe by probe, each axis on its common ground.

    A control is averaged over the axes on which it is known for the whole trajectory, so that it moves on the same ones.
    """
    shape = parts[0].to_controls.shape
    total, count = np.zeros(shape[:2]), np.zeros(shape[:2])
    others, control_counts = np.zeros(shape), np.zeros(shape)
    for part in parts:
        common_probes = np.isfinite(part.to_reference)
        total += np.where(common_probes, part.to_reference, 0.0)
        count += common_probes
        common_controls = np.broadcast_to(np.isfinite(part.to_controls).all(axis=1, keepdims=True), shape)
        others += np.where(common_controls, part.to_controls, 0.0)
        control_counts += common_controls
    return Likeness(
        np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0),
        np.divide(others, control_counts, out=np.full_like(others, np.nan), where=control_counts > 0),
    )


def mcnemar(before: FloatArray, after: FloatArray) -> tuple[int, int, float]:
    """McNemar's exact test of right and wrong answers (one per probe): gained, lost, two-sided p.

    Under no change each probe on which the two differ is as likely gained as lost (McNemar 1947; the exact binomial form).

    Args:
        before: ``(P,)`` of 0 and 1; NaN where not asked.
        after: the same.
    """
    from scipy.stats import binomtest

    comparable = np.asarray(np.isfinite(before) & np.isfinite(after))
    gained_count = int(np.sum((after > before) & comparable))
    lost_count = int(np.sum((after < before) & comparable))
    if not gained_count + lost_count:
        return 0, 0, 1.0
    return gained_count, lost_count, float(binomtest(gained_count, gained_count + lost_count, 0.5).pvalue)
