"""YAML that is nested too deep, contains itself, or grows beyond its bound is refused before it is built."""

from __future__ import annotations

from itertools import pairwise

import pytest
import yaml

from mimicry_audit.ground import yaml_text
from mimicry_audit.ground.yaml_text import load_yaml

LEVELS = "abcd"
BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x]"]
    + [f"{now}: &{now} [{', '.join([f'*{before}'] * 8)}]" for before, now in pairwise(LEVELS)]
)
"""Eight to the power of four values in a few lines."""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 150 + "]" * 150, "nested more than 100"),
        ("- " * 150 + "x", "nested more than 100"),
        (BOMB, "aliases make more than"),
        ("a: &a [1, *a]", "inside of what it names"),
        ("a: !!timestamp word", "not what its tag says"),
        ("a: *none", "undefined alias"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_what_is_more_than_it_looks_is_refused(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MOST_NODES", 1000)
    with pytest.raises(yaml.YAMLError, match=says):
        load_yaml(text)


def test_aliases_stay_what_they_are() -> None:
    assert load_yaml("base: &b {x: [1, 2]}\nother: {<<: *b, y: *b}") == {
        "base": {"x": [1, 2]},
        "other": {"x": [1, 2], "y": {"x": [1, 2]}},
    }
