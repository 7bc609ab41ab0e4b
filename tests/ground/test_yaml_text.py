"""YAML that would end the process, never end, or grow beyond all bounds is refused before it is built."""

from __future__ import annotations

from itertools import pairwise

import pytest
import yaml

from mimicry_audit.ground.yaml_text import load_yaml

LEVELS = "abcdefgh"
BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x]"]
    + [f"{now}: &{now} [{', '.join([f'*{before}'] * 8)}]" for before, now in pairwise(LEVELS)]
)
"""Eight to the power of eight values in half a kilobyte."""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 60_000 + "]" * 60_000, "nested more than 100"),  # the C parser alone ends the process
        ("- " * 50_000 + "x", "nested more than 100"),
        (BOMB, "aliases make more than"),
        ("a: &a [1, *a]", "inside of what it names"),
        ("a: !!timestamp word", "not what its tag says"),
        ("a: *none", "undefined alias"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_what_is_more_than_it_looks_is_refused(text: str, says: str) -> None:
    with pytest.raises(yaml.YAMLError, match=says):
        load_yaml(text)


def test_aliases_stay_what_they_are() -> None:
    assert load_yaml("base: &b {x: [1, 2]}\nother: {<<: *b, y: *b}") == {
        "base": {"x": [1, 2]},
        "other": {"x": [1, 2], "y": {"x": [1, 2]}},
    }
