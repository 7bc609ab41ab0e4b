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
@click.option(
    "--shard",
    metavar="I/N",
    help="Collect the I-th of N parts of the probes, in a folder of its own below --out; slurm takes both from a SLURM "
    "array. Join the parts with audit merge.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be asked, and ask nothing.")
def command(config: Path | None, shard: str | None, dry_run: bool, **values: object) -> int:
    """See `HELP`."""
    import os

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.dry_run import print_plan
    from mimicry_audit.cli.output import result
    from mimicry_audit.cli.steps import check_complete, collect_step
    from mimicry_audit.workflow.settings import merged, resolve
    from mimicry_audit.workflow.shards import Shard

    resolved = resolve(merged(config, given(values)))
    if shard is not None:
        resolved = Shard.from_text(shard, os.environ).part_of(resolved)
    if dry_run:
        print_plan(resolved)
        return 0
    directory = collect_step(resolved)
    following = f"audit merge {directory.path.parent} --out DIR" if shard else f"audit score {directory.path}"
    result(run=directory.path, models=directory.manifest().labels, next=following)
    out_console().print(f"Answers: {directory.path}\nNext: {following}", soft_wrap=True)
    check_complete(directory, resolved)
    return 0
