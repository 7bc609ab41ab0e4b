"""Choice checks: which of a few options does the text settle on?

Promise: reasoning that weighs several options before settling is read by what it settles on: an announced answer first,
then a lone option, then the option named last. A letter counts as an option only where it cannot be a word (the
article 'a', the pronoun 'I').
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.ground.suggest import did_you_mean, quoted_list
from mimicry_audit.probes.checks.common import after_final_phrase, boxed, plain, word_pattern

FIELDS = ("answer", "options")

_CHOSEN = re.compile(r"\b(?:option|choice|choose|pick|select)\s*:?\s*", re.IGNORECASE)
_NEGATION = re.compile(r"(?:\bnot|n['’]t|\bneither|\bnever)\s+(?:be\s+|a\s+|an\s+|the\s+)?\Z", re.IGNORECASE)
_NEGATION_REACH = 24
"""Characters before an option in which a negation is looked for."""
_EDGES = " \t\r\n.,;:!?()[]{}\"'“”‘’*_`#>-—。，：！？（）"


def validate(check: Mapping[str, object]) -> None:
    """Raise for options that are not two or more different strings, or an answer that is not one of them."""
    for name in FIELDS:
        if name not in check:
            raise ProbeError(f"the choice check has no '{name}'", "give answer: and options:")
    options = check["options"]
    if (
        not isinstance(options, list)
        or len(options) < 2
        or not all(isinstance(o, str) and o.strip(_EDGES) for o in options)
    ):
        raise ProbeError(
            f"the options {options!r} are not a list of two or more strings",
            "in YAML put 'yes', 'no' and numbers in quotes",
        )
    folded = [option.casefold() for option in options]
    if len(set(folded)) < len(folded):
        raise ProbeError(f"the options {options!r} repeat one another", "make each option different")
    if check["answer"] not in options:
        fix = f"use one of {quoted_list(options)}{did_you_mean(str(check['answer']), options)}"
        raise ProbeError(f"the answer {check['answer']!r} is not one of the options", fix)


def correct(check: Mapping[str, object], text: str) -> bool:
    """Whether the text settles on the right option."""
    return bool(extract(check, text) == check["answer"])


def extract(check: Mapping[str, Any], text: str) -> str | None:
    """The option the text settles on, spelled as in ``options``."""
    options: Sequence[str] = check["options"]
    flat = plain(text)
    announced = after_final_phrase(flat)
    in_box = boxed(text)
    if in_box is not None:
        announced.insert(0, plain(in_box))
    for passage in announced:
        option = (
            _lone_option(options, passage)
            or _leading_option(options, passage)
            or _capital_option(options, passage)
            or _mentioned_option(options, passage, first=True)
        )
        if option:
            return option
    lines = [line for line in flat.splitlines() if line.strip()]
    if not lines:
        return None
    return (
        _lone_option(options, flat)
        or _lone_option(options, lines[-1])
        or _lone_option(options, lines[0])
        or _chosen_option(options, flat)
        or _leading_option(options, lines[0])
        or _leading_option(options, lines[-1])
        or _bold_option(options, text)
        or _mentioned_option(options, flat, first=False)
    )


def _lone_option(options: Sequence[str], passage: str) -> str | None:
    """The passage is an option and nothing else."""
    body = passage.strip(_EDGES).casefold()
    return next((option for option in options if option.strip(_EDGES).casefold() == body), None)


def _leading_option(options: Sequence[str], passage: str) -> str | None:
    """The passage opens with an option set apart by punctuation: 'B) because', 'Yes, since', '(C) The'."""
    body = passage.lstrip(_EDGES)
    for option in sorted(options, key=len, reverse=True):
        head = option.strip(_EDGES)
        if body[: len(head)].casefold() == head.casefold() and re.match(
            r"\s*(?:[).:,;!?\]。，：]|[-–—]\s)", body[len(head) :]
        ):
            return option
    return None


def _capital_option(options: Sequence[str], passage: str) -> str | None:
    """After 'the answer is' even an A without any mark is an option: 'the answer is A because'."""
    first = re.split(r"\W", passage.lstrip(_EDGES), maxsplit=1)[0]
    return first if len(first) == 1 and first.isupper() and first in options else None


def _bold_option(options: Sequence[str], text: str) -> str | None:
    """The last option that stands alone in bold: writers set the answer so."""
    bold_options = [_lone_option(options, span) for span in re.findall(r"\*\*(.+?)\*\*", text)]
    return next((option for option in reversed(bold_options) if option), None)


def _chosen_option(options: Sequence[str], text: str) -> str | None:
    """'Option B', 'I choose C': the last such one."""
    for match in reversed(list(_CHOSEN.finditer(text))):
        tail = re.split(r"[\s.,;:!?]", text[match.end() :].lstrip("(\"'"), maxsplit=1)[0]
        option = _lone_option(options, tail)
        if option and (len(option) > 1 or tail.strip(_EDGES) == option):
            return option
    return None


def _mentioned_option(options: Sequence[str], text: str, *, first: bool) -> str | None:
    """The option named first or last. Longer options shadow shorter ones inside them; 'not X' names no X."""
    shadowed = bytearray(len(text))  # places inside a longer option that was found there
    hits: list[tuple[int, str]] = []
    for option in sorted(options, key=len, reverse=True):
        for match in _option_pattern(option).finditer(text):
            start, end = match.span()
            if any(shadowed[start:end]):
                continue
            shadowed[start:end] = b"\1" * (end - start)
            mention: str = option
            if _NEGATION.search(text[max(0, start - _NEGATION_REACH) : start]):
                others = [other for other in options if other != option]
                mention = others[0] if len(others) == 1 else ""
            hits.append((start, mention))
    names = [name for _, name in sorted(hits) if name]
    if not names:
        return None
    return names[0] if first else names[-1]


def _option_pattern(option: str) -> re.Pattern[str]:
    if len(option) == 1 and option.isalpha() and option.isascii():
        letter = re.escape(option)
        if option in "AaIi":  # a word of its own: only with a mark that makes it an option
            return re.compile(rf"(?<=[(\[\"'“]){letter}(?=[)\]\"'”.:])|(?<!\w){letter}(?=\))")
        return re.compile(rf"(?<!\w){letter}(?![\w'’])")
    return word_pattern(option)
