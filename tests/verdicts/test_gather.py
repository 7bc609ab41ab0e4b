"""From answers to verdicts: which pairs, against which controls, and what made-up students and strangers come to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.similarity.passages import Passages
from mimicry_audit.statistics.intervals import holm
from mimicry_audit.verdicts.gather import gather_facts, judged_pairs
from mimicry_audit.verdicts.material import Material
from mimicry_audit.verdicts.rivals import settle_rivals
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import decide
from tests.support.known_models import models_in_run
from tests.support.students import Voice, answers, responses, world

AXES = ("lexical", "early", "opening", "style", "answers", "length")
SKETCH = {"shapes": "s", "values": [1.0, 2.0, -1.0], "digest": "d1"}
NEAR = {"shapes": "s", "values": [1.1, 2.0, -1.0], "digest": "d2"}
FAR = {"shapes": "s", "values": [2.0, -1.0, 0.0], "digest": "d3"}


def material(asked, given, *, resolved=None, axes=AXES):
    labels = list(given)
    domains = list(dict.fromkeys(p.domain for p in asked))
    texts = {label: {r.probe_id: r.text for r in mine if r.usable} for label, mine in given.items()}
    return Material(
        labels=labels,
        domains=np.array([domains.index(p.domain) for p in asked]),
        measured=measure_axes(asked, labels, given, axes=axes),
        texts=texts,
        answered=np.array([[float(p.id in texts[label]) for label in labels] for p in asked]),
        models=models_in_run(resolved or {}, labels),
        claims={},
        passages=Passages(asked, given),
    )


def verdicts(stuff, roles, draws=400):
    found = gather_facts(stuff, roles, draws=draws, seed=0, min_coverage=0.95)
    return {
        (v.facts.candidate, v.facts.reference): v
        for v in settle_rivals([decide(f) for f in found], stuff, draws=draws, seed=0)
    }


TEACHER = Roles(references=("teacher",), bases={"*": "base"})


@pytest.mark.parametrize("seeds", [range(0, 10), range(10, 20)])
def test_students_are_found_and_nobody_else(seeds):
    for seed in seeds:
        found = verdicts(material(*world(seed)), TEACHER)
        assert found["student0", "teacher"].verdict == "distilled"
        for (candidate, _), verdict in found.items():
            if candidate != "student0":
                assert verdict.verdict in ("no evidence", "convergent", "inconclusive"), (seed, candidate)
            assert verdict.reasons
            assert verdict.would_change


def test_a_weak_dose_gives_no_false_alarm_and_no_base_no_distilled():
    for seed in range(3):
        asked, given = world(seed)
        for verdict in verdicts(material(asked, given), Roles(references=("teacher",))).values():
            assert verdict.verdict not in ("distilled", "shared base")


def test_two_models_are_inconclusive():
    asked, given = world(1)
    (verdict,) = verdicts(material(asked, {k: given[k] for k in ("teacher", "student0")}), Roles()).values()
    assert verdict.verdict == "inconclusive"
    assert any("Add at least 3 unrelated models" in w for w in verdict.would_change)


def pairs(roles, labels=("a", "b", "c", "base"), resolved=None):
    stuff = Material(
        labels=labels, domains=np.zeros(0, int), measured=[], texts={}, answered=np.zeros((0, len(labels))),
        models=models_in_run(resolved or {}, labels), claims={},
    )  # fmt: skip
    return list(judged_pairs(labels, roles, stuff))


def test_judged_pairs_with_references():
    assert pairs(Roles(references=("a",), bases={"*": "base"})) == [("b", "a"), ("c", "a")]
    assert pairs(Roles(references=("a", "b"))) == [("c", "a"), ("base", "a"), ("c", "b"), ("base", "b")]


def test_judged_pairs_without_references():
    assert pairs(Roles(), labels=("a", "b", "c")) == [("b", "a"), ("c", "a"), ("c", "b")]
    assert pairs(Roles(bases={"a": "base"})) == [("a", "b"), ("a", "c"), ("c", "b")]
    assert set(pairs(Roles(bases={"*": "base"}))) == {(x, y) for x in "abc" for y in "abc" if x != y}
    contradicted = {"a": {"weights": SKETCH}, "base": {"weights": FAR}}
    assert pairs(Roles(bases={"a": "base"}), resolved=contradicted) == [("b", "a"), ("c", "a"), ("c", "b")]


@pytest.mark.parametrize(
    ("roles", "wrong"),
    [
        (Roles(references=("z",)), "--reference z"),
        (Roles(controls=("z",)), "--control z"),
        (Roles(bases={"a": "z"}), "--base z"),
        (Roles(bases={"z": "a"}), "--base z"),
        (Roles(references=("a",), bases={"b": "a"}), "both --reference and --base"),
        (Roles(references=("a", "b")), "every model is a reference"),
    ],
)
def test_wrong_roles_are_refused(roles, wrong):
    with pytest.raises(ConfigError, match=wrong):
        roles.check(["a", "b"])


def test_controls_leave_out_the_pair_its_base_and_the_silent():
    asked, given = world(2)
    given["stranger2"] = [replace(r, status="error", text="") for r in given["stranger2"]]
    stuff = material(asked, given)
    found = {f.candidate: f for f in gather_facts(stuff, TEACHER, draws=100, seed=0, min_coverage=0.95)}
    assert found["student0"].controls == ("tuned", "stranger0", "stranger1")
    assert found["student0"].models == 6
    chosen = Roles(references=("teacher",), bases={"*": "base"}, controls=("tuned", "student0"))
    found = {f.candidate: f for f in gather_facts(stuff, chosen, draws=100, seed=0, min_coverage=0.95)}
    assert found["student0"].controls == ("tuned",)
    assert found["stranger0"].controls == ("tuned", "student0")


def test_a_listed_model_that_is_silent_is_no_comparison():
    asked, given = world(3, strangers=2)
    for label in ("stranger0", "stranger1"):
        given[label] = []
    found = verdicts(material(asked, given), TEACHER)["student0", "teacher"]
    assert found.verdict == "inconclusive"
    assert "Only 4 models answered" in found.reasons[0]


def test_missing_answers_are_inconclusive():
    asked, given = world(4)
    given["student0"] = given["student0"][:40]
    found = verdicts(material(asked, given), TEACHER)["student0", "teacher"]
    assert found.verdict == "inconclusive"
    assert found.facts.n == 40
    assert found.facts.coverage == pytest.approx(40 / 60)


def test_weights_confirm_and_contradict_a_base():
    asked, given = world(5)
    near = {"student0": {"weights": NEAR}, "base": {"weights": SKETCH}}
    found = verdicts(material(asked, given, resolved=near), TEACHER)["student0", "teacher"]
    assert found.verdict == "distilled"
    assert any("weights confirm base" in r for r in found.reasons)
    far = {"student0": {"weights": FAR}, "base": {"weights": SKETCH}}
    found = verdicts(material(asked, given, resolved=far), TEACHER)["student0", "teacher"]
    assert found.verdict == "inconclusive"
    assert any("base is not the base of student0" in r for r in found.reasons)


def pin(revision, engine="transformers 5", **extra):
    return {"identity": {"revision": revision, "engine_version": engine, "extra": extra}}


@pytest.mark.parametrize(
    ("candidate", "reference", "same"),
    [
        ({"weights": SKETCH}, {"weights": SKETCH}, True),
        ({"weights": SKETCH}, {"weights": SKETCH | {"digest": "other"}}, False),
        (pin("sha256:1"), pin("sha256:1", "vllm 0.3"), True),
        (pin("c1"), pin("c2"), None),
        (pin("c1", adapter="x", adapter_revision="1"), pin("c1"), None),
        (pin("sha256:1", "recorded"), pin("sha256:1", "recorded"), None),
        (pin(None), pin(None), None),
        ({}, {}, None),
    ],
)
def test_equal_weights(candidate, reference, same):
    asked, given = world(6)
    stuff = material(asked, given, resolved={"student0": candidate, "teacher": reference}, axes=("length",))
    (found,) = (
        f for f in gather_facts(stuff, TEACHER, draws=20, seed=0, min_coverage=0.95) if f.candidate == "student0"
    )
    assert found.equal_weights is same
    assert (decide(found).verdict == "same model") is (same is True)


def test_holm_runs_over_all_pairs_and_axes_of_the_run():
    stuff = material(*world(7))
    found = gather_facts(stuff, TEACHER, draws=100, seed=0, min_coverage=0.95)
    tested = [e for f in found for e in f.evidence]
    assert len(tested) == len(found) * 6  # five axes and copied answers; the baseline is shown, not tested
    np.testing.assert_allclose([e.p_holm for e in tested], holm(np.array([e.p for e in tested])))
    assert all(f.length.axis == "length" for f in found)


def test_raw_lift_and_excess_are_what_they_say():
    asked, given = world(8)
    stuff = material(asked, given, axes=("lexical",))
    (values,) = (m.values for m in stuff.measured)
    at = stuff.labels.index
    (found,) = (f for f in gather_facts(stuff, TEACHER, draws=50, seed=0, min_coverage=0.95) if f.candidate == "tuned")

    def mean(x):
        return np.mean([x[stuff.domains == d].mean() for d in range(3)])

    def moved(to):
        return mean(values[:, at("tuned"), at(to)] - values[:, at("base"), at(to)])

    assert found.evidence[0].raw.value == pytest.approx(moved("teacher"))
    adjusted = moved("teacher") - np.median([moved(k) for k in found.controls])
    assert found.evidence[0].estimate.value == pytest.approx(adjusted)


def test_fellow_students_among_the_controls_are_named_and_never_make_a_verdict_convergent():
    asked, given = world(9, students=4, strangers=2)
    stuff = material(asked, given)
    found = verdicts(stuff, TEACHER)["student0", "teacher"]
    assert len(found.facts.kin_controls) >= 2
    assert set(found.facts.kin_controls) <= {"student1", "student2", "student3"}
    assert found.verdict in ("distilled", "inconclusive")
    assert any("stand out toward teacher themselves" in r for r in found.reasons)
    chosen = Roles(references=("teacher",), bases={"*": "base"}, controls=("tuned", "stranger0", "stranger1"))
    for label in ("student0", "student1", "student2", "student3"):
        assert verdicts(stuff, chosen)[label, "teacher"].verdict == "distilled"


TWO = Roles(references=("teacher", "kin"), bases={"*": "base"})


def with_kin(seed, likeness):
    """A second reference that shares much of the teacher's text."""
    asked, given = world(seed, dose=0.8)
    teacher = Voice(1000 * seed + 1)
    kin = answers(Voice(1000 * seed + 90), asked, copies=teacher, dose=likeness, seed=77 + seed)
    return asked, given | {"kin": responses("kin", kin)}


def test_a_reference_that_another_explains_is_no_teacher():
    for seed in range(3):
        found = verdicts(material(*with_kin(seed, 0.5)), TWO)
        assert found["student0", "teacher"].verdict == "distilled"
        assert found["student0", "kin"].verdict != "distilled"
        if found["student0", "kin"].verdict == "convergent":
            assert "explained by its likeness to teacher" in found["student0", "kin"].reasons[0]


def test_the_explanation_is_given():
    stuff = material(*with_kin(1, 0.6))
    found = gather_facts(stuff, TWO, draws=400, seed=0, min_coverage=0.95)
    before = [decide(f) for f in found]
    assert [v.verdict for v in before if v.facts.candidate == "student0"] == ["distilled", "distilled"]
    after = {(v.facts.candidate, v.facts.reference): v for v in settle_rivals(before, stuff, draws=400, seed=0)}
    loser = after["student0", "kin"]
    assert (loser.verdict, loser.confidence) == ("convergent", "moderate")
    assert "explained by its likeness to teacher" in loser.reasons[0]
    assert loser.would_change
    assert list(after) == [(v.facts.candidate, v.facts.reference) for v in before]
    assert all(after[v.facts.candidate, v.facts.reference] is v for v in before if v.facts.candidate != "student0")


def test_references_that_text_cannot_tell_apart_weaken_each_other():
    for seed in range(3):
        asked, given = world(seed, dose=0.7)
        teacher = Voice(1000 * seed + 1)
        # both references differ from the common source by a word or two in every answer
        for label, salt in (("teacher", 5), ("kin", 6)):
            copy = answers(teacher, asked, copies=teacher, dose=1.0, seed=salt)
            given[label] = responses(label, copy)
        found = verdicts(material(asked, given), TWO)
        for one, other in (("teacher", "kin"), ("kin", "teacher")):
            verdict = found["student0", one]
            assert (verdict.verdict, verdict.confidence) == ("distilled", "weak")
            assert f"toward {other}: text cannot show" in verdict.reasons[0]


def test_two_teachers_of_one_student_both_stand():
    asked, given = world(2)
    one, two = Voice(2001), Voice(2777)
    first = answers(Voice(2010), asked, copies=one, dose=1.0, seed=1)
    second = answers(Voice(2010), asked, copies=two, dose=1.0, seed=2)
    given["kin"] = responses("kin", answers(two, asked))
    given["student0"] = responses(
        "student0", {p.id: (first if i // 3 % 2 else second)[p.id] for i, p in enumerate(asked)}
    )
    found = verdicts(material(asked, given), TWO)
    assert {found["student0", r].verdict for r in ("teacher", "kin")} == {"distilled"}


def test_one_teacher_is_left_as_it_is():
    stuff = material(*world(3))
    before = [decide(f) for f in gather_facts(stuff, TEACHER, draws=100, seed=0, min_coverage=0.95)]
    assert settle_rivals(before, stuff, draws=100, seed=0) == before
    assert settle_rivals([], stuff, draws=100, seed=0) == []
