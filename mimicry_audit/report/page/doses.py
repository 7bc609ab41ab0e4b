"""What dose an audit of this size could detect: the curves measured on the lab, as pictures and tables.

Promise: every number that a picture shows is in a table beside it, lines differ in stroke, mark and label, and the part is
there only where it applies: where some verdict rests on a base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from markupsafe import Markup

from mimicry_audit.records.scores import Scores
from mimicry_audit.report.fmt import Parts, bounds, num, point, real, span
from mimicry_audit.report.pictures import charts
from mimicry_audit.report.pictures.svg import el, number, svg
from mimicry_audit.statistics.doses import POWERS, at_probes, shipped

Record = Mapping[str, Any]

WIDTH, HEIGHT = 520.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 104.0, 26.0, 40.0
"""Margins of both pictures; the right one holds the labels of the lines."""
NUMBER_WIDTH = 34.0
"""What a number along an axis takes; doses that lie closer have a tick alone."""
PER_CENT = "\u00a0%"  # no line ends between a number and its unit
NEVER_TAUGHT = {
    "same-data": "a student of the data that the teacher itself learnt from",
    "twin": "a model trained on the teacher’s data from a start of its own",
    "same-style": "a student of the teacher’s style in other sentences",
    "unrelated-student": "a student of another teacher",
    "base-sft": "an ordinary fine-tune of the same base",
    "boro": "an unrelated model",
}
"""The lab's models that never saw one of the teacher's answers, in words that fit into a table."""
STATED = POWERS[-1]
"""The power whose limit is marked."""


def build(scores: Scores, dose_study: Record | None = None) -> Parts | None:
    """What the template places; None where no verdict rests on a base or nothing was measured.

    Args:
        scores: the content of ``scores.json``.
        dose_study: the content of ``doses.json``; what the package carries if None.
    """
    dose_study = shipped() if dose_study is None else dose_study
    pairs = {frozenset((pair["a"], pair["b"])): pair.get("n") for pair in scores.get("pairs") or []}
    based = [v for v in scores.get("verdicts") or [] if v.get("base")]
    probe_counts = [real(pairs.get(frozenset((v["candidate"], v["reference"])))) for v in based]
    known_counts = [n for n in probe_counts if n is not None]
    if not dose_study or not known_counts:
        return None
    return parts(dose_study, round(median(known_counts)), "likelihood" if scores.get("likelihood") else "texts")


def parts(dose_study: Record, probes: int, kind: str) -> Parts:
    """Both pictures, their tables, and the limit of this number of probes.

    Args:
        dose_study: the content of ``doses.json``.
        probes: of the audit at hand.
        kind: what it rests on: ``texts`` alone, or also ``likelihood``.
    """
    other = "texts" if kind == "likelihood" else "likelihood"
    of = {
        name: [f for p in POWERS if (f := at_probes(curves, probes, p))]
        for name, curves in dose_study["curves"].items()
    }
    limits = of[kind]
    stated, elsewhere, odds = (
        next((f for f in of.get(name, ()) if f["power"] == STATED), None) for name in (kind, other, "odds")
    )
    assert stated is not None
    assert elsewhere is not None
    odds_picture = odds and power_picture({"curves": dose_study["curves"]["odds"]}, odds, "log-likelihoods stand out")
    dose_study = _select_kind(dose_study, kind)
    return {
        "probes": probes,
        "kind": kind,
        "elsewhere": {**elsewhere, "said": said(elsewhere)},
        "odds": odds and {**odds, "said": said(odds), "power": odds_picture},
        "limits": [{**limit, "said": said(limit)} for limit in limits],
        "stated": {**stated, "said": said(stated)},
        "scores": scores_picture(dose_study),
        "power": power_picture(dose_study, stated),
        "rows": _dose_rows(dose_study),
        "sizes": [curve["probes"] for curve in dose_study["curves"]],
        "table": _limit_rows(dose_study),
        "controls": controls(dose_study),
        "mistaken": mistaken(dose_study),
        "taught": _found_strip("a student of nothing but the teacher’s answers", _taught_verdicts(dose_study)),
        "seeds": len(dose_study["seeds"]),
        "models": dose_study["models"],
        "made": dose_study["made"],
    }


def _select_kind(dose_study: Record, kind: str) -> Record:
    """What was measured, as audits of one kind saw it."""
    students = [{**s, "verdict": s["verdict"][kind], "found": s["found"][kind]} for s in dose_study["students"]]
    return {**dose_study, "curves": dose_study["curves"][kind], "students": students}


def share(value: float | None, none_label: str = f"over 100{PER_CENT}") -> str:
    """A dose as a percentage with two digits that count; `none_label` for none."""
    number = real(value)
    if number is None:
        return none_label
    percent = number * 100
    return (f"{percent:.0f}" if percent >= 10 or percent == 0 else f"{percent:.2g}") + PER_CENT


def said(limit: Record) -> str:
    """A dose or a share with its interval: ``12 % [8 %, 20 %]``."""
    return f"{share(limit['value'])} [{share(limit['low'])}, {share(limit['high'])}]"


def place(dose: float, smallest: float) -> float:
    """Where a dose stands along the axis, 0 to 1: logarithmic from the smallest tested, dose 0 a step before it."""
    decades = -math.log10(smallest)
    step = 0.5
    if dose <= 0:
        return 0.0
    if dose < smallest:  # between 0 and the smallest dose the scale is linear, because log 0 is undefined
        return step * dose / smallest / (decades + step)
    return (step + math.log10(dose / smallest)) / (decades + step)


def _dose_x(dose: float, smallest: float) -> float:
    return LEFT + place(dose, smallest) * (WIDTH - LEFT - RIGHT)


def _share_y(value: float, scale: charts.Scale) -> float:
    return scale.at(value, HEIGHT - BOTTOM, TOP)


def _draw_frame(levels: Sequence[float], scale: charts.Scale, name: str, percent: bool) -> list[Markup]:
    """Grid, numbers along both axes, and their names."""
    smallest = min(level for level in levels if level > 0)
    out: list[Markup] = []
    for tick in scale.ticks:
        y = _share_y(tick, scale)
        text = share(tick) if percent else num(tick)
        out.append(el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="zero" if tick == 0 else "grid"))
        out.append(el("text", text, x=LEFT - 6, y=y + 4, class_="label tick last"))
    free = 0.0
    for level in (0.0, *(level for level in levels if level)):
        x = _dose_x(level, smallest)
        out.append(el("line", x1=x, x2=x, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="grid"))
        if x >= free or level == levels[-1]:
            out.append(el("text", share(level), x=x, y=HEIGHT - BOTTOM + 17, class_="label tick"))
            free = x + NUMBER_WIDTH
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(el("text", "share of the teacher’s answers", x=middle, y=HEIGHT - 6, class_="label tick"))
    out.append(el("text", name, x=2, y=10, class_="label tick first"))
    return out


def _draw_line(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    path = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return el("path", d=f"M{path}", class_=f"curve {kind}")


def scores_picture(dose_study: Record) -> Markup:
    """Adjusted lift against dose: a dot and its interval for each seed, a line through the means."""
    students = _by_dose(dose_study)
    levels = sorted(students)
    smallest = min(level for level in levels if level > 0)
    ends = [end for row in students.values() for s in row for end in bounds(s["lift"]) or ()]
    top = max(0.1, math.ceil(max(ends, default=1.0) * 10) / 10)
    low = min(0.0, math.floor(min(ends, default=0.0) * 10) / 10)
    scale = charts.Scale(low, top, tuple(sorted({low, 0.0, round(top / 2, 2), top})))
    parts = _draw_frame(levels, scale, "adjusted lift", percent=False)
    means = []
    for level in levels:
        for at, student in enumerate(students[level]):
            x = _dose_x(level, smallest) + 5 * (at - (len(students[level]) - 1) / 2)
            value, limits = point(student["lift"]), bounds(student["lift"])
            if value is None:
                continue
            caption = f"{share(level)}, seed {student['seed']}: {num(value, signed=True)} {span(student['lift'], True)}"
            line = limits and el(
                "line", x1=x, x2=x, y1=_share_y(limits[0], scale), y2=_share_y(limits[1], scale), class_="ci"
            )
            dot = el("circle", cx=x, cy=_share_y(value, scale), r=3.5, class_="dot")
            parts.append(el("g", el("title", caption), line or None, dot, class_="mark main"))
        means.append((_dose_x(level, smallest), _share_y(_mean_lift(students[level]), scale)))
    parts.append(_draw_line(means, "c0"))
    parts.append(el("text", "mean of seeds", x=means[-1][0] + 12, y=means[-1][1] + 4, class_="label tick first"))
    words = "; ".join(f"{share(level)} {num(_mean_lift(students[level]), signed=True)}" for level in levels)
    return svg(WIDTH, HEIGHT, f"Adjusted lift against dose, mean of the seeds: {words}", *parts, class_="doses")


def power_picture(dose_study: Record, stated: Record | None = None, what: str = "found distilled") -> Markup:
    """Power against dose, a line for each number of probes, and the detection limit with its interval at the stated power.

    Args:
        dose_study: `curves` of one kind.
        stated: the limit to mark, None for none.
        what: is counted; named along the upright axis.
    """
    curves = dose_study["curves"]
    levels = [p["dose"] for p in curves[0]["power"]]
    smallest = min(level for level in levels if level > 0)
    scale = charts.Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.8, 1.0))
    parts = _draw_frame(levels, scale, what, percent=True)
    if stated and stated["value"] is not None:
        parts += _limit_marks(stated, smallest, scale)
    for at, curve in enumerate(curves):
        points = [(_dose_x(p["dose"], smallest), _share_y(p["fitted"], scale)) for p in curve["power"]]
        parts.append(_draw_line(points, f"c{at % 4}"))
        for p in curve["power"]:
            caption = f"{curve['probes']} probes, {share(p['dose'])}: {said(p)}"
            x, y = _dose_x(p["dose"], smallest), _share_y(p["value"], scale)
            parts.append(el("g", el("title", caption), _draw_symbol(at % 4, x, y)))
        y = TOP + 20 + 18 * at
        x = WIDTH - RIGHT + 8
        parts += [_draw_line([(x, y), (x + 24, y)], f"c{at % 4}"), _draw_symbol(at % 4, x + 12, y)]
        parts.append(el("text", f"{curve['probes']} probes", x=x + 30, y=y + 4, class_="label tick first"))
    words = "; ".join(
        f"{curve['probes']} probes: " + ", ".join(f"{share(p['dose'])} {share(p['value'])}" for p in curve["power"])
        for curve in curves
    )
    more = f"; {share(STATED)} power at {said(stated)} with {stated['probes']} probes" if stated else ""
    return svg(WIDTH, HEIGHT, f"Share of audits ({what}) against dose: {words}{more}", *parts, class_="doses")


def _limit_marks(limit: Record, smallest: float, scale: charts.Scale) -> list[Markup]:
    y = _share_y(STATED, scale)
    low, high = (real(limit[end]) for end in ("low", "high"))
    first, last = _dose_x(low or 0.0, smallest), _dose_x(1.0 if high is None else high, smallest)
    x = _dose_x(limit["value"], smallest)
    diamond = f"M{number(x)} {number(y - 7)}l7 7l-7 7l-7 -7z"
    return [
        el("rect", x=first, y=TOP, width=max(1.0, last - first), height=HEIGHT - BOTTOM - TOP, class_="band"),
        el("line", x1=x, x2=x, y1=y, y2=HEIGHT - BOTTOM, class_="limit"),
        el("path", d=diamond, class_="this"),
        el("text", f"{share(STATED)} from {said(limit)}", x=WIDTH - RIGHT, y=TOP - 10, class_="label tick last"),
    ]


def _draw_symbol(at: int, x: float, y: float) -> Markup:
    """A separate shape for each line, so that lines differ by more than colour or stroke."""
    shapes = (
        f"M{number(x - 3.5)} {number(y)}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
        f"M{number(x - 3.2)} {number(y - 3.2)}h6.4v6.4h-6.4z",
        f"M{number(x)} {number(y - 4)}l4 7h-8z",
        f"M{number(x)} {number(y - 4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
    )
    return el("path", d=shapes[at], class_="point")


def _by_dose(dose_study: Record) -> dict[float, list[Record]]:
    students_by_dose: dict[float, list[Record]] = {}
    for student in dose_study["students"]:
        if student["group"] == "dose":
            students_by_dose.setdefault(float(student["dose"]), []).append(student)
    return students_by_dose


def _mean_lift(students: Sequence[Record]) -> float:
    return fmean(float(s["lift"]["value"]) for s in students)


def _dose_rows(dose_study: Record) -> list[Parts]:
    """One row a dose: lifts and verdicts by seed, power by number of probes."""
    students = _by_dose(dose_study)
    return [
        {
            "dose": share(level),
            "lifts": [s["lift"] for s in students[level]],
            "gains": [s["gain"] for s in students[level]],
            "verdicts": [s["verdict"] for s in students[level]],
            "power": [next(p for p in curve["power"] if p["dose"] == level) for curve in dose_study["curves"]],
        }
        for level in sorted(students)
    ]


def _limit_rows(dose_study: Record) -> list[Parts]:
    return [
        {"probes": curve["probes"], "limits": [{"power": x["power"], "said": said(x)} for x in curve["limits"]]}
        for curve in dose_study["curves"]
    ]


def mistaken(dose_study: Record) -> list[Parts]:
    """Who was called ``distilled`` without having seen the teacher's answers, the most often mistaken first: `_found_strip`."""
    verdicts: dict[str, list[str]] = {}
    for student in dose_study["students"]:
        verdicts.setdefault(student["label"], []).append(student["verdict"])
    known = [(about, verdicts[label]) for label, about in NEVER_TAUGHT.items() if label in verdicts]
    return [_found_strip(*row) for row in sorted(known, key=lambda row: -row[1].count("distilled"))]


def _found_strip(about: str, verdicts: Sequence[str]) -> Parts:
    """In how many of the ``seeds`` a model was ``found``, and for each in the ``strip`` whether."""
    strip = [verdict == "distilled" for verdict in verdicts]
    return {"about": about, "found": sum(strip), "seeds": len(strip), "strip": strip}


def _taught_verdicts(dose_study: Record) -> list[str]:
    """The verdicts on the students of the highest dose."""
    students = _by_dose(dose_study)
    return [student["verdict"] for student in students[max(students)]]


def controls(dose_study: Record) -> list[Parts]:
    """Every student outside the dose curve: its lifts drawn on one scale, and its verdicts."""
    rows: dict[str, list[Record]] = {}
    for student in dose_study["students"]:
        if student["group"] != "dose":
            rows.setdefault(student["label"], []).append(student)
    scale = charts.scale_for((end for r in rows.values() for s in r for end in bounds(s["lift"]) or ()), symmetric=True)
    return [
        {
            "label": label,
            "group": students[0]["group"],
            "about": students[0]["about"],
            "picture": charts.dots([charts.Mark(f"seed {s['seed']}", s["lift"], signed=True) for s in students], scale),
            "lifts": [s["lift"] for s in students],
            "gains": [s["gain"] for s in students],
            "verdicts": [s["verdict"] for s in students],
            "found": fmean(float(s["found"]) for s in students),
        }
        for label, students in rows.items()
    ]
