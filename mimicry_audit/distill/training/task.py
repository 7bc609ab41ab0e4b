"""What one training is: paths, settings and what came of it; a file that several processes can read.

Promise: nothing is trained here and nothing is loaded; the folder's result is read, never written.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from mimicry_audit.distill.training.settings import TrainingSettings

if TYPE_CHECKING:
    from mimicry_audit.distill.training.loss import LossRecipe
    from mimicry_audit.distill.training.rollouts import RolloutPlan
    from mimicry_audit.distill.training.served_teacher import ServedTeacherPlan

LARGE = 50_000_000
"""Parameters from which bf16 is faster on a CPU that computes it: converting costs more than it saves on small layers."""
RESULT = "result.json"
"""Written last into the folder of trained weights."""


WHOLE = "whole"
"""Marks a state that was written to its end."""


class HeldOutLoss(TypedDict):
    """Mean losses over the tokens of the held-out answers."""

    loss: float
    hard: float
    soft: float


class TrainingResult(TypedDict):
    """What came of a training.

    ``best_step`` is the step whose weights were kept where the training stops early, ``held`` None without held-out answers,
    ``bf16`` whether matrices were multiplied in bf16, ``packed`` whether several rows could stand in one line.
    """

    steps: int
    best_step: int | None
    processes: int
    parameters: int
    bf16: bool
    packed: bool
    held: HeldOutLoss | None


class SharedFields(TypedDict):
    """The fields of a `Job` that follow from the settings of every training and the number of rows."""

    steps: int
    epochs: float
    row_count: int
    batch: int
    accumulate: int
    rate: float
    warmup: float
    weight_decay: float
    save_every: int
    adapter_rank: int
    bf16: bool
    bf16_if_large: bool
    checkpointing: bool
    packing: bool | None
    threads: int | None


@dataclass(frozen=True, slots=True)
class Length:
    """How long a training is, in optimiser steps.

    Attributes:
        steps: in all.
        an_epoch: of them, one pass over the rows.
        log_every: between two lines of the log.
    """

    steps: int
    an_epoch: int
    log_every: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training, paths and all; lives in the work folder only.

    Attributes:
        folder: of this round: rows, states and the weights.
        student: location of the weights to start from.
        student_commit: their revision on the Hub.
        teacher: location of a teacher for dense signals, None otherwise.
        teacher_commit: its revision.
        rows: file of training rows.
        held: file of held-out rows, None for none.
        signals: folder and key of each teacher's signal store; empty for none.
        recipe: how the loss is made.
        pads: padding token of student and teacher.
        steps: optimiser steps, 0 for `epochs`.
        epochs: passes over the rows, where `steps` is 0.
        row_count: training rows.
        round_: number of the round.
        metrics: file of the metrics.
        board: folder of TensorBoard logs, None for none.
        template: chat template that the checkpoint shall carry, None for its own.
        adapter_rank: of the LoRA adapter, 0 for full training.
        bf16: under autocast.
        bf16_if_large: under autocast where the student is large and the CPU has instructions for it.
        checkpointing: compute each layer again on the way back.
        packing: several short rows in one line of a batch; None where the student keeps them apart.
        dropout: of the student or its adapter while training, None to leave it.
        layers: how many layers of the student to keep, 0 for all.
        rungs: into how many equal parts a listener sees the training fall, 0 for no listener.
        held_bytes: of the held-out answers.
        rollouts: how the student answers inside the step, None for given answers only.
        served_teacher: whom to ask about these answers, None where the teacher is in this process.
        threads: CPU threads, None to leave them.
    """

    folder: str
    student: str
    student_commit: str | None
    teacher: str | None
    teacher_commit: str | None
    rows: str
    held: str | None
    signals: tuple[tuple[str, str], ...]
    recipe: LossRecipe
    pads: tuple[int, int]
    steps: int
    epochs: float
    row_count: int
    batch: int
    accumulate: int
    rate: float
    warmup: float
    weight_decay: float
    seed: int
    patience: int
    evaluate_every: int
    save_every: int
    logs: int
    round_: int
    metrics: str
    board: str | None
    template: str | None
    adapter_rank: int
    bf16: bool
    bf16_if_large: bool
    checkpointing: bool
    packing: bool | None
    threads: int | None
    dropout: float | None = None
    layers: int = 0
    rungs: int = 0
    held_bytes: int = 0
    rollouts: RolloutPlan | None = None
    served_teacher: ServedTeacherPlan | None = None

    def length(self, processes: int) -> Length:
        """How long the training is on so many processes.

        Only the processes that run know how many they are: a launcher's options may say ``auto``, leave it to a saved
        configuration, or start fewer than they name.
        """
        an_epoch = math.ceil(self.row_count / (self.batch * self.accumulate * processes))
        steps = self.steps or max(1, math.ceil(an_epoch * self.epochs))
        return Length(steps, min(an_epoch, steps), max(1, steps // self.logs))

    @property
    def states(self) -> str:
        """Where states to resume from lie."""
        return str(Path(self.folder) / "states")

    @property
    def weights(self) -> Path:
        """Where the trained weights go."""
        return Path(self.folder) / "weights"

    @property
    def result(self) -> TrainingResult | None:
        """What came of it, None until it is done."""
        try:
            result: TrainingResult = json.loads((self.weights / RESULT).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return result


def training_fields(training: TrainingSettings, rows: int) -> SharedFields:
    """See `SharedFields`."""
    return {
        "steps": training.steps,
        "epochs": training.epochs,
        "row_count": rows,
        "batch": training.batch,
        "accumulate": training.accumulate,
        "rate": training.peak_rate,
        "warmup": training.warmup,
        "weight_decay": training.weight_decay,
        "save_every": training.save_every,
        "adapter_rank": training.adapter_rank if training.adapter else 0,
        "bf16": uses_bf16(training.precision),
        "bf16_if_large": training.precision == "auto",
        "checkpointing": training.checkpointing,
        "packing": training.packing,
        "threads": training.threads,
    }


def cpu_computes_bf16() -> bool:
    """Whether this CPU multiplies matrices in bf16 (AMX or AVX-512 BF16 on x86, BF16 on Arm), as Linux tells."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("ascii", "replace").split())
    except OSError:
        return False
    return bool(flags & {"amx_bf16", "avx512_bf16", "bf16", "svebf16"})


def uses_bf16(precision: str) -> bool:
    """Whether to train under bf16 autocast, whatever the student's size."""
    import torch

    if precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision == "bf16"
