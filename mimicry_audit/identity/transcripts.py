"""Transcripts: identity questions that were asked and answered elsewhere, as JSON lines, CSV or Parquet.

Promise: columns ``model, template, question, response`` and optionally ``vendor, language, aspect, loose, strict``; other
columns are left alone. A row without an answer is an empty answer, not an error; anything else that is wrong is a `DataError`
of one line that names the file and the row.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.tables import read_rows

REQUIRED = ("model", "template", "question", "response")
OPTIONAL = ("vendor", "language", "aspect", "loose", "strict")
_TRUE, _FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One attempt.

    Attributes:
        model: the target's name.
        template: what the question was put into, with ``{query}`` in its place; empty for a plain question.
        question, response: texts.
        vendor: the target's maker, where given.
        language: ``en``, ``zh`` or as given; guessed from the question where not.
        aspect: what the question is about, where given.
        loose, strict: another's labels, where given.
        frame: the template's own name, where it has one; a template in several languages goes by one.
    """

    model: str
    template: str
    question: str
    response: str
    vendor: str | None = None
    language: str = "en"
    aspect: str | None = None
    loose: bool | None = None
    strict: bool | None = None
    frame: str | None = None

    @property
    def prompt(self) -> str:
        """What the model was asked: the question in its template, or after it where the template has no place for it."""
        if "{query}" in self.template:
            return self.template.replace("{query}", self.question)
        return f"{self.template}\n{self.question}".strip()

    @property
    def plain(self) -> bool:
        """Whether the question was asked without a template."""
        return self.template.strip() in ("", "{query}")


def read_transcripts(path: str | Path) -> list[Transcript]:
    """Every attempt in a file, in order.

    Raises:
        DataError: see the module.
    """
    name = Path(path).name
    transcripts = [_read_transcript(f"{name}, {where}", row) for where, row in read_rows(path, "file of transcripts")]
    if not transcripts:
        raise DataError(f"{path} holds no attempts", f"give rows with {', '.join(REQUIRED)}")
    return transcripts


def _read_transcript(where: str, row: Mapping[str, object]) -> Transcript:
    for column in REQUIRED:
        if column not in row:
            close_columns = difflib.get_close_matches(column, [str(name) for name in row], n=1)
            hint = f"did you mean {close_columns[0]}? " if close_columns else ""
            raise DataError(f"{where}: column {column} is missing", f"{hint}Give {', '.join(REQUIRED)}")
    texts = {column: _read_text(where, column, row[column]) for column in REQUIRED}
    if not texts["model"].strip():
        raise DataError(f"{where}: model is empty", "fill it in")
    if not texts["question"].strip() and not texts["template"].strip():
        raise DataError(f"{where}: neither question nor template is filled in", "give what was asked")
    language = _read_text(where, "language", row.get("language")).strip()
    return Transcript(
        **texts,
        vendor=_read_text(where, "vendor", row.get("vendor")).strip() or None,
        language=language or ("zh" if _CJK.search(texts["question"]) else "en"),
        aspect=_read_text(where, "aspect", row.get("aspect")).strip() or None,
        loose=_read_label(where, "loose", row.get("loose")),
        strict=_read_label(where, "strict", row.get("strict")),
    )


def _read_text(where: str, column: str, value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, str):
        return value
    raise DataError(f"{where}: {column} is {type(value).__name__}, not text", "give text, or nothing for no answer")


def _read_label(where: str, column: str, value: object) -> bool | None:
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return None
    word = str(value).strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise DataError(f"{where}: {column} is {value!r}, neither true nor false", "write true, false, 1 or 0")
