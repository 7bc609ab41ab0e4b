"""``audit collect``: only ask the models."""

from __future__ import annotations

from pathlib import Path

import click

from mimicry_audit.cli.fields import GroupedCommand
from mimicry_audit.cli.options import collecting, configurable, given, setting

HELP = """Only ask the models; every answer is journalled as it arrives.

Stop it at any moment, even with kill -9, and run the same command again: it resumes where it stopped.

\b
  audit collect --models hf/org/a,hf/org/b --probes core/math --limit 20 --out reports/mine
"""


@click.command(name="collect", cls=GroupedCommand, help=HELP)
@collecting
@configurable
@setting("price")
@click.option("--dry-run", is_flag=True, help="Print what would be asked, and ask nothing.")
def command(config: Path | None, dry_run: bool, **values: object) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.dry_run import print_plan
    from mimicry_audit.cli.steps import check_complete, collect_step
    from mimicry_audit.workflow.settings import merged, resolve

    resolved = resolve(merged(config, given(values)))
    if dry_run:
        print_plan(resolved)
        return 0
    directory = collect_step(resolved)
    out_console().print(f"Answers: {directory.path}\nNext: audit score {directory.path}", soft_wrap=True)
    check_complete(directory, resolved)
    return 0
