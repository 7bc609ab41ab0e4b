"""Detection measures against scikit-learn and by hand; attribution and the lineage table on data with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mimicry_audit.statistics.detection import auc, auc_interval, reliability, tpr_at_fpr
from mimicry_audit.verdicts.attribution import Case, Ranking, evaluate, rank


@pytest.mark.parametrize("seed", range(5))
def test_auc_equals_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    positive, negative = np.round(rng.normal(1, 1, 40), 1), np.round(rng.normal(0, 1, 70), 1)  # with ties
    truth = np.repeat([1, 0], [40, 70])
    assert auc(positive, negative) == pytest.approx(roc_auc_score(truth, np.concatenate([positive, negative])))


def test_auc_interval_covers_and_knows_of_clusters():
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(60):
        positive, negative = rng.normal(1, 1, 60), rng.normal(0, 1, 60)
        names = ([str(i) for i in range(60)], [str(i) for i in range(60)])
        found = auc_interval(positive, negative, names, draws=300, seed=trial)
        inside += found.low <= 0.7602 <= found.high  # Φ(1/√2)
    assert inside >= 50
    repeated = np.repeat(rng.normal(1, 1, 6), 20)
    one_student_each = auc_interval(repeated, negative, ([str(i) for i in range(120)], names[1]), seed=1)
    twenty_each = auc_interval(repeated, negative, ([f"s{i // 20}" for i in range(120)], names[1]), seed=1)
    assert twenty_each.high - twenty_each.low > 1.5 * (one_student_each.high - one_student_each.low)
    assert auc_interval(np.zeros(0), negative, ([], names[1])) is None


def test_share_found_at_few_false_alarms():
    negative = np.arange(200.0)
    assert (
        tpr_at_fpr(np.array([196.5, 197.5, 198.5, 50.0]), negative) == 0.5
    )  # two of 200 may stand above: 197 does not
    assert tpr_at_fpr(np.array([5.0]), np.array([1.0, 2.0])) == 1.0
    assert tpr_at_fpr(np.array([2.0]), np.array([1.0, 2.0])) == 0.0  # with two strangers none may stand above
    assert np.isnan(tpr_at_fpr(np.zeros(0), negative))


def test_reliability_table_says_what_happened():
    rng = np.random.default_rng(0)
    promised = rng.uniform(size=20000)
    happened = (rng.uniform(size=20000) < promised).astype(float)
    table = reliability(promised, happened, bins=5)
    assert [row["n"] for row in table] == list(np.histogram(promised, bins=5, range=(0, 1))[0])
    for row in table:
        assert row["observed"] == pytest.approx(row["promised"], abs=0.03)
    assert reliability(np.array([1.0]), np.array([1.0])) == [
        {"low": 0.8, "high": 1.0, "promised": 1.0, "observed": 1.0, "n": 1}
    ]


def test_ranking_follows_the_scores_and_leaves_room_for_none():
    labels = ["s", "t", "u", "v"]
    scores = np.full((4, 4), np.nan)
    scores[0, 1:] = [3.0, -1.0, np.nan]
    found = rank("s", ["u", "v", "t"], labels, scores)
    assert found.references == ("t", "v", "u")
    assert sum(found.probabilities) + found.none == pytest.approx(1)
    assert found.as_dict()["ranked"][0]["reference"] == "t"
    strangers = np.full((4, 4), -3.0)
    assert rank("s", ["t", "u"], labels, strangers).none > 0.9
    assert rank("s", ["t"], labels, np.full((4, 4), np.nan)) is None


def test_attribution_is_balanced_over_teachers():
    """Nine students of one teacher named rightly and one of another wrongly: half, not nine tenths."""

    def case(name, teacher, first):
        other = "b" if first == "a" else "a"
        return Case(Ranking(name, (first, other, "c"), (0.5, 0.2, 0.1), 0.2), frozenset({teacher}))

    cases = [case(f"s{i}", "a", "a") for i in range(9)] + [case("t", "b", "a")]
    found = evaluate(cases, {"a": "A Ltd", "b": "A Ltd", "c": "C Ltd"})
    assert (found["students"], found["teachers"]) == (10, 2)
    assert found["top1"] == 0.5
    assert found["developer_top1"] == 1.0
    assert found["mrr"] == 0.75
    assert found["majority"] == {"top1": 0.5, "developer_top1": 1.0, "mrr": 0.75}
    stranger = Case(Ranking("x", ("a",), (0.1,), 0.9), frozenset())
    alone = evaluate([stranger], {})
    assert alone["top1"] is None
    assert [row["observed"] for row in alone["reliability"]] == [0.0, 1.0]
