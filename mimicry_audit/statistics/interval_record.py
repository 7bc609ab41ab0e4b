"""How an interval is written in JSON, in a module of its own so that reading one loads no numpy."""

from __future__ import annotations

from typing import TypedDict


class IntervalRecord(TypedDict):
    """An estimate, its 95 % interval, and the number of probes or answers behind it."""

    value: float
    low: float
    high: float
    n: int
