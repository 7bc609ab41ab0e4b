"""What a judge said, on disk: a journal in the run directory, and a cache that all runs share.

Promise: a judgement in the journal survives ``kill -9`` and is never asked for again by the same run; one in the cache
is never asked for again by any run; an error is in neither's grades; and nobody's grades are taken for another judge's,
another prompt's or another pair of texts', for the key covers all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.records import Response, sha256_text
from mimicry_audit.runs import Journal, RunDirectory, read_records
from mimicry_audit.similarity.judge import ASPECTS, HIGHEST, LOWEST

OUTCOMES = ("ok", "lenient", "repaired", "failed", "error")
"""As asked; readable with good will; readable after being asked again; never readable; no reply at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Response):
    """One line of a judge's journal: a `Response` of the judge, and what was read in it.

    ``sample`` is 0 where the reference's answer was shown first, 1 where the candidate's was; ``attempt`` counts how
    often this presentation was put to the judge.

    Attributes:
        candidate: label of the model compared.
        reference: label of the model it is compared with.
        outcome: one of `OUTCOMES`.
        grades: aspect → 1 … 5; None for ``failed`` and ``error``.
        reason: the judge's sentence.
        protocol: hash of the prompt's templates, the schema and the sampling.
        pair_sha: hash of the two texts.
        structured: whether the reply was held to the JSON schema.
        cached: whether it was taken from an earlier run.
    """

    candidate: str
    reference: str
    outcome: str
    grades: Mapping[str, int] | None = None
    reason: str = ""
    protocol: str
    pair_sha: str
    structured: bool = False
    cached: bool = False


_TEXTS = ("key", "model", "probe_id", "status", "text", "candidate", "reference", "reason", "protocol", "pair_sha")
_KEPT = ("key", "outcome", "grades", "reason", "status", "text", "structured", "served_model", "attempt")
"""What the shared cache keeps of a judgement: nothing that belongs to one run."""

Slot = tuple[str, str, str, int]
"""Candidate, reference, probe, order."""


def pair_sha(candidate: str, reference: str) -> str:
    """Hash of two texts, in this order."""
    return sha256_text(f"{sha256_text(candidate)}\0{sha256_text(reference)}")


def journal_path(run: RunDirectory, label: str) -> Path:
    """Where one judge's judgements lie."""
    return run.path / "judgements" / f"{label}.jsonl"


def journal(run: RunDirectory, label: str) -> Journal:
    """One judge's journal, for appending; hold the run's lock first."""
    return Journal(journal_path(run, label))


def read_judgements(run: RunDirectory, label: str) -> dict[Slot, Judgement]:
    """The standing judgements of one judge: the last line for each presentation; an unfinished last line is left out.

    Raises:
        DataError: a line is no judgement of this judge.
    """
    found, _ = read_records(
        journal_path(run, label),
        Judgement,
        lambda line: _judgement(line, label),
        "a judgement",
        "it asked for again",
    )
    return {(made.candidate, made.reference, made.probe_id, made.sample): made for made in found}


def _judgement(record: dict[str, Any], label: str) -> Judgement:
    made = Judgement(**record)
    for name in _TEXTS:
        if not isinstance(getattr(made, name), str):
            raise ValueError(f"{name} is not text")
    if made.model != label:
        raise ValueError(f"it is of judge {made.model!r}")
    if made.sample not in (0, 1) or isinstance(made.sample, bool):
        raise ValueError(f"there is no order {made.sample!r}")
    _check_outcome(made.outcome, made.grades)
    return made


def _check_outcome(outcome: Any, grades: Any) -> None:
    if outcome not in OUTCOMES:
        raise ValueError(f"unknown outcome {outcome!r}")
    if outcome in ("failed", "error"):
        if grades is not None:
            raise ValueError(f"{outcome}, and yet graded")
        return
    if not isinstance(grades, dict) or set(grades) != set(ASPECTS):
        raise ValueError("the grades are not those of the four aspects")
    if not all(type(g) is int and LOWEST <= g <= HIGHEST for g in grades.values()):
        raise ValueError("a grade is not a whole number from 1 to 5")


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
        kept: fields of a judgement that are kept, `key` and `outcome` among them.
        check: raises ValueError for a record that is no judgement.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        kept: Sequence[str] = _KEPT,
        check: Callable[[Mapping[str, Any]], None] = lambda record: _check_outcome(record["outcome"], record["grades"]),
    ) -> None:
        self.path = root / f"{name}.jsonl"
        self._kept, self._check = tuple(kept), check
        self.why_not: str | None = None
        self._known: dict[str, Mapping[str, Any]] | None = None

    def get(self, key: str) -> Mapping[str, Any] | None:
        """What was said under this key, in any run."""
        if self._known is None:
            self._known = self._load()
        return self._known.get(key)

    def put(self, made: Any) -> None:
        """Remember a judgement; an error is no judgement."""
        if made.outcome == "error" or self.get(made.key) is not None:
            return
        assert self._known is not None
        record = {name: getattr(made, name) for name in self._kept}
        self._known[made.key] = record
        if self.why_not is None:
            try:
                self._append(json.dumps(record, ensure_ascii=True, separators=(",", ":")))
            except OSError as error:
                self.why_not = f"{self.path} cannot be written ({error.strerror or error})"

    def _load(self) -> dict[str, Mapping[str, Any]]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return {}
        found: dict[str, Mapping[str, Any]] = {}
        for line in lines:
            try:
                record = json.loads(line)
                if set(record) != set(self._kept) or not isinstance(record["key"], str):
                    continue
                self._check(record)
            except (ValueError, TypeError, RecursionError):
                continue
            found[record["key"]] = record
        return found

    def _append(self, line: str) -> None:
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


def grades_of(judgements: Sequence[Judgement]) -> dict[Slot, Mapping[str, int]]:
    """The grades that were given, by presentation."""
    return {(j.candidate, j.reference, j.probe_id, j.sample): j.grades for j in judgements if j.grades is not None}
