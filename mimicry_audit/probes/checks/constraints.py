"""Constraint checks: does the text keep every constraint that its prompt set?

Promise: each constraint is a word with a value, looked up in one table (`RULES`), that the text alone decides.
A mapping under ``all`` may hold several constraints; ``match_case`` and ``whole_word`` beside them say how their words
are sought. Adding a constraint is adding a line to the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.ground.suggest import did_you_mean, quoted_list
from mimicry_audit.probes.checks import layout, wording
from mimicry_audit.probes.checks.common import is_number
from mimicry_audit.probes.checks.wording import Seek

FIELDS = ("all",)
MODIFIERS = ("match_case", "whole_word")


@dataclass(frozen=True, slots=True)
class Rule:
    """One constraint: what its value must look like, and when a text keeps it.

    Attributes:
        wrong: what is wrong with a value, or None.
        holds: whether the text keeps the constraint, given its value and how words are sought.
    """

    wrong: Callable[[object], str | None]
    holds: Callable[[str, Any, Seek], bool]


def _is_whole(value: Any) -> bool:
    return is_number(value) and value == int(value) and value >= 0


def _check_bounds(value: object) -> str | None:
    if _is_whole(value):
        return None
    if (
        isinstance(value, Mapping)
        and value
        and set(value) <= {"min", "max"}
        and all(_is_whole(v) for v in value.values())
    ):
        if value.get("min", 0) <= value.get("max", float("inf")):
            return None
        return f"has min {value['min']} above max {value['max']}"
    return f"is {value!r}: write a whole number, or min and max"


def _check_words(value: object) -> str | None:
    values = [value] if isinstance(value, str) else value
    if isinstance(values, list) and values and all(isinstance(v, str) and v.strip() for v in values):
        return None
    return f"is {value!r}: write a string or a list of strings"


def _check_flag(value: object) -> str | None:
    return None if value is True else f"is {value!r}: write true, or leave it out"


def _one_of(*allowed: str) -> Callable[[object], str | None]:
    return lambda value: None if value in allowed else f"is {value!r}: choose from {quoted_list(allowed)}"


def _json_value(value: object) -> str | None:
    return None if value is True else _one_of("object", "array")(value)


def _check_count(value: object) -> str | None:
    if not isinstance(value, Mapping) or set(value) != {"text", "times"} or not isinstance(value["text"], str):
        return f"is {value!r}: write text and times"
    if not value["text"].strip():
        return "has an empty 'text'"
    wrong = _check_bounds(value["times"])
    return f"has 'times', which {wrong}" if wrong else None


def _check_letters(value: object) -> str | None:
    return None if isinstance(value, str) and value and not value.isspace() else f"is {value!r}: write the characters"


def within(number: int, bounds: object) -> bool:
    """Whether a number is the bound, or between its min and max."""
    if isinstance(bounds, Mapping):
        return bool(bounds.get("min", 0) <= number <= bounds.get("max", float("inf")))
    return bool(number == bounds)


def _counted_rule(count: Callable[[str], int]) -> Rule:
    return Rule(_check_bounds, lambda text, bounds, _: within(count(text), bounds))


def _rule_for_each(parts: Callable[[str], list[str]], count: Callable[[str], int]) -> Rule:
    def holds(text: str, bounds: object, _: Seek) -> bool:
        pieces = parts(text)
        return bool(pieces) and all(within(count(part), bounds) for part in pieces)

    return Rule(_check_bounds, holds)


def _flag_rule(holds: Callable[[str], bool]) -> Rule:
    return Rule(_check_flag, lambda text, _value, _seek: holds(text))


RULES: dict[str, Rule] = {
    # how much
    "characters": _counted_rule(lambda text: len(text.strip())),
    "words": _counted_rule(wording.count_words),
    "sentences": _counted_rule(lambda text: len(wording.sentences(text))),
    "lines": _counted_rule(lambda text: len(layout.lines(text))),
    "paragraphs": _counted_rule(lambda text: len(layout.paragraphs(text))),
    "bullets": _counted_rule(lambda text: len(layout.bullets(text))),
    "numbered": _counted_rule(lambda text: len(layout.numbered(text))),
    "headings": _counted_rule(layout.headings),
    "bold": _counted_rule(layout.bold),
    "placeholders": _counted_rule(layout.placeholders),
    "items": _counted_rule(lambda text: len(layout.comma_items(text))),
    "json_items": _counted_rule(layout.json_items),
    "word_length": _rule_for_each(wording.words, len),
    "words_per_sentence": _rule_for_each(wording.sentences, wording.count_words),
    "words_per_line": _rule_for_each(layout.lines, wording.count_words),
    "words_per_paragraph": _rule_for_each(layout.paragraphs, wording.count_words),
    # which words
    "include": Rule(
        _check_words, lambda text, value, seek: all(wording.times(text, w, seek) for w in wording.listed(value))
    ),
    "include_any": Rule(
        _check_words, lambda text, value, seek: any(wording.times(text, w, seek) for w in wording.listed(value))
    ),
    "forbid": Rule(
        _check_words, lambda text, value, seek: not any(wording.times(text, w, seek) for w in wording.listed(value))
    ),
    "count": Rule(
        _check_count, lambda text, value, seek: within(wording.times(text, value["text"], seek), value["times"])
    ),
    "in_order": Rule(_check_words, lambda text, value, seek: wording.in_order(text, wording.listed(value), seek)),
    "starts_with": Rule(
        _check_words, lambda text, value, seek: wording.opens(text.strip(), wording.listed(value), seek)
    ),
    "ends_with": Rule(
        _check_words, lambda text, value, seek: wording.closes(text.strip(), wording.listed(value), seek)
    ),
    "last_line_starts_with": Rule(
        _check_words,
        lambda text, value, seek: wording.opens((layout.lines(text) or [""])[-1], wording.listed(value), seek),
    ),
    "lines_start_with": Rule(
        _check_words,
        lambda text, value, seek: (
            bool(layout.lines(text))
            and all(wording.opens(line, wording.listed(value), seek) for line in layout.lines(text))
        ),
    ),
    "lines_end_with": Rule(
        _check_words,
        lambda text, value, seek: (
            bool(layout.lines(text))
            and all(wording.closes(line, wording.listed(value), seek) for line in layout.lines(text))
        ),
    ),
    "words_start_with": Rule(_check_letters, lambda text, value, _: wording.alliterates(text, value)),
    "forbid_characters": Rule(_check_letters, lambda text, value, _: not set(value.casefold()) & set(text.casefold())),
    "acrostic": Rule(_check_letters, lambda text, value, _: layout.initials(text).casefold() == value.casefold()),
    # which form
    "case": Rule(_one_of("upper", "lower", "title"), lambda text, value, _: wording.in_case(text, value)),
    "json": Rule(_json_value, lambda text, value, _: layout.is_json(text, value)),
    "json_keys": Rule(_check_words, lambda text, value, _: layout.json_keys(text) == set(wording.listed(value))),
    "quoted": _flag_rule(layout.quoted),
    "alphabetical": _flag_rule(layout.alphabetical),
    "unique_words": _flag_rule(wording.unique_words),
    "no_commas": _flag_rule(lambda text: not set(",，、") & set(text)),
    "no_digits": _flag_rule(lambda text: not any(c.isdigit() for c in text)),
    "question": _flag_rule(lambda text: text.strip().endswith(("?", "？"))),
}


def validate(check: Mapping[str, object]) -> None:
    """Raise for an unknown constraint or a value of the wrong form, naming its place in ``all``."""
    everything = check.get("all")
    if not isinstance(everything, list) or not everything:
        raise ProbeError("the constraints check has no list 'all'", "write all: [{words: {max: 50}}]")
    for place, group in enumerate(everything, 1):
        if not isinstance(group, Mapping) or not set(group) - set(MODIFIERS):
            raise ProbeError(f"constraint {place} is {group!r}", "write a mapping such as {words: {max: 50}}")
        for name, value in group.items():
            if name in MODIFIERS:
                wrong = None if isinstance(value, bool) else f"is {value!r}: write true or false"
            elif name in RULES:
                wrong = RULES[name].wrong(value)
            else:
                raise ProbeError(
                    f"constraint {place} is the unknown '{name}'",
                    f"choose from {quoted_list(sorted(RULES))}{did_you_mean(str(name), list(RULES))}",
                )
            if wrong:
                raise ProbeError(f"constraint {place}: '{name}' {wrong}")


def correct(check: Mapping[str, object], text: str) -> bool:
    """Whether the text is there and keeps every constraint."""
    return bool(text.strip()) and next(broken(check, text), None) is None


def broken(check: Mapping[str, Any], text: str) -> Iterator[str]:
    """The names of the constraints that the text does not keep."""
    for group in check["all"]:
        seek = Seek(match_case=group.get("match_case", False), whole_word=group.get("whole_word", True))
        for name, value in group.items():
            if name not in MODIFIERS and not RULES[name].holds(text, value, seek):
                yield name
