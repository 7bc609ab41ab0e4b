"""YAML from files of others, read only where it is as large as it looks.

Promise: text is refused as `yaml.YAMLError` before it is built where it is nested more than `DEEPEST` levels, deeper than any
file of ours and than parsers are made for; where an alias stands inside of what it names; and where aliases repeat so much that
a small file would become `MOST_NODES` values. Only plain values are made: no tag runs code.
"""

from __future__ import annotations

from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A safe loader, the C one where there is one."""
DEEPEST = 100
MOST_NODES = 1_000_000


def load_yaml(text: str, loader: Any = LOADER) -> object:
    """The value of a YAML text.

    Args:
        text: of a whole file.
        loader: a safe one; the one in Python says where text ends too early more exactly.

    Raises:
        yaml.YAMLError: it is not YAML, or is refused; see the module.
        ValueError: it holds a value that cannot be read, such as the date 2026-02-31.
    """
    check_yaml(text, loader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 (a safe loader)
    except (AttributeError, TypeError, LookupError, OverflowError) as error:  # a tag such as !!timestamp before a word
        raise yaml.YAMLError(f"a value is not what its tag says ({type(error).__name__})") from error


def check_yaml(text: str, loader: Any = LOADER) -> None:
    """Refuse what is too deep or too large, without building it.

    Raises:
        yaml.YAMLError: it is, or it is not YAML.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # its anchor, and how many values came before it
    count = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise yaml.YAMLError(f"the alias *{event.anchor} stands inside of what it names")
            count += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
            if len(open_nodes) > DEEPEST:
                raise yaml.YAMLError(f"it is nested more than {DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = count - before
        if count > MOST_NODES:
            raise yaml.YAMLError(f"its aliases make more than {MOST_NODES:,} values")
