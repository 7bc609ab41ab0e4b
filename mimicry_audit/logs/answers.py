"""Response files: answers collected elsewhere, as JSON lines, a JSON array, CSV, TSV or Parquet, or as another tool logs them.

Promise: columns ``model, prompt_id, prompt, output`` and optionally ``domain, sample, reference_answer, reasoning,
finish_reason``; ``messages``, turns, stand for ``prompt``, and for ``output``, too, where they end with the answer. A prompt
under the marks of a chat template is read as its conversation. Other columns are left alone, but one that is nearly the name of
a column the row lacks is taken for a slip. That, a wrong type, two answers with one number or an unreadable file is a
`DataError` of one line that names the file and the row. Rows without a ``sample`` are numbered in the order they stand; a row
that says again what an earlier one says is left out and counted, for it is no second answer. Several files are read as one, and
files of other tools become the same rows (`mimicry_audit.logs.formats`).
"""

from __future__ import annotations

import difflib
import functools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import DataError
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.formats import files_in, is_companion, read_log
from mimicry_audit.logs.reader import Notes

REQUIRED = ("model", "prompt_id", "prompt", "output")
OPTIONAL = ("domain", "sample", "reference_answer", "reasoning", "finish_reason")
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
    reasoning: str | None = None
    finish_reason: str | None = None

    @property
    def failure(self) -> str | None:
        """The mark that stands in place of an answer where the request failed; None for an answer."""
        text = self.output.strip()
        return text if text.casefold() in FAILURE_MARKS else None


@dataclass(frozen=True, slots=True)
class ReadAnswers:
    """What one or several response files hold.

    Attributes:
        answers: in the order they stand.
        repeated: rows left out because an earlier row says the same: one model, one prompt, one output.
        left_out: records of other tools that hold no answer, by the reason.
        cautions: sentences on what the answers of a file are not.
    """

    answers: list[RecordedAnswer]
    repeated: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    cautions: Sequence[str] = ()


def read_responses(*paths: str | Path, kind: str = "auto") -> list[RecordedAnswer]:
    """Every answer in one or several response files; see `read_answers`."""
    return read_answers(paths, kind).answers


def read_answers(paths: Sequence[str | Path], kind: str = "auto") -> ReadAnswers:
    """Every answer in one or several response files, and what was left out.

    Args:
        paths: files, and folders of files by known tools.
        kind: one of `mimicry_audit.logs.formats.FORMATS`.

    Raises:
        DataError: see the module.
        ConfigError: no such kind.
    """
    counted: Counter[tuple[str, str, str]] = Counter()
    seen: dict[tuple[str, str, str, int], tuple[str, str]] = {}
    unnumbered: set[tuple[str, str, str, str]] = set()
    answers: list[RecordedAnswer] = []
    notes, repeated = Notes(), 0
    files = files_in(paths)
    for path in files:
        name, count = find_place(path).name, len(answers) + repeated + notes.left_out.total()
        for at, row in read_log(path, kind, files, notes):
            where = f"{name}, {at}"
            answer, numbered = _read_answer(where, row, counted)
            place = (answer.model, answer.prompt_id, answer.prompt)
            earlier, output = seen.get((*place, answer.sample), ("", None))
            if output == answer.output or (not numbered and (*place, answer.output) in unnumbered):
                repeated += 1
                continue
            if output is not None:
                raise DataError(
                    f"{where} repeats {earlier}: model {answer.model}, prompt {answer.prompt_id}, sample {answer.sample}",
                    "number repeated answers in a sample column",
                )
            counted[place] += 1
            seen[*place, answer.sample] = (where if len(paths) > 1 else at, answer.output)
            unnumbered.add((*place, answer.output))
            answers.append(answer)
        if len(answers) + repeated + notes.left_out.total() == count and not is_companion(path):
            raise DataError(f"{path} holds no answers", f"give rows with {', '.join(REQUIRED)}")
    if not answers and files and all(map(is_companion, files)):
        raise DataError(
            f"{', '.join(file.name for file in files)}: the input of an OpenAI batch, which holds prompts and no answers",
            "give the batch's output file, too",
        )
    if not answers and notes.left_out:
        reason, count = notes.left_out.most_common(1)[0]
        names = ", ".join(file.name for file in files)
        raise DataError(
            f"{names} holds no answers: each of {count} records {reason}", "give a task in which models write text"
        )
    return ReadAnswers(answers, repeated, dict(+notes.left_out), tuple(dict.fromkeys(notes.cautions)))


def join_files(paths: Iterable[Path]) -> str:
    """Several response files as one text, as in ``recorded/FILE|FILE#NAME``; see `split_files`."""
    return "|".join(map(str, paths))


def split_files(text: str) -> list[str]:
    """The response files and folders that a text names; a name that holds the mark itself wins where there is such a file."""
    parts, found = text.split("|"), []
    while parts:
        ends = range(len(parts), 0, -1)
        end = next((end for end in ends if is_there(find_place("|".join(parts[:end])))), 1)
        found.append("|".join(parts[:end]))
        parts = parts[end:]
    return found


def answers_by_text(answers: Iterable[RecordedAnswer]) -> dict[tuple[str, int], RecordedAnswer]:
    """One model's answers by the prompt's text and number: what counts where ids are of no use.

    Rows with different ids are samples of one prompt where its text is one; one that says what an earlier one says under
    another id is a repetition, unless both are numbered as samples.
    """
    by_text: dict[tuple[str, int], RecordedAnswer] = {}
    counted: Counter[str] = Counter()
    seen: set[tuple[str, int, str]] = set()
    for answer in answers:
        text = answer.prompt.strip()
        if (text, answer.sample, answer.output) in seen:
            continue
        seen.add((text, answer.sample, answer.output))
        by_text[text, counted[text]] = answer
        counted[text] += 1
    return by_text


def _read_answer(
    where: str, row: Mapping[str, object], counted: Counter[tuple[str, str, str]]
) -> tuple[RecordedAnswer, bool]:
    """A row's answer, and whether the row numbers its sample itself."""
    _check_columns(where, row)
    prompt, output = (
        (_read_prompt(where, row["prompt"]), row["output"]) if "prompt" in row else _read_exchange(where, row)
    )
    texts = {name: _read_text(where, name, row[name]) for name in ("model", "prompt_id")}
    texts |= {"prompt": prompt, "output": _read_text(where, "output", output)}
    for name in ("model", "prompt_id"):
        if not texts[name].strip():
            raise DataError(f"{where}: {name} is empty", "fill it in")
    given = {name: row[name] for name in ("domain", "reference_answer") if row.get(name) not in (None, "", [])}
    sample = row.get("sample")
    numbered = sample not in (None, "")
    number = _read_sample(where, sample) if numbered else counted[texts["model"], texts["prompt_id"], texts["prompt"]]
    answer = RecordedAnswer(
        **texts,
        domain=_read_text(where, "domain", given["domain"]) if "domain" in given else None,
        reference_answer=_read_accepted(where, given["reference_answer"]) if "reference_answer" in given else None,
        sample=number,
        reasoning=_read_text(where, "reasoning", row["reasoning"]) if row.get("reasoning") else None,
        finish_reason=_read_text(where, "finish_reason", row["finish_reason"]) if row.get("finish_reason") else None,
    )
    return answer, numbered


def _check_columns(where: str, row: Mapping[str, object]) -> None:
    if wrong := _wrong_columns(tuple(row)):
        raise DataError(f"{where}: {wrong[0]}", wrong[1])


@functools.lru_cache(maxsize=64)
def _wrong_columns(names: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with the columns of a row and the fix; looked up once for all rows of one make."""
    exchange = "messages" in names and "prompt" not in names
    if exchange:
        names = ("prompt", *names)  # turns say what was asked, as well as a text does
    lacking = [name for name in COLUMNS if name not in names]
    for name in names:
        near = [] if name in COLUMNS else difflib.get_close_matches(str(name), lacking, n=1, cutoff=_SLIP)
        if near:
            return f"unknown column {name}", f"did you mean {near[0]}? Columns are {', '.join(COLUMNS)}"
    missing = [name for name in REQUIRED if name in lacking and not (exchange and name == "output")]
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
    if isinstance(value, str):
        value = turns_of(value)
    return _joined(_read_turns(where, value)) if isinstance(value, list) else _read_text(where, "prompt", value)


def _read_turns(where: str, value: Sequence[Any]) -> list[tuple[str, str]]:
    """Roles and texts of a list of turns."""
    turns = [
        (turn.get("role"), _turn_text(turn.get("content"))) if isinstance(turn, dict) else (None, None)
        for turn in value
    ]
    if not turns or any(role not in ("system", "user", "assistant") or content is None for role, content in turns):
        raise DataError(
            f"{where}: the prompt is a list, but not of turns", 'give text, or [{"role": "user", "content": "…"}]'
        )
    return [(str(role), str(content)) for role, content in turns]


def _joined(turns: Sequence[tuple[str, str]]) -> str:
    return turns[0][1] if len(turns) == 1 else "\n\n".join(f"{role}: {content}" for role, content in turns)


def _read_exchange(where: str, row: Mapping[str, object]) -> tuple[str, object]:
    """Prompt and answer from the column of turns, also where a table of texts holds them as JSON.

    Where the turns end with the assistant's, that is the answer, as data sets on the Hub have it.
    """
    value, output = row["messages"], row.get("output")
    try:
        turns = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        turns = None
    if not isinstance(turns, list):
        raise DataError(
            f"{where}: messages is not a list of turns", 'write [{"role": "user", "content": "…"}], also as JSON'
        )
    *before, (role, last) = _read_turns(where, turns)
    if role != "assistant":
        if "output" not in row:
            raise DataError(
                f"{where}: column output is missing, and messages ends with a turn of the {role}",
                "give the answer as output, or as the last turn, of the assistant",
            )
        return _joined([*before, (role, last)]), output
    if not before:
        raise DataError(f"{where}: messages holds an answer and no question", "give the turns before it, too")
    if not last.strip():  # the turn that the model was about to write
        return _joined(before), row.get("output", last)
    if output not in (None, "") and (not isinstance(output, str) or output.strip() != last.strip()):
        raise DataError(
            f"{where}: output is another answer than the last turn of messages", "leave out the one that is not meant"
        )
    return _joined(before), output or last


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
