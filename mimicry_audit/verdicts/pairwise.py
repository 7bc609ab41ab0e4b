"""What is computed once for all pairs of a run, so that judging one pair costs the same among ten models or a hundred.

Promise: one matrix product or one sort over all pairs in place of a look at every model for every pair; the numbers are those
that the pair alone would give.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from mimicry_audit.ground.words import count_words
from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.panel import effects
from mimicry_audit.statistics.intervals import IntArray, Interval, IntervalTable, interval_table
from mimicry_audit.verdicts.findings import OPENING_CHARACTERS

OVERALL = "overall"
"""Stands for the mean of all measured axes but the baseline where an axis's name is asked for."""


_TIED = 1e-12
"""Differences of rounding: two models so close to each other's likeness are equally close."""


class PairTables:
    """Raw and centred similarity of every pair along every axis, with intervals.

    Args:
        labels: M models.
        measured: the axes.
        domains: ``(P,)`` domain of each probe.
        weights: ``(draws, P)`` from `mimicry_audit.statistics.intervals.bootstrap_resamples`.
        panel: the independent models to centre on; empty to centre over all.
    """

    def __init__(
        self,
        labels: Sequence[str],
        measurements: Sequence[Measured],
        domains: IntArray,
        weights: FloatArray,
        panel: Sequence[str] = (),
    ) -> None:
        self.labels, self.domains, self.weights = list(labels), domains, weights
        self.at = {label: i for i, label in enumerate(labels)}
        self._panel = [self.at[label] for label in panel]
        self.upper = np.triu_indices(len(labels), 1)
        self._place = np.zeros((len(labels), len(labels)), dtype=np.int64)
        self._place[self.upper] = np.arange(len(self.upper[0]))
        self._place += self._place.T
        self._values = {m.axis.name: m.values for m in measurements if m.values is not None}
        axis_values = [m.values for m in measurements if m.values is not None and not m.axis.baseline]
        if axis_values:
            self._values[OVERALL] = mean_of(axis_values)
        self._flat: dict[tuple[str, str], FloatArray] = {}
        self._tables: dict[tuple[str, str], IntervalTable] = {}
        self._closer: dict[str, IntArray] = {}

    @property
    def names(self) -> list[str]:
        """The measured axes in order, `OVERALL` last."""
        return list(self._values)

    def flat(self, axis: str, kind: str) -> FloatArray:
        """``(P, M (M − 1) / 2)``: the values of every pair; `kind` is ``raw`` or ``centred``."""
        if kind == "raw":
            return self._values[axis][:, self.upper[0], self.upper[1]]
        if (axis, kind) not in self._flat:
            self._flat[axis, kind] = self._centre_values(self._values[axis])[:, self.upper[0], self.upper[1]]
        return self._flat[axis, kind]

    def _centre_values(self, values: FloatArray) -> FloatArray:
        if not self._panel:
            return centre(values)
        effect = effects(values, self._panel)
        return np.asarray(values - effect[:, :, None] - effect[:, None, :])

    def table(self, axis: str, kind: str) -> IntervalTable:
        """The intervals of every pair, in the order of `upper`."""
        if (axis, kind) not in self._tables:
            self._tables[axis, kind] = interval_table(self.flat(axis, kind), self.domains, self.weights)
        return self._tables[axis, kind]

    def excess(self, axis: str, a: str, b: str) -> Interval | None:
        """Centred similarity of two models; None where they were not compared, or are one."""
        return self.table(axis, "centred").at(int(self._place[self.at[a], self.at[b]])) if a != b else None

    def excesses(self, reference: str) -> Mapping[str, list[Interval | None]]:
        """Axis → centred similarity of every model to one reference, in the order of the labels."""
        return {a: [self.excess(a, label, reference) for label in self.labels] for a in self.names if a != OVERALL}

    def closer(self, axis: str, candidate: str, reference: str) -> int:
        """How many other models are at least as close to the reference as the candidate is."""
        if axis not in self._closer:
            self._closer[axis] = _rank_pairs(self.table(axis, "centred").value, self.upper, len(self.labels))
        return int(self._closer[axis][self.at[candidate], self.at[reference]])


def mean_of(arrays: Sequence[FloatArray]) -> FloatArray:
    """The mean over arrays of one shape, leaving NaN out; NaN where all are."""
    total, count = np.zeros_like(arrays[0]), np.zeros_like(arrays[0])
    for values in arrays:  # one at a time: stacking ten axes of a large run would take gigabytes
        finite = np.isfinite(values)
        total += np.where(finite, values, 0.0)
        count += finite
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a probe that no axis measured is a mean of nothing: NaN
        return np.asarray(total / count)


def _rank_pairs(values: FloatArray, upper: tuple[IntArray, IntArray], models: int) -> IntArray:
    """``(M, M)``: for candidate i and reference j, how many further models are at least as close to j."""
    square = np.full((models, models), np.nan)
    square[upper] = values
    square.T[upper] = values
    out = np.zeros((models, models), dtype=np.int64)
    for j in range(models):
        finite = np.isfinite(square[:, j])
        ordered = np.sort(square[finite, j])
        out[finite, j] = len(ordered) - np.searchsorted(ordered, square[finite, j] - _TIED, side="left") - 1
    return out


class Overlaps:
    """What any two models both answered, and how many of their long answers are word for word the same.

    Args:
        labels: M models.
        texts: label → probe id → first usable answer.
        answered: ``(P, M)`` whether the model gave a usable answer to a compared probe.
        long_words: words from which an answer is long.
        posed: ``(P, M)`` whether a compared probe was put to the model; None where all were put to all.
    """

    def __init__(
        self,
        labels: Sequence[str],
        texts: Mapping[str, Mapping[str, str]],
        answer_mask: FloatArray,
        long_words: int,
        posed: FloatArray | None = None,
    ) -> None:
        self._at = {label: i for i, label in enumerate(labels)}
        self._both = answer_mask.T @ answer_mask
        posed = np.ones_like(answer_mask) if posed is None else posed
        self._posed = posed.T @ posed
        probes = {p: i for i, p in enumerate(dict.fromkeys(p for label in labels for p in texts.get(label, ())))}
        numbers: dict[str, int] = {}
        openings: dict[str, int] = {}
        self._codes = np.full((len(labels), len(probes)), -1, dtype=np.int64)  # −1: no answer, or a short one
        self._openings = self._codes.copy()
        for m, label in enumerate(labels):
            for probe, text in texts.get(label, {}).items():
                if count_words(text) >= long_words:
                    self._codes[m, probes[probe]] = numbers.setdefault(text, len(numbers))
                if len(text) >= OPENING_CHARACTERS:
                    opening = text[:OPENING_CHARACTERS]
                    self._openings[m, probes[probe]] = openings.setdefault(opening, len(openings))

    def both(self, a: str, b: str) -> int:
        """Compared probes that both answered."""
        return int(self._both[self._at[a], self._at[b]])

    def posed(self, a: str, b: str) -> int:
        """Compared probes that were put to both."""
        return int(self._posed[self._at[a], self._at[b]])

    def verbatim(self, a: str, b: str) -> tuple[float, int]:
        """Share of the probes that both answered at length with the very same text, and how many those probes are."""
        same, long = self._equal(self._codes, a, b)
        return (same / long if long else 0.0), long

    def same_openings(self, a: str, b: str) -> tuple[int, int]:
        """To how many probes both answers begin with the same `OPENING_CHARACTERS` characters, and how many are so long."""
        return self._equal(self._openings, a, b)

    def _equal(self, codes: IntArray, a: str, b: str) -> tuple[int, int]:
        first, second = codes[self._at[a]], codes[self._at[b]]
        both = int(np.count_nonzero((first >= 0) & (second >= 0)))
        return int(np.count_nonzero((first == second) & (first >= 0))), both
