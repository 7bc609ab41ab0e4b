"""How a run is scored: roles, axes and statistics."""

from __future__ import annotations

from dataclasses import dataclass, field

from mimicry_audit.similarity.measure import AXES
from mimicry_audit.statistics.intervals import DRAWS
from mimicry_audit.verdicts.roles import Roles


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringOptions:
    """How a run is scored.

    Attributes:
        roles: references, bases and controls.
        axes: names of the axes to measure.
        embedding_model: of the semantic axis; None for its default.
        draws: bootstrap draws and permutations.
        seed: of both.
        min_coverage: least share of probes both models of a pair must have answered.
    """

    roles: Roles = field(default_factory=Roles)
    axes: tuple[str, ...] = field(default_factory=lambda: AXES.own)
    embedding_model: str | None = None
    draws: int = DRAWS
    seed: int = 0
    min_coverage: float = 0.95
