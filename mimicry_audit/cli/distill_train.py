"""``audit distill train``: train one student on a teacher's answers."""

from __future__ import annotations

import click

from mimicry_audit.cli.distill_command import DistillCommand
from mimicry_audit.cli.fields import add_options, options_of, read_options
from mimicry_audit.distill.settings import DistillSettings

HELP = """Train one student on a teacher's answers or probabilities.

DATA is a file of prompts (.jsonl, .csv or .parquet with a column prompt or messages) or the name of a probe set.

\b
  audit distill train --teacher lab/aria --student lab/base --data lab \\
                      --out students/soft --objective forward-kl
  audit distill train --teacher openai/big-model --student org/small \\
                      --data prompts.jsonl --out students/text --adapter
  audit distill train --teacher lab/aria --student lab/base --data own.jsonl \\
                      --out students/half --dose 0.5 --else-answers answer
"""


@click.command(name="train", cls=DistillCommand, help=HELP, short_help="Train one student on a teacher's answers.")
@add_options(options_of(DistillSettings))
def command(**values: object) -> int:
    """See `HELP`."""
    from rich.markup import escape

    from mimicry_audit.cli.console import err_console, out_console
    from mimicry_audit.cli.distill_output import StageBars, evaluation_table, learning_curve, write_page
    from mimicry_audit.cli.output import result
    from mimicry_audit.distill import distill

    settings = DistillSettings.of(**read_options(DistillSettings, values))
    watch = StageBars()
    with watch:
        distillation = distill(settings, watch)
    page = write_page(distillation)
    result(page=page, student=distillation.path, lineage=distillation.lineage, evaluation=distillation.evaluation)
    for line in learning_curve(distillation.path / "metrics.jsonl"):
        out_console().print(line, soft_wrap=True, markup=False, highlight=False)
    if distillation.evaluation is not None:
        out_console().print(evaluation_table(distillation.evaluation))
        for note in distillation.evaluation["notes"]:
            err_console().print(f"[dim]note: {escape(note)}[/dim]", soft_wrap=True)
    out_console().print(f"Student: {escape(str(distillation.path))}", soft_wrap=True)
    out_console().print(f"Course: {escape(str(page))}", soft_wrap=True)
    return 0
