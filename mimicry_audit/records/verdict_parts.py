"""The parts of one verdict in ``scores.json``: its place among a panel, its index, and where the likeness is.

Promise: as for `mimicry_audit.records.scores`, of which these are parts.
"""

from __future__ import annotations

from typing import TypedDict

from mimicry_audit.statistics.interval_record import IntervalRecord


class RankRecord(TypedDict):
    """A place among the rest of a panel."""

    p: float | None
    z: float | None


class FalseAlarms(TypedDict):
    """Panel members that stand out as far as the candidate."""

    count: int
    of: int
    rate: float | None


class PlaceRecord(TypedDict, total=False):
    """A candidate's place among its panel on one kind of similarity."""

    value: float | None
    p: float | None
    floor: float | None
    z: float | None
    members: dict[str, float | None] | None
    loo: dict[str, RankRecord] | None
    false_alarms: FalseAlarms | None


class AxisPlaces(TypedDict, total=False):
    """The same for one axis: ``value``, ``p`` and ``z`` alone."""

    raw: PlaceRecord | None
    centred: PlaceRecord | None


class NullRecord(TypedDict, total=False):
    """A candidate's place among its panel."""

    panel: list[str]
    floor: float | None
    raw: PlaceRecord | None
    centred: PlaceRecord | None
    axes: dict[str, AxisPlaces]


class IndexRecord(TypedDict, total=False):
    """A pair between floor (0) and ceiling (100)."""

    index: IntervalRecord | None
    floor: float | None
    ceiling: float | None
    ceiling_from: str | None
    why_not: str | None


class MismatchRecord(TypedDict):
    """How alike answers to the same probe and to different ones are."""

    axes: list[str]
    matched: float | None
    mismatched: float | None
    beyond: IntervalRecord


class NearRecord(TypedDict):
    """Nearness to the reference of candidate, base and others."""

    candidate: IntervalRecord | None
    base: IntervalRecord | None
    others: IntervalRecord | None


class TellingProbe(TypedDict, total=False):
    """One probe, how near the three are to the reference on it, and the gap."""

    probe: str
    domain: str
    candidate: float | None
    base: float | None
    others: float | None
    gap: float


class CopiedRecord(TypedDict):
    """Copied answers: ``count`` of ``of``, and the first of them."""

    count: int
    of: int
    probes: list[str]


class MovementRecord(TypedDict):
    """How far training moved a candidate toward one model: the reference or a control."""

    model: str
    movement: IntervalRecord | None


class WhereRecord(TypedDict, total=False):
    """Where a pair is alike."""

    compared: list[str]
    domains: dict[str, NearRecord]
    sets: dict[str, NearRecord]
    telling: list[TellingProbe]
    against: list[TellingProbe]
    copied: CopiedRecord | None
