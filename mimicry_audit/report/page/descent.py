"""Lineage: what checkpoints say of themselves, what was declared, and what this audit found, in one drawing.

Promise: a line that this audit concluded never looks like one that a checkpoint states, every line is also a sentence in the
list beside the drawing, and a cycle of claims is drawn, not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mimicry_audit.records.scores import ModelScore, VerdictRecord
from mimicry_audit.records.verdict_words import WORDS
from mimicry_audit.report.fmt import Parts
from mimicry_audit.report.pictures.charts import ends
from mimicry_audit.report.pictures.svg import el, number, svg

MOST_NODES = 40
"""Most models in one drawing; of more, those with the fewest lines are left to the list."""
_WIDE, _TALL, _GAP_X, _GAP_Y, _TOP = 170.0, 30.0, 110.0, 22.0, 8.0

KINDS: Mapping[str, tuple[str, str]] = {
    "base": ("was trained from", "line of training, on record or declared"),
    "taught": ("was taught by", "taught by it, on record"),
    "data": ("was trained on the data of", "trained on its data, on record"),
    "distilled": ("was distilled, this audit finds, from", "distilled, found by this audit"),
    "same-model": ("seems to be the same model as", "same model, found by this audit"),
    "shared-base": ("seems to share a base with", "shared base, found by this audit"),
}
"""Kind of line → its verb, and its entry in the legend, in the order of the legend."""
_FOUND = {word.name: word.slug for word in WORDS if word.accuses}
_RANKING = ("base", "taught", "data", "distilled")


@dataclass(frozen=True, slots=True)
class Line:
    """One claim: `child` comes from `parent`; `kind` of `KINDS`; `source` in words."""

    parent: str
    child: str
    kind: str
    source: str


def lines(models: Sequence[ModelScore], verdicts: Iterable[VerdictRecord]) -> list[Line]:
    """Every claim about who comes from whom, each kind once a pair; what is on record before what was declared and found."""
    out: dict[tuple[str, str, str], Line] = {}

    def add(parent: str | None, child: str, kind: str, source: str) -> None:
        if parent and parent != child:
            out.setdefault((str(parent), child, kind), Line(str(parent), child, kind, source))

    for model in models:
        record = model.get("lineage") or {}
        source = str(record.get("source") or "on record")
        add(record.get("base"), model["label"], "base", source)
        add(record.get("teacher"), model["label"], "taught", source)
        for teacher in record.get("teachers") or []:
            # The one with the largest share stands there already.
            add(teacher["name"], model["label"], "taught", f"{source}, {teacher['share']:.0%} of what it was taught")
        add(record.get("same_data_as"), model["label"], "data", source)
    for verdict in verdicts:
        if any(str(e.get("statistic")).startswith("adjusted") for e in verdict.get("evidence") or []):
            # A declared base that the weights contradict was not used, and is not drawn.
            add(verdict.get("base"), verdict["candidate"], "base", "declared for this audit")
        if kind := _FOUND.get(verdict["verdict"]):
            source = f"verdict, {verdict.get('confidence')} confidence"
            if kind == "distilled" or (verdict["candidate"], verdict["reference"], kind) not in out:
                add(verdict["reference"], verdict["candidate"], kind, source)
    return list(out.values())


def build(models: Sequence[ModelScore], verdicts: Iterable[VerdictRecord]) -> Parts | None:
    """Drawing, legend and list; None where nothing is known or found of any model's descent."""
    claims = lines(models, verdicts)
    if not claims:
        return None
    names = list(dict.fromkeys(name for line in claims for name in (line.parent, line.child)))
    degree = {name: sum(name in (line.parent, line.child) for line in claims) for name in names}
    drawn_names = sorted(names, key=lambda name: -degree[name])[:MOST_NODES]
    drawn_claims = [line for line in claims if line.parent in drawn_names and line.child in drawn_names]
    present = {model["label"] for model in models}
    used = {line.kind for line in claims}
    return {
        "picture": _draw_tree([name for name in names if name in drawn_names], drawn_claims, present),
        "legend": [(kind, text, _legend_sample(kind)) for kind, (_, text) in KINDS.items() if kind in used],
        "lines": [(line, KINDS[line.kind][0]) for line in claims],
        "left_out": len(names) - len(drawn_names),
        "apart": [model["label"] for model in models if model["label"] not in names],
    }


def layers(names: Sequence[str], claims: Sequence[Line]) -> list[list[str]]:
    """The models in columns, parents left of their children; order within a column follows that of the parents."""
    parents: dict[str, set[str]] = {name: set() for name in names}
    for line in claims:
        if line.kind in _RANKING:
            parents[line.child].add(line.parent)
    depth: dict[str, int] = {}

    def at(name: str, above: frozenset[str]) -> int:
        if name not in depth:
            higher = [at(p, above | {name}) for p in sorted(parents[name] - above)]  # a cycle ends where it began
            depth[name] = 1 + max(higher, default=-1)
        return depth[name]

    for name in names:
        at(name, frozenset({name}))
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in names:
        columns[depth[name]].append(name)
    place = {name: float(row) for column in columns[:1] for row, name in enumerate(column)}
    for column in columns[1:]:
        column.sort(key=lambda name: _middle_of([place[p] for p in parents[name] if p in place]))
        place.update({name: float(row) for row, name in enumerate(column)})
    return columns


def _middle_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _draw_tree(names: Sequence[str], claims: Sequence[Line], present: set[str]) -> Markup:
    columns = layers(names, claims)
    rows = max(map(len, columns))
    height = _TOP * 2 + rows * (_TALL + _GAP_Y)
    place: dict[str, tuple[float, float]] = {}
    for x, column in enumerate(columns):
        offset = (rows - len(column)) * (_TALL + _GAP_Y) / 2
        for y, name in enumerate(column):
            place[name] = 2 + x * (_WIDE + _GAP_X), _TOP + offset + y * (_TALL + _GAP_Y) + _GAP_Y / 2
    edges = [_draw_edge(line, place, nth) for line, nth in _fan_lines(claims)]
    boxes = [_draw_box(name, place[name], name in present) for name in names]
    width = 4 + len(columns) * _WIDE + (len(columns) - 1) * _GAP_X + 40
    description = "; ".join(f"{line.child} {KINDS[line.kind][0]} {line.parent} ({line.source})" for line in claims)
    return svg(width, height, f"Lineage: {description}", *edges, *boxes, class_="descent")


def _fan_lines(claims: Sequence[Line]) -> list[tuple[Line, int]]:
    """Each line with its number among those between the same two models, so that none covers another."""
    pair_counts: dict[frozenset[str], int] = {}
    out = []
    for line in claims:
        key = frozenset((line.parent, line.child))
        out.append((line, pair_counts.get(key, 0)))
        pair_counts[key] = pair_counts.get(key, 0) + 1
    return out


def _draw_box(name: str, at: tuple[float, float], inside: bool) -> Markup:
    kind = "node" if inside else "node away"
    title = name if inside else f"{name}, not part of this run"
    return el(
        "g",
        el("title", title),
        el("rect", x=at[0], y=at[1], width=_WIDE, height=_TALL, rx=6, class_=kind),
        el("text", ends(name, 22), x=at[0] + _WIDE / 2, y=at[1] + _TALL / 2, class_="name"),
    )


def _draw_edge(line: Line, place: Mapping[str, tuple[float, float]], nth: int) -> Markup:
    (x1, y1), (x2, y2) = place[line.parent], place[line.child]
    y1, y2 = y1 + _TALL / 2 + 6 * nth, y2 + _TALL / 2 + 6 * nth
    if x1 < x2:
        start, stop = x1 + _WIDE, x2
        over = (start + stop) / 2, (start + stop) / 2
    else:  # the same column, or a cycle: around the right-hand side
        start, stop = x1 + _WIDE, x2 + _WIDE
        over = start + 36, stop + 36
    bends = [(over[0], y1), (over[1], y2), (stop, y2)]
    path = f"M{number(start)} {number(y1)}C" + " ".join(f"{number(x)} {number(y)}" for x, y in bends)
    description = f"{line.child} {KINDS[line.kind][0]} {line.parent} ({line.source})"
    return el("g", el("title", description), el("path", d=path, class_=f"edge {line.kind}"))


def _legend_sample(kind: str) -> Markup:
    """A short line of this kind for the legend; decoration beside its words."""
    path = el("path", d="M1 6H33", class_=f"edge {kind}")
    return el("svg", path, viewBox="0 0 34 12", width=34, height=12, class_="descent key", aria_hidden="true")
