"""From `mimicry_audit.ground.fields.Field` to an option of click, and help texts whose options are grouped under headings.

Promise: the default that a help text shows is read from the settings class, so the two cannot differ; an option that is not
given stays None, so that a configuration file can set it; a missing one is named with what it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import Field, fields_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = TypeVar("Function", bound=Callable[..., object])
OTHER = "Other"
_WIDEST = 26
"""Columns that an option and its value may take before the help text goes to a line of its own."""


class GroupedOption(click.Option):
    """An option with a heading.

    Args:
        *args: as `click.Option` takes them.
        group: the heading.
        absent: what holds without it, in words.
        **kwargs: as `click.Option` takes them.
    """

    def __init__(self, *args: Any, group: str = OTHER, absent: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group, self.absent = group, absent

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and its help, with what holds without it."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        declaration, description = record
        return declaration, " ".join([*description.split(), *([_default_note(self.absent)] if self.absent else [])])


def grouped(names: str, group: str, **kwargs: Any) -> Callable[[Function], Function]:
    """A decorator with an option that is not a setting: its names, separated by spaces, and its heading."""
    return add_options([GroupedOption(names.split(), group=group, **kwargs)])


class FieldOption(GroupedOption):
    """The option of one field; None where it is not given."""

    def __init__(self, field: Field) -> None:
        self.field = field
        super().__init__(_option_names(field), help=_help_of(field), group=field.group, **_type_of(field))


class GroupedCommand(click.Command):
    """A command whose options are grouped under headings, in the order in which the headings first appear."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, all in the same two columns."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None:
                groups.setdefault(getattr(parameter, "group", OTHER), []).append(record)
        groups[OTHER] = groups.pop(OTHER, [])
        fitting = [
            len(declaration) for rows in groups.values() for declaration, _ in rows if len(declaration) <= _WIDEST
        ]
        width = max(fitting, default=0)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(declaration.ljust(width), description) for declaration, description in rows], col_max=width
                )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and name a required setting that is missing with what it is for.

        Raises:
            ConfigError: a required setting is missing.
        """
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            if isinstance(parameter, FieldOption) and parameter.field.required and not ctx.resilient_parsing:
                require_value(parameter.field, ctx.params.get(str(parameter.name)))
        return rest


def require_value(field: Field, value: object) -> None:
    """Refuse a required setting that was not given.

    Raises:
        ConfigError: names it, and what it may be.
    """
    if value is None or value == ():
        fix = f"choose from {', '.join(field.choices)}" if field.choices else f"give {field.flag} {field.unit}"
        what = "" if field.choices else f": {field.help[:1].lower()}{field.help[1:].rstrip('.')}"
        raise ConfigError(f"{field.flag} is missing", f"{fix}{what}")


def option_of(record: type[DataclassInstance], name: str, **changed: Any) -> Callable[[Function], Function]:
    """A decorator with the option of one setting; `changed` gives other words where a command uses it differently."""
    field = next(setting for setting in fields_of(record) if setting.name == name)
    return add_options([FieldOption(replace(field, **changed))])


def options_of(
    record: type[DataclassInstance], names: Sequence[str] = (), leave_out: Sequence[str] = ()
) -> list[FieldOption]:
    """The options of a settings class, all of them or those that are named."""
    return [
        FieldOption(field)
        for field in fields_of(record)
        if field.name not in leave_out and (not names or field.name in names)
    ]


def add_options(options: Sequence[click.Option]) -> Callable[[Function], Function]:
    """A decorator that gives a command these options, in this order."""

    def decorate(function: Function) -> Function:
        if isinstance(function, click.Command):
            function.params.extend(options)
            return function
        earlier_options = getattr(function, "__click_params__", [])
        function.__click_params__ = [*earlier_options, *reversed(options)]  # type: ignore[attr-defined]
        return function

    return decorate


def read_options(record: type[DataclassInstance], values: Mapping[str, object]) -> dict[str, object]:
    """What was typed for a settings class, with lists split and pairs parsed; what was not typed is left out.

    Raises:
        ConfigError: a pair is not K=V.
    """
    typed_values: dict[str, object] = {}
    for field in fields_of(record):
        value = values.get(_parameter_name(field))
        if value is None or value == ():
            continue
        if field.kind == "mapping" and isinstance(value, tuple):
            typed_values[field.name] = dict(split_pair(text) for text in value)
        elif field.kind in ("names", "models") and isinstance(value, tuple):
            parts = [part for text in value for part in (text.split(",") if field.commas else [text])]
            typed_values[field.name] = tuple(part.strip() for part in parts if part.strip())
        elif field.repeats and isinstance(value, tuple):
            typed_values[field.name] = ",".join(value)
        else:
            typed_values[field.name] = value
    return typed_values


def split_pair(text: str) -> tuple[str, str]:
    """The two sides of ``K=V``.

    Raises:
        ConfigError: there are not two.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--engine-option {text!r} is not K=V", "write it like -E dtype=bfloat16")
    return key.strip(), value.strip()


def _help_of(field: Field) -> str:
    """The help text with choices and default; a default of nothing, or of a flag that is not set, goes without saying."""
    words = [field.help]
    if field.choices:
        words.append(f"One of {', '.join(field.choices)}.")
    default_words = "" if field.kind == "switch" and not field.absent else field.default_text
    if field.required:
        words.append("[required]")
    elif default_words not in ("", "none"):
        words.append(_default_note(default_words))
    return " ".join(words)


def _default_note(text: str) -> str:
    return f"[default: {text}]"


def _parameter_name(field: Field) -> str:
    return (field.flag_name or field.name).replace("-", "_")


def _option_names(field: Field) -> list[str]:
    flag = field.flag
    if field.kind == "switch" and field.default is None:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    return [_parameter_name(field), flag, *([field.short] if field.short else [])]


def _type_of(field: Field) -> dict[str, Any]:
    if field.kind == "switch":
        return {"is_flag": True, "default": field.default}  # a flag without a default would be off, not left open
    kinds: dict[str, object] = {"whole": click.INT, "number": click.FLOAT, "path": click.Path(path_type=Path)}
    return {
        "type": kinds.get(field.kind, click.STRING),
        "metavar": field.unit or None,
        "multiple": field.repeats or field.kind in ("names", "models", "mapping"),
    }
