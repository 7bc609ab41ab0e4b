"""A first look at a file: what kind of container it is, and its first record, read once for every reader that asks.

Promise: a look never fails. What cannot be read is simply recognised by no reader, and the reader of plain tables says in
words what is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mimicry_audit.ground.disk import find_place

_FIRST_LINE = 64 * 2**20
"""Longest first line that is read, in bytes."""


class Look:
    """One file, looked at lazily.

    Args:
        path: the file.
        others: the other files of the same call, in which a reader may find what this one lacks.
    """

    def __init__(self, path: Path, others: tuple[Path, ...] = ()) -> None:
        self.path = find_place(path)
        self.others = others

    @property
    def suffix(self) -> str:
        """The ending, in lower case."""
        return self.path.suffix.lower()

    @cached_property
    def first_line(self) -> Mapping[str, Any]:
        """The object on the first line that holds one; empty for other files."""
        try:
            with self.path.open(encoding="utf-8-sig") as stream:
                for line in iter(lambda: stream.readline(_FIRST_LINE), ""):
                    if line.strip():
                        return _object(json.loads(line))
        except (OSError, ValueError, RecursionError):
            pass
        return {}

    @cached_property
    def json(self) -> Any:
        """The whole file as one JSON value; None for other files."""
        if self.suffix != ".json":
            return None
        try:
            return json.loads(self.path.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            return None

    @property
    def json_object(self) -> Mapping[str, Any]:
        """The whole file as one JSON object; empty for other files."""
        return _object(self.json)

    @property
    def first_entry(self) -> Mapping[str, Any]:
        """The first object of one JSON array; empty for other files."""
        return _object(self.json[0]) if isinstance(self.json, list) and self.json else {}

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns of a Parquet file; empty for other files."""
        if self.suffix != ".parquet":
            return frozenset()
        import pyarrow
        import pyarrow.parquet

        try:
            return frozenset(pyarrow.parquet.read_schema(self.path).names)
        except (pyarrow.ArrowException, OSError, ValueError):
            return frozenset()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
