"""What a pair is compared with: its independent panel, and what its similarities are centred on.

Promise: kin of the candidate or of the reference are never part of the panel; where hardly anything but kin is left, nothing
is centred and the reason names them. Among siblings and their teacher the kinship *is* the mean: centring takes it off,
and the pairs of student and teacher end up below chance. Nothing here decides a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.panel import FEWEST_PANEL, effects, excess
from mimicry_audit.statistics.intervals import IntArray, Interval, domain_means, intervals

KIN_SHARE = 0.25
"""Share of kin among the other models from which, with no panel declared, the unrelated ones alone are centred on. Fewer kin
hardly move the mean of a run, and one fit over all models serves all pairs of a run of a hundred models."""


class Who(Protocol):
    """The roles that the choice needs."""

    @property
    def bases(self) -> Mapping[str, str]:
        """Candidate → its base."""

    @property
    def declared_panel(self) -> tuple[str, ...]:
        """Models declared to be unrelated: the stored panel and the controls; empty for none."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What one pair is compared with.

    Attributes:
        panel: the independent models: declared ones, else every answering model that is neither of the pair, nor a base,
            nor kin of either.
        family: the kin that were kept out.
        centred_on: what the similarities are centred on: the panel where it has `FEWEST_PANEL` members and was declared, or
            kin are `KIN_SHARE` of the others; else all models that answered; empty where centring is refused, which is
            where kin outnumber a panel that is too small.
        on_panel: whether that is the panel.
    """

    panel: tuple[str, ...]
    family: tuple[str, ...]
    centred_on: tuple[str, ...]
    on_panel: bool

    @property
    def refused(self) -> bool:
        """Whether kin of the pair are most of what could be centred on."""
        return not self.centred_on and bool(self.family)


def basis_of(
    candidate: str,
    reference: str,
    roles: Who,
    kin: Mapping[str, Collection[str]],
    answering: Sequence[str],
) -> Basis:
    """The basis of one pair.

    Args:
        candidate: its label.
        reference: its label.
        roles: bases and declared panel.
        kin: label → its kin.
        answering: the models that answered.
    """
    others = [m for m in answering if m not in (candidate, reference) and m not in roles.bases.values()]
    family = tuple(m for m in others if m in kin.get(candidate, ()) or m in kin.get(reference, ()))
    declared = roles.declared_panel
    panel = tuple(m for m in others if m not in family and (not declared or m in declared))
    if len(panel) >= FEWEST_PANEL and (declared or len(family) >= KIN_SHARE * len(others) > 0):
        return Basis(panel, family, panel, True)
    refused = len(panel) < FEWEST_PANEL and len(family) > len(panel)
    return Basis(panel, family, () if refused else tuple(answering), False)


class Toward:
    """Centred similarities of every model to one reference, with intervals for those that are asked about.

    Args:
        columns: axis → ``(P, M)``.
        labels: M models.
        domains: ``(P,)``.
        weights: ``(B, P)`` from `bootstrap_weights`.
    """

    def __init__(
        self, columns: Mapping[str, FloatArray], labels: Sequence[str], domains: IntArray, weights: FloatArray
    ) -> None:
        self._columns, self._labels, self._domains, self._weights = columns, list(labels), domains, weights
        self._means: dict[str, FloatArray] = {}

    def mean(self, axis: str, label: str) -> float:
        """The centred similarity of one model; NaN where it was not compared."""
        if axis not in self._means:
            self._means[axis] = domain_means(self._columns[axis], self._domains)
        return float(self._means[axis][self._labels.index(label)])

    def interval(self, axis: str, label: str) -> Interval | None:
        """The same with its interval; None where it was not compared."""
        at = self._labels.index(label)
        return intervals(self._columns[axis][:, [at]], self._domains, self._weights)[0]

    def all(self) -> Mapping[str, Sequence[Interval | None]]:
        """Axis → intervals of every model, in the order of the labels."""
        return {axis: intervals(values, self._domains, self._weights) for axis, values in self._columns.items()}


class Excesses:
    """Similarities centred on panels, computed once for each panel and reference.

    Args:
        labels: M models.
        measured: the axes.
        domains: ``(P,)``.
        weights: ``(B, P)`` from `bootstrap_weights`.
    """

    def __init__(
        self, labels: Sequence[str], measurements: Sequence[Measured], domains: IntArray, weights: FloatArray
    ) -> None:
        self._labels, self._domains, self._weights = list(labels), domains, weights
        self._values = {m.axis.name: m.values for m in measurements if m.values is not None}
        self._effects: dict[tuple[str, ...], dict[str, FloatArray]] = {}
        self._found: dict[tuple[str, tuple[str, ...]], Toward] = {}

    def toward(self, reference: str, panel: tuple[str, ...]) -> Toward:
        """Every model's similarity to the reference, centred on a panel."""
        if (reference, panel) not in self._found:
            if panel not in self._effects:
                places = [self._labels.index(label) for label in panel]
                self._effects[panel] = {axis: effects(values, places) for axis, values in self._values.items()}
            at = self._labels.index(reference)
            columns = {axis: excess(self._values[axis], e, at) for axis, e in self._effects[panel].items()}
            self._found[reference, panel] = Toward(columns, self._labels, self._domains, self._weights)
        return self._found[reference, panel]
