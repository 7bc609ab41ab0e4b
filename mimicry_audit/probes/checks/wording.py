"""Words and sentences of a text, for constraints. Chinese and Japanese count one word per character; Thai has a dictionary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from mimicry_audit.ground.words import plain_words
from mimicry_audit.probes.checks.common import word_pattern

_CJK = r"[\u3040-\u30ff\u3400-\u9fff]"
_LETTERS = rf"(?:(?!{_CJK})[^\W_][\p{{M}}\u200c\u200d]*)+"
_WORD = regex.compile(rf"{_CJK}|{_LETTERS}(?:['’.,\-/]{_LETTERS})*")
_DICTIONARY = regex.compile(r"\p{Line_Break=SA}")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|approx|No|Jr|Sr|P\.S|[A-Z])\.$")
_SENTENCE_END = re.compile(r"(?:(?<=[.!?…])[\"'”’)*_]*\s+)|(?<=[。！？])")
_MARKER = re.compile(r"^[ \t]*(?:[-*+•–]|\d+[.)]|#{1,6})[ \t]+", re.MULTILINE)
_LOWER_IN_TITLES = (
    """a an the and but or nor for so yet as at by in of off on per to up via with from into over is vs"""
)
_SMALL_WORDS = frozenset(_LOWER_IN_TITLES.split())


@dataclass(frozen=True, slots=True)
class Seek:
    """How words are sought."""

    match_case: bool = False
    whole_word: bool = True


def words(text: str) -> list[str]:
    """The words, without list markers and punctuation; a hyphenated word and '3.5' are one each."""
    found = _WORD.findall(_MARKER.sub("", text).replace("—", " ").replace("–", " "))
    if text.isascii() or not _DICTIONARY.search(text):
        return list(found)
    return [word for piece in found for word in (plain_words(piece) if _DICTIONARY.search(piece) else (piece,))]


def count_words(text: str) -> int:
    """How many words."""
    return len(words(text))


def sentences(text: str) -> list[str]:
    """The sentences; a line break between paragraphs or list items ends one, 'Dr.' and 'e.g.' do not."""
    pieces: list[str] = []
    for block in text.splitlines():
        sentence_so_far = ""
        for piece in _SENTENCE_END.split(_MARKER.sub("", block)):
            sentence_so_far = f"{sentence_so_far} {piece}".strip()
            if sentence_so_far and not _ABBREVIATION.search(sentence_so_far):
                pieces.append(sentence_so_far)
                sentence_so_far = ""
        if sentence_so_far:
            pieces.append(sentence_so_far)
    return [sentence for sentence in pieces if _WORD.search(sentence)]


def listed(value: str | list[str]) -> list[str]:
    """One string or several, as a list."""
    return [value] if isinstance(value, str) else value


def times(text: str, phrase: str, seek: Seek) -> int:
    """How often a word or phrase stands in the text."""
    return len(word_pattern(phrase, whole_word=seek.whole_word, match_case=seek.match_case).findall(text))


def in_order(text: str, phrases: Sequence[str], seek: Seek) -> bool:
    """Whether the phrases first occur one after another, in this order."""
    at = 0
    for phrase in phrases:
        match = word_pattern(phrase, whole_word=seek.whole_word, match_case=seek.match_case).search(text, at)
        if match is None:
            return False
        at = match.end()
    return True


def opens(text: str, starts: Sequence[str], seek: Seek) -> bool:
    """Whether the text starts with one of these."""
    return any(_fold_case(text, seek).startswith(_fold_case(start, seek)) for start in starts)


def closes(text: str, ends: Sequence[str], seek: Seek) -> bool:
    """Whether the text ends with one of these."""
    return any(_fold_case(text, seek).endswith(_fold_case(end, seek)) for end in ends)


def alliterates(text: str, letters: str) -> bool:
    """Whether every word begins with one of the letters."""
    text_words = words(text)
    return bool(text_words) and all(word[0].casefold() in letters.casefold() for word in text_words)


def unique_words(text: str) -> bool:
    """Whether no word comes twice."""
    folded_words = [word.casefold() for word in words(text)]
    return bool(folded_words) and len(folded_words) == len(set(folded_words))


def in_case(text: str, case: str) -> bool:
    """Whether every letter is a capital, none is, or every word but the small ones begins with one."""
    if not any(c.isalpha() for c in text):
        return False
    if case == "upper":
        return text == text.upper()
    if case == "lower":
        return text == text.lower()
    return all(word[0] == word[0].upper() or word in _SMALL_WORDS for word in words(text))


def _fold_case(text: str, seek: Seek) -> str:
    text = " ".join(text.replace("’", "'").replace("“", '"').replace("”", '"').split())
    return text if seek.match_case else text.casefold()
