"""Does a value read from JSON have the shape that its type promises? Types of records are the only description of their files.

Promise: `find_misfit` says where a value first departs from a type, in words for a message of one line, and None where it does
not; it never fails, whatever the value is. A field that the type does not know is let through, for another version may have
written it, unless it is nested too deep to be handled. Numbers must be finite, and numbers that a float can hold.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

DEEPEST = 100
"""Levels of nesting that every reader and writer can follow; records have fewer than fifteen."""
_WHOLE = 2**63

Misfit = tuple[str, str]
"""Where (``.models[0].label``, empty for the value itself) and what (``is a list, not text``)."""
Test = Callable[[object], Misfit | None]


def find_misfit(value: object, shape: object, needed: Mapping[type, Sequence[str]] | None = None) -> str | None:
    """Where a value is not of a type, and how; None where it is.

    Args:
        value: as `json.loads` returns it.
        shape: a TypedDict, a dataclass, or a type made of such, of lists, mappings with text as keys, and plain values.
        needed: TypedDict → its fields that must be there, where other versions wrote fewer than the types require: any other
            field may be absent, or null.
    """
    frozen = None if needed is None else tuple((kind, tuple(names)) for kind, names in needed.items())
    misfit = _test_of(shape, frozen)(value)
    return None if misfit is None else f"{misfit[0].lstrip('.') or 'its content'} {misfit[1]}"


def parse_json(text: str | bytes, *, lax: bool = False) -> Any:
    """A JSON value that can be handled.

    Args:
        text: of a whole file.
        lax: take NaN and Infinity, which are not JSON, for numbers, as servers and configurations of models have them.

    Raises:
        ValueError: it is not JSON, nor text in UTF-8, or is nested too deep.
    """
    try:
        value = (
            json.loads(text) if lax else json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float)
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if _is_deep(value):
        raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"it holds {_shorten(text)}, which is too large")
    return number


def _is_deep(value: object) -> bool:
    """Whether a value is nested more than `DEEPEST` levels deep; found without recursion."""
    level: list[object] = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


@cache
def _test_of(shape: Any, needed: tuple[tuple[type, tuple[str, ...]], ...] | None) -> Test:
    """The test for a type, made once."""
    origin, inner = get_origin(shape), get_args(shape)
    if shape is Any or shape is object:
        return _test_plain
    if shape in _PLAIN:
        return _PLAIN[shape]
    if shape is None or shape is type(None):
        return lambda value: None if value is None else ("", f"is {_kind_of(value)}, not null")
    if origin in (Union, types.UnionType):
        return _test_of_union([_test_of(one, needed) for one in inner])
    if origin is Literal:
        return lambda value: (
            None
            if isinstance(value, str | int) and value in inner
            else ("", f"is {_kind_of(value)}, not one of {_listed(inner)}")
        )
    if origin is tuple and (len(inner) < 2 or inner[1] is not Ellipsis):
        return _test_of_row([_test_of(one, needed) for one in inner])
    if origin is not None and issubclass(origin, Mapping):
        return _test_of_mapping(_test_of(inner[1], needed))
    if origin is not None and issubclass(origin, Iterable):
        return _test_of_list(_test_of(inner[0], needed))
    if is_typeddict(shape):
        hints = get_type_hints(shape, include_extras=True)
        optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
        nullable = frozenset(hints) if needed is not None else frozenset[str]()
        required = shape.__required_keys__ - optional if needed is None else set(dict(needed).get(shape, ()))
        hints = get_type_hints(shape)
    elif is_dataclass(shape):
        hints = get_type_hints(shape)
        nullable = frozenset()
        required = {f.name for f in fields(shape) if f.default is MISSING and f.default_factory is MISSING}
    else:
        raise TypeError(f"no JSON has the type {shape}")
    tests = {name: _test_of(hint, needed) for name, hint in hints.items()}
    return _test_of_record(tests, sorted(required), nullable - required)


def _test_of_union(tests: Sequence[Test]) -> Test:
    def test(value: object) -> Misfit | None:
        misfits = []
        for one in tests:
            misfit = one(value)
            if misfit is None:
                return None
            misfits.append(misfit)
        return max(misfits, key=lambda misfit: len(misfit[0]))  # the one that fits the longest way

    return test


def _test_of_list(item: Test) -> Test:
    def test(value: object) -> Misfit | None:
        if not isinstance(value, list):
            return "", f"is {_kind_of(value)}, not a list"
        for at, inner in enumerate(value):
            if misfit := item(inner):
                return f"[{at}]{misfit[0]}", misfit[1]
        return None

    return test


def _test_of_row(items: Sequence[Test]) -> Test:
    def test(value: object) -> Misfit | None:
        if not isinstance(value, list) or len(value) != len(items):
            return "", f"is {_kind_of(value)}, not a list of {len(items)}"
        for at, (item, inner) in enumerate(zip(items, value, strict=True)):
            if misfit := item(inner):
                return f"[{at}]{misfit[0]}", misfit[1]
        return None

    return test


def _test_of_mapping(item: Test) -> Test:
    def test(value: object) -> Misfit | None:
        if not isinstance(value, dict):
            return "", f"is {_kind_of(value)}, not an object"
        for name, inner in value.items():
            if misfit := item(inner):
                return f".{_shorten(name)}{misfit[0]}", misfit[1]
        return None

    return test


def _test_of_record(tests: Mapping[str, Test], required: Sequence[str], nullable: Collection[str]) -> Test:
    def test(value: object) -> Misfit | None:
        if not isinstance(value, dict):
            return "", f"is {_kind_of(value)}, not an object"
        if lacks := [name for name in required if name not in value]:
            return "", f"lacks {', '.join(lacks)}"
        for name, inner in value.items():
            if inner is None and name in nullable:
                continue
            if misfit := tests.get(name, _test_plain)(inner):
                return f".{_shorten(name)}{misfit[0]}", misfit[1]
        return None

    return test


def _test_plain(value: object) -> Misfit | None:
    return (
        ("", f"is nested more than {DEEPEST} levels deep")
        if isinstance(value, dict | list) and _is_deep(value)
        else None
    )


def _test_text(value: object) -> Misfit | None:
    return None if isinstance(value, str) else ("", f"is {_kind_of(value)}, not text")


def _test_whole(value: object) -> Misfit | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "", f"is {_kind_of(value)}, not a whole number"
    return None if -_WHOLE <= value < _WHOLE else ("", "is too large")


def _test_number(value: object) -> Misfit | None:
    if isinstance(value, float) and math.isfinite(value):
        return None
    if isinstance(value, float):
        return "", "is not a finite number"
    misfit = _test_whole(value)
    return misfit and (misfit[0], misfit[1].replace("a whole number", "a number"))


def _test_switch(value: object) -> Misfit | None:
    return None if isinstance(value, bool) else ("", f"is {_kind_of(value)}, not true or false")


_PLAIN: Mapping[object, Test] = {str: _test_text, int: _test_whole, float: _test_number, bool: _test_switch}


def _kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    if isinstance(value, str) and len(value) <= 20:
        return repr(value)
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))


def _shorten(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"
