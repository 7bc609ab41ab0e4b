"""Answer keys as harnesses write them, turned into checks.

Promise: a key that is a number however it is written (worked solution ending in ``#### N``, LaTeX, a box, currency, a unit,
thousands separators) is checked as a number; a letter or yes/no is a choice among the keys of its kind, never a word to be
searched for; anything else is text, where several accepted answers may be given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any

from mimicry_audit.probes.checks.number import to_fraction

_WORKED = re.compile(r"####\s*(.+?)\s*\Z", re.DOTALL)
"""GSM8K: the solution in words, then the answer after four hash signs."""
_BOX = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_LETTER = re.compile(r"\(?([A-Za-z])[).]?")
_CURRENCY = "$€£¥₹"
_LARGEST, _SMALLEST = 10**15, Fraction(1, 10**9)
"""Beyond these a key that looks like a number is taken as text."""
_UNIT = re.compile(r"(?P<number>[-+]?[\d.,/]*\d)\s*(?P<unit>[^\W\d_][^\d]{0,24})")
_PAIRS = (("yes", "no"), ("true", "false"))
_FEWEST_LETTERS = 4
"""Options assumed of multiple choice whose keys name fewer: most questions have at least A to D."""


def check_for(key: str | Sequence[str] | None, keys: Collection[str] = ()) -> dict[str, Any] | None:
    """A check for a reference answer.

    Args:
        key: the right answer, or several accepted ones.
        keys: every key of the same domain; they show how many letters there are to choose from.

    Returns:
        A check as in ``docs/probes.md``; None without a key.
    """
    accepted = [part.strip() for part in ([key] if isinstance(key, str) else key or ()) if part.strip()]
    if not accepted:
        return None
    if len(accepted) == 1:
        final = final_part(accepted[0])
        number = _as_number(final)
        if number is not None:
            return {"kind": "number", "answer": number}
        if (options := _options_for(final, keys)) is not None:
            answer = next(option for option in options if option.casefold() == _bare_letter(final).casefold())
            return {"kind": "choice", "answer": answer, "options": options}
        accepted = [final]
    return {"kind": "text", "answer": accepted}


def final_part(key: str) -> str:
    """The answer itself, without the solution that leads to it."""
    if (worked := _WORKED.search(key)) is not None:
        return worked[1].strip()
    boxes = _BOX.findall(key)
    return str(boxes[-1]).strip() if boxes else key.strip()


def _as_number(text: str) -> int | float | str | None:
    """The key as a number or a fraction ``a/b``; None where it is something else."""
    plain = _FRACTION.sub(r"\1/\2", text).strip().strip("$").strip().strip(_CURRENCY).strip().rstrip(".")
    unit = _UNIT.fullmatch(plain)
    for candidate in (plain, unit["number"] if unit and len(unit["unit"].split()) <= 2 else None):
        fraction = to_fraction(candidate.replace("\u202f", "").replace("\u00a0", "")) if candidate else None
        if fraction is None or (not _SMALLEST <= abs(fraction) <= _LARGEST and fraction):
            continue
        if fraction.denominator == 1:
            return int(fraction)
        decimal = float(fraction)
        return (
            decimal
            if re.fullmatch(r"[-+]?[\d,]*\.\d+", candidate or "")
            else f"{fraction.numerator}/{fraction.denominator}"
        )
    return None


def _bare_letter(text: str) -> str:
    """A letter without the marks around it, ``(B)`` or ``B.``; other texts as they are."""
    match = _LETTER.fullmatch(text.strip())
    return match[1] if match else text.strip()


def _options_for(key: str, keys: Collection[str]) -> list[str] | None:
    """What there is to choose from where a key is a letter or yes/no; None for other keys."""
    for pair in _PAIRS:
        if key.casefold() in pair:
            return [word.capitalize() if key[:1].isupper() else word for word in pair]
    if _LETTER.fullmatch(key) is None:
        return None
    letters = {_bare_letter(final_part(other)).upper() for other in (*keys, key)}
    if not all(len(letter) == 1 and letter.isalpha() and letter.isascii() for letter in letters):
        return None  # among words, a single letter is a word
    count = max(_FEWEST_LETTERS, *(ord(letter) - ord("A") + 1 for letter in letters))
    return [chr(ord("A") + place) for place in range(count)]
