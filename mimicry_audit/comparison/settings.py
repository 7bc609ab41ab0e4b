"""What a comparison is asked for: its sides, and the settings of an audit for all else.

Promise: nothing heavy is imported, so that a help text can read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mimicry_audit.ground.fields import describe
from mimicry_audit.workflow.audit_settings import Settings

SIDES = "Sides"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSettings:
    """One comparison; `settings` holds probes, sampling, engine options, axes and seed, as for a run."""

    before: str = field(metadata=describe("The model before training, or RUN[#LABEL].", group=SIDES, unit="A"))
    after: tuple[str, ...] = field(
        metadata=describe("The model after training; may be repeated, in order.", group=SIDES, unit="A[,…]")
    )
    reference: str = field(metadata=describe("The model it may have moved toward.", group=SIDES, unit="A", short="-r"))
    control: tuple[str, ...] = field(
        default=(),
        metadata=describe("A model unrelated to the reference; may be repeated.", group=SIDES, unit="A[,…]",
                          absent="none"),
    )  # fmt: skip
    steps: tuple[float, ...] = field(
        default=(),
        metadata=describe("A number for each --after, such as its epoch.", group=SIDES, unit="N,…", absent="none"),
    )
    settings: Settings = field(default_factory=Settings)

    def texts(self) -> list[tuple[str, str]]:
        """Role and text of every side, in the order of the report."""
        return [
            ("before", self.before),
            *(("after", text) for text in self.after),
            ("reference", self.reference),
            *(("control", text) for text in self.control),
        ]
