"""Before and after as pictures: slope charts, and lines over a training run.

Promise: as in `mimicry_audit.report.pictures.charts`: small pure functions, colour by class only, every number in a title or
in the table beside the picture, and every string through `mimicry_audit.report.pictures.svg.el`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mimicry_audit.report.fmt import Interval, bounds, estimate, num, point
from mimicry_audit.report.pictures.charts import Scale, ends, short
from mimicry_audit.report.pictures.svg import Child, el, number, svg

WIDTH, TOP, BOTTOM = 490.0, 30.0, 14.0
LEFT, RIGHT = 84.0, 270.0
ROW = 17.0
"""Least distance between two labels."""
LINE_WIDTH, LINE_HEIGHT, LINE_LEFT, LINE_RIGHT, LINE_TOP, LINE_BOTTOM = 340.0, 210.0, 40.0, 14.0, 14.0, 34.0


@dataclass(frozen=True, slots=True)
class Slope:
    """One line of a slope chart; `kind` is ``main`` (bold), ``part`` or ``baseline`` (dashed)."""

    name: str
    before: Interval | None
    after: Interval | None
    kind: str = "part"


def round_scale(values: Sequence[float], least: float = 0.1) -> Scale:
    """A scale with round ends that holds the values closely, four to six ticks, no smaller than `least`."""
    numbers = list(values) or [0.0, 1.0]
    low, high = min(numbers), max(numbers)
    middle, reach = (low + high) / 2, max(high - low, least)
    low, high = middle - reach / 2, middle + reach / 2
    step = next((s for s in _STEPS if reach / s <= 5), reach / 5)
    first = step * int(low // step)
    ticks = [first]
    while ticks[-1] < high - 1e-9:
        ticks.append(round(ticks[-1] + step, 10))
    return Scale(ticks[0], ticks[-1], tuple(ticks))


_STEPS = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


def spread(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """The places moved apart to at least `least`, their order kept, inside [low, high] as far as they fit."""
    order = sorted(range(len(places)), key=lambda at: places[at])
    out = list(places)
    for before, at in itertools.pairwise(order):
        out[at] = max(out[at], out[before] + least)
    if order and out[order[-1]] > high:
        out[order[-1]] = high
        for after, at in zip(order[::-1], order[::-1][1:], strict=False):
            out[at] = min(out[at], out[after] - least)
    if order and out[order[0]] < low:
        shift = low - out[order[0]]
        out = [place + shift for place in out]
    return out


def slope(rows: Sequence[Slope], heads: tuple[str, str], title: str) -> Markup:
    """Each row as a line from its value before to its value after, with both intervals; names at the right.

    Args:
        rows: those without both values are left out; the table beside the picture has them.
        heads: what stands above the two columns.
        title: read aloud.
    """
    complete_rows = [row for row in rows if point(row.before) is not None and point(row.after) is not None]
    values = [
        v
        for row in complete_rows
        for i in (row.before, row.after)
        for v in (*(bounds(i) or ()), point(i))
        if v is not None
    ]
    scale = round_scale(values)
    height = max(240.0, ROW * len(complete_rows) + 60.0)
    top, bottom = TOP, TOP + height
    tall = bottom + BOTTOM
    parts: list[Child] = []
    for tick in scale.ticks:
        y = scale.at(tick, bottom, top)
        parts.append(el("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="zero" if tick == 0 else "grid"))
        parts.append(el("text", num(tick), x=28, y=y + 4, class_="tick"))
    for x, name in zip((LEFT, RIGHT), heads, strict=True):
        parts.append(el("text", short(name, 22), x=x, y=16, class_="end"))
    draw_order = sorted(complete_rows, key=lambda row: row.kind == "main")
    parts += [_draw_slope(row, scale, top, bottom) for row in draw_order]
    label_heights = [scale.at(point(row.after) or 0.0, bottom, top) for row in complete_rows]
    for row, y, at in zip(complete_rows, label_heights, spread(label_heights, ROW, top, bottom), strict=True):
        parts.append(_draw_name(row, y, at))
    return svg(WIDTH, tall, title, *parts, class_="slopes")


def _draw_slope(row: Slope, scale: Scale, top: float, bottom: float) -> Markup:
    parts: list[Child] = [el("title", f"{row.name}: {estimate(row.before)} before, {estimate(row.after)} after")]
    ys = []
    for x, interval in ((LEFT, row.before), (RIGHT, row.after)):
        y = scale.at(point(interval) or 0.0, bottom, top)
        if limits := bounds(interval):
            y1, y2 = (scale.at(end, bottom, top) for end in limits)
            parts.append(el("line", x1=x, x2=x, y1=y1, y2=y2, class_="ci"))
        ys.append(y)
    parts.append(el("line", x1=LEFT, x2=RIGHT, y1=ys[0], y2=ys[1], class_="run"))
    parts += [
        el("circle", cx=LEFT, cy=ys[0], r=4, class_="dot hollow"),
        el("circle", cx=RIGHT, cy=ys[1], r=4.5, class_="dot"),
    ]
    return el("g", *parts, class_=f"slope {row.kind}")


def _draw_name(row: Slope, y: float, at: float) -> Markup:
    before, after = point(row.before) or 0.0, point(row.after) or 0.0
    path = f"M{number(RIGHT + 7)} {number(y)}L{number(RIGHT + 19)} {number(at)}"
    label = f"{short(row.name, 24)} {num(after - before, signed=True)}"
    lead = el("path", d=path, class_="lead-line")
    return el("g", lead, el("text", label, x=RIGHT + 23, y=at + 4, class_="what"), class_=f"slope {row.kind}")


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint of a line: its name, its place along the run, the value there, and what stands below it."""

    name: str
    place: float
    interval: Interval | None
    mark: str | None = None


def line(points: Sequence[Point], title: str, *, signed: bool = False, start: str | None = None) -> Markup:
    """One quantity over a training run: dots with intervals, joined.

    Args:
        points: in order; those without a value interrupt the line.
        title: read aloud.
        signed: whether numbers carry a sign.
        start: name of the first point, which is drawn hollow (before the training).
    """
    values = [v for p in points for v in (*(bounds(p.interval) or ()), point(p.interval)) if v is not None]
    digits = 2 if not values or max(map(abs, values)) < 10 else 0
    scale = round_scale(values if not signed else [*values, 0.0])
    bottom, right = LINE_HEIGHT - LINE_BOTTOM, LINE_WIDTH - LINE_RIGHT
    parts: list[Child] = []
    for tick in scale.ticks:
        y = scale.at(tick, bottom, LINE_TOP)
        parts.append(el("line", x1=LINE_LEFT, x2=right, y1=y, y2=y, class_="zero" if tick == 0 else "grid"))
        parts.append(
            el("text", num(tick, digits, signed) if tick else "0", x=LINE_LEFT - 6, y=y + 4, class_="tick last")
        )
    places = [p.place for p in points]
    reach = Scale(min(places), max(places) if max(places) > min(places) else min(places) + 1, ())
    xs = [reach.at(p.place, LINE_LEFT + 14, right - 14) for p in points]
    valued_points = [(x, p) for x, p in zip(xs, points, strict=True) if point(p.interval) is not None]
    ys = {p.place: scale.at(point(p.interval) or 0.0, bottom, LINE_TOP) for _, p in valued_points}
    for (x1, one), (x2, two) in itertools.pairwise(valued_points):
        parts.append(el("line", x1=x1, x2=x2, y1=ys[one.place], y2=ys[two.place], class_="run"))
    for x, p in valued_points:
        parts.append(_draw_dot(x, ys[p.place], p, scale, bottom, signed, hollow=p.name == start))
    parts += _draw_names(xs, points, bottom)
    return svg(LINE_WIDTH, LINE_HEIGHT, title, *parts, class_="lines")


def _draw_dot(x: float, y: float, p: Point, scale: Scale, bottom: float, signed: bool, *, hollow: bool) -> Markup:
    parts: list[Child] = [el("title", f"{p.name}: {estimate(p.interval, signed)}")]
    if limits := bounds(p.interval):
        y1, y2 = (scale.at(end, bottom, LINE_TOP) for end in limits)
        parts.append(el("line", x1=x, x2=x, y1=y1, y2=y2, class_="ci"))
    parts.append(el("circle", cx=x, cy=y, r=4.5, class_="dot hollow" if hollow else "dot"))
    return el("g", *parts)


def _draw_names(xs: Sequence[float], points: Sequence[Point], bottom: float) -> list[Markup]:
    """Names below the line, as many as there is room for: the first, the last and an even spread of the others."""
    marks = [ends(p.mark or p.name, 9) for p in points]
    longest = max(map(len, marks))
    room = max(2, int((LINE_WIDTH - LINE_LEFT) / (longest * 7.0 + 10)))
    stride = max(1, -(-(len(points) - 1) // (room - 1)))
    label_places = {at for at in range(0, len(points), stride) if len(points) - 1 - at >= stride} | {len(points) - 1, 0}
    return [el("text", marks[at], x=xs[at], y=bottom + 20, class_="tick") for at in sorted(label_places)]
