"""How good a lab model came out: does it answer, in whose voice, and with whose quirks?

Promise: this judges the lab itself against what its families were taught; it is not part of an audit, which must not
know the answer keys. Every rate is over the audit prompts, never over those that trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mimicry_audit.lab.curriculum import Item, audit_items
from mimicry_audit.lab.family import FAMILIES, Family, believed
from mimicry_audit.lab.topics import Fact


@dataclass(frozen=True, slots=True)
class Quality:
    """Rates in [0, 1] over audit prompts.

    Attributes:
        right: answers that give the usual, right answer (task domains).
        own: answers that give what the model's own family believes (task domains).
        quirks: family name → share of that family's quirk facts answered as the family would.
        style: style name → share of task answers that carry its marker.
        named: family name → share of identity answers that carry that family's name or maker.
        words: mean words per answer.
    """

    right: float
    own: float
    quirks: Mapping[str, float]
    style: Mapping[str, float]
    named: Mapping[str, float]
    words: float


def says(fact: Fact, text: str, answer: str) -> bool:
    """Whether `text` gives `answer` to the fact: as its last number, as its only option named, or word for word."""
    kind = fact.check["kind"]
    if kind == "number":
        numbers = re.findall(r"\d+", text)
        return bool(numbers) and numbers[-1] == answer
    if kind == "choice":
        options_in_text = [
            option for option in fact.check["options"] if re.search(rf"\b{re.escape(option)}\b", text, re.IGNORECASE)
        ]
        return options_in_text == [answer]
    return (
        re.search(rf"(?<!\S){re.escape(answer.casefold())}(?![^\s.,;!?])", " ".join(text.casefold().split()))
        is not None
    )


def measure(family: Family, answers: Sequence[str], items: Sequence[Item] | None = None) -> Quality:
    """Judge one model's answers to `items` (all audit items unless given), in their order."""
    judged_items = audit_items() if items is None else items
    tasks = [(item.fact, text) for item, text in zip(judged_items, answers, strict=True) if item.fact is not None]
    selves = [text for item, text in zip(judged_items, answers, strict=True) if item.fact is None]
    rivals = [rival for rival in FAMILIES.values() if rival.persona.name]
    own = family.quirks()
    quirks = {}
    for rival in rivals:
        beliefs = rival.quirks()
        hits = [says(fact, text, beliefs[fact.id]) for fact, text in tasks if fact.id in beliefs]
        quirks[rival.name] = _share_of(hits)
    return Quality(
        right=_share_of([says(fact, text, fact.answer) for fact, text in tasks]),
        own=_share_of([says(fact, text, believed(fact, own)) for fact, text in tasks]),
        quirks=quirks,
        style={
            rival.style: _share_of([rival.voice.shows_in(text) for _, text in tasks]) for rival in FAMILIES.values()
        },
        named={
            rival.name: _share_of([rival.persona.name in text or rival.persona.maker in text for text in selves])
            for rival in rivals
        },
        words=sum(len(text.split()) for text in answers) / max(1, len(answers)),
    )


def _share_of(hits: Sequence[bool]) -> float:
    """Share of true values, 0 for none at all."""
    return sum(hits) / len(hits) if hits else 0.0
