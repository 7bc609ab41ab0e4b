"""What models of known lineage say of these: likely teachers, kinds of similarity, agreement beyond chance.

Promise: each table is there only where it was computed; the part is absent where none was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mimicry_audit.records.scores import Scores, VerdictRecord
from mimicry_audit.report.fmt import Parts

TITLES = {
    "same_model": "One model, two names",
    "version": "Version of one family",
    "shared_base": "One base",
    "distilled": "Student and teacher",
}
MOST_OTHERS = 3
"""References named beside the likeliest; the rest are in ``scores.json``."""
_LARGEST = 1000


def build(scores: Scores, cards: Sequence[VerdictRecord]) -> Parts | None:
    """What the template places; None where no table has a row.

    Args:
        scores: the content of ``scores.json``.
        cards: the verdicts that have cards of their own; only their pairs are listed.
    """
    ranked = [
        {
            "candidate": row["candidate"],
            "first": row["ranked"][0],
            "others": row["ranked"][1 : 1 + MOST_OTHERS],
            "none": row["none"],
        }
        for row in scores.get("attribution") or []
    ]
    combined = {frozenset((p["a"], p["b"])): p.get("combined") for p in scores.get("pairs") or []}
    combined_facts = scores.get("combined")
    questions = [q for q in combined_facts["questions"] if q in TITLES] if combined_facts else []
    ratio_rows, unlikely = [], 0
    for card in cards if questions else ():
        ratios = combined.get(frozenset((card["candidate"], card["reference"])))
        if ratios and max(f["log_likelihood_ratio"] for f in ratios.values()) <= 0:
            unlikely += 1
        elif ratios:
            cells = [_format_ratio(ratios[q]["log_likelihood_ratio"]) if q in ratios else "–" for q in questions]
            ratio_rows.append({"candidate": card["candidate"], "reference": card["reference"], "cells": cells})
    agreement = [{**row, "all": row.get("all"), "wrong": row.get("wrong")} for row in scores.get("agreement") or []]
    if not (ranked or ratio_rows or unlikely or agreement):
        return None
    return {
        "ranked": ranked,
        "scored": ratio_rows,
        "unlikely": unlikely,
        "titles": [TITLES[q] for q in questions],
        "agreement": agreement,
    }


def _format_ratio(log_ratio: float) -> str:
    """A likelihood ratio in as many digits as it deserves."""
    ratio = math.exp(min(log_ratio, 50.0))
    if ratio > _LARGEST:
        return f"> {_LARGEST:,}"
    if ratio < 1 / _LARGEST:
        return f"< 1/{_LARGEST:,}"
    if ratio >= 1:
        return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
    return f"1/{1 / ratio:.1f}" if ratio > 0.1 else f"1/{1 / ratio:.0f}"
