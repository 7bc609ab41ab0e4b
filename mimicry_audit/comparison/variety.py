"""How varied a model's answers are: similarity among samples and across questions, distinct word sequences, length.

Promise: each measure is an array over probes, so that before and after are compared probe by probe; what takes several
samples is not measured with one, and says so. *Collapse* here is the homogenisation of Lee et al. (2025, arXiv 2501.12619,
introduction): answers of models that learn from one another become more alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mimicry_audit.ground.words import split_words
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.panel import mismatched_pairs
from mimicry_audit.statistics.intervals import FloatArray, IntArray

DISTINCT_WORDS = 40
"""Words of each answer from which distinct n-grams are counted: longer texts repeat themselves more, and lengths differ."""
LENGTHS = (1, 2, 3)
"""Of the runs of words that are counted."""


@dataclass(frozen=True, slots=True)
class Variety:
    """One model's measures.

    Attributes:
        samples: ``(P,)`` mean similarity among a model's own samples to one probe; NaN with one sample.
        questions: ``(Q,)`` similarity of its answers to two different probes of one domain.
        words: ``(P,)`` mean length in words.
        distinct: n → ``(P,)`` distinct runs of n words over all such runs, among the samples to one probe.
        corpus: n → the same over all answers together; None where there are none.
    """

    samples: FloatArray
    questions: FloatArray
    words: FloatArray
    distinct: Mapping[int, FloatArray]
    corpus: Mapping[int, float | None]


def question_pairs(domains: IntArray) -> list[tuple[int, int]]:
    """The pairs of probes behind `Variety.questions`, as `mimicry_audit.similarity.measure.measure_axes` draws them."""
    return mismatched_pairs(domains)


def variety(
    place: int, measurements: Sequence[Measured], probes: Sequence[Probe], responses: Sequence[Response], questions: int
) -> Variety:
    """One model's variety.

    Args:
        place: of the model among those measured.
        measurements: the axes; those of the family ``answers`` and baselines are left out, for they compare results, not texts.
        probes: P compared probes.
        responses: the model's answers.
        questions: Q pairs of probes.
    """
    texts = [m for m in measurements if m.values is not None and not m.axis.baseline and m.axis.family != "answers"]
    position = {probe.id: at for at, probe in enumerate(probes)}
    words: list[list[list[str]]] = [[] for _ in probes]
    for response in sorted(responses, key=lambda r: r.sample):
        if response.usable and response.probe_id in position:
            words[position[response.probe_id]].append(split_words(response.text.lower()))
    heads = [[answer[:DISTINCT_WORDS] for answer in probe_answers] for probe_answers in words]
    return Variety(
        samples=_mean_over_axes([m.values[:, place, place] for m in texts if m.values is not None], len(probes)),
        questions=_mean_over_axes(
            [m.mismatched[:, place, place] for m in texts if m.mismatched is not None], questions
        ),
        words=np.array(
            [np.mean([len(a) for a in probe_answers]) if probe_answers else np.nan for probe_answers in words]
        ),
        distinct={
            n: np.array([_nan_if_missing(distinct_share(probe_answers, n)) for probe_answers in heads]) for n in LENGTHS
        },
        corpus={n: distinct_share([answer for probe_answers in heads for answer in probe_answers], n) for n in LENGTHS},
    )


def distinct_share(answers: Sequence[Sequence[str]], n: int) -> float | None:
    """Distinct runs of `n` words over all runs of `n` words in these answers (Li et al. 2016, distinct-n).

    Returns:
        A share in (0, 1]; None where no answer is that long.
    """
    runs = [tuple(words[at : at + n]) for words in answers for at in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else None


def _nan_if_missing(value: float | None) -> float:
    return float("nan") if value is None else value


def _mean_over_axes(arrays: Sequence[FloatArray], size: int) -> FloatArray:
    """The mean over axes, leaving NaN out; NaN where all are."""
    if not arrays or not size:
        return np.full(size, np.nan)
    stacked = np.stack(arrays)
    finite = np.isfinite(stacked)
    count = finite.sum(axis=0)
    total = np.where(finite, stacked, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(size, np.nan), where=count > 0))
