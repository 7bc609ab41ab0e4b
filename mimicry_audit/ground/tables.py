"""Rows of JSON lines, CSV and Parquet files, one mapping each, with the place of each.

Promise: a file that cannot be read, or a line that is not a row, is a `DataError` of one line that names the file and the
place; dates are the text that was written, and NaN is a missing value; what the columns mean is the reader's business.
"""

from __future__ import annotations

import csv
import datetime
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import DataError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")

Row = tuple[str, Mapping[str, object]]
"""Where a row stands ("line 3"), and its cells."""


def read_rows(path: str | Path, kind: str) -> Iterator[Row]:
    """Every row of a file.

    Args:
        path: a file whose ending says what it is.
        kind: what the file should be, for messages ("response file").

    Raises:
        DataError: the ending is unknown, the file is missing or unreadable, or a line is not a row.
    """
    file = find_place(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise DataError(f"{path} is not a {kind}", "name it .jsonl, .json, .csv, .tsv or .parquet")
    if not is_there(file) or not file.is_file():
        raise DataError(f"the {kind} {path} does not exist", "check the path")
    try:
        yield from reader(file)
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", "check its permissions") from None


def _json_lines(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, parse_constant=_read_no_number, parse_float=_read_float)
            except (ValueError, RecursionError):
                raise DataError(f"{file.name}, line {number} is not JSON", "give one JSON object per line") from None
            if not isinstance(row, dict):
                raise DataError(f"{file.name}, line {number} is not a JSON object", "give one JSON object per line")
            yield f"line {number}", row


def _json_array(file: Path) -> Iterator[Row]:
    """The objects of one JSON array; a file of JSON lines that is named .json is read as such."""
    text = file.read_text(encoding="utf-8-sig")
    if not text.lstrip().startswith("["):
        yield from _json_lines(file)
        return
    try:
        rows = json.loads(text, parse_constant=_read_no_number, parse_float=_read_float)
    except (ValueError, RecursionError):
        raise DataError(f"{file.name} is not JSON", "give one array of JSON objects, or one object per line") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{file.name}, entry {number} is not a JSON object", "give one JSON object per answer")
        yield f"entry {number}", row


def _read_csv(file: Path) -> Iterator[Row]:
    before = csv.field_size_limit(2**31 - 1)  # answers are longer than the 128 KiB that csv allows by itself
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, delimiter=_find_delimiter(file, stream), strict=True)
            for row in rows:
                if None in row or None in row.values():
                    raise DataError(
                        f"{file.name}, line {rows.line_num} has a different number of cells from the header", "fix it"
                    )
                yield f"line {rows.line_num}", row
    except csv.Error as error:
        raise DataError(f"{file.name} is not CSV ({error})", "save it again as comma-separated UTF-8") from None
    finally:
        csv.field_size_limit(before)


def _find_delimiter(file: Path, stream: TextIO) -> str:
    """The cell separator: from a first line ``sep=;``, else inferred from the header. The stream is left at the header."""
    first = stream.readline()
    if first.lower().startswith("sep=") and len(first.rstrip("\r\n")) == len("sep=;"):
        return first[4]
    stream.seek(0)
    header = first.lstrip("\ufeff")
    counts = {mark: header.count(mark) for mark in ((",", "\t", ";") if file.suffix.lower() != ".tsv" else ("\t",))}
    return max(counts, key=lambda mark: counts[mark])


def _read_parquet(file: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(file)
    except (pyarrow.ArrowException, ValueError):
        raise DataError(f"{file.name} is not a Parquet file", "write it again") from None
    for number, row in enumerate(table.to_pylist(), start=1):
        yield f"row {number}", {name: as_written(value) for name, value in row.items()}


def as_written(value: object) -> object:
    """A cell as its author wrote it: dates and times, which typed columns are made of, as ISO text; NaN as missing.

    The time of day is left out where it is midnight to the second: then a date was written.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime.datetime):
        midnight = value.tzinfo is None and value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return [as_written(item) for item in value] if isinstance(value, list) else value


def _read_no_number(_: str) -> None:
    """NaN and Infinity are no JSON; writers put NaN where a value is missing."""


def _read_float(text: str) -> float | None:
    """A number; 1e999 is none that a float can hold."""
    number = float(text)
    return number if math.isfinite(number) else None


_READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_array,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
