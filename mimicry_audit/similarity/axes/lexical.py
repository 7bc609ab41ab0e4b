"""Wording: how much vocabulary two answers share, weighted by how distinctive each word is.

TF-IDF over words and word pairs (sublinear term frequency, smoothed inverse document frequency over all answers of
the run; Salton & Buckley 1988), then cosine. Words are those of `mimicry_audit.ground.words`, in every script.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mimicry_audit.similarity.axes.base import Answer, FloatArray
from mimicry_audit.similarity.axes.corpus import corpus_of
from mimicry_audit.similarity.axes.grams import GramVectors, gram_vectors


class Lexical:
    """TF-IDF cosine over words and word pairs."""

    name: ClassVar[str] = "lexical"
    title: ClassVar[str] = "Wording (TF-IDF)"
    about: ClassVar[str] = "Shared words and word pairs, rare ones counting more."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    _vectors: GramVectors

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Weigh words and word pairs over all answers and store one sparse unit vector per answer."""
        corpus = corpus_of(answers)
        self._vectors = gram_vectors(corpus.words, (1, 2), 21, corpus.probes, within=False)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Answers without a single token are like each other only."""
        return self._vectors.cosines(rows)
