"""Symmetric normalisation, rank evidence and the combined score, against references of their own."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from mimicry_audit.similarity import combined as module
from mimicry_audit.similarity.combined import (
    QUESTIONS,
    RELATIONS,
    Curve,
    Readings,
    attribute,
    combine,
    curves,
    mean_matrix,
    read,
)
from mimicry_audit.similarity.measure import AXES
from mimicry_audit.similarity.normalise import FEWEST_COHORT, rank_evidence, symmetric_norm

MODELS, PROBES = 14, 40


def similarities(seed=0, kin=(), strength=0.2, models=MODELS, probes=PROBES):
    """Strangers of differing general likeness, and some pairs that are closer."""
    rng = np.random.default_rng(seed)
    likeness = rng.uniform(0.1, 0.3, models)
    values = likeness[:, None] + likeness[None, :] + rng.normal(0, 0.05, (probes, models, models))
    values = (values + values.transpose(0, 2, 1)) / 2
    for a, b in kin:
        values[:, a, b] = values[:, b, a] = values[:, a, b] + strength
    return np.clip(values, 0, 1)


def test_symmetric_norm_is_what_it_says():
    means = similarities()[0]
    mean, least = symmetric_norm(means)
    np.fill_diagonal(means, np.nan)
    i, j = 2, 9
    cohorts = [np.delete(row, at) for at, row in enumerate(means)]
    spreads = [median_abs_deviation(cohort, scale="normal") for cohort in cohorts]
    pooled = np.median(spreads)
    z = [
        (means[a, b] - np.median(cohorts[a])) / (math.sqrt((spreads[a] ** 2 + pooled**2) / 2) + 1e-3)
        for a, b in ((i, j), (j, i))
    ]
    assert mean[i, j] == pytest.approx(np.mean(z), rel=1e-3)
    assert least[i, j] == pytest.approx(min(z), rel=1e-3)
    np.testing.assert_array_equal(mean, mean.T)
    assert np.isnan(np.diag(mean)).all()


def test_symmetric_norm_does_not_care_about_scale_or_a_plain_spoken_model():
    means = similarities(kin=[(1, 2)], strength=0.4).mean(0) * 100  # so large that the smallest spread does not matter
    shifted = means.copy()
    shifted[4] += 30
    shifted[:, 4] += 30
    shifted[4, 4] -= 30
    # Every cohort's median moves a little where one of its members does; the pair's own standing must survive.
    assert symmetric_norm(means)[0][1, 2] > 2
    assert symmetric_norm(shifted)[0][1, 2] > 2
    np.testing.assert_allclose(symmetric_norm(means * 7 + 3)[0], symmetric_norm(means)[0], rtol=1e-3)


def test_a_minority_of_kin_in_the_cohort_does_not_hide_a_pair():
    alone = symmetric_norm(similarities(kin=[(0, 1)]).mean(0))[0][0, 1]
    among = symmetric_norm(similarities(kin=[(a, b) for a in range(5) for b in range(a)]).mean(0))[0][0, 1]
    plain = similarities(kin=[(a, b) for a in range(5) for b in range(a)]).mean(0)
    row = np.delete(plain[0], 0)
    classical = (plain[0, 1] - row.mean()) / row.std()
    assert among > 0.5 * alone
    assert among > 1.5 * classical


def test_too_few_models_have_no_norm():
    few = similarities(models=FEWEST_COHORT + 1)[0]
    assert np.isnan(symmetric_norm(few)[0]).all()
    enough = similarities(models=FEWEST_COHORT + 2)[0]
    assert np.isfinite(symmetric_norm(enough)[0][~np.eye(len(enough), dtype=bool)]).all()
    enough[0, 1:4] = enough[1:4, 0] = np.nan
    assert np.isnan(symmetric_norm(enough)[0][0]).all()


def test_rank_evidence_is_what_it_says():
    values = np.array([[[1, 0.9, 0.2, 0.2], [0.9, 1, 0.5, 0.1], [0.2, 0.5, 1, 0.3], [0.2, 0.1, 0.3, 1.0]]])
    found = rank_evidence(values)[0]
    # For model 0 the others rank 1, 2.5, 2.5; for model 1: 1 (model 0), 2, 3; for model 2: 1 is first, 3 second, 0 third.
    assert found[0, 1] == pytest.approx(-(math.log(1 / 3) + math.log(1 / 3)) / 2)
    assert found[0, 2] == pytest.approx(-(math.log(2.5 / 3) + math.log(3 / 3)) / 2)
    assert np.isnan(np.diag(found)).all()


def test_rank_evidence_of_strangers_is_near_one_and_misses_are_left_out():
    values = np.random.default_rng(0).uniform(size=(400, 30, 30))
    values = (values + values.transpose(0, 2, 1)) / 2
    off = ~np.eye(30, dtype=bool)
    # The mean of −ln(rank / n) over ranks 1…n is −ln(n!/nⁿ)/n, which tends to 1.
    expected = -np.mean(np.log(np.arange(1, 30) / 29))
    assert rank_evidence(values).mean(0)[off].mean() == pytest.approx(expected, abs=1e-6)
    values[0, 3, :] = values[0, :, 3] = np.nan
    found = rank_evidence(values)
    assert np.isnan(found[0, 3]).all()
    assert np.isfinite(found[0][np.ix_([0, 1, 2], [4, 5])]).all()
    assert found[0][np.ix_([0, 1, 2], [4, 5])].min() >= 0


def test_rank_evidence_hears_few_telling_probes_that_a_mean_drowns():
    values = similarities(probes=200)
    values[:12, 3, 8] = values[:12, 8, 3] = 1.0
    domains = np.zeros(200, dtype=np.int64)
    rank = symmetric_norm(mean_matrix(rank_evidence(values), domains))[0]
    value = symmetric_norm(mean_matrix(values, domains))[0]
    assert rank[3, 8] > value[3, 8]


def test_domains_weigh_the_same_and_missing_ones_are_left_out():
    values = np.stack([np.full((2, 2), x) for x in (0.0, 0.0, 0.0, 1.0)])
    assert mean_matrix(values, np.array([0, 0, 0, 1]))[0, 1] == 0.5
    values[3] = np.nan
    assert mean_matrix(values, np.array([0, 0, 0, 1]))[0, 1] == 0
    values[:] = np.nan
    assert np.isnan(mean_matrix(values, np.array([0, 0, 0, 1]))).all()


def test_combined_score_is_the_weighted_mean_of_its_readings():
    values = {"lexical": similarities(1), "style": similarities(2)}
    readings = read(values, np.zeros(PROBES, dtype=np.int64))
    curve = Curve({"lexical": 0.25}, {"lexical": 0.25, "style": 0.5}, 1.0, 0.0)
    found = combine(readings, curve)
    expected = 0.25 * readings.rank["lexical"] + 0.25 * readings.value["lexical"] + 0.5 * readings.value["style"]
    np.testing.assert_allclose(found, expected)
    half = combine(Readings({}, {"style": readings.value["style"]}), curve)
    np.testing.assert_allclose(half, readings.value["style"])
    assert combine(Readings({"lexical": readings.rank["lexical"]}, {}), curve) is None


def test_every_question_finds_a_close_pair():
    kin = similarities(5, kin=[(0, 1)])
    readings = read(dict.fromkeys(AXES, kin), np.zeros(PROBES, dtype=np.int64))
    for question, curve in curves().items():
        scores = combine(readings, curve)
        assert question in QUESTIONS
        assert np.nanargmax(scores[0]) == 1
        assert curve.log_likelihood_ratio(scores[0, 1]) > 0 > curve.log_likelihood_ratio(np.nanmedian(scores))


def test_shipped_curves_are_whole():
    stored = json.loads((Path(module.__file__).with_name("combined.json")).read_text("utf-8"))
    assert (Path(__file__).parents[2] / stored["recipe"]).is_file()
    assert set(stored["questions"]) == set(QUESTIONS) == set(RELATIONS.values())
    for question in stored["questions"].values():
        weights = [*question["rank"].values(), *question["value"].values()]
        assert sum(weights) == pytest.approx(1, abs=1e-3)
        assert {*question["rank"], *question["value"]} <= set(AXES)
        assert question["slope"] > 0
        assert {"length", "semantic"}.isdisjoint({*question["rank"], *question["value"]})


def test_attribution_is_bayes_rule():
    ratios = [1.0, -2.0, None]
    found = attribute(ratios, 0.4)
    odds = [0.2 * math.exp(1), 0.2 * math.exp(-2), 0.2, 0.4]
    np.testing.assert_allclose(found, np.array(odds) / sum(odds))
    assert attribute([800.0, -800.0])[0] == pytest.approx(1)
    for bad in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match="prior"):
            attribute(ratios, bad)
    with pytest.raises(ValueError, match="at least one reference"):
        attribute([])
