"""Number checks: the final number of a text, however it is written.

Promise: integers, decimals, thousands commas, minus signs, fractions, mixed numbers, percents, powers of ten, LaTeX
and English number words all become one exact fraction, so that 0.75, 3/4, ¾ and 75% are the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.probes.checks.common import after_final_phrase, boxed, is_number, plain

FIELDS = ("answer", "tolerance")

_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
           "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}  # fmt: skip
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_NUMBER = re.compile(
    rf"""(?<![\w.^])                                        # not the 2 of x2, m^2 or H2O
    (?P<sign>(?<![\w)\]}}%])-\s?)?[$€£¥]?\s?(?P<sign2>(?<=[$€£¥])-)?
    (?:(?P<whole>\d+)(?:\s+and\s+|\s+)(?P<mixed>\d+\s?/\s?[1-9]\d*)(?![\d/])
      |(?P<top>{_DIGITS})\s?/\s?(?P<bottom>0*[1-9]\d*)(?![\d/]|\.\d)
      |(?P<base>\d+)\^\{{?(?P<power>-?\d{{1,3}})\}}?
      |(?P<plain>{_DIGITS}(?:\.\d+)?|\.\d+)
       (?:\s?(?:×|x|\*|\\times|\\cdot)\s?10\^?\{{?(?P<ten>[-+]?\d{{1,3}})\}}?|[eE](?P<exp>[-+]?\d{{1,3}})(?!\w))?)
    \s?(?P<percent>%|percent\b|per\s?cent\b)?""",
    re.VERBOSE,
)

_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: n for n, word in enumerate(_UNITS.split())} | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
_SCALE = {"hundred": 100, "thousand": 1000, "million": 10**6}
_WORDS = re.compile(
    r"\b(?:minus\s+|negative\s+)?(?:{0})(?:(?:[\s-]+and)?[\s-]+(?:{0}|{1}))*\b".format(
        "|".join(_SMALL), "|".join(_SCALE)
    ),
    re.IGNORECASE,
)


def validate(check: Mapping[str, Any]) -> None:
    """Raise for an answer that is not a number or a tolerance below zero."""
    if "answer" not in check:
        raise ProbeError("the number check has no 'answer'", "give the right number, as in answer: 42")
    if to_fraction(check["answer"]) is None:
        raise ProbeError(
            f"the answer {check['answer']!r} of a number check is not a number",
            "write a number or a fraction such as '3/4'",
        )
    tolerance = check.get("tolerance", 0)
    if not is_number(tolerance) or tolerance < 0:
        raise ProbeError(f"the tolerance {tolerance!r} is not a number ≥ 0", "leave it out for an exact answer")


def correct(check: Mapping[str, object], text: str) -> bool:
    """Whether the final number lies within the tolerance of the answer."""
    answer = _right_answer(check)
    number = final_number(text, fraction_wanted=_is_share(answer))
    return number is not None and _is_close(check, number, answer)


def extract(check: Mapping[str, object], text: str) -> str | None:
    """The final number in canonical form; any right answer gives the key itself, so that 0.333 agrees with 1/3."""
    answer = _right_answer(check)
    number = final_number(text, fraction_wanted=_is_share(answer))
    if number is None:
        return None
    return canonical(answer if _is_close(check, number, answer) else number)


def to_fraction(value: object) -> Fraction | None:
    """The exact value of a key: a number, or a string such as '3/4' or '1,250'."""
    if is_number(value):
        return Fraction(str(value))
    if isinstance(value, str):
        try:
            return Fraction(value.replace(",", "").replace(" ", ""))
        except (ValueError, ZeroDivisionError):
            return None
    return None


def canonical(value: Fraction) -> str:
    """One spelling per value: '42', '-0.75', '1/3'."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest > 1 or value.denominator > 10**6:
        return f"{value.numerator}/{value.denominator}"
    places = next(n for n in range(1, 25) if (value * 10**n).denominator == 1)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def final_number(text: str, *, fraction_wanted: bool = False) -> Fraction | None:
    """The number a text settles on.

    In order: the last LaTeX box; what follows the last 'the answer is' (after its last '='); a number in bold in
    the last line; what follows the last '=' of the last line; the last number anywhere; the last number in words.

    Args:
        text: the answer.
        fraction_wanted: whether the key lies in (0, 1), where '75%' means 0.75; elsewhere the sign is a unit.
    """
    in_box = boxed(text)
    passages = [in_box] if in_box is not None else []
    lines = [line for line in text.splitlines() if line.strip()]
    bold = re.findall(r"\*\*(.+?)\*\*", lines[-1]) if lines else []
    flat = plain(text)
    passages += [re.split(r"[=≈]", tail)[-1] for tail in after_final_phrase(flat)]
    first_wins = len(passages)
    passages += bold[::-1]
    if lines and re.search(r"[=≈]", lines[-1]):
        passages.append(re.split(r"[=≈]", plain(lines[-1]))[-1])
        first_wins_too = {len(passages) - 1}
    else:
        first_wins_too = set()
    passages.append(flat)
    for n, passage in enumerate(passages):
        values = numbers(passage, fraction_wanted=fraction_wanted)
        if values:
            return values[0] if n < first_wins or n in first_wins_too else values[-1]
    return None


def numbers(text: str, *, fraction_wanted: bool = False) -> list[Fraction]:
    """Every number in the text, in order; number words only without digits."""
    text = _normalise_typography(text)
    values = [value for match in _NUMBER.finditer(text) if (value := _match_value(match, fraction_wanted)) is not None]
    if values:
        return values
    words = [match.group() for match in _WORDS.finditer(text)]
    # 'no one', 'one of them': a lone 'one' is a number only in a text too short to be prose
    return [_parse_number_words(word) for word in words if word.lower() != "one" or len(text.split()) <= 4]


def _normalise_typography(text: str) -> str:
    """Undo typography: LaTeX fractions and thin spaces, dashes that are minus signs, one-character fractions."""
    text = re.sub(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}", r" \1/\2", plain(text))
    text = re.sub(r"(?<=\w)_(?:\{\d+\}|\d+)", "", text)  # the 7 of 1313_7 and the 1 of x_1
    text = text.replace("{,}", ",").replace("\\,", "").replace("\\%", "%").replace("\\$", "$").replace("−", "-")
    text = re.sub(r"(?<=\d)[\u00a0\u202f\u2009](?=\d{3}\b)", "", text)
    for sign, spelled in _VULGAR.items():
        text = text.replace(sign, f" {spelled}")
    return text


def _match_value(match: re.Match[str], fraction_wanted: bool) -> Fraction | None:
    parts = match.groupdict()
    try:
        if parts["mixed"]:
            value = Fraction(parts["whole"]) + Fraction(re.sub(r"\s", "", parts["mixed"]))
        elif parts["top"]:
            value = Fraction(int(parts["top"].replace(",", "")), int(parts["bottom"]))
        elif parts["base"]:
            value = Fraction(int(parts["base"])) ** int(parts["power"])
        else:
            value = Fraction(parts["plain"].replace(",", "")) * Fraction(10) ** int(parts["ten"] or parts["exp"] or 0)
    except (ValueError, ZeroDivisionError):  # 0^-1, and integers too long for Python to read: no answer either way
        return None
    if parts["sign"] or parts["sign2"]:
        value = -value
    return value / 100 if parts["percent"] and fraction_wanted else value


def _parse_number_words(words: str) -> Fraction:
    """'two hundred and forty-one' → 241."""
    total, current = 0, 0
    parts = re.split(r"[\s-]+", words.lower())
    for word in parts:
        if word in _SMALL:
            current += _SMALL[word]
        elif word == "hundred":
            current *= 100
        elif word in _SCALE:
            total, current = total + current * _SCALE[word], 0
    value = Fraction(total + current)
    return -value if parts[0] in {"minus", "negative"} else value


def _right_answer(check: Mapping[str, object]) -> Fraction:
    answer = to_fraction(check["answer"])
    assert answer is not None, "validate() comes first"
    return answer


def _is_share(answer: Fraction) -> bool:
    return 0 < answer < 1


def _is_close(check: Mapping[str, object], number: Fraction, answer: Fraction) -> bool:
    return abs(number - answer) <= Fraction(str(check.get("tolerance", 0)))
