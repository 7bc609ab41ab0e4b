"""A value of JSON fits its type, or the first place where it does not is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

import pytest

from mimicry_audit.ground.errors import LONGEST, DataError
from mimicry_audit.ground.shapes import find_misfit, parse_json


class Inner(TypedDict, total=False):
    word: Literal["a", "b"]
    share: float


class Outer(TypedDict):
    name: str
    count: int
    inner: Sequence[Inner]
    by_name: NotRequired[Mapping[str, Inner | None]]
    pair: NotRequired[tuple[int, float | None]]
    free: NotRequired[object]


@dataclass
class Record:
    name: str
    flag: bool = False


GOOD: dict[str, Any] = {"name": "x", "count": 1, "inner": [{"word": "a", "share": 1}]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, None),
        ({"unknown": [1, {"a": None}], "by_name": {"x": None}, "pair": [1, None], "free": [[]]}, None),
        ({"name": 3}, "name is a number, not text"),
        ({"count": True}, "count is true or false, not a whole number"),
        ({"count": 10**30}, "count is too large"),
        ({"inner": {}}, "inner is an object, not a list"),
        ({"inner": [{}, {"word": "c"}]}, "inner[1].word is 'c', not one of a, b"),
        ({"inner": [{"word": ["a"]}]}, "inner[0].word is a list, not one of a, b"),
        ({"inner": [{"share": float("nan")}]}, "inner[0].share is not a finite number"),
        ({"inner": [{"share": 10**400}]}, "inner[0].share is too large"),
        ({"by_name": {"x": {"share": "1"}}}, "by_name.x.share is '1', not a number"),
        ({"pair": [1]}, "pair is a list, not a list of 2"),
    ],
)
def test_the_first_misfit_is_named(change: dict[str, Any], says: str | None) -> None:
    assert find_misfit({**GOOD, **change}, Outer) == says


def test_what_must_be_there_can_be_less_than_a_type_requires() -> None:
    assert find_misfit({"count": 1}, Outer) == "its content lacks inner, name"
    assert find_misfit({"count": None, "name": "x"}, Outer, {Outer: ("name",)}) is None
    assert find_misfit({"name": None}, Outer, {Outer: ("name",)}) == "name is null, not text"
    assert find_misfit({"name": "x"}, Record) is None
    assert find_misfit({"name": "x", "flag": 1}, Record) == "flag is a number, not true or false"
    assert find_misfit([], Record) == "its content is a list, not an object"


def test_what_is_nested_too_deep_is_refused_without_recursion() -> None:
    value: object = 1
    for _ in range(50_000):
        value = [value]
    assert find_misfit({**GOOD, "unknown": value}, Outer) == "unknown is nested more than 100 levels deep"
    for text in ("[" * 60_000 + "]" * 60_000, "[" * 300 + "]" * 300):
        with pytest.raises(ValueError, match="nested"):
            parse_json(text)
    while isinstance(value, list):  # taken apart by hand: a destructor that recurses is not what is tested
        value = value.pop()


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", "1e999", b"\xff", "9" * 5000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever it says
        parse_json(text)


def test_servers_may_write_infinity() -> None:
    assert parse_json('{"logprob": -Infinity}', lax=True) == {"logprob": float("-inf")}


def test_a_message_that_quotes_a_whole_file_is_cut_in_the_middle() -> None:
    error = DataError(f"{'x' * 50_000} is wrong", "y" * 50_000)
    assert error.problem.endswith("is wrong")
    assert len(str(error)) < 2 * LONGEST
