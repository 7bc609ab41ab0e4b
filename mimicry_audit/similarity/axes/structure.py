"""Structure: the outline of an answer, whatever it says.

Every line becomes one letter (heading, bullet, number, bold lead, step, table row, quotation, code block, line that ends in
a colon, short or long paragraph, blank), and two outlines are compared by normalised Indel similarity (RapidFuzz): the
same parts in the same order, with parts put in or left out forgiven in proportion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mimicry_audit.similarity.axes.base import Answer, FloatArray

MOST_PARTS = 200
_LONG_PARAGRAPH = 400
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("H", re.compile(r"#{1,6}\s|\*\*[^*]+\*\*:?$")),
    ("B", re.compile(r"[-*•+]\s+\*\*")),
    ("N", re.compile(r"\(?\d+[.):]\s+\*\*")),
    ("b", re.compile(r"[-*•+]\s")),
    ("n", re.compile(r"\(?\d+[.):、]\s?|[①-⑳]|第[一二三四五六七八九十]+[步，、]")),
    ("s", re.compile(r"(?i:step|part|example|note|first|second|third|next|then|finally)\b|步骤|首先|其次|然后|最后")),
    ("t", re.compile(r"\|")),
    ("q", re.compile(r">")),
    (":", re.compile(r".*[:：]$")),
)  # fmt: skip


class Structure:
    """Indel similarity of outlines."""

    name: ClassVar[str] = "structure"
    title: ClassVar[str] = "Structure"
    about: ClassVar[str] = "The outline: headings, lists, steps, code, tables and paragraphs, in their order."
    family: ClassVar[str] = "style"
    baseline: ClassVar[bool] = False

    def __init__(self) -> None:
        self._outlines: list[str] = []

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Outline every answer."""
        import rapidfuzz  # noqa: F401 (a missing package is found out before the first block)

        self._outlines = [outline(a.text) for a in answers]

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`."""
        from rapidfuzz.distance import Indel
        from rapidfuzz.process import cdist

        some = [self._outlines[r] for r in rows]
        return np.asarray(cdist(some, some, scorer=Indel.normalized_similarity, dtype=np.float64, workers=1))


def outline(text: str) -> str:
    """One letter a part, at most `MOST_PARTS` of them.

    ``H`` heading, ``B``/``N`` bullet or number with a bold lead, ``b`` bullet, ``n`` number, ``s`` step,
    ``t`` table row, ``q`` quotation, ``C`` code block, ``:`` line that announces what follows, ``p``/``P`` short or long
    paragraph, ``_`` blank lines.
    """
    parts: list[str] = []
    in_code = False
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("```", "~~~")):
            in_code = not in_code
            if in_code:
                parts.append("C")
        elif in_code:
            continue
        elif not bare:
            if parts and parts[-1] != "_":
                parts.append("_")
        else:
            parts.append(_line_kind(bare))
    return "".join(parts).strip("_")[:MOST_PARTS]


def _line_kind(line: str) -> str:
    letter_of_kind = next((letter for letter, pattern in _KINDS if pattern.match(line)), None)
    return letter_of_kind or ("P" if len(line) > _LONG_PARAGRAPH else "p")
