"""Agreement beyond chance, against what it must be on made-up answers."""

from __future__ import annotations

import numpy as np
import pytest

from mimicry_audit.similarity.chance import beyond_chance
from mimicry_audit.statistics.intervals import bootstrap_resamples

PROBES, OPTIONS = 600, 4


def agreement(answers):
    return (answers[:, :, None] == answers[:, None, :]).astype(float)


def kappa(answers, i=0, j=1, domains=None):
    domains = np.zeros(len(answers), dtype=np.int64) if domains is None else domains
    return beyond_chance(agreement(answers), i, j, domains, bootstrap_resamples(domains, 300, 0))


def test_models_that_are_alike_only_as_everybody_is_have_none():
    """Everybody is right half of the time and falls for one popular mistake: much agreement, none of it telling."""
    rng = np.random.default_rng(0)
    answers = np.where(rng.uniform(size=(PROBES, 8)) < 0.5, 0, np.where(rng.uniform(size=(PROBES, 8)) < 0.7, 1, 2))
    observed, expected, found = kappa(answers)
    assert observed > 0.35
    assert expected == pytest.approx(observed, abs=0.05)
    assert found.low < 0 < found.high


def test_a_copy_has_one_and_a_half_copy_about_half():
    rng = np.random.default_rng(1)
    answers = rng.integers(0, OPTIONS, (PROBES, 8))
    answers[:, 1] = answers[:, 0]
    observed, expected, found = kappa(answers)
    assert (observed, found.value) == (1, 1)
    assert expected == pytest.approx(1 / OPTIONS, abs=0.03)
    half = rng.uniform(size=PROBES) < 0.5
    answers[:, 1] = np.where(half, answers[:, 0], rng.integers(0, OPTIONS, PROBES))
    assert kappa(answers)[2].value == pytest.approx(0.5, abs=0.06)


def test_it_is_cohens_kappa_where_the_panel_answers_by_the_same_odds():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(2)
    answers = rng.choice(3, p=[0.6, 0.3, 0.1], size=(5000, 40))
    copied = rng.uniform(size=5000) < 0.4
    answers[copied, 1] = answers[copied, 0]
    assert kappa(answers)[2].value == pytest.approx(cohen_kappa_score(answers[:, 0], answers[:, 1]), abs=0.01)


def test_nothing_is_said_without_a_panel_or_where_all_agree():
    answers = np.random.default_rng(3).integers(0, OPTIONS, (PROBES, 3))
    assert kappa(answers) is None  # one other model is no panel
    assert kappa(np.zeros((PROBES, 6), dtype=int)) is None
    values = agreement(np.random.default_rng(4).integers(0, OPTIONS, (PROBES, 6)))
    values[:, 0, 1] = values[:, 1, 0] = np.nan
    domains = np.zeros(PROBES, dtype=np.int64)
    assert beyond_chance(values, 0, 1, domains, bootstrap_resamples(domains, 50, 0)) is None
