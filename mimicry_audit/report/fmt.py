"""How numbers are written: the same everywhere, with an interval wherever there is one.

An *interval* here is the record ``{"value", "low", "high", "n"}`` of ``scores.json``, or None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mimicry_audit.records.manifest import shares_in_words
from mimicry_audit.records.scores import LineageRecord, VerdictRecord
from mimicry_audit.statistics.interval_record import IntervalRecord

Interval = IntervalRecord
Parts = Mapping[str, object]
"""What a template places, by the names it prints."""

MISSING = "–"


def real(value: object) -> float | None:
    """`value` as a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def point(interval: Interval | None) -> float | None:
    """The estimate inside an interval, or None."""
    return real(interval.get("value")) if isinstance(interval, Mapping) else None


def bounds(interval: Interval | None) -> tuple[float, float] | None:
    """The ends of an interval, or None where it has none."""
    if not isinstance(interval, Mapping):
        return None
    low, high = real(interval.get("low")), real(interval.get("high"))
    return None if low is None or high is None else (low, high)


def num(value: object, digits: int = 2, signed: bool = False) -> str:
    """A number in words of a table: a true minus, a plus where the sign matters, a dash where there is none."""
    number = real(value)
    if number is None:
        return MISSING
    rounded = round(number, digits) + 0.0  # no "-0.00"
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}".replace("-", "−")


def percent(value: object) -> str:
    """A share in whole per cent."""
    number = real(value)
    return MISSING if number is None else f"{number * 100:.0f} %"


def span(interval: Interval | None, signed: bool = False, share: bool = False) -> str:
    """The ends alone: ``[0.25, 0.37]``, or nothing."""
    ends = bounds(interval)
    if ends is None:
        return ""
    if share:
        return f"[{ends[0] * 100:.0f}, {ends[1] * 100:.0f}]"
    return f"[{num(ends[0], signed=signed)}, {num(ends[1], signed=signed)}]"


def estimate(interval: Interval | None, signed: bool = False) -> str:
    """Value and interval together: ``+0.31 [+0.25, +0.37]``."""
    return f"{num(point(interval), signed=signed)} {span(interval, signed)}".strip()


def p_value(value: object) -> str:
    """A p value; very small ones as a bound."""
    number = real(value)
    if number is None:
        return MISSING
    return "< 0.001" if number < 0.001 else f"{number:.3f}"


def plural(count: object, noun: str, many: str | None = None) -> str:
    """``1 probe``, ``2 probes``."""
    number = real(count)
    if number is None:
        return f"{MISSING} {many or noun + 's'}"
    return f"{int(number):,} {noun if number == 1 else many or noun + 's'}"


def lineage(record: LineageRecord) -> str:
    """What a lineage manifest says of one model, as a clause."""
    several = record.get("teachers")
    teachers = shares_in_words(several) if several else record.get("teacher")
    about = {
        "teacher": "a teacher",
        "base": "a base model",
        "none": "unrelated to the others",
        "distilled-from": f"distilled from {teachers}",
        "fine-tune-of-same-base": "fine-tuned without answers of another model",
        "same-data": f"trained on the data of {record.get('same_data_as')}, not on its answers",
    }
    relation = str(record.get("relation"))
    base = record.get("base")
    return about.get(relation, relation) + (f", from {base}" if base else "")


@dataclass(frozen=True, slots=True)
class BeyondControls:
    """How far a candidate moved beyond the controls: the mean over its axes, and how many of them are positive evidence."""

    mean: float
    positive: int
    axes: int


def beyond_controls(verdict: VerdictRecord) -> BeyondControls | None:
    """What the terminal and the table of all pairs say of one verdict; None without a base."""
    lifts = [e for e in verdict.get("evidence") or [] if e["statistic"] == "adjusted lift"]
    values = [value for e in lifts if (value := point(e.get("estimate"))) is not None]
    if not values:
        return None
    return BeyondControls(sum(values) / len(values), sum(bool(e.get("positive")) for e in lifts), len(lifts))
