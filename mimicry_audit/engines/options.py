"""Engine options: what each engine understands, checked before anything is loaded.

Promise: an option that an engine does not know, or a value of the wrong kind, is a `ConfigError` that names the
nearest option and lists the valid ones. Values may come as text (``--engine-option k=v``) or typed (YAML, Python);
both end as the same typed value. A secret is never an option: keys live in the environment.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import WANTED, Field
from mimicry_audit.ground.redaction import is_secret_name, secret_in

_ON = {"true", "yes", "on", "1"}
_OFF = {"false", "no", "off", "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Field):
    """One engine option: a field whose value may come as text too. A default of None leaves the choice to the engine."""

    def coerce(self, value: object) -> Any:
        """The typed value.

        Raises:
            ConfigError: the value is of the wrong kind or out of range.
        """
        try:
            typed: Any = _READERS[self.kind](value)
        except (TypeError, ValueError):
            raise ConfigError(
                f"engine option {self.name}={value!s} is not {WANTED[self.kind]}", f"{self.name}: {self.help}"
            ) from None
        if self.choices and typed not in self.choices:
            raise ConfigError(f"engine option {self.name}={typed} is unknown", f"choose from {', '.join(self.choices)}")
        if self.kind in ("whole", "number") and not self.contains(typed):
            raise ConfigError(f"engine option {self.name}={typed} must be {self.bounds_text}", self.help)
        return typed


def check_options(engine: str, options: Iterable[Option], raw_values: Mapping[str, object]) -> dict[str, Any]:
    """The given options, typed; no defaults are added, so that a run's settings hold only what the user chose."""
    by_name = {option.name: option for option in options}
    checked: dict[str, object] = {}
    for name, value in raw_values.items():
        if name not in by_name:
            raise unknown_option(name, f"the {engine} engine", by_name)
        checked[name] = by_name[name].coerce(value)
    return checked


def unknown_option(name: str, where: str, known_names: Iterable[str]) -> ConfigError:
    """The error for an unknown option."""
    if is_secret_name(name):
        return ConfigError(
            f"engine option {name} would put a secret into the run's settings",
            "set OPENAI_API_KEY in the environment, or name another variable with api_key_env=NAME",
        )
    names = sorted(known_names)
    close_names = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close_names[0]}? " if close_names else ""
    return ConfigError(f"{where} has no option {name}", f"{hint}Valid: {', '.join(names) or 'none'}")


def refuse_secrets(engine: str, options: Mapping[str, object]) -> None:
    """Refuse options that hold a secret: they would be stored in the run and shown in its report.

    Raises:
        ConfigError: names the option, never what it holds.
    """
    name = str(options.get("api_key_env") or "A")
    unknown = len(name) >= 20 and re.search(r"\d", name) and re.search(r"[a-z]", name) and name not in os.environ
    if unknown or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ConfigError(
            "engine option api_key_env is not the name of an environment variable",
            "put the key into a variable and give that variable's name, such as api_key_env=MY_KEY",
        )
    if where := secret_in(options):
        raise ConfigError(
            f"option {where} of the {engine} engine would put a secret into the run's settings",
            "set OPENAI_API_KEY in the environment, or name another variable with api_key_env=NAME",
        )


def with_defaults(options: Iterable[Option], chosen_values: Mapping[str, object]) -> dict[str, Any]:
    """Every option's value: the given one, else its default."""
    return {option.name: chosen_values.get(option.name, option.default) for option in options}


def _parse_whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def _parse_number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    if number != number or number in {float("inf"), float("-inf")}:
        raise ValueError
    return number


def _parse_switch(value: object) -> bool:
    text = str(value).strip().lower()
    if text in _ON:
        return True
    if text in _OFF:
        return False
    raise ValueError


def _parse_words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return list(value)
    raise ValueError


def _parse_text(value: object) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool) or not str(value).strip():
        raise ValueError
    return str(value).strip()


def _parse_json(value: object) -> dict[str, object]:
    loaded = json.loads(value) if isinstance(value, str) else value
    if not isinstance(loaded, dict):
        raise TypeError
    return loaded


_READERS = {
    "text": _parse_text,
    "whole": _parse_whole,
    "number": _parse_number,
    "switch": _parse_switch,
    "words": _parse_words,
    "json": _parse_json,
}
