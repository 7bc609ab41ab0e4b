"""What a similarity is compared with: an independent panel, answers to other questions, a ceiling and a floor.

Promise: pure functions on arrays of similarities; nothing here knows a model's name, an engine or a verdict. `effects` is
what one expects of each model by its likeness to a panel, and does not move when a minority of the panel is kin; `rank` and
`leave_one_out` are the panel's null distribution; `mismatched_pairs` names the probes whose answers are crossed; `index` says
where a similarity lies between the floor and the ceiling.

Shapes: similarities are ``(P, M, M)`` for P probes and M models, NaN where two answers cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mimicry_audit.similarity.axes.base import Axis, FloatArray
from mimicry_audit.statistics.intervals import IntArray, Interval, domain_means

FEWEST_PANEL = 3
"""Panel models from which the panel can be centred on: fewer have fewer similarities among them than effects to fit."""
TRIMMED = 0.25
"""Share of the panel that is left out of each model's effect, the members that fit it worst: a minority of kin."""
SWEEPS = 50
MISMATCHED_PAIRS = 40
"""Pairs of probes whose answers are crossed, spread over the domains: enough for an interval, and quick for 100 models."""
MISMATCHED_AXES = frozenset({"lexical", "phrases", "characters", "early", "opening", "semantic", "style", "structure"})
"""Axes on which an answer to another question can be compared. Not ``answers`` and ``wrong``, whose results
belong to their probe."""
SMALLEST_SPAN = 0.02
"""Distance from floor to ceiling below which no index is given: its denominator would be noise."""


def effects(similarities: FloatArray, panel: Sequence[int]) -> FloatArray:
    """What each model's likeness to the panel makes one expect of it, per probe.

    The additive model ``s_ik = b_i + b_k`` (general likeness, the mean absorbed) is fitted to the similarities to panel
    members only, so that neither the candidate nor its kin outside the panel take part. A model's effect is a trimmed mean:
    ``b_i = mean of (s_ik − b_k) over the panel members k that are kept``, where for each model the quarter of the panel that
    fits it worst over all probes is left out (trimming after Tukey 1962; the members are chosen once per axis, so that
    the effect stays a plain mean per probe). The panel's own effects come from the same equations among its members.

    Args:
        similarities: ``(P, M, M)`` symmetric.
        panel: columns of the panel, at least `FEWEST_PANEL`.

    Returns:
        ``(P, M)``; the excess of a pair is ``s_ij − b_i − b_j``. NaN where a model's answer was compared with no kept
        panel member, or fewer than `FEWEST_PANEL` members answered the probe.
    """
    columns = np.asarray(panel)
    if len(columns) < FEWEST_PANEL:
        return np.full(similarities.shape[:2], np.nan)
    to_panel = similarities[:, :, columns].copy()
    to_panel[:, columns, np.arange(len(columns))] = np.nan  # a model's likeness to itself is not part of its effect
    present = np.isfinite(to_panel)
    counts = present.sum(axis=0)
    means = np.divide(
        np.where(present, to_panel, 0.0).sum(axis=0), counts, out=np.full(counts.shape, np.nan), where=counts > 0
    )
    kept_members = _trimmed_panel(means, columns)
    weights = (present & kept_members[None]).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=2, keepdims=True), 1.0)
    averages = (weights * np.where(present, to_panel, 0.0)).sum(axis=2)  # (P, M)
    own = _panel_effects(weights[:, columns], averages[:, columns])
    expected = averages - np.einsum("pmk,pk->pm", weights, np.where(np.isfinite(own), own, 0.0))
    enough_panel = (present[:, columns].any(axis=2)).sum(axis=1) >= FEWEST_PANEL
    determined = (weights.sum(axis=2) > 0) & enough_panel[:, None]
    return np.asarray(np.where(determined, expected, np.nan))


def _trimmed_panel(means: FloatArray, columns: IntArray) -> FloatArray:
    """Which panel members enter each model's effect: ``(M, n)`` booleans, decided on the means over probes."""
    start = np.nanmedian(means[columns]) / 2 if np.isfinite(means[columns]).any() else 0.0
    own = np.full(len(columns), start)
    for _ in range(SWEEPS):  # Tukey's median polish on the symmetric table, damped so that it settles
        own = (own + _row_medians(means[columns] - own[None, :], own)) / 2
    off = means - own[None, :]
    off = np.abs(off - _row_medians(off, np.zeros(len(means)))[:, None])
    size = np.isfinite(off).sum(axis=1)
    order = np.argsort(np.where(np.isfinite(off), off, np.inf), axis=1, kind="stable")
    place = np.argsort(order, axis=1, kind="stable")
    return np.asarray((place < np.ceil((1 - TRIMMED) * size)[:, None]) & np.isfinite(off))


def _row_medians(values: FloatArray, default: FloatArray) -> FloatArray:
    """The median of each row, `default` where a row has nothing."""
    has = np.isfinite(values).any(axis=1)
    out = default.copy()
    out[has] = np.nanmedian(values[has], axis=1)
    return out


def _panel_effects(weights: FloatArray, averages: FloatArray) -> FloatArray:
    """Solve ``b_k + Σ_l w_kl b_l = mean kept s_kl`` per probe; least squares where the kept pairs leave it open."""
    size = weights.shape[1]
    silent = weights.sum(axis=2) == 0  # (P, n)
    system = np.eye(size)[None] + weights
    usual = system[np.argmin(silent.sum(axis=1))]
    is_usual = (system == usual).all(axis=(1, 2))  # nearly all probes share one system, and one inverse serves them
    solved = averages @ np.linalg.pinv(usual).T
    if not is_usual.all():
        solved[~is_usual] = np.einsum("pkl,pl->pk", np.linalg.pinv(system[~is_usual]), averages[~is_usual])
    return np.asarray(np.where(silent, np.nan, solved))


def excess(similarities: FloatArray, effect: FloatArray, reference: int) -> FloatArray:
    """``(P, M)``: every model's similarity to the reference beyond what both their effects make one expect."""
    return np.asarray(similarities[:, :, reference] - effect - effect[:, [reference]])


@dataclass(frozen=True, slots=True)
class Null:
    """A value among those of a panel.

    Attributes:
        p: rank p, ``(1 + #{panel ≥ value}) / (1 + n)``.
        floor: the smallest p that a panel of this size can give.
        z: how many spreads (1.4826 × the median absolute deviation) above the panel's median; None without a spread.
    """

    p: float
    floor: float
    z: float | None


def rank(value: float, panel: Sequence[float]) -> Null:
    """Where a value stands among the panel's (finite) values; with an empty panel p is 1."""
    closer = sum(other >= value - 1e-12 for other in panel)
    return Null((1 + closer) / (1 + len(panel)), 1 / (1 + len(panel)), _share_below(value, panel))


def _share_below(value: float, panel: Sequence[float]) -> float | None:
    if len(panel) < FEWEST_PANEL:
        return None
    middle = float(np.median(panel))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(panel) - middle)))
    return (value - middle) / spread if spread > 1e-9 else None


def leave_one_out(panel: Mapping[str, float]) -> dict[str, Null]:
    """Every panel member's place among the other members: what the null gives for models that are surely unrelated.

    The ranks of n distinct values among one another are 1/n, 2/n … 1 whatever the values are; their `z` shows how
    far an unrelated model can stand out.
    """
    return {label: rank(value, [v for other, v in panel.items() if other != label]) for label, value in panel.items()}


def mismatched_pairs(domains: IntArray, *, most: int = MISMATCHED_PAIRS, seed: int = 0) -> list[tuple[int, int]]:
    """Pairs of different probes of one domain whose answers are crossed.

    In each domain with two probes or more, up to ``most / number of domains`` probes are drawn, each once, and each is
    paired with the next in a shuffled round of the domain.

    Args:
        domains: ``(P,)``.
        most: pairs in all; every domain gets at least one.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    groups = [domain_places for d in np.unique(domains) if len(domain_places := np.flatnonzero(domains == d)) > 1]
    pairs: list[tuple[int, int]] = []
    for group in groups:
        shuffled = rng.permutation(group)
        take = min(len(group), max(1, most // len(groups)))
        pairs += [(int(shuffled[i]), int(shuffled[(i + 1) % len(group)])) for i in range(take)]
    return pairs


def mismatched(
    axis: Axis, owners: Sequence[Sequence[tuple[int, int]]], pairs: Sequence[tuple[int, int]], models: int
) -> FloatArray:
    """Similarity of every model's answer to one probe with every model's answer to another, all models in one step.

    Args:
        axis: prepared on all answers.
        owners: per probe, (model, row) of its answers; only each model's first answer is used.
        pairs: of probes, from `mismatched_pairs`.
        models: M.

    Returns:
        ``(Q, M, M)`` for Q pairs, symmetric: the mean of i's first answer with j's second and the other way round.
    """
    crossed = np.full((len(pairs), models, models), np.nan)
    for at, (one, other) in enumerate(pairs):
        first_rows, second_rows = _first_rows(owners[one]), _first_rows(owners[other])
        if not first_rows or not second_rows:
            continue
        block = axis.block([*first_rows.values(), *second_rows.values()])[: len(first_rows), len(first_rows) :]
        similarities = np.full((models, models), np.nan)
        similarities[np.ix_(list(first_rows), list(second_rows))] = block
        crossed[at] = (similarities + similarities.T) / 2
    return crossed


def _first_rows(owned: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Model → row of its first answer."""
    row_by_model: dict[int, int] = {}
    for model, row in owned:
        row_by_model.setdefault(model, row)
    return row_by_model


def beyond_mismatched(
    matched: FloatArray,
    crossed: FloatArray,
    pairs: Sequence[tuple[int, int]],
    domains: IntArray,
    weights: FloatArray,
) -> Interval | None:
    """Matched less mismatched similarity of one pair of models, with a paired bootstrap interval.

    Args:
        matched: ``(P,)`` similarity per probe.
        crossed: ``(Q,)`` similarity per pair of probes; a pair weighs what its first probe weighs in a draw.
        pairs: of probes.
        domains: ``(P,)``.
        weights: ``(B, P)`` from `bootstrap_weights`.
    """
    first = np.array([one for one, _ in pairs], dtype=np.int64)
    if not np.isfinite(matched).any() or not np.isfinite(crossed).any():
        return None
    value = _mean_of_domains(matched, domains) - _mean_of_domains(crossed, domains[first])
    draws = domain_means(matched[:, None], domains, weights) - domain_means(
        crossed[:, None], domains[first], weights[:, first]
    )
    low, high = np.percentile(draws[:, 0], [2.5, 97.5])
    return Interval(value, float(low), float(high), int(np.isfinite(crossed).sum()))


@dataclass(frozen=True, slots=True)
class Index:
    """A similarity between floor and ceiling: 0 at the floor, 100 at the ceiling, not clipped."""

    interval: Interval | None
    floor: float
    ceiling: float | None


def index(
    similarity: FloatArray, panel: FloatArray, ceiling: FloatArray, domains: IntArray, weights: FloatArray
) -> Index | None:
    """``100 · (s − floor) / (ceiling − floor)`` with a bootstrap interval that draws all three together.

    Args:
        similarity: ``(P,)`` candidate against reference.
        panel: ``(P, n)`` every panel member against the reference; the floor is their mean.
        ceiling: ``(P,)`` reference against a second sample of itself; NaN where there is none.
        domains: ``(P,)``.
        weights: ``(B, P)``.

    Returns:
        None without a similarity or a panel. `Index.interval` is None without a ceiling, or where it lies less than
        `SMALLEST_SPAN` above the floor.
    """
    if not panel.shape[1] or not np.isfinite(panel).any() or not np.isfinite(similarity).any():
        return None
    if np.isfinite(panel).all():  # the mean of means is then the mean of one column, however many models the panel has
        panel = panel.mean(axis=1, keepdims=True)
    columns = np.column_stack([similarity, ceiling, panel])
    point = domain_means(columns, domains)
    floor = float(np.nanmean(point[2:]))
    top = float(point[1]) if math.isfinite(point[1]) else None
    if top is None or top - floor < SMALLEST_SPAN:
        return Index(None, floor, top)
    finite_columns = [0, 1, *(k for k in range(2, columns.shape[1]) if math.isfinite(point[k]))]
    resampled_means = domain_means(columns[:, finite_columns], domains, weights)
    low = resampled_means[:, 2:].mean(axis=1)
    span = np.maximum(resampled_means[:, 1] - low, SMALLEST_SPAN / 10)
    ends = np.percentile(100 * (resampled_means[:, 0] - low) / span, [2.5, 97.5])
    value = 100 * (float(point[0]) - floor) / (top - floor)
    return Index(Interval(value, float(ends[0]), float(ends[1]), int(np.isfinite(similarity).sum())), floor, top)


def _mean_of_domains(values: FloatArray, domains: IntArray) -> float:
    return float(domain_means(values[:, None], domains)[0])
