"""What a user asks of a distillation, checked field by field before anything is loaded.

Promise: a wrong value, and a combination that would train something else than its words promise, is one line with its fix. What
decides the weights is in `deciding`, and nothing else is: that is what a resumed distillation is compared by.
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
    OUTPUT,
    STUDENT,
    TEACHER,
    TRAINING,
    DistillationSettings,
    TrainingSettings,
    describe_engine_options,
)
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import check_fields, describe

OBJECTIVES = ("hard", "forward-kl", "reverse-kl", "jsd", "skew-kl", "skew-reverse-kl", "span-kl", "uld")
_ACROSS = ("span-kl", "uld")
"""Objectives for models of different tokenizers, which need the teacher's whole vocabulary."""
SIGNALS = ("text", "dense", "cached", "served", "sampled")
_ULD_HARD = 0.5
_OBJECTIVE, _EVALUATION = "Objective", "Evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillSettings(DistillationSettings):
    """One distillation; `training` holds what every training has."""

    teacher: str = field(metadata=TEACHER)
    shares: str | None = field(
        default=None,
        metadata=describe("Share of the prompts that each of several teachers answers, such as 0.6,0.4.",
                       group=DATA, unit="S,S", absent="the column teacher, else equal shares"),
    )  # fmt: skip
    student: str = field(metadata=STUDENT)
    data: str = field(metadata=describe("File of prompts, or the name of a probe set.", group=DATA, unit="DATA"))
    limit: int | None = field(default=None, metadata=LIMIT)
    dose: float = field(
        default=1.0,
        metadata=describe("Share of the prompts whose answer comes from the teacher.",
                       group=DATA, unit="SHARE", low=0, high=1),
    )  # fmt: skip
    else_answers: str = field(
        default="answer",
        metadata=describe("Column with the answers to the other prompts.", group=DATA, unit="COLUMN"),
    )
    answer_temperature: float = field(
        default=0.0,
        metadata=describe("Sampling temperature of the answers; 0 is greedy.", group=DATA, unit="T", low=0, high=10),
    )
    max_tokens: int = field(
        default=256, metadata=describe("Maximum tokens per answer.", group=DATA, unit="N", above=0)
    )  # fmt: skip
    engine_options: Mapping[str, object] = field(default_factory=dict, metadata=describe_engine_options(DATA))
    objective: str = field(
        default="hard",
        metadata=describe("Training objective; all but hard need the teacher's probabilities.",
                       group=_OBJECTIVE, unit="NAME", choices=OBJECTIVES),
    )  # fmt: skip
    signal: str | None = field(
        default=None,
        metadata=describe("Signal taken from the teacher: its text, or its probabilities.",
                       group=_OBJECTIVE, unit="KIND", choices=SIGNALS,
                       absent="text for hard, else dense; cached with several teachers"),
    )  # fmt: skip
    hard_weight: float | None = field(
        default=None,
        metadata=describe("Weight of the hard-label loss beside a soft one.", group=_OBJECTIVE, unit="W", low=0, high=1,
                       absent=f"0, or {_ULD_HARD:g} for uld"),
    )  # fmt: skip
    temperature: float = field(
        default=1.0,
        metadata=describe("Softmax temperature for the soft objectives.", group=_OBJECTIVE, unit="T", above=0),
    )
    beta: float = field(
        default=0.5,
        metadata=describe("Weight of the teacher in the jsd mixture.", group=_OBJECTIVE, unit="B", above=0, below=1,
                       note="its ends are forward-kl and reverse-kl"),
    )  # fmt: skip
    alpha: float = field(
        default=0.1,
        metadata=describe("Weight of the mixture in the skewed objectives.",
                       group=_OBJECTIVE, unit="A", above=0, below=1),
    )  # fmt: skip
    top_k: int = field(
        default=32,
        metadata=describe("Number of most probable tokens that cached and served signals keep.",
                       group=_OBJECTIVE, unit="K", above=0),
    )  # fmt: skip
    rounds: int = field(
        default=0,
        metadata=describe(
            "Number of on-policy rounds after the first, off-policy one.", group=_OBJECTIVE, unit="N", low=0
        ),
    )
    on_policy: float = field(
        default=0.0,
        metadata=describe("Share of the steps in which the student answers the prompts itself.",
                       group=_OBJECTIVE, unit="SHARE", low=0, high=1),
    )  # fmt: skip
    rollout_temperature: float = field(
        default=1.0,
        metadata=describe("Sampling temperature of the student's answers in these steps.",
                       group=_OBJECTIVE, unit="T", low=0, high=10),
    )  # fmt: skip
    rollout_tokens: int | None = field(
        default=None,
        metadata=describe("Maximum tokens of these answers.", group=_OBJECTIVE, unit="N", above=0,
                       absent="as --max-tokens"),
    )  # fmt: skip
    training: TrainingSettings = field(default_factory=TrainingSettings)
    dropout: float | None = field(
        default=None,
        metadata=describe("Dropout probability of the student during training; of the adapter with --adapter.",
                       group=TRAINING, unit="P", low=0, high=0.9, absent="as configured"),
    )  # fmt: skip
    layers: int = field(
        default=0,
        metadata=describe(
            "Number of the student's layers to keep, evenly spread; 0 for all.", group=TRAINING, unit="N", low=0
        ),
    )
    held_out: float = field(
        default=0.1,
        metadata=describe("Share of the prompts kept for evaluation.",
                       group=_EVALUATION, unit="SHARE", low=0, high=0.9),
    )  # fmt: skip
    folds: int = field(
        default=0,
        metadata=describe("Number of cross-validation folds before the training; 0 for none.",
                       group=_EVALUATION, unit="K", low=0),
    )  # fmt: skip
    patience: int = field(
        default=0,
        metadata=describe("Stop after N evaluations without a better held-out loss; 0 for never.",
                       group=_EVALUATION, unit="N", low=0),
    )  # fmt: skip
    evaluate_every: int = field(
        default=0,
        metadata=describe("Steps between evaluations; 0 for once an epoch.", group=_EVALUATION, unit="N", low=0),
    )
    evaluation_limit: int = field(
        default=200,
        metadata=describe("Maximum number of prompts evaluated before and after; 0 for no evaluation.",
                       group=_EVALUATION, unit="N", low=0, decides=False),
    )  # fmt: skip
    out: Path = field(metadata=OUT)
    name: str | None = field(default=None, metadata=NAME)
    tensorboard: bool | None = field(
        default=None,
        metadata=describe("Write TensorBoard logs.", group=OUTPUT, absent="where it is installed", decides=False),
    )

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return self.training.seed

    @property
    def kind(self) -> str:
        """The teacher signal in effect."""
        soft = "dense" if len(self.teachers) == 1 else "cached"
        return self.signal or ("text" if self.objective == "hard" else soft)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The names of the teachers, one or several."""
        return tuple(name.strip() for name in self.teacher.split(",") if name.strip())

    @property
    def teacher_shares(self) -> tuple[float, ...] | None:
        """The shares of several teachers; None where none are given.

        Raises:
            ConfigError: they are not one positive number for each teacher that sum to 1.
        """
        if self.shares is None:
            return None
        fix = "give one share above 0 for each --teacher, together 1, such as 0.6,0.4"
        try:
            numbers = tuple(float(text) for text in self.shares.split(","))
        except ValueError:
            raise ConfigError(f"--shares {self.shares} are not numbers", fix) from None
        if len(numbers) != len(self.teachers):
            raise ConfigError(f"--shares has {len(numbers)} numbers for {len(self.teachers)} teachers", fix)
        if not all(number > 0 for number in numbers) or abs(sum(numbers) - 1) > 1e-6:
            raise ConfigError(f"--shares {self.shares} do not sum to 1", fix)
        return numbers

    @property
    def share_hard(self) -> float:
        """The weight of the hard-label loss where a position has a soft signal."""
        if self.objective == "hard":
            return 1.0
        if self.hard_weight is not None:
            return self.hard_weight
        return _ULD_HARD if self.objective == "uld" else 0.0


def check(settings: DistillSettings) -> DistillSettings:
    """The settings, if they make sense.

    Raises:
        ConfigError: a value is out of its range, or two contradict each other.
    """
    check_fields(settings)
    if settings.folds == 1:
        raise ConfigError("--folds is 1", "give 2 or more, or 0 for none")
    _check_combinations(settings)
    return settings


def _check_combinations(s: DistillSettings) -> None:
    if s.objective == "hard" and s.kind != "text":
        raise ConfigError(f"objective hard needs the teacher's text only, not signal {s.kind}", "leave --signal out")
    if s.objective != "hard" and s.kind == "text":
        raise ConfigError(f"objective {s.objective} needs more than text", "use --signal dense, or --objective hard")
    if s.kind in ("cached", "served") and s.objective in _ACROSS:
        raise ConfigError(
            f"signal {s.kind} keeps the teacher's top tokens, and {s.objective} needs its whole vocabulary",
            "use --signal dense",
        )
    if s.objective == "span-kl" and s.temperature != 1:
        raise ConfigError("span-kl merges probabilities at temperature 1", "leave --temperature out")
    if s.kind in ("cached", "served", "sampled") and s.temperature != 1.0:
        raise ConfigError(
            f"signal {s.kind} keeps probabilities at temperature 1, not {s.temperature}", "use --signal dense"
        )
    _check_teachers(s)
    if s.kind == "sampled" and (s.objective != "reverse-kl" or s.on_policy < 1 or s.rollout_temperature != 1):
        raise ConfigError(
            "signal sampled estimates the reverse divergence from tokens that the student draws at temperature 1",
            "use --objective reverse-kl --on-policy 1 --rollout-temperature 1, or another --signal",
        )
    if s.objective == "uld" and not s.share_hard:
        raise ConfigError(
            "objective uld only matches confidence, not tokens", "combine it with hard labels: --hard-weight above 0"
        )
    if s.rounds and s.objective in ("hard", "uld"):
        raise ConfigError(
            f"rounds train on the student's own answers, which {s.objective} would only confirm",
            "use a soft objective such as --objective reverse-kl",
        )
    if s.on_policy:
        _check_on_policy(s)
    if s.rounds and not s.dose:
        raise ConfigError("rounds need a teacher, and --dose 0 asks none", "leave one of them out")
    if s.patience and not s.held_out:
        raise ConfigError("--patience watches the held-out loss, and nothing is held out", "give --held-out a share")


def _check_teachers(s: DistillSettings) -> None:
    if not s.teachers:
        raise ConfigError("--teacher names no model", "give --teacher MODEL")
    if s.teacher_shares is not None and len(s.teachers) == 1:
        raise ConfigError("--shares divides prompts among teachers, and there is one", "leave it out, or use --dose")
    if len(s.teachers) > 1 and s.kind == "dense":
        raise ConfigError(
            "several teachers do not fit beside a student in one process", "use --signal cached, or --objective hard"
        )


def _check_on_policy(s: DistillSettings) -> None:
    if s.training.packing:
        raise ConfigError("on-policy batches have one row a line, and --packing wants several", "leave one of them out")
    if s.objective == "span-kl":
        raise ConfigError(
            "on-policy steps compare the drawn tokens, and span-kl compares texts across tokenizers", "use --rounds"
        )
    if s.objective in ("hard", "uld"):
        raise ConfigError(
            f"on-policy steps train on the student's own answers, which {s.objective} would only confirm",
            "use a soft objective such as --objective reverse-kl",
        )
    if s.kind == "cached":
        raise ConfigError(
            "signal cached covers answers that are known before the training, and --on-policy draws new ones",
            "use --signal dense or served, or --rounds",
        )
    if s.kind != "dense" and s.training.launcher:
        raise ConfigError(
            f"with signal {s.kind}, --on-policy starts the teacher's engine in the training process; --launcher has several",
            "use --signal dense, or leave --launcher out",
        )
    if len(s.teachers) > 1:
        raise ConfigError("--on-policy has one teacher to ask", "use --rounds with several teachers")
    if not s.dose:
        raise ConfigError("--on-policy needs a teacher, and --dose 0 asks none", "leave one of them out")
    if s.rounds:
        raise ConfigError("--on-policy and --rounds both draw the student's own answers", "leave one of them out")
