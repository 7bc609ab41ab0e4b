"""Response files: answers collected elsewhere, as JSON lines, a JSON array, CSV, TSV or Parquet.

Promise: columns ``model, prompt_id, prompt, output`` and optionally ``domain, sample, reference_answer``; other columns are
left alone, but one that is nearly the name of a column the row lacks is taken for a slip. That, a wrong type, a repeated
answer or an unreadable file is a `DataError` of one line that names the file and the row. Rows without a ``sample`` are
numbered in the order they stand.
"""

from __future__ import annotations

import difflib
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.tables import read_rows

REQUIRED = ("model", "prompt_id", "prompt", "output")
OPTIONAL = ("domain", "sample", "reference_answer")
COLUMNS = REQUIRED + OPTIONAL
FAILURE_MARKS = frozenset(
    {
        *("$error$", "none", "nan", "null", "<error>", "[error]", "error", "n/a", "<na>", "undefined"),
        *("no response", "no response.", "no response (bad request).", "request failed", "api error"),
    }
)
"""What harnesses write, in lower case, where a request failed for good; the whole output, nothing less."""
_SLIP = 0.85
"""Likeness of two column names from which one is taken for a slip of the other: ``samples``, but not ``sampling``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """One row of a response file."""

    model: str
    prompt_id: str
    prompt: str
    output: str
    domain: str | None = None
    sample: int = 0
    reference_answer: str | tuple[str, ...] | None = None

    @property
    def failure(self) -> str | None:
        """The mark that stands in place of an answer where the request failed; None for an answer."""
        text = self.output.strip()
        return text if text.casefold() in FAILURE_MARKS else None


def read_responses(path: str | Path) -> list[RecordedAnswer]:
    """Every answer in a response file.

    Raises:
        DataError: see the module.
    """
    file = Path(path).expanduser()
    counted: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[str, str, int], str] = {}
    answers = []
    for where, row in read_rows(path, "response file"):
        answer = _read_answer(f"{file.name}, {where}", row, counted)
        key = (answer.model, answer.prompt_id, answer.sample)
        if key in seen:
            raise DataError(
                f"{file.name}, {where} repeats {seen[key]}: model {answer.model}, prompt {answer.prompt_id}, "
                f"sample {answer.sample}",
                "number repeated answers in a sample column",
            )
        seen[key] = where
        answers.append(answer)
    if not answers:
        raise DataError(f"{path} holds no answers", f"give rows with {', '.join(REQUIRED)}")
    return answers


def _read_answer(where: str, row: Mapping[str, object], counted: Counter[tuple[str, str]]) -> RecordedAnswer:
    _check_columns(where, row)
    texts = {name: _read_text(where, name, row[name]) for name in REQUIRED if name != "prompt"}
    texts["prompt"] = _read_prompt(where, row["prompt"])
    for name in ("model", "prompt_id"):
        if not texts[name].strip():
            raise DataError(f"{where}: {name} is empty", "fill it in")
    given = {name: row[name] for name in ("domain", "reference_answer") if row.get(name) not in (None, "", [])}
    place = (texts["model"], texts["prompt_id"])
    sample = row.get("sample")
    number = counted[place] if sample in (None, "") else _read_sample(where, sample)
    counted[place] += 1
    return RecordedAnswer(
        **texts,
        domain=_read_text(where, "domain", given["domain"]) if "domain" in given else None,
        reference_answer=_read_accepted(where, given["reference_answer"]) if "reference_answer" in given else None,
        sample=number,
    )


def _check_columns(where: str, row: Mapping[str, object]) -> None:
    if wrong := _wrong_columns(tuple(row)):
        raise DataError(f"{where}: {wrong[0]}", wrong[1])


@functools.lru_cache(maxsize=64)
def _wrong_columns(names: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with the columns of a row and the fix; looked up once for all rows of one make."""
    lacking = [name for name in COLUMNS if name not in names]
    for name in names:
        near = [] if name in COLUMNS else difflib.get_close_matches(str(name), lacking, n=1, cutoff=_SLIP)
        if near:
            return f"unknown column {name}", f"did you mean {near[0]}? Columns are {', '.join(COLUMNS)}"
    missing = [name for name in REQUIRED if name in lacking]
    return (f"column {missing[0]} is missing", f"give {', '.join(REQUIRED)}") if missing else None


def _read_text(where: str, name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if name == "prompt_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    kind = "null" if value is None else type(value).__name__
    raise DataError(f"{where}: {name} is {kind}, not text", "leave out rows without an answer")


def _read_prompt(where: str, value: object) -> str:
    """A prompt as text; of a list of turns the one user's words, or all turns named by their roles."""
    if not isinstance(value, list):
        return _read_text(where, "prompt", value)
    turns = [
        (turn.get("role"), _turn_text(turn.get("content"))) if isinstance(turn, dict) else (None, None)
        for turn in value
    ]
    if not turns or any(role not in {"system", "user", "assistant"} or content is None for role, content in turns):
        raise DataError(
            f"{where}: prompt is a list, but not of turns", 'give text, or [{"role": "user", "content": "…"}]'
        )
    if len(turns) == 1:
        return str(turns[0][1])
    return "\n\n".join(f"{role}: {content}" for role, content in turns)


def _turn_text(value: object) -> str | None:
    """The text of one turn, also where it comes in parts; None where it holds something else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        return "".join(part["text"] for part in value)
    return None


def _read_accepted(where: str, value: object) -> str | tuple[str, ...]:
    """A reference answer, or several accepted ones; numbers are taken as they are written."""
    if isinstance(value, list) and value and all(isinstance(item, str | int | float) for item in value):
        return tuple(str(item) for item in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return _read_text(where, "reference_answer", value)


def _read_sample(where: str, value: Any) -> int:
    try:
        if isinstance(value, bool) or float(value) != int(float(value)) or int(float(value)) < 0:
            raise ValueError
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: sample is {value!r}, not a number from 0", "number the samples 0, 1, 2 …") from None
