"""The pictures: SVG drawn by small pure functions, coloured by classes so that dark mode and print are free.

Promise: no picture carries a fact by colour alone (the number is printed in it, beside it, or in its table), every
picture has a name that is read aloud, and nothing in it comes from outside `mimicry_audit.report.pictures.svg`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mimicry_audit.report.fmt import Interval, bounds, num, point, span
from mimicry_audit.report.pictures.cluster import Node
from mimicry_audit.report.pictures.svg import el, number, svg

STEPS = 9
"""Shades in each ramp; ``q0``…``q8`` sequential, ``v0``…``v8`` diverging with ``v4`` in the middle."""

PLOT_WIDTH, PLOT_HEIGHT, PLOT_PAD = 240.0, 26.0, 8.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear axis from `low` to `high` with marks at `ticks`."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float, start: float, stop: float) -> float:
        """Where `value` falls between the coordinates `start` and `stop`; values off the axis stay at its ends."""
        share = (value - self.low) / (self.high - self.low)
        return start + min(1.0, max(0.0, share)) * (stop - start)


def scale_for(values: Iterable[float], symmetric: bool = False) -> Scale:
    """A scale with round ends that holds `values`; `symmetric` puts 0 in its middle."""
    finite_values = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    if symmetric:
        reach = max(0.1, *(abs(value) for value in finite_values))
        step = next(s for s in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, reach / 2) if s * 2 >= reach)
        return Scale(-step * 2, step * 2, (-step * 2, -step, 0.0, step, step * 2))
    low, high = min(0.0, *finite_values), max(1.0, *finite_values)
    return Scale(low, high, (low, (low + high) / 2, high))


def shade(value: float, low: float, high: float) -> int:
    """Which of `STEPS` shades `value` takes between `low` and `high`."""
    if high <= low:
        return STEPS // 2
    return min(STEPS - 1, max(0, int((value - low) / (high - low) * STEPS)))


def short(label: str, most: int = 18) -> str:
    """A label that fits; the whole of it stands in the picture's title and in the table."""
    return label if len(label) <= most else f"{label[: most - 1]}…"


def ends(label: str, most: int = 18) -> str:
    """As `short`, leaving out the middle."""
    return label if len(label) <= most else f"{label[: most // 2]}…{label[-(most - most // 2 - 1) :]}"


def ramp_ends(values: Iterable[Interval | None], centred: bool) -> tuple[float, float]:
    """The values at the ends of a matrix's colours: symmetric about 0 when centred."""
    estimates = [value for value in map(point, values) if value is not None]
    if centred:
        reach = max([0.01, *(abs(value) for value in estimates)])
        return -reach, reach
    return (min(estimates), max(estimates)) if estimates else (0.0, 1.0)


def _draw_cell(
    x: float, y: float, size: float, names: tuple[str, str], interval: Interval | None, style: Shading
) -> Markup:
    value = point(interval)
    inset = {"x": x + 1, "y": y + 1, "width": size - 2, "height": size - 2, "rx": 3}
    if names[0] == names[1]:
        return el("rect", class_="self", **inset)
    if value is None:
        return el("g", el("title", f"{names[0]} and {names[1]}: not measured"), el("rect", class_="void", **inset))
    tone = f"{'v' if style.centred else 'q'}{shade(value, style.low, style.high)}"
    ends = span(interval, style.centred)
    return el(
        "g",
        el("title", f"{names[0]} and {names[1]}: {num(value, signed=style.centred)} {ends}"),
        el("rect", class_=tone, **inset),
        el(
            "text",
            num(value, signed=style.centred).replace("0.", ".", 1),
            x=x + size / 2,
            y=y + size / 2,
            class_=f"n {tone}t",
            font_size=max(9.0, min(14.0, size * 0.27)),
        ),
    )


@dataclass(frozen=True, slots=True)
class Shading:
    """How a matrix is coloured: between which values, and whether about 0."""

    centred: bool
    low: float
    high: float


def heatmap(root: Node, values: Mapping[frozenset[str], Interval | None], centred: bool, title: str) -> Markup:
    """The similarity of every pair as a matrix, neighbours side by side, the clustering drawn at its right."""
    labels = root.leaves
    size = 58.0 if len(labels) <= 8 else 44.0 if len(labels) <= 14 else 36.0 if len(labels) <= 20 else 26.0
    left_margin = 16 + 7.2 * min(18, max(len(label) for label in labels))
    top = 12 + left_margin * 0.62
    side = size * len(labels)
    low, high = ramp_ends(values.values(), centred)
    style = Shading(centred, low, high)
    parts: list[Markup] = []
    name = short if len(labels) <= 20 else ends  # among many models some differ in their last letters only
    for row, one in enumerate(labels):
        middle = top + (row + 0.5) * size
        parts.append(el("text", name(one), x=left_margin - 8, y=middle, class_="row"))
        across = left_margin + (row + 0.5) * size
        turn = f"rotate(-38 {number(across)} {number(top - 8)})"
        parts.append(el("text", name(one), x=across, y=top - 8, class_="col", transform=turn))
        for column, other in enumerate(labels):
            interval = values.get(frozenset({one, other}))
            parts.append(_draw_cell(left_margin + column * size, top + row * size, size, (one, other), interval, style))
    edge = left_margin + side
    parts.append(_draw_dendrogram(root, edge + 8, top, size, 46.0))
    return svg(edge + 60 + left_margin * 0.25, top + side + 4, title, *parts, class_="heat")


def _draw_dendrogram(root: Node, x: float, top: float, size: float, width: float) -> Markup:
    heights: list[float] = []

    def collect(node: Node) -> None:
        if node.parts and node.height is not None:
            heights.append(node.height)
            for part in node.parts:
                collect(part)

    collect(root)
    if not heights:
        return el("g")
    high, low = max(heights), min(heights)
    reach = (high - low) or 1.0
    lines: list[Markup] = []

    def draw(node: Node, first: int) -> tuple[float, float]:
        if node.parts is None:
            return x, top + (first + 0.5) * size
        one = draw(node.parts[0], first)
        two = draw(node.parts[1], first + len(node.parts[0].leaves))
        depth = x + width * (0.12 + 0.88 * (high - (node.height or low)) / reach)
        path = f"M{number(one[0])} {number(one[1])}H{number(depth)}V{number(two[1])}H{number(two[0])}"
        lines.append(el("path", d=path))
        return depth, (one[1] + two[1]) / 2

    draw(root, 0)
    return el("g", *lines, class_="tree")


def legend(low: float, high: float, centred: bool) -> Markup:
    """The colours of a matrix with the values at their ends."""
    letter, cell = ("v" if centred else "q"), 18.0
    boxes = [el("rect", x=at * cell, y=0, width=cell, height=10, class_=f"{letter}{at}") for at in range(STEPS)]
    ends = [
        el("text", num(low, signed=centred), x=0, y=24, class_="tick first"),
        el("text", num(high, signed=centred), x=STEPS * cell, y=24, class_="tick last"),
    ]
    middle = [el("text", "0", x=STEPS * cell / 2, y=24, class_="tick")] if centred else []
    caption = f"Colours from {num(low, signed=centred)} to {num(high, signed=centred)}"
    return svg(STEPS * cell, 28, caption, *boxes, *ends, *middle, class_="legend")


@dataclass(frozen=True, slots=True)
class Mark:
    """One dot with its interval; `kind` is ``main``, ``base`` (hollow) or ``baseline`` (grey square)."""

    name: str
    interval: Interval | None
    kind: str = "main"
    signed: bool = False

    @property
    def said(self) -> str:
        """The mark in words."""
        return f"{self.name} {num(point(self.interval), signed=self.signed)} {span(self.interval, self.signed)}".strip()


def _draw_grid(scale: Scale, width: float, height: float) -> list[Markup]:
    out = []
    for tick in scale.ticks:
        x = scale.at(tick, PLOT_PAD, width - PLOT_PAD)
        out.append(el("line", x1=x, x2=x, y1=0, y2=height, class_="zero" if tick == 0 else "grid"))
    return out


def _draw_mark(mark: Mark, scale: Scale, y: float, width: float) -> Markup | None:
    value, ends = point(mark.interval), bounds(mark.interval)
    if value is None:
        return None
    x = scale.at(value, PLOT_PAD, width - PLOT_PAD)
    line = None
    if ends:
        x1, x2 = (scale.at(end, PLOT_PAD, width - PLOT_PAD) for end in ends)
        line = el("line", x1=x1, x2=x2, y1=y, y2=y, class_="ci")
    if mark.kind == "baseline":
        dot = el("rect", x=x - 4, y=y - 4, width=8, height=8, class_="dot")
    else:
        dot = el("circle", cx=x, cy=y, r=4 if mark.kind == "base" else 5, class_="dot")
    return el("g", line, dot, class_=f"mark {mark.kind}")


def dots(marks: Sequence[Mark], scale: Scale) -> Markup:
    """One row of a dot-and-interval plot; the numbers stand beside it in the same table row."""
    plotted_marks = [mark for mark in marks if point(mark.interval) is not None]
    gap = 9.0 if len(plotted_marks) < 3 else 7.5
    first = PLOT_HEIGHT / 2 - gap * (len(plotted_marks) - 1) / 2
    elements = [_draw_mark(mark, scale, first + gap * at, PLOT_WIDTH) for at, mark in enumerate(plotted_marks)]
    caption = "; ".join(mark.said for mark in plotted_marks) or "not measured"
    grid = _draw_grid(scale, PLOT_WIDTH, PLOT_HEIGHT)
    return svg(PLOT_WIDTH, PLOT_HEIGHT, caption, *grid, *reversed(elements), class_="dots")


def ticks(scale: Scale) -> Markup:
    """The head of a column of `dots`: the numbers along its axis."""
    signed = scale.low < 0
    parts = []
    for at, tick in enumerate(scale.ticks):
        place = "tick first" if at == 0 else "tick last" if at == len(scale.ticks) - 1 else "tick"
        x = 0.0 if at == 0 else PLOT_WIDTH if place == "tick last" else scale.at(tick, PLOT_PAD, PLOT_WIDTH - PLOT_PAD)
        parts.append(el("text", num(tick, 2, signed) if tick else "0", x=x, y=13, class_=place))
    return svg(PLOT_WIDTH, 17, f"Axis from {num(scale.low)} to {num(scale.high)}", *parts, class_="dots ticks")


def strip(others: Iterable[float], marked: Interval | None, scale: Scale, title: str, width: float = 300.0) -> Markup:
    """Where one pair lies among all pairs: a tick for each other pair, a diamond with its interval for this one."""
    height, y = 34.0, 20.0
    parts = [el("line", x1=PLOT_PAD, x2=width - PLOT_PAD, y1=y, y2=y, class_="rail")]
    zero = scale.at(0.0, PLOT_PAD, width - PLOT_PAD)
    parts.append(el("line", x1=zero, x2=zero, y1=y - 13, y2=y + 13, class_="zero"))
    # Ticks that fall on one place are one: of thousands of pairs most do.
    for x in sorted({round(scale.at(other, PLOT_PAD, width - PLOT_PAD), 1) for other in others}):
        parts.append(el("line", x1=x, x2=x, y1=y - 6, y2=y + 6, class_="other"))
    value, ends = point(marked), bounds(marked)
    if value is not None:
        x = scale.at(value, PLOT_PAD, width - PLOT_PAD)
        if ends:
            x1, x2 = (scale.at(end, PLOT_PAD, width - PLOT_PAD) for end in ends)
            parts.append(el("line", x1=x1, x2=x2, y1=y, y2=y, class_="ci"))
        diamond = f"M{number(x)} {number(y - 8)}l8 8l-8 8l-8 -8z"
        parts.append(el("path", d=diamond, class_="this"))
    return svg(width, height, title, *parts, class_="strip")


def stack(parts: Sequence[tuple[str, str, float]], title: str, width: float = 160.0) -> Markup:
    """A single bar cut into named shares: (class, name, count); the counts are in its title and beside it."""
    total = sum(count for _, _, count in parts)
    caption = f"{title}: " + ", ".join(f"{count:.0f} {name}" for _, name, count in parts)
    segments: list[Markup] = []
    x = 0.0
    for kind, name, count in parts:
        if count <= 0 or total <= 0:
            continue
        wide = width * count / total
        box = el("rect", x=x, y=2, width=max(0.5, wide - 1), height=10, class_=f"share {kind}")
        segments.append(el("g", el("title", f"{count:.0f} {name}"), box))
        x += wide
    return svg(width, 14, caption, *segments, class_="stack")


def icon(paths: Sequence[str]) -> Markup:
    """The shape of a verdict from its paths; decoration beside its word."""
    shapes = [el("path", d=path) for path in paths]
    return el("svg", *shapes, viewBox="0 0 16 16", width=16, height=16, class_="icon", aria_hidden="true")
