"""One record for each setting: what is checked, read, shown and changed is what its dataclass says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import (
    Field,
    check_fields,
    describe,
    field_of,
    fields_of,
    flat_values,
    from_flat,
    replace_fields,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oven:
    heat: float = field(default=0.7, metadata=describe("Heat.", group="Oven", low=0, example="0.7"))
    trays: int = field(default=2, metadata=describe("Trays.", group="Oven", above=0, decides=False))
    fan: bool = field(default=False, metadata=describe("Fan.", group="Oven"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bakery:
    flour: str = field(metadata=describe("Flour.", group="Dough", choices=("rye", "wheat")))
    out: Path | None = field(default=None, metadata=describe("Where.", group="Dough", short="-o", absent="here"))
    share: float | None = field(default=None, metadata=describe("Share.", group="Dough", above=0, high=1))
    mix: float = field(default=0.5, metadata=describe("Mix.", group="Dough", above=0, below=1, note="not its ends"))
    seeds: tuple[str, ...] = field(default=(), metadata=describe("Seeds.", group="Dough"))
    guests: tuple[Any, ...] = field(default=(), metadata=describe("Guests.", group="Dough"))
    notes: Mapping[str, Any] = field(default_factory=dict, metadata=describe("Notes.", group="Dough"))
    oven: Oven = field(default_factory=Oven)


def test_name_type_and_default_are_read_from_the_class() -> None:
    shown = [(f.name, f.kind, f.default_text, f.required, f.optional) for f in fields_of(Bakery)]
    assert shown == [
        ("flour", "text", "", True, False),
        ("out", "path", "here", False, True),
        ("share", "number", "", False, True),
        ("mix", "number", "0.5", False, False),
        ("seeds", "names", "", False, False),
        ("guests", "models", "", False, False),
        ("notes", "mapping", "", False, False),
        ("heat", "number", "0.7", False, False),
        ("trays", "whole", "2", False, False),
        ("fan", "switch", "no", False, False),
    ]
    assert field_of(Bakery, "trays").decides is False


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("flour", "oat", "--flour oat is unknown. Choose from rye, wheat"),
        ("share", 0, "--share is 0. Give a number above 0 and at most 1"),
        ("share", math.nan, "--share is nan. Give a number above 0 and at most 1"),
        ("mix", 1.0, "--mix is 1.0. Give a number between 0 and 1; not its ends"),
        ("heat", -1, "--heat is -1. Give a number of at least 0, such as 0.7"),
        ("heat", math.inf, "--heat is inf. Give a number of at least 0, such as 0.7"),
        ("trays", 0, "--trays is 0. Give a whole number above 0"),
        ("trays", True, "trays is a whole number, not True. Give a whole number above 0"),
        ("trays", None, "trays is a whole number, not None. Give a whole number above 0"),
        ("seeds", 5, "seeds is a list of names, not 5. Write `seeds: [a, b]`"),
        ("notes", ["a"], "notes is a mapping, not ['a']. Write `notes: {key: value}`"),
        ("fan", "maybe", "fan is true or false, not 'maybe'. Give true or false"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_fix(name: str, value: Any, says: str) -> None:
    bakery = Bakery(flour="rye")
    check_fields(bakery)
    with pytest.raises(ConfigError) as caught:
        check_fields(replace_fields(bakery, {name: value}))
    assert str(caught.value) == says


def test_a_value_is_read_as_its_type() -> None:
    read = {f.name: f.read_value for f in fields_of(Bakery)}
    assert (read["heat"](1), type(read["heat"](1))) == (1.0, float)
    assert read["seeds"]("poppy, sesame") == ("poppy", "sesame")
    assert read["guests"]([{"model": "a"}, "b"]) == ({"model": "a"}, "b")
    assert read["out"]("x") == Path("x")
    assert read["out"](None) is None
    with pytest.raises(ConfigError, match=r"^bakery.yaml: trays is a whole number, not 'two'"):
        read["trays"]("two", "bakery.yaml")


def test_values_side_by_side_find_their_place() -> None:
    made = from_flat(Bakery, {"flour": "rye", "heat": 3.0, "seeds": ("poppy",)})
    assert made == Bakery(flour="rye", seeds=("poppy",), oven=Oven(heat=3.0))
    assert from_flat(Bakery, {"flour": "rye", "oven": Oven(trays=1)}).oven.trays == 1
    assert from_flat(Bakery, flat_values(made)) == made
    changed = replace_fields(made, {"trays": 5, "flour": "wheat"})
    assert flat_values(changed) == flat_values(made) | {"trays": 5, "flour": "wheat"}
    with pytest.raises(TypeError):
        from_flat(Bakery, {"flour": "rye", "yeast": 1})


def test_bounds_are_shown_as_they_are_checked() -> None:
    number = Field(name="n", kind="number", help="A number.", low=0, below=1)
    assert number.bounds_text == "of at least 0 and below 1"
    assert (number.contains(0), number.contains(1)) == (True, False)
