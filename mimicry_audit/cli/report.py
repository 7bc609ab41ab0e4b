"""``audit report``: only write the report of what was scored."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Only write the report of what was scored; nothing is asked and nothing scored.

\b
  audit report reports/mine
  audit report reports/mine --to audit.html
"""


@click.command(name="report", help=HELP)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--to", type=click.Path(path_type=Path), metavar="FILE", help="Where to write. [default: RUN/report.html]"
)
def command(run: Path, to: Path | None) -> int:
    """See `HELP`."""
    from mimicry_audit.api import write_report
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.runs import RunDirectory
    from mimicry_audit.scoring import read_scores

    directory = RunDirectory(run)
    out_console().print(f"Report: {write_report(directory, read_scores(directory), to)}", soft_wrap=True)
    return 0
