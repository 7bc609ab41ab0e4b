"""``audit distill``: three ways to train a student, each a command of its own in the module beside this one.

Promise: the older forms without a command keep working: options alone are those of ``train``, with ``--method
evolve`` those of ``evolve``, with ``--search N`` those of ``search``. An option of another of the three is named as such.
"""

from __future__ import annotations

import click

from mimicry_audit.cli import distill_evolve, distill_search, distill_train
from mimicry_audit.cli.distill_command import DistillCommand
from mimicry_audit.ground.errors import ConfigError

HELP = """Train a student on a teacher's outputs, and write a checkpoint that records its lineage.

Teacher and student are named like the models of an audit; names without an engine are loaded by transformers. The same
command again resumes what was interrupted. Without the name of a command, options are those of train.

\b
  audit distill train --teacher lab/aria --student lab/base --data lab \\
                      --out students/one
  audit distill search --teacher lab/aria --student lab/base --data lab \\
                       --out students/best --trials 20 --target agreement=0.9
  audit distill evolve --teacher expert/intents --student lab/base \\
                       --data expert/intents --task classification \\
                       --out students/intents

docs/distillation.md describes every option.
"""

_METHODS = {"distill": "train", "evolve": "evolve"}
"""What ``--method`` took before there were commands → the command."""


class DistillGroup(click.Group):
    """A group that takes options without a command for those of ``train``, as they were taken before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of use."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front where it is missing."""
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = name_command(args)
        return super().parse_args(ctx, args)


def name_command(args: list[str]) -> list[str]:
    """The arguments of the form without a command as those of the form with one.

    Raises:
        ConfigError: ``--method`` names no method.
    """
    method, rest = "distill", []
    words = iter(args)
    for word in words:
        if word == "--method":
            method = next(words, "")
        elif word.startswith("--method="):
            method = word.partition("=")[2]
        else:
            rest.append(word)
    if method not in _METHODS:
        raise ConfigError(f"--method {method} is unknown", f"choose from {', '.join(_METHODS)}")
    trials = [f"--trials{word.removeprefix('--search')}" if _is_search(word) else word for word in rest]
    if trials != rest and method == "distill":
        return ["search", *trials]
    return [_METHODS[method], *trials]


def _is_search(word: str) -> bool:
    return word == "--search" or word.startswith("--search=")


@click.group(name="distill", help=HELP, cls=DistillGroup)
def command() -> None:
    """See `HELP`."""


for _command in (distill_train.command, distill_search.command, distill_evolve.command):
    assert isinstance(_command, DistillCommand)
    command.add_command(_command)
