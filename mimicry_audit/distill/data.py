"""The prompts of a distillation: read from a file or a probe set, split into taught and held out, and dosed.

Promise: the same file, seed and share give the same split and the same dose, whatever the order of the rows; a prompt that
stands in the file twice is never on both sides of a split, nor are the prompts of one counterfactual pair; a larger dose
contains the smaller. A wrong row is one line that names it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from mimicry_audit.ground import tables
from mimicry_audit.ground.errors import ConfigError, DataError, ProbeError
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.probes.checks import check as checks
from mimicry_audit.records.asked import Message, canonical_json, sha256_text

COLUMNS = ("id", "prompt", "messages", "system", "answer", "teacher", "label", "pair", "group", "check")
"""Columns with a meaning of their own; any other may be named by ``--else-answers`` and is left alone otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One prompt.

    Attributes:
        id: unique.
        messages: the conversation, last turn from the user.
        answer: the answer in the else column, None where the file gives none.
        teacher: which of several teachers answers it, None where the file does not say.
        label: the right label of a labelled task.
        pair: prompts of one pair differ in `group` only: a counterfactual pair.
        group: which group the prompt speaks of.
        check: how to tell a right answer (see `mimicry_audit.probes.checks.check`).
    """

    id: str
    messages: tuple[Message, ...]
    answer: str | None = None
    teacher: str | None = None
    label: str | None = None
    pair: str | None = None
    group: str | None = None
    check: Mapping[str, object] | None = None

    @property
    def content(self) -> str:
        """Hash of the conversation."""
        return sha256_text(canonical_json([[m.role, m.content] for m in self.messages]))


def read(data: str, *, answers: str = "answer", limit: int | None = None) -> tuple[Row, ...]:
    """The prompts of a file (``.jsonl``, ``.csv``, ``.parquet``) or of a probe set.

    Args:
        data: path or name.
        answers: the column with answers that are not the teacher's.
        limit: most rows, the first ones; None for all.

    Raises:
        DataError: the file cannot be read or a row is wrong.
        ConfigError: there is neither such a file nor such a set, or it holds no prompt.
    """
    rows = _from_file(data, answers) if Path(data).suffix.lower() in tables.SUFFIXES else _from_probes(data)
    if not rows:
        raise ConfigError(f"{data} holds no prompt", "give a file with a column prompt or messages")
    return rows[:limit]


def assigned(rows: Sequence[Row], teachers: Sequence[str], shares: Sequence[float] | None, seed: int) -> dict[str, int]:
    """Which of several teachers answers each prompt: the one in its column ``teacher``, or by shares in an order of the seed.

    Args:
        rows: the prompts.
        teachers: names as given.
        shares: of the prompts, one for each teacher; None for the column or, without one, equal shares.
        seed: of the order.

    Raises:
        DataError: the column names another model, or not for every prompt.
        ConfigError: there are shares and a column.
    """
    if len(teachers) == 1:
        return {}
    if any(row.teacher is not None for row in rows):
        if shares is not None:
            raise ConfigError("the data have a column teacher, and --shares says otherwise", "leave one of them out")
        numbers = {name: number for number, name in enumerate(teachers)}
        for row in rows:
            if row.teacher not in numbers:
                raise DataError(
                    f"row {row.id}: the column teacher holds {row.teacher or 'nothing'}",
                    f"name one of {', '.join(teachers)}",
                )
        return {row.id: numbers[str(row.teacher)] for row in rows}
    bounds = list(accumulate(shares or [1 / len(teachers)] * len(teachers)))
    order = sorted(rows, key=lambda row: _rank_row(seed, "teacher", row.id))
    return {
        row.id: min(bisect_right(bounds, (place + 0.5) / len(order)), len(teachers) - 1)
        for place, row in enumerate(order)
    }


def sha(rows: Iterable[Row]) -> str:
    """SHA-256 over the rows, every field of them."""
    return sha256_text(canonical_json([_plain(row) for row in rows]))


def _plain(row: Row) -> dict[str, object]:
    """The row as JSON; a teacher only where one is named, as in files from before there could be several."""
    return {name: value for name, value in asdict(row).items() if name != "teacher" or value is not None}


def dosed(rows: Sequence[Row], share: float, seed: int) -> frozenset[str]:
    """The ids of the rows whose answer comes from the teacher: the first of them in an order set by the seed."""
    order = sorted(rows, key=lambda row: _rank_row(seed, "dose", row.id))
    return frozenset(row.id for row in order[: round(share * len(rows))])


def held_out(rows: Sequence[Row], share: float, seed: int) -> frozenset[str]:
    """The ids of the rows kept for evaluation: about this share, one group of equal or paired prompts at a time.

    Raises:
        ConfigError: a share above 0 leaves nothing on one side.
    """
    if not share:
        return frozenset()
    held_out_ids: set[str] = set()
    groups = _group_rows(rows, seed)
    for group in groups:
        if len(held_out_ids) >= max(1, round(share * len(rows))):
            break
        held_out_ids.update(row.id for row in group)
    if len(held_out_ids) == len(rows):
        raise ConfigError(f"holding out {share} of {len(rows)} prompts leaves none to teach", "use --held-out 0")
    return frozenset(held_out_ids)


def folds(rows: Sequence[Row], count: int, seed: int) -> tuple[frozenset[str], ...]:
    """The ids of each of `count` folds, of nearly one size; equal and paired prompts stay together.

    Raises:
        ConfigError: there are fewer groups of prompts than folds.
    """
    groups = _group_rows(rows, seed)
    if len(groups) < count:
        raise ConfigError(f"{len(groups)} different prompts make no {count} folds", "lower --folds")
    parts: list[set[str]] = [set() for _ in range(count)]
    for group in groups:
        min(parts, key=len).update(row.id for row in group)
    return tuple(frozenset(part) for part in parts)


def _group_rows(rows: Sequence[Row], seed: int) -> list[list[Row]]:
    """Rows that must stay on one side of a split, in an order set by the seed."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for row in rows:
        if row.pair is not None:
            parent[root(f"pair/{row.pair}")] = root(row.content)
    rows_by_root: dict[str, list[Row]] = {}
    for row in rows:
        rows_by_root.setdefault(root(row.content), []).append(row)
    return sorted(rows_by_root.values(), key=lambda group: min(_rank_row(seed, "split", row.content) for row in group))


def _rank_row(seed: int, purpose: str, key: str) -> str:
    return sha256_text(f"{purpose}\0{seed}\0{key}")


def _from_probes(name: str) -> tuple[Row, ...]:
    from mimicry_audit.probes import load

    return tuple(Row(id=probe.id, messages=probe.messages, check=probe.check) for probe in load([name]).probes)


def _from_file(path: str, answers: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    place_by_id: dict[str, str] = {}
    for place, cells in tables.read_rows(path, "file of prompts"):
        row = _build_row(f"{Path(path).name}, {place}", cells, f"{len(rows)}", answers)
        if row.id in place_by_id:
            raise DataError(
                f"{Path(path).name}, {place} has the id {row.id} of {place_by_id[row.id]}", "make ids unique"
            )
        place_by_id[row.id] = place
        rows.append(row)
    if answers != "answer" and not any(row.answer is not None for row in rows):
        raise ConfigError(f"{path} has no answers in a column {answers}", "check --else-answers")
    return tuple(rows)


def _build_row(place: str, cells: Mapping[str, object], number: str, answers: str) -> Row:
    def text(name: str) -> str | None:
        value = cells.get(name)
        if value is None or value == "" or value != value:  # a table's missing number is NaN
            return None
        if isinstance(value, bool | Mapping | list | tuple):
            raise DataError(f"{place}: {name} is not text", "give a string")
        return str(value)

    return Row(
        id=text("id") or number,
        messages=_build_messages(place, cells, text("system")),
        answer=text(answers),
        teacher=text("teacher"),
        label=text("label"),
        pair=text("pair"),
        group=text("group"),
        check=_build_check(place, cells.get("check")),
    )


def _build_messages(place: str, cells: Mapping[str, object], system: str | None) -> tuple[Message, ...]:
    conversation, prompt = cells.get("messages"), cells.get("prompt")
    if cells.get("tools") not in (None, "", [], "[]"):
        raise DataError(f"{place} offers tools, and a student is taught answers in text", "leave rows with tools out")
    if isinstance(conversation, str) and conversation.strip():
        try:
            conversation = parse_json(conversation)
        except ValueError:
            raise DataError(f"{place}: messages is not JSON", "give a list of {role, content}") from None
    if conversation in (None, "", []):
        if not isinstance(prompt, str) or not prompt.strip():
            raise DataError(f"{place} has no prompt", "give a column prompt, or messages")
        opening = [Message("system", system)] if system else []
        return (*opening, Message("user", prompt))
    try:
        if not isinstance(conversation, Iterable):
            raise TypeError
        turns = tuple(Message(str(turn["role"]), _turn_text(place, turn["content"])) for turn in conversation)
    except (TypeError, KeyError):
        raise DataError(f"{place}: messages is not a list of turns", "give a list of {role, content}") from None
    if any(turn.role == "tool" for turn in turns):
        raise DataError(
            f"{place} holds what a tool returned, and a student is taught answers in text", "leave such rows out"
        )
    while turns and turns[-1].role == "assistant":
        turns = turns[:-1]  # a conversation with its answer: the answer is what is distilled anew
    if not turns or turns[-1].role != "user":
        raise DataError(f"{place}: messages has no last turn from the user", "end it with a user turn")
    return turns


def _turn_text(place: str, content: object) -> str:
    """The text of one turn, also where it comes in parts.

    Raises:
        DataError: a turn without text (tool calls), or with parts that are not text (images).
    """
    if isinstance(content, str):
        return content
    if (
        isinstance(content, list)
        and content
        and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in content)
    ):
        return "".join(part["text"] for part in content)
    kind = (
        "null"
        if content is None
        else "a list with parts that are not text"
        if isinstance(content, list)
        else "not text"
    )
    raise DataError(f"{place}: the content of a turn is {kind}", "leave conversations with tool calls or images out")


def _build_check(place: str, cell: object) -> Mapping[str, object] | None:
    if cell in (None, ""):
        return None
    try:
        if isinstance(cell, str):
            check: Mapping[str, object] = parse_json(cell)
        elif isinstance(cell, Mapping):
            check = {k: v for k, v in cell.items() if v is not None}
        else:
            raise ValueError
        checks.validate(check)
    except ValueError:
        raise DataError(f"{place}: check is not a mapping", "give it a kind, see docs/probes.md") from None
    except ProbeError as error:
        raise DataError(f"{place}: {error.problem}", error.fix) from None
    return check
