"""Wording: how much vocabulary two answers share, weighted by how telling each word is.

TF-IDF over words and word pairs (sublinear term frequency, smoothed inverse document frequency over all answers of
the run; Salton & Buckley 1988), then cosine. Chinese and other unspaced scripts count single characters as words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mimicry_audit.similarity.base import Answer, FloatArray

TOKEN = r"[^\W_\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]|[^\w\s]"  # noqa: S105 (a word pattern, not a secret)


class Lexical:
    """TF-IDF cosine over words and word pairs."""

    name: ClassVar[str] = "lexical"
    title: ClassVar[str] = "Wording (TF-IDF)"
    about: ClassVar[str] = "Shared words and word pairs, rare ones counting more."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._vectors: Any = None

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Fit the weights on all answers and store one sparse unit vector per answer."""
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = [a.text for a in answers]
        if not any(re.search(TOKEN, text) for text in texts):  # nothing but underscores, say
            self._vectors = csr_matrix((len(texts), 1))
            return
        vectorizer = TfidfVectorizer(
            token_pattern=TOKEN, ngram_range=(1, 2), sublinear_tf=True, lowercase=True, dtype=np.float64
        )
        self._vectors = vectorizer.fit_transform(texts)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Answers without a single token are like each other only."""
        some = self._vectors[list(rows)]
        cosines = np.clip((some @ some.T).toarray(), 0.0, 1.0)
        empty = np.diff(some.indptr) == 0
        cosines[np.ix_(empty, empty)] = 1.0
        return np.asarray(cosines)
