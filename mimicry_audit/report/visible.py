"""Makes the invisible visible: no character in the page may act on the reader unseen.

Promise: text that comes out of here holds no control character but newline and tab, no bidirectional
control, no lone surrogate and no other character without a picture, so it always encodes as UTF-8 and
always reads in the order it was written. What was there is named in its place (``⟦U+202E⟧``), never dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup, escape

_PICTURED_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Format characters of Arabic and Syriac that do have a picture."""

_JOINERS = frozenset("\u200c\u200d")
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that are drawn as nothing at all."""

_MOST_MARKS = 8
"""Most marks in a row on one letter: no script needs as many, and a flood of them paints over the lines around."""

_PLAIN = re.compile(r"[\n\t\x20-\x7e\xa0-\xac\xae-\u02ff\u3000-\u3163\u3165-\ud7af]*")
"""Runs that need no look-up: most text is made of nothing else."""

HIDDEN, NAMED, CLOSED = "\x80", "\x81", "\x82"
"""Around a hidden character in a coded text: ``HIDDEN U+202E NAMED RIGHT-TO-LEFT OVERRIDE CLOSED``. None of the three can
be forged, for as characters of a text they are hidden ones themselves."""

_NAMES = {
    0x00: "NULL",
    0x08: "BACKSPACE",
    0x0D: "CARRIAGE RETURN",
    0x1B: "ESCAPE",
    0x7F: "DELETE",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of plain text, or one hidden character: then `name` says what it is."""

    text: str
    name: str | None = None


def _is_hidden(text: str, at: int) -> bool:
    char = text[at]
    if char in "\n\t" or char in _PICTURED_FORMATS:
        return False
    if char in _JOINERS:  # honest inside emoji and Indic or Persian words, a hiding place anywhere else
        return not (0 < at < len(text) - 1 and text[at - 1] > "\x7f" and text[at + 1] > "\x7f")
    kind = unicodedata.category(char)
    if kind in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} or char in _BLANK:
        return True
    if kind in {"Mn", "Me"}:
        return _is_smuggled(text, at)
    code = ord(char)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _is_smuggled(text: str, at: int) -> bool:
    """Whether a mark says more than it shows: one of a flood, or a second variation selector where one has a meaning."""
    if _is_selector(text[at]):
        return at == 0 or _is_selector(text[at - 1])
    before = text[max(0, at - _MOST_MARKS) : at]
    return len(before) == _MOST_MARKS and all(unicodedata.category(char) in {"Mn", "Me"} for char in before)


@lru_cache(maxsize=4096)
def _name_character(char: str) -> Piece:
    code = ord(char)
    kind = "LONE SURROGATE" if 0xD800 <= code <= 0xDFFF else "UNNAMED"
    return Piece(f"U+{code:04X}", _NAMES.get(code) or unicodedata.name(char, kind))


def pieces(text: str) -> Iterator[Piece]:
    """`text` in order, as runs of plain text and single hidden characters."""
    at = start = 0
    while at < len(text):
        run = _PLAIN.match(text, at)
        at = run.end() if run else at
        if at >= len(text):
            break
        if not _is_hidden(text, at):
            at += 1
            continue
        if at > start:
            yield Piece(text[start:at])
        yield _name_character(text[at])
        at += 1
        start = at
    if len(text) > start:
        yield Piece(text[start:])


def is_plain(text: str) -> bool:
    """Whether `text` surely holds nothing hidden."""
    return _PLAIN.fullmatch(text) is not None


def plain(text: str) -> str:
    """`text` with each hidden character written out, for labels, attributes and titles."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟦{piece.text}⟧" if piece.name else piece.text for piece in pieces(text))


def _merge_pieces(text: str) -> Iterator[Piece]:
    """Like `pieces`, with a run of one hidden character as one piece."""
    for piece, run in groupby(pieces(text)):
        count = sum(1 for _ in run)
        yield Piece(f"{piece.text} ×{count}", piece.name) if piece.name and count > 1 else piece


def markup(text: str) -> Markup:
    """`text` escaped, with each hidden character (or run of one) as a marked token that names itself."""
    if is_plain(text):
        return escape(text)
    out: list[str] = []
    for piece in _merge_pieces(text):
        if piece.name:
            out.append(f'<span class="ctl" title="{piece.name}">{piece.text}</span>')
        else:
            out.append(str(escape(piece.text)))
    return Markup("".join(out))  # noqa: S704  every part is escaped above; Unicode's names hold no markup


def coded(text: str) -> str:
    """`text` for the page's script, which writes it as text: what `markup` makes tokens stands between code characters."""
    if is_plain(text):
        return text
    return "".join(f"{HIDDEN}{p.text}{NAMED}{p.name}{CLOSED}" if p.name else p.text for p in _merge_pieces(text))
