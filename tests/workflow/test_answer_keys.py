"""Answer keys as harnesses write them."""

from __future__ import annotations

from typing import Any

import pytest

from mimicry_audit.probes.checks.check import correct, validate
from mimicry_audit.workflow.answer_keys import check_for


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("There are 3 bags with 6 each, <<3*6=18>>18 in all.\n#### 18", 18),
        ("1,250", 1250),
        ("$18.50", 18.5),
        ("18 dollars", 18),
        (r"\frac{3}{4}", "3/4"),
        (r"So we get \boxed{42}.", 42),
        (r"$\boxed{\frac{1}{3}}$", "1/3"),
        ("-7", -7),
    ],
)
def test_a_number_however_it_is_written(key: str, answer: Any) -> None:
    check = check_for(key)
    assert check == {"kind": "number", "answer": answer}
    validate(check)
    assert correct(check, f"The answer is {answer}.")
    assert not correct(check, "The answer is 99.")


def test_letters_are_a_choice_over_the_keys_seen() -> None:
    check = check_for("A", {"A", "B", "E"})
    assert check == {"kind": "choice", "answer": "A", "options": ["A", "B", "C", "D", "E"]}
    assert correct(check, "After a careful look at a few of these, the answer is A.")
    assert not correct(check, "This is a matter of taste. The answer is C.")
    assert check_for("(b)", {"(a)"}) == {"kind": "choice", "answer": "B", "options": ["A", "B", "C", "D"]}


def test_a_letter_among_words_is_a_word() -> None:
    assert check_for("A", {"A", "Paris"}) == {"kind": "text", "answer": ["A"]}


@pytest.mark.parametrize(
    ("key", "wrong"), [("no", "There is no doubt: yes."), ("True", "False, and no question about it.")]
)
def test_yes_and_no_are_a_choice(key: str, wrong: str) -> None:
    check = check_for(key)
    assert check is not None
    assert check["kind"] == "choice"
    assert correct(check, f"The answer is {key}.")
    assert not correct(check, wrong)


def test_several_accepted_answers() -> None:
    check = check_for(("Paris", "Ville de Paris"))
    assert check == {"kind": "text", "answer": ["Paris", "Ville de Paris"]}
    assert check_for(None) is None
    assert check_for(" ") is None
