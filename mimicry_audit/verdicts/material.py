"""What the evidence is drawn from: measured axes, texts, claims and what is known of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.passages import Passages
from mimicry_audit.similarity.tokens import Steps
from mimicry_audit.statistics.intervals import IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the evidence is drawn from.

    Attributes:
        labels: M models.
        domains: ``(P,)`` domain of each compared probe.
        measured: the axes.
        texts: label → probe id → first usable answer, for verbatim comparison.
        answered: ``(P, M)`` whether the model gave a usable answer.
        posed: ``(P, M)`` whether the probe was put to the model; None where all were put to all. A prompt of an imported run
            that the files hold no answer of the model to was not.
        models: label → the model as the run knows it (weight sketch, stated lineage).
        claims: (candidate, reference) → identity claims, of how many answers.
        passages: of the answers to the compared probes; None where copied answers are not looked for.
        steps: label → place of a compared probe → log-probabilities along its first answer, where the run kept them.
        samples: label → place of a compared probe → all usable answers, of models that were sampled more than once.
    """

    labels: Sequence[str]
    domains: IntArray
    measured: Sequence[Measured]
    texts: Mapping[str, Mapping[str, str]]
    answered: FloatArray
    models: Mapping[str, ModelInRun]
    claims: Mapping[tuple[str, str], tuple[int, int] | None]
    passages: Passages | None = None
    steps: Mapping[str, Mapping[int, Steps]] = field(default_factory=dict)
    samples: Mapping[str, Mapping[int, Sequence[str]]] = field(default_factory=dict)
    posed: FloatArray | None = None


def answering_models(material: Material) -> list[str]:
    """The models that answered at least half of the probes: a model that is merely listed does not count."""
    shares = material.answered.mean(axis=0) if len(material.answered) else np.zeros(len(material.labels))
    return [label for label, share in zip(material.labels, shares, strict=True) if share >= 0.5]
