"""Text overlap: how much of one answer must be rewritten to get the other.

Normalised Indel similarity (insertions and deletions; twice the longest common subsequence over the summed
lengths) on the first `WINDOW` characters, computed by RapidFuzz for all answers of a probe in one call. Many answers are
shared among the processor's cores; the numbers do not depend on how.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.similarity.base import Answer, FloatArray

_MANY = 64
"""Answers to one probe from which several cores are worth their start."""

WINDOW = 512
"""Characters compared. Lineage shows early in an answer: on public chat models 512 characters tell relatives from strangers
better than 1,500 do, at an eighth of the cost, which grows with the square of the length."""


class Edit:
    """RapidFuzz normalised Indel similarity."""

    name: ClassVar[str] = "edit"
    title: ClassVar[str] = "Text overlap (edit)"
    about: ClassVar[str] = "Share of characters that stay in place when one answer is edited into the other."
    family: ClassVar[str] = "wording"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._texts: list[str] = []

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Fold whitespace and cut to the window."""
        import rapidfuzz  # noqa: F401 (a missing package is found out before the first block)

        self._texts = [" ".join(a.text.split())[:WINDOW] for a in answers]

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`."""
        from rapidfuzz.distance import Indel
        from rapidfuzz.process import cdist

        some = [self._texts[r] for r in rows]
        workers = -1 if len(some) >= _MANY else 1
        return np.asarray(cdist(some, some, scorer=Indel.normalized_similarity, dtype=np.float64, workers=workers))
