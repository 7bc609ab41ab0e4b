"""What an axis is: one way of comparing two answers to one probe, with values in [0, 1].

Promise: an axis sees all answers once (`prepare`), then compares all answers to one probe with each other in one step
(`block`), never pair by pair in Python. It knows nothing of models, engines or verdicts. A new axis is one file with one
such class and one entry point; CONTRIBUTING.md lists what goes with it, and every axis passes the same contract test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from mimicry_audit.records.asked import Probe

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """One usable answer as an axis sees it."""

    probe: Probe
    text: str


class Axis(Protocol):
    """One way of comparing two answers.

    Attributes:
        name: short, snake_case; the key in ``scores.json``.
        title: for people.
        about: one sentence on what it sees, for the report.
        family: axes of one family count as one piece of evidence (``wording``, ``meaning``, ``style``, ``answers``).
        baseline: True for what is shown beside the axes but never counted (length).

    An axis may have an attribute ``note`` after `prepare`: one clause on answers that it could not compare, or None.
    One that may take minutes may have an attribute ``progress``, a function that `prepare` calls with how far it has come.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    family: ClassVar[str]
    baseline: ClassVar[bool]

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Encode every answer of the run, once.

        Raises:
            PrerequisiteError: what the axis needs is not installed; the axis is then reported as not measured.
        """

    def block(self, rows: Sequence[int]) -> FloatArray:
        """Similarities among the answers at `rows`, all to one probe.

        Returns:
            ``(n, n)`` symmetric, in [0, 1]; NaN where two answers cannot be compared on this axis.
        """
