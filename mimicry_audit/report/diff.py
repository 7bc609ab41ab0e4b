"""Word by word: what an answer shares with the reference's, and what stands only in it.

Promise: the spans of `spans(a, b)` joined give back `b` exactly; those marked shared are a longest common
subsequence of words, in order. Words are compared as written; spaces are not compared at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from mimicry_audit.ground.words import split_words
from mimicry_audit.report.visible import coded as visible_coded
from mimicry_audit.report.visible import is_plain
from mimicry_audit.report.visible import markup as visible_markup

OWN = "\x7f"
"""Stands, in a coded text, before and after what is only in this answer; as a character of the text it would be named."""

MOST_WORDS = 4000
"""Longer answers are compared in their first words only, to keep a page quick to build."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of an answer that is shared with the reference, or stands only here."""

    text: str
    shared: bool
    words: int


def words(text: str) -> list[str]:
    """`text` cut into words and marks, whole in every script, each with what stands between it and the next."""
    starts: list[int] = []
    end = 0
    for word in split_words(text):
        start = text.index(word, end)
        starts.append(start)
        end = start + len(word)
    if not starts:
        return [text] if text else []
    starts[0] = 0  # a space before the first word goes with it
    return [text[start:stop] for start, stop in pairwise([*starts, len(text)])]


class Against:
    """A reference answer, cut into words once, to hold any number of answers against.

    Args:
        reference: the reference's answer.
    """

    def __init__(self, reference: str) -> None:
        self._words = [word.strip() for word in words(reference)[:MOST_WORDS]]

    def spans(self, text: str) -> list[Span]:
        """`text` as runs shared with the reference and runs only here."""
        from rapidfuzz.distance import LCSseq

        answer_words = words(text)
        head, tail = answer_words[:MOST_WORDS], answer_words[MOST_WORDS:]
        out: list[Span] = []
        at = 0
        same = LCSseq.opcodes(self._words, [word.strip() for word in head]).as_matching_blocks()
        for start, end in _merge_runs((block.b, block.b + block.size) for block in same if block.size):
            if start > at:
                out.append(Span("".join(head[at:start]), False, start - at))
            out.append(Span("".join(head[start:end]), True, end - start))
            at = end
        if at < len(head):
            out.append(Span("".join(head[at:]), False, len(head) - at))
        if tail:
            out.append(Span("".join(tail), False, len(tail)))
        return out


def _merge_runs(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs in order, those that touch as one."""
    at: tuple[int, int] | None = None
    for start, end in runs:
        if at is not None and start == at[1]:
            at = (at[0], end)
            continue
        if at is not None:
            yield at
        at = (start, end)
    if at is not None:
        yield at


def spans(reference: str, text: str) -> list[Span]:
    """`text` as runs shared with `reference` and runs only here."""
    return Against(reference).spans(text)


def shared(spans: list[Span]) -> float | None:
    """The share of the answer's words that it has in common with the reference, None for an empty answer."""
    total = sum(span.words for span in spans)
    return sum(span.words for span in spans if span.shared) / total if total else None


def markup(spans: list[Span]) -> Markup:
    """The spans as escaped text, those only here inside ``<mark>``; spaces at the end of a mark stay outside it."""
    out: list[Markup] = []
    for span in spans:
        if span.shared:
            out.append(visible_markup(span.text))
            continue
        body = span.text.rstrip()
        if body:
            out.append(Markup("<mark>{}</mark>").format(visible_markup(body)))
        out.append(visible_markup(span.text[len(body) :]))
    return Markup("").join(out)


def common_markup(spans: list[Span], fewest: int) -> Markup:
    """The spans as escaped text, the other way round: runs of `fewest` and more shared words inside ``<mark>``."""
    return markup([Span(span.text, not (span.shared and span.words >= fewest), span.words) for span in spans])


def coded(spans: list[Span]) -> str:
    """The spans as one string for `mimicry_audit.report.page.packed`: those only here between two `OWN`."""
    write = str if is_plain("".join(span.text for span in spans)) else visible_coded
    out: list[str] = []
    for span in spans:
        body = span.text if span.shared else span.text.rstrip()
        text = write(body)
        out.append(text if span.shared or not text else f"{OWN}{text}{OWN}")
        out.append(write(span.text[len(body) :]))
    return "".join(out)
