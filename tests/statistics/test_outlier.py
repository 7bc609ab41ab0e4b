"""The prediction test agrees with scipy's two-sample t-test, and keeps its rate of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mimicry_audit.statistics.outlier import prediction_p, prediction_t


@pytest.mark.parametrize("others", [2, 5, 11, 40])
def test_it_is_the_t_test_of_one_against_the_others(others: int) -> None:
    values = np.random.default_rng(others).normal(size=(20, 1 + others)) + np.r_[1.5, np.zeros(others)]
    wanted = stats.ttest_ind(values[:, :1], values[:, 1:], axis=1, alternative="greater")
    np.testing.assert_allclose(prediction_t(values), wanted.statistic, rtol=1e-10)
    np.testing.assert_allclose([prediction_p(t, others) for t in prediction_t(values)], wanted.pvalue, rtol=1e-8)


def test_what_is_missing_is_not_there() -> None:
    values = np.array([[3.0, 1.0, np.nan, 2.0, 0.0], [np.nan, 1.0, 2.0, 3.0, 4.0], [1.0, np.nan, np.nan, np.nan, 2.0]])
    found = prediction_t(values)
    assert found[0] == pytest.approx(prediction_t(np.array([3.0, 1.0, 2.0, 0.0])))
    assert np.isnan(found[1:]).all()


def test_false_alarms_come_as_often_as_stated() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 9))
    alarms = np.mean([prediction_p(t, 8) < 0.01 for t in prediction_t(values)])
    assert 0.007 < alarms < 0.013
