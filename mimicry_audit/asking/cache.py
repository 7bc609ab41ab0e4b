"""What a judge said, on disk: a journal in the run directory, and a cache that all runs share.

Promise: a judgement in the journal survives ``kill -9`` and is never asked for again by the same run; one in the cache
is never asked for again by any run; an error is in neither's grades; and grades are never mistaken for another judge's,
another prompt's or another pair of texts', for the key covers all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_KEPT = ("key", "outcome", "reason", "status", "text", "structured", "served_model", "attempt")
"""What the shared cache keeps of every judgement beside what was read in it: nothing that belongs to one run."""


def default_root() -> Path:
    """``mimicry_audit/judgements`` in the user's cache folder (``$XDG_CACHE_HOME``, ``~/.cache``)."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "mimicry_audit" / "judgements"


class Cache:
    """Judgements of one judge under one protocol, shared by all runs of this user; append-only.

    Unlike a run directory it may be lost or unwritable without harm: a line that cannot be read is passed over, and
    where nothing can be written `why_not` says so.

    Args:
        root: the folder of all caches.
        name: of this judge and protocol, a hash.
        read: the fields that hold what was read in a reply.
        check: raises ValueError for a record that is not a judgement.
    """

    def __init__(
        self, root: Path, name: str, fields: Sequence[str], check: Callable[[Mapping[str, object]], None]
    ) -> None:
        self.path = root / f"{name}.jsonl"
        self._kept, self._check = (*_KEPT, *fields), check
        self.why_not: str | None = None
        self._known: dict[str, Mapping[str, object]] | None = None

    def get(self, key: str) -> Mapping[str, Any] | None:
        """What was said under this key, in any run."""
        if self._known is None:
            self._known = self._load_lines()
        return self._known.get(key)

    def put(self, judgement: Mapping[str, Any]) -> None:
        """Remember a judgement, by its fields; an error is not a judgement."""
        if judgement["outcome"] == "error" or self.get(judgement["key"]) is not None:
            return
        assert self._known is not None
        record = {name: judgement[name] for name in self._kept}
        self._known[judgement["key"]] = record
        if self.why_not is None:
            try:
                self._append_line(json.dumps(record, ensure_ascii=True, separators=(",", ":")))
            except OSError as error:
                self.why_not = f"{self.path} cannot be written ({error.strerror or error})"

    def _load_lines(self) -> dict[str, Mapping[str, object]]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return {}
        records: dict[str, Mapping[str, object]] = {}
        for line in lines:
            try:
                record = json.loads(line)
                if set(record) != set(self._kept) or not isinstance(record["key"], str):
                    continue
                self._check(record)
            except (ValueError, TypeError, RecursionError):
                continue
            records[record["key"]] = record
        return records

    def _append_line(self, line: str) -> None:
        """One whole line, also beside another process and after a line that a crash left unfinished."""
        import fcntl

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else "\n" + line
            file.write(line.encode("ascii") + b"\n")
