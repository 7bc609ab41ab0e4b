"""A language model as judge of likeness: the prompt, the shape of a reply, and what can be computed from the grades.

Promise: nothing here asks a model. The texts under comparison are shown in a frame whose marks are derived from the texts
themselves, so that no text can know or close its own frame. A reply either yields four whole numbers from 1 to 5, or
nothing: no grade is assumed. The question is that of the Response Similarity Evaluation (Lee et al. 2025, arXiv
2501.12619): how similar are two answers in style, logic and content, on five levels? The prompt is our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mimicry_audit.asking.prompts.framing import JudgePrompt, json_objects
from mimicry_audit.records.asked import Message, Probe, Sampling
from mimicry_audit.statistics.grades import ASPECTS, HIGHEST, LOWEST

REPAIRS = 2
"""How often an unreadable reply is asked for again."""
MAX_TOKENS = 1024
"""Most tokens of one reply: room for a sentence, and for a judge that thinks first."""
REASON_CHARACTERS = 400
"""Longest reason where the engine can hold a model to it."""
SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=MAX_TOKENS, seed=0)
"""How a judge is asked: greedily, so that the same texts get the same grades."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read in a reply.

    Attributes:
        grades: aspect → 1 … 5, all four.
        reason: the judge's sentence; may be empty.
        lenient: whether the reply was more, or other, than the JSON object that was asked for.
    """

    grades: Mapping[str, int]
    reason: str
    lenient: bool


def schema(*, bounded: bool) -> str:
    """The JSON schema of a reply, as text: the reason first, so that the numbers follow from it.

    Args:
        bounded: whether to bound the reason's length. vLLM understands that; OpenAI's strict mode refuses the keyword.
    """
    reason: dict[str, object] = {"type": "string", "maxLength": REASON_CHARACTERS} if bounded else {"type": "string"}
    grade = {"type": "integer", "enum": list(range(LOWEST, HIGHEST + 1))}
    return json.dumps(
        {
            "type": "object",
            "properties": {"reason": reason} | dict.fromkeys(ASPECTS, grade),
            "required": ["reason", *ASPECTS],
            "additionalProperties": False,
        }
    )


class Prompt(JudgePrompt):
    """The prompts for a judge of likeness."""

    def __init__(self) -> None:
        super().__init__(lowest=LOWEST, highest=HIGHEST)

    def messages(self, question: str, first: str, second: str) -> tuple[Message, ...]:
        """The conversation that asks how alike two answers are.

        Args:
            question: what both were asked.
            first: the text shown as answer 1.
            second: the text shown as answer 2.
        """
        return self.conversation(question=question, first=first, second=second)


def question_of(probe: Probe) -> str:
    """What was asked, as the judge is shown it: the user's words, with the other turns named where there are any."""
    if len(probe.messages) == 1:
        return probe.prompt
    return "\n\n".join(f"{message.role}: {message.content}" for message in probe.messages)


def parse(reply: str) -> Reading | None:
    """The grades in a reply; None when there are none, not all four, or more than one reading.

    Forgiven, and noted as lenient: a code fence or words around the object, numbers written as text, other keys, a
    nested object of scores. Never forgiven: a grade outside 1 … 5, half a grade, two objects that differ.
    """
    strict = _load_json(reply.strip())
    if isinstance(strict, dict) and set(strict) == {"reason", *ASPECTS}:
        exact = all(type(strict[a]) is int and LOWEST <= strict[a] <= HIGHEST for a in ASPECTS)
        if exact and isinstance(strict["reason"], str):
            return Reading({a: strict[a] for a in ASPECTS}, strict["reason"].strip(), lenient=False)
    readings = [reading for value in json_objects(reply) if (reading := _lenient_reading(value))]
    if not readings or any(other.grades != readings[0].grades for other in readings):
        return None
    return readings[0]


def _load_json(text: str) -> object:
    try:
        return json.loads(text, strict=False)  # a grammar lets bare control characters into a string
    except (ValueError, RecursionError):
        return None


def _lenient_reading(value: Mapping[str, object]) -> Reading | None:
    flat: dict[str, object] = {}
    for key, inner in value.items():
        nested = inner.items() if isinstance(inner, dict) else [(key, inner)]
        for name, cell in nested:
            if flat.setdefault(str(name).strip().lower(), cell) != cell:
                return None
    grades = {aspect: _read_grade(flat.get(aspect)) for aspect in ASPECTS}
    readable_grades = {aspect: grade for aspect, grade in grades.items() if grade is not None}
    reason = flat.get("reason")
    return (
        Reading(readable_grades, reason.strip() if isinstance(reason, str) else "", True)
        if len(readable_grades) == 4
        else None
    )


def _read_grade(value: object) -> int | None:
    """A whole number from 1 to 5, also as text or as 4.0."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9](\.0)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value in range(LOWEST, HIGHEST + 1) else None
