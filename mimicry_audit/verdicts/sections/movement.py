"""The decisive comparison as numbers: how far training moved a candidate toward its reference and toward each control.

Promise: one row per model that the movement is compared with, on the mean over all counted axes, with paired intervals from the
run's own resamples. It shows what the verdict rests on and enters no rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mimicry_audit.records.verdict_parts import MovementRecord
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.statistics.intervals import FloatArray, IntArray, intervals
from mimicry_audit.verdicts.findings import PairFacts
from mimicry_audit.verdicts.pairwise import mean_of


def movement_entries(
    facts: Iterable[PairFacts],
    labels: Sequence[str],
    measured: Sequence[Measured],
    domains: IntArray,
    resamples: FloatArray | None,
) -> dict[tuple[str, str], list[MovementRecord]]:
    """Candidate and reference → movement toward the reference and toward each control, in that order.

    Args:
        facts: of the pairs to show; those without a base have no movement and no entry.
        labels: M models, as in the measured axes.
        measured: the axes; baselines do not count.
        domains: ``(P,)``.
        resamples: the run's bootstrap weights; None where nothing was compared.
    """
    counted = [m.values for m in measured if m.values is not None and not m.axis.baseline]
    if resamples is None or not counted:
        return {}
    entries = {}
    for pair in facts:
        if not pair.triangle:
            continue
        models = [pair.reference, *pair.controls]
        at = [labels.index(label) for label in models]
        candidate, base = labels.index(pair.candidate), labels.index(str(pair.base))
        lifts = mean_of([np.asarray(values[:, candidate, at] - values[:, base, at]) for values in counted])
        entries[pair.candidate, pair.reference] = [
            MovementRecord(model=label, movement=interval.as_dict() if interval else None)
            for label, interval in zip(models, intervals(lifts, domains, resamples), strict=True)
        ]
    return entries
