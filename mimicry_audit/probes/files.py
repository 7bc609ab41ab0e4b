"""Reads probe files: which rows, from which lines, and what is wrong with the file.

Promise: a broken file gives problems with the line they stand on, never an exception and never a row that was not
written; so that `load` can stop at the first problem and `validate_sets` can list them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mimicry_audit.ground.errors import ProbeError, first_line
from mimicry_audit.ground.yaml_text import LOADER, check_yaml, load_yaml

ENDINGS = (".jsonl", ".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and how to fix it."""

    where: str
    what: str
    fix: str = ""

    def error(self) -> ProbeError:
        """The problem as the one line a user sees."""
        return ProbeError(f"{self.where}: {self.what}", self.fix)


@dataclass(frozen=True, slots=True)
class Row:
    """One probe as written, and where."""

    where: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: a header (from a mapping with ``probes``), rows, problems."""

    header: Mapping[str, object]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


class _BrokenError(Exception):
    """Carries a problem out of the parser."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def read_probes(path: Path, display_name: str) -> Contents:
    """The rows of one probe file.

    Args:
        path: the file.
        display_name: what to call it in messages.
    """
    try:
        text = _read_text(path, display_name)
        if path.suffix.lower() == ".jsonl":
            return _json_lines(text, display_name)
        document, lines = (
            _read_json(text, display_name) if path.suffix.lower() == ".json" else _read_yaml(text, display_name)
        )
        return _from_document(document, lines, display_name)
    except _BrokenError as broken:
        return Contents({}, (), (broken.problem,))


def read_mapping(path: Path, display_name: str) -> dict[str, Any]:
    """A YAML or JSON file that holds one mapping.

    Raises:
        ProbeError: unreadable, or something else than a mapping.
    """
    try:
        text = _read_text(path, display_name)
        document, _ = (
            _read_json(text, display_name) if path.suffix.lower() == ".json" else _read_yaml(text, display_name)
        )
    except _BrokenError as broken:
        raise broken.problem.error() from None
    if not isinstance(document, dict):
        raise ProbeError(
            f"{display_name}: holds {_kind_of(document)}, not a mapping", "write fields, as in 'name: my-set'"
        )
    return document


def _read_text(path: Path, display_name: str) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 (byte {error.start})"
        raise _BrokenError(Problem(display_name, what, "save the file as UTF-8")) from None
    except OSError as error:
        raise _BrokenError(
            Problem(display_name, f"cannot be read ({error.strerror})", "check the path and its permissions")
        ) from None
    if not text.strip():
        raise _BrokenError(Problem(display_name, "is empty", "put at least one probe into it"))
    return text


def _json_lines(text: str, display_name: str) -> Contents:
    rows: list[Row] = []
    problems: list[Problem] = []
    # Only newlines end a line: str.splitlines would also cut at U+2028, which JSON strings may hold.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{display_name}:{number}"
        try:
            value = _parse_json(line, where)
        except _BrokenError as broken:
            problems.append(broken.problem)
            continue
        if isinstance(value, dict):
            rows.append(Row(where, value))
        else:
            problems.append(Problem(where, f"holds {_kind_of(value)}, not a probe", "write one JSON object per line"))
    return Contents({}, tuple(rows), tuple(problems))


def _read_json(text: str, display_name: str) -> tuple[object, list[str]]:
    document = _parse_json(text, display_name, whole_file=True)
    items = document.get("probes") if isinstance(document, dict) else document
    count = len(items) if isinstance(items, list) else 0
    return document, [f"{display_name} item {number}" for number in range(1, count + 1)]


def _parse_json(text: str, where: str, *, whole_file: bool = False) -> object:
    try:
        return json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        at = f"{where}:{error.lineno}" if whole_file else where
        raise _BrokenError(
            Problem(at, f"is not valid JSON (column {error.colno}: {error.msg})", "fix the line")
        ) from None
    except RecursionError:
        raise _BrokenError(Problem(where, "is nested too deeply", "write a flat probe")) from None
    except ValueError as error:
        raise _BrokenError(Problem(where, str(error), "fix the line")) from None


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"gives the field '{repeated}' twice")
    return mapping


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is not JSON")


def _read_yaml(text: str, display_name: str) -> tuple[object, list[str]]:
    try:
        check_yaml(text)
        node = yaml.compose(text, Loader=LOADER)
        _no_repeated_keys(node, display_name)
        document = load_yaml(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = f"is not valid YAML ({error.problem or 'cannot be parsed'})"
        raise _BrokenError(
            Problem(f"{display_name}:{line}", what, "fix the line; put text with ': ' or '#' in quotes")
        ) from None
    except yaml.YAMLError as error:
        raise _BrokenError(Problem(display_name, f"is not valid YAML ({first_line(error)})", "fix the file")) from None
    except RecursionError:
        raise _BrokenError(Problem(display_name, "is nested too deeply", "write a flat probe")) from None
    except ValueError as error:  # a date such as 2026-02-31
        raise _BrokenError(
            Problem(display_name, f"holds a value that YAML cannot read ({error})", "put it in quotes")
        ) from None
    return document, [f"{display_name}:{child.start_mark.line + 1}" for child in _probe_nodes(node)]


def _probe_nodes(node: object) -> list[Any]:
    """The nodes of the probes: the document is their list, or a mapping that holds it under ``probes``."""
    if isinstance(node, yaml.MappingNode):
        node = next((value for key, value in node.value if key.value == "probes"), None)
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _no_repeated_keys(node: object, display_name: str) -> None:
    """YAML lets a later key win silently; a probe with two prompts is a mistake."""
    waiting, node_ids = [node], set()
    while waiting:
        current = waiting.pop()
        if id(current) in node_ids:  # an alias
            continue
        node_ids.add(id(current))
        if isinstance(current, yaml.MappingNode):
            names: set[str] = set()
            for key, value in current.value:
                name = str(key.value)
                if name in names and name != "<<":
                    what = f"gives the field '{name}' twice"
                    raise _BrokenError(Problem(f"{display_name}:{key.start_mark.line + 1}", what, "keep one of them"))
                names.add(name)
                waiting.append(value)
        elif isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)


def _from_document(document: object, lines: list[str], display_name: str) -> Contents:
    header: Mapping[str, object] = {}
    if isinstance(document, dict):
        header = {name: value for name, value in document.items() if name != "probes"}
        document = document.get("probes")
    if not isinstance(document, list):
        fix = "write a list of probes, or a mapping with 'probes'"
        return Contents(header, (), (Problem(display_name, "holds no list of probes", fix),))
    return Contents(header, *_split_rows(document, lines))


def _split_rows(items: list[object], lines: list[str]) -> tuple[tuple[Row, ...], tuple[Problem, ...]]:
    def problems() -> Iterator[Problem]:
        for where, item in zip(lines, items, strict=True):
            if not isinstance(item, dict):
                yield Problem(
                    where, f"holds {_kind_of(item)}, not a probe", "write a mapping with id, domain and prompt"
                )

    rows = tuple(Row(where, item) for where, item in zip(lines, items, strict=True) if isinstance(item, dict))
    return rows, tuple(problems())


def _kind_of(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")
