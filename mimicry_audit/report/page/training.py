"""How a training went, as a page of the same make as the report: its losses step by step, and what its evaluation found.

Promise: every number comes from the files of the training, every text passes the report's own door (`page`), no script is
needed, and nothing outside is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.report.fmt import num
from mimicry_audit.report.page import page
from mimicry_audit.report.pictures import charts
from mimicry_audit.report.pictures.slopes import round_scale
from mimicry_audit.report.pictures.svg import el, number, svg

Record = Mapping[str, Any]
Series = Sequence[tuple[float, float]]
"""Steps and values."""

WIDTH, HEIGHT = 520.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 104.0, 26.0, 34.0
_POLICY = "default-src 'none'; style-src '{style}'; img-src data:; base-uri 'none'; form-action 'none'"


def render(
    name: str, facts: Sequence[tuple[str, str]], metrics: Sequence[Record], models: Sequence[str],
    figures: Sequence[tuple[str, Sequence[str]]], prompts: int,
) -> str:  # fmt: skip
    """The page.

    Args:
        name: of the student.
        facts: what was trained on what, as name and text.
        metrics: the lines of ``metrics.jsonl``.
        models: columns of the evaluation; empty without one.
        figures: its rows: title, and one text for each model.
        prompts: how many prompts were held out for it.
    """
    templates = resource_dir("templates") / "report"
    style, style_hash = page.inline_asset(templates, "report.css")
    rounds = sorted({int(record["round"]) for record in metrics})
    template = page.build_environment(templates).get_template("training.html")
    html: str = template.render(
        title=f"Training of {name}", name=name, facts=facts, style=style, policy=_POLICY.format(style=style_hash),
        pictures=[picture for picture in (part(metrics, rounds) for part in _PICTURES) if picture is not None],
        models=models, figures=figures, prompts=prompts,
    )  # fmt: skip
    return html


def series(metrics: Sequence[Record], field: str, number_of_round: int) -> list[tuple[float, float]]:
    """Steps and finite values of one field in one round."""
    return [
        (float(record["step"]), float(record[field]))
        for record in metrics
        if record["round"] == number_of_round and field in record and math.isfinite(record[field])
    ]


def _losses(metrics: Sequence[Record], rounds: Sequence[int]) -> Markup | None:
    lines = []
    for part in rounds:
        title = "" if len(rounds) == 1 else f" {part}"
        lines += [
            (f"training{title}", series(metrics, "loss", part)),
            (f"held out{title}", series(metrics, "eval_loss", part)),
        ]
    return curves("Loss, nats a token", lines)


def _ended(metrics: Sequence[Record], rounds: Sequence[int]) -> Markup | None:
    lines = [("share", series(metrics, "rollouts_ended", part)) for part in rounds]
    return curves("The student’s own answers that came to an end", lines, top=1.0)


def _lengths(metrics: Sequence[Record], rounds: Sequence[int]) -> Markup | None:
    lines = [("tokens", series(metrics, "rollout_tokens", part)) for part in rounds]
    return curves("Length of the student’s own answers", lines)


_PICTURES = (_losses, _ended, _lengths)


def curves(title: str, lines: Sequence[tuple[str, Series]], top: float | None = None) -> Markup | None:
    """One picture of several lines over the steps; None where no line has a point.

    Args:
        title: what the upright axis is.
        lines: name and points of each; the first four are told apart by their strokes.
        top: of the upright axis, None for what the values need.
    """
    lines = [(name, points) for name, points in lines if points]
    if not lines:
        return None
    last = max(step for _, points in lines for step, _ in points)
    values = [value for _, points in lines for _, value in points]
    scale = charts.Scale(0.0, top, (0.0, top / 2, top)) if top is not None else round_scale([0.0, *values])

    def at(step: float, value: float) -> tuple[float, float]:
        return LEFT + step / last * (WIDTH - LEFT - RIGHT), scale.at(value, HEIGHT - BOTTOM, TOP)

    parts: list[Markup] = []
    for tick in scale.ticks:
        _, y = at(0, tick)
        parts.append(el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="zero" if tick == 0 else "grid"))
        parts.append(el("text", num(tick), x=LEFT - 6, y=y + 4, class_="label tick last"))
    for step in (0.0, last / 2, last):
        x, _ = at(step, 0)
        parts.append(el("text", f"{step:,.0f}", x=x, y=HEIGHT - BOTTOM + 17, class_="label tick"))
    parts.append(el("text", "steps", x=WIDTH - RIGHT + 28, y=HEIGHT - BOTTOM + 17, class_="label tick first"))
    parts.append(el("text", title, x=2, y=10, class_="label tick first"))
    for place, (name, points) in enumerate(lines):
        spots = [at(step, min(max(value, scale.low), scale.high)) for step, value in points]
        parts.append(_draw_line(spots, place))
        if len(points) <= 3:
            parts += [el("circle", cx=x, cy=y, r=3.5, class_="dot") for x, y in spots]
        y = TOP + 8 + 18 * place
        parts.append(_draw_line([(WIDTH - RIGHT + 8, y), (WIDTH - RIGHT + 30, y)], place))
        parts.append(el("text", name, x=WIDTH - RIGHT + 36, y=y + 4, class_="label tick first"))
    words = "; ".join(f"{name}: {num(points[0][1])} at first, {num(points[-1][1])} at last" for name, points in lines)
    return svg(WIDTH, HEIGHT, f"{title} over the steps: {words}", *parts, class_="doses")


def _draw_line(spots: Series, place: int) -> Markup:
    path = "L".join(f"{number(x)} {number(y)}" for x, y in spots)
    return el("path", d=f"M{path}", class_=f"curve c{place % 4}")
