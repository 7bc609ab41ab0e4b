"""The rules of judgement: every verdict, which rule goes first, and that all of them speak plainly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.records.verdict_words import VERDICTS
from mimicry_audit.statistics.intervals import Interval
from mimicry_audit.verdicts.findings import AUTHORSHIP, FEWEST_PER_AXIS, MINIMUM_COPIED
from mimicry_audit.verdicts.rules import MINIMUM_EFFECT, Evidence, PairFacts, decide


def evidence(axis, family, low=0.1, p=0.001, raw_low=0.15, statistic="adjusted lift", n=60):
    return Evidence(
        axis=axis,
        title=axis.title(),
        family=family,
        statistic=statistic,
        estimate=Interval(low + 0.05, low, low + 0.1, n),
        p=p,
        p_holm=p,
        raw=Interval(raw_low + 0.05, raw_low, raw_low + 0.1, n) if statistic == "adjusted lift" else None,
    )


def strong(**kwargs):
    return tuple(
        evidence(a, f, **kwargs) for a, f in (("lexical", "wording"), ("style", "style"), ("answers", "answers"))
    )


def facts(**kwargs):
    given_ = {
        "candidate": "student",
        "reference": "teacher",
        "base": "base",
        "models": 6,
        "n": 100,
        "asked": 100,
        "controls": ("k1", "k2", "k3"),
        "evidence": strong(),
    }
    return PairFacts(**(given_ | kwargs))


NONE = strong(low=-0.02, p=0.6, raw_low=-0.05)
LIKE_OTHERS = strong(low=-0.02, p=0.6, raw_low=0.1)
CLOSE = tuple(replace(e, statistic="excess", raw=None) for e in strong())
FAR = tuple(replace(e, statistic="excess", raw=None) for e in strong(low=-0.1))


COPIED = replace(
    evidence("copied", "passages", low=0.03),
    statistic="adjusted share",
    unit="share of answers",
    minimum_effect=MINIMUM_COPIED,
)


def odds(closed: float) -> Evidence:
    """A gain in likelihood that closed this share of what the base lacked."""
    found = evidence("likelihood", "probability", low=0.7)
    return replace(found, statistic="adjusted gain", unit="bits per byte", minimum_effect=0.05, closed=closed)


TABLE = {
    "distilled": ({}, "distilled", "strong"),
    "two families only": ({"evidence": strong()[1:]}, "distilled", "moderate"),
    "surface only": ({"evidence": (*strong(low=0.09)[:2], NONE[2])}, "inconclusive", "none"),
    "words and style": ({"evidence": (*strong(low=0.12)[:2], NONE[2])}, "inconclusive", "none"),
    "manner": (
        {"evidence": (*strong(low=0.12)[:2], evidence("semantic", "meaning", low=0.2), NONE[2])},
        "inconclusive",
        "none",
    ),
    "many words and style": ({"evidence": (*strong(low=0.4)[:2], NONE[2])}, "inconclusive", "none"),
    "copied answers and words": ({"evidence": (strong(low=0.05)[0], COPIED, *NONE[1:])}, "distilled", "moderate"),
    "copied answers alone": ({"evidence": (COPIED, *NONE)}, "inconclusive", "none"),
    "copied answers too few": (
        {"evidence": (*strong(low=0.12)[:2], replace(COPIED, estimate=Interval(0.02, 0.015, 0.03, 60)), NONE[2])},
        "inconclusive",
        "none",
    ),
    "a manner and its odds": (
        {"evidence": (*strong(low=0.12)[:2], odds(0.25), NONE[2])},
        "inconclusive",
        "none",
    ),
    "most of what the base lacked": (
        {"evidence": (strong(low=0.05)[1], odds(0.6), NONE[2])},
        "distilled",
        "moderate",
    ),
    "opening and style": (
        {"evidence": (evidence("opening", "wording", low=0.4), strong(low=0.3)[1], NONE[2])},
        "inconclusive",
        "none",
    ),
    "not sharply": ({"evidence": strong(p=0.02)}, "distilled", "moderate"),
    "few controls": ({"controls": ("k1", "k2")}, "distilled", "moderate"),
    "no controls": ({"controls": ()}, "inconclusive", "none"),
    "one family": ({"evidence": (*strong()[:1], *NONE[1:])}, "inconclusive", "none"),
    "one family twice": (
        {"evidence": (evidence("lexical", "wording"), evidence("early", "wording"), *NONE[1:])},
        "inconclusive",
        "none",
    ),
    "not significant": ({"evidence": strong(p=0.06)}, "convergent", "moderate"),
    "below the minimum": ({"evidence": strong(low=MINIMUM_EFFECT - 0.001)}, "convergent", "moderate"),
    "measured on few probes": ({"evidence": strong(n=FEWEST_PER_AXIS - 1)}, "inconclusive", "none"),
    "like others": ({"evidence": LIKE_OTHERS}, "convergent", "moderate"),
    "like kin": ({"evidence": LIKE_OTHERS, "kin_controls": ("k1", "k2")}, "inconclusive", "none"),
    "like others and one kin": ({"evidence": LIKE_OTHERS, "kin_controls": ("k1",)}, "convergent", "moderate"),
    "nothing": ({"evidence": NONE}, "no evidence", "weak"),
    "surely nothing": ({"evidence": strong(low=-0.06, p=0.9, raw_low=-0.1)}, "no evidence", "moderate"),
    "nothing measured": ({"evidence": ()}, "inconclusive", "none"),
    "same weights": ({"equal_weights": True}, "same model", "strong"),
    "same weights, nothing answered": ({"equal_weights": True, "n": 0, "models": 2}, "same model", "strong"),
    "nearly the same weights": (
        {"equal_weights": False, "weights": 1.0, "weights_related": True},
        "distilled",
        "strong",
    ),
    "word for word": ({"verbatim": 0.97, "long_answers": 40}, "same model", "strong"),
    "word for word, two models": ({"verbatim": 0.97, "long_answers": 40, "models": 2}, "same model", "strong"),
    "word for word, short": ({"verbatim": 1.0, "long_answers": 19}, "distilled", "strong"),
    "word for word, other weights": (
        {"verbatim": 1.0, "long_answers": 40, "equal_weights": False, "weights_related": True},
        "distilled",
        "strong",
    ),
    "word for word, other shape": (
        {"verbatim": 1.0, "long_answers": 40, "weights_related": False},
        "distilled",
        "strong",
    ),
    "word for word, few answers": ({"verbatim": 1.0, "long_answers": 40, "n": 50}, "inconclusive", "none"),
    "coverage": ({"n": 94}, "inconclusive", "none"),
    "few probes": ({"n": 19, "asked": 19}, "inconclusive", "none"),
    "two models": ({"models": 2, "base": None}, "inconclusive", "none"),
    "four models": ({"models": 4}, "inconclusive", "none"),
    "shared weights, no movement": (
        {"evidence": NONE, "weights": 0.8, "weights_related": True},
        "shared base",
        "strong",
    ),
    "shared weights and movement": ({"weights": 0.8, "weights_related": True}, "distilled", "strong"),
    "shared weights, no base": (
        {"evidence": CLOSE, "base": None, "weights": 0.8, "weights_related": True},
        "shared base",
        "strong",
    ),
    "close, no base": ({"evidence": CLOSE, "base": None}, "inconclusive", "none"),
    "far, no base": ({"evidence": FAR, "base": None}, "no evidence", "moderate"),
    "close, wrong base": ({"evidence": CLOSE, "base_contradicted": True}, "inconclusive", "none"),
    "far, wrong base": ({"evidence": FAR, "base_contradicted": True}, "no evidence", "moderate"),
}


@pytest.mark.parametrize(("given_", "verdict", "confidence"), TABLE.values(), ids=TABLE.keys())
def test_truth_table(given_, verdict, confidence):
    found = decide(facts(**given_))
    assert (found.verdict, found.confidence) == (verdict, confidence)


def plain(verdict):
    assert verdict.verdict in VERDICTS
    assert verdict.confidence in ("strong", "moderate", "weak", "none")
    assert verdict.reasons
    assert verdict.would_change
    for sentence in (verdict.summary, *verdict.reasons, *verdict.would_change):
        assert sentence[0] == sentence[0].upper() or sentence.startswith((verdict.facts.candidate, "k", "base"))
        assert sentence.rstrip(")").endswith((".", ")"))
        for unfinished in ("None", "nan", "{", "()", "  ", " ."):
            assert unfinished not in sentence


@pytest.mark.parametrize(("given_", "verdict", "confidence"), TABLE.values(), ids=TABLE.keys())
def test_every_verdict_speaks_plainly(given_, verdict, confidence):
    plain(decide(facts(**given_)))


some_evidence = st.lists(
    st.builds(
        evidence,
        st.sampled_from(["lexical", "early", "style", "answers", "semantic"]),
        st.sampled_from(["wording", "style", "answers", "meaning"]),
        low=st.floats(-0.5, 0.5),
        p=st.floats(0, 1),
        raw_low=st.floats(-0.5, 0.5),
        n=st.integers(1, 100),
    ),
    max_size=6,
).map(tuple)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "base": st.sampled_from([None, "base"]),
            "base_contradicted": st.booleans(),
            "base_weights": st.sampled_from([None, 0.9]),
            "weights": st.sampled_from([None, 0.0, 0.9, 1.0]),
            "weights_related": st.sampled_from([None, True, False]),
            "equal_weights": st.sampled_from([None, True, False]),
            "models": st.integers(2, 9),
            "controls": st.sampled_from([(), ("k1",), ("k1", "k2", "k3", "k4")]),
            "n": st.integers(0, 100),
            "verbatim": st.floats(0, 1),
            "long_answers": st.integers(0, 100),
            "evidence": some_evidence,
            "claims": st.sampled_from([None, (0, 10), (4, 10)]),
        }
    )
)
def test_what_no_verdict_ever_says(given_):
    pair = facts(**given_)
    found = decide(pair)
    plain(found)
    if found.verdict == "distilled":
        assert pair.base
        assert not pair.base_contradicted
        assert pair.controls
        assert len({e.family for e in pair.evidence if e.positive}) >= 2
        assert pair.models >= 5
        assert pair.n >= 95
    if found.verdict == "shared base":
        assert pair.weights_related
    if found.verdict == "same model":
        assert pair.equal_weights or pair.verbatim >= 0.95


def test_two_models_are_told_what_to_add():
    found = decide(facts(models=2, base=None))
    assert any("at least 3 unrelated models" in w for w in found.would_change)
    assert any("--base" in w for w in found.would_change)


def test_a_contradicted_base_is_named():
    for given_ in ({"evidence": CLOSE}, {"evidence": FAR}):
        found = decide(facts(base_contradicted=True, **given_))
        assert any("base is not the base of student" in r for r in found.reasons)
    assert any("weights confirm base" in r for r in decide(facts(base_weights=0.93)).reasons)


def test_kin_among_the_controls_are_named():
    one, two = decide(facts(kin_controls=("k2",))), decide(facts(kin_controls=("k2", "k3")))
    assert any("k2 stands out toward teacher itself" in r for r in one.reasons)
    assert any("k2 and k3 stand out toward teacher themselves" in r for r in two.reasons)
    assert not any("stand" in r and "controls" in r for r in decide(facts()).reasons)
    kin = decide(facts(evidence=LIKE_OTHERS, kin_controls=("k1", "k2")))
    assert any("k3 (--control)" in w for w in kin.would_change)


def test_shared_weights_are_mentioned_where_they_do_not_decide():
    found = decide(facts(models=2, base=None, weights=0.9, weights_related=True))
    assert any("share an origin (cosine 0.90)" in r for r in found.reasons)


def test_identity_claims_support_and_never_decide():
    found = decide(facts(evidence=NONE, claims=(9, 10)))
    assert found.verdict == "no evidence"
    assert any("9 of 10 answers" in r for r in found.reasons)


def test_as_dict_has_what_the_report_reads():
    found = decide(facts()).as_dict()
    assert {"candidate", "reference", "base", "verdict", "confidence", "summary", "reasons", "would_change"} <= set(
        found
    )
    assert found["evidence"][0]["positive"] is True
    assert found["coverage"] == 1.0


def test_a_kind_of_evidence_from_a_new_axis_counts_as_what_a_style_can_raise() -> None:
    new = facts(evidence=[evidence("style", "style"), evidence("ending", "closing")])
    assert decide(new).verdict == "inconclusive"
    assert decide(facts(evidence=[evidence("style", "style"), evidence("answers", "answers")])).verdict == "distilled"


@pytest.mark.parametrize(
    ("changed", "verdict", "confidence"),
    [
        ({"same_openings": (17, 24)}, "same model", "moderate"),
        ({"same_openings": (200, 400)}, "same model", "moderate"),
        ({"same_openings": (120, 400)}, "inconclusive", "none"),  # as much as a preference-tuned child
        ({"same_openings": (17, 19)}, "inconclusive", "none"),  # too few long answers
        ({"same_openings": (17, 24), "equal_weights": False}, "inconclusive", "none"),
        ({"same_openings": (17, 24), "base": "base"}, "distilled", "strong"),  # a student may open like its teacher
        ({"same_openings": (24, 24), "long_answers": 24, "verbatim": 1.0}, "same model", "strong"),
        ({"same_openings": (17, 24), "models": 2}, "same model", "moderate"),
    ],
)
def test_answers_that_begin_alike_are_probably_one_models(changed, verdict: str, confidence: str) -> None:
    found = decide(facts(**({"base": None, "evidence": CLOSE} | changed)))
    assert (found.verdict, found.confidence) == (verdict, confidence)


@pytest.mark.parametrize(
    ("distance", "more", "verdict"),
    [
        ((0.01, 0.005, 0.02, 40), {}, "same model"),
        ((0.04, 0.02, 0.06, 40), {}, "inconclusive"),  # its interval reaches into other models
        ((0.01, 0.005, 0.02, 12), {}, "inconclusive"),  # too few probes
        ((0.01, 0.005, 0.02, 40), {"equal_weights": False}, "inconclusive"),
        ((0.01, 0.005, 0.02, 40), {"base": "base"}, "distilled"),
    ],
)
def test_equal_next_tokens_are_probably_one_models(distance, more, verdict: str) -> None:
    given = {"base": None, "evidence": CLOSE, "token_distance": Interval(*distance), "token_places": 900} | more
    found = decide(facts(**given))
    assert found.verdict == verdict
    if verdict == "same model":
        assert found.confidence == "moderate"
        assert "At 900 places that both reached by the same words" in found.reasons[0]
        assert "0.010 [0.005, 0.020]" in found.reasons[0]


def authors(p: float, low: float = 2.0) -> Evidence:
    return Evidence(
        axis="authors", title="Against every other author", family=AUTHORSHIP, statistic="distance among authors",
        estimate=Interval(5.0, low, 8.0, 120), p=p, p_holm=p, raw=Interval(0.1, 0.05, 0.15, 120), minimum_effect=0.0,
        unit="standard errors",
    )  # fmt: skip


def test_a_style_that_singles_one_author_out_is_more_than_a_style() -> None:
    style = [evidence("opening", "wording"), evidence("structure", "style")]
    assert decide(facts(evidence=style)).verdict == "inconclusive"
    found = decide(facts(evidence=[*style, authors(0.004)]))
    assert found.verdict == "distilled"
    assert found.confidence == "moderate", "it is no third kind beside those it was drawn from"
    assert any("+5.00 [+2.00, +8.00] standard errors above those toward the controls" in text for text in found.reasons)
    assert decide(facts(evidence=[*style, authors(0.02)])).verdict == "inconclusive"
    assert decide(facts(evidence=[*style, authors(0.004, low=-0.5)])).verdict == "inconclusive"
    assert decide(facts(evidence=[style[0], authors(0.004)])).verdict == "inconclusive"
    by_likelihood = replace(authors(0.004), axis="authors-likelihood", family="probability")
    assert decide(facts(evidence=[style[0], by_likelihood])).verdict == "distilled", "a kind of its own"
    assert decide(facts(evidence=[by_likelihood])).verdict == "inconclusive"


def among_students(p: float, ahead: float = 0.5) -> Evidence:
    return Evidence(
        axis="students", title="Against known students", family=AUTHORSHIP, statistic="distance among students",
        estimate=Interval(5.0, 3.0, 8.0, 120), p=p, p_holm=p, raw=Interval(1.0, ahead, 1.5, 120), minimum_effect=0.0,
        unit="standard errors",
    )  # fmt: skip


def test_one_more_student_is_distilled_whatever_else_was_seen() -> None:
    found = decide(facts(evidence=[*NONE, among_students(0.004)]))
    assert (found.verdict, found.confidence) == ("distilled", "moderate")
    assert "answers as one more student of teacher" in found.summary
    assert "+5.00 [+3.00, +8.00] standard errors above that of students of different teachers" in found.reasons[0]
    assert decide(facts(evidence=[*strong(), among_students(0.004)])).confidence == "strong"
    few = decide(facts(models=3, controls=(), evidence=[*NONE, among_students(0.004)]))
    assert few.verdict == "distilled", "no controls are needed where students are known"


@pytest.mark.parametrize(
    ("entry", "changed"),
    [
        (among_students(0.06), {}),
        (among_students(0.004, ahead=-0.1), {}),  # another is as near
        (among_students(0.004), {"taught_by": ("other",)}),  # one more student of another, too
        (among_students(0.004), {"base": None}),
        (among_students(0.004), {"base_contradicted": True}),
    ],
)
def test_known_students_alone_are_not_enough_otherwise(entry: Evidence, changed: dict[str, object]) -> None:
    assert decide(facts(evidence=[*NONE, entry], **changed)).verdict != "distilled"


def test_a_manner_shared_with_ones_teachers_neighbour_is_convergent() -> None:
    style = [evidence("opening", "wording"), evidence("structure", "style")]
    found = decide(facts(evidence=style, taught_by=("other",)))
    assert (found.verdict, found.confidence) == ("convergent", "moderate")
    assert "as a student of other does" in found.summary
    copied = decide(facts(evidence=[*style, COPIED], taught_by=("other",)))
    assert copied.verdict == "distilled", "copied answers are more than a manner"
