"""``audit report``: only write the report of what was scored."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

HELP = """Only write the report of what was scored; nothing is asked and nothing scored.

Formats: html, the page (default) · markdown, for GitHub · json, one document with the scores · csv and parquet, tidy
tables (pairs, verdicts, evidence, models, identity, answers) · sarif, for code scanning · junit, for CI systems ·
model-card, a section for a card on the Hub, and model-index, its metadata · every-eval-ever, answers and scores as that
collection has them.

\b
  audit report reports/mine
  audit report reports/mine --to audit.html
  audit report reports/mine --format markdown --to -
  audit report reports/mine --format html,markdown,parquet --to shared
  audit report reports/mine --format csv --table verdicts --to verdicts.csv
  audit report reports/mine --format model-card --model student
  audit report reports/mine --log-to mlflow:provenance --log-to tensorboard:boards
"""


def report_options(function: Callable[..., int]) -> Callable[..., int]:
    """A decorator with the argument and the options of the commands that write what was scored."""
    for decorate in (
        click.option(
            "--model",
            metavar="LABEL",
            help="With model-card and model-index: the candidate, where several were judged.",
        ),
        click.option(
            "--log-to",
            "trackers",
            multiple=True,
            metavar="TRACKER:NAME",
            help="Log figures and verdicts: tensorboard:FOLDER, mlflow:EXPERIMENT or wandb:PROJECT; may be repeated.",
        ),
        click.option("--table", metavar="TABLE", help="With csv and parquet: only this table, as one file."),
        click.option(
            "--to",
            type=click.Path(path_type=Path, allow_dash=True),
            metavar="FILE|-",
            help="Where to write: a file, a folder for several formats or tables, or - for standard output.",
            show_default="in RUN",
        ),
        click.argument("run", type=click.Path(path_type=Path), metavar="RUN"),
    ):
        function = decorate(function)
    return function


@click.command(name="report", help=HELP)
@click.option(
    "--format", "-f", "formats", multiple=True, metavar="F[,…]", help="Formats; may be repeated.", show_default="html"
)
@report_options
def command(formats: tuple[str, ...], **values: Any) -> int:
    """See `HELP`."""
    return write_formats(formats=formats or ("html",), **values)


def write_formats(
    run: Path,
    formats: tuple[str, ...],
    to: Path | None,
    table: str | None,
    model: str | None,
    trackers: tuple[str, ...],
) -> int:
    """Write a scored run in these formats, and log it where asked.

    Raises:
        ConfigError: a format is unknown, or the options do not go together.
        RunDirectoryError: the run was not scored.
    """
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import current, result
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.records.run import RunDirectory
    from mimicry_audit.report.export import FORMATS, OF_ONE_MODEL, TABULAR, blames_scores, check, content, export
    from mimicry_audit.report.trackers import log_to
    from mimicry_audit.verdicts.score import read_scores

    format_names = list(dict.fromkeys(f.strip() for text in formats for f in text.split(",") if f.strip()))
    if not format_names:
        raise ConfigError("--format names no format", f"choose from {', '.join(FORMATS)}")
    export_options = {
        name: (table if name in TABULAR else None, model if name in OF_ONE_MODEL else None) for name in format_names
    }
    if len(format_names) == 1:
        export_options = {format_names[0]: (table, model)}  # so that an option that does not belong is refused
    for name, (only, label) in export_options.items():
        check(name, only, label)
    directory = RunDirectory(run)
    scores = read_scores(directory)
    if to == Path("-"):
        if len(format_names) > 1:
            raise ConfigError("standard output holds one format at a time", "name one --format, or a folder with --to")
        if current().as_json:
            raise ConfigError("--json and --to - both want standard output", "leave one of them out")
        with blames_scores(directory):
            page = content(directory, scores, format_names[0], table, model)
        sys.stdout.buffer.write(page)
        sys.stdout.buffer.flush()
        return 0
    written = []
    for name, (only, label) in export_options.items():
        target = to
        if to is not None and len(format_names) > 1:
            target = to / (f"{only}.{name}" if only else FORMATS[name])
        with blames_scores(directory):
            written.append(export(directory, scores, name, target, only, label))
        out_console().print(f"Report: {written[-1]}", soft_wrap=True, markup=False)
    for tracker in trackers:
        out_console().print(log_to(tracker, directory.path, scores), soft_wrap=True, markup=False)
    result(run=directory.path, logged=list(trackers), reports=[str(path) for path in written])
    return 0
