"""Distillation by evolving data: the teacher reads where the student fails and writes what it should learn next.

Promise: `evolve` leaves a checkpoint with a lineage manifest, as `mimicry_audit.distill.distill` does, and a journal with every
call to the teacher and every round; the same settings again finish what a crash left, with the same weights. Importing this
package loads next to nothing.

The loop follows C. Liu et al., *Evolving Knowledge Distillation with Large Language Models and Active Learning*, 2024. The
prompts are our own, and so are the two strategies that it is compared with.

    from mimicry_audit.distill.evolve import EvolveSettings, evolve

    evolve(EvolveSettings(teacher="expert/intents", student="lab/base", data="expert/intents", task="classification",
                          out=Path("mine")))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mimicry_audit.distill.evolve.settings import EvolveSettings

if TYPE_CHECKING:
    from mimicry_audit.distill.evolve.pipeline import Evolved, evolve

__all__ = ["EvolveSettings", "Evolved", "evolve"]


def __getattr__(name: str) -> object:
    """Load the pipeline when one of its names is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mimicry_audit.distill.evolve import pipeline

    value: object = getattr(pipeline, name)
    globals()[name] = value
    return value
