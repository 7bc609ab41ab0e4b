"""Distillation: a student is trained on a teacher's answers, and its checkpoint records that.

Promise: `distill` leaves a folder that every engine loads, with a lineage manifest that an audit reads as ground truth; the
same settings again finish what a crash left, and do nothing to what is finished. Importing this package loads next to
nothing.

    from mimicry_audit.distill import DistillSettings, distill

    distill(DistillSettings(teacher="lab/aria", student="lab/base", data="lab", out=Path("mine"), objective="forward-kl"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mimicry_audit.distill.settings import DistillSettings

if TYPE_CHECKING:
    from mimicry_audit.distill.pipeline import Distilled, distill

__all__ = ["DistillSettings", "Distilled", "distill"]


def __getattr__(name: str) -> object:
    """Load the pipeline when one of its names is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mimicry_audit.distill import pipeline

    value: object = getattr(pipeline, name)
    globals()[name] = value
    return value
