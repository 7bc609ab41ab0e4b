"""The judges' part of the page: grades per pair beside the axes, counts, position bias, agreement.

Promise: the part is there only where somebody judged; what could not be graded is a dash, and it is said why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mimicry_audit.records.score_sections import JudgeScore, JudgeSection
from mimicry_audit.records.scores import AxisScore
from mimicry_audit.report.fmt import Parts
from mimicry_audit.report.pictures import charts

GRADES = charts.Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0))
OUTCOMES = (
    ("ok", "as asked"),
    ("lenient", "read despite a wrong format"),
    ("repaired", "asked again"),
    ("failed", "unreadable"),
    ("error", "no reply"),
)
"""Outcome → how the page calls it."""


def build(section: JudgeSection | None, axes: Sequence[AxisScore]) -> Parts | None:
    """What the template places; None without a judge.

    Args:
        section: ``judge`` of ``scores.json``.
        axes: ``axes`` of ``scores.json``.
    """
    if not section or not section["judges"]:
        return None
    titles = {axis["name"]: axis["title"] for axis in axes}
    return {
        "judges": [_judge_entry(judge, titles) for judge in section["judges"]],
        "agreement": section["agreement"],
        "ticks": charts.ticks(GRADES),
    }


def _judge_entry(judge: JudgeScore, titles: Mapping[str, str]) -> Parts:
    rows = []
    for pair in sorted(judge["pairs"], key=lambda p: (p["reference"], -(p["rse"]["value"] or 0.0))):
        overall = pair["grades"]["overall"]
        name = f"{pair['candidate']} against {pair['reference']}"
        picture = charts.dots([charts.Mark(name, overall)], GRADES) if overall else None
        rows.append({"p": pair, "picture": picture})
    correlations = [c for c in judge["correlations"] if c["spearman"] is not None]
    return {
        "j": judge,
        "rows": rows,
        "counts": [(title, judge["counts"][name]) for name, title in OUTCOMES if judge["counts"][name]],
        "total": sum(judge["counts"].values()),
        "correlations": [{**c, "title": titles.get(c["with"], "all axes together")} for c in correlations],
    }
