"""``audit config``: a configuration file to begin with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mimicry_audit.cli.fields import GroupedCommand
from mimicry_audit.cli.options import collecting, given, judging, scoring

HELP = """Write a configuration file to begin with.

\b
  audit config init --models student=hf/me/student,teacher=openai/gpt-4o --reference teacher
  audit run --config audit.yaml --dry-run
"""

INIT_HELP = """Write a commented configuration file with every setting.

Settings that are given are set in the file, all others stand there with their defaults, commented out. On a terminal,
without --models, a few questions are asked.

\b
  audit config init
  audit config init --models lab/aria,lab/aria-student,lab/base --reference aria --base base lab.yaml
"""


@click.group(name="config", help=HELP)
def command() -> None:
    """See `HELP`."""


@command.command(name="init", cls=GroupedCommand, help=INIT_HELP)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="audit.yaml")
@collecting
@scoring
@judging
def init(file: Path, **values: object) -> int:
    """See `INIT_HELP`."""
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.records.run import write_text
    from mimicry_audit.workflow.settings import merged
    from mimicry_audit.workflow.starter import starter

    if file.exists():
        raise ConfigError(f"{file} exists", "choose another name, or remove it")
    settings = {name: value for name, value in given(values).items() if value not in (None, False, (), [], {}, "")}
    if "models" not in settings and sys.stdin.isatty():
        settings |= _asked()
    merged(None, settings)  # refuses what cannot be set
    write_text(file, starter(settings, file.name))
    result(settings=file)
    out_console().print(f"Settings: {file}\nNext: audit run --config {file} --dry-run", soft_wrap=True, markup=False)
    return 0


def _asked() -> dict[str, object]:
    """The settings that matter most, by question; an empty answer leaves one out."""
    questions = (
        ("models", "Models to compare, separated by commas (such as student=hf/me/student,teacher=openai/gpt-4o)"),
        ("reference", "Which of them may have been the teacher"),
        ("base", "Base of the candidate, if known (BASE, or CANDIDATE=BASE)"),
        ("probes", "Probe sets (empty for the default)"),
    )
    answers = {name: click.prompt(question, default="", show_default=False) for name, question in questions}
    return {
        name: [part.strip() for part in text.split(",") if part.strip()]
        for name, text in answers.items()
        if text.strip()
    }
