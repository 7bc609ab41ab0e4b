"""Weighted n-grams of all answers, and their cosines within a block of answers.

Promise: an n-gram is one exact 64-bit code (no hashing, so no collisions), every answer is one sparse unit vector, and a
block of n answers costs sorting its own n-grams, whatever else the run holds.

Weights are tf-idf: ``(1 + ln count) · (ln((1 + n) / (1 + df)) + 1)`` (Salton & Buckley 1988; the smoothing of
scikit-learn's ``TfidfVectorizer``, which the tests compare with), with document frequencies counted over all answers of the
run, or over the answers to the same probe, where what all models say about the subject weighs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mimicry_audit.similarity.axes.base import FloatArray, IntArray
from mimicry_audit.similarity.axes.corpus import Runs

Codes = npt.NDArray[np.uint64]
_COMMON = 6
"""An n-gram that this many answers of a block share is multiplied as a dense column, which is faster than a sparse one."""


@dataclass(frozen=True, slots=True)
class GramVectors:
    """One sparse unit vector an answer.

    Attributes:
        codes: ``(N,)`` n-gram codes, sorted within each answer.
        weights: ``(N,)`` float32; the squares of an answer's weights sum to 1.
        starts: ``(A + 1,)`` as in `Runs`.
    """

    codes: Codes
    weights: npt.NDArray[np.float32]
    starts: IntArray

    def cosines(self, rows: Sequence[int]) -> FloatArray:
        """``(n, n)`` cosines among some answers; those without a single n-gram are like each other only."""
        from scipy.sparse import csr_matrix

        n = len(rows)
        spans = [slice(self.starts[r], self.starts[r + 1]) for r in rows]
        codes = np.concatenate([np.zeros(0, dtype=np.uint64), *(self.codes[s] for s in spans)])
        weights = np.concatenate([np.zeros(0, dtype=np.float32), *(self.weights[s] for s in spans)])
        owner = np.repeat(np.arange(n), [s.stop - s.start for s in spans])
        _, column, gram_counts = np.unique(codes, return_inverse=True, return_counts=True)
        similarities = np.zeros((n, n))
        common = gram_counts > _COMMON
        place = np.cumsum(common) - 1
        inside = common[column]
        dense = np.zeros((n, int(common.sum())), dtype=np.float32)
        dense[owner[inside], place[column[inside]]] = weights[inside]
        similarities += dense @ dense.T
        some = ~inside & (gram_counts[column] > 1)
        rare = csr_matrix((weights[some], (owner[some], column[some])), shape=(n, len(gram_counts)))
        similarities += (rare @ rare.T).toarray()
        similarities = (similarities + similarities.T) / 2
        empty = np.array([s.stop == s.start for s in spans], dtype=bool)
        similarities[np.ix_(empty, empty)] = 1.0
        np.fill_diagonal(similarities, 1.0)
        # Equal answers may come out a rounding below 1, and rounding depends on the rows beside them.
        return np.asarray(np.clip(np.where(similarities > 1 - 1e-6, 1.0, similarities), 0.0, 1.0))


def gram_vectors(
    runs: Runs, sizes: Sequence[int], bits: int, probes: Sequence[IntArray], *, within: bool
) -> GramVectors:
    """Count and weigh the n-grams of all answers.

    Args:
        runs: numbers of all answers, each below ``2 ** bits - 1`` and at least 1.
        sizes: lengths of the n-grams; ``max(sizes) * bits`` is at most 64.
        bits: bits a number takes.
        probes: the rows of each probe; together all answers.
        within: count document frequencies among the answers to the same probe rather than among all.
    """
    import scipy.sparse  # noqa: F401 (a missing package is found out before the first block)

    groups = [_count_grams(runs, rows, sizes, bits) for rows in probes]
    if within:
        rarity = [_inverse_frequency(g.shared, len(rows)) for g, rows in zip(groups, probes, strict=True)]
    else:
        everything = np.concatenate([np.zeros(0, dtype=np.uint64), *(g.distinct for g in groups)])
        distinct_grams, inverse = np.unique(everything, return_inverse=True)
        totals = np.bincount(inverse, weights=np.concatenate([np.zeros(0), *(g.shared for g in groups)]))
        everywhere = _inverse_frequency(totals, sum(len(rows) for rows in probes))
        rarity = [everywhere[np.searchsorted(distinct_grams, g.distinct)] for g in groups]
    lengths = np.zeros(len(runs.starts) - 1, dtype=np.int64)
    for group, rows in zip(groups, probes, strict=True):
        lengths[rows] = np.bincount(group.owner, minlength=len(rows))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    codes, weights = np.zeros(starts[-1], dtype=np.uint64), np.zeros(starts[-1], dtype=np.float32)
    for group, rows, idf in zip(groups, probes, rarity, strict=True):
        raw = (1 + np.log(group.count)) * idf[group.column]
        norms = np.sqrt(np.bincount(group.owner, weights=raw * raw, minlength=len(rows)))
        first = np.concatenate([[0], np.cumsum(lengths[rows])])[:-1]
        where = starts[rows][group.owner] + np.arange(len(raw)) - first[group.owner]
        codes[where] = group.distinct[group.column]
        weights[where] = raw / np.maximum(norms, 1e-12)[group.owner]
    return GramVectors(codes, weights, starts)


def _inverse_frequency(df: npt.NDArray[Any], n: int) -> FloatArray:
    return np.asarray(np.log((1 + n) / (1 + df)) + 1)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The n-grams of one probe's answers: one entry an answer and n-gram, answers in order."""

    owner: IntArray
    column: IntArray
    count: IntArray
    distinct: Codes
    shared: IntArray


def _count_grams(runs: Runs, rows: IntArray, sizes: Sequence[int], bits: int) -> _Counted:
    spans = [runs.of(r) for r in rows]
    lengths = np.array([len(s) for s in spans], dtype=np.int64)
    flat = np.concatenate([np.zeros(0, dtype=np.int64), *spans]).astype(np.uint64)
    owner = np.repeat(np.arange(len(rows)), lengths)
    codes, owners = [], []
    for size in sizes:
        code, gram_owners = _gram_codes(flat, owner, size, bits)
        codes.append(code)
        owners.append(gram_owners)
    distinct, column = np.unique(np.concatenate(codes), return_inverse=True)
    both, count = np.unique(np.concatenate(owners) * max(len(distinct), 1) + column, return_counts=True)
    gram_owners, place = np.divmod(both, max(len(distinct), 1))
    return _Counted(gram_owners, place, count, distinct, np.bincount(place, minlength=len(distinct)))


def _gram_codes(flat: Codes, owner: IntArray, size: int, bits: int) -> tuple[Codes, IntArray]:
    """Every n-gram of one size that does not run over the end of its answer, packed into one number."""
    n = len(flat) - size + 1
    if n <= 0:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    code = np.zeros(n, dtype=np.uint64)
    for k in range(size):
        code = (code << np.uint64(bits)) | flat[k : k + n]
    inside = owner[:n] == owner[size - 1 :]
    return code[inside], owner[:n][inside]
