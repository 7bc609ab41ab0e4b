"""Length: the baseline every axis has to beat.

Ratio of the shorter to the longer answer in words. Pairs of unrelated models are distinguished by length alone about as
well as by most text measures, so an axis is informative only if it does better than this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.ground.words import count_words
from mimicry_audit.similarity.axes.base import Answer, FloatArray


class Length:
    """Shorter over longer, in words."""

    name: ClassVar[str] = "length"
    title: ClassVar[str] = "Length (baseline)"
    about: ClassVar[str] = "Shorter over longer answer, in words: what similarity of length alone would show."
    family: ClassVar[str] = "length"
    baseline: ClassVar[bool] = True

    def __init__(self) -> None:
        self._words = np.zeros(0)

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Count words; long runs without a space (code, addresses) count by characters too."""
        texts = [a.text.strip() for a in answers]
        self._words = np.array([max(count_words(t), len(t) // 12, 1) for t in texts], dtype=np.float64)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`."""
        words = self._words[list(rows)]
        return np.asarray(np.minimum.outer(words, words) / np.maximum.outer(words, words))
