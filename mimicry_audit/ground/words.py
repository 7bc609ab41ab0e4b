"""Words of every script, for every axis that reads words.

Promise: a word is never cut at a combining mark or a joiner (Hindi, Arabic, Persian), and scripts written without spaces
(Thai, Lao, Khmer, Burmese, Chinese, Japanese) are cut into words by ICU, whose rules are those of Unicode (UAX #29) with a
dictionary for each of these scripts. Texts without such scripts never need ICU.
"""

from __future__ import annotations

import re

import regex

from mimicry_audit.ground.errors import PrerequisiteError

_UNSPACED = (
    r"\p{Line_Break=SA}\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
    r"\U00020000-\U0003ffff"
)
"""Line_Break=SA are the scripts for which Unicode asks for a dictionary; then Chinese and Japanese characters."""
_JOINED = r"[\p{M}\u200c\u200d\u00ad]*"
"""What belongs to the letter before it: marks, joiners, soft hyphens (WB4 of UAX #29)."""
_RUN = regex.compile(rf"[{_UNSPACED}](?:[{_UNSPACED}]|[\p{{M}}\u200c\u200d])*")
_SPACED = regex.compile(rf"(?:[^\W_{_UNSPACED}]{_JOINED})+|[^\w\s\u200b]")
_MIXED = regex.compile(rf"(?P<run>{_RUN.pattern})|{_SPACED.pattern}")
_PLAIN = regex.compile(rf"(?P<run>{_RUN.pattern})|(?:[^\W{_UNSPACED}]{_JOINED})+")
_ASCII_WORD = re.compile(r"\w+", re.ASCII)


def split_words(text: str) -> list[str]:
    """Words and single punctuation marks, as written.

    Raises:
        PrerequisiteError: the text is in a script without spaces, and the package that knows its words is missing.
    """
    if text.isascii() or _RUN.search(text) is None:
        return list(_SPACED.findall(text))
    words: list[str] = []
    for match in _MIXED.finditer(text):
        words += _dictionary_words(match["run"]) if match["run"] else [match[0]]
    return words


def plain_words(text: str) -> list[str]:
    """Words without punctuation; an underscore is part of a word, as it is in names of files and variables."""
    if text.isascii():
        return _ASCII_WORD.findall(text)
    words: list[str] = []
    for match in _PLAIN.finditer(text):
        words += [w for w in _dictionary_words(match["run"]) if w[0].isalnum()] if match["run"] else [match[0]]
    return words


def count_words(text: str) -> int:
    """What stands between spaces; in scripts without spaces, words."""
    if text.isascii() or _RUN.search(text) is None:
        return len(text.split())
    return sum(
        sum(word[0].isalnum() for word in split_words(piece)) if _RUN.search(piece) else 1 for piece in text.split()
    )


def _dictionary_words(run: str) -> list[str]:
    try:
        from icu4py.breakers import WordBreaker
    except ImportError:
        raise PrerequisiteError(
            "words of Thai, Lao, Khmer, Burmese, Chinese and Japanese need the package icu4py",
            "install it: pip install icu4py",
        ) from None
    return list(WordBreaker(run, "en"))
