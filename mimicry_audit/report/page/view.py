"""What each part of the page shows: `scores.json` turned into the words and pictures that the templates place.

Promise: the templates decide nothing but layout, and nothing here decides layout. A part that was not measured is
said to be missing, never left out in silence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, TypedDict

from markupsafe import Markup

from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.scores import (
    SCORES_SCHEMA,
    AxisScore,
    EvidenceRecord,
    ModelScore,
    PairScore,
    Scores,
    VerdictRecord,
)
from mimicry_audit.records.verdict_words import ACCUSATIONS, BY_NAME, rank_of
from mimicry_audit.report import fmt
from mimicry_audit.report.fmt import Interval, Parts, point
from mimicry_audit.report.page import large, panel
from mimicry_audit.report.pictures import charts, cluster
from mimicry_audit.verdicts.findings import MINIMUM_EFFECT

Kind = Literal["raw", "centred"]
CONFIDENCE = ("none", "weak", "moderate", "strong")
STATUS_ORDER = ("ok", "truncated", "empty", "refused", "error")


@dataclass(frozen=True)
class ScoresView:
    """`scores.json` with the look-ups that the page needs."""

    raw: Scores
    models: Sequence[ModelScore]
    pairs: Mapping[frozenset[str], PairScore]
    axes: Sequence[AxisScore]
    verdicts: Sequence[VerdictRecord]
    reference: str | None
    order: tuple[str, ...] = field(default=())

    @property
    def cards(self) -> list[VerdictRecord]:
        """The verdicts that get a card: all, but in a large run those that stand out."""
        return [verdict for verdict in self.verdicts if large.is_detailed(verdict)]

    def overall(self, kind: Kind) -> dict[frozenset[str], Interval | None]:
        """The overall similarity of every pair, ``raw`` or ``centred``."""
        return {key: (pair.get("overall") or {}).get(kind) for key, pair in self.pairs.items()}


def read(raw: Scores) -> ScoresView:
    """The scores, checked for their schema.

    Raises:
        DataError: another schema, or none.
    """
    if raw.get("schema") != SCORES_SCHEMA:
        raise DataError(f"the scores have schema {raw.get('schema')!r}, not {SCORES_SCHEMA!r}", "score the run again")
    models = list(raw.get("models") or [])
    verdicts = sorted(raw.get("verdicts") or [], key=_verdict_weight)
    pairs = {frozenset({pair["a"], pair["b"]}): pair for pair in raw.get("pairs") or []}
    if not all(map(large.is_detailed, verdicts)):  # of hundreds of pairs with one verdict the closest come first
        verdicts.sort(key=lambda v: (_verdict_weight(v), -large.excess(pairs, v["candidate"], v["reference"])))
    label_order = [model["label"] for model in models if model.get("role") == "reference"]
    label_order += [raw["nearness_to"]] if raw.get("nearness_to") else []
    label_order += [verdict["reference"] for verdict in verdicts] + [model["label"] for model in models]
    reference = label_order[0] if label_order else None
    axes = list(raw.get("axes") or [])
    return ScoresView(raw, models, pairs, axes, verdicts, reference, _column_order(models, pairs, reference))


def _column_order(
    models: Sequence[ModelScore], pairs: Mapping[frozenset[str], PairScore], reference: str | None
) -> tuple[str, ...]:
    """The reference first, then the others from the most to the least similar."""

    def place(label: str) -> tuple[bool, float]:
        overall = pairs.get(frozenset({label, str(reference)}), {}).get("overall") or {}
        return label != reference, -(point(overall.get("centred")) or -9.0 if overall else -9.0)

    return tuple(sorted((model["label"] for model in models), key=place))


def _verdict_weight(verdict: VerdictRecord) -> tuple[int, int]:
    sure = verdict.get("confidence")
    return rank_of(str(verdict.get("verdict"))), -CONFIDENCE.index(sure) if sure in CONFIDENCE else 0


class Badge(TypedDict):
    """Icon, class, word and meaning of a verdict."""

    slug: str
    word: str
    meaning: str
    icon: Markup


class Headline(TypedDict):
    """What stands above all: the accusations, a count of each verdict, how many came to one, and who could not be judged."""

    found: list[VerdictRecord]
    tally: Sequence[Parts]
    judged: int
    all_clear: str
    open: list[str]
    mute: bool


MOST_ANCHOR = 60
"""Characters of a label in the name of a place."""
MOST_SHOWN, FOREMOST = 8, 3
"""Up to so many cards stand on the page one by one; of more only those that stand out, and the first few."""


class VerdictCard(TypedDict):
    """One judged pair: its number, badge, picture among all pairs, whether it stands out, and its record under ``v``."""

    number: int
    anchor: str
    badge: Badge
    level: int
    open: bool
    foremost: bool
    strip: Markup | None
    excess: Interval | None
    refused: bool
    rank: int | None
    of: int
    movement: Parts | None
    threshold: Parts | None
    students: Mapping[str, str]
    positive: list[EvidenceRecord]
    v: VerdictRecord


def badge(verdict: str) -> Badge:
    """Icon, class and word of a verdict."""
    entry = BY_NAME.get(verdict)
    shape = entry or BY_NAME["inconclusive"]
    meaning = entry.meaning if entry else "not a verdict this page knows"
    return {"slug": shape.slug, "word": verdict, "meaning": meaning, "icon": charts.icon(shape.icon)}


def headline(scores: ScoresView) -> Headline:
    """The one sentence that stands above all, and how many pairs came to which verdict; an open pair is not a judged one."""
    by_kind: dict[str, list[VerdictRecord]] = {}
    for verdict in scores.verdicts:
        by_kind.setdefault(verdict["verdict"], []).append(verdict)
    open_verdicts = by_kind.get("inconclusive", [])
    tally = [{**badge(kind), "count": len(group)} for kind, group in by_kind.items()]
    return {
        "found": [*by_kind.get("distilled", []), *by_kind.get("same model", [])],
        "tally": tally,
        "judged": len(scores.verdicts) - len(open_verdicts),
        "all_clear": _all_clear(
            len(scores.verdicts) - len(open_verdicts),
            pairs=len({v["candidate"] for v in scores.verdicts}) < len(scores.verdicts),
            others=bool(open_verdicts),
        ),
        "open": list(dict.fromkeys(v["candidate"] for v in open_verdicts)),
        "mute": bool(scores.verdicts) and set(by_kind) == {"inconclusive"},
    }


def _all_clear(count: int, *, pairs: bool, others: bool) -> str:
    """That nothing judged shows evidence of distillation."""
    what = "pair" if pairs else "model"
    if count == 1:
        return f"The {'other' if others else 'one'} judged {what} shows no evidence of distillation."
    return f"{'Of the other' if others else 'Of the'} {count} judged {what}s, none shows evidence of distillation."


def _similarity_scale(scores: ScoresView) -> charts.Scale:
    values = [value for value in map(point, scores.overall("centred").values()) if value is not None]
    return charts.scale_for(values, symmetric=True)


def verdict_cards(scores: ScoresView) -> list[VerdictCard]:
    """One card per judged pair, the gravest first."""
    scale, everything = _similarity_scale(scores), scores.overall("centred")
    few = len(scores.cards) <= MOST_SHOWN
    cards: list[VerdictCard] = []
    for at, (verdict, anchor) in enumerate(zip(scores.cards, _anchors(scores.cards), strict=True), 1):
        key = frozenset({verdict["candidate"], verdict["reference"]})
        refused = "centred_on" in verdict and not verdict["centred_on"]
        pair_interval = None if refused else everything.get(key)
        others = [v for k, i in everything.items() if k != key and (v := point(i)) is not None]
        value = point(pair_interval)
        rank = 1 + sum(other > value for other in others) if value is not None else None
        names = f"{verdict['candidate']} and {verdict['reference']}"
        caption = f"{names}: {fmt.estimate(pair_interval, True)}, among {len(others)} other pairs"
        sure = verdict.get("confidence")
        cards.append(
            {
                "number": at,
                "anchor": anchor,
                "badge": badge(verdict["verdict"]),
                "level": CONFIDENCE.index(sure) if sure in CONFIDENCE else 0,
                "open": verdict["verdict"] in ACCUSATIONS or at == 1,
                "foremost": few or verdict["verdict"] in ACCUSATIONS or at <= FOREMOST,
                "strip": charts.strip(others, pair_interval, scale, caption) if value is not None else None,
                "excess": pair_interval,
                "refused": refused,
                "rank": rank,
                "of": len(others) + 1,
                "movement": _movement_picture(verdict),
                "threshold": _threshold(verdict),
                "students": _students_asked(scores, verdict),
                "positive": [item for item in verdict.get("evidence") or [] if item.get("positive")],
                "v": verdict,
            }
        )
    return cards


def _students_asked(scores: ScoresView, verdict: VerdictRecord) -> Mapping[str, str]:
    """Known student → teacher, where the pair was held against them; as the scoring of this run says."""
    if not any(item["axis"] == "students" for item in verdict.get("evidence") or []):
        return {}
    return scores.raw["settings"]["scoring"]["roles"]["students"]


def _anchors(verdicts: Sequence[VerdictRecord]) -> list[str]:
    """A name for each pair's places on the page that stays when other pairs come and go: made of the two labels."""
    taken: list[str] = []
    for verdict in verdicts:
        parts = [re.sub(r"[^A-Za-z0-9_]+", "-", verdict[role])[:MOST_ANCHOR] for role in ("candidate", "reference")]
        name = "-against-".join(parts)
        names = itertools.chain([name], (f"{name}-{count}" for count in itertools.count(2)))
        taken.append(next(one for one in names if one not in taken))
    return taken


def _threshold(verdict: VerdictRecord) -> Parts | None:
    """How far the movements lie from what counts as one, and the smallest that this run could show; None without a base.

    ``axis`` is the one whose whole interval lies furthest beyond the threshold, ``margin`` how far its lower end does, and
    ``smallest`` the least estimate whose interval, as wide as the median axis's here, would lie beyond it.
    """
    lifts = [
        e for e in verdict.get("evidence") or [] if e["statistic"] == "adjusted lift" and fmt.bounds(e.get("estimate"))
    ]
    if not lifts:
        return None
    half_width = median(e["estimate"]["value"] - e["estimate"]["low"] for e in lifts)
    best = max(lifts, key=lambda e: e["estimate"]["low"])
    return {
        "axis": best["axis"],
        "margin": best["estimate"]["low"] - MINIMUM_EFFECT,
        "smallest": MINIMUM_EFFECT + half_width,
        "threshold": MINIMUM_EFFECT,
    }


def _movement_picture(verdict: VerdictRecord) -> Parts | None:
    """Movement from the base toward the reference and toward each control, on one scale; None without a base."""
    records = verdict.get("movement")
    if not records:
        return None
    scale = charts.scale_for(
        (end for record in records for end in fmt.bounds(record["movement"]) or ()), symmetric=True
    )
    rows = [
        {
            "model": record["model"],
            "is_reference": at == 0,
            "movement": record["movement"],
            "picture": charts.dots(
                [charts.Mark(record["model"], record["movement"], "main" if at == 0 else "base", True)], scale
            ),
        }
        for at, record in enumerate(records)
    ]
    return {"rows": rows, "ticks": charts.ticks(scale)}


def glance(scores: ScoresView) -> Parts:
    """Both matrices, their legends and the table that says the same."""
    centred, raw = scores.overall("centred"), scores.overall("raw")
    labels, left_out = large.mapped([model["label"] for model in scores.models], scores.cards, scores.pairs)
    if left_out:
        mapped_labels = frozenset(labels)
        centred, raw = ({k: v for k, v in values.items() if k <= mapped_labels} for values in (centred, raw))
    similarities = {key: value for key, interval in centred.items() if (value := point(interval)) is not None}
    maps = []
    if len(labels) > 1:
        root = cluster.tree(labels, similarities)
        for kind, values in (("centred", centred), ("raw", raw)):
            is_centred = kind == "centred"
            title = f"{kind.capitalize()} similarity of every pair of models"
            maps.append(
                {
                    "kind": kind,
                    "picture": charts.heatmap(root, values, is_centred, title),
                    "legend": charts.legend(*charts.ramp_ends(values.values(), is_centred), is_centred),
                }
            )
    order = sorted(
        (scores.pairs[key] for key in centred), key=lambda pair: -large.excess(scores.pairs, pair["a"], pair["b"])
    )
    unit = charts.Scale(0.0, 1.0, (0.0, 0.5, 1.0))
    return {
        "maps": maps,
        "left_out": left_out,
        "pairs": order,
        "models": [_model_row(m, unit) for m in scores.models],
        "ticks": charts.ticks(unit),
    }


def _model_row(model: ModelScore, unit: charts.Scale) -> Parts:
    statuses = model.get("statuses") or {}
    ranked = sorted(statuses.items(), key=lambda item: STATUS_ORDER.index(item[0]) if item[0] in STATUS_ORDER else 9)
    parts = [(f"s-{name}" if name in STATUS_ORDER else "s-error", name, float(count)) for name, count in ranked]
    accuracy = model.get("accuracy") or {}
    overall = accuracy.get("overall")
    return {
        "m": model,
        "statuses": ranked,
        "stack": charts.stack(parts, f"Answers of {model['label']}"),
        "accuracy": overall,
        "dot": charts.dots([charts.Mark("Right answers", overall)], unit) if point(overall) is not None else None,
        "domains": list((accuracy.get("domains") or {}).items()),
    }


def evidence(scores: ScoresView) -> list[Parts]:
    """For every judged pair: its place among unrelated models, its lift, each axis beside the base's and the length's."""
    blocks: list[Parts] = []
    for card in verdict_cards(scores):
        verdict = card["v"]
        pair = scores.pairs.get(frozenset({verdict["candidate"], verdict["reference"]}))
        base = (
            scores.pairs.get(frozenset({str(verdict.get("base")), verdict["reference"]}))
            if verdict.get("base")
            else None
        )
        plots: list[Parts] = []
        if pair is not None:
            plots = [_axis_plot(scores, verdict, pair, base, kind) for kind in ("centred", "raw")]
        lift, null = _lift_chart(scores, verdict), panel.build(verdict, pair, len(scores.models))
        blocks.append({**card, "pair": pair, "base": base, "plots": plots, "lift": lift, "null": null})
    return blocks


def _measured_axes(scores: ScoresView) -> list[AxisScore]:
    return sorted((a for a in scores.axes if a.get("measured")), key=lambda axis: bool(axis.get("baseline")))


def _axis_plot(
    scores: ScoresView, verdict: VerdictRecord, pair: PairScore, base: PairScore | None, kind: Kind
) -> Parts:
    signed = kind == "centred"
    axes = _measured_axes(scores)
    intervals = [(pair.get("axes") or {}).get(a["name"], {}).get(kind) for a in axes]
    before = [((base or {}).get("axes") or {}).get(a["name"], {}).get(kind) for a in axes]
    reach = [end for interval in intervals + before for end in fmt.bounds(interval) or ()]
    scale = charts.scale_for(reach, symmetric=signed)
    rows = []
    for axis, now, then in zip(axes, intervals, before, strict=True):
        shape = "baseline" if axis.get("baseline") else "main"
        marks = [charts.Mark(verdict["candidate"], now, shape, signed)]
        if base is not None:
            marks.append(charts.Mark(f"its base {verdict['base']}", then, "base", signed))
        rows.append({"axis": axis, "picture": charts.dots(marks, scale), "now": now, "then": then})
    return {"kind": kind, "signed": signed, "rows": rows, "ticks": charts.ticks(scale)}


def axes_by_domain(scores: ScoresView, verdict: VerdictRecord) -> Parts | None:
    """Every axis in every domain of a judged pair; None where the pair's domains were not kept."""
    pair = scores.pairs.get(frozenset({verdict["candidate"], verdict["reference"]}))
    if pair is None or not scores.raw.get("domains"):
        return None
    names = list(scores.raw.get("domains") or [])
    axes = _measured_axes(scores)
    cells = {
        axis["name"]: [
            ((pair.get("axes") or {}).get(axis["name"], {}).get("domains") or {}).get(d) or {} for d in names
        ]
        for axis in axes
    }
    low, high = charts.ramp_ends((cell.get("centred") for row in cells.values() for cell in row), True)
    rows = []
    for axis in axes:
        row = []
        for cell in cells[axis["name"]]:
            value = point(cell.get("centred"))
            tone = "" if value is None else f"v{charts.shade(value, low, high)}"
            row.append({"centred": cell.get("centred"), "raw": cell.get("raw"), "tone": tone})
        rows.append({"axis": axis, "cells": row})
    return {"names": names, "rows": rows}


_OTHER_UNITS = {"likelihood": "Likelihood, in bits per byte", "copied": "Copied answers, share of all",
                "authors": "Against every other author, in standard errors",
                "students": "Against known students, in standard errors",
                "authors-likelihood": "Against every other author by likelihood, in standard errors"}  # fmt: skip


def _lift_chart(scores: ScoresView, verdict: VerdictRecord) -> Parts | None:
    items = list(verdict.get("evidence") or [])
    if not items:
        return None
    titles = {axis["name"]: axis["title"] for axis in scores.axes}
    similarity_items = [item for item in items if item.get("unit", "similarity") == "similarity"]
    reach = [end for item in similarity_items for end in fmt.bounds(item.get("estimate")) or ()]
    scale = charts.scale_for(reach, symmetric=True)
    rows = []
    for item in items:
        if item not in similarity_items:  # another unit has no place on this scale
            rows.append({"i": item, "title": _OTHER_UNITS.get(item["axis"], item["axis"]), "picture": None})
            continue
        title = titles.get(item["axis"], item["axis"])
        mark = charts.Mark(title, item.get("estimate"), "main" if item.get("positive") else "base", True)
        rows.append({"i": item, "title": title, "picture": charts.dots([mark], scale)})
    return {"rows": rows, "ticks": charts.ticks(scale), "kinds": _without_repeats(item["statistic"] for item in items)}


def _without_repeats(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def flat(settings: object, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names with plain values, in order."""
    if isinstance(settings, Mapping) and settings:
        return [
            row for key, value in settings.items() for row in flat(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(settings, list | tuple):
        return [(prefix, ", ".join(str(item) for item in settings) or "none")]
    if settings is None:
        return [(prefix, "not set")]
    return [(prefix, {True: "yes", False: "no"}[settings] if isinstance(settings, bool) else str(settings))]
