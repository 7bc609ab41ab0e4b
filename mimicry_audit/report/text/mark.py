"""The door to Markdown: text that others wrote goes in, text that can do nothing comes out.

Promise: what comes out of `words` and `code` is one line that renders as the characters it was made of, in CommonMark and
on GitHub. No link, picture, HTML, emphasis, table cell, heading, mention, issue number, emoji short code or formula arises
from it, and hidden characters are written out (``⟦U+202E⟧``), as on the page. What GitHub would act on even after escaping
stands in the same brackets: ``⟦@⟧name``, ``https⟦://⟧place``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mimicry_audit.report import fmt, visible

_ACTS = re.compile(r"@(?=\w)|://|(?<=www)\.|\bGH-(?=\d)|:(?=[\w+-]+:)|#(?=\d)", re.IGNORECASE)
"""What is acted on after rendering, where no escape holds: mentions and mail, addresses, issue numbers, emoji."""
_MARKS = re.compile(r"[\\`*_{}\[\]#~]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;"}
_OPENING = re.compile(r"[-+=]|\d{1,9}(?=[.)](?:\s|$))")
MOST = 1200
"""Most characters of one text; what is longer ends in an ellipsis."""


def line(text: object, most: int = MOST) -> str:
    """The text on one line, hidden characters written out, cut at `most` characters."""
    flat = " ".join(visible.plain(str(text)).split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def words(text: object, most: int = MOST) -> str:
    """A sentence, for any place in a line."""
    escaped = _ACTS.sub(lambda act: f"⟦{act[0]}⟧", line(text, most))
    escaped = re.sub(r"[&<>|$]", lambda char: _ENTITIES[char[0]], escaped)
    # The # of an entity does not belong to the text: it is restored after the marks are escaped.
    escaped = _MARKS.sub(r"\\\g<0>", escaped).replace("&\\#", "&#")
    opening = _OPENING.match(escaped)
    if opening is None:
        return escaped
    return f"{escaped[: opening.end()]}\\{escaped[opening.end() :]}" if escaped[0].isdigit() else f"\\{escaped}"


def code(text: object, most: int = 200) -> str:
    """A name or a quotation as a code span, in which nothing is acted on; fit for a table's cell."""
    flat = line(text, most).replace("|", "⟦U+007C⟧")
    if not flat:
        return fmt.MISSING
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    pad = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def block(lines: Iterable[str], language: str = "") -> list[str]:
    """A fenced block of lines, each kept to one line; the fence is longer than any in it."""
    inner = [" ".join(visible.plain(text).splitlines()) for text in lines]
    fence = "`" * max(3, 1 + max((len(run) for text in inner for run in re.findall(r"`+", text)), default=0))
    return [f"{fence}{language}", *inner, fence, ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """A table as GitHub reads it; the cells have passed `words` or `code`, or are numbers of ours.

    Args:
        head: the columns' headings.
        rows: the cells.
        right: columns set to the right.
    """
    rule = ["---:" if at in right else "---" for at in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)] + [""]
