"""Writes ``docs/commands.md`` from the program's own help texts: ``python docs/command_pages.py``.

Promise: the page says what ``--help`` says; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from mimicry_audit.cli.root import COMMANDS, group

PAGE = Path(__file__).with_name("commands.md")
WIDTH = 100
_HEAD = """# Commands

Every command with its own help text. `audit COMMAND --help` prints the same; `-h` is short for it. This page is written by
`python docs/command_pages.py`.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        for words, one in _with_inner(f"audit {name}", command):
            parts.append(f"## {words}\n\n```text\n{_help(words, one)}\n```\n")
    return "\n".join(parts)


def _with_inner(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _with_inner(f"{words} {name}", inner)


def _help(words: str, command: click.Command) -> str:
    command._help_option = None  # click keeps the first that was asked for, under the names of that time
    names = ["-h", "--help"]
    context = click.Context(
        command, info_name=words, max_content_width=WIDTH, terminal_width=WIDTH, help_option_names=names
    )
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines()).strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
