"""Wording: how much vocabulary two answers share, weighted by how telling each word is.

TF-IDF over words and word pairs (sublinear term frequency, smoothed inverse document frequency over all answers of
the run; Salton & Buckley 1988), then cosine. Chinese and other unspaced scripts count single characters as words.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mimicry_audit.similarity.base import Answer, FloatArray, IntArray

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
        from sklearn.feature_extraction.text import TfidfTransformer

        self._vectors = TfidfTransformer(sublinear_tf=True).fit_transform(_counts([a.text for a in answers]))

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Answers without a single token are like each other only."""
        some = self._vectors[list(rows)]
        cosines = np.clip((some @ some.T).toarray(), 0.0, 1.0)
        empty = np.diff(some.indptr) == 0
        cosines[np.ix_(empty, empty)] = 1.0
        return np.asarray(cosines)


def _counts(texts: Sequence[str]) -> Any:
    """How often each text holds each word and each pair of neighbouring words: a sparse ``(texts, terms)`` matrix.

    Words are numbered once and pairs are pairs of numbers, which takes a fifth of the time of joining them as text.
    """
    from scipy.sparse import csr_matrix

    tokens = re.compile(TOKEN)
    vocabulary: dict[str, int] = defaultdict(itertools.count().__next__)
    words: list[IntArray] = []
    for text in texts:
        found = tokens.findall(text.lower())
        words.append(np.fromiter(map(vocabulary.__getitem__, found), np.int64, len(found)))
    lengths = np.array([len(w) for w in words], dtype=np.int64)
    flat = np.concatenate(words) if words else np.zeros(0, dtype=np.int64)
    owner = np.repeat(np.arange(len(texts)), lengths)
    inside = owner[1:] == owner[:-1]  # the last word of one text and the first of the next are no pair
    pairs, codes = np.unique(flat[:-1][inside] * len(vocabulary) + flat[1:][inside], return_inverse=True)
    columns = np.concatenate([flat, codes + len(vocabulary)])
    rows = np.concatenate([owner, owner[:-1][inside]])
    shape = (len(texts), max(len(vocabulary) + len(pairs), 1))
    return csr_matrix((np.ones(len(columns)), (rows, columns)), shape=shape)
