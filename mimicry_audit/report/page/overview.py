"""All judged pairs in one table: verdict, similarity and movement beyond the controls, each on one axis for all.

Promise: same pairs, same order and same numbers as on the cards below and in the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from markupsafe import Markup

from mimicry_audit.records.scores import EvidenceRecord, VerdictRecord
from mimicry_audit.report.fmt import Interval, point
from mimicry_audit.report.page.view import ScoresView, VerdictCard
from mimicry_audit.report.pictures import charts

FEWEST = 2
"""A single pair needs no table."""


class OverviewRow(TypedDict):
    """One pair: its card, similarity, and mean movement beyond the controls over so many axes."""

    card: VerdictCard
    raw: Interval | None
    likeness: Markup | None
    lift: float | None
    moved: Markup | None
    positive: int
    axes: int


class Overview(TypedDict):
    """The table: its rows and the scales in its head; ``reach`` is None where no pair has a base."""

    rows: list[OverviewRow]
    unit: Markup
    reach: Markup | None


def build(scores: ScoresView, cards: Sequence[VerdictCard]) -> Overview | None:
    """The table of all cards; None where there are fewer than `FEWEST`."""
    if len(cards) < FEWEST:
        return None
    similarities = scores.overall("raw")
    unit = charts.Scale(0.0, 1.0, (0.0, 0.5, 1.0))
    lifts = [_mean_lift(card["v"]) for card in cards]
    reach = charts.scale_for((lift for lift in lifts if lift is not None), symmetric=True)
    rows: list[OverviewRow] = []
    for card, lift in zip(cards, lifts, strict=True):
        verdict = card["v"]
        raw = similarities.get(frozenset({verdict["candidate"], verdict["reference"]}))
        kind = "main" if card["positive"] else "base"
        at = lift or 0.0
        moved: Interval = {"value": at, "low": at, "high": at, "n": 0}  # a mean over axes has no interval of its own
        evidence = _lifts(verdict)
        rows.append(
            {
                "card": card,
                "raw": raw,
                "likeness": charts.dots([charts.Mark("similarity", raw, kind)], unit) if raw else None,
                "lift": lift,
                "moved": None if lift is None else charts.dots([charts.Mark("moved", moved, kind, True)], reach),
                "positive": sum(bool(e.get("positive")) for e in evidence),
                "axes": len(evidence),
            }
        )
    some_moved = any(lift is not None for lift in lifts)
    return {"rows": rows, "unit": charts.ticks(unit), "reach": charts.ticks(reach) if some_moved else None}


def _lifts(verdict: VerdictRecord) -> list[EvidenceRecord]:
    return [e for e in verdict.get("evidence") or [] if e["statistic"] == "adjusted lift"]


def _mean_lift(verdict: VerdictRecord) -> float | None:
    """Mean movement beyond the controls over all axes; None without a base."""
    values = [value for e in _lifts(verdict) if (value := point(e.get("estimate"))) is not None]
    return sum(values) / len(values) if values else None
