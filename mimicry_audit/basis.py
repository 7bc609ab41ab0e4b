"""What a pair is held against: its independent panel, and what its similarities are centred on.

Promise: kin of the candidate or of the reference are never part of the panel; where hardly anything but kin is left, nothing
is centred and the reason names them. Among siblings and their teacher the kinship *is* the mean: centring takes it off,
and the pairs of student and teacher end up below chance. Nothing here decides a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mimicry_audit.similarity import Measured
from mimicry_audit.similarity.base import FloatArray
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.nulls import FEWEST_PANEL, effects, excess
from mimicry_audit.statistics import IntArray, Interval, intervals

KIN_SHARE = 0.25
"""Share of kin among the other models from which, with no panel declared, the unrelated ones alone are centred on. Fewer kin
hardly move the mean of a run, and one fit over everybody serves all pairs of a run of a hundred models."""


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
    """What one pair is held against.

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


class Excesses:
    """Centred similarities to a reference, computed once for each basis and reference.

    Args:
        labels: M models.
        measured: the axes.
        domains: ``(P,)``.
        weights: ``(B, P)`` from `bootstrap_weights`.
    """

    def __init__(
        self, labels: Sequence[str], measured: Sequence[Measured], domains: IntArray, weights: FloatArray
    ) -> None:
        self._labels, self._domains, self._weights = list(labels), domains, weights
        self._values = {m.axis.name: m.values for m in measured if m.values is not None}
        self._everybody: dict[str, FloatArray] = {}
        self._effects: dict[tuple[str, ...], dict[str, FloatArray]] = {}
        self._found: dict[tuple[str, tuple[str, ...]], dict[str, list[Interval | None]]] = {}

    def toward(self, reference: str, basis: Basis) -> Mapping[str, Sequence[Interval | None]]:
        """Axis → centred similarity of every model to the reference; over all models where there is no panel to use."""
        key = reference, basis.centred_on if basis.on_panel else ()
        if key not in self._found:
            at = self._labels.index(reference)
            columns = self._on_panel(at, key[1]) if basis.on_panel else self._on_all(at)
            self._found[key] = {axis: intervals(v, self._domains, self._weights) for axis, v in columns.items()}
        return self._found[key]

    def _on_all(self, reference: int) -> dict[str, FloatArray]:
        if not self._everybody:
            self._everybody = {axis: centre(values) for axis, values in self._values.items()}
        return {axis: values[:, :, reference] for axis, values in self._everybody.items()}

    def _on_panel(self, reference: int, panel: tuple[str, ...]) -> dict[str, FloatArray]:
        if panel not in self._effects:
            places = [self._labels.index(label) for label in panel]
            self._effects[panel] = {axis: effects(values, places) for axis, values in self._values.items()}
        return {axis: excess(self._values[axis], e, reference) for axis, e in self._effects[panel].items()}
