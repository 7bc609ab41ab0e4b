"""``--quiet`` and ``--json``, the same for every command that ends with a result.

Promise: with ``--json``, standard output is one JSON object, whatever else a command prints; with ``--quiet``, standard error
holds warnings and errors alone. A command says what its result is with `result`, beside what it prints for people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import click

from mimicry_audit.cli.fields import OTHER, GroupedOption
from mimicry_audit.ground.redaction import redacted_deep

UNENDING = ("view", "mcp", "completion")
"""Commands that serve until they are stopped, or print a script: these options say nothing there."""


@dataclass(slots=True)
class Output:
    """How one command prints.

    Attributes:
        quiet: neither progress nor notes.
        as_json: nothing on standard output but the result.
        result: what the command came to.
    """

    quiet: bool = False
    as_json: bool = False
    result: dict[str, object] = field(default_factory=dict)


_CURRENT: ContextVar[Output] = ContextVar("output")


def current() -> Output:
    """How the running command prints."""
    return _CURRENT.get(None) or Output()


def result(**values: object) -> None:
    """What the running command came to, for ``--json``; several calls add up."""
    current().result.update(values)


@contextmanager
def speaking(quiet: bool, as_json: bool) -> Iterator[None]:
    """Print in this way; at the end, with JSON, the result, also where the command ends with an error after it had one."""
    output = Output(quiet, as_json)
    token = _CURRENT.set(output)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        if as_json and output.result:
            written = json.loads(json.dumps(output.result, allow_nan=False, default=str))
            click.echo(json.dumps(redacted_deep(written), indent=1))


def with_output_options(command: click.Command) -> click.Command:
    """A command, or every command of a group, with ``--quiet`` and ``--json``."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_output_options(inner)
        return command
    if any(parameter.name == "as_json" for parameter in command.params):
        return command
    command.params += [
        GroupedOption(["--quiet", "-q"], is_flag=True, group=OTHER, help="No progress and no notes on standard error."),
        GroupedOption(["--json", "as_json"], is_flag=True, group=OTHER, help="Print the result as one JSON object."),
    ]
    command.callback = _speaking(command.callback)
    return command


def _speaking(callback: Callable[..., Any] | None) -> Callable[..., Any]:
    assert callback is not None

    def spoken(*, quiet: bool, as_json: bool, **values: Any) -> Any:
        with speaking(quiet, as_json):
            return callback(**values)

    return spoken


def verdict_rows(scores: Mapping[str, Any]) -> list[dict[str, object]]:
    """The verdicts of a run in a few fields each."""
    names = ("candidate", "reference", "base", "verdict", "confidence", "summary")
    return [{name: verdict[name] for name in names} for verdict in scores["verdicts"]]
