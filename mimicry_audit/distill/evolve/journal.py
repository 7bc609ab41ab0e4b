"""The journal of one distillation by evolving data: every reply of the teacher and every round, in one file.

Promise: a reply in the journal is never asked for again: it is found by a key over everything that decides it; what is written
survives ``kill -9``; a line that a crash left unfinished is passed over; a failed call is on record and asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from mimicry_audit.distill.training.task import TrainingResult
from mimicry_audit.records.asked import (
    STATUSES,
    Completion,
    Identity,
    Request,
    Sampling,
    completion_fields,
    conversation_text,
    response_key,
    timestamp,
)
from mimicry_audit.records.run import Journal, read_records

NAME = "evolve.jsonl"


class Labelled(TypedDict):
    """A labelled example: what the student answered before it trained on it, and whether that was right."""

    id: str
    text: str
    gold: str | None
    kind: str
    before: str
    right: bool


class RoundRecord(TypedDict):
    """What came of one round; ``dropped`` counts inputs by reason, ``stopped`` is why no round follows."""

    round: int
    labelled: list[Labelled]
    spent: int
    answers: dict[str, int]
    wrong_before: dict[str, float]
    pattern: str | None
    dropped: dict[str, int]
    replayed: int
    test: dict[str, float]
    validation: dict[str, float] | None
    training: TrainingResult
    stopped: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: a call to the teacher, or a round.

    Attributes:
        kind: ``call`` or ``round``.
        round: of which it is part.
        time: when it was written, ISO 8601.
        key: of a call: SHA-256 over teacher, prompt, sampling and seed.
        purpose: of a call: ``analysis``, ``writing`` or ``labelling``.
        attempt: of a call: 0, or how often it was asked again.
        messages: of a call: the conversation.
        status: of a call, as of any answer.
        text: of a call: the reply.
        error: of a call that failed.
        served_model: of a call: what the endpoint calls itself.
        prompt_tokens: of a call, where it is known.
        completion_tokens: of a call, where it is known.
        record: of a round.
    """

    kind: str
    round: int
    time: str
    key: str | None = None
    purpose: str | None = None
    attempt: int | None = None
    messages: Sequence[Mapping[str, str]] | None = None
    status: str | None = None
    text: str | None = None
    error: str | None = None
    served_model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    record: RoundRecord | None = None


_REPLY_FIELDS = ("status", "text", "error", "served_model", "prompt_tokens", "completion_tokens")
"""What a line keeps of a reply; what it takes beside them is its own."""


class Book:
    """The journal in a folder, read once and appended to; use it as a context.

    Args:
        folder: of the distillation.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        lines, _ = read_records(self.path, Line, _parse_line, "a line of this journal", "it done again")
        self._calls = {line.key: line for line in lines if line.kind == "call" and line.status != "error"}
        self.rounds: list[RoundRecord] = [line.record for line in lines if line.record is not None]
        self._journal = Journal(self.path)

    def __enter__(self) -> Book:
        """Open for appending."""
        self._journal.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Sync and close."""
        self._journal.__exit__(*exc_info)

    def reply(self, key: str) -> str | None:
        """The teacher's reply under this key."""
        line = self._calls.get(key)
        return None if line is None else (line.text or "")

    def keep_call(
        self, key: str, purpose: str, round_: int, attempt: int, request: Request, completion: Completion
    ) -> None:
        """Journal a reply, or a failure."""
        reply = {name: value for name, value in completion_fields(completion).items() if name in _REPLY_FIELDS}
        line = Line(
            **reply, kind="call", round=round_, time=timestamp("seconds"), key=key, purpose=purpose, attempt=attempt,
            messages=[asdict(m) for m in request.messages],
        )  # fmt: skip
        self._journal.append(line)
        if completion.status != "error":
            self._calls[key] = line

    def keep_round(self, record: RoundRecord) -> None:
        """Journal a round that is done."""
        self._journal.append(Line(kind="round", round=record["round"], time=timestamp("seconds"), record=record))
        self.rounds.append(record)

    def calls(self) -> dict[str, int]:
        """How many replies of each purpose stand in the journal."""
        counts: dict[str, int] = {}
        for line in self._calls.values():
            counts[str(line.purpose)] = counts.get(str(line.purpose), 0) + 1
        return dict(sorted(counts.items()))


def call_key(identity: Identity, engine: str, sampling: Sampling, request: Request) -> str:
    """The key of one call: as of an audit's answers, over the conversation as text."""
    return response_key(identity, engine, conversation_text(request.messages), sampling, request)


def _parse_line(cells: dict[str, Any]) -> Line:
    line = Line(**cells)
    if line.kind == "call" and (not isinstance(line.key, str) or line.status not in STATUSES):
        raise ValueError("a call without key or status")
    if line.kind == "round" and not isinstance(line.record, Mapping):
        raise ValueError("a round without record")
    if line.kind not in ("call", "round"):
        raise ValueError(f"unknown kind {line.kind!r}")
    return line
