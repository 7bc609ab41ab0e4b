"""One record for each setting: its type, default, bounds and words, from which everything else about it is made.

Promise: the check of a value, the option on the command line (`mimicry_audit.cli.fields`), the key in a YAML file and the row
of a table in the documentation come from the same `Field`, so they cannot disagree. A settings class is a plain dataclass
whose fields carry `describe(...)` as metadata; name, type and default are read from the class itself. This module knows no
command-line library.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mimicry_audit.ground.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = Literal["text", "whole", "number", "switch", "names", "models", "path", "mapping", "words", "json"]
Record = TypeVar("Record", bound="DataclassInstance")
_KEY = "field"

WANTED: Mapping[str, str] = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "switch": "true or false",
    "names": "a list of names",
    "models": "a list of names",
    "path": "a path",
    "mapping": "a mapping",
    "words": "a list of words",
    "json": "a JSON object",
}
"""Kind → how an error message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting.

    Attributes:
        name: as in Python and YAML; the command line has hyphens for underscores.
        kind: ``whole`` number, ``number``, ``switch`` (true or false), ``text``, ``path``, ``names`` (a list of text),
            ``models`` (a list of text or mappings), ``mapping``, ``words`` (a list, or text split at spaces), ``json``.
        help: what it does, one sentence.
        default: the value without one.
        required: there is no default.
        optional: None is a value: whatever `absent` says.
        low: smallest value.
        above: the value must be above this.
        high: largest value.
        below: the value must be below this.
        choices: the only texts allowed, where not empty.
        unit: what stands for the value in a help text, such as ``N`` or ``SECONDS``.
        group: heading under which help texts list it.
        absent: the default in words, where it is None, empty, or follows from other settings.
        example: a good value, for error messages.
        note: more advice for error messages.
        decides: whether it has a part in what comes out; others may change when work is resumed.
        commas: whether commas separate the names of a list.
        repeats: whether a text may be given several times on the command line, to be joined by commas.
        short: its one-letter option, such as ``-o``.
        flag_name: its option on the command line, where that is another word.
    """

    name: str
    kind: Kind
    help: str
    default: object = None
    required: bool = False
    optional: bool = True
    low: float | None = None
    above: float | None = None
    high: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    group: str = ""
    absent: str = ""
    example: str = ""
    note: str = ""
    decides: bool = True
    commas: bool = True
    repeats: bool = False
    short: str = ""
    flag_name: str = ""

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return f"--{(self.flag_name or self.name).replace('_', '-')}"

    @property
    def default_text(self) -> str:
        """The default for people: in words where there are words for it, empty where the setting is required."""
        return self.absent or ("" if self.required else _show_value(self.default))

    def read_value(self, value: object, where: str = "") -> object:
        """A value from YAML or Python as the setting's type; strict, so that ``yes`` is not a number.

        Args:
            value: what was given.
            where: the file or call, for the error message.

        Raises:
            ConfigError: the value is of another type.
        """
        if value is None and self.optional:
            return None
        reader = _READERS[self.kind]
        try:
            return reader(self, value)
        except (TypeError, OverflowError):
            place = f"{where}: " if where else ""
            raise ConfigError(f"{place}{self.name} is {WANTED[self.kind]}, not {value!r}", _suggest_fix(self)) from None

    def check_value(self, value: object) -> object:
        """The value, if it has the right type and lies within the bounds.

        Raises:
            ConfigError: it does not; the line names the option and what it may be.
        """
        typed = self.read_value(value)
        if typed is None:
            return None
        if self.choices and typed not in self.choices:
            raise ConfigError(f"{self.flag} {value} is unknown", f"choose from {', '.join(self.choices)}")
        if isinstance(typed, int | float) and not isinstance(typed, bool) and not self.contains(typed):
            raise ConfigError(f"{self.flag} is {value}", f"give {self.range_text}")
        return typed

    def contains(self, value: float) -> bool:
        """Whether a finite number lies within the bounds."""
        return (
            abs(value) <= sys.float_info.max  # false of NaN; of a whole number that no float can hold, too
            and (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )

    @property
    def bounds_text(self) -> str:
        """The bounds for people, such as ``from 0 to 1``; empty without any."""
        low, above, high, below = (
            None if v is None else f"{v:g}" for v in (self.low, self.above, self.high, self.below)
        )
        if low is not None and high is not None:
            return f"from {low} to {high}"
        if above is not None and below is not None:
            return f"between {above} and {below}"
        lower = f"above {above}" if above is not None else f"of at least {low}" if low is not None else ""
        upper = f"of at most {high}" if high is not None else f"below {below}" if below is not None else ""
        return f"{lower} and {upper.removeprefix('of ')}" if lower and upper else lower or upper

    @property
    def range_text(self) -> str:
        """What a number may be, such as ``a whole number of at least 1, such as 4``."""
        text = " ".join(filter(None, [WANTED[self.kind], self.bounds_text]))
        example = f", such as {self.example}" if self.example else ""
        return f"{text}{example}{f'; {self.note}' if self.note else ''}"


def describe(
    help_: str,
    *,
    group: str,
    unit: str = "",
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    absent: str = "",
    example: str = "",
    note: str = "",
    decides: bool = True,
    commas: bool = True,
    repeats: bool = False,
    short: str = "",
    flag_name: str = "",
) -> dict[str, object]:
    """Metadata of a dataclass field: everything of a `Field` but its name, type and default."""
    words = dict(help=help_, group=group, unit=unit, absent=absent, example=example, note=note)  # noqa: C408 - names
    bounds = dict(low=low, above=above, high=high, below=below, choices=choices)  # noqa: C408 - are fields
    rest = dict(decides=decides, commas=commas, repeats=repeats, short=short, flag_name=flag_name)  # noqa: C408
    return {_KEY: {**words, **bounds, **rest}}


def fields_of(record: type[DataclassInstance]) -> tuple[Field, ...]:
    """Every setting of a settings class, those of the settings classes inside it in their place."""
    return _fields_of(record)


@cache
def _fields_of(record: type[DataclassInstance]) -> tuple[Field, ...]:
    hints = get_type_hints(record)
    settings: list[Field] = []
    for item in dataclasses.fields(record):
        hint, optional = _without_none(hints[item.name])
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            settings += fields_of(hint)
        elif _KEY in item.metadata:
            default = item.default if item.default_factory is MISSING else item.default_factory()
            required = default is MISSING
            settings.append(
                Field(
                    name=item.name,
                    kind=_kind_of(hint),
                    default=None if required else default,
                    required=required,
                    optional=optional,
                    **item.metadata[_KEY],
                )
            )
    return tuple(settings)


def field_of(record: type[DataclassInstance], name: str) -> Field:
    """One setting of a settings class."""
    return next(setting for setting in fields_of(record) if setting.name == name)


def check_fields(settings: DataclassInstance) -> None:
    """Check every setting of a settings object by itself.

    Raises:
        ConfigError: a value has the wrong type or lies outside its bounds.
    """
    values = flat_values(settings)
    for setting in fields_of(type(settings)):
        setting.check_value(values[setting.name])


def flat_values(settings: DataclassInstance) -> dict[str, object]:
    """Setting → value, those of the settings inside it in their place."""
    values: dict[str, object] = {}
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        values |= (
            flat_values(value)
            if dataclasses.is_dataclass(value) and not isinstance(value, type)
            else {item.name: value}
        )
    return values


def from_flat(record: type[Record], values: Mapping[str, object]) -> Record:
    """A settings object from a flat mapping of values, wherever in it they belong.

    Raises:
        TypeError: a name is unknown, or a required setting is missing.
    """
    rest = dict(values)
    make: Callable[..., Record] = record
    for name, hint in get_type_hints(record).items():
        if isinstance(hint, type) and dataclasses.is_dataclass(hint) and name not in rest:
            own = {setting.name for setting in fields_of(hint)}
            rest[name] = from_flat(hint, {key: rest.pop(key) for key in own & set(rest)})
    return make(**rest)


def replace_fields(settings: Record, values: Mapping[str, object]) -> Record:
    """The settings with some values changed, wherever in them they belong."""
    own = {item.name for item in dataclasses.fields(settings)}
    changed = {name: value for name, value in values.items() if name in own}
    for name in own - set(changed):
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            inside = set(flat_values(value)) & set(values)
            if inside:
                changed[name] = replace_fields(value, {key: values[key] for key in inside})
    return dataclasses.replace(settings, **changed)


def _without_none(hint: object) -> tuple[object, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        return next(option for option in get_args(hint) if option is not type(None)), True
    return hint, False


def _kind_of(hint: object) -> Kind:
    origin = get_origin(hint)
    if origin in (tuple, frozenset):
        return "names" if str in get_args(hint) else "models"
    if origin is not None:
        return "mapping"
    kinds: dict[object, Kind] = {int: "whole", float: "number", str: "text", bool: "switch", Path: "path"}
    return kinds[hint]


def _show_value(value: object) -> str:
    if value is None or value in ((), {}, frozenset()):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | frozenset):
        return ",".join(map(str, value))
    return number_text(value) if isinstance(value, float) else str(value)


def number_text(value: float) -> str:
    """A number as people write it, such as ``5e-5``."""
    mantissa, _, power = (
        f"{value:.6g}".partition("e") if value == 0 or abs(value) >= 1e-3 else f"{value:e}".partition("e")
    )
    return f"{float(mantissa):g}e{int(power)}" if power else mantissa


def _suggest_fix(field: Field) -> str:
    if field.kind in ("names", "models"):
        return f"write `{field.name}: [a, b]`"
    if field.kind == "mapping":
        return f"write `{field.name}: {{key: value}}`"
    if field.kind in ("whole", "number"):
        return f"give {field.range_text}"
    return f"give {WANTED[field.kind]}"


def _read_whole(field: Field, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _read_number(field: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    try:
        return float(value)
    except OverflowError:  # a whole number that no float can hold
        return math.inf


def _read_text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _read_switch(field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _read_path(field: Field, value: object) -> Path:
    if not isinstance(value, str | Path):
        raise TypeError
    return Path(value)


def _read_names(field: Field, value: object) -> tuple[object, ...]:
    """A list; a single text stands for a list of one, and commas separate."""
    items = [part.strip() for part in value.split(",")] if isinstance(value, str) and field.commas else value
    items = [items] if isinstance(items, str | Mapping) else items
    allowed = (str, Mapping) if field.kind == "models" else (str,)
    if not isinstance(items, list | tuple | frozenset) or not all(isinstance(item, allowed) for item in items):
        raise TypeError
    return tuple(items)


def _read_mapping(field: Field, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError
    return dict(value)


_READERS: Mapping[str, Callable[[Field, object], object]] = {
    "text": _read_text,
    "whole": _read_whole,
    "number": _read_number,
    "switch": _read_switch,
    "names": _read_names,
    "models": _read_names,
    "path": _read_path,
    "mapping": _read_mapping,
    "words": _read_names,
    "json": _read_mapping,
}
