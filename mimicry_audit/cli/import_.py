"""``audit import``: answers collected elsewhere become a run."""

from __future__ import annotations

from pathlib import Path

import click

from mimicry_audit.logs.formats import FORMATS

HELP = """Make a run from answers that were collected elsewhere; no model is asked.

The files are logs of lm-evaluation-harness, Inspect, lighteval, HELM, AlpacaEval, OpenAI Batch, promptfoo, deepeval,
OpenCompass or Every Eval Ever, or JSON, CSV or Parquet with the columns model, prompt_id, prompt, output and, if known,
domain, sample, reference_answer, reasoning and finish_reason. A folder stands for every log below it. Several files are
read as one, and models of different tools meet where their prompts are the same.

\b
  audit import answers.parquet --out reports/theirs
  audit import lm_eval_output/ logs/gsm8k.eval --out reports/both
  audit score reports/theirs --reference their-teacher
"""


@click.command(name="import", help=HELP)
@click.argument("files", type=click.Path(path_type=Path), metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    metavar="FORMAT",
    default="auto",
    show_default=True,
    help=f"What kind of files they are: {', '.join(FORMATS)}.",
)
@click.option("--out", "-o", metavar="DIR", help="Run directory.", show_default="reports/ and the first file's name")
def command(files: tuple[Path, ...], kind: str, out: str | None) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.console import err_console, out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.cli.steps import collect_step
    from mimicry_audit.verdicts.sections.notes import import_warnings
    from mimicry_audit.workflow.imports import resolved_from

    directory = collect_step(resolved_from(*files, out=out, kind=kind))
    warnings = import_warnings(directory.manifest().settings["selection"])
    result(run=directory.path, models=directory.manifest().labels, warnings=warnings)
    for warning in warnings:
        err_console().print(f"note: {warning}", soft_wrap=True, markup=False)
    out_console().print(f"Answers: {directory.path}\nNext: audit score {directory.path}", soft_wrap=True)
    return 0
