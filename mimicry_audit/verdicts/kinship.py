"""Which models of a run are kin of one another, and so not an independent panel for each other.

Promise: kinship here is what can be known without looking at an answer: a declared base, weights that share an origin,
one maker, or one name. It only ever takes a model *out* of a panel; it decides no verdict. What a checkpoint states of its own
lineage is not looked at.

==================== ==================================================================================================
a declared base      ``--base C=B`` makes C kin of B and of every other model declared to come from B; a base declared
                     for all candidates at once (``--base B``) is a default, not a statement, and makes none
weights              their sketches share an origin (`mimicry_audit.similarity.weights.related`)
one maker            the identity facts name the same maker for both names
one name             the same name once endings such as chat, instruct, base, hf or a version are taken off, and either
                     the same owner or a number (a size, a version) in what is left: Llama-2-7b and Llama-2-7b-chat
==================== ==================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Protocol

from mimicry_audit.identity.facts import own_identity
from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.similarity import weights

ENDINGS = frozenset(
    "chat instruct it base sft dpo rlhf ppo orpo simpo hf awq gptq gguf ggml bnb fp8 fp16 bf16 int4 int8 4bit 8bit "
    "preview latest turbo thinking reasoning lora qlora tuned finetuned".split()
)
"""Endings of a model's name that distinguish variants of one model."""
_VERSION = re.compile(r"v?\d+(\.\d+)+|v\d+|\d{4,8}")


class Declared(Protocol):
    """The roles that kinship needs."""

    @property
    def bases(self) -> Mapping[str, str]:
        """Candidate → its base; ``*`` for the default."""


def kin_of(labels: Sequence[str], roles: Declared, models: Mapping[str, ModelInRun]) -> dict[str, frozenset[str]]:
    """Label → its kin among the labels, itself left out; see the module for the rules.

    Args:
        labels: the models of the run.
        roles: declared bases.
        models: label → the model as the run knows it (identity, weight sketch).
    """
    names = {label: models[label].identity.get("model") or label for label in labels}
    makers = {label: own_identity(name).maker for label, name in names.items()}
    stems = {label: _name_stem(name) for label, name in names.items()}
    sketches = {label: models[label].weights for label in labels}
    declared = {c: b for c, b in roles.bases.items() if c != "*"}
    kin: dict[str, set[str]] = {label: set() for label in labels}
    for one, other in combinations(labels, 2):
        root = declared.get(one, one)
        if (
            (root == declared.get(other, other))
            or (makers[one] is not None and makers[one] == makers[other])
            or same_name(stems[one], stems[other])
            or weights.related(sketches[one], sketches[other])
        ):
            kin[one].add(other)
            kin[other].add(one)
    return {label: frozenset(relatives) for label, relatives in kin.items()}


Stem = tuple[str, tuple[str, ...]]
"""Owner and the words of a model's own name, endings taken off."""


def _name_stem(name: str) -> Stem:
    parts = [part for part in re.split(r"[/\\]", name.rpartition("#")[2].partition(":")[0].casefold()) if part]
    owner = parts[-2] if len(parts) > 1 else ""
    words = [word for word in re.split(r"[-_\s]+", parts[-1] if parts else "") if word]
    while len(words) > 1 and (words[-1] in ENDINGS or _VERSION.fullmatch(words[-1])):
        words.pop()
    return owner, tuple(words)


def same_name(one: Stem, other: Stem) -> bool:
    """Whether two stems stand for variants of one model."""
    if not one[1] or one[1] != other[1]:
        return False
    numbered = any(re.search(r"\d", word) for word in one[1])
    return (bool(one[0]) and one[0] == other[0]) or (numbered and len(one[1]) > 1)
