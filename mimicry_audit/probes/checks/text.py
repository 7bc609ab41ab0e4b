"""Text checks: a short answer that stands in the text, compared without case, accents or punctuation."""

from __future__ import annotations

from collections.abc import Mapping

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.probes.checks.common import after_final_phrase, boxed, normalise, word_pattern

FIELDS = ("answer", "exact", "reject")

_SHORT = 6
"""Most words of a text that is taken to be an answer as it stands."""


def validate(check: Mapping[str, object]) -> None:
    """Raise for answers that are not non-empty strings."""
    if "answer" not in check:
        raise ProbeError("the text check has no 'answer'", "give one accepted answer or a list of them")
    for name in ("answer", "reject"):
        values = _accepted_answers(check.get(name, []))
        if values is None or (name == "answer" and not values) or not all(normalise(value) for value in values):
            raise ProbeError(
                f"the {name} {check[name]!r} of a text check is not text", "write a string or a list of strings"
            )
    if not isinstance(check.get("exact", False), bool):
        raise ProbeError(f"'exact' is {check['exact']!r}", "write true or false")


def correct(check: Mapping[str, object], text: str) -> bool:
    """Whether an accepted answer stands in the text (or is all of it), and none of ``reject`` does."""
    return _matched_answer(check, text) is not None


def extract(check: Mapping[str, object], text: str) -> str | None:
    """The accepted answer found (its first spelling), else what the text puts forward as its answer, else None."""
    matched = _matched_answer(check, text)
    if matched is not None:
        return matched
    in_box = boxed(text)
    for passage in ([in_box] if in_box else []) + after_final_phrase(text) + [text]:
        short = normalise(passage)
        if short and len(short.split()) <= _SHORT and len(short) <= 80:
            return short
    return None


def _accepted_answers(value: object) -> list[str] | None:
    values = [value] if isinstance(value, str) else value
    return values if isinstance(values, list) and all(isinstance(item, str) for item in values) else None


def _matched_answer(check: Mapping[str, object], text: str) -> str | None:
    """The first accepted answer, which stands for all: spellings of one answer must agree with each other."""
    accepted = [normalise(answer) for answer in _accepted_answers(check["answer"]) or []]
    body = normalise(text)
    if any(word_pattern(normalise(wrong)).search(body) for wrong in _accepted_answers(check.get("reject", [])) or []):
        return None
    if check.get("exact", False):
        forms = {body, *(normalise(tail) for tail in after_final_phrase(text))}
        in_box = boxed(text)
        if in_box is not None:
            forms.add(normalise(in_box))
        hit = any(answer in forms for answer in accepted)
    else:
        hit = any(word_pattern(answer).search(body) for answer in accepted)
    return accepted[0] if hit else None
