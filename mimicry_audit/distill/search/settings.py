"""What a user asks of a search, beside the settings of a distillation.

Promise: what can be wrong without looking at a model is one line.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How to look for a student.

    Attributes:
        trials: how many settings are tried.
        targets: what the student must reach, as `mimicry_audit.distill.search.targets.parse` reads it; all must hold.
        students: checkpoints to start from; empty for the settings' student alone.
        space: file with what is searched; None for the default.
        keep: how many trials keep their weights, the best first, beside the one that is chosen.
        fixed: settings that the default space leaves as they are.
    """

    trials: int
    targets: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    space: Path | None = None
    keep: int = 0
    fixed: frozenset[str] = field(default_factory=frozenset)


def check(wish: Search, settings: DistillSettings) -> None:
    """Refuse a search that cannot be made.

    Raises:
        ConfigError: a value is wrong, or a setting does not go with a search.
        PrerequisiteError: optuna is not installed.
    """
    if wish.trials < 1:
        raise ConfigError(f"--search is {wish.trials}", "give the number of trials, 1 or more")
    if wish.keep < 0:
        raise ConfigError(f"--keep-trials is {wish.keep}", "give 0 or more")
    if settings.folds:
        raise ConfigError("--folds trains several more students for every trial of a search", "leave --folds out")
    if not settings.held_out:
        raise ConfigError("a search chooses by prompts that are held out, and --held-out is 0", "give it a share")
    if not settings.evaluation_limit:
        raise ConfigError("a search chooses by the evaluation, and --evaluation-limit is 0", "leave it out")
    if importlib.util.find_spec("optuna") is None:
        raise PrerequisiteError("--search needs the optuna package", "pip install 'mimicry-audit[distill]'")
