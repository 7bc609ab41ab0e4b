"""Is one pair of a round robin closer than its two members explain? The prediction test for a single further pair.

Where every member of a group was held against every other, a pair's value is made of what each of the two brings to all its
pairs, and what the two share beyond that (the social relations model: Warner, Kenny & Stoto 1979, "A new round robin
analysis of variance for social interaction data"; here for symmetric values). The pairs other than the one in question show how
large the last part usually is; the test is that of a further observation in a linear model (Hahn 1970).

Promise: no parameter is carried over from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimicry_audit.statistics.intervals import FloatArray


class RoundRobin:
    """The test for one set of pairs.

    Args:
        members: how many were held against each other.
        asked: the pairs in question; their mean is tested.
        left_out: pairs that are neither tested nor among those that show what is usual.

    Attributes:
        freedom: degrees of freedom; below 1, nothing can be said.
    """

    def __init__(
        self, members: int, asked: Sequence[tuple[int, int]], left_out: Sequence[tuple[int, int]] = ()
    ) -> None:
        apart = {frozenset(pair) for pair in (*asked, *left_out)}
        self._usual = [(a, b) for a in range(members) for b in range(a) if frozenset((a, b)) not in apart]
        self._asked = list(asked)
        design = _design(members, self._usual)
        inverse = np.linalg.pinv(design)
        question = _design(members, self._asked).mean(axis=0)
        self.freedom = len(self._usual) - int(np.linalg.matrix_rank(design)) if self._usual else 0
        known = bool(np.allclose(question @ inverse @ design, question))
        self.freedom = self.freedom if known else 0  # a member that has no other pair brings what nobody knows
        self._predict = question @ inverse
        self._residual = np.eye(len(self._usual)) - design @ inverse
        # The pairs in question share members, so their mean is taken to be as uncertain as one pair.
        self._widening = float(np.sqrt(1 + self._predict @ self._predict))

    def spread(self, values: FloatArray) -> FloatArray:
        """How large, as a standard deviation, what two members share usually is: ``(…, M, M)`` to ``(…,)``."""
        residual = self._pairs(values, self._usual) @ self._residual
        return np.asarray(np.sqrt((residual**2).sum(axis=-1) / self.freedom))

    def t(self, values: FloatArray) -> FloatArray:
        """How far the pairs in question lie above what their members explain, in standard errors of a prediction.

        Args:
            values: ``(…, M, M)`` symmetric; the diagonal is not read.

        Returns:
            ``(…,)`` Student's t with `freedom` degrees of freedom if the pair is one of the kind; NaN where a pair is missing.
        """
        above = self._pairs(values, self._asked).mean(axis=-1) - self._pairs(values, self._usual) @ self._predict
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(above / (self.spread(values) * self._widening))

    def p(self, t: float) -> float:
        """One-sided p-value of a `t`."""
        from scipy.stats import t as student

        return float(student.sf(t, self.freedom))

    @staticmethod
    def _pairs(values: FloatArray, pairs: Sequence[tuple[int, int]]) -> FloatArray:
        return np.stack([values[..., a, b] for a, b in pairs], axis=-1)


def _design(members: int, pairs: Sequence[tuple[int, int]]) -> FloatArray:
    """``(pairs, members)``: 1 where a member takes part; the mean is in it, for every pair has two."""
    design = np.zeros((len(pairs), members))
    for row, (a, b) in enumerate(pairs):
        design[row, [a, b]] = 1
    return design
