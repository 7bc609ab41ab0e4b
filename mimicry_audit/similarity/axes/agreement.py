"""Answer agreement: do two models give the same answer, right or wrong?

Only for probes whose check can extract an answer (a number, a choice, a short text): 1 where the normalised answers are
equal, 0 where they differ, NaN where a check extracts nothing from both. Two good models agree on right answers,
so the raw value says little; centring over the models removes what all models agree on, and agreement on *wrong*
answers is what remains (the idea of CAPA, Goel et al. 2025, arXiv 2502.04313, for free text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.probes.checks.check import extract
from mimicry_audit.similarity.axes.base import Answer, FloatArray


class Agreement:
    """Equality of extracted answers."""

    name: ClassVar[str] = "answers"
    title: ClassVar[str] = "Same answer"
    about: ClassVar[str] = (
        "Whether the answers come to the same result, right or wrong, on probes with a checkable one."
    )
    family: ClassVar[str] = "answers"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._codes = np.zeros(0, dtype=np.int64)

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Extract each answer; code 0 means nothing to extract, −1 that the check has no answer to look for."""
        vocabulary: dict[str, int] = {}
        codes = []
        for answer in answers:
            check = answer.probe.check
            if check is None or check["kind"] == "constraints":
                codes.append(-1)
                continue
            extracted = extract(check, answer.text)
            codes.append(0 if extracted is None else vocabulary.setdefault(extracted, len(vocabulary) + 1))
        self._codes = np.array(codes, dtype=np.int64)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. A result agrees with no missing one; two missing ones cannot be compared."""
        codes = self._codes[list(rows)]
        if (codes < 0).any():
            return np.full((len(codes), len(codes)), np.nan)
        same = np.asarray(codes[:, None] == codes[None, :], dtype=np.float64)
        none = codes == 0
        same[np.ix_(none, none)] = np.nan
        return same
