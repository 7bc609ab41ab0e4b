"""Next-token distances: the total variation of whole distributions, never more than it from the top alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mimicry_audit.similarity.tokens import token_distance, total_variation


def logs(**shares: float) -> dict[str, float]:
    return {token: math.log(share) for token, share in shares.items()}


def test_it_is_the_total_variation_where_everything_is_known() -> None:
    rng = np.random.default_rng(0)
    for p, q in rng.dirichlet(np.ones(6), size=(50, 2)):
        names = "abcdef"
        found = total_variation(dict(zip(names, np.log(p), strict=True)), dict(zip(names, np.log(q), strict=True)))
        assert found == pytest.approx(np.abs(p - q).sum() / 2)


def test_the_top_alone_never_says_more_than_the_whole() -> None:
    rng = np.random.default_rng(1)
    for p, q in rng.dirichlet(np.full(20, 0.3), size=(200, 2)):
        tops = [{str(i): math.log(v[i]) for i in np.argsort(-v)[:5]} for v in (p, q)]
        found = total_variation(*tops)
        assert found is None or found <= np.abs(p - q).sum() / 2 + 1e-12


def test_nothing_in_common_is_not_measured() -> None:
    assert total_variation(logs(a=0.9), logs(b=0.9)) is None
    assert token_distance([], []) is None


def test_answers_are_compared_to_the_first_token_where_they_part() -> None:
    same = logs(a=0.6, b=0.4)
    first = [same, logs(b=0.5, c=0.5), logs(x=0.9, y=0.1)]
    second = [same, logs(c=0.8, b=0.2), logs(x=0.1, y=0.9)]
    assert token_distance(first, second) == (pytest.approx((0 + 0.3) / 2), 2)
    assert token_distance(first, first) == (0.0, 3)
