"""Style: the habits that do not depend on the subject.

Relative frequencies of function words (Burrows 2002), punctuation, layout marks, sentence rhythm and letter case,
each scaled by its spread over all answers of the run, then ``exp(−mean absolute difference)``: Burrows's Delta turned into
a similarity. Frequencies come with a square root, which steadies the variance of counts in short answers.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import regex

from mimicry_audit.ground.words import count_words, split_words
from mimicry_audit.similarity.axes.base import Answer, FloatArray

FUNCTION_WORDS = (
    "the a an and or but if so as of in on at to for from with by about into than then that this these those it its "
    "is are was were be been am do does did have has had can could will would should may might must not no yes i you "
    "he she we they my your our their me him her us them there here what which who when where why how all any each "
    "both some more most other such only own same too very just also because while however therefore thus well now "
    "let sure certainly indeed first second finally 的 了 是 在 我 你 和 也 不 有 就 都 而 及 与 吗 呢 吧"
).split()
MARKS = (*".,!?:;-–—…()\"'*#`|$\\", "\n", "\n\n", *"。，！：？；、।؟،؛۔។")

_LETTERS = regex.compile(r"(?:[^\W\d_][\p{M}\u200c\u200d]*)+")
_ENDS = ".!?。！？।॥؟۔។"
"""What ends a sentence, in the scripts that have a sign for it."""
_SENTENCES = re.compile(rf"[{_ENDS}\n]+")
_NUMBERED = re.compile(r"\d+[.)]")


class Style:
    """Burrows-style distance over function words, punctuation, layout and rhythm."""

    name: ClassVar[str] = "style"
    title: ClassVar[str] = "Style"
    about: ClassVar[str] = "Function words, punctuation, layout and sentence rhythm; the subject matters little."
    family: ClassVar[str] = "style"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._scaled = np.zeros((0, 0))

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Count the habits in every answer and scale each by its spread."""
        features = np.array([_style_features(a.text) for a in answers], dtype=np.float64)
        spread = features.std(axis=0)
        self._scaled = features[:, spread > 1e-9] / spread[spread > 1e-9]

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`."""
        from scipy.spatial.distance import cdist

        some = self._scaled[list(rows)]
        if not some.shape[1]:
            return np.ones((len(some), len(some)))
        return np.asarray(np.exp(-cdist(some, some, metric="cityblock") / some.shape[1]))


def _style_features(text: str) -> list[float]:
    words = [letters for word in split_words(text.lower()) for letters in _LETTERS.findall(word)]
    n_words, n_chars = max(len(words), 1), max(len(text), 1)
    counts = Counter(words)
    lengths = [n for n in map(count_words, _SENTENCES.split(text)) if n] or [0]
    mean = sum(lengths) / len(lengths)
    spread = (sum((n - mean) ** 2 for n in lengths) / len(lengths)) ** 0.5
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return [
        *((counts[w] / n_words) ** 0.5 for w in FUNCTION_WORDS),
        *((text.count(m) / n_chars) ** 0.5 for m in MARKS),
        mean**0.5,
        spread**0.5,
        sum(map(len, words)) / n_words,
        _count_characters(text, string.ascii_uppercase, str.isupper) / n_chars,
        _count_characters(text, string.digits, str.isdigit) / n_chars,
        sum(line[:2] in ("- ", "* ", "• ") for line in lines) / len(lines),
        sum(bool(_NUMBERED.match(line)) for line in lines) / len(lines),
        float(text.rstrip()[-1:] in _ENDS),
    ]


def _count_characters(text: str, ascii_only: str, test: Callable[[str], bool]) -> int:
    """How many characters pass a test; in plain ASCII, where they are known in advance, all at once."""
    if not text.isascii():
        return sum(map(test, text))
    return len(text) - len(text.encode("ascii").translate(None, ascii_only.encode("ascii")))
