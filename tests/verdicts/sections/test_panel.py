"""What is said of a pair among its panel."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np

from mimicry_audit.verdicts.pairwise import OVERALL, mean_of
from mimicry_audit.verdicts.sections.panel import _PanelStandings


def test_the_mean_over_the_axes_never_holds_all_of_them_at_once() -> None:
    axes, probes, models = 12, 40, 60
    rng = np.random.default_rng(0)
    arrays = [rng.random((probes, models, models)) for _ in range(axes)]
    arrays[0][3] = np.nan
    measured = [
        SimpleNamespace(axis=SimpleNamespace(name=f"axis-{n}", baseline=False), values=values, mismatched=None)
        for n, values in enumerate(arrays)
    ]
    material: Any = SimpleNamespace(
        labels=[f"m{n}" for n in range(models)], domains=np.zeros(probes, dtype=np.int64), measured=measured
    )
    tracemalloc.start()
    try:
        board = _PanelStandings(material, np.ones((2, probes)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < axes / 2 * arrays[0].nbytes
    np.testing.assert_array_equal(board.values[OVERALL], mean_of(arrays))
    np.testing.assert_allclose(board.values[OVERALL], np.nanmean(np.stack(arrays), axis=0))
