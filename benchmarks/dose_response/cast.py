"""Who takes part: teacher, base, unrelated models, and the students that are made of them.

Promise: one table of students for the lab's tiny models and for models of any size named in a file; for the lab, seed 0 is the
shipped lab and every other seed trains teacher, base and controls anew from moved seeds, data included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mimicry_audit import lab
from mimicry_audit.lab import cache
from mimicry_audit.lab.recipes import RECIPES, Recipe, fingerprint

from .material import write_probes, write_prompts

DOSES = (0.0, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """One student.

    Attributes:
        label: in the audit.
        group: ``dose``, ``wash-out`` or ``control``.
        about: what it is, for the table.
        dose: share of the answers that is the teacher's.
        teacher: ``teacher``, ``unrelated`` or None for written answers only.
        column: of the fine-tuning file, for the other answers.
        start: label of the student it goes on from; None for the base.
        steps: optimiser steps; 0 for whole epochs.
        objective, epochs: of the distillation; None for the run's own number of epochs.
        evaluate: share of the prompts held out for the distillation's own evaluation.
    """

    label: str
    group: str
    about: str
    dose: float = 0.0
    teacher: str | None = None
    column: str = "answer"
    start: str | None = None
    steps: int = 0
    objective: str = "hard"
    epochs: float | None = None
    evaluate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The models of one seed.

    Attributes:
        seed: of everything that the seed decides here.
        teacher, base: model names.
        unrelated: label → name of models that have nothing to do with the teacher; the first also teaches a control.
        same_data: label → name of models trained on the teacher's data from a start of their own.
        prompts, probes: files.
        students: whom to make.
    """

    seed: int
    teacher: str
    base: str
    unrelated: Mapping[str, str]
    same_data: Mapping[str, str]
    prompts: Path
    probes: Path
    students: Sequence[Student]

    @property
    def controls(self) -> tuple[str, ...]:
        """Labels of the declared controls."""
        return (*self.unrelated, *(s.label for s in self.students if s.teacher == "unrelated"))

    def only(self, labels: Sequence[str]) -> Cast:
        """The same with these students alone."""
        return replace(self, students=[s for s in self.students if s.label in labels])

    def core(self) -> Cast:
        """The same with the students of the curve, the one of an unrelated teacher and the one of the same style."""
        first = [s.label for s in self.students if s.group == "dose"]
        return self.only([*first, "unrelated-student", "same-style"])


def dosed(doses: Sequence[float]) -> list[Student]:
    """The students of the curve."""
    return [
        Student(label=f"dose-{d * 100:05.1f}", group="dose", dose=d, teacher="teacher" if d else None,
                about=f"{d * 100:g} % of the answers are the teacher's")
        for d in doses
    ]  # fmt: skip


FORWARD_KL = Student(label="forward-kl", group="objective", dose=1.0, teacher="teacher", objective="forward-kl", epochs=6,
                     evaluate=0.1, about="forward Kullback–Leibler on all answers")  # fmt: skip


def everybody(doses: Sequence[float], columns: Sequence[str], epoch: int) -> list[Student]:
    """The students of the curve, and the others as far as the fine-tuning file has their answers."""
    found = [*dosed(doses), Student(label="unrelated-student", group="control", dose=1.0, teacher="unrelated",
                     about="the base, taught by an unrelated model")]  # fmt: skip
    if "manner" in columns:
        found.append(Student(label="same-style", group="control", column="manner",
                             about="the teacher's manner in other sentences, right answers"))  # fmt: skip
    if "own_data" in columns:
        found.append(Student(label="same-data", group="control", column="own_data",
                             about="the base, taught the teacher's own training data and none of its answers"))  # fmt: skip
    found.append(FORWARD_KL)
    for start, steps in (("dose-100.0", epoch), ("dose-100.0", 3 * epoch), ("dose-030.0", epoch)):
        if "wash" in columns:
            found.append(Student(label=f"{start}-washed-{steps}", group="wash-out", column="wash", start=start, steps=steps,
                                 about=f"{start}, then {steps} steps on other data"))  # fmt: skip
    return found


def reseeded(by: int) -> dict[str, Recipe]:
    """All recipes of the lab with every seed moved; two models that share a seed go on sharing it."""
    moved = {}
    for name, recipe in RECIPES.items():
        init = None if recipe.init_seed is None else recipe.init_seed + 1000 * by
        training = replace(recipe.training, seed=recipe.training.seed + 1000 * by)
        moved[name] = replace(recipe, init_seed=init, data_seed=recipe.data_seed + 1000 * by, training=training)
    return moved


def lab_models(root: Path, seed: int) -> dict[str, str]:
    """Names of the lab's models of this seed, trained if they are not there."""
    wanted = ("aria", "base", "boro", "base-sft", "twin")
    if not seed:
        return {name: str(path) for name, path in lab.build(wanted).items()}
    from mimicry_audit.lab.checkpoint import fill

    recipes, home = reseeded(seed), root / "lab"
    found = {}
    for name in (name for name in RECIPES if name in wanted):  # parents stand before children
        target = cache.folder(home, name, fingerprint(name, recipes))
        cache.make(target, lambda draft, name=name: fill(recipes[name], recipes, home, draft, lambda *_: None))
        found[name] = str(target)
    return found


def lab_cast(root: Path, seed: int, doses: Sequence[float], epoch: int) -> Cast:
    """The lab's models of this seed."""
    models = lab_models(root, seed)
    return Cast(
        seed=seed, teacher=models["aria"], base=models["base"],
        unrelated={"boro": models["boro"], "base-sft": models["base-sft"]}, same_data={"twin": models["twin"]},
        prompts=write_prompts(root / f"prompts-{seed}.jsonl", seed), probes=write_probes(root / "probes.jsonl"),
        students=everybody(doses, ("manner", "own_data", "wash"), epoch),
    )  # fmt: skip


def named_cast(file: Path, seed: int, doses: Sequence[float], epoch: int) -> Cast:
    """Models of any size, from a JSON file.

    ``{"teacher": NAME, "base": NAME, "unrelated": {LABEL: NAME, …}, "same_data": {…}, "prompts": FILE, "probes": SET or FILE}``
    with three unrelated models or more, the first of which teaches a control; ``prompts`` as ``audit distill`` reads them, with
    the other source's answers in ``answer`` and, where wanted, columns ``manner``, ``own_data`` and ``wash``.
    """
    told: dict[str, Any] = json.loads(file.read_text("utf-8"))
    prompts = Path(told["prompts"])
    with prompts.open(encoding="utf-8") as lines:
        columns = tuple(json.loads(next(lines)))
    return Cast(
        seed=seed, teacher=told["teacher"], base=told["base"], unrelated=told["unrelated"],
        same_data=told.get("same_data", {}), prompts=prompts, probes=Path(told["probes"]),
        students=everybody(doses, columns, epoch),
    )  # fmt: skip
