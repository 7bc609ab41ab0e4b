"""Tidy tables as CSV and Parquet.

Promise: a CSV file opens in a spreadsheet without running anything: a text that would begin a formula gets an apostrophe in
front. Parquet keeps every text as it is, with typed columns and the signature in the file's metadata. Half a surrogate pair,
which no UTF-8 file can hold, becomes U+FFFD in both.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from mimicry_audit.report.text.tidy import Kind, Row

_FORMULA = re.compile(r"^[\s\x00-\x1f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r]")
"""What Excel, LibreOffice or Sheets may take for a formula, full-width signs and leading blanks included."""


def csv_bytes(columns: Mapping[str, Kind], rows: Sequence[Row]) -> bytes:
    """The table as RFC 4180 in UTF-8, a heading first; what is missing is an empty cell."""
    return b"".join(_csv_chunks(columns, rows))


def _csv_chunks(columns: Mapping[str, Kind], rows: Sequence[Row]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(row[name]) for name in columns])
        if buffer.tell() > 1 << 20:
            yield _valid_utf8(buffer.getvalue()).encode()
            buffer.seek(0)
            buffer.truncate()
    yield _valid_utf8(buffer.getvalue()).encode()


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def _valid_utf8(text: str) -> str:
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def parquet_bytes(columns: Mapping[str, Kind], rows: Sequence[Row], notes: Mapping[str, str]) -> bytes:
    """The table as one Parquet file.

    Args:
        columns: name → type: text is UTF-8, number 64-bit floating point, whole 64-bit integer, flag Boolean.
        rows: every row has every column.
        notes: the file's own metadata.
    """
    import pyarrow
    import pyarrow.parquet

    kinds = {"text": pyarrow.string(), "number": pyarrow.float64(), "whole": pyarrow.int64(), "flag": pyarrow.bool_()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()], metadata=dict(notes))
    arrays = [
        pyarrow.array([_typed_value(row[n], kind) for row in rows], type=kinds[kind]) for n, kind in columns.items()
    ]
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _typed_value(value: object, kind: Kind) -> object:
    if value is None:
        return None
    if kind == "text":
        return _valid_utf8(value if isinstance(value, str) else str(value))
    return {"number": float, "whole": int, "flag": bool}[kind](value)
