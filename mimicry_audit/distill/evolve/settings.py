"""What a user asks of a distillation by evolving data, checked before anything is loaded.

Promise: a wrong value is one line with the mend; what decides the weights is in `deciding`, and nothing else is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import ConfigError

TASKS = ("classification", "tagging", "qa")
STRATEGIES = ("evolve", "static", "random")
_PRECISIONS = ("auto", "fp32", "bf16")
_AFTERWARDS = ("out", "threads", "save_every", "name")
"""Fields that may change on resume: they decide no weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolveSettings:
    """One distillation by evolving data.

    Attributes:
        teacher: a model's name, or ``expert/WORLD`` for the scripted expert.
        student: a folder, a Hub id or ``lab/NAME``: where the student starts.
        data: a file of rows, or ``expert/WORLD``.
        out: where the checkpoint goes.
        task: one of `TASKS`.
        strategy: one of `STRATEGIES`: where the inputs of each round come from.
        shots: labelled rows to start from: for each label, for each entity type, or in all for questions.
        labels: the labels or entity types; those of the labelled rows by default.
        about: the task in words, for the teacher; the world's own or a plain sentence by default.
        rounds: after the one that trains on the shots.
        hard: hard inputs wanted in a round.
        easy: easy inputs wanted in a round.
        cases: most right and most wrong cases that the teacher is shown.
        replay: share of the history that is trained again in each round.
        budget: most labelled examples, shots and validation rows included; 0 for no limit.
        similar: likeness (0 to 1) from which an input is a repetition of another, or of one in the test set.
        retries: how often the teacher is asked again for what cannot be read or what is missing.
        answer_temperature: of the teacher when it writes inputs; it reads cases and labels greedily.
        teacher_tokens: most tokens in one reply of the teacher.
        max_tokens: most tokens in one answer of the student.
        prompt_template: file with the student's prompt around ``{{ text }}``; None for the bundled one.
        epochs: passes over each round's rows.
        steps: optimiser steps in each round; 0 for whole epochs.
        batch: rows a step on one device.
        accumulate: batches added up before the weights move.
        rate: peak learning rate; None for 5e-5, or 2e-4 with an adapter.
        warmup: share of the steps in which the rate rises.
        weight_decay: of AdamW.
        adapter: train a LoRA adapter in each round and merge it.
        adapter_rank: its rank.
        precision: ``fp32``, ``bf16``, or ``auto``: bf16 on a GPU.
        threads: CPU threads; None to leave them.
        chat_template: the student's: a Jinja file, or ``plain``; None for its own.
        launcher: command that starts several processes for the training.
        held_out: share of the labelled rows that is the test set, where the data have no column ``split``.
        patience: stop after so many rounds without a better score on the validation rows; 0 for never.
        save_every: steps between states to resume from.
        seed: of everything random.
        limit: most rows of the data; None for all.
        name: of the student in its lineage; the folder's name by default.
        engine_options: engine options of the teacher.
    """

    teacher: str
    student: str
    data: str
    out: Path
    task: str
    strategy: str = "evolve"
    shots: int = 3
    labels: tuple[str, ...] = ()
    about: str | None = None
    rounds: int = 4
    hard: int = 8
    easy: int = 8
    cases: int = 12
    replay: float = 1.0
    budget: int = 0
    similar: float = 0.9
    retries: int = 2
    answer_temperature: float = 0.8
    teacher_tokens: int = 1024
    max_tokens: int = 64
    prompt_template: str | None = None
    epochs: float = 3.0
    steps: int = 0
    batch: int = 8
    accumulate: int = 1
    rate: float | None = None
    warmup: float = 0.05
    weight_decay: float = 0.0
    adapter: bool = False
    adapter_rank: int = 16
    precision: str = "auto"
    threads: int | None = None
    chat_template: str | None = None
    launcher: str | None = None
    held_out: float = 0.2
    patience: int = 0
    save_every: int = 100
    seed: int = 0
    limit: int | None = None
    name: str | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def peak_rate(self) -> float:
        """The peak learning rate in effect."""
        return self.rate if self.rate is not None else (2e-4 if self.adapter else 5e-5)

    @property
    def wanted(self) -> int:
        """Inputs wanted in a round."""
        return self.hard + self.easy

    def deciding(self) -> dict[str, Any]:
        """Every field that decides the weights, as JSON."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _AFTERWARDS}
        return found | {"labels": list(self.labels), "engine_options": dict(self.engine_options)}


def check(s: EvolveSettings) -> EvolveSettings:
    """The settings, if they make sense.

    Raises:
        ConfigError: a value is out of its range, or two contradict each other.
    """
    for name, value, known in (
        ("task", s.task, TASKS), ("strategy", s.strategy, STRATEGIES), ("precision", s.precision, _PRECISIONS),
    ):  # fmt: skip
        if value not in known:
            raise ConfigError(f"there is no {name} {value}", f"choose one of {', '.join(known)}")
    for name, low, high in (
        ("replay", 0, 1), ("warmup", 0, 1), ("held_out", 0, 0.9), ("answer_temperature", 0, 10),
    ):  # fmt: skip
        if not low <= getattr(s, name) <= high:
            raise ConfigError(f"{_flag(name)} is {getattr(s, name)}", f"give a number from {low} to {high}")
    if not 0 < s.similar <= 1:
        raise ConfigError(f"--similar is {s.similar}", "give a number above 0 and at most 1; 1 drops equal inputs only")
    for name in ("shots", "cases", "teacher_tokens", "max_tokens", "epochs", "batch", "accumulate", "peak_rate",
                 "adapter_rank", "save_every", "threads", "limit"):  # fmt: skip
        value = getattr(s, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{_flag('rate' if name == 'peak_rate' else name)} is {value}", "give a number above 0")
    for name in ("rounds", "hard", "easy", "budget", "retries", "steps", "weight_decay", "patience"):
        if not getattr(s, name) >= 0:
            raise ConfigError(f"{_flag(name)} is {getattr(s, name)}", "give 0 or more")
    if s.rounds and not s.wanted:
        raise ConfigError("--hard 0 and --easy 0 leave a round without inputs", "raise one of them")
    if s.labels and s.task == "qa":
        raise ConfigError("--labels names labels, and the answers of qa have none", "leave it out")
    return s


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
