"""``audit run``: collect, score and report in one go."""

from __future__ import annotations

from pathlib import Path

import click

from mimicry_audit.cli.fields import GroupedCommand
from mimicry_audit.cli.options import ci_file, collecting, configurable, given, judging, scoring, setting

HELP = """Ask the models, score their answers and write the report.

The same command again completes what is missing; a finished run asks nothing.

\b
Two models (too few for a verdict, but the report shows their similarity):
  audit run --models vllm/org/student,vllm/org/teacher
A full audit with a base and unrelated models:
  audit run --models s=hf/me/student,t=openai/gpt-4o,b=hf/me/base,hf/org/x,hf/org/y --reference t --base b
The bundled models of known lineage:
  audit run --models lab/aria,lab/boro,lab/base,lab/aria-student,lab/base-sft,lab/twin --reference aria --base base
What would be asked, and how much of it:
  audit run --config audit.yaml --dry-run
With a judge model in addition:
  audit run --models hf/me/student,hf/org/teacher,hf/org/other --reference teacher --judge openai/gpt-4o --judge-budget 0.25
In CI, failing when a candidate was distilled:
  audit run --config audit.yaml --fail-on distilled --fail-on identity_leak
"""


@click.command(name="run", cls=GroupedCommand, help=HELP)
@collecting
@scoring
@judging
@ci_file
@configurable
@setting("price")
@click.option("--dry-run", is_flag=True, help="Print what would be asked, and ask nothing.")
def command(config: Path | None, dry_run: bool, junit: Path | None, **values: object) -> int:
    """See `HELP`."""
    from mimicry_audit.workflow.settings import merged, resolve

    settings = merged(config, given(values))
    resolved = resolve(settings)
    if dry_run:
        from mimicry_audit.cli.dry_run import print_plan

        print_plan(resolved)
        return 0
    from mimicry_audit.cli.steps import run_all

    return run_all(resolved, settings.fail_on, junit)
