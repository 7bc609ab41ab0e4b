"""Likelihood figures against hand computation and scipy, and divergences from the most probable tokens only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from mimicry_audit.similarity.divergence import TAIL_FLOOR, TopTokens, divergences, js_similarity, top_tokens
from mimicry_audit.similarity.perplexity import bits_per_byte, perplexity, pooled
from mimicry_audit.statistics.intervals import Interval, bootstrap_resamples

PLACES, VOCABULARY = 7, 40


def distributions(seed: int, sharp: float = 2.0) -> np.ndarray:
    """``(PLACES, VOCABULARY)`` probabilities, some places nearly certain."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(PLACES, VOCABULARY)) * np.linspace(0.2, 3.0, PLACES)[:, None] * sharp
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def known(chances: np.ndarray, k: int, tokens: np.ndarray) -> TopTokens:
    """What an engine would tell of these distributions."""
    best = np.argsort(-chances, axis=1)[:, :k]
    own = np.log(chances[np.arange(PLACES), tokens])
    top = [[(int(i), float(np.log(row[i]))) for i in places] for row, places in zip(chances, best, strict=True)]
    return top_tokens([int(t) for t in tokens], [float(v) for v in own], top)


TOKENS = np.random.default_rng(9).integers(0, VOCABULARY, PLACES)


@pytest.mark.parametrize("seed", range(4))
def test_with_the_whole_vocabulary_the_divergences_are_those_of_scipy(seed: int) -> None:
    p, q = distributions(seed), distributions(seed + 50)
    found = divergences(known(p, VOCABULARY, TOKENS), known(q, VOCABULARY, TOKENS))
    assert found.kl_pq == pytest.approx(rel_entr(p, q).sum(axis=1), rel=1e-4, abs=1e-5)
    assert found.kl_qp == pytest.approx(rel_entr(q, p).sum(axis=1), rel=1e-4, abs=1e-5)
    assert found.js == pytest.approx(jensenshannon(p, q, axis=1) ** 2, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_fewer_tokens_give_lower_bounds_that_grow_with_their_number(seed: int) -> None:
    p, q = distributions(seed), distributions(seed + 50)
    before = np.zeros((3, PLACES))
    for k in (1, 2, 5, 10, 20, 30, VOCABULARY):
        found = divergences(known(p, k, TOKENS), known(q, k, TOKENS))
        now = np.array([found.kl_pq, found.kl_qp, found.js])
        assert (now >= before - 1e-9).all()
        assert (now[0] <= rel_entr(p, q).sum(axis=1) + 1e-5).all()
        before = now
    assert (before[2] > 0.01).all()


def test_a_place_by_hand() -> None:
    """p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4); p tells tokens 0 and 1, q tells 1 and 0: the tails are equal."""
    log = np.log
    p = top_tokens([0], [log(0.5)], [[(0, log(0.5)), (1, log(0.25))]])
    q = top_tokens([0], [log(0.25)], [[(1, log(0.5)), (0, log(0.25))]])
    found = divergences(p, q)
    assert found.kl_pq[0] == pytest.approx(0.25 * math.log(2))
    assert found.kl_qp[0] == pytest.approx(0.25 * math.log(2))
    # The text's own token alone is known of both: the cells are it and all the rest.
    narrow = divergences(top_tokens([0], [log(0.5)], [[]]), q)
    assert narrow.kl_pq[0] == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))


def test_equal_and_disjoint_distributions_are_the_ends_of_the_scale() -> None:
    p = distributions(3)
    same = divergences(known(p, 5, TOKENS), known(p, 5, TOKENS))
    assert max(same.kl_pq.max(), same.js.max()) == pytest.approx(0.0, abs=1e-12)
    one = top_tokens([0], [-1e-9], [[(0, -1e-9), (1, -9999.0)]])
    other = top_tokens([0], [-9999.0], [[(1, -1e-9), (0, -9999.0)]])
    apart = divergences(one, other)
    assert math.log(2) - 20 * TAIL_FLOOR < apart.js[0] <= math.log(2)
    assert np.isfinite(apart.kl_pq[0])
    assert js_similarity(0.0) == 1.0
    assert js_similarity(math.log(2)) == 0.0


def test_texts_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        divergences(top_tokens([1], [-1.0], [[]]), top_tokens([1, 2], [-1.0, -1.0], [[], []]))


def test_pooled_figures_by_hand() -> None:
    nats, tokens, sizes = np.array([2.0, 6.0, np.nan]), np.array([1.0, 3.0, 5.0]), np.array([4.0, 8.0, 9.0])
    weights = bootstrap_resamples(np.zeros(3, dtype=np.int64), 500, 0)
    entropy = pooled(nats, tokens, weights)
    assert entropy is not None
    assert (entropy.value, entropy.low, entropy.high, entropy.n) == (2.0, 2.0, 2.0, 2)  # both texts cost 2 a token
    ratio = perplexity(entropy)
    assert ratio is not None
    assert ratio.value == pytest.approx(math.exp(2.0))
    bits = pooled(nats, math.log(2) * sizes, weights)
    assert bits is not None
    assert bits.value == pytest.approx(8.0 / (math.log(2) * 12))
    assert bits.low == pytest.approx(2.0 / (math.log(2) * 4))
    assert bits.high == pytest.approx(6.0 / (math.log(2) * 8))
    assert bits_per_byte(nats, sizes)[0] == pytest.approx(0.5 / math.log(2))
    assert pooled(np.full(3, np.nan), tokens, weights) is None
    assert perplexity(Interval(9000.0, 8000.0, 9999.0, 3)) is None  # e^9000 is no number


def test_the_bootstrap_of_a_ratio_covers_it() -> None:
    """In 95 of 100 worlds, about: an independent check of `pooled` on texts of very different lengths."""
    rng = np.random.default_rng(5)
    truth, inside = 1.5, 0
    for world in range(200):
        sizes = rng.integers(5, 200, 80).astype(float)
        nats = sizes * rng.gamma(9.0, truth / 9.0, 80)
        found = pooled(nats, sizes, bootstrap_resamples(np.zeros(80, dtype=np.int64), 400, world))
        assert found is not None
        inside += found.low <= truth <= found.high
    assert 176 <= inside <= 199
