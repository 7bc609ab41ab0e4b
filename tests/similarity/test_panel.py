"""Panels, ceilings and floors against simulated families whose structure is known, and against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mimicry_audit.similarity.axes.base import Answer
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.measure import AXES, axis_class
from mimicry_audit.similarity.panel import (
    MISMATCHED_AXES,
    beyond_mismatched,
    effects,
    excess,
    index,
    leave_one_out,
    mismatched,
    mismatched_pairs,
    rank,
)
from mimicry_audit.statistics.intervals import bootstrap_resamples, domain_means
from mimicry_audit.verdicts.gather import gather_facts
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import decide
from tests.support.students import Voice, answers, probes, responses, world
from tests.verdicts.test_gather import material

ONE_DOMAIN = np.zeros(40, dtype=np.int64)


def additive(rng, probe_count, models, noise=0.0):
    """Similarities of the additive model, with independent noise per pair and probe."""
    b = rng.normal(0.2, 0.05, (probe_count, models))
    e = rng.normal(0, noise, (probe_count, models, models)) if noise else 0.0
    return b[:, :, None] + b[:, None, :] + (e + np.swapaxes(e, 1, 2) if noise else 0.0), b


# Centring on a panel


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 8), st.integers(1, 4), st.integers(0, 3))
def test_an_additive_table_is_fitted_exactly_also_with_gaps(seed, panel, others, gaps):
    rng = np.random.default_rng(seed)
    s, b = additive(rng, 6, panel + others)
    for _ in range(gaps if panel > 4 else 0):  # with more members than are needed, a missing pair costs nothing
        i, j = rng.choice(panel + others, 2, replace=False)
        s[2, i, j] = s[2, j, i] = np.nan
    found = effects(s, range(panel))
    known = np.isfinite(found)
    assert known[:2].all()
    np.testing.assert_allclose(found[:2], b[:2], atol=1e-9)
    if panel > 4 and gaps <= 1:
        np.testing.assert_allclose(found[known], b[known], atol=1e-9)


def test_three_members_equal_the_fit_by_hand():
    rng = np.random.default_rng(4)
    s = rng.random((5, 5, 5))
    s = (s + s.transpose(0, 2, 1)) / 2
    found = effects(s, [0, 1, 2])
    for p in range(5):
        # the panel's own three similarities have one solution; the others' effects are means over the members
        own = np.linalg.solve([[1, 1, 0], [1, 0, 1], [0, 1, 1]], [s[p, 0, 1], s[p, 0, 2], s[p, 1, 2]])
        np.testing.assert_allclose(found[p, :3], own, atol=1e-9)
        np.testing.assert_allclose(found[p, 3:], (s[p, 3:, :3] - own).mean(axis=1), atol=1e-9)


def test_too_small_a_panel_gives_nothing():
    s, _ = additive(np.random.default_rng(0), 3, 6)
    assert np.isnan(effects(s, [0, 1])).all()
    s[1, :4, :] = s[1, :, :4] = np.nan  # two of five members are left on one probe
    assert np.isnan(effects(s, range(5))[1]).all()
    assert np.isfinite(effects(s, range(5))[0]).all()


@pytest.mark.parametrize("size", [5, 8, 12])
def test_a_minority_of_kin_in_the_panel_does_not_matter(size):
    rng = np.random.default_rng(size)
    s, _ = additive(rng, 200, size + 2, noise=0.02)
    c, r = size, size + 1
    s[:, c, r] += 0.1
    s[:, r, c] += 0.1
    clean = excess(s, effects(s, range(size)), r)[:, c].mean()
    kin = size // 5  # fewer than the quarter that is trimmed
    for k in range(kin):
        s[:, k, r] += 0.5
        s[:, r, k] += 0.5
    robust = excess(s, effects(s, range(size)), r)[:, c].mean()
    plain = 0.1 - 0.5 * kin / size  # what a plain mean over the panel would leave
    assert robust == pytest.approx(clean, abs=0.02)
    assert abs(robust - 0.1) < abs(plain - 0.1) / 3


def family(seed=0, siblings=6, strangers=0, count=60):
    """A teacher, six fine-tunes of one base on its text, some with more of it and some with less, and strangers."""
    asked = probes(count)
    teacher, shared = Voice(seed + 1), Voice(seed + 2)
    given_ = {"teacher": responses("teacher", answers(teacher, asked))}
    for n in range(siblings):
        texts = answers(shared, asked, copies=teacher, dose=0.55 + 0.05 * n, seed=seed + n)
        given_[f"tune{n}"] = responses(f"tune{n}", texts)
    for n in range(strangers):
        given_[f"stranger{n}"] = responses(f"stranger{n}", answers(Voice(seed + 60 + n), asked))
    return asked, given_


DECLARED = {f"tune{n}": "root" for n in range(6)}


def siblings_roles(**more):
    return Roles(references=("teacher",), bases=dict.fromkeys(DECLARED, "root"), **more)


def with_root(asked, given_):
    return asked, given_ | {"root": responses("root", answers(Voice(2), asked))}


def test_centred_among_siblings_students_look_like_strangers_to_their_teacher():
    """Why centring over a family is refused: raw, teacher pairs stand out; centred over the family, they are the last."""
    raw, centred, independent, from_teacher = [], [], [], []
    upper = np.triu_indices(7, 1)
    for seed in (0, 100, 200):
        stuff = material(*family(seed, strangers=4), axes=("lexical",))
        values = stuff.measured[0].values
        alone = centre(values[:, :7, :7])
        effect = effects(values, range(7, 11))
        on_panel = values - effect[:, :, None] - effect[:, None, :]
        for found, array in ((raw, values), (centred, alone), (independent, on_panel)):
            found += list(domain_means(array[:, *upper], stuff.domains))
        from_teacher += list(upper[0] == 0)  # the teacher is the first model
    assert roc_auc_score(from_teacher, raw) > 0.9
    assert roc_auc_score(from_teacher, centred) < 0.6
    assert roc_auc_score(from_teacher, independent) > 0.9


def test_the_audit_refuses_the_family_and_works_with_a_panel():
    sketches = [("root", [1.0, 0.0, 0.0], "a")] + [(k, [0.0, 1.0, n / 100], f"d{n}") for n, k in enumerate(DECLARED)]

    def judged(strangers, roles):
        # the base of the siblings is declared but another model by its weights, so that no movement can be read
        resolved = {k: {"weights": {"shapes": "s", "values": v, "digest": d}} for k, v, d in sketches}
        stuff = material(*with_root(*family(0, strangers=strangers)), resolved=resolved)
        return {f.candidate: decide(f) for f in gather_facts(stuff, roles, draws=200, seed=0, min_coverage=0.95)}

    alone = judged(0, siblings_roles())
    assert {v.verdict for v in alone.values()} == {"inconclusive"}
    for label, verdict in alone.items():
        assert verdict.facts.evidence == ()
        assert verdict.facts.centred_on == ()
        assert set(verdict.facts.family) == set(DECLARED) - {label}
        assert "could only be compared with their own family" in verdict.summary
        assert set(DECLARED) - {label} <= set(verdict.reasons[0].replace(",", " ").split())
        assert "--panel" in verdict.would_change[0]
    for verdict in [v for k, v in judged(4, siblings_roles()).items() if k in DECLARED]:
        assert verdict.facts.centred_on == tuple(f"stranger{n}" for n in range(4))
        assert verdict.verdict == "inconclusive"
        assert "closer to teacher than the models' general likeness explains" in verdict.summary
        assert verdict.facts.evidence[0].p == 1 / 5


def test_without_kin_all_models_are_centred_on_and_a_declared_panel_wins():
    stuff = material(*world(1))
    roles = Roles(references=("teacher",))
    (student,) = (
        f for f in gather_facts(stuff, roles, draws=100, seed=0, min_coverage=0.95) if f.candidate == "student0"
    )
    assert student.centred_on == tuple(stuff.labels)
    declared = Roles(references=("teacher",), controls=("stranger0", "stranger1"), panel=("stranger2",))
    found = {f.candidate: f for f in gather_facts(stuff, declared, draws=100, seed=0, min_coverage=0.95)}
    assert found["student0"].centred_on == found["student0"].panel == ("stranger0", "stranger1", "stranger2")
    assert found["stranger0"].centred_on == tuple(stuff.labels)  # two others of the panel are too few
    assert "stranger2" not in found  # a stored panel's models are not judged
    values = stuff.measured[0].values
    at = stuff.labels.index
    column = excess(values, effects(values, [at(k) for k in found["student0"].panel]), at("teacher"))
    expected = domain_means(column, stuff.domains)[at("student0")]
    assert found["student0"].evidence[0].estimate.value == pytest.approx(expected)


# The panel as a null


def test_rank_and_its_floor():
    found = rank(0.5, [0.1, 0.2, 0.5, 0.7])
    assert (found.p, found.floor) == (3 / 5, 1 / 5)
    assert rank(0.9, [0.1] * 7).p == rank(0.9, [0.1] * 7).floor == 1 / 8
    assert rank(0.3, []).p == 1.0
    assert rank(1.0, [0.1, 0.1, 0.1]).z is None  # no spread
    middle, spread = np.median([1, 2, 3, 5]), 1.4826 * np.median(np.abs(np.array([1, 2, 3, 5]) - 2.5))
    assert rank(7, [1, 2, 3, 5]).z == pytest.approx((7 - middle) / spread)


def test_leave_one_out_ranks_are_uniform_and_z_tells_who_stands_out():
    values = {"a": 0.1, "b": 0.12, "c": 0.14, "d": 0.11, "kin": 0.8}
    found = leave_one_out(values)
    assert sorted(n.p for n in found.values()) == pytest.approx([k / 5 for k in range(1, 6)])
    assert found["kin"].z > 20
    assert max(n.z for k, n in found.items() if k != "kin") < 3


# Answers to other questions


def test_mismatched_pairs_stay_in_their_domain_and_use_each_probe_once():
    domains = np.array([0] * 50 + [1] * 7 + [2])
    pairs = mismatched_pairs(domains, most=20)
    assert all(p != q and domains[p] == domains[q] for p, q in pairs)
    assert len({p for p, _ in pairs}) == len(pairs) == 10 + 7
    assert pairs == mismatched_pairs(domains, most=20)
    assert mismatched_pairs(np.array([0])) == []


@pytest.mark.parametrize("name", ["lexical", "opening", "style", "length"])
def test_mismatched_similarities_are_those_of_the_single_answers(name):
    asked = probes(4)
    texts = {(m, p): Voice(m).answer(asked[p], 0) for m in range(3) for p in range(4)}
    del texts[2, 1]
    keys = list(texts)
    axis = axis_class(name)()
    axis.prepare([Answer(asked[p], texts[m, p]) for m, p in keys])
    owners = [[(m, keys.index((m, q))) for m in range(3) if (m, q) in texts] for q in range(4)]
    found = mismatched(axis, owners, [(0, 1), (3, 2)], 3)
    for at, (p, q) in enumerate([(0, 1), (3, 2)]):
        for i in range(3):
            for j in range(3):
                both = (
                    [(keys.index((i, p)), keys.index((j, q))), (keys.index((j, p)), keys.index((i, q)))]
                    if ({(i, q), (j, q)} <= set(texts))
                    else []
                )
                if both:
                    expected = np.mean([axis.block(list(rows))[0, 1] for rows in both])
                    assert found[at, i, j] == pytest.approx(expected)
                else:
                    assert np.isnan(found[at, i, j])


def test_beyond_mismatched_is_the_difference_of_means_and_its_bootstrap():
    rng = np.random.default_rng(0)
    domains = np.array([0] * 20 + [1] * 20)
    matched, pairs = rng.normal(0.6, 0.1, 40), mismatched_pairs(np.array([0] * 20 + [1] * 20), most=24)
    crossed = rng.normal(0.2, 0.1, len(pairs))
    weights = bootstrap_resamples(domains, 500, 0)
    found = beyond_mismatched(matched, crossed, pairs, domains, weights)
    halves = [np.mean([x for x, (p, _) in zip(crossed, pairs, strict=True) if domains[p] == d]) for d in (0, 1)]
    assert found.value == pytest.approx((matched[:20].mean() + matched[20:].mean()) / 2 - np.mean(halves))
    assert found.low < found.value < found.high
    assert found.low > 0.3


# Between floor and ceiling


def test_index_is_linear_between_floor_and_ceiling():
    rng = np.random.default_rng(1)
    panel = rng.normal(0.3, 0.05, (40, 5))
    ceiling = rng.normal(0.8, 0.05, 40)
    weights = bootstrap_resamples(ONE_DOMAIN, 400, 0)
    for share in (0.0, 0.25, 1.0, 1.2):
        s = panel.mean(axis=1) + share * (ceiling - panel.mean(axis=1))
        found = index(s, panel, ceiling, ONE_DOMAIN, weights)
        assert found.interval.value == pytest.approx(100 * share)
        # numerator and denominator are drawn together, so a share that holds on every probe has no spread
        assert found.interval.low == pytest.approx(100 * share, abs=1e-6)
        assert found.interval.high == pytest.approx(100 * share, abs=1e-6)
        assert found.floor == pytest.approx(panel.mean())
        assert found.ceiling == pytest.approx(ceiling.mean())


def test_index_interval_is_the_percentile_of_the_drawn_ratio():
    rng = np.random.default_rng(2)
    panel, s, ceiling = rng.random((40, 3)) * 0.4, rng.random(40) * 0.3 + 0.4, rng.random(40) * 0.2 + 0.8
    weights = bootstrap_resamples(ONE_DOMAIN, 300, 1)
    found = index(s, panel, ceiling, ONE_DOMAIN, weights).interval
    mean = weights / weights.sum(axis=1, keepdims=True)
    low = (mean @ panel).mean(axis=1)
    ratio = 100 * (mean @ s - low) / (mean @ ceiling - low)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(ratio, [2.5, 97.5])))


def test_no_index_without_panel_or_ceiling():
    weights = bootstrap_resamples(ONE_DOMAIN, 50, 0)
    s, nothing = np.full(40, 0.5), np.full(40, np.nan)
    assert index(s, np.zeros((40, 0)), np.ones(40), ONE_DOMAIN, weights) is None
    found = index(s, np.full((40, 2), 0.2), nothing, ONE_DOMAIN, weights)
    assert (found.interval, found.floor, found.ceiling) == (None, pytest.approx(0.2), None)
    assert index(s, np.full((40, 2), 0.79), np.full(40, 0.8), ONE_DOMAIN, weights).interval is None


def test_every_axis_is_held_against_answers_to_other_questions_or_cannot_be() -> None:
    counted = {name for name in AXES if not axis_class(name).baseline}
    assert counted == MISMATCHED_AXES | {"answers", "wrong"}  # whose results belong to their probe
