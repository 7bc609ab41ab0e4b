"""What a student must reach: the figures that a target may name, how a target is read, and by how much it is missed.

Promise: every figure of an evaluation that has a better and a worse end may be a target; an unknown name, a sign that asks
for the worse end, and a figure that this data cannot give are one line each, before anything is asked.
"""

from __future__ import annotations

import importlib.util
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mimicry_audit.distill.data import Row
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError

METRICS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "cross_entropy": (("held_out", "cross_entropy"), -1),
    "perplexity": (("held_out", "perplexity"), -1),
    "bits_per_byte": (("held_out", "bits_per_byte"), -1),
    "kl_teacher_model": (("to_teacher", "kl_teacher_model"), -1),
    "kl_model_teacher": (("to_teacher", "kl_model_teacher"), -1),
    "js": (("to_teacher", "js"), -1),
    "agreement": (("to_teacher", "agreement"), 1),
    "exact_match": (("text", "exact_match"), 1),
    "bleu": (("text", "bleu"), 1),
    "chrf": (("text", "chrf"), 1),
    "rouge1": (("text", "rouge1"), 1),
    "rougeL": (("text", "rougeL"), 1),
    "finished": (("finished",), 1),
    "checks": (("checks", "accuracy"), 1),
    "accuracy": (("classes", "accuracy"), 1),
    "precision": (("classes", "precision"), 1),
    "recall": (("classes", "recall"), 1),
    "f1": (("classes", "f1"), 1),
    "flips": (("fairness", "flips"), -1),
    "selection_gap": (("fairness", "selection_gap"), -1),
    "accuracy_gap": (("fairness", "accuracy_gap"), -1),
    "parameters": (("parameters",), -1),
}
"""Name → where the figure stands in a model's entry of ``evaluation.json``, and 1 where more is better, −1 where less is."""

DEFAULT = "bits_per_byte"
"""What decides where no target is given: it alone compares across tokenizers and objectives."""

_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_PACKAGES = {"bleu": "sacrebleu", "chrf": "sacrebleu", "rouge1": "rouge_score", "rougeL": "rouge_score"}


@dataclass(frozen=True, slots=True)
class Target:
    """One bound on one figure.

    Attributes:
        metric: one of `METRICS`.
        sign: ``>=``, ``>``, ``<=`` or ``<``.
        bound: what must be reached.
    """

    metric: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.bound:g}"

    def met(self, entry: Mapping[str, object] | None) -> bool:
        """Whether an evaluated model reaches it; a figure that was not measured reaches nothing."""
        value = figure(entry, self.metric)
        return value is not None and _SIGNS[self.sign](value, self.bound)

    def miss(self, entry: Mapping[str, object] | None) -> float:
        """How far the model is from the bound, as a share of the bound (of 1 for a bound of 0): below 0 where it is beyond it.

        Infinite where the figure was not measured.
        """
        value = figure(entry, self.metric)
        if value is None or math.isnan(value):
            return math.inf
        scale = abs(self.bound) or 1.0
        return (self.bound - value) * better(self.metric) / scale


def figure(entry: Mapping[str, object] | None, metric: str) -> float | None:
    """A figure of a model's entry, None where it was not measured."""
    return figure_at(entry, METRICS[metric][0])


def figure_at(entry: Mapping[str, object] | None, way: Sequence[str]) -> float | None:
    """The number that stands in a model's entry under these keys, None where there is none."""
    measurement: object = entry
    for step in way:
        measurement = measurement.get(step) if isinstance(measurement, Mapping) else None
    return float(measurement) if isinstance(measurement, int | float) else None


def better(metric: str) -> int:
    """1 where more is better, −1 where less is."""
    return METRICS[metric][1]


def parse(texts: Sequence[str]) -> tuple[Target, ...]:
    """Read targets: ``agreement>=0.9``, ``perplexity<=3``; ``agreement=0.9`` is "at least as good as".

    Raises:
        ConfigError: one is not a target.
    """
    return tuple(_parse_target(text) for text in texts)


def _parse_target(text: str) -> Target:
    match = re.fullmatch(r"\s*([\w-]+)\s*(>=|<=|=|>|<)\s*([-+.\deE]+)\s*", text)
    name = match[1].replace("-", "_") if match else re.split(r"[<>=]", text)[0].strip()
    if name not in METRICS:
        raise ConfigError(
            f"--target {text!r} names no known figure", f"write METRIC>=VALUE with one of {', '.join(METRICS)}"
        )
    try:
        bound = float(match[3]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or not math.isfinite(bound):
        raise ConfigError(
            f"--target {text!r} has no number to compare with", f"write it like {name}{_metric_sign(name)}0.9"
        )
    sign = _metric_sign(name) if match[2] == "=" else match[2]
    if sign[0] != _metric_sign(name)[0]:
        more = "more" if better(name) > 0 else "less"
        problem = f"--target {text!r} asks for a worse student: {more} {name} is better"
        raise ConfigError(problem, f"write {name}{_metric_sign(name)}{match[3]}")
    return Target(name, sign, bound)


def _metric_sign(metric: str) -> str:
    return ">=" if better(metric) > 0 else "<="


def check(targets: Sequence[Target], rows: Sequence[Row], probabilities: bool) -> None:
    """Refuse targets that this data and this teacher can never give.

    Args:
        targets: as parsed.
        rows: those that students are chosen by.
        probabilities: whether the teacher gives them.

    Raises:
        ConfigError: no row has what a figure needs.
        PrerequisiteError: the package that computes it is missing.
    """
    labels = {row.label for row in rows if row.label is not None}
    requirements = {
        "to_teacher": (probabilities, "the teacher's probabilities, and this one gives text only"),
        "classes": (len(labels) > 1, "prompts with different labels in the validation part"),
        "checks": (any(row.check is not None for row in rows), "prompts with a check in the validation part"),
        "fairness": (any(row.pair is not None for row in rows), "counterfactual pairs in the validation part"),
    }
    for target in targets:
        available, needs = requirements.get(METRICS[target.metric][0][0], (True, ""))
        if not available:
            raise ConfigError(f"--target {target} needs {needs}", "choose another figure")
        package = _PACKAGES.get(target.metric)
        if package and importlib.util.find_spec(package) is None:
            raise PrerequisiteError(
                f"--target {target} needs the {package} package", f"pip install {package.replace('_', '-')}"
            )


def said(metric: str, value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "not measured"
    return f"{int(value):,}" if metric == "parameters" else f"{value:.4g}"
