"""Checks read answers as people write them, refuse wrong checks in one line, and never raise on an answer."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.probes.checks import check as checks
from mimicry_audit.probes.checks.constraints import RULES
from mimicry_audit.probes.checks.number import canonical, final_number
from mimicry_audit.probes.checks.wording import count_words


def number(answer: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "number", "answer": answer, **more}


def choice(answer: str, *options: str) -> dict[str, Any]:
    return {"kind": "choice", "answer": answer, "options": list(options)}


def keeps(constraint: dict[str, Any], text: str) -> bool:
    check = {"kind": "constraints", "all": [constraint]}
    checks.validate(check)
    return checks.correct(check, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (42, "The answer is 42."),
        (42, r"Hence \(\boxed{42}\), which is less than 50."),
        (1234.5, "It costs $1,234.50 in total."),
        (1234567, "1 234 567".replace(" ", "\u202f")),
        (1234, r"\$1{,}234"),
        (-5, "x = −5"),
        (-20, "She owes, so her balance is -$20"),
        (5, "10-5 leaves 5"),
        (0.75, "75%"),
        (0.75, "The probability is ¾."),
        ("3/4", r"$\frac{3}{4}$"),
        (75, "75 percent"),
        (2.5, "2 1/2 hours"),
        (2.5, "It takes 2½ hours"),
        (7, "seven"),
        (-7, "minus seven"),
        (241, "two hundred and forty-one"),
        (12, "She has **12** apples left after 3 days."),
        (7, "3 + 4 = 7"),
        (10, "Step 1: take 3\nStep 2: the total is 10 m^2"),
        (3, "The answer to the first question is 3 apples out of 7."),
        (7, "Since 3 + 4 is meant, the answer is 3 + 4 = 7."),
        (45, "**Final answer:**\n\n45 km/h"),
        (1500, "1.5 × 10^3"),
        (1500, r"1.5 \times 10^{3} grams"),
        (1024, "2^{10}"),
        (3, "In H2O there are 3 atoms"),
        (12, "答案是12。"),
        (18, "He sells 16 - 3 - 4 = 9 eggs.\n#### 18"),
        (21, "the 21st"),
        (1313, "In base seven it is $1313_{7}$"),
        ("17/24", "In lowest terms, it is 17/24."),
        (15, r"Each angle is $156^\circ$, so there are **15** sides."),
    ],
)
def test_number_is_found(answer: Any, text: str) -> None:
    checks.validate(number(answer))
    assert checks.correct(number(answer), text)
    assert checks.extract(number(answer), text) == canonical(Fraction(str(answer)))


@pytest.mark.parametrize("text", ["", "no idea", "No one knows which one of them it is.", "∞", "H2O", "1/0"])
def test_no_number_is_no_answer(text: str) -> None:
    if text == "1/0":  # the pieces are numbers, the quotient is none
        assert not checks.correct(number(42), text)
    else:
        assert checks.extract(number(42), text) is None
        assert not checks.correct(number(42), text)


def test_wrong_numbers_agree_with_each_other() -> None:
    assert checks.extract(number(42), "I get 41.0") == checks.extract(number(42), "The answer is 41") == "41"


def test_tolerance_makes_right_answers_agree() -> None:
    check = number("1/3", tolerance=0.01)
    assert checks.correct(check, "0.333")
    assert checks.extract(check, "0.333") == checks.extract(check, "33.3%") == "1/3"
    assert not checks.correct(check, "0.35")


@given(st.integers(-(10**12), 10**12))
def test_any_integer_is_read_in_every_dress(value: int) -> None:
    for text in (f"The answer is {value}.", f"**{value}**", f"so x = {value:,}", rf"\boxed{{{value}}}", f"{value}.0"):
        assert checks.extract(number(value), text) == str(value)


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=1000))
def test_any_fraction_is_read_back_from_its_canonical_form(value: Fraction) -> None:
    assert final_number(f"Answer: {canonical(value)}") == value


@given(st.decimals(min_value=-9999, max_value=9999, places=3, allow_nan=False))
def test_any_decimal_is_read(value: Any) -> None:
    assert final_number(f"It is {value}.") == Fraction(str(value))


@pytest.mark.parametrize(
    ("options", "answer", "text"),
    [
        ("ABCD", "A", "The answer is A because it rains"),
        ("ABCD", "B", "B"),
        ("ABCD", "C", "(C)"),
        ("ABCD", "B", "B) since the heat causes both"),
        ("ABCD", "C", "I think it is a good idea, and B is wrong. So C."),
        ("ABCD", "D", "First A, then B.\n\n**D**"),
        ("ABCD", "A", "Answer: A"),
        ("ABCD", "B", "A is tempting. Option B is best, unlike C."),
        ("ABCD", "D", "A is tall. Therefore, the correct answer is (D)."),
        ("ABCD", "C", r"\boxed{\text{C}}"),
        ("ABCD", "B", "答案：B"),
    ],
)
def test_letters_are_found(options: str, answer: str, text: str) -> None:
    assert checks.extract(choice(answer, *options), text) == answer


@pytest.mark.parametrize(
    ("options", "answer", "text"),
    [
        (("yes", "no"), "yes", "Yes."),
        (("yes", "no"), "no", "No, since yes would need proof."),
        (("yes", "no"), "yes", "At first sight no, but on reflection yes"),
        (("valid", "invalid"), "invalid", "The argument is not valid."),
        (("valid", "invalid"), "invalid", "Invalid. The middle term is not distributed."),
        (
            ("yes", "no", "cannot be determined"),
            "cannot be determined",
            "Cannot be determined. There is no way.",
        ),
        (("Anna", "Tom"), "Tom", "Anna is taller.\n\nAnswer: **Tom**"),
        (("Anna", "Tom"), "Anna", "**Anna** finished before Tom."),
        (("9.11", "9.8"), "9.8", "9.11 looks larger. Answer: 9.8"),
        (("是", "否"), "否", "答案是否。"),
    ],
)
def test_words_are_found(options: tuple[str, ...], answer: str, text: str) -> None:
    checks.validate(choice(answer, *options))
    assert checks.extract(choice(answer, *options), text) == answer


@pytest.mark.parametrize("text", ["", "   ", "I am a cat.", "A banana is a fruit", "?"])
def test_no_choice_is_no_answer(text: str) -> None:
    assert checks.extract(choice("A", "A", "B"), text) is None


def test_text_answers() -> None:
    check = {"kind": "text", "answer": ["São Paulo", "Sampa"], "reject": ["Rio"]}
    checks.validate(check)
    assert checks.correct(check, "It is sao paulo!")
    assert checks.extract(check, "Sampa, as they say") == "sao paulo"
    assert not checks.correct(check, "São Paulo or Rio")
    assert not checks.correct(check, "Sampaio")
    assert checks.extract(check, "The answer is Lisbon.") == "lisbon"
    assert checks.extract(check, "That is a long story which I would rather not tell here.") is None


def test_exact_text() -> None:
    check = {"kind": "text", "answer": ["IJL"], "exact": True}
    assert checks.correct(check, "**IJL**.")
    assert checks.correct(check, "The answer is IJL.")
    assert not checks.correct(check, "IJL or IJM")


def test_chinese_text_needs_no_spaces() -> None:
    assert checks.correct({"kind": "text", "answer": ["北京"]}, "首都是北京市。")


KEPT_AND_BROKEN: dict[str, tuple[Any, str, str]] = {
    "characters": ({"max": 5}, "abcde", "abcdef"),
    "words": (3, "one two-fold three.", "one two"),
    "sentences": (2, "Dr. Smith paid 3.50. He left!", "Dr. Smith left."),
    "lines": (2, "a\n\nb", "a"),
    "paragraphs": (2, "a\nb\n\nc", "a\nb"),
    "bullets": (2, "- a\n* b", "a\n- b"),
    "numbered": ({"min": 2}, "1. a\n2) b", "1. a"),
    "headings": (1, "## A\ntext", "#A"),
    "bold": (1, "a **b** c", "a *b* c"),
    "placeholders": (2, "[A] and [B]", "[A]"),
    "items": (3, "a, b, and c.", "a and b"),
    "json_items": (2, "[1, 2]", '{"a": 1}'),
    "word_length": ({"max": 3}, "a cat sat", "a horse"),
    "words_per_sentence": ({"max": 2}, "Go on. Stop.", "Go on now. Stop."),
    "words_per_line": (2, "a b\nc d", "a b\nc"),
    "words_per_paragraph": ({"min": 2}, "a b\n\nc d", "a b\n\nc"),
    "include": (["rain", "sun"], "Rain and sun", "Rainy sun"),
    "include_any": (["rain", "sun"], "the sun", "the moon"),
    "forbid": (["rain"], "raincoat", "Rain!"),
    "count": ({"text": "la", "times": 2}, "la la lala", "la"),
    "in_order": (["a", "b"], "a then b", "b then a"),
    "starts_with": ("Once", "once upon", "Upon once"),
    "ends_with": (["end.", "fin"], "the end.", "the end"),
    "last_line_starts_with": ("P.S.", "a\nP.S. b", "P.S. a\nb"),
    "lines_start_with": ("-", "- a\n- b", "- a\nb"),
    "lines_end_with": (".", "a.\nb.", "a.\nb"),
    "words_start_with": ("b", "Big bears", "Big ears"),
    "forbid_characters": ("e", "a cat", "An Eel"),
    "acrostic": ("AB", "- A dog\n- b", "a\nc"),
    "case": ("upper", "AB 1!", "Ab"),
    "json": ("object", '```json\n{"a": 1}\n```', "[1]"),
    "json_keys": (["a", "b"], '{"b": 1, "a": 2}', '{"a": 2}'),
    "quoted": (True, "“So it is.”", '"So" it is'),
    "alphabetical": (True, "- ant\n- bee", "bee, ant"),
    "unique_words": (True, "All different words", "all and All"),
    "no_commas": (True, "a b", "a, b"),
    "no_digits": (True, "three", "3"),
    "question": (True, "Is it?", "It is."),
}


def test_every_constraint_is_tried() -> None:
    assert set(KEPT_AND_BROKEN) == set(RULES)


@pytest.mark.parametrize("name", KEPT_AND_BROKEN)
def test_constraint(name: str) -> None:
    value, kept, broken = KEPT_AND_BROKEN[name]
    assert keeps({name: value}, kept)
    assert not keeps({name: value}, broken)
    assert not keeps({name: value}, "  ")


def test_case_lower_and_title() -> None:
    assert keeps({"case": "lower"}, "a b c 1")
    assert not keeps({"case": "lower"}, "12")
    assert keeps({"case": "title"}, "The Lives of Lost Umbrellas")
    assert not keeps({"case": "title"}, "The lives of Umbrellas")


def test_how_words_are_sought() -> None:
    assert keeps({"count": {"text": "PAPER", "times": 1}, "match_case": True}, "PAPER paper")
    assert keeps({"include": ["rain"], "whole_word": False}, "rainy")
    assert not keeps({"forbid": ["rain"], "whole_word": False}, "rainy")


def test_broken_constraints_are_named() -> None:
    check = {"kind": "constraints", "all": [{"words": 2, "no_digits": True}, {"include": "x"}]}
    assert checks.broken_constraints(check, "a 1 b") == ("words", "no_digits", "include")
    assert checks.broken_constraints(number(1), "2") == ()
    assert checks.extract(check, "a b") is None


BAD: list[tuple[Any, str]] = [
    (
        "42",
        "a check must be a mapping, not str. Give it a kind: 'number', 'choice', 'text', 'constraints'",
    ),
    ({}, "the check has no 'kind'. Choose from 'number', 'choice', 'text', 'constraints'"),
    (
        {"kind": "numbr"},
        "the check has the unknown kind 'numbr'. Choose from 'number', 'choice', 'text', 'constraints'"
        " (did you mean 'number'?)",
    ),
    (
        {"kind": "number", "answr": 4},
        "a number check has the unknown field 'answr'. Use only 'kind', 'answer', 'tolerance' (did you mean 'answer'?)",
    ),
    ({"kind": "number"}, "the number check has no 'answer'. Give the right number, as in answer: 42"),
    (
        {"kind": "number", "answer": True},
        "the answer True of a number check is not a number. Write a number or a fraction such as '3/4'",
    ),
    (
        {"kind": "number", "answer": "1/0"},
        "the answer '1/0' of a number check is not a number. Write a number or a fraction such as '3/4'",
    ),
    (
        {"kind": "number", "answer": float("nan")},
        "the answer nan of a number check is not a number. Write a number or a fraction such as '3/4'",
    ),
    (number(4, tolerance=-1), "the tolerance -1 is not a number ≥ 0. Leave it out for an exact answer"),
    ({"kind": "choice", "answer": "A"}, "the choice check has no 'options'. Give answer: and options:"),
    (
        {"kind": "choice", "answer": True, "options": [True, False]},
        "the options [True, False] are not a list of two or more strings. In YAML put 'yes', 'no' and "
        "numbers in quotes",
    ),
    (choice("a", "a", "A"), "the options ['a', 'A'] repeat one another. Make each option different"),
    (choice("C", "A", "B"), "the answer 'C' is not one of the options. Use one of 'A', 'B'"),
    ({"kind": "text"}, "the text check has no 'answer'. Give one accepted answer or a list of them"),
    (
        {"kind": "text", "answer": [4]},
        "the answer [4] of a text check is not text. Write a string or a list of strings",
    ),
    (
        {"kind": "text", "answer": "..."},
        "the answer '...' of a text check is not text. Write a string or a list of strings",
    ),
    ({"kind": "text", "answer": "a", "exact": "yes"}, "'exact' is 'yes'. Write true or false"),
    ({"kind": "constraints"}, "the constraints check has no list 'all'. Write all: [{words: {max: 50}}]"),
    (
        {"kind": "constraints", "all": ["words"]},
        "constraint 1 is 'words'. Write a mapping such as {words: {max: 50}}",
    ),
    (
        {"kind": "constraints", "all": [{"words": 2}, {"match_case": True}]},
        "constraint 2 is {'match_case': True}. Write a mapping such as {words: {max: 50}}",
    ),
    (
        {"kind": "constraints", "all": [{"words": {"min": 5, "max": 2}}]},
        "constraint 1: 'words' has min 5 above max 2",
    ),
    (
        {"kind": "constraints", "all": [{"words": "ten"}]},
        "constraint 1: 'words' is 'ten': write a whole number, or min and max",
    ),
    (
        {"kind": "constraints", "all": [{"include": [3]}]},
        "constraint 1: 'include' is [3]: write a string or a list of strings",
    ),
    (
        {"kind": "constraints", "all": [{"case": "camel"}]},
        "constraint 1: 'case' is 'camel': choose from 'upper', 'lower', 'title'",
    ),
    ({"kind": "constraints", "all": [{"count": "x"}]}, "constraint 1: 'count' is 'x': write text and times"),
    (
        {"kind": "constraints", "all": [{"json": "list"}]},
        "constraint 1: 'json' is 'list': choose from 'object', 'array'",
    ),
    (
        {"kind": "constraints", "all": [{"no_commas": False}]},
        "constraint 1: 'no_commas' is False: write true, or leave it out",
    ),
    (
        {"kind": "constraints", "all": [{"include": "x", "match_case": 1}]},
        "constraint 1: 'match_case' is 1: write true or false",
    ),
]


@pytest.mark.parametrize(("check", "message"), BAD)
def test_wrong_checks_are_refused_in_one_line(check: Any, message: str) -> None:
    with pytest.raises(ProbeError) as caught:
        checks.validate(check)
    assert str(caught.value) == message


def test_unknown_constraint_suggests_a_known_one() -> None:
    with pytest.raises(ProbeError, match=r"constraint 1 is the unknown 'word'.*\(did you mean 'words'\?\)"):
        checks.validate({"kind": "constraints", "all": [{"word": 3}]})


ALL_KINDS = [
    number(0.5),
    choice("A", "A", "B"),
    choice("yes", "yes", "no"),
    {"kind": "text", "answer": ["Paris"], "exact": True},
    {"kind": "constraints", "all": [{name: value} for name, (value, _, _) in KEPT_AND_BROKEN.items()]},
]


@given(st.text() | st.text(alphabet="0123456789.,/%^-−{}\\boxed*×e= ANSWERanswer:is\n"))
def test_no_answer_makes_a_check_raise(text: str) -> None:
    for check in ALL_KINDS:
        assert checks.correct(check, text) in (True, False)
        extracted = checks.extract(check, text)
        assert extracted is None or extracted
        checks.broken_constraints(check, text)


LONG = (
    "9",
    "1,",
    "{",
    "[",
    "**",
    "= ",
    "a. ",
    "\n",
    " \n",
    "- ",
    "\\boxed{",
    "answer is ",
    "one ",
    "1 ",
    "1/",
    "not ",
    "A",
    "“",
)


@pytest.mark.parametrize("piece", LONG)
def test_long_answers_take_no_time(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    begin = time.perf_counter()
    for check in ALL_KINDS:
        assert checks.correct(check, text) in (True, False)
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("answer", "text", "right"),
    [
        ("दिल्ली", "राजधानी दिल्ली है।", True),
        ("की", "उत्तर का है", False),
        ("राम", "वह रामायण है", False),
        ("กรุงเทพ", "คำตอบคือกรุงเทพครับ", True),
        ("かき", "かぎ", False),
        ("أحمد", "اسمه احمد.", True),
        ("Sao Paulo", "It is São Paulo.", True),
    ],
)
def test_short_answers_are_told_apart_in_every_script(answer: str, text: str, right: bool) -> None:
    assert checks.correct({"kind": "text", "answer": [answer]}, text) is right


def test_words_of_constraints_are_whole_in_every_script() -> None:
    assert count_words("हिन्दी में किताबें पढ़ना") == 4
    assert count_words("ฉันชอบกินข้าว 3.5 well-known") == 6
    assert count_words("我喜欢") == 3
