"""What the page says of a pair's place in the panel, between floor and ceiling, and beyond habit.

Promise: every number in the picture is also printed, every rank comes with the smallest one that so many models can give, and
what was centred on, or why nothing was, is said by name.
"""

from __future__ import annotations

from typing import cast

from mimicry_audit.records.scores import PairScore, VerdictRecord
from mimicry_audit.records.verdict_parts import IndexRecord, NullRecord
from mimicry_audit.report import fmt
from mimicry_audit.report.fmt import Interval, Parts, point, real
from mimicry_audit.report.pictures import charts, histogram

CEILINGS = {
    "samples": "two samples of the reference's own answers",
    "upper bound": "as an upper bound: in half precision a second answer in another batch can differ at temperature 0",
    "deterministic": "by definition, because at temperature 0 a second sample is the same",
}
_MOST_NAMED = 12


def build(verdict: VerdictRecord, pair: PairScore | None, models: int) -> Parts | None:
    """The part of the evidence on one pair that its panel gives; None for scores without it.

    Args:
        verdict: from ``scores.json``.
        pair: the entry of the same two models, for the interval of their similarity.
        models: how many models the run holds, to tell when all of them were centred on.
    """
    if "centred_on" not in verdict:
        return None
    null, place = verdict.get("null"), verdict.get("index")
    return {
        "centred_on": _centred_on(list(verdict["centred_on"]), models),
        "refused": not verdict["centred_on"],
        "family": list(verdict.get("family") or []),
        "panel": _panel_entry(verdict, null, pair, place) if null else None,
        "index": _index_entry(place) if place else None,
        "mismatched": verdict.get("mismatched"),
    }


def _centred_on(labels: list[str], models: int) -> str:
    if labels and len(labels) == models:
        return f"all {models} models of the run"
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return ", ".join(labels[:_MOST_NAMED]) + more


def _panel_entry(
    verdict: VerdictRecord, null: NullRecord, pair: PairScore | None, place: IndexRecord | None
) -> Parts | None:
    raw, centred = null.get("raw"), null.get("centred")
    if not raw:
        return None
    members = {k: value for k, v in (raw.get("members") or {}).items() if (value := real(v)) is not None}
    similarity = ((pair or {}).get("overall") or {}).get("raw") or cast("Interval", {"value": raw["value"]})
    limits = ((place or {}).get("floor"), (place or {}).get("ceiling"))
    scale = charts.Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
    member_list = "; ".join(f"{k} {fmt.num(v)}" for k, v in members.items())
    caption = (
        f"{verdict['candidate']} against {verdict['reference']}: {fmt.estimate(similarity)}; "
        f"panel: {member_list or 'not listed'}; "
        f"floor {fmt.num(limits[0])}, ceiling {fmt.num(limits[1])}"
    )
    size = len(null["panel"])
    return {
        "picture": histogram.among(members.values(), similarity, limits, scale, caption),
        "value": similarity,
        "members": sorted(members.items(), key=lambda item: -item[1]),
        "labels": list(null["panel"]),
        "size": size,
        "smallest": f"1/{size + 1}",
        "ranks": [(kind, rank) for kind, rank in (("raw", raw), ("centred", centred)) if rank],
        "alarms": raw.get("false_alarms"),
        "z": raw.get("z"),
    }


def _index_entry(place: IndexRecord) -> Parts:
    value = point(place.get("index"))
    interval = place.get("index")
    index_text = None
    if value is not None and interval is not None:
        index_text = (
            f"{_clip_share(value):.0f} of 100 [{_clip_share(interval['low']):.0f}, {_clip_share(interval['high']):.0f}]"
        )
    off = value is not None and not 0 <= value <= 100
    return {
        "shown": index_text,
        "unclipped": f"{value:.0f}".replace("-", "−") if off else None,
        "floor": place.get("floor"),
        "ceiling": place.get("ceiling"),
        "source": CEILINGS.get(str(place.get("ceiling_from"))),
        "why_not": place.get("why_not"),
    }


def _clip_share(value: float) -> float:
    return min(100.0, max(0.0, value))
