"""How far two models' next-token distributions are apart, known by their most probable tokens only.

Promise: at each place the two distributions are compared on one partition of the vocabulary: every token whose probability is
known of *both* is its own cell, and all the rest is one more cell, the tail, whose mass follows from the others. Merging
cells never raises a divergence (data-processing inequality; T. Cover, J. Thomas, *Elements of Information Theory*, 2nd ed.,
2006, section 2.3 with the log-sum inequality of 2.7), so what comes out is a lower bound of the true value, it grows with the
number of tokens known, and with the whole vocabulary it is the true value.

Natural logarithms throughout. Kullback–Leibler: S. Kullback, R. Leibler, 1951. Jensen–Shannon: J. Lin, 1991, eq. 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mimicry_audit.similarity.axes.base import FloatArray

TAIL_FLOOR = 1e-6
"""Log-probabilities are kept to six digits, so a tail lighter than this is rounding and not mass."""


@dataclass(frozen=True, slots=True)
class TopTokens:
    """What is known of one model's distributions along one text.

    Attributes:
        places: number of places T.
        place: ``(N,)`` which place an entry belongs to.
        token: ``(N,)`` its token id, at most once a place.
        log: ``(N,)`` its log-probability.
    """

    places: int
    place: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    log: FloatArray


def top_tokens(
    tokens: Sequence[int], logprobs: Sequence[float], top: Sequence[Sequence[tuple[int, float | None]]]
) -> TopTokens:
    """The most probable tokens of each place and the text's own token, whose probability is always known.

    Args:
        tokens: T token ids of the text.
        logprobs: their log-probabilities.
        top: per place ``(id, log-probability)`` pairs; None for a probability of zero, of which JSON has no logarithm.
    """
    rows = [
        (at, token, log)
        for at, best in enumerate(top)
        for token, log in {tokens[at]: logprobs[at], **{int(token): log for token, log in best}}.items()
    ]
    place, token, log = zip(*rows, strict=True) if rows else ((), (), ())
    return TopTokens(
        len(tokens), np.array(place, dtype=np.int64), np.array(token, dtype=np.int64), np.array(log, dtype=np.float64)
    )


@dataclass(frozen=True, slots=True)
class Divergences:
    """Per place, in nats, each ``(T,)``: both Kullback–Leibler divergences, and Jensen–Shannon in [0, ln 2]."""

    kl_pq: FloatArray
    kl_qp: FloatArray
    js: FloatArray


def divergences(p: TopTokens, q: TopTokens) -> Divergences:
    """Lower bounds of KL(p‖q), KL(q‖p) and JS(p, q) at each place of one text.

    Raises:
        ValueError: the two are not of one text.
    """
    if p.places != q.places:
        raise ValueError("distributions along texts of different lengths")
    width = 1 + int(max(p.token.max(initial=0), q.token.max(initial=0)))
    _, p_places, q_places = np.intersect1d(
        p.place * width + p.token, q.place * width + q.token, assume_unique=True, return_indices=True
    )
    place = p.place[p_places]
    a, b = np.exp(p.log[p_places]), np.exp(q.log[q_places])
    tail_a, tail_b = (np.maximum(1.0 - np.bincount(place, x, p.places), TAIL_FLOOR) for x in (a, b))

    def summed(x: FloatArray, y: FloatArray, tail_x: FloatArray, tail_y: FloatArray) -> FloatArray:
        """Σ x ln(x/y) over the cells of each place; a cell without mass in x adds nothing."""
        ratio = np.log(np.maximum(x, np.finfo(np.float64).tiny) / np.maximum(y, np.finfo(np.float64).tiny))
        cells = np.bincount(place, x * ratio, p.places)
        return np.asarray(np.maximum(cells + tail_x * np.log(tail_x / tail_y), 0.0))

    middle, tail = (a + b) / 2, (tail_a + tail_b) / 2
    js = (summed(a, middle, tail_a, tail) + summed(b, middle, tail_b, tail)) / 2
    return Divergences(summed(a, b, tail_a, tail_b), summed(b, a, tail_b, tail_a), np.minimum(js, np.log(2.0)))


def js_similarity(js: float) -> float:
    """A Jensen–Shannon divergence in nats as a similarity in [0, 1]: 1 for equal distributions, 0 for disjoint ones."""
    return 1.0 - js / float(np.log(2.0))
