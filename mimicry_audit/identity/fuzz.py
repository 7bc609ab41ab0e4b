"""The adaptive search for frames under which a model gives another's name: which template next, changed how.

Promise: a search is a pure function of its seeds, its random seed and what became of each visit: it asks nothing, knows no
engine, and can be played back. After GPTFuzzer (Yu et al. 2023, arXiv 2309.10253, algorithm 1 and section 3.2, MCTS-Explore;
constants as in the authors' code). The *worst case* it finds is not a rate: it looks where it found something.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from mimicry_audit.identity.templates import PLACE, naming

RATIO = 0.5
"""Weight of exploring in the upper confidence bound."""
ALPHA = 0.1
"""Chance of stopping at an inner node on the way down, so that it can be changed again."""
BETA = 0.2
"""Least share of a reward that a deep node passes on."""
LEVEL_PENALTY = 0.1
"""Share of a reward that each level below a seed takes off."""
QUESTIONS = 2
"""Questions put into a template at each visit, by default."""
MUTATORS = ("generate", "crossover", "expand", "shorten", "rephrase")
TRIES = 4
"""Mutants that may be rejected before a template is asked unchanged."""
SHORTEST, LONGEST = 12, 2400
"""Characters of a template, its place for the question included."""


@dataclass(slots=True)
class Node:
    """A template in the tree.

    Attributes:
        number: of the node; seeds come first.
        text, language: the template.
        parent: number of the node it was made from; None for a seed.
        mutator: how it was made; None for a seed.
        level: 0 for a seed.
        visits, reward: bookkeeping of the search.
        children: numbers of the nodes made from it.
    """

    number: int
    text: str
    language: str
    parent: int | None = None
    mutator: str | None = None
    level: int = 0
    visits: int = 0
    reward: float = 0.0
    children: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Visit:
    """One step of the search: a node to be changed, and how.

    Attributes:
        step: from 1.
        path: numbers of the nodes from a seed down to the one chosen.
        tries: mutators in the order they are tried, each with the number of the node to cross with.
        seed: text from which everything random of this step follows.
    """

    step: int
    path: tuple[int, ...]
    tries: tuple[tuple[str, int], ...]
    seed: str

    def rng(self, attempt: int) -> Random:
        """Randomness of one try at this step."""
        return Random(f"{self.seed}/{attempt}")  # noqa: S311 - repeatable, not secret


class Tree:
    """All templates of a search and what was found under them.

    Args:
        seeds: ``(language, text)`` of the first templates, in an order that the random seed decides.
        seed: random seed.
        explore: MCTS-Explore; otherwise every visit changes a seed drawn at random, and nothing is learnt.
    """

    def __init__(self, seeds: Sequence[tuple[str, str]], seed: int, *, explore: bool = True) -> None:
        if not seeds:
            raise ValueError("a search needs at least one seed")
        shuffled = list(seeds)
        Random(f"{seed}/seeds").shuffle(shuffled)  # noqa: S311
        self.nodes = [Node(n, text, language) for n, (language, text) in enumerate(shuffled)]
        self.seeds = len(self.nodes)
        self.steps = 0
        self._seed = seed
        self._explore = explore

    def choose(self) -> Visit:
        """The next visit; counts as a visit of every node on its path."""
        self.steps += 1
        rng = Random(f"{self._seed}/{self.steps}")  # noqa: S311
        path = self._descend_tree(rng) if self._explore else [rng.randrange(self.seeds)]
        if self._explore:
            for number in path:
                self.nodes[number].visits += 1
        tries = tuple((rng.choice(MUTATORS), self._choose_partner(path[-1], rng)) for _ in range(TRIES))
        return Visit(self.steps, tuple(path), tries, f"{self._seed}/{self.steps}")

    def _descend_tree(self, rng: Random) -> list[int]:
        best = max(range(self.seeds), key=self.score)
        path = [best]
        while self.nodes[best].children and rng.random() >= ALPHA:
            best = max(self.nodes[best].children, key=self.score)
            path.append(best)
        return path

    def score(self, number: int) -> float:
        """Upper confidence bound of a node: what it gave, and how little it was tried (Yu et al. 2023, equation 1)."""
        node = self.nodes[number]
        bonus = math.sqrt(2.0 * math.log(self.steps) / (node.visits + 0.01))
        return node.reward / (node.visits + 1) + RATIO * bonus

    def _choose_partner(self, number: int, rng: Random) -> int:
        """Another template of the same language to cross with; itself where there is none."""
        language = self.nodes[number].language
        pool = range(len(self.nodes)) if self._explore else range(self.seeds)
        others = [n for n in pool if n != number and self.nodes[n].language == language]
        return rng.choice(others) if others else number

    def land(self, visit: Visit, text: str, mutator: str, hits: int, answer_count: int) -> int | None:
        """What became of a visit; the mutant joins the tree when it succeeded at least once.

        Args:
            visit: as chosen.
            text: the mutant.
            mutator: how it was made.
            hits: answers that gave another's name.
            answer_count: answers.

        Returns:
            The mutant's number, None where it did not join.
        """
        if not self._explore:
            return None
        last = self.nodes[visit.path[-1]]
        reward = (hits / answer_count if answer_count else 0.0) * max(BETA, 1.0 - LEVEL_PENALTY * last.level)
        for number in visit.path:
            self.nodes[number].reward += reward
        if not hits:
            return None
        mutant = Node(len(self.nodes), text, last.language, last.number, mutator, last.level + 1)
        self.nodes.append(mutant)
        last.children.append(mutant.number)
        return mutant.number


def adapts_from(seeds: int, questions: int) -> int:
    """Attempts after which the search first chooses by what it found.

    The bound of a seed never tried exceeds that of any tried one, so that every seed is visited once before any is visited
    again, whatever was found.
    """
    return seeds * questions


def enough(seeds: int, questions: int) -> int:
    """Attempts from which a search adapts in earnest: every seed once, and as many visits again where it pays."""
    return 2 * adapts_from(seeds, questions)


def picked(visit: Visit, questions: Sequence[str], count: int) -> list[str]:
    """The questions of a visit: the same for every model, and without repeats.

    Args:
        visit: the step.
        questions: ids to choose from.
        count: how many.
    """
    return visit.rng(-1).sample(list(questions), min(count, len(questions)))


@dataclass(frozen=True, slots=True)
class Checked:
    """A mutant looked at.

    Attributes:
        text: the template, fixed where need be; None when it is rejected.
        repaired: whether the place for the question had to be fixed.
        why_not: why it is rejected.
    """

    text: str | None
    repaired: bool = False
    why_not: str = ""


_SPACE = re.compile(r"[ \t]+")


def checked(text: str, parent: str = "") -> Checked:
    """Whether a mutant can be asked: one place for the question, a sensible length, no maker's name in it, and changed at all.

    A mutator that lost the place for the question, or doubled it, is fixed; anything else is rejected.
    """
    text = _SPACE.sub(" ", text).strip()
    places = text.count(PLACE)
    if places == 0:
        text = f"{text}\n{PLACE}".strip()
    elif places > 1:
        head, _, tail = text.rpartition(PLACE)
        text = _SPACE.sub(" ", f"{head.replace(PLACE, ' ')}{PLACE}{tail}").strip()
    if not SHORTEST <= len(text) <= LONGEST:
        return Checked(None, why_not="length")
    if naming().names(text):
        return Checked(None, why_not="names a maker")
    if text == parent.strip():
        return Checked(None, why_not="unchanged")
    return Checked(text, repaired=places != 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One visit as it ended: what a report is made from.

    Attributes:
        step: of the visit.
        seed: number of the seed its path began with.
        text, language: the mutant asked.
        mutators: how it came from its seed, the latest last.
        hits, asked: answers that gave another's name, and answers.
    """

    step: int
    seed: int
    text: str
    language: str
    mutators: tuple[str, ...]
    hits: int
    asked: int


def lineage(tree: Tree, visit: Visit, mutator: str) -> tuple[str, ...]:
    """How a visit's mutant came from its seed."""
    mutators = [tree.nodes[number].mutator for number in visit.path]
    return (*(name for name in mutators if name), mutator)


def worst(visits: Iterable[Found]) -> Found | None:
    """The visit under which most answers gave another's name; the earliest of several, None where none did."""
    hit = [v for v in visits if v.hits]
    return max(hit, key=lambda v: (v.hits / v.asked, v.hits, -v.step)) if hit else None


def counted(names: Iterable[str]) -> Mapping[str, int]:
    """How often each name comes, the most frequent first."""
    table: dict[str, int] = {}
    for name in names:
        table[name] = table.get(name, 0) + 1
    return dict(sorted(table.items(), key=lambda item: (-item[1], item[0])))
