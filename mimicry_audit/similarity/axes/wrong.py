"""The same mistake: when two models both err, do they give the same wrong answer?

Only for probes whose check decides right or wrong: 1 where both answers are wrong and the same, 0 where both are wrong
and differ, NaN where one is right or gives no result. Two good models agree because they are right, which says nothing
about kinship; agreement between wrong answers does (CAPA, Goel et al. 2025, arXiv 2502.04313; the correlated errors of
Kim et al. 2025). Unrelated models share many mistakes too, so the panel, not the number of options, says what is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.probes.checks.check import correct, extract
from mimicry_audit.similarity.axes.base import Answer, FloatArray


class Wrong:
    """Equality of extracted answers where both are wrong."""

    name: ClassVar[str] = "wrong"
    title: ClassVar[str] = "Same mistake"
    about: ClassVar[str] = (
        "Where both models err on a probe with a checkable result, whether they give the same wrong one."
    )
    family: ClassVar[str] = "answers"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._codes = np.zeros(0, dtype=np.int64)

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Number the wrong results; 0 where the answer is right, gives no result or cannot be checked."""
        vocabulary: dict[tuple[str, str], int] = {}
        self._codes = np.array([_answer_code(a, vocabulary) for a in answers], dtype=np.int64)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`."""
        codes = self._codes[list(rows)]
        same = np.asarray(codes[:, None] == codes[None, :], dtype=np.float64)
        right = codes == 0
        same[right, :] = np.nan
        same[:, right] = np.nan
        return same


def _answer_code(answer: Answer, vocabulary: dict[tuple[str, str], int]) -> int:
    check = answer.probe.check
    if check is None or check["kind"] == "constraints":
        return 0
    extracted = extract(check, answer.text)
    if extracted is None or correct(check, answer.text):
        return 0
    return vocabulary.setdefault((answer.probe.id, extracted), len(vocabulary) + 1)
