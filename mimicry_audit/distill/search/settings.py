"""What a user asks of a search, beside the settings of a distillation.

Promise: what can be wrong without looking at a model is one line.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError
from mimicry_audit.ground.fields import check_fields, describe

_SEARCH = "Search"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How to look for a student."""

    trials: int = field(
        metadata=describe("Number of trials, each with other settings.", group=_SEARCH, unit="N", low=1)
    )
    targets: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            "Target the student must reach, such as agreement>=0.9; may be repeated, and all must hold.",
            group=_SEARCH, unit="METRIC>=VALUE", flag_name="target", commas=False, absent="fewest bits per byte",
        ),
    )  # fmt: skip
    students: tuple[str, ...] = field(
        default=(),
        metadata=describe("Several checkpoints to start from, in place of --student.", group=_SEARCH, unit="A,B,…"),
    )
    space: Path | None = field(
        default=None,
        metadata=describe("YAML or JSON file with the settings to search.", group=_SEARCH, unit="FILE",
                          absent="objective, temperature, hard weight, rate, dropout"),
    )  # fmt: skip
    keep: int = field(
        default=0,
        metadata=describe("Number of trials that keep their weights in addition to the chosen one, best first.",
                          group=_SEARCH, unit="N", low=0, flag_name="keep-trials"),
    )  # fmt: skip
    fixed: frozenset[str] = field(default_factory=frozenset)
    """Settings that the default space leaves as they are."""


def check_search(search: SearchSettings, settings: DistillSettings) -> None:
    """Refuse a search that cannot be made.

    Raises:
        ConfigError: a value is wrong, or a setting does not go with a search.
        PrerequisiteError: optuna is not installed.
    """
    check_fields(search)
    if settings.folds:
        raise ConfigError("--folds trains several more students for every trial of a search", "leave --folds out")
    if len(settings.teachers) > 1:
        raise ConfigError("a search has one teacher", "choose the settings with one, then train with several")
    if not settings.held_out:
        raise ConfigError("a search chooses by prompts that are held out, and --held-out is 0", "give it a share")
    if not settings.evaluation_limit:
        raise ConfigError("a search chooses by the evaluation, and --evaluation-limit is 0", "leave it out")
    if importlib.util.find_spec("optuna") is None:
        raise PrerequisiteError("a search needs the optuna package", "pip install optuna")
