"""Do two sketches of weights come from the same checkpoint, or from the same initial weights?

`mimicry_audit.engines.sketch` makes the sketches.
"""

from __future__ import annotations

import math

from mimicry_audit.records.manifest import WeightSketch

RELATED = 0.2
"""Cosine from which two checkpoints count as sharing their initial weights: some 20 standard errors above chance."""


def equal(a: WeightSketch | None, b: WeightSketch | None) -> bool | None:
    """Whether two sketches are of the same weights; None when either is missing."""
    if not a or not b or not a.get("digest") or not b.get("digest"):
        return None
    return bool(a["digest"] == b["digest"])


def cosine(a: WeightSketch | None, b: WeightSketch | None) -> float | None:
    """Cosine between two sketches; None when either is missing or the architectures differ."""
    if not a or not b or a["shapes"] != b["shapes"]:
        return None
    dot = sum(x * y for x, y in zip(a["values"], b["values"], strict=True))
    norms = math.sqrt(sum(x * x for x in a["values"]) * sum(y * y for y in b["values"]))
    return dot / norms if norms else None


def related(a: WeightSketch | None, b: WeightSketch | None) -> bool | None:
    """Whether two checkpoints share their initial weights; None when a sketch is missing.

    Checkpoints of different shapes are unrelated as fine-tunes: fine-tuning keeps the architecture.
    """
    if not a or not b:
        return None
    value = cosine(a, b)
    return value is not None and value >= RELATED
