"""The part of the page that speaks from models of known lineage."""

from __future__ import annotations

import math

import pytest

from mimicry_audit.report.page import page
from mimicry_audit.report.page.teachers import MOST_OTHERS, build
from tests.support.page_outline import Outline
from tests.support.scores_fixture import QUESTIONS, answers, scores


def with_ratio(log_ratio, **others):
    """The made-up run, its first judged pair with this log likelihood ratio for every question but the `others`."""
    found = scores()
    first = found["verdicts"][0]
    for pair in found["pairs"]:
        if {pair["a"], pair["b"]} == {first["candidate"], first["reference"]}:
            pair["combined"] = {q: {"score": 1.0, "log_likelihood_ratio": others.get(q, log_ratio)} for q in QUESTIONS}
    return found


def test_teachers_kinds_and_agreement_are_told():
    found = scores()
    found["attribution"][0]["ranked"] += [{"reference": f"r<{i}>", "probability": 0.01} for i in range(6)]
    built = build(found, found["verdicts"])
    assert built["ranked"][0]["first"]["reference"] == "aria"
    assert len(built["ranked"][0]["others"]) == MOST_OTHERS
    text = Outline(page.render(found, answers(2))).text
    assert "Which of these, or none?" in text
    assert "r<0>" in text
    assert "Student and teacher" in text
    assert "beyond chance" in text


@pytest.mark.parametrize(
    ("log_ratio", "expected"),
    [(40.0, "> 1,000"), (math.log(35.2), "35"), (math.log(2.55), "2.5"), (0.01, "1.0")],
)
def test_ratios_are_written_as_people_write_them(log_ratio, expected):
    found = with_ratio(log_ratio)
    assert build(found, found["verdicts"][:1])["scored"][0]["cells"] == [expected] * 4


def test_what_speaks_against_a_kind_is_a_fraction_and_pairs_with_nothing_else_are_counted():
    mixed = with_ratio(1.0, version=-math.log(4), distilled=-20.0)
    assert build(mixed, mixed["verdicts"][:1])["scored"][0]["cells"][1::2] == ["1/4.0", "< 1/1,000"]
    against = with_ratio(-0.5)
    found = build(against, against["verdicts"][:1])
    assert (found["scored"], found["unlikely"]) == ([], 1)
    assert "pairs with all values at most 1 are left out" in Outline(page.render(against, answers(2))).text


def test_without_calibration_the_part_is_absent():
    found = scores() | {
        "combined": {"version": 1, "questions": [], "why_not": "6 models"},
        "attribution": [],
        "agreement": [],
    }
    for pair in found["pairs"]:
        pair["combined"] = None
    assert build(found, found["verdicts"]) is None
    assert "Calibrated on known models" not in page.render(found, answers(2))
