"""How probable one model finds another's answer: the line of a likelihood journal, and how it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.records.asked import sha256_text
from mimicry_audit.records.run import RunDirectory, journal_name, read_records

LIKELIHOOD_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """One line of a likelihood journal: how probable `model` finds the answer of `author` to one probe.

    Attributes:
        key: SHA-256 over everything that decides the numbers: the engine, the model, the rendered prompt, the text.
        model: label of the model that scored.
        author: label of the model whose answer it is.
        probe_id: what was answered.
        status: ``ok`` or ``error``.
        text_sha: SHA-256 of the text.
        bytes: of the text in UTF-8.
        tokens: T token ids of the text in the scoring model's tokenizer.
        logprobs: natural logarithm of the probability of each.
        top: per place the most probable ``[id, log-probability]`` pairs, best first; None where not asked for.
        error: why the numbers are missing.
        time: when it landed, ISO 8601.
        schema: of this record.
    """

    key: str
    model: str
    author: str
    probe_id: str
    status: str
    text_sha: str
    bytes: int
    tokens: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    top: Sequence[Sequence[tuple[int, float | None]]] | None = None
    error: str | None = None
    time: str = ""
    schema: int = LIKELIHOOD_SCHEMA


def likelihood_path(run: RunDirectory, label: str) -> Path:
    """The likelihood journal of one model."""
    return run.path / "likelihood" / journal_name(label)


def likelihood_sha(run: RunDirectory, label: str) -> str | None:
    """SHA-256 of a likelihood journal, None if it does not exist."""
    path = likelihood_path(run, label)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def likelihood_lines(path: Path) -> list[Likelihood]:
    """The lines of a likelihood journal in order, empty without a journal; an unfinished last line is left out.

    Of several lines for one author and probe the last counts.

    Raises:
        DataError: a whole line is not a likelihood of this model.
    """
    label = path.name.removesuffix(".jsonl")

    def likelihood(line: dict[str, Any]) -> Likelihood:
        record = Likelihood(**line)
        _check_record(record, label)
        return record

    return read_records(path, Likelihood, likelihood, "a likelihood", "its text scored again")[0]


def text_sha(text: str) -> str:
    """What ties numbers to the text they were computed on."""
    return sha256_text(text)


_TEXTS = ("key", "model", "author", "probe_id", "status", "text_sha")


def _check_record(record: Likelihood, label: str) -> None:
    """Refuse what is not a likelihood of this model."""
    for name in _TEXTS:
        if not isinstance(getattr(record, name), str):
            raise ValueError(f"{name} is not text")
    if record.schema != LIKELIHOOD_SCHEMA:
        raise ValueError(f"unsupported version: schema {record.schema!r}")
    if record.model != label:
        raise ValueError(f"it belongs to model {record.model!r}")
    if record.status not in ("ok", "error"):
        raise ValueError(f"unknown status {record.status!r}")
    if not isinstance(record.bytes, int) or isinstance(record.bytes, bool) or record.bytes < 0:
        raise ValueError("bytes is not a count")
    if any(not isinstance(value, int | float) for value in record.logprobs):
        raise ValueError("a log-probability is not a number")
    lengths = {len(record.tokens), len(record.logprobs)} | ({len(record.top)} if record.top is not None else set())
    if record.status == "ok" and (len(lengths) > 1 or not record.tokens):
        raise ValueError("tokens, logprobs and top are of different lengths")
