"""Character n-grams: four characters in a row, in the beginning of the answer.

Sees what words do not: spelling, spacing, marks and layout, in any script. Only the first `WINDOW` characters are
read: early text identifies a model best (the string kernels of Gao et al. 2024, "Model Equality Testing", arXiv 2410.20247,
work on short completions for the same reason).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.similarity.axes.base import Answer, FloatArray
from mimicry_audit.similarity.axes.corpus import Runs, corpus_of
from mimicry_audit.similarity.axes.grams import GramVectors, gram_vectors

WINDOW = 400
_LIMIT = 2**16 - 2
"""Most distinct characters, so that four fit in one 64-bit code."""


class Characters:
    """TF-IDF cosine over character 4-grams of the first `WINDOW` characters."""

    name: ClassVar[str] = "characters"
    title: ClassVar[str] = "Characters (4-grams)"
    about: ClassVar[str] = "Four characters in a row in the first 400, so spelling, marks and layout count too."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    _vectors: GramVectors

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Number the characters and weigh their 4-grams over all answers."""
        corpus = corpus_of(answers)
        texts = [a.text.lower().strip()[:WINDOW] for a in corpus]
        joined = "".join(texts).encode("utf-32-le", "surrogatepass")
        _, numbers = np.unique(np.frombuffer(joined, dtype=np.uint32), return_inverse=True)
        starts = np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
        runs = Runs(np.minimum(numbers.astype(np.int64) + 1, _LIMIT), starts)
        self._vectors = gram_vectors(runs, (4,), 16, corpus.probes, within=False)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Answers of fewer than four characters are like each other only."""
        return self._vectors.cosines(rows)
