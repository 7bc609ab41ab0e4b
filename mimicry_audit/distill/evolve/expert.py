"""The scripted expert: a teacher that knows the truth of a small world, behind the contract of every engine.

Promise: it answers nothing but what its prompt shows: the weakness pattern is counted from the cases in the prompt, hard inputs
follow the pattern in the prompt, labels are read off the inputs. Answers are a pure function of prompt and seed. It makes
the whole loop testable without any model, and does not show how well a language model would teach.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypedDict

from mimicry_audit.distill.evolve.data import EXPERT
from mimicry_audit.distill.evolve.tasks import NOTHING
from mimicry_audit.distill.evolve.worlds import Form, Reading, World, world
from mimicry_audit.engines.base import EngineBase
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.records.asked import Completion, Identity, Message, Request, Sampling, canonical_json, sha256_text

_COUNTS = re.compile(r"Write (\d+) hard inputs and (\d+) easy inputs")
_MOST_NAMED = 6
"""Kinds of input that a pattern names."""


class _Numbered(TypedDict):
    """An input to label, as a prompt shows it."""

    id: int
    text: str


class _Case(TypedDict):
    """What a student answered to an input, as a prompt shows it."""

    input: str
    right: str
    student: str


class ExpertEngine(EngineBase):
    """The expert of one world, named ``expert/WORLD``."""

    def identify(self) -> Identity:
        """The world's name and the hash of its grammar."""
        name = self.spec.name.removeprefix(EXPERT)
        world(name)
        text = (resource_dir("templates") / "evolve" / f"{name}.yaml").read_text("utf-8")
        return Identity(model=self.spec.name, revision=f"sha256:{sha256_text(text)}", engine_version="expert 1")

    def render(self, messages: Sequence[Message]) -> str | None:
        """The turns, plainly."""
        return canonical_json([[m.role, m.content] for m in messages])

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Answer the missing requests."""
        expert_world = world(self.spec.name.removeprefix(EXPERT))
        for request in requests:
            if request.missing:
                yield (
                    request,
                    Completion(status="ok", text=reply(expert_world, request.messages[0].content, request.seed)),
                )


def reply(expert_world: World, prompt: str, seed: int) -> str:
    """The reply of a world's expert to a prompt."""
    if "<inputs>" in prompt:
        return _write_labels(expert_world, _prompt_lines(prompt, "inputs"))
    if "<cases>" in prompt:
        return _write_analysis(expert_world, _prompt_lines(prompt, "cases"))
    counts = _COUNTS.search(prompt)
    if counts is None:
        return "I label inputs, read cases and write inputs of my world, and nothing else."
    pattern_match = re.search(r"<pattern>(.*?)</pattern>", prompt, re.DOTALL)
    rng = random.Random(f"{seed}/{sha256_text(prompt)}")  # noqa: S311 - data, no secret
    return _write_inputs(expert_world, pattern_match[1] if pattern_match else None, int(counts[1]), int(counts[2]), rng)


def _prompt_lines(prompt: str, mark: str) -> list[str]:
    block = re.search(rf"^<{mark}>\n(.*?)^</{mark}>$", prompt, re.DOTALL | re.MULTILINE)
    return [line for line in (block[1] if block else "").splitlines() if line.strip()]


def _write_labels(expert_world: World, numbered: Sequence[str]) -> str:
    lines = []
    for line in numbered:
        entry: _Numbered = json.loads(line)
        gold = expert_world.gold(entry["text"])
        value: dict[str, object] = {"label": gold or "unknown"}
        if expert_world.task == "qa":
            value = {"answer": gold or ""}
        elif expert_world.task == "tagging" and gold is not None:
            pairs = [part.split(": ", 1) for part in gold.split("; ") if gold != NOTHING]
            value = {"entities": [{"type": kind, "text": surface} for kind, surface in pairs]}
        lines.append(json.dumps({"id": entry["id"], **value}))
    return "\n".join(lines)


def _write_analysis(expert_world: World, cases: Sequence[str]) -> str:
    """Which kinds of input are wrong how often, from the cases alone."""
    cases_by_cell: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    mistakes_by_cell: dict[str, Counter[str]] = defaultdict(Counter)
    for line in cases:
        case: _Case = json.loads(line)
        reading = expert_world.read(case["input"])
        if reading is None:
            continue
        cases_by_cell[reading.cell] += 1
        if case["student"] != case["right"]:
            wrong[reading.cell] += 1
            if case["student"] in expert_world.labels:
                mistakes_by_cell[reading.cell][case["student"]] += 1
    if not wrong:
        return "<pattern>No weakness shows in these cases.</pattern>"
    sentences = []
    for cell, count in wrong.most_common(_MOST_NAMED):
        mistaken = [f'"{label}"' for label, _ in mistakes_by_cell[cell].most_common(2)]
        with_what = f", taken for {' or '.join(mistaken)}" if mistaken else ""
        sentences.append(f'Wrong in {count} of {cases_by_cell[cell]} cases of "{cell}"{with_what}.')
    return f"<pattern>{' '.join(sentences)}</pattern>"


def _write_inputs(expert_world: World, pattern: str | None, hard: int, easy: int, rng: random.Random) -> str:
    """Hard inputs of the kinds that the pattern names, every other one in a rare wording; easy ones in common wordings.

    Without a pattern hard inputs are of any group, in rare wordings.
    """
    quoted_names = re.findall(r'"([^"]+)"', pattern or "")
    cells = {_pick_cell(form.group, form.rare, twofold) for form in expert_world.forms for twofold in (False, True)}
    groups = list(dict.fromkeys(form.group for form in expert_world.forms))
    aims = [name for name in quoted_names if name in cells] + [
        _pick_cell(name, True, False) for name in quoted_names if name in groups
    ]
    lines = []
    for place in range(hard):
        aim = aims[place % len(aims)] if aims else _pick_cell(rng.choice(groups), True, False)
        unusual = "rare wording" in aim or (place // max(1, len(aims))) % 2 == 1
        twofold = "two types" in aim if aims else None
        lines.append((expert_world.write(rng, aim.partition(",")[0], rare=unusual, twofold=twofold), "hard"))
    for _ in range(easy):
        lines.append((expert_world.write(rng, rng.choice(groups), rare=False, twofold=False), "easy"))
    return "\n".join(json.dumps({"text": text, "kind": kind}) for text, kind in lines)


def _pick_cell(group: str, rare: bool, twofold: bool) -> str:
    return Reading(form=_pick_form(group, rare), values={}, gold="", twofold=twofold).cell


def _pick_form(group: str, rare: bool) -> Form:
    return Form(group, rare, "")
