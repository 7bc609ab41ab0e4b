"""All judged pairs in one table: verdict, similarity and movement beyond the controls, each on one axis for all.

Promise: same pairs, same order and same numbers as on the cards below and in the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from markupsafe import Markup

from mimicry_audit.report.fmt import BeyondControls, Interval, beyond_controls
from mimicry_audit.report.page.view import ScoresView, VerdictCard
from mimicry_audit.report.pictures import charts

FEWEST = 2
"""A single pair needs no table."""


class OverviewRow(TypedDict):
    """One pair: its card, its similarity, and its movement beyond the controls."""

    card: VerdictCard
    raw: Interval | None
    likeness: Markup | None
    movement: BeyondControls | None
    moved: Markup | None


class Overview(TypedDict):
    """The table: its rows, the scales in its head (``reach``: None without a base), the ``reference`` if there is one."""

    rows: list[OverviewRow]
    reference: str | None
    unit: Markup
    reach: Markup | None


def build(scores: ScoresView, cards: Sequence[VerdictCard]) -> Overview | None:
    """The table of all cards; None where there are fewer than `FEWEST`."""
    if len(cards) < FEWEST:
        return None
    similarities = scores.overall("raw")
    unit = charts.Scale(0.0, 1.0, (0.0, 0.5, 1.0))
    movements = [beyond_controls(card["v"]) for card in cards]
    reach = charts.scale_for((m.mean for m in movements if m), symmetric=True)
    rows: list[OverviewRow] = []
    for card, movement in zip(cards, movements, strict=True):
        verdict = card["v"]
        raw = similarities.get(frozenset({verdict["candidate"], verdict["reference"]}))
        kind = "main" if card["positive"] else "base"
        at = movement.mean if movement else 0.0
        moved: Interval = {"value": at, "low": at, "high": at, "n": 0}  # a mean over axes has no interval of its own
        rows.append(
            {
                "card": card,
                "raw": raw,
                "likeness": charts.dots([charts.Mark("similarity", raw, kind)], unit) if raw else None,
                "movement": movement,
                "moved": charts.dots([charts.Mark("moved", moved, kind, True)], reach) if movement else None,
            }
        )
    references = {card["v"]["reference"] for card in cards}
    return {
        "rows": rows,
        "reference": references.pop() if len(references) == 1 else None,
        "unit": charts.ticks(unit),
        "reach": charts.ticks(reach) if any(movements) else None,
    }
