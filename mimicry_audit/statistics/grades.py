"""What can be computed from a judge's grades: means on the paper's scale, likeness in [0, 1], agreement of two judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimicry_audit.statistics.intervals import FloatArray

LOWEST, HIGHEST = 1, 5
ASPECTS = ("style", "logic", "content", "overall")


def rse(dataset_means: Mapping[str, float]) -> float:
    """Response similarity after Lee et al. 2025: the unweighted mean of the data sets' mean grades.

    Args:
        dataset_means: data set → mean grade on the scale 1 … 5.

    Raises:
        ValueError: no data set is given.
    """
    if not dataset_means:
        raise ValueError("a mean of no data sets")
    return sum(dataset_means.values()) / len(dataset_means)


def likeness(overall: float) -> float:
    """The overall grade in the units of an axis: 1 … 5 becomes 0 … 1."""
    return (overall - LOWEST) / (HIGHEST - LOWEST)


def quadratic_kappa(first: FloatArray, second: FloatArray) -> float | None:
    """Agreement of two judges beyond chance, disagreements weighing by their square (Cohen 1968).

    Args:
        first: ``(N,)`` grades of one judge, whole numbers from 1 to 5.
        second: ``(N,)`` grades of the other on the same presentations.

    Returns:
        1 for full agreement, 0 for what chance gives. None where chance would disagree on nothing, because both judges
        gave one and the same grade throughout, or grades are missing.
    """
    import numpy as np

    if not len(first):
        return None
    # With squared weights the expected disagreement needs the two margins only: E(a − b)² over independent a and b.
    observed = float(np.mean((first - second) ** 2))
    expected = float(np.var(first) + np.var(second) + (np.mean(first) - np.mean(second)) ** 2)
    return 1.0 - observed / expected if expected > 0 else None
