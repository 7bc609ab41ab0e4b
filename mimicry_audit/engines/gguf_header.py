"""A first walk over the header of a GGUF file, before a library makes lists of what it counts.

Promise: a file whose header counts more than the file can hold is refused at once, before a reader trusts its counts.
Nothing of the content is kept. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Kind of value → its bytes."""
_TEXT, _LIST = 8, 9
_DEEPEST = 4
_MOST_DIMENSIONS = 8


def check_header(file: Path) -> None:
    """Walk over the header to its end.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, no GGUF file, or ends before its header does.
    """
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        walk = _Walk(content)
        if walk.take(4) != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        if walk.number("I") & 0xFFFF == 0:
            walk.order = ">"
        tensors, fields = walk.number("Q"), walk.number("Q")
        for _ in range(fields):
            walk.skip(walk.number("Q"))
            walk.skip_value(walk.number("I"), 0)
        for _ in range(tensors):
            walk.skip(walk.number("Q"))
            dimensions = walk.number("I")
            if dimensions > _MOST_DIMENSIONS:
                raise ValueError(f"a tensor has {dimensions} dimensions")
            walk.skip(8 * dimensions + 4 + 8)


class _Walk:
    """A place in a file, which only moves on."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.place = 0
        self.order = "<"

    def take(self, count: int) -> bytes:
        self.skip(count)
        return self.content[self.place - count : self.place]

    def skip(self, count: int) -> None:
        if count > len(self.content) - self.place:
            raise ValueError(f"its header counts {count:,} bytes where {len(self.content) - self.place:,} are left")
        self.place += count

    def number(self, kind: str) -> int:
        return int(struct.unpack(self.order + kind, self.take(struct.calcsize(self.order + kind)))[0])

    def skip_value(self, kind: int, depth: int) -> None:
        if kind in _SIZES:
            self.skip(_SIZES[kind])
        elif kind == _TEXT:
            self.skip(self.number("Q"))
        elif kind == _LIST and depth < _DEEPEST:
            inner, count = self.number("I"), self.number("Q")
            if inner in _SIZES:
                self.skip(_SIZES[inner] * count)
                return
            for _ in range(count):  # each takes bytes, so this ends with the file
                self.skip_value(inner, depth + 1)
        else:
            raise ValueError(f"it holds a value of the unknown kind {kind}")
