"""An axis that compares how many question marks two answers hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.similarity.axes.base import Answer, FloatArray


class QuestionMarks:
    """1 for the same number of question marks, less the further apart: 1 / (1 + difference)."""

    name: ClassVar[str] = "question_marks"
    title: ClassVar[str] = "Question marks"
    about: ClassVar[str] = "How many questions an answer asks."
    family: ClassVar[str] = "style"
    baseline: ClassVar[bool] = False

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Count once per answer."""
        self._counts = np.array([answer.text.count("?") for answer in answers], dtype=np.float64)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """Compare the answers at `rows` with each other, ``(n, n)`` in [0, 1]."""
        counts = self._counts[list(rows)]
        similarity: FloatArray = 1.0 / (1.0 + np.abs(counts[:, None] - counts[None, :]))
        return similarity
