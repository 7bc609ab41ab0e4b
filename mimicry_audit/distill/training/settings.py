"""How a student is trained, whatever it is trained on: the settings that `DistillSettings` and `EvolveSettings` share.

Promise: each setting is declared once, with its default, its bounds and its help text; a launcher that cannot be started and
a missing package are found before anything is asked or loaded. Importing this module loads next to nothing.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mimicry_audit.ground.errors import ConfigError, PrerequisiteError
from mimicry_audit.ground.fields import describe, fields_of, flat_values, from_flat, number_text, replace_fields

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PRECISIONS = ("auto", "fp32", "bf16")
FULL_RATE, ADAPTER_RATE = 5e-5, 2e-4
"""Peak learning rates for training all weights and for training an adapter."""

DATA, OUTPUT, TRAINING, HARDWARE = "Data", "Output", "Training", "Hardware"
"""Headings of the help texts that several settings classes use."""

TEACHER = describe(
    "Model whose answers are taught, named like the models of an audit; may be repeated.",
    group=DATA, unit="MODEL", repeats=True,
)  # fmt: skip
STUDENT = describe("Where the student starts: a folder, a Hub id or lab/NAME.", group=DATA, unit="MODEL")
OUT = describe("Folder of the checkpoint.", group=OUTPUT, unit="DIR", short="-o", decides=False)
NAME = describe(
    "Name of the student in its lineage.", group=OUTPUT, unit="NAME", absent="the folder's name", decides=False
)
LIMIT = describe("Use only the first N rows of the data.", group=DATA, unit="N", above=0, absent="all")
"""Metadata of fields that mean the same in several settings classes."""


def describe_engine_options(group: str) -> dict[str, object]:
    """Metadata of the field with the teacher's engine options."""
    words = "Engine option of the teacher, such as -E num_threads=1; may be repeated."
    return describe(words, group=group, unit="K=V", short="-E", flag_name="engine-option")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """The settings of every training."""

    epochs: float = field(
        default=3.0,
        metadata=describe("Passes over the rows in each round.", group=TRAINING, unit="N", above=0),
    )
    steps: int = field(
        default=0,
        metadata=describe("Optimiser steps in each round, in place of --epochs; 0 for whole epochs.",
                       group=TRAINING, unit="N", low=0),
    )  # fmt: skip
    batch: int = field(
        default=8, metadata=describe("Rows per batch on one device.", group=TRAINING, unit="N", above=0)
    )  # fmt: skip
    accumulate: int = field(
        default=1, metadata=describe("Batches accumulated per optimiser step.", group=TRAINING, unit="N", above=0)
    )
    rate: float | None = field(
        default=None,
        metadata=describe("Peak learning rate.", group=TRAINING, unit="R", above=0,
                       absent=f"{number_text(FULL_RATE)}, or {number_text(ADAPTER_RATE)} with --adapter"),
    )  # fmt: skip
    warmup: float = field(
        default=0.05,
        metadata=describe("Share of the steps in which the learning rate rises; it then falls as a cosine.",
                       group=TRAINING, unit="SHARE", low=0, high=1),
    )  # fmt: skip
    weight_decay: float = field(default=0.0, metadata=describe("AdamW weight decay.", group=TRAINING, unit="W", low=0))
    adapter: bool = field(
        default=False,
        metadata=describe("Train a LoRA adapter and merge it at the end (needs peft).", group=TRAINING),
    )
    adapter_rank: int = field(
        default=16, metadata=describe("Rank of the LoRA adapter.", group=TRAINING, unit="R", above=0)
    )  # fmt: skip
    seed: int = field(default=0, metadata=describe("Random seed.", group=TRAINING, unit="N"))
    save_every: int = field(
        default=100,
        metadata=describe("Steps between states from which a training can resume.",
                       group=TRAINING, unit="N", above=0, decides=False),
    )  # fmt: skip
    chat_template: str | None = field(
        default=None,
        metadata=describe("Chat template for a student without one: a Jinja file, or plain.",
                       group=TRAINING, unit="FILE", absent="its own"),
    )  # fmt: skip
    precision: str = field(
        default="auto",
        metadata=describe("Number format of the training; auto is bf16 on a GPU, and for large students on a CPU that has it.",
                       group=HARDWARE, unit="NAME", choices=PRECISIONS),
    )  # fmt: skip
    packing: bool | None = field(
        default=None,
        metadata=describe("Put several short rows in one line of a batch.",
                       group=HARDWARE, absent="where the student keeps them apart"),
    )  # fmt: skip
    checkpointing: bool = field(
        default=False,
        metadata=describe("Compute each layer again on the way back: less memory, more time.",
                       group=HARDWARE, decides=False),
    )  # fmt: skip
    threads: int | None = field(
        default=None,
        metadata=describe(
            "Number of CPU threads.", group=HARDWARE, unit="N", above=0, absent="as torch chooses", decides=False
        ),
    )
    launcher: str | None = field(
        default=None,
        metadata=describe('Command that starts several processes, such as "accelerate launch --num_processes 4".',
                       group=HARDWARE, unit="CMD", absent="one process"),
    )  # fmt: skip

    @property
    def peak_rate(self) -> float:
        """The peak learning rate in effect."""
        return self.rate if self.rate is not None else (ADAPTER_RATE if self.adapter else FULL_RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationSettings:
    """What the settings of every way of distilling can do; their values stand side by side, those of the training too."""

    @classmethod
    def of(cls, **values: object) -> Self:
        """Settings of values that stand side by side, those of the training among them.

        Raises:
            TypeError: a name is unknown, or a required setting is missing.
        """
        return from_flat(cls, values)

    def changed(self, **values: object) -> Self:
        """The settings with some values changed, those of the training among them."""
        return replace_fields(self, values)

    def deciding(self) -> dict[str, object]:
        """Every setting that decides the weights, side by side, as JSON: what a resumed training is compared by."""
        values = flat_values(self)
        return {
            setting.name: _plain_value(values[setting.name]) for setting in fields_of(type(self)) if setting.decides
        }


def deciding_defaults(record: type[DataclassInstance]) -> dict[str, object]:
    """The defaults of the settings that decide the weights: what a setting that is not on file has been all along."""
    return {
        setting.name: _plain_value(setting.default)
        for setting in fields_of(record)
        if setting.decides and not setting.required
    }


def check_packages(training: TrainingSettings, extra: Mapping[str, str | None] | None = None) -> None:
    """Check that the launcher can be started and that every package the settings need is installed.

    Args:
        training: names the launcher, and may ask for an adapter.
        extra: package → the option that needs it, None where nothing does.

    Raises:
        ConfigError: the launcher cannot be read or started.
        PrerequisiteError: a package is missing.
    """
    try:
        words = shlex.split(training.launcher or "")
    except ValueError as error:
        raise ConfigError(f"the launcher {training.launcher} cannot be read ({error})", "check its quotes") from None
    if words and shutil.which(words[0]) is None:
        raise ConfigError(f"the launcher {words[0]} cannot be started", "check --launcher")
    for package, option in {"peft": "--adapter" if training.adapter else None, **(extra or {})}.items():
        if option is not None and importlib.util.find_spec(package) is None:
            raise PrerequisiteError(f"{option} needs the {package} package", f"pip install {package}")


def _plain_value(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
