"""Shared phrases: the same three words in a row, weighted by how few of the answers to the same probe have them.

What every model says about a subject weighs little; a turn of phrase that two of many models share weighs much. The
weights are tf-idf with document frequencies counted among the answers to the same probe (see `grams`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mimicry_audit.similarity.axes.base import Answer, FloatArray
from mimicry_audit.similarity.axes.corpus import corpus_of
from mimicry_audit.similarity.axes.grams import GramVectors, gram_vectors


class Phrases:
    """Cosine over word trigrams, rare ones among the answers to the probe counting more."""

    name: ClassVar[str] = "phrases"
    title: ClassVar[str] = "Shared phrases"
    about: ClassVar[str] = "The same three words in a row, counting more the fewer models use them on that probe."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    _vectors: GramVectors

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Weigh word trigrams among the answers to each probe."""
        corpus = corpus_of(answers)
        self._vectors = gram_vectors(corpus.words, (3,), 21, corpus.probes, within=True)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Answers of fewer than three words are like each other only."""
        return self._vectors.cosines(rows)
