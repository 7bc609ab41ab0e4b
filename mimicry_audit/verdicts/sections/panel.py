"""What is said of a judged pair beside its verdict: its place in the panel, between floor and ceiling, and beyond habit.

Promise: everything here is shown and nothing here decides; what is unavailable is None with the reason in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.scores import PanelRecords
from mimicry_audit.records.verdict_parts import (
    AxisPlaces,
    FalseAlarms,
    IndexRecord,
    MismatchRecord,
    NullRecord,
    PlaceRecord,
)
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.panel import (
    SMALLEST_SPAN,
    Null,
    beyond_mismatched,
    effects,
    excess,
    index,
    leave_one_out,
    mismatched_pairs,
    rank,
)
from mimicry_audit.statistics.intervals import FloatArray, domain_means
from mimicry_audit.verdicts.findings import PairFacts
from mimicry_audit.verdicts.material import Material
from mimicry_audit.verdicts.pairwise import OVERALL, mean_of

EMPTY: PanelRecords = {"null": None, "index": None, "mismatched": None}
"""Of a pair that is not reported in detail."""
MOST_LISTED = 300
"""Judged pairs up to which every panel member's value is written; beyond, only ranks are, or the file would be huge."""


def null_entries(
    facts: Sequence[PairFacts], material: Material, manifest: Manifest, weights: FloatArray | None
) -> dict[tuple[str, str], PanelRecords]:
    """For every judged pair the fields ``null``, ``index`` and ``mismatched`` of its verdict.

    Args:
        facts: of the judged pairs.
        material: what the evidence was drawn from.
        manifest: of the run, for how the answers were sampled.
        weights: ``(B, P)`` bootstrap weights of the compared probes; None where nothing was compared.
    """
    if weights is None:
        return {}
    board = _PanelStandings(material, weights)
    return {
        (f.candidate, f.reference): {
            "null": board.null(f, listed=len(facts) <= MOST_LISTED),
            "index": _index_entry(f, board, manifest),
            "mismatched": board.mismatched(f),
        }
        for f in facts
    }


class _PanelStandings:
    """The means and effects that many pairs share, computed once."""

    def __init__(self, material: Material, weights: FloatArray) -> None:
        self.labels, self.domains, self.weights = list(material.labels), material.domains, weights
        measurements = [m for m in material.measured if m.values is not None]
        self.values: dict[str, FloatArray] = {m.axis.name: m.values for m in measurements if m.values is not None}
        non_baselines = [m for m in measurements if not m.axis.baseline]
        if non_baselines:
            self.values[OVERALL] = mean_of([m.values for m in non_baselines if m.values is not None])
        self._raw: dict[str, FloatArray] = {}
        self._centred: dict[tuple[str, str, tuple[str, ...]], FloatArray] = {}
        self._residuals: dict[tuple[str, tuple[str, ...]], FloatArray] = {}
        crossed = [m for m in non_baselines if m.mismatched is not None and m.values is not None]
        self.crossed_axes = [m.axis.name for m in crossed]
        self.crossed = mean_of([m.mismatched for m in crossed if m.mismatched is not None]) if crossed else None
        self.matched = mean_of([m.values for m in crossed if m.values is not None]) if crossed else None
        self.pairs = mismatched_pairs(material.domains)

    def at(self, label: str) -> int:
        return self.labels.index(label)

    def raw(self, axis: str, reference: str) -> FloatArray:
        """``(M,)``: mean similarity of every model to the reference."""
        if axis not in self._raw:
            values = self.values[axis]
            flat = domain_means(values.reshape(len(values), -1), self.domains)
            self._raw[axis] = flat.reshape(values.shape[1:])
        return self._raw[axis][:, self.at(reference)]

    def centred(self, axis: str, facts: PairFacts) -> FloatArray:
        """``(M,)``: the same centred on what the pair was centred on."""
        panel = tuple(facts.panel) if facts.centred_on == facts.panel else ()
        key = axis, facts.reference, panel
        if key not in self._centred:
            at = self.at(facts.reference)
            if (axis, panel) not in self._residuals:
                values = self.values[axis]
                self._residuals[axis, panel] = effects(values, [self.at(k) for k in panel]) if panel else centre(values)
            residuals = self._residuals[axis, panel]
            excesses = excess(self.values[axis], residuals, at) if panel else residuals[:, :, at]
            self._centred[key] = domain_means(excesses, self.domains)
        return self._centred[key]

    def null(self, facts: PairFacts, *, listed: bool) -> NullRecord | None:
        """The candidate among the panel, overall and per axis; None without a panel or a measured axis."""
        if not facts.panel or OVERALL not in self.values:
            return None
        panel = list(facts.panel)
        overall_places = {kind: self._among(OVERALL, kind, facts) for kind in ("raw", "centred")}
        axes: dict[str, AxisPlaces] = {}
        for axis in self.values:
            if axis != OVERALL:
                axis_places = {kind: self._among(axis, kind, facts) for kind in ("raw", "centred")}
                axes[axis] = {
                    "raw": _without_values(axis_places["raw"]),
                    "centred": _without_values(axis_places["centred"]),
                }
        return {
            "panel": panel,
            "floor": _round_value(1 / (1 + len(panel))),
            "raw": _with_members(overall_places["raw"], listed),
            "centred": _with_members(overall_places["centred"], listed),
            "axes": axes,
        }

    def _among(self, axis: str, kind: str, facts: PairFacts) -> _Place | None:
        if kind == "centred" and not facts.centred_on:
            return None
        similarities = self.raw(axis, facts.reference) if kind == "raw" else self.centred(axis, facts)
        value = float(similarities[self.at(facts.candidate)])
        members = {k: v for k in facts.panel if np.isfinite(v := float(similarities[self.at(k)]))}
        if not np.isfinite(value) or not members:
            return None
        place = rank(value, list(members.values()))
        return _Place(
            {
                "value": _round_value(value),
                "p": _round_value(place.p),
                "floor": _round_value(place.floor),
                "z": _round_value(place.z),
            },
            members,
        )

    def mismatched(self, facts: PairFacts) -> MismatchRecord | None:
        """How alike the pair's answers to *different* probes of one domain are, and how far the matched ones exceed it."""
        if self.crossed is None or self.matched is None:
            return None
        c, r = self.at(facts.candidate), self.at(facts.reference)
        matched, crossed = self.matched[:, c, r], self.crossed[:, c, r]
        surplus = beyond_mismatched(matched, crossed, self.pairs, self.domains, self.weights)
        if surplus is None:
            return None
        first = self.domains[[one for one, _ in self.pairs]]
        return {
            "axes": self.crossed_axes,
            "matched": _round_value(float(domain_means(matched[:, None], self.domains)[0])),
            "mismatched": _round_value(float(domain_means(crossed[:, None], first)[0])),
            "beyond": surplus.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class _Place:
    """A candidate's place, unadorned, with the values of the panel's members."""

    record: PlaceRecord
    members: dict[str, float]


def _without_values(place: _Place | None) -> PlaceRecord | None:
    if place is None:
        return None
    return {"value": place.record["value"], "p": place.record["p"], "z": place.record["z"]}


def _with_members(place: _Place | None, listed: bool) -> PlaceRecord | None:
    """The place with the panel's values and their leave-one-out null; without them in a run of very many pairs."""
    if place is None:
        return None
    if not listed:
        return {**place.record, "members": None, "loo": None, "false_alarms": None}
    loo = leave_one_out(place.members)
    return {
        **place.record,
        "members": {k: _round_value(v) for k, v in place.members.items()},
        "loo": {k: {"p": _round_value(n.p), "z": _round_value(n.z)} for k, n in loo.items()},
        "false_alarms": _false_alarms(place.record["z"], loo),
    }


def _false_alarms(candidate_z: float | None, loo: Mapping[str, Null]) -> FalseAlarms | None:
    """Share of panel members that stand out from the rest of the panel as far as the candidate stands out from all of it."""
    spread = [n.z for n in loo.values() if n.z is not None]
    if candidate_z is None or not spread:
        return None
    as_far = sum(z >= candidate_z for z in spread)
    return {"count": as_far, "of": len(spread), "rate": _round_value(as_far / len(spread))}


def _index_entry(facts: PairFacts, board: _PanelStandings, manifest: Manifest) -> IndexRecord | None:
    """The index with its floor and ceiling; the interval is None, with the reason, where one of them is missing."""
    values = board.values.get(OVERALL)
    if values is None:
        return None
    c, r = board.at(facts.candidate), board.at(facts.reference)
    panel = values[:, [board.at(k) for k in facts.panel], r]
    ceiling, source, why_not = _reference_ceiling(values[:, r, r], facts.reference, manifest)
    pair_index = index(values[:, c, r], panel, ceiling, board.domains, board.weights)
    if pair_index is None:
        return {
            "index": None,
            "floor": None,
            "ceiling": None,
            "ceiling_from": source,
            "why_not": "no panel: no unrelated model was compared with the reference"
            if not facts.panel
            else "no common answers",
        }
    if pair_index.interval is None and why_not is None:
        why_not = f"the ceiling lies less than {SMALLEST_SPAN} above the floor"
    return {
        "index": pair_index.interval.as_dict() if pair_index.interval else None,
        "floor": _round_value(pair_index.floor),
        "ceiling": _round_value(pair_index.ceiling),
        "ceiling_from": source,
        "why_not": why_not,
    }


def _reference_ceiling(
    own: FloatArray, reference: str, manifest: Manifest
) -> tuple[FloatArray, str | None, str | None]:
    """Per probe, how alike two answers of the reference are; where that comes from; why they are missing."""
    if np.isfinite(own).any():
        return own, "samples", None
    recorded = manifest.model(reference).engine == "recorded" or manifest.imported
    if not recorded and manifest.settings["sampling"]["temperature"] == 0:
        rounds = manifest.model(reference).rounds_by_batch
        return np.ones_like(own), "upper bound" if rounds else "deterministic", None
    why = (
        f"{reference}'s answers were recorded elsewhere, one per probe: a second sample of it is missing"
        if recorded
        else f"one answer of {reference} per probe: ask for two or more (--samples 2)"
    )
    return own, None, why


def _round_value(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 5)
