"""What a user asks of a distillation by evolving data, checked before anything is loaded.

Promise: a wrong value is one line with its fix; what decides the weights is in `deciding`, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mimicry_audit.distill.training.settings import (
    DATA,
    LIMIT,
    NAME,
    OUT,
    STUDENT,
    DistillationSettings,
    TrainingSettings,
    describe_engine_options,
)
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import check_fields, describe

TASKS = ("classification", "tagging", "qa")
STRATEGIES = ("evolve", "static", "random")
_TASK, _ROUNDS, _TEACHER = "Task", "Rounds", "Teacher"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolveSettings(DistillationSettings):
    """One distillation by evolving data; `training` holds what every training has."""

    task: str = field(metadata=describe("Kind of task the student learns.", group=_TASK, unit="NAME", choices=TASKS))
    about: str | None = field(
        default=None,
        metadata=describe("The task in words, for the teacher.", group=_TASK, unit="TEXT", absent="a plain sentence"),
    )
    labels: tuple[str, ...] = field(
        default=(),
        metadata=describe("Labels or entity types.", group=_TASK, unit="A,B,…", absent="those in the data"),
    )
    prompt_template: str | None = field(
        default=None,
        metadata=describe("The student's prompt around {{ text }}, a Jinja file.",
                       group=_TASK, unit="FILE", absent="the bundled one"),
    )  # fmt: skip
    max_tokens: int = field(
        default=64, metadata=describe("Maximum tokens per answer of the student.", group=_TASK, unit="N", above=0)
    )
    student: str = field(metadata=STUDENT)
    data: str = field(
        metadata=describe("File of rows with columns prompt and label, or expert/WORLD.", group=DATA, unit="DATA")
    )
    limit: int | None = field(default=None, metadata=LIMIT)
    shots: int = field(
        default=3,
        metadata=describe("Labelled rows to start from: for each label or entity type, or in all for qa.",
                       group=DATA, unit="N", above=0),
    )  # fmt: skip
    held_out: float = field(
        default=0.2,
        metadata=describe("Share of the labelled rows that becomes the test set, for data without a column split.",
                       group=DATA, unit="SHARE", low=0, high=0.9),
    )  # fmt: skip
    teacher: str = field(
        metadata=describe("Model that writes and labels the data; expert/WORLD is a scripted one.",
                       group=_TEACHER, unit="MODEL")
    )  # fmt: skip
    engine_options: Mapping[str, object] = field(default_factory=dict, metadata=describe_engine_options(_TEACHER))
    answer_temperature: float = field(
        default=0.8,
        metadata=describe("Sampling temperature of the teacher when it writes inputs; otherwise it is greedy.",
                       group=_TEACHER, unit="T", low=0, high=10),
    )  # fmt: skip
    teacher_tokens: int = field(
        default=1024, metadata=describe("Maximum tokens per reply of the teacher.", group=_TEACHER, unit="N", above=0)
    )
    retries: int = field(
        default=2,
        metadata=describe("How many times the teacher is asked again for what is missing or cannot be read.",
                       group=_TEACHER, unit="N", low=0),
    )  # fmt: skip
    cases: int = field(
        default=12,
        metadata=describe("Maximum number of right cases, and of wrong ones, shown to the teacher.",
                       group=_TEACHER, unit="N", above=0),
    )  # fmt: skip
    strategy: str = field(
        default="evolve",
        metadata=describe("Where the inputs of each round come from.", group=_ROUNDS, unit="NAME", choices=STRATEGIES),
    )
    rounds: int = field(
        default=4,
        metadata=describe("Number of rounds after the one that trains on the shots.", group=_ROUNDS, unit="N", low=0),
    )
    hard: int = field(
        default=8, metadata=describe("Number of hard inputs requested per round.", group=_ROUNDS, unit="N", low=0)
    )
    easy: int = field(
        default=8, metadata=describe("Number of easy inputs requested per round.", group=_ROUNDS, unit="N", low=0)
    )
    replay: float = field(
        default=1.0,
        metadata=describe("Share of the history that is trained again in each round.",
                       group=_ROUNDS, unit="SHARE", low=0, high=1),
    )  # fmt: skip
    similar: float = field(
        default=0.9,
        metadata=describe("Similarity from which an input counts as a repeat of another, or of a row of the test set.",
                       group=_ROUNDS, unit="S", above=0, high=1, note="1 drops equal inputs only"),
    )  # fmt: skip
    budget: int = field(
        default=0,
        metadata=describe("Maximum number of labelled examples, shots and validation rows included; 0 for no limit.",
                       group=_ROUNDS, unit="N", low=0),
    )  # fmt: skip
    patience: int = field(
        default=0,
        metadata=describe("Stop after N rounds without a better score on the validation rows; 0 for never.",
                       group=_ROUNDS, unit="N", low=0),
    )  # fmt: skip
    training: TrainingSettings = field(default_factory=TrainingSettings)
    out: Path = field(metadata=OUT)
    name: str | None = field(default=None, metadata=NAME)

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return self.training.seed

    @property
    def wanted(self) -> int:
        """Inputs wanted in a round."""
        return self.hard + self.easy


def check(settings: EvolveSettings) -> EvolveSettings:
    """The settings, if they make sense.

    Raises:
        ConfigError: a value is out of its range, or two contradict each other.
    """
    check_fields(settings)
    if settings.rounds and not settings.wanted:
        raise ConfigError("--hard 0 and --easy 0 leave a round without inputs", "raise one of them")
    if settings.labels and settings.task == "qa":
        raise ConfigError("--labels names labels, and the answers of qa have none", "leave it out")
    return settings
