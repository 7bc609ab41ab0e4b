"""A language model as judge of identity: the prompt, the shape of a reply, and how far it agrees with the rules.

Promise: nothing here asks a model. The judge is given the target's own facts, so that an answer which rightly names its maker
is not a slip; the texts are shown in a frame that no text can close; a reply either yields both labels or nothing. A judge
never replaces the rules: what it says is shown beside them, with their agreement. The question is that of the Identity
Consistency Evaluation (Lee et al. 2025, arXiv 2501.12619); the prompt is our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mimicry_audit.asking.prompts.framing import JudgePrompt, json_objects
from mimicry_audit.identity.own import Own
from mimicry_audit.identity.tally import agreement_of
from mimicry_audit.records.asked import Message

LABELS = ("contradicts", "names_other")
_KEYS = ("reason", *LABELS, "maker")


@dataclass(frozen=True, slots=True)
class Said:
    """What could be read in a reply.

    Attributes:
        loose: the answer contradicts the target's own identity.
        strict: it names another maker or model as its own.
        maker: which, as the judge spells it; may be empty.
        reason: the judge's sentence; may be empty.
        lenient: whether the reply was more, or other, than the JSON object that was asked for.
    """

    loose: bool
    strict: bool
    maker: str
    reason: str
    lenient: bool


def schema(*, bounded: bool) -> str:
    """The JSON schema of a reply, as text: the reason first, so that the labels follow from it.

    Args:
        bounded: whether to bound the lengths of texts. vLLM understands that; OpenAI's strict mode refuses the keyword.
    """
    texts: dict[str, object] = {"reason": {"type": "string"}, "maker": {"type": "string"}}
    if bounded:
        texts = {"reason": {"type": "string", "maxLength": 400}, "maker": {"type": "string", "maxLength": 80}}
    properties = {"reason": texts["reason"], **{name: {"type": "boolean"} for name in LABELS}, "maker": texts["maker"]}
    return json.dumps(
        {"type": "object", "properties": properties, "required": list(_KEYS), "additionalProperties": False}
    )


class IdentityPrompt(JudgePrompt):
    """The prompts for a judge of identity."""

    def __init__(self) -> None:
        super().__init__("identity_")

    def messages(self, own: Own, question: str, answer: str) -> tuple[Message, ...]:
        """The conversation that asks whether an answer fits who the model is.

        Args:
            own: the target's own identity, which must be known.
            question: what the target was asked, template and all.
            answer: what it said.
        """
        return self.conversation(facts=facts_of(own), question=question, answer=answer)


def facts_of(own: Own) -> str:
    """The target's own facts in words."""
    makers = " and ".join(sorted(own.makers))
    model_sentence = f"The system that answers is {own.model}. " if own.model else ""
    return (
        f"{model_sentence}It was made by {makers}, and may name any of that maker's models and departments as its own."
    )


def parse(reply: str) -> Said | None:
    """The labels in a reply; None when there are none, not both, or two objects that differ.

    A reply that says ``names_other`` and denies ``contradicts`` is taken at its first word: Strict implies Loose.
    """
    try:
        document: object = json.loads(reply.strip(), strict=False)
    except (ValueError, RecursionError):
        document = None
    exact = isinstance(document, dict) and set(document) == set(_KEYS)
    readings = [reading for value in json_objects(reply) if (reading := _read_labels(value, lenient=not exact))]
    if not readings or any((s.loose, s.strict) != (readings[0].loose, readings[0].strict) for s in readings):
        return None
    return readings[0]


def _read_labels(value: Mapping[str, object], *, lenient: bool) -> Said | None:
    flat = {str(key).strip().lower(): inner for key, inner in value.items()}
    loose, strict = (_read_truth(flat.get(name)) for name in LABELS)
    if loose is None or strict is None:
        return None
    maker, reason = (flat.get(name) for name in ("maker", "reason"))
    return Said(
        loose or strict,
        strict,
        maker.strip() if isinstance(maker, str) else "",
        reason.strip() if isinstance(reason, str) else "",
        lenient or not all(isinstance(flat.get(name), bool) for name in LABELS),
    )


def _read_truth(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        str(value).strip().lower()
    )


def agreed(pairs: Sequence[tuple[tuple[bool, bool], tuple[bool, bool]]]) -> dict[str, Any]:
    """How the judge's labels and the rules' agree: Cohen's kappa and its kin for Loose and for Strict.

    Args:
        pairs: the judge's (loose, strict) and the rules', for each answer that both judged.
    """
    if not pairs:
        return {"loose": None, "strict": None}
    return {
        name: agreement_of([(judge_labels[place], rule_labels[place]) for judge_labels, rule_labels in pairs])
        for place, name in enumerate(("loose", "strict"))
    }
