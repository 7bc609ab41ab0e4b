"""How far apart two models are at the next token, from the log-probabilities that engines and endpoints give.

Two answers to one prompt are the same text up to some token. There, and at the first token where they part, both models stand
at the same place, and what each would say next can be compared without any sampling: by the total variation distance, half the
sum of the differences of probability. Model Equality Testing (Gao, Liang & Guestrin 2024, arXiv 2410.20247) asks the same
question of an endpoint, from samples of whole answers.

Promise: only the tokens that both lists hold are compared one by one, and all others as one more cell, so that a distance is
never larger than that of the whole vocabularies; a place without a probability is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Steps = Sequence[Mapping[str, float]]
"""Log-probabilities at each token of an answer, the chosen token's first."""


def total_variation(first: Mapping[str, float], second: Mapping[str, float]) -> float | None:
    """Distance of two next-token distributions in [0, 1], of which only the top is known; None without a common token.

    Args:
        first: token → natural log-probability.
        second: of the other model.
    """
    common = [token for token in first if token in second]
    if not common:
        return None
    pairs = [(math.exp(first[token]), math.exp(second[token])) for token in common]
    left, right = (max(0.0, 1 - sum(side)) for side in zip(*pairs, strict=True))
    apart = sum((abs(a - b) for a, b in pairs), start=abs(left - right))
    return min(1.0, apart / 2)


def token_distance(first: Steps, second: Steps) -> tuple[float, int] | None:
    """Mean distance at all places that two answers reached by the same tokens, and how many these are; None without any.

    Args:
        first: one answer's log-probabilities.
        second: another model's, of its answer to the same prompt.
    """
    distances: list[float] = []
    for one, other in zip(first, second, strict=False):
        if (distance := total_variation(one, other)) is not None:
            distances.append(distance)
        if next(iter(one), None) != next(iter(other), None):
            break  # from here on the two stand at different places
    return (sum(distances) / len(distances), len(distances)) if distances else None
