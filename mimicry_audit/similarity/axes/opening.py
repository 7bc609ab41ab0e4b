"""Opening: do two answers begin alike?

Words shared from the very first on, out of the first `WORDS`, with weights that halve: the first word counts
most. Chat models can be told apart by their first few words (Sun et al. 2025, "Idiosyncrasies in Large Language
Models"), and openings survive fine-tuning on other content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.similarity.axes.base import Answer, FloatArray
from mimicry_audit.similarity.axes.corpus import corpus_of

WORDS = 6


class Opening:
    """Weighted share of the first words that agree before the first difference."""

    name: ClassVar[str] = "opening"
    title: ClassVar[str] = "Opening words"
    about: ClassVar[str] = "How many of the first six words agree before the answers part."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._codes = np.zeros((0, WORDS), dtype=np.int64)

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Keep the first words of each answer; places past its end get a code of their own."""
        heads = corpus_of(answers).words.head(WORDS)
        self._codes = np.zeros((len(answers), WORDS), dtype=np.int64)
        for row in range(len(answers)):
            words = heads.of(row)
            self._codes[row, : len(words)] = words

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`."""
        codes = self._codes[list(rows)]
        agree = np.logical_and.accumulate(codes[:, None, :] == codes[None, :, :], axis=2)
        weights = 0.5 ** np.arange(WORDS)
        return np.asarray(np.minimum(agree @ (weights / weights.sum()), 1.0))
