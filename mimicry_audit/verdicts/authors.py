"""One reference against all other possible authors: does the candidate's movement single it out?

Everything a student learns from some answers it shares with other good answers, so it moves toward many models. Its teacher is
the one it moved toward out of all proportion. Here the *controls* are the sample: the movement toward the reference is held
against a prediction interval of the movements toward them (`mimicry_audit.statistics.outlier`).

Promise: no weight and no threshold is fitted; with fewer than `FEWEST_AUTHORS` controls nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimicry_audit.statistics.intervals import (
    FloatArray,
    IntArray,
    Interval,
    bootstrap_resamples,
    domain_means,
    intervals,
)
from mimicry_audit.statistics.outlier import prediction_p, prediction_t
from mimicry_audit.verdicts.findings import AMONG_AUTHORS, AUTHORSHIP, FEWEST_AUTHORS, Evidence

UNIT = "standard errors"
AUTHOR_AXES = ("lexical", "phrases", "characters", "opening", "style")
"""Measures by which authors are told apart: what they say, how they begin and how they write."""


def authors_evidence(
    movements: Sequence[FloatArray],
    domains: IntArray,
    *,
    axis: str,
    title: str,
    family: str = AUTHORSHIP,
    draws: int,
    seed: int,
) -> Evidence | None:
    """Whether the first author's text drew the candidate further than that of all others.

    Args:
        movements: one array for each measure, ``(P, 1 + C)``: movement of the candidate, from its base, toward the reference
            and toward each of C controls, on every probe; NaN where not measured.
        domains: ``(P,)``.
        axis: short name of the evidence.
        title: its name for people.
        family: its kind.
        draws: bootstrap draws over probes, for the interval.
        seed: of the draws.

    Returns:
        None with too few controls, or where nothing was measured.
    """
    if not movements or movements[0].shape[1] - 1 < FEWEST_AUTHORS:
        return None
    weights = bootstrap_resamples(domains, draws, seed)
    means = np.stack(
        [np.vstack([domain_means(m, domains)[None], domain_means(m, domains, weights)]) for m in movements]
    )
    distance = prediction_t(_averaged(means))  # the first is observed, the others are of the draws
    observed = float(distance[0])
    raw = intervals(_mean_of_measured(np.stack([m[:, :1] for m in movements])), domains, weights)[0]
    if not np.isfinite(observed) or raw is None:
        return None
    low, high = np.nanquantile(distance[1:], (0.025, 0.975))
    p = prediction_p(observed, movements[0].shape[1] - 1)
    return Evidence(
        axis=axis,
        title=title,
        family=family,
        statistic=AMONG_AUTHORS,
        estimate=Interval(observed, float(low), float(high), raw.n),
        p=p,
        p_holm=p,
        raw=raw,
        minimum_effect=0.0,
        unit=UNIT,
    )


def _averaged(means: FloatArray) -> FloatArray:
    """``(A, D, 1 + C)`` measures, each in standard deviations among the controls, to ``(D, 1 + C)`` means over them."""
    others = np.moveaxis(means[..., 1:], -1, 0)
    centre = _mean_of_measured(others)
    spread = np.sqrt(_mean_of_measured((others - centre) ** 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return _mean_of_measured((means - centre[..., None]) / spread[..., None])


def _mean_of_measured(values: FloatArray) -> FloatArray:
    """Mean over the first axis of what was measured, NaN where nothing was."""
    count = np.isfinite(values).sum(axis=0)
    total = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
