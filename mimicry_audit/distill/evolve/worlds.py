"""Small worlds whose truth is known: texts of a task are drawn from a grammar, and the grammar gives the right label of each.

Promise: a world is data (``templates/evolve/NAME.yaml``); drawing is a pure function of the random generator; `World.gold`
gives the label of every text that the world can write, read off the text alone; what it cannot read has no label. With a
world, the whole loop of `audit distill --method evolve` can be rehearsed offline, and its result checked.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NotRequired, TypedDict

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.resources import resource_dir

WORLDS = ("intents", "entities", "facts")
POOL, TEST = 800, 240
"""Labelled rows outside the test set, and in it."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Form:
    """One wording with holes.

    Attributes:
        group: what it speaks of; in classification, its label.
        rare: whether few write so.
        text: with ``{slot}`` for each hole.
        answer: of a question, with holes too; empty elsewhere.
    """

    group: str
    rare: bool
    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a world reads in a text.

    Attributes:
        form: the wording it is of.
        values: slot → (first character, surface).
        gold: the label as an answer's text.
        twofold: whether a name in it belongs to two types.
    """

    form: Form
    values: Mapping[str, tuple[int, str]]
    gold: str
    twofold: bool

    @property
    def cell(self) -> str:
        """The kind of text it is, as the expert speaks of it."""
        names = ", names of two types" if self.twofold else ""
        return f"{self.form.group}, {'rare' if self.form.rare else 'common'} wording{names}"


class WordingTexts(TypedDict):
    """The wordings of one group, and the answer to its questions."""

    common: list[str]
    rare: list[str]
    answer: NotRequired[str]


class WorldContent(TypedDict):
    """What a world's YAML file holds; ``types`` are the slots that are entities, ``forms`` the wordings of each group."""

    task: str
    about: str
    weights: dict[str, float]
    rare_share: float
    twofold_share: NotRequired[float]
    openings: NotRequired[list[str]]
    closings: NotRequired[list[str]]
    slots: dict[str, dict[str, list[str]]]
    types: NotRequired[list[str]]
    forms: dict[str, WordingTexts]


class World:
    """One grammar.

    Args:
        name: one of `WORLDS`.
        content: its YAML.
    """

    def __init__(self, name: str, content: WorldContent) -> None:
        self.name, self.task, self.about = name, str(content["task"]), str(content["about"])
        self._weights = content["weights"]
        self._rare, self._twofold = float(content["rare_share"]), float(content.get("twofold_share", 0))
        self._openings, self._closings = content.get("openings", [""]), content.get("closings", [""])
        self._slots = content["slots"]
        self._types = set(content.get("types", ()))
        self.forms = tuple(
            Form(group, kind == "rare", text, str(kinds.get("answer", "")))
            for group, kinds in content["forms"].items()
            for kind, texts in (("common", kinds["common"]), ("rare", kinds["rare"]))
            for text in texts
        )
        self._patterns = [(form, self._form_pattern(form.text)) for form in self.forms]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of a classification, the types of a tagging, nothing for questions."""
        if self.task == "classification":
            return tuple(self._weights)
        return tuple(name for name in self._slots if name in self._types)

    def natural(self, rng: random.Random) -> str:
        """One text as people write: frequent groups are frequent, rare wordings rare."""
        groups = list(self._weights)
        return self.write(rng, rng.choices(groups, [self._weights[g] for g in groups])[0])

    def write(self, rng: random.Random, group: str, *, rare: bool | None = None, twofold: bool | None = None) -> str:
        """One text of a group.

        Args:
            rng: decides the rest.
            group: what it speaks of.
            rare: whether the wording is rare; None for as people write.
            twofold: whether names of two types are used; None for as people write.
        """
        kind = rng.random() < self._rare if rare is None else rare
        forms = [f for f in self.forms if f.group == group and f.rare == kind]
        form = rng.choice(forms)
        opening, body = rng.choice(self._openings), self._fill_form(rng, form.text, twofold)
        return f"{opening}{body}{rng.choice(self._closings)}"

    def read(self, text: str) -> Reading | None:
        """What stands in a text; None where the world cannot read it."""
        for form, pattern in self._patterns:
            if match := pattern.fullmatch(text.strip()):
                shift = len(text) - len(text.lstrip())
                values = {n: (match.start(n) + shift, match[n]) for n in match.groupdict()}
                twofold = any(v in self._slots[n].get("twofold", ()) for n, (_, v) in values.items())
                return Reading(form, values, self._gold_label(form, values), twofold)
        return None

    def gold(self, text: str) -> str | None:
        """The right label of a text, as an answer's text; None where the world cannot read it."""
        reading = self.read(text)
        return None if reading is None else reading.gold

    def rows(self) -> list[dict[str, object]]:
        """The frozen data: different texts with their labels, `POOL` outside the test set and at most `TEST` in it."""
        rng = random.Random(f"{self.name}/rows")  # noqa: S311 - data, no secret
        texts: dict[str, None] = {}
        for _ in range(40 * (POOL + TEST)):
            if len(texts) == POOL + TEST:
                break
            texts[self.natural(rng)] = None
        unique_texts = list(texts)
        test_count = min(TEST, len(unique_texts) // 4)
        return [
            {
                "id": f"{self.name}-{n}",
                "prompt": text,
                "label": self.gold(text),
                "split": "test" if n < test_count else "train",
            }
            for n, text in enumerate(unique_texts)
        ]

    def _fill_form(self, rng: random.Random, text: str, twofold: bool | None) -> str:
        value_by_slot: dict[str, str] = {}

        def value(match: re.Match[str]) -> str:
            if match[1] in value_by_slot:
                return value_by_slot[match[1]]
            kinds = self._slots[match[1]]
            use_twofold = rng.random() < self._twofold if twofold is None else twofold
            names = kinds.get("twofold", []) if use_twofold and kinds.get("twofold") else kinds["plain"]
            value_by_slot[match[1]] = rng.choice([name for name in names if name not in value_by_slot.values()])
            return value_by_slot[match[1]]

        return _SLOT.sub(value, text)

    def _form_pattern(self, text: str) -> re.Pattern[str]:
        parts, slots = [], set()
        for place, part in enumerate(_SLOT.split(text)):
            if not place % 2:
                parts.append(re.escape(part))
            elif part in slots:
                parts.append(f"(?P={part})")
            else:
                slots.add(part)
                every = [name for names in self._slots[part].values() for name in names]
                parts.append(f"(?P<{part}>{'|'.join(map(re.escape, sorted(every, key=len, reverse=True)))})")
        return re.compile(f"(?:{_join_patterns(self._openings)}){''.join(parts)}(?:{_join_patterns(self._closings)})")

    def _gold_label(self, form: Form, values: Mapping[str, tuple[int, str]]) -> str:
        if self.task == "classification":
            return form.group
        if self.task == "qa":
            return _SLOT.sub(lambda match: values[match[1]][1], form.answer)
        names = sorted((start, name, surface) for name, (start, surface) in values.items() if name in self._types)
        return "; ".join(f"{name}: {surface}" for _, name, surface in names) or "none"


def _join_patterns(texts: Sequence[str]) -> str:
    return "|".join(map(re.escape, sorted(set(texts), key=len, reverse=True)))


@cache
def world(name: str) -> World:
    """The world of that name.

    Raises:
        ConfigError: there is none.
    """
    import yaml

    if name not in WORLDS:
        raise ConfigError(f"expert/{name} does not exist", f"choose one of {', '.join(f'expert/{w}' for w in WORLDS)}")
    text = (resource_dir("templates") / "evolve" / f"{name}.yaml").read_text("utf-8")
    return World(name, yaml.safe_load(text))
