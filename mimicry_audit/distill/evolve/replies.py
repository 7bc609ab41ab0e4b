"""What can be read in a teacher's reply, however it is laid out.

Promise: JSON lines, a JSON array, an object around one, code fences, bullets and numbered plain lines are all read; a line that
is none of these is counted, and nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,3}[.):])\s+")
_NUMBERED = re.compile(r"^\s*(?:[-*•]\s*)?[\[(#]?(\d{1,3})[\])]?\s*[.:)=|-]+>?\s*(.+?)\s*$")
_KIND = re.compile(r"^[\[(*\"']*(hard|easy)[\])*\"']*\s*[:|-]\s*(.+)$", re.IGNORECASE)
_PATTERN = re.compile(r"<pattern>(.*?)(?:</pattern>|\Z)", re.DOTALL | re.IGNORECASE)
MOST_PATTERN = 2000
"""Characters of a weakness pattern that are handed on."""


def pattern(reply: str) -> str:
    """The weakness pattern: what stands between the marks, else the whole reply; empty where there is none."""
    match = _PATTERN.search(reply)
    return " ".join((match[1] if match else _strip_fences(reply)).split())[:MOST_PATTERN]


def inputs(reply: str) -> tuple[list[tuple[str, str]], int]:
    """Written inputs as (text, ``hard``, ``easy`` or empty), and how many lines were none."""
    written_inputs: list[tuple[str, str]] = []
    invalid = 0
    for piece in _reply_pieces(reply):
        text, kind = _read_input(piece)
        if text:
            written_inputs.append((text, kind))
        else:
            invalid += 1
    return written_inputs, invalid


def labels(reply: str) -> tuple[dict[int, object], int]:
    """Number of an input → its label as it was given, and how many lines were none; the last word on a number counts."""
    label_by_number: dict[int, object] = {}
    invalid = 0
    for piece in _reply_pieces(reply):
        number, value = _read_label(piece)
        if number is None:
            invalid += 1
        else:
            label_by_number[number] = value
    return label_by_number, invalid


def _read_input(piece: object) -> tuple[str, str]:
    if isinstance(piece, Mapping):
        text, kind = piece.get("text", piece.get("input")), str(piece.get("kind", "")).lower()
        return (" ".join(text.split()) if isinstance(text, str) else "", kind if kind in ("hard", "easy") else "")
    if not isinstance(piece, str):
        return "", ""
    plain = _BULLET.sub("", piece)
    if match := _KIND.match(plain):
        return match[2].strip().strip('"'), match[1].lower()
    if _BULLET.match(piece):
        return plain.strip().strip('"'), ""
    return "", ""  # a sentence around the list is not an input


def _read_label(piece: object) -> tuple[int | None, object]:
    if isinstance(piece, Mapping):
        number = piece.get("id", piece.get("number"))
        if isinstance(number, str) and number.strip().isdigit():
            number = int(number)
        return (number, piece) if isinstance(number, int) and not isinstance(number, bool) else (None, None)
    match = _NUMBERED.match(piece) if isinstance(piece, str) else None
    return (int(match[1]), match[2]) if match else (None, None)


def _reply_pieces(reply: str) -> Iterator[object]:
    """The objects of a reply, or its lines where it is not JSON as a whole."""
    text = _strip_fences(reply)
    parsed = _parse_json(text)
    if parsed is None and 0 <= text.find("[") < text.rfind("]"):
        array = _parse_json(text[text.find("[") : text.rfind("]") + 1])
        parsed = array if isinstance(array, list) and array and isinstance(array[0], Mapping) else None
    if isinstance(parsed, Mapping):
        inner = [v for v in parsed.values() if isinstance(v, list) and v and isinstance(v[0], Mapping)]
        parsed = inner[0] if inner and "id" not in parsed and "text" not in parsed else [parsed]
    if isinstance(parsed, list):
        yield from ({"text": entry} if isinstance(entry, str) else entry for entry in parsed)
        return
    for line in text.splitlines():
        body = line.strip().rstrip(",").strip()
        if body in ("", "[", "]", "{", "}"):
            continue
        start = body.find("{")
        piece = _parse_json(body[start:]) if start >= 0 else None
        yield piece if isinstance(piece, Mapping) else line


def _strip_fences(reply: str) -> str:
    return re.sub(r"^\s*```\w*\s*$", "", reply, flags=re.MULTILINE).strip()


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
