"""Which models belong together: average-linkage clustering of a similarity matrix, for the order of its rows.

Promise: a pure function of the matrix; ties go to the models named first; pairs without a value count as average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A model, or two groups joined at a similarity."""

    leaves: tuple[str, ...]
    height: float | None = None
    parts: tuple[Node, Node] | None = None


def tree(labels: Sequence[str], values: Mapping[frozenset[str], float]) -> Node:
    """The whole clustering; its `leaves` are the labels with neighbours side by side.

    Args:
        labels: the models, at least one.
        values: similarity of each unordered pair.
    """
    similarities = list(values.values())
    default = sum(similarities) / len(similarities) if similarities else 0.0
    groups = [Node((label,)) for label in labels]
    link = {
        (a, b): values.get(frozenset({labels[a], labels[b]}), default)
        for a in range(len(labels))
        for b in range(a + 1, len(labels))
    }
    alive = list(range(len(groups)))
    while len(alive) > 1:
        first, second = max(link, key=lambda pair: (link[pair], -pair[0], -pair[1]))
        height = link[first, second]
        one, two = groups[first], groups[second]
        for other in alive:
            if other in {first, second}:
                continue
            first_pair, second_pair = tuple(sorted((first, other))), tuple(sorted((second, other)))
            total = link[first_pair] * len(one.leaves) + link[second_pair] * len(two.leaves)  # type: ignore[index]
            link[first_pair] = total / (len(one.leaves) + len(two.leaves))  # type: ignore[index]
        groups[first] = Node(one.leaves + two.leaves, height, (one, two))
        alive.remove(second)
        link = {pair: value for pair, value in link.items() if second not in pair}
    return groups[alive[0]]
