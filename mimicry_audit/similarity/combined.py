"""The combined score: how far a pair stands out over several axes at once, one score per question.

The axes that find shared weights and those that find copied text differ, so each question has a score of its own:

============= ==========================================================================
same_model    one model behind two names, prompts or decoders, or preference-tuned from it
version       another release of the same family
shared_base   fine-tunes of one base, on different data
distilled     trained on the other's answers
============= ==========================================================================

A score is the mean over axes of robust normalised readings (see `normalise`): the *rank* evidence and the mean *value*, each
in the more sceptical of the two models' views. The first three questions share one score: whole-text wording (words,
phrases, characters), rank and value. The fourth reads opening words and style, value only. All weights are equal: weights
fitted to one half of the documented models lost to equal ones on the other half. A fifth score ranks the possible teachers
of one candidate; there the mean of the two views does better. The axes, and the logistic curves that turn a score into a
likelihood ratio, are stored in ``combined.json`` beside this file with the recipe that made them; docs/validity.md gives
the figures on models that were left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray, IntArray
from mimicry_audit.similarity.normalise import rank_evidence, symmetric_norm

QUESTIONS = ("same_model", "version", "shared_base", "distilled")
RELATIONS: Mapping[str, str] = {
    "same-model": "same_model",
    "same-model-variant": "same_model",
    "verbatim-copies": "same_model",
    "post-edit-of": "same_model",
    "dpo-of": "same_model",
    "ensemble-of": "version",
    "same-family-version": "version",
    "fine-tune-of-same-base": "shared_base",
    "distilled-from": "distilled",
}
"""Documented relation → the question whose score should find it; any other relation is asked as ``version``."""
_LEAST_WEIGHT = 0.5
"""Share of a question's weight that measured axes must carry; the weights of the others are spread over them."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How one question is scored.

    Attributes:
        rank: axis → weight of its rank evidence, in the more sceptical of the two models' views.
        value: axis → weight of its mean value, in the more sceptical of the two models' views.
        mean: axis → weight of its mean value, in the mean of the two views.
        slope, intercept: of the log likelihood ratio, ``intercept + slope · score``.
    """

    rank: Mapping[str, float]
    value: Mapping[str, float]
    slope: float
    intercept: float
    mean: Mapping[str, float] = field(default_factory=dict)

    def log_likelihood_ratio(self, score: float) -> float:
        """Natural log of how much likelier the score is for a related pair than for an unrelated one."""
        return self.intercept + self.slope * score


@dataclass(frozen=True, slots=True)
class Readings:
    """The normalised readings of every axis of a run.

    Attributes:
        rank: axis → ``(M, M)`` robust S-norm of the mean rank evidence, the smaller of the two views.
        value: axis → ``(M, M)`` robust S-norm of the mean value, the smaller of the two views.
        mean: axis → ``(M, M)`` the same, the mean of the two views.
    """

    rank: Mapping[str, FloatArray]
    value: Mapping[str, FloatArray]
    mean: Mapping[str, FloatArray] = field(default_factory=dict)


@lru_cache(maxsize=1)
def curves() -> Mapping[str, Curve]:
    """The shipped curves, by question."""
    return {name: _read_curve(q) for name, q in _read_stored()["questions"].items()}


@lru_cache(maxsize=1)
def teacher_curve() -> Curve:
    """The shipped curve that ranks the possible teachers of one candidate."""
    return _read_curve(_read_stored()["attribution"])


def _read_curve(stored: Mapping[str, Any]) -> Curve:
    return Curve(
        stored["rank"], stored["value"], float(stored["slope"]), float(stored["intercept"]), stored.get("mean", {})
    )


def _read_stored() -> Any:
    return json.loads((Path(__file__).with_name("combined.json")).read_text("utf-8"))


def version() -> int:
    """Of the shipped curves."""
    return int(_read_stored()["version"])


def read(values: Mapping[str, FloatArray], domains: IntArray) -> Readings:
    """Normalised readings of measured axes.

    Args:
        values: axis → ``(P, M, M)`` similarities, NaN where missing.
        domains: ``(P,)``; domains weigh the same.
    """
    rank = {a: symmetric_norm(mean_matrix(rank_evidence(v), domains))[1] for a, v in values.items()}
    value = {a: symmetric_norm(mean_matrix(v, domains)) for a, v in values.items()}
    return Readings(rank, {a: least for a, (_, least) in value.items()}, {a: mean for a, (mean, _) in value.items()})


def mean_matrix(values: FloatArray, domains: IntArray) -> FloatArray:
    """``(M, M)`` mean of domain means of ``(P, M, M)`` values; NaN where nothing was measured."""
    total, domain_counts = np.zeros(values.shape[1:]), np.zeros(values.shape[1:])
    for domain in np.unique(domains):
        some = values[domains == domain]
        finite = np.isfinite(some)
        n = finite.sum(axis=0)
        total += np.where(finite, some, 0.0).sum(axis=0) / np.maximum(n, 1)
        domain_counts += n > 0
    return np.where(domain_counts > 0, total / np.maximum(domain_counts, 1), np.nan)


def combine(readings: Readings, curve: Curve) -> FloatArray | None:
    """``(M, M)`` scores of one question.

    Returns:
        None where the measured axes carry too little of the question's weight; NaN for pairs that an axis in
        use could not compare and for runs with too few models.
    """
    parts = [(readings.rank.get(a), w) for a, w in curve.rank.items()]
    parts += [(readings.value.get(a), w) for a, w in curve.value.items()]
    parts += [(readings.mean.get(a), w) for a, w in curve.mean.items()]
    usable_parts = [(z, w) for z, w in parts if z is not None]
    weight = sum(w for _, w in usable_parts)
    if weight < _LEAST_WEIGHT * sum(w for _, w in parts):
        return None
    total = np.zeros_like(usable_parts[0][0])
    for z, w in usable_parts:
        total += w * z
    return total / weight


def attribute(ratios: Sequence[float | None], prior_none: float = 0.5) -> list[float]:
    """Probabilities that each of several references is the teacher, the last one for "none of these".

    Bayes' rule with the prior ``prior_none`` for none and the rest shared equally among the references.

    Args:
        ratios: log likelihood ratio of each reference (distilled against unrelated); None where it could not be scored,
            which leaves that reference with its prior.
        prior_none: between 0 and 1, exclusive.

    Returns:
        One more probability than references; they sum to 1.

    Raises:
        ValueError: the prior is not a probability strictly between 0 and 1, or no reference is given.
    """
    if not 0 < prior_none < 1 or not ratios:
        raise ValueError("attribution needs at least one reference and a prior strictly between 0 and 1")
    each = math.log((1 - prior_none) / len(ratios))
    logs = np.array([each + (r if r is not None else 0.0) for r in ratios] + [math.log(prior_none)])
    shares = np.exp(logs - logs.max())
    return [float(s) for s in shares / shares.sum()]
