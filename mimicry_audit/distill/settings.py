"""What a user asks of a distillation, checked field by field before anything is loaded.

Promise: a wrong value, and a combination that would train something else than what it says, is one line with the mend. What
decides the weights is in `deciding`, and nothing else is: that is what a resumed distillation is compared by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import ConfigError

OBJECTIVES = ("hard", "forward-kl", "reverse-kl", "jsd", "skew-kl", "skew-reverse-kl", "uld")
SIGNALS = ("text", "dense", "cached", "served")
PRECISIONS = ("auto", "fp32", "bf16")
_ULD_HARD = 0.5
_AFTERWARDS = ("out", "threads", "tensorboard", "evaluation_limit", "save_every", "name")
"""Fields that may change on resume: they decide no weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillSettings:
    """One distillation.

    Attributes:
        teacher: a model's name.
        student: a folder, a Hub id or ``lab/NAME``: where the student starts.
        data: a file of prompts, or the name of a probe set.
        out: where the checkpoint goes.
        objective: one of `OBJECTIVES`.
        signal: one of `SIGNALS`; None for what the objective needs.
        hard_weight: share of the hard-label loss in the sum, in [0, 1]; None for 0, or 0.5 with ``uld``.
        temperature: of the soft objectives.
        beta: of ``jsd``.
        alpha: of the skewed objectives.
        top_k: most probable tokens kept by the cached and served signals.
        dose: share of the prompts whose answer comes from the teacher.
        else_answers: column with the answers to the others.
        answer_temperature: of the teacher's (and, in rounds, the student's) sampling.
        max_tokens: most tokens in one answer.
        rounds: on-policy rounds after the first, off-policy one.
        epochs: passes over the answers, in each round.
        steps: optimiser steps in each round; 0 for whole epochs.
        batch: conversations a step on one device.
        accumulate: batches added up before the weights move.
        rate: peak learning rate; None for 5e-5, or 2e-4 with an adapter.
        warmup: share of the steps in which the rate rises; it falls along a cosine after them.
        weight_decay: of AdamW.
        dropout: probability of every dropout of the student while it is trained (of the adapter, with one); None to leave them.
        layers: how many of the student's layers to keep, spread evenly; 0 for all.
        adapter: train a LoRA adapter and merge it at the end.
        adapter_rank: its rank.
        precision: ``fp32``, ``bf16``, or ``auto``: bf16 on a GPU.
        threads: CPU threads; None to leave them.
        chat_template: the student's: a Jinja file, or ``plain``; None for its own. The checkpoint carries it.
        launcher: command that starts several processes, such as ``accelerate launch --num_processes 4``.
        held_out: share of the prompts kept for evaluation.
        folds: trainings for k-fold cross-validation before the real one; 0 for none.
        patience: stop after so many evaluations without a better held-out loss; 0 for never.
        evaluate_every: steps between evaluations; 0 for once an epoch.
        save_every: steps between states to resume from.
        evaluation_limit: most held-out prompts in the evaluation before and after; 0 for no evaluation.
        seed: of everything random.
        limit: most prompts; None for all.
        name: of the student in its lineage; the folder's name by default.
        tensorboard: write TensorBoard logs; None for where it is installed.
        engine_options: engine options of the teacher.
    """

    teacher: str
    student: str
    data: str
    out: Path
    objective: str = "hard"
    signal: str | None = None
    hard_weight: float | None = None
    temperature: float = 1.0
    beta: float = 0.5
    alpha: float = 0.1
    top_k: int = 32
    dose: float = 1.0
    else_answers: str = "answer"
    answer_temperature: float = 0.0
    max_tokens: int = 256
    rounds: int = 0
    epochs: float = 3.0
    steps: int = 0
    batch: int = 8
    accumulate: int = 1
    rate: float | None = None
    warmup: float = 0.05
    weight_decay: float = 0.0
    dropout: float | None = None
    layers: int = 0
    adapter: bool = False
    adapter_rank: int = 16
    precision: str = "auto"
    threads: int | None = None
    launcher: str | None = None
    chat_template: str | None = None
    held_out: float = 0.1
    folds: int = 0
    patience: int = 0
    evaluate_every: int = 0
    save_every: int = 100
    evaluation_limit: int = 200
    seed: int = 0
    limit: int | None = None
    name: str | None = None
    tensorboard: bool | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The teacher signal in effect."""
        return self.signal or ("text" if self.objective == "hard" else "dense")

    @property
    def share_hard(self) -> float:
        """The weight of the hard-label loss where a position has a soft signal."""
        if self.objective == "hard":
            return 1.0
        if self.hard_weight is not None:
            return self.hard_weight
        return _ULD_HARD if self.objective == "uld" else 0.0

    @property
    def peak_rate(self) -> float:
        """The peak learning rate in effect."""
        return self.rate if self.rate is not None else (2e-4 if self.adapter else 5e-5)

    def deciding(self) -> dict[str, Any]:
        """Every field that decides the weights, as JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in _AFTERWARDS}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """What a field that was unknown when a distillation began has been all along: its default."""
        return {
            f.name: _plain(f.default) for f in fields(cls) if f.default is not MISSING and f.name not in _AFTERWARDS
        }


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def check(settings: DistillSettings) -> DistillSettings:
    """The settings, if they make sense.

    Raises:
        ConfigError: a value is out of its range, or two contradict each other.
    """
    _check_choices(settings)
    _check_numbers(settings)
    _check_combinations(settings)
    return settings


def _check_choices(s: DistillSettings) -> None:
    for name, value, known in (
        ("objective", s.objective, OBJECTIVES),
        ("signal", s.kind, SIGNALS),
        ("precision", s.precision, PRECISIONS),
    ):
        if value not in known:
            raise ConfigError(f"there is no {name} {value}", f"choose one of {', '.join(known)}")


def _check_numbers(s: DistillSettings) -> None:
    _inside("dose", s.dose, 0, 1)
    _inside("warmup", s.warmup, 0, 1)
    _inside("hard-weight", s.share_hard, 0, 1)
    _inside("held-out", s.held_out, 0, 0.9)
    if s.dropout is not None:
        _inside("dropout", s.dropout, 0, 0.9)
    _inside("answer-temperature", s.answer_temperature, 0, 10)
    for name in ("temperature", "epochs", "batch", "accumulate", "max_tokens", "top_k", "save_every", "adapter_rank"):
        _above(name, getattr(s, name))
    _above("rate", s.peak_rate)
    for name in ("rounds", "steps", "patience", "evaluate_every", "evaluation_limit", "weight_decay", "layers"):
        if not getattr(s, name) >= 0:
            raise ConfigError(f"--{name.replace('_', '-')} is {getattr(s, name)}", "give 0 or more")
    for name in ("limit", "threads"):
        if getattr(s, name) is not None:
            _above(name, getattr(s, name))
    for name, value in (("beta", s.beta), ("alpha", s.alpha)):
        if not 0 < value < 1:
            ends = "; its ends are forward-kl and reverse-kl" if name == "beta" else ""
            raise ConfigError(f"--{name} is {value}", f"give a number between 0 and 1{ends}")
    if s.folds and s.folds < 2:
        raise ConfigError(f"--folds is {s.folds}", "give 2 or more, or 0 for none")


def _check_combinations(s: DistillSettings) -> None:
    if s.objective == "hard" and s.kind != "text":
        raise ConfigError(f"objective hard needs the teacher's text only, not signal {s.kind}", "leave --signal out")
    if s.objective != "hard" and s.kind == "text":
        raise ConfigError(f"objective {s.objective} needs more than text", "use --signal dense, or --objective hard")
    if s.kind in ("cached", "served") and s.objective != "forward-kl":
        raise ConfigError(
            f"signal {s.kind} knows the teacher's top tokens only, which bias {s.objective}",
            "use --objective forward-kl, or --signal dense",
        )
    if s.kind in ("cached", "served") and s.temperature != 1.0:
        raise ConfigError(
            f"signal {s.kind} keeps probabilities at temperature 1, not {s.temperature}", "use --signal dense"
        )
    if s.objective == "uld" and not s.share_hard:
        raise ConfigError("objective uld alone teaches how sure to be and never of what", "give --hard-weight above 0")
    if s.rounds and s.objective in ("hard", "uld"):
        raise ConfigError(
            f"rounds train on the student's own answers, which {s.objective} would only confirm",
            "use a soft objective such as --objective reverse-kl",
        )
    if s.rounds and not s.dose:
        raise ConfigError("rounds need a teacher, and --dose 0 asks none", "leave one of them out")
    if s.patience and not s.held_out:
        raise ConfigError("--patience watches the held-out loss, and nothing is held out", "give --held-out a share")


def _inside(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"--{name} is {value}", f"give a number from {low} to {high}")


def _above(name: str, value: float) -> None:
    if not value > 0 or math.isinf(value):
        raise ConfigError(f"--{name.replace('_', '-')} is {value}", "give a number above 0")
