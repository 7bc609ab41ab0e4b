"""What a search may change: each dimension a list of choices or a range, by default or from a file.

Promise: only settings that a distillation has can be searched, and every value of a dimension is checked as that setting is
before anything is asked or trained; a setting that has no bearing on an objective (a temperature of hard labels) is not drawn
for it. A file lists all that is searched; without one, what was given on the command line stays as given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from mimicry_audit.distill.settings import OBJECTIVES, DistillSettings, check
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.ground.fields import flat_values
from mimicry_audit.ground.shapes import parse_json

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Choice = str | int | float
"""A value of one setting."""
Choices = Mapping[str, Choice]
"""Setting → its value in a trial."""

_WHOLE = ("layers", "batch", "accumulate", "steps", "adapter_rank")
_CHOSEN = ("students", "objective")
NAMES = (*_CHOSEN, "layers", "temperature", "beta", "alpha", "hard_weight", "rate", "dropout", "batch", "accumulate", "epochs",
         "steps", "warmup", "weight_decay", "adapter_rank")  # fmt: skip
"""Settings that can be searched; ``students`` gives the values of ``student``."""

_DEFAULT_OBJECTIVES = ("hard", "forward-kl", "jsd", "skew-kl")
_BOUNDS = {"low", "high", "log", "step"}


@dataclass(frozen=True, slots=True)
class Dimension:
    """The values of one setting: `choices`, or a range.

    Attributes:
        name: one of `NAMES`.
        choices: what it may be; empty for a range.
        low: smallest value of a range.
        high: largest.
        log: drawn evenly on a logarithmic scale.
        step: of the range; None for any value between.
    """

    name: str
    choices: tuple[Choice, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None

    @property
    def ends(self) -> tuple[Choice, ...]:
        """The values that must be right for all to be right."""
        return self.choices or (self._to_kind(self.low), self._to_kind(self.high))

    @property
    def highest(self) -> float:
        """The largest of its numbers."""
        return max(end for end in self.ends if not isinstance(end, str))

    @property
    def setting(self) -> str:
        """The setting's own name."""
        return "student" if self.name == "students" else self.name

    def _to_kind(self, value: float) -> int | float:
        return int(value) if self.name in _WHOLE else value

    def holds(self, value: object) -> TypeGuard[Choice]:
        """Whether a value is one of its own."""
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high

    def draw(self, trial: BaseTrial) -> Choice:
        """A value, drawn by an Optuna trial."""
        if self.choices:
            drawn = trial.suggest_categorical(self.setting, self.choices)
            assert drawn is not None
            return drawn
        if self.name in _WHOLE:
            return trial.suggest_int(
                self.setting, int(self.low), int(self.high), step=int(self.step or 1), log=self.log
            )
        return trial.suggest_float(self.setting, self.low, self.high, step=self.step, log=self.log)

    def as_json(self) -> list[Choice] | dict[str, float]:
        """As JSON, in the form of a file."""
        if self.choices:
            return list(self.choices)
        bounds = {"low": self._to_kind(self.low), "high": self._to_kind(self.high)}
        return bounds | ({"log": True} if self.log else {}) | ({"step": self.step} if self.step else {})


Space = tuple[Dimension, ...]


def bears(name: str, s: DistillSettings) -> bool:
    """Whether a setting has any bearing under these, as far as the objective decides it."""
    return {
        "temperature": s.objective not in ("hard", "uld") and s.kind == "dense",
        "beta": s.objective == "jsd",
        "alpha": s.objective in ("skew-kl", "skew-reverse-kl"),
        "hard_weight": s.objective != "hard",
        "adapter_rank": s.training.adapter,
    }.get(name, True)


def applied(settings: DistillSettings, values: Mapping[str, object]) -> DistillSettings:
    """The settings with some of them changed; hard labels need no signal but text."""
    changed = settings.changed(**values)
    return changed.changed(signal=None) if changed.objective == "hard" else changed


def suggest(space: Space, settings: DistillSettings, trial: BaseTrial) -> dict[str, Choice]:
    """One value for every dimension that has a bearing, objectives before what depends on them."""
    values: dict[str, Choice] = {}
    for dimension in sorted(space, key=lambda d: d.name not in _CHOSEN):
        if bears(dimension.name, applied(settings, values)):
            values[dimension.setting] = dimension.draw(trial)
    return values


def own(space: Space, settings: DistillSettings) -> dict[str, Choice]:
    """The settings' own value for each dimension that holds it: where a search begins."""
    resolved_values = {
        "rate": settings.training.peak_rate,
        "dropout": settings.dropout or 0.0,
        "hard_weight": settings.share_hard,
    }
    values = flat_values(settings)
    value_by_dimension = {d: resolved_values.get(d.name, values[d.setting]) for d in space if bears(d.name, settings)}
    return {d.setting: value for d, value in value_by_dimension.items() if d.holds(value)}


def default(settings: DistillSettings, fixed: Collection[str], possible: Callable[[str], bool], dropout: bool) -> Space:
    """What is searched without a file.

    Args:
        settings: of the distillation.
        fixed: settings that were given and stay.
        possible: whether the models allow an objective.
        dropout: whether every student has dropout.
    """
    names = [*_DEFAULT_OBJECTIVES] if possible("forward-kl") else ["hard", "span-kl", "uld"]
    objectives = tuple(n for n in names if possible(n) and _objective_fits(settings, n))
    rates = (5e-5, 2e-3) if settings.training.adapter else (1e-5, 1e-3)
    space = (
        Dimension("objective", objectives if len(objectives) > 1 else ()),
        Dimension("temperature", low=1.0, high=4.0, log=True),
        Dimension("hard_weight", low=0.1 if "uld" in objectives else 0.0, high=0.9),
        Dimension("rate", low=rates[0], high=rates[1], log=True),
        Dimension("dropout", low=0.0, high=0.3),
    )
    dimensions = [
        d for d in space if d.name not in fixed and (d.name != "dropout" or dropout) and (d.choices or d.high)
    ]
    objectives_searched = [s for d in dimensions if d.name == "objective" for s in d.choices] or [settings.objective]
    return tuple(
        d for d in dimensions if any(bears(d.name, applied(settings, {"objective": o})) for o in objectives_searched)
    )


def _objective_fits(settings: DistillSettings, objective: str) -> bool:
    try:
        check(applied(settings, {"objective": objective}))
    except ConfigError:
        return False
    return True


def read(path: Path) -> Space:
    """The space of a YAML or JSON file: a mapping from settings to a list, a range (``low``, ``high``) or one value.

    Raises:
        DataError: the file cannot be read.
        ConfigError: it names a setting that cannot be searched, or values that are none.
    """
    import yaml

    from mimicry_audit.ground.yaml_text import load_yaml

    try:
        text = path.read_text("utf-8")
        content = parse_json(text) if path.suffix.lower() == ".json" else load_yaml(text)
    except OSError as error:
        raise DataError(f"the space {path} cannot be read ({error.strerror})", "check --space") from None
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(
            f"{path} is not YAML or JSON ({' '.join(str(error).split())[:80]})", "see docs/distillation.md"
        ) from None
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(f"{path} lists nothing to search", f"give it a mapping with some of {', '.join(NAMES)}")
    for name in content:
        if name not in NAMES:
            raise ConfigError(f"{path.name}: {name} cannot be searched", f"choose from {', '.join(NAMES)}")
    return tuple(_read_dimension(path.name, str(name), value) for name, value in content.items())


def _read_dimension(file: str, name: str, value: object) -> Dimension:
    if isinstance(value, Mapping):
        return _read_range(file, name, value)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ConfigError(f"{file}: {name} is empty", "give at least one value")
    choices = [str(v) if name in _CHOSEN else _read_number(file, name, v) for v in values]
    return Dimension(name, tuple(dict.fromkeys(choices)))


def _read_range(file: str, name: str, value: Mapping[str, object]) -> Dimension:
    if name in _CHOSEN or set(value) - _BOUNDS or not {"low", "high"} <= set(value):
        fix = "give a list" if name in _CHOSEN else "give low and high, and perhaps log: true or step"
        raise ConfigError(f"{file}: {name} is not a range", fix)
    low, high = (_read_number(file, name, value[k]) for k in ("low", "high"))
    step = _read_number(file, name, value["step"]) if value.get("step") is not None else None
    log = bool(value.get("log", False))
    if low > high or (log and (low <= 0 or step)) or (step is not None and step <= 0):
        scale = " on a logarithmic scale" if log else ""
        raise ConfigError(
            f"{file}: {name} goes from {low} to {high}{scale}{f' by {step}' if step else ''}",
            "give a low below its high; a logarithmic scale needs a low above 0 and no step",
        )
    return Dimension(name, (), low, high, log, step)


def _read_number(file: str, name: str, value: object) -> int | float:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError
        number = float(value)  # YAML reads 1e-5 as a word
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{file}: {name} holds {value!r}, which is not a number", "give numbers") from None
    if not math.isfinite(number) or (name in _WHOLE and number != int(number)):
        raise ConfigError(
            f"{file}: {name} holds {value}", "give whole numbers" if name in _WHOLE else "give finite numbers"
        )
    return int(number) if name in _WHOLE else number


def checked(space: Space, settings: DistillSettings) -> Space:
    """The space, if every end of it is a setting that could be trained with.

    Raises:
        ConfigError: one is not; the line names the value.
    """
    dimension_by_name = {d.name: d for d in space}
    for objective in (
        dimension_by_name["objective"].choices if "objective" in dimension_by_name else (settings.objective,)
    ):
        if objective not in OBJECTIVES:
            raise ConfigError(f"--objective {objective} is unknown", f"choose from {', '.join(OBJECTIVES)}")
        under = applied(settings, {"objective": objective})
        bearing = [d for d in space if d.name not in _CHOSEN and bears(d.name, under)]
        check(applied(under, {d.setting: d.ends[0] for d in bearing}))
        for dimension in bearing:
            for end in dimension.ends:
                check(applied(under, {d.setting: d.ends[0] for d in bearing} | {dimension.setting: end}))
    return space


def students(space: Space, settings: DistillSettings) -> Sequence[str]:
    """The checkpoints that students may start from."""
    return next((tuple(map(str, d.choices)) for d in space if d.name == "students"), (settings.student,))
