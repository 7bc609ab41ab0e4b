"""Word by word: what an answer shares with the reference's, and what stands only in it.

Promise: the spans of `spans(a, b)` joined give back `b` exactly; those marked shared are a longest common
subsequence of words, in order. Words are compared as written; spaces are not compared at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup

from mimicry_audit.report.visible import markup as visible_markup

_CJK = "\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af"
_TOKEN = re.compile(rf"(?:[{_CJK}]|[^\W{_CJK}]+|[^\w\s])\s*|\s+")

MOST_WORDS = 4000
"""Longer answers are compared in their first words only, to keep a page quick to build."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of an answer that is shared with the reference, or stands only here."""

    text: str
    shared: bool


def words(text: str) -> list[str]:
    """`text` cut into words (each Chinese, Japanese or Korean character is one), each with the space after it."""
    return _TOKEN.findall(text)


def spans(reference: str, text: str) -> list[Span]:
    """`text` as runs shared with `reference` and runs only here."""
    from rapidfuzz.distance import LCSseq

    ours, theirs = words(text), words(reference)[:MOST_WORDS]
    head, tail = ours[:MOST_WORDS], ours[MOST_WORDS:]
    kept: set[int] = set()
    for op in LCSseq.opcodes([w.strip() for w in theirs], [w.strip() for w in head]):
        if op.tag == "equal":
            kept.update(range(op.dest_start, op.dest_end))
    out: list[Span] = []
    run: list[str] = []
    for at, word in enumerate(head):
        if run and (at in kept) != (at - 1 in kept):
            out.append(Span("".join(run), at - 1 in kept))
            run = []
        run.append(word)
    if run:
        out.append(Span("".join(run), len(head) - 1 in kept))
    if tail:
        out.append(Span("".join(tail), False))
    return out


def shared(found: list[Span]) -> float | None:
    """The share of the answer's words that it has in common with the reference, None for an empty answer."""
    counts = [(len(words(span.text)), span.shared) for span in found]
    total = sum(count for count, _ in counts)
    return sum(count for count, same in counts if same) / total if total else None


def markup(found: list[Span]) -> Markup:
    """The spans as escaped text, those only here inside ``<mark>``; spaces at the end of a mark stay outside it."""
    out: list[Markup] = []
    for span in found:
        if span.shared:
            out.append(visible_markup(span.text))
            continue
        body = span.text.rstrip()
        if body:
            out.append(Markup("<mark>{}</mark>").format(visible_markup(body)))
        out.append(visible_markup(span.text[len(body) :]))
    return Markup("").join(out)
