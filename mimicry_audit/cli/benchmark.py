"""``audit benchmark``: how well the tool does where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mimicry_audit.cli.options import given

HELP = """Measure the audit itself on models whose lineage is known.

\b
  audit benchmark lineage --responses answers.parquet --lineage lineage.csv --out reports/lineage
"""

LINEAGE_HELP = """How well every axis, the combined score and the verdicts separate related from unrelated models.

RESPONSES holds the answers (columns model, prompt_id, prompt, output; see docs/formats.md). LINEAGE names pairs of these
models: student, teacher, relation, with the relation `none` for unrelated pairs. Writes lineage.json into DIR and prints it as
tables: the area under the ROC curve with its interval, and the share found at 1% false alarms.

\b
  audit benchmark lineage --responses answers.parquet --lineage lineage.csv --out reports/lineage
  audit benchmark lineage --responses a.jsonl --lineage l.csv --out out --axes lexical,style,length
"""


@click.group(name="benchmark", help=HELP)
def command() -> None:
    """See `HELP`."""


@command.command(name="lineage", help=LINEAGE_HELP)
@click.option(
    "--responses",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Response file with the models' answers.",
)
@click.option(
    "--lineage",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the documented lineage.",
)
@click.option(
    "--out", "-o", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for lineage.json."
)
@click.option("--axes", multiple=True, metavar="AXIS,…", help="Only these axes.", show_default="all but semantic")
@click.option("--seed", type=int, metavar="N", default=0, show_default=True, help="Random seed for the statistics.")
@click.option(
    "--triangles",
    type=click.IntRange(min=0),
    metavar="N",
    default=200,
    show_default=True,
    help="Maximum number of verdicts with a base per relation; 0 for all.",
)
def lineage(responses: Path, lineage: Path, out: Path, axes: tuple[str, ...], seed: int, triangles: int) -> int:
    """See `LINEAGE_HELP`."""
    from mimicry_audit.benchmark.lineage import benchmark, measure_file, read_lineage
    from mimicry_audit.cli.bars import steps
    from mimicry_audit.cli.output import result
    from mimicry_audit.records.run import write_json
    from mimicry_audit.similarity.measure import AXES, axis_class

    axis_names = tuple(given({"axes": axes}).get("axes") or (a for a in AXES.own if a != "semantic"))
    for axis in axis_names:
        axis_class(axis)
    pairs = read_lineage(lineage)
    with steps("lineage", len(axis_names) + 4) as begin:
        document = benchmark(
            measure_file(responses, axis_names, begin), pairs, seed=seed, most_triangles=triangles, progress=begin
        )
    write_json(out / "lineage.json", document)
    result(written=out / "lineage.json", **document)
    _print_tables(document, out / "lineage.json")
    return 0


def _print_tables(document: Mapping[str, Any], written: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console

    console = out_console()
    console.print(
        f"{document['models']} models, {document['prompts']} prompts. Area under the curve / share found at 1% false alarms, "
        "against unrelated pairs; intervals and centred axes are in lineage.json\n"
    )
    relations = document["relations"]
    axes = list(dict.fromkeys(a for row in relations.values() for a in row if not a.endswith("_centred")))
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("relation")
    for axis in axes:
        table.add_column(axis, justify="right")
    for relation, row in relations.items():
        table.add_row(f"{relation} ({document['pairs'][relation]})", *(_format_cell(row.get(axis)) for axis in axes))
    console.print(table)
    _print_verdicts("verdicts", document["verdicts"]["confusion"], console)
    _print_rate("Unrelated pairs accused", document["verdicts"]["false_verdict_rate"], console)
    if document["triangles"]["confusion"]:
        _print_verdicts("with a base", document["triangles"]["confusion"], console)
        _print_rate("Unrelated pairs called distilled", document["triangles"]["distilled_rate"], console)
    attribution = document["attribution"]
    if attribution["top1"] is not None:
        console.print(
            f"\nTeacher named first: {attribution['top1']:.0%} (its maker {attribution['developer_top1']:.0%}, reciprocal rank "
            f"{attribution['mrr']:.2f}), balanced over {attribution['teachers']} teachers of "
            f"{attribution['students']} students; "
            f"always naming the most common one: {attribution['majority']['top1']:.0%} "
            f"({attribution['majority']['developer_top1']:.0%}, {attribution['majority']['mrr']:.2f})"
        )
    for axis, why in document["not_measured"].items():
        console.print(f"Not measured: {axis} ({escape(why)})")
    console.print(f"\n{escape(str(written))}", soft_wrap=True)


def _format_cell(entry: Mapping[str, object] | None) -> str:
    if entry is None:
        return "–"
    return f"{entry['auc']:.3f}\n{entry['tpr_at_1pct_fpr']:.2f}"


def _print_verdicts(title: str, confusion: Mapping[str, Mapping[str, int]], console: Any) -> None:
    from rich.table import Table

    kinds = list(dict.fromkeys(v for row in confusion.values() for v in row))
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.add_column(title)
    for kind in kinds:
        table.add_column(kind, justify="right")
    for relation, row in confusion.items():
        table.add_row(relation, *(str(row.get(kind, 0)) for kind in kinds))
    console.print()
    console.print(table)


def _print_rate(title: str, rate: Mapping[str, object] | None, console: Any) -> None:
    if rate is not None:
        console.print(f"\n{title}: {rate['value']:.1%} [{rate['low']:.1%}, {rate['high']:.1%}] of {rate['n']}")
