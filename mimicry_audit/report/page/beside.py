"""Two runs side by side: every pair that either judged, with both verdicts, similarities and movements.

Promise: nothing is computed anew; a pair that one of the runs did not judge says so; what sets the settings of the two apart
stands above the table, because figures of different probes or axes are not to be subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from mimicry_audit.records.scores import Scores, VerdictRecord
from mimicry_audit.report.fmt import BeyondControls, Interval, beyond_controls
from mimicry_audit.report.page import page, view
from mimicry_audit.report.page.view import Badge


class Side(TypedDict):
    """What one run says of a pair."""

    badge: Badge
    confidence: str
    similarity: Interval | None
    movement: BeyondControls | None


class Row(TypedDict):
    """One pair, and what each run says of it; None where it was not judged."""

    candidate: str
    reference: str
    sides: list[Side | None]
    same: bool


def rows(first: Scores, second: Scores) -> list[Row]:
    """Every judged pair, those whose verdicts differ first, else in the order of the first run.

    Args:
        first: the content of one ``scores.json``.
        second: of another.
    """
    tables = [_sides(scores) for scores in (first, second)]
    found: list[Row] = []
    for candidate, reference in dict.fromkeys([*tables[0], *tables[1]]):
        sides = [table.get((candidate, reference)) for table in tables]
        words = {side["badge"]["word"] for side in sides if side is not None}
        same = len(words) == 1 and None not in sides
        found.append({"candidate": candidate, "reference": reference, "sides": sides, "same": same})
    return sorted(found, key=lambda row: row["same"])


def differences(first: Scores, second: Scores) -> list[tuple[str, str, str]]:
    """Settings that the two runs do not share: name, value there, value here."""
    flat = [dict(view.flat(scores.get("settings") or {})) for scores in (first, second)]
    flat = [values | {"signature": str(s.get("signature"))} for values, s in zip(flat, (first, second), strict=True)]
    names = sorted({*flat[0], *flat[1]}, key=lambda name: (name != "signature", name))
    pairs = [(name, flat[0].get(name, "not set"), flat[1].get(name, "not set")) for name in names]
    return [row for row in pairs if row[1] != row[2]]


def render(named: Sequence[tuple[str, Scores]]) -> str:
    """The page.

    Args:
        named: two runs, name and scores.

    Raises:
        DataError: scores of another schema.
    """
    (first, one), (second, other) = named
    return page.shell(
        "beside.html",
        ("report.css", "shelf.css"),
        names=(first, second),
        rows=rows(one, other),
        differences=differences(one, other),
    )


def _sides(scores: Scores) -> Mapping[tuple[str, str], Side]:
    seen = view.read(scores)
    similarities = seen.overall("raw")
    return {(v["candidate"], v["reference"]): _side(v, similarities) for v in seen.verdicts}


def _side(verdict: VerdictRecord, similarities: Mapping[frozenset[str], Interval | None]) -> Side:
    return {
        "badge": view.badge(verdict["verdict"]),
        "confidence": str(verdict.get("confidence") or "none"),
        "similarity": similarities.get(frozenset({verdict["candidate"], verdict["reference"]})),
        "movement": beyond_controls(verdict),
    }
