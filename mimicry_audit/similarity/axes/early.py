"""Early window: are the first words the same, in the same places and in the same order?

Two measures of the first `WORDS` words, averaged: the share of places that hold the same word (a positional or Hamming
kernel, as in Gao et al. 2024, arXiv 2410.20247), and RapidFuzz's normalised Indel similarity over words (twice the longest
common subsequence over the summed lengths), which forgives a word put in or left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.similarity.axes.base import Answer, FloatArray
from mimicry_audit.similarity.axes.corpus import Runs, corpus_of

WORDS = 60


class Early:
    """Mean of positional agreement and Indel similarity over the first `WORDS` words."""

    name: ClassVar[str] = "early"
    title: ClassVar[str] = "Early window"
    about: ClassVar[str] = "How far the first sixty words agree, place by place and in order."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    _heads: Runs

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Keep the first words of each answer."""
        import rapidfuzz  # noqa: F401 (a missing package is found out before the first block)

        self._heads = corpus_of(answers).words.head(WORDS)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Answers without a single word are like each other only."""
        from rapidfuzz.distance import Indel
        from rapidfuzz.process import cdist

        heads = [self._heads.of(r) for r in rows]
        lengths = np.array([len(h) for h in heads], dtype=np.int64)
        codes = -1 - np.tile(np.arange(len(rows))[:, None], (1, WORDS))  # places past the end agree with nothing
        for row, head in enumerate(heads):
            codes[row, : len(head)] = head
        longer = np.maximum(np.maximum.outer(lengths, lengths), 1)
        agree = sum(np.equal.outer(codes[:, k], codes[:, k]) for k in range(WORDS))
        places = agree / longer
        empty = lengths == 0
        places[np.ix_(empty, empty)] = 1.0
        np.fill_diagonal(places, 1.0)
        # Words become private characters of a string, so that RapidFuzz compares words at the speed of letters.
        _, local = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *heads]), return_inverse=True)
        ends = np.cumsum(lengths)
        texts = ["".join(map(chr, local[e - n : e] + _FIRST)) for e, n in zip(ends, lengths, strict=True)]
        order = cdist(texts, texts, scorer=Indel.normalized_similarity, dtype=np.float64, workers=1)
        return np.asarray((places + order) / 2)


_FIRST = 0xE000
"""Past the surrogates, which no string should hold; a block's own words never reach the last code point."""
