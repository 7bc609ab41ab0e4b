"""The six verdict words: their one order, their marks, and what each of them means.

Promise: whatever names, sorts, draws or explains a verdict reads this table, so a new word is one entry here and one rule in
`mimicry_audit.verdicts.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

VerdictName = Literal["same model", "distilled", "shared base", "inconclusive", "convergent", "no evidence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictWord:
    """One verdict word.

    Attributes:
        name: as it stands in ``scores.json``.
        slug: CSS class and key of the icon.
        mark: one character before its sentence on the console.
        icon: SVG paths in a box of 16 by 16 units, so that colour is never the only sign of a verdict.
        accuses: whether it says that the candidate comes from the reference, or both from one start.
        finds_likeness: whether it says that the two are alike at all, for whatever reason.
        emphasised: whether the console prints it in bold.
        meaning: a clause for the report.
        card_meaning: what the reader of a model card may take from it, in whole sentences.
    """

    name: VerdictName
    slug: str
    mark: str
    icon: tuple[str, ...]
    accuses: bool = False
    finds_likeness: bool = False
    emphasised: bool = False
    meaning: str
    card_meaning: str


WORDS: Final[tuple[VerdictWord, ...]] = (
    VerdictWord(
        name="same model",
        slug="same-model",
        mark="=",
        icon=("M2.5 5.5h11v2h-11z", "M2.5 9.5h11v2h-11z"),
        accuses=True,
        finds_likeness=True,
        emphasised=True,
        meaning="apparently one model under both names",
        card_meaning="Weights or answers are equal, or begin alike so often that this seems to be one model under two names.",
    ),
    VerdictWord(
        name="distilled",
        slug="distilled",
        mark="!",
        icon=("M8 1.5C5 6 3.2 8 3.2 10.4a4.8 4.8 0 0 0 9.6 0C12.8 8 11 6 8 1.5z",),
        accuses=True,
        finds_likeness=True,
        emphasised=True,
        meaning="shows signs of training on the reference's answers",
        card_meaning="On at least two kinds of evidence the answers moved from the base toward the reference, further than "
        "toward unrelated models. That is evidence of training on the reference's answers, not proof of it, and says "
        "nothing about intent or permission.",
    ),
    VerdictWord(
        name="shared base",
        slug="shared-base",
        mark="~",
        icon=("M7 14V9L2.5 4.5l1.4-1.4L8 7.2l4.1-4.1 1.4 1.4L9 9v5z",),
        accuses=True,
        finds_likeness=True,
        meaning="apparently both tuned from one base",
        card_meaning="The weights of both come from the same start. That alone is not evidence of training on the reference's "
        "answers.",
    ),
    VerdictWord(
        name="inconclusive",
        slug="inconclusive",
        mark="?",
        icon=(
            "M5 6a3 3 0 1 1 4.6 2.5c-.5.3-.6.6-.6 1.3H7c0-1.5.5-2.3 1.5-3A1 1 0 1 0 7 6z",
            "M7 11h2v2H7z",
        ),
        meaning="cannot be decided from the available data",
        card_meaning="The available data cannot decide the question. That is evidence neither of distillation nor of "
        "independence.",
    ),
    VerdictWord(
        name="convergent",
        slug="convergent",
        mark="·",
        icon=(
            "M1 7h3.2L2.9 5.7l1.4-1.4L8 8l-3.7 3.7-1.4-1.4L4.2 9H1z",
            "M15 7h-3.2l1.3-1.3-1.4-1.4L8 8l3.7 3.7 1.4-1.4L11.8 9H15z",
        ),
        finds_likeness=True,
        meaning="similar, but not in the way copied answers are",
        card_meaning="The answers are similar, but no more in the direction of the reference than of unrelated models.",
    ),
    VerdictWord(
        name="no evidence",
        slug="no-evidence",
        mark="·",
        icon=("M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",),
        meaning="nothing stands out",
        card_meaning="Nothing stood out. That is not proof of independence: a model can be trained so that its origin does "
        "not show, and other probes may see more.",
    ),
)
"""The words in the order of the console, the report and every list, the gravest first."""

BY_NAME: Final[Mapping[str, VerdictWord]] = {word.name: word for word in WORDS}
VERDICTS: Final[tuple[VerdictName, ...]] = tuple(word.name for word in WORDS)
ACCUSATIONS: Final[tuple[VerdictName, ...]] = tuple(word.name for word in WORDS if word.accuses)


def rank_of(verdict: str) -> int:
    """The place of a verdict in the one order, from 0; unknown words come last."""
    word = BY_NAME.get(verdict)
    return WORDS.index(word) if word else len(WORDS)
