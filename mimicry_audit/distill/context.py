"""What the steps of a distillation hand to each other: settings, models, rows and where everything lies.

Promise: plain, frozen data and small helpers; it knows no step, so that steps can know it without knowing each other.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from mimicry_audit.asking.progress import Progress
from mimicry_audit.distill.data import Row
from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.records.asked import ModelSpec


class Watch(Progress, Protocol):
    """Who wants to know how far a distillation has come: answers like an audit's, and steps."""

    def stage(self, title: str, done: int, of: int) -> None:
        """`done` of `of` in the stage of that title."""

    def say(self, text: str) -> None:
        """Something worth knowing has been measured on the way."""


@dataclass(frozen=True, slots=True)
class DistillContext:
    """What all steps share.

    Attributes:
        teachers: the models that are asked, one or several.
        teacher_of: id of a prompt → number of the teacher that answers it; 0 where it is not named.
        aside: ids of prompts that are answered like the others and neither taught nor held out here: another part's.
        shared: where the teacher's answers and signals lie; `work` by default.
        on_rung: called with the loss on the held-out answers after equal parts of the first round, see
            `mimicry_audit.distill.training.trainer.Rungs`.
    """

    settings: DistillSettings
    teachers: tuple[ModelSpec, ...]
    student: ModelSpec
    rows: tuple[Row, ...]
    held: frozenset[str]
    dosed: frozenset[str]
    watch: Watch | None
    aside: frozenset[str] = frozenset()
    shared: Path | None = None
    on_rung: Callable[[int, int, float], None] | None = None
    teacher_of: Mapping[str, int] = field(default_factory=dict)

    @property
    def teacher(self) -> ModelSpec:
        """The only teacher, or the first one."""
        return self.teachers[0]

    def answers_of(self, number: int) -> Path:
        """Where the answers of a teacher lie."""
        return self.common / ("answers" if len(self.teachers) == 1 else f"answers-{number + 1}")

    @property
    def work(self) -> Path:
        """Where everything on the way lies."""
        return self.settings.out / "work"

    @property
    def taught(self) -> list[Row]:
        """The rows that are trained on."""
        return [row for row in self.rows if row.id not in self.held and row.id not in self.aside]

    @property
    def common(self) -> Path:
        """Where the teacher's answers and signals lie."""
        return self.shared or self.work

    def report_progress(self, title: str, done: int, of: int) -> None:
        """Pass progress on."""
        if self.watch is not None:
            self.watch.stage(title, done, of)


def counts(origins: Sequence[str]) -> dict[str, int]:
    """How many answers of each origin."""
    return dict(sorted(Counter(origins).items()))


def drop(folder: Path) -> None:
    """Remove what is of no more use."""
    shutil.rmtree(folder, ignore_errors=True)


def relabelled(spec: ModelSpec, label: str) -> ModelSpec:
    """The model under a label of ours."""
    return replace(spec, label=label)
