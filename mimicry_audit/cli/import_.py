"""``audit import``: answers collected elsewhere become a run."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Make a run from answers that were collected elsewhere; no model is asked.

The file is JSONL, CSV or Parquet with the columns model, prompt_id, prompt, output and, if known, domain, sample and
reference_answer.

\b
  audit import answers.parquet --out reports/theirs
  audit score reports/theirs --reference their-teacher
"""


@click.command(name="import", help=HELP)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--out", "-o", metavar="DIR", help="Run directory.", show_default="reports/ and the file's name")
def command(file: Path, out: str | None) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.steps import collect_step
    from mimicry_audit.workflow.imports import resolved_from

    directory = collect_step(resolved_from(file, out))
    out_console().print(f"Answers: {directory.path}\nNext: audit score {directory.path}", soft_wrap=True)
    return 0
