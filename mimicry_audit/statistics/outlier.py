"""Is one of several values beyond the others? The prediction test for a single further observation.

Everything else in this package asks how sure a mean over *probes* is. Here the sample are the *others*: were the first value of
a kind with them, where would it lie? (Hahn 1970, "Additional factors for calculating prediction intervals for samples from a
normal distribution"; the statistic is that of a two-sample t-test with one observation on one side.)

Promise: no parameter is fitted; what is missing (NaN) counts as not there.
"""

from __future__ import annotations

import numpy as np

from mimicry_audit.statistics.intervals import FloatArray


def prediction_t(values: FloatArray) -> FloatArray:
    """How far the first value lies above the others, in standard errors of a prediction.

    Args:
        values: ``(…, 1 + C)``: the value in question, then C ≥ 2 others.

    Returns:
        ``(…,)`` Student's t with C − 1 degrees of freedom if the first value is one of the kind; NaN where it, or all but one
        of the others, is missing, infinite where the others are all equal.
    """
    first, others = values[..., 0], values[..., 1:]
    count = np.isfinite(others).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(np.isfinite(others), others, 0.0).sum(axis=-1) / count
        squares = np.where(np.isfinite(others), (others - mean[..., None]) ** 2, 0.0).sum(axis=-1)
        spread = np.sqrt(squares / (count - 1) * (1 + 1 / count))
        return np.asarray(np.where(count >= 2, (first - mean) / spread, np.nan))


def prediction_p(t: float, others: int) -> float:
    """One-sided p-value of `prediction_t`: how often one more of `others` exchangeable values lies so far above them."""
    from scipy.stats import t as student

    return float(student.sf(t, others - 1))
