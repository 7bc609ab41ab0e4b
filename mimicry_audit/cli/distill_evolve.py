"""``audit distill evolve``: the teacher writes data where the student is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mimicry_audit.cli.distill_command import DistillCommand
from mimicry_audit.cli.fields import add_options, options_of, read_options
from mimicry_audit.distill.evolve.settings import EvolveSettings

if TYPE_CHECKING:
    from rich.table import Table

    from mimicry_audit.distill.evolve.journal import RoundRecord

HELP = """Let the teacher study the student's errors, write new inputs and label them; then train on these.

DATA is a file of rows (.jsonl, .csv or .parquet with the columns prompt and label) or expert/WORLD.

\b
  audit distill evolve --task classification --teacher expert/intents \\
                       --data expert/intents --student lab/base \\
                       --out students/intents
  audit distill evolve --task tagging --teacher openai/big-model \\
                       --data sentences.jsonl --student org/small \\
                       --out students/names
"""


@click.command(
    name="evolve",
    cls=DistillCommand,
    help=HELP,
    short_help="Let the teacher write data where the student is wrong.",
)
@add_options(options_of(EvolveSettings))
def command(**values: object) -> int:
    """See `HELP`."""
    from rich.markup import escape

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.distill_output import StageBars
    from mimicry_audit.cli.output import result
    from mimicry_audit.distill.evolve import evolve

    typed = read_options(EvolveSettings, values)
    settings = EvolveSettings.of(**typed)
    settings = replace(settings, labels=tuple(dict.fromkeys(settings.labels)))
    watch = StageBars()
    with watch:
        evolution = evolve(settings, watch)
    result(student=evolution.path, rounds=evolution.rounds)
    out_console().print(rounds_table(evolution.rounds))
    out_console().print(f"Student: {escape(str(evolution.path))}", soft_wrap=True)
    return 0


def rounds_table(rounds: Sequence[RoundRecord]) -> Table:
    """One line per round: what was labelled, how much of it was wrong before training, and the test."""
    from rich.table import Table

    figures = [name for name in rounds[0]["test"] if name != "n"]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("round", "labelled", "new", "wrong before training", *figures):
        table.add_column(title, justify="right")
    for record in rounds:
        new = ", ".join(f"{count} {kind}" for kind, count in record["answers"].items()) or "none"
        wrong = ", ".join(f"{share:.0%} {kind}" for kind, share in sorted(record["wrong_before"].items())) or "—"
        scores = [f"{record['test'][name]:.3f}" for name in figures]
        table.add_row(str(record["round"]), str(record["spent"]), new, wrong, *scores)
    return table
