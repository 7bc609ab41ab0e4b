"""One pair among unrelated models: the null histogram, with the pair marked and the band from floor to ceiling.

Promise: few panel members are dots, each where it lies; many are bars with their counts; every number is in the picture's
title and beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from mimicry_audit.report.fmt import Interval, bounds, num, point
from mimicry_audit.report.pictures.charts import PLOT_PAD, Scale
from mimicry_audit.report.pictures.svg import el, number, svg

MOST_DOTS = 24
"""Panel members up to which each is a dot; above, stacked dots can no longer be counted by eye."""
BINS = 40
_TOP, _RISE = 34.0, 44.0


def among(
    others: Iterable[float],
    marked: Interval | None,
    limits: tuple[float | None, float | None],
    scale: Scale,
    title: str,
    width: float = 420.0,
) -> Markup:
    """The panel as a histogram, the pair as a diamond with its interval, and the band from floor to ceiling.

    Args:
        others: a similarity to the reference for each panel member.
        marked: the pair's own.
        limits: floor and ceiling; None where there is none.
        scale: of the horizontal axis.
        title: the picture in words, with every number.
        width: in pixels.
    """
    similarities = sorted(others)
    bars = len(similarities) > MOST_DOTS
    base = _TOP + (_RISE if bars else 10.0)
    start, stop = PLOT_PAD, width - PLOT_PAD
    parts = [*_draw_band(limits, scale, base, width), el("line", x1=start, x2=stop, y1=base, y2=base, class_="rail")]
    parts += (
        _draw_bars(similarities, scale, base, start, stop)
        if bars
        else _draw_dots(similarities, scale, base, start, stop)
    )
    last = len(scale.ticks) - 1
    for at, tick in enumerate(scale.ticks):
        place = "tick first" if at == 0 else "tick last" if at == last else "tick"
        parts.append(el("text", num(tick), x=scale.at(tick, start, stop), y=base + 28, class_=place))
    parts += _draw_pair(marked, scale, base, start, stop)
    return svg(width, base + 32, title, *parts, class_="strip among")


def _draw_band(limits: tuple[float | None, float | None], scale: Scale, base: float, width: float) -> list[Markup]:
    floor, ceiling = limits
    start, stop = PLOT_PAD, width - PLOT_PAD
    parts = []
    if floor is not None and ceiling is not None and ceiling > floor:
        left_x, right_x = scale.at(floor, start, stop), scale.at(ceiling, start, stop)
        parts.append(el("rect", x=left_x, y=16, width=right_x - left_x, height=base - 6, class_="band"))
    for name, at in (("floor", floor), ("ceiling", ceiling)):
        if at is not None:
            x = scale.at(at, start, stop)
            place = "tick last" if x > 44 and (name == "floor" or x > width - 44) else "tick first"
            parts.append(el("line", x1=x, x2=x, y1=16, y2=base + 10, class_="limit"))
            parts.append(el("text", name, x=x, y=12, class_=place))
    return parts


def _draw_dots(similarities: Sequence[float], scale: Scale, base: float, start: float, stop: float) -> list[Markup]:
    heights: dict[int, int] = {}
    parts = []
    for other in similarities:
        x = scale.at(other, start, stop)
        level = heights.get(round(x / 7), 0)
        heights[round(x / 7)] = level + 1
        parts.append(el("circle", cx=x, cy=base - min(level, 4) * 6, r=3.2, class_="other"))
    return parts


def _draw_bars(similarities: Sequence[float], scale: Scale, base: float, start: float, stop: float) -> list[Markup]:
    step = (scale.high - scale.low) / BINS
    counts = [0] * BINS
    for other in similarities:
        counts[min(BINS - 1, max(0, int((other - scale.low) / step)))] += 1
    most = max(counts)
    parts: list[Markup] = []
    for at, count in enumerate(counts):
        if count:
            left_x, right_x = (scale.at(scale.low + step * edge, start, stop) for edge in (at, at + 1))
            tall = _RISE * 0.8 * count / most
            caption = f"{count} from {num(scale.low + step * at, 3)} to {num(scale.low + step * (at + 1), 3)}"
            bar = el("rect", x=left_x + 0.5, y=base - tall, width=right_x - left_x - 1, height=tall, class_="bar-of")
            parts.append(el("g", el("title", caption), bar))
    peak = counts.index(most)
    middle = scale.at(scale.low + step * (peak + 0.5), start, stop)
    parts.append(el("text", str(most), x=middle, y=base - _RISE * 0.8 - 3, class_="tick"))
    return parts


def _draw_pair(marked: Interval | None, scale: Scale, base: float, start: float, stop: float) -> list[Markup]:
    value, ends = point(marked), bounds(marked)
    if value is None:
        return []
    parts = []
    if ends:
        x1, x2 = (scale.at(end, start, stop) for end in ends)
        parts.append(el("line", x1=x1, x2=x2, y1=base, y2=base, class_="ci"))
    x = scale.at(value, start, stop)
    return [*parts, el("path", d=f"M{number(x)} {number(base - 8)}l8 8l-8 8l-8 -8z", class_="this")]
