"""What a person reads when a comparison ends: the answers in a sentence each, and where the movement is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rich.markup import escape
from rich.table import Table

from mimicry_audit.cli.console import out_console
from mimicry_audit.records.compared import CheckpointRecord, Compared, MovementRecord
from mimicry_audit.statistics.interval_record import IntervalRecord

_MARKS = {"yes": "!", "no": "·", "unclear": "?", "not measured": "–"}
_WAYS = {
    "up": "toward",
    "down": "away",
    "relative": "relative to controls only",
    "unclear": "unclear",
    "too few": "too few",
}


def print_comparison(result: Compared, page: Path) -> None:
    """The answers about the last checkpoint, the movement by domain and axis, and the page."""
    console = out_console()
    last = result["checkpoints"][-1]
    console.print(f"\n[bold]{escape(result['title'])}[/bold]\n")
    for question in last["questions"]:
        console.print(f" {_MARKS[question['answer']]} {escape(question['sentence'])}", soft_wrap=True)
    console.print()
    console.print(_trajectory_table(result) if len(result["checkpoints"]) > 1 else _movement_table(result, last))
    if result["trajectory"]:
        console.print(f"\n{escape(result['trajectory'])}", soft_wrap=True)
    for text in (*(f"{line}." for line in result["differences"]), *result["warnings"]):
        console.print(f"[dim]note: {escape(text)}[/dim]", soft_wrap=True)
    console.print(f"\n[dim]{escape(result['signature'])}[/dim]", soft_wrap=True)
    console.print(f"Report: {escape(str(page))}", soft_wrap=True)


def _format_span(interval: IntervalRecord | None, sign: str = "+") -> str:
    if interval is None:
        return "—"
    return f"{interval['value']:{sign}.2f} [dim]\\[{interval['low']:{sign}.2f}, {interval['high']:{sign}.2f}][/dim]"


def _new_table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _movement_table(result: Compared, last: CheckpointRecord) -> Table:
    """Before, after and movement: all axes, each domain, each axis."""
    movement_heading = "moved beyond controls" if result["controls"] else "moved (not adjusted)"
    table = _new_table("", "before", "after", movement_heading, "Holm p", "reading")
    titles = {axis["name"]: axis["title"] for axis in result["axes"]}
    rows = [("all axes", last["overall"])]
    rows += [(f"in {name.replace('_', ' ')}", movement) for name, movement in last["by_domain"].items()]
    rows += [(titles[name], movement) for name, movement in last["axes"].items()]
    for name, movement in rows:
        if movement is None:
            continue
        p = "—" if movement["p_holm"] is None else f"{movement['p_holm']:.3f}"
        way = "baseline" if movement["p_holm"] is None else _WAYS[movement["direction"]]
        before, after = f"{movement['before']['value']:.2f}", f"{movement['after']['value']:.2f}"
        table.add_row(escape(name), before, after, _format_span(movement["adjusted"]), p, way)
    return table


def _trajectory_table(result: Compared) -> Table:
    """One row a checkpoint."""
    movement_heading = "moved beyond controls" if result["controls"] else "moved (not adjusted)"
    table = _new_table(
        "checkpoint",
        f"similarity to {escape(result['reference'])}",
        movement_heading,
        "accuracy",
        "similarity of own samples",
    )
    first = result["checkpoints"][0]

    def cell(movement: MovementRecord | None, field: Literal["before", "after", "adjusted"], sign: str = "") -> str:
        return _format_span(movement[field], sign) if movement else "—"

    rows: list[tuple[str, CheckpointRecord, Literal["before", "after"]]] = [
        (result["before"], first, "before"),
        *((k["label"], k, "after") for k in result["checkpoints"]),
    ]
    for label, k, field in rows:
        table.add_row(
            escape(label),
            cell(k["overall"], field),
            "—" if field == "before" else cell(k["overall"], "adjusted", "+"),
            cell(k["accuracy"], field),
            cell(k["diversity"]["samples"], field),
        )
    return table
