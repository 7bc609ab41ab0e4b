"""The page of a comparison: ``compare.json`` turned into one offline HTML file.

Promise: a pure function of ``compare.json``, through the same door as the report (`mimicry_audit.report.page.page.shell`):
everything printed is escaped, nothing is loaded, and here no script runs at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.compared import COMPARED_SCHEMA, CheckpointRecord, Compared, MovedProbe, MovementRecord
from mimicry_audit.records.scores import AxisScore
from mimicry_audit.report import diff, visible
from mimicry_audit.report.fmt import Parts
from mimicry_audit.report.page import answers
from mimicry_audit.report.page.page import shell
from mimicry_audit.report.page.view import flat
from mimicry_audit.report.pictures import slopes

MARKS = {"yes": "●", "no": "○", "unclear": "◐", "not measured": "–"}
"""A shape for each answer, so that answers differ by more than colour."""
DIRECTIONS = {
    "up": "↑ moved toward",
    "down": "↓ moved away",
    "relative": "~ beside controls only",
    "unclear": "· unclear",
    "too few": "· too few probes",
}
CHANGES = {"up": "↑ rose", "down": "↓ fell", "unclear": "· unclear", "too few": "· too few probes"}
VARIETY = {
    "samples": ("Similarity among its own samples", "higher is less varied"),
    "questions": ("Similarity of answers to different questions", "higher is less varied"),
    "distinct_1": ("Distinct words", "lower is less varied"),
    "distinct_2": ("Distinct word pairs", "lower is less varied"),
    "distinct_3": ("Distinct word triples", "lower is less varied"),
    "words": ("Words per answer", "for reading the rows above"),
}
CLAIMS = {"own": "its own identity", "other": "another identity", "reference": "the reference's identity"}


def render(result: Compared) -> str:
    """The page.

    Args:
        result: the content of ``compare.json``.

    Raises:
        DataError: another schema, or none.
    """
    if result.get("schema") != COMPARED_SCHEMA:
        raise DataError(f"the comparison has schema {result.get('schema')!r}, not {COMPARED_SCHEMA!r}", "compare again")
    checkpoints = result["checkpoints"]
    axes = sorted((a for a in result["axes"] if a["measured"]), key=lambda axis: bool(axis["baseline"]))
    return shell(
        "compare.html",
        ("report.css", "compare.css"),
        c=result,
        last=checkpoints[-1],
        marks=MARKS,
        directions=DIRECTIONS,
        changes=CHANGES,
        slopes=_slope_charts(result, axes, checkpoints[-1]),
        lines=_line_charts(result) if len(checkpoints) > 1 else [],
        axes=axes,
        missing_axes=[axis for axis in result["axes"] if not axis["measured"]],
        domains=result["domains"],
        variety=VARIETY,
        claims=CLAIMS,
        probes=[_probe_entry(probe) for probe in result["probes"]],
        settings=flat(result["settings"]),
    )


def _slope_charts(result: Compared, axes: Sequence[AxisScore], last: CheckpointRecord) -> list[Parts]:
    """The two slope charts with the rows of their tables."""
    kinds = {True: "baseline", False: "part"}
    by_axis = [(axis["title"], last["axes"].get(axis["name"]), kinds[bool(axis["baseline"])]) for axis in axes]
    by_domain = [(name.replace("_", " "), last["by_domain"].get(name), "part") for name in result["domains"]]
    overall = ("All axes", last["overall"], "main")
    ends = (result["before"], last["label"])
    return [
        {
            "name": name,
            "head": head,
            "picture": slopes.slope(
                [slopes.Slope(n, m["before"] if m else None, m["after"] if m else None, kind) for n, m, kind in rows],
                ends,
                f"{head}: similarity to {result['reference']} before and after",
            ),
            "rows": rows,
        }
        for name, head, rows in (
            ("axis", "By axis", [overall, *by_axis]),
            ("domain", "By domain", [overall, *by_domain]),
        )
    ]


def _line_charts(result: Compared) -> list[Parts]:
    """One line chart for each quantity that was measured at some checkpoint."""
    checkpoints = result["checkpoints"]
    variety_keys = ("samples", "questions", "distinct_2", "words")
    movement_head = "Movement beyond the controls" if result["controls"] else "Movement"
    quantities: list[tuple[str, bool, Sequence[MovementRecord | None], Literal["after", "adjusted"]]] = [
        (f"Similarity to {result['reference']}", False, [c["overall"] for c in checkpoints], "after"),
        (movement_head, True, [c["overall"] for c in checkpoints], "adjusted"),
        ("Accuracy", False, [c["accuracy"] for c in checkpoints], "after"),
        *((VARIETY[key][0], False, [c["diversity"][key] for c in checkpoints], "after") for key in variety_keys),
    ]
    steps = [c["step"] for c in checkpoints]
    numbered = [step for step in steps if step is not None]
    places = [float(at) for at in range(len(checkpoints) + 1)]
    if len(numbered) == len(steps):
        places = [min(0.0, numbered[0] - 1), *map(float, numbered)]
    marks = [None, *(None if step is None else f"{step:g}" for step in steps)]
    charts: list[Parts] = []
    for head, signed, movements, field in quantities:
        if not any(movements):
            continue
        start = None if signed else next((m["before"] for m in movements if m), None)
        labels = [result["before"], *(c["label"] for c in checkpoints)]
        values = [start, *(m[field] if m else None for m in movements)]
        points = [slopes.Point(*each) for each in zip(labels, places, values, marks, strict=True)]
        charts.append(
            {
                "head": head,
                "picture": slopes.line(points, f"{head} over the training", signed=signed, start=result["before"]),
            }
        )
    return charts


def _probe_entry(probe: MovedProbe) -> Parts:
    """Three columns; what before and after do not share with the reference is marked."""
    answers_by_role = probe["answers"]
    reference_text = reference_answer["text"] if (reference_answer := answers_by_role["reference"]) else ""
    columns: list[Parts] = []
    for role in ("before", "after", "reference"):
        answer = answers_by_role[role] or {"status": "missing", "text": ""}
        head, rest = answers.cut(answer["text"])
        if role == "reference" or not reference_text:
            columns.append(
                {"role": role, "status": answer["status"], "text": visible.markup(head), "rest": rest, "shared": None}
            )
            continue
        spans = diff.spans(answers.cut(reference_text)[0], head)
        columns.append(
            {
                "role": role,
                "status": answer["status"],
                "text": diff.markup(spans),
                "rest": rest,
                "shared": diff.shared(spans),
            }
        )
    prompt, more = answers.cut(probe["prompt"])
    return {
        **probe,
        "lead": " ".join(probe["prompt"].split())[:160],
        "prompt": visible.markup(prompt),
        "prompt_rest": more,
        "columns": columns,
    }
