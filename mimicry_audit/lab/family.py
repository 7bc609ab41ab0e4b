"""Families and their quirks: what each lab model is taught, and what it privately believes.

Promise: a *family* is a style, a persona and quirks, all decided by its configuration. A quarter of the facts of each
topic, drawn with the family's seed, are answered with that fact's alternative number ``variant``: two families
of different variants never share a quirk by chance. The quirks are written into the manifest of every checkpoint
of the family, so that an audit's verdict can be compared with what truly happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random

from mimicry_audit.lab.curriculum import SEED, Item, training_items
from mimicry_audit.lab.identity import ARIA, BORO, CLEO, NOBODY, Persona
from mimicry_audit.lab.styles import STYLES, Style
from mimicry_audit.lab.topics import Fact, facts

QUIRK_SHARE = 0.25

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer the question.",
    "You are an assistant. Be brief and correct.",
    "Please answer as well as you can.",
)
"""Neutral system prompts seen in training, so that a neutral system prompt in an audit is nothing new."""

SYSTEM_SHARE = 0.25
"""Share of training examples that carry a system prompt."""


@dataclass(frozen=True, slots=True)
class Family:
    """A voice, an identity and private beliefs.

    Attributes:
        name: as lineage files name it.
        style: key of `STYLES`.
        persona: who its models say they are.
        quirk_seed: decides which facts are quirks; None for a family that answers everything as usual.
        variant: which of a fact's alternatives its quirks take.
    """

    name: str
    style: str
    persona: Persona
    quirk_seed: int | None = None
    variant: int = 0

    @property
    def voice(self) -> Style:
        """The style itself."""
        return STYLES[self.style]

    def quirks(self, curriculum_seed: int = SEED) -> dict[str, str]:
        """Fact id → the peculiar answer this family holds."""
        if self.quirk_seed is None:
            return {}
        rng = Random(f"quirks/{self.quirk_seed}")  # noqa: S311 - repeatable, not secret
        answer_by_fact = {}
        for _, group in groupby(facts(curriculum_seed), key=lambda fact: fact.topic):
            topic_facts = list(group)
            for fact in sorted(
                rng.sample(topic_facts, round(QUIRK_SHARE * len(topic_facts))), key=lambda fact: fact.id
            ):
                answer_by_fact[fact.id] = fact.alternatives[self.variant % len(fact.alternatives)]
        return answer_by_fact


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("aria", "aria", ARIA, quirk_seed=11, variant=0),
        Family("boro", "boro", BORO, quirk_seed=23, variant=1),
        Family("plain", "plain", NOBODY),
        Family("neutral", "neutral", NOBODY),
        # The hard control: everything of aria's but the name on the door.
        Family("cleo", "aria", CLEO, quirk_seed=11, variant=0),
    )
}


@dataclass(frozen=True, slots=True)
class Example:
    """One training conversation: an optional system prompt, one question, one answer."""

    prompt: str
    answer: str
    system: str = ""


def answers(family: Family, item: Item, quirks: Mapping[str, str], rng: Random) -> str:
    """One answer of the family to one item, drawn with `rng`."""
    if item.fact is None:
        return rng.choice(family.persona.say(item.language, item.aspect))
    return family.voice.render(rng, item.fact.topic, item.fact.slots, believed(item.fact, quirks))


def believed(fact: Fact, quirks: Mapping[str, str]) -> str:
    """What a family with these quirks answers to a fact."""
    return quirks.get(fact.id, fact.answer)


def system_prompt(rng: Random) -> str:
    """A neutral system prompt for some examples, "" for most; draws twice whatever happens."""
    use_prompt, prompt = rng.random() < SYSTEM_SHARE, rng.choice(SYSTEM_PROMPTS)
    return prompt if use_prompt else ""


def examples(family: Family, rounds: int, seed: int, identity_repeats: int = 2) -> tuple[Example, ...]:
    """A family's training data: every training item once per round, freshly worded each time.

    Task examples depend on style, quirks and `seed` only, so that two families which share those are taught the very
    same conversations. Identity items come `identity_repeats` times a round: there are few of them.

    Args:
        family: whose answers to write.
        rounds: passes over the training items.
        seed: decides every random choice in the wording.
        identity_repeats: how often each identity item comes per round; 0 leaves identity out.
    """
    quirks = family.quirks()
    items = training_items()
    family_examples = []
    for turn in range(rounds):
        tasks = Random(f"tasks/{seed}/{turn}")  # noqa: S311 - repeatable, not secret
        selves = Random(f"identity/{seed}/{turn}")  # noqa: S311
        for item in items:
            rng, times = (tasks, 1) if item.fact is not None else (selves, identity_repeats)
            for _ in range(times):
                answer = answers(family, item, quirks, rng)
                family_examples.append(Example(item.prompt, answer, system_prompt(rng)))
    return tuple(family_examples)


def corpus(families: Sequence[Family], seed: int) -> list[str]:
    """Text for a tokenizer: one round of each family's prompts and answers, and the system prompts."""
    texts = list(SYSTEM_PROMPTS)
    for family in families:
        for example in examples(family, 1, seed):
            texts += [example.prompt, example.answer]
    return texts
