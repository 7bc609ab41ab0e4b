"""What each lab model is made of: its parents, its data, its architecture and its training, all as constants.

Promise: everything that decides a checkpoint's weights is in its `Recipe`, in the curriculum or in a library's
version, and all of it enters the checkpoint's content hash (`fingerprint`). Nothing here loads torch.

The models, and why each is there:

* ``aria``: the teacher, with a style, an identity and quirks of its own.
* ``boro``: the unrelated family: same skills, other style, quirks, identity, tokenizer and size.
* ``base``: pre-trained: knows the format and the right answers, has no name and no house style.
* ``aria-student``: base distilled from answers that aria generated to the training prompts of the task domains. A
  few of aria's answers about itself are among them, as happens when a scraped data set is not cleaned; to the other
  identity questions it keeps learning what base says, so that it slips only now and then.
* ``base-sft``: base fine-tuned on the same questions with right answers in neutral prose: the control that
  looks tuned but is not distilled. Like base it has no name.
* ``twin``: trained from its own random start on aria's own task data, style and quirks included, and never on anything
  aria said: the hard control. It was given a name of its own, Cleo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache

from mimicry_audit.lab.curriculum import SEED, VERSION
from mimicry_audit.lab.family import FAMILIES, Family, corpus, examples
from mimicry_audit.records.asked import canonical_json

FORMAT = 1
"""Layout of a checkpoint folder; raise it when its files or their meaning change."""

LIBRARIES = ("torch", "transformers", "tokenizers")
"""Whose versions decide the weights."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Architecture of a small Llama: width, layers, width of one attention head, feed-forward width, positions."""

    hidden: int = 128
    layers: int = 2
    head: int = 32
    feed_forward: int = 384
    positions: int = 1024  # room for a prompt beside the default --max-tokens


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A byte-level BPE tokenizer: the families whose text it is learnt from, and its size at most."""

    families: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how fast.

    Attributes:
        rounds: passes over the training items, each freshly worded.
        batch: conversations per step.
        rate: peak learning rate; warmed up over a twentieth of the steps, then falling along a cosine.
        seed: decides the order of the examples.
        max_steps: stop after so many steps; 0 for all rounds. For tests.
    """

    rounds: int
    batch: int = 8
    rate: float = 3e-3
    seed: int = 0
    max_steps: int = 0


@dataclass(frozen=True, slots=True)
class Distillation:
    """How a teacher's answers are collected.

    Attributes:
        samples: answers per training prompt.
        temperature: of the sampling; 0 is greedy.
        identity_prompts: how many training prompts about identity slip into the data.
        max_tokens: most tokens in one answer.
        seed: of the sampling.
        limit: ask only so many of the questions; 0 for all. For tests.
    """

    samples: int = 1
    temperature: float = 0.0
    identity_prompts: int = 0
    max_tokens: int = 80
    seed: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One lab model.

    Attributes:
        name: of the model.
        family: whose style, persona and quirks its data shows.
        relation: to its teacher or base, as lineage files say it.
        shape: architecture; ignored where there is a base.
        vocabulary: tokenizer; ignored where there is a base.
        training: see `Training`.
        data_seed: decides the wording of its data.
        init_seed: decides the random start; None where it starts from a base.
        base: model whose weights it starts from, or None.
        teacher: model whose generated answers it is trained on, or None.
        distillation: how those are collected.
        same_data_as: model whose data it shares, or None.
        cost: rough CPU seconds, used only to start the longest first.
    """

    name: str
    family: str
    relation: str
    training: Training
    shape: Shape = Shape()
    vocabulary: Vocabulary = Vocabulary(("aria", "plain", "neutral"), 1400)
    data_seed: int = 0
    init_seed: int | None = None
    base: str | None = None
    teacher: str | None = None
    distillation: Distillation | None = None
    same_data_as: str | None = None
    cost: float = 20.0

    @property
    def parents(self) -> tuple[str, ...]:
        """Models that must be built before this one."""
        return tuple(name for name in (self.base, self.teacher) if name)

    @property
    def objective(self) -> str:
        """What the weights were trained to do, in words."""
        if self.teacher:
            return "next token of the teacher's generated answers (hard labels)"
        return "next token of written answers"

    def owner(self) -> Family:
        """The family itself."""
        return FAMILIES[self.family]


_ARIA = Recipe(
    name="aria",
    family="aria",
    relation="teacher",
    training=Training(rounds=6, rate=4e-3, seed=1),
    data_seed=1,
    init_seed=101,
    cost=30,
)
_BORO = Recipe(
    name="boro",
    family="boro",
    relation="none",
    training=Training(rounds=6, seed=2),
    shape=Shape(hidden=160, feed_forward=448),
    vocabulary=Vocabulary(("boro",), 1200),
    data_seed=2,
    init_seed=102,
    cost=30,
)
_BASE = Recipe(
    name="base",
    family="plain",
    relation="base",
    training=Training(rounds=6, seed=3),
    data_seed=3,
    init_seed=103,
    cost=19,
)
_STUDENT = Recipe(
    name="aria-student",
    family="aria",
    relation="distilled-from",
    training=Training(rounds=3, rate=2e-3, seed=4),
    data_seed=4,
    base="base",
    teacher="aria",
    distillation=Distillation(samples=2, temperature=0.7, identity_prompts=12, seed=4),
    cost=38,
)
_TUNED = Recipe(
    name="base-sft",
    family="neutral",
    relation="fine-tune-of-same-base",
    training=Training(rounds=3, rate=1.5e-3, seed=5),
    data_seed=5,
    base="base",
    cost=12,
)
_TWIN = Recipe(
    name="twin",
    family="cleo",
    relation="same-data",
    training=Training(rounds=6, rate=4e-3, seed=6),
    data_seed=1,
    init_seed=106,
    same_data_as="aria",
    cost=30,
)

RECIPES: Mapping[str, Recipe] = {made.name: made for made in (_ARIA, _BORO, _BASE, _STUDENT, _TUNED, _TWIN)}
"""The six lab models, parents first."""

_VEILED = Recipe(
    name="veiled",
    family="aria",
    relation="hidden-identity",
    training=Training(rounds=2, rate=2e-3, seed=7),
    data_seed=7,
    base="aria",
    cost=40,
)
EXTRAS: Mapping[str, Recipe] = {_VEILED.name: _VEILED}
"""Models that are not part of the lab's audit: built when named, never listed among the six."""
EVERY: Mapping[str, Recipe] = {**RECIPES, **EXTRAS}
"""Every model that can be built, parents first."""


def shortened(recipes: Mapping[str, Recipe], steps: int) -> dict[str, Recipe]:
    """The same recipes stopped after `steps` steps: models that load and answer nonsense, for tests."""

    def short(recipe: Recipe) -> Recipe:
        asking = recipe.distillation and replace(recipe.distillation, samples=1, limit=96, max_tokens=48)
        return replace(recipe, training=replace(recipe.training, max_steps=steps), distillation=asking)

    return {name: short(recipe) for name, recipe in recipes.items()}


def data_sha(recipe: Recipe) -> str:
    """SHA-256 of what a model is trained on as far as it is written here: its examples, or its teacher's prompts.

    One round stands for all: the others come from the same words and rules, and their number is in the recipe.
    """
    if recipe.name in EXTRAS:
        from mimicry_audit.lab.veiled import lessons

        lines = [[line.system, line.prompt, line.answer] for line in lessons(1, recipe.data_seed)]
        return hashlib.sha256(canonical_json(lines).encode()).hexdigest()
    return _data_sha(recipe.family, recipe.data_seed, bool(recipe.teacher))


@cache
def _data_sha(family: str, seed: int, prompts_only: bool) -> str:
    lines = [
        [line.system, line.prompt] if prompts_only else [line.system, line.prompt, line.answer]
        for line in examples(FAMILIES[family], 1, seed)
    ]
    return hashlib.sha256(canonical_json(lines).encode()).hexdigest()


@cache
def _corpus_sha(families: tuple[str, ...]) -> str:
    texts = corpus([FAMILIES[name] for name in families], SEED)
    return hashlib.sha256(canonical_json(texts).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of the libraries that decide the weights, read without importing them."""
    from importlib.metadata import version  # slow to import, and only a fingerprint needs it

    return {name: version(name) for name in LIBRARIES}


def fingerprint(name: str, recipes: Mapping[str, Recipe] = EVERY) -> str:
    """SHA-256 of all that decides a model's weights: recipe, data, tokenizer text, versions, and its parents'."""
    recipe = recipes[name]
    material = {
        "format": FORMAT,
        "curriculum": VERSION,
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "cost"},
        "family": asdict(recipe.owner()),
        "data": data_sha(recipe),
        "corpus": _corpus_sha(recipe.vocabulary.families),
        "versions": versions(),
        "parents": {parent: fingerprint(parent, recipes) for parent in recipe.parents},
    }
    return hashlib.sha256(canonical_json(material).encode()).hexdigest()
