"""What a page shows of a run with many models: the pairs that stand out, and of the rest how many there are.

Promise: a run of ordinary size is shown whole; of a larger one every model is named and every verdict counted, and the page
says what it leaves to ``scores.json``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mimicry_audit.records.scores import PairScore, VerdictRecord
from mimicry_audit.records.verdict_words import WORDS
from mimicry_audit.report.fmt import Parts, point

MOST_MAPPED = 40
"""Most models on one matrix: more cannot be read."""
MOST_COLUMNS = 8
"""Most models with answers side by side if there are more than `MOST_MAPPED`."""
MOST_ROWS = 200
"""Most pairs in the table of those without a card."""

_ALIKE = frozenset(word.name for word in WORDS if word.finds_likeness)
Pairs = Mapping[frozenset[str], PairScore]


def excess(pairs: Pairs, a: str, b: str) -> float:
    """Overall centred similarity of a pair, for sorting: what was not measured comes last."""
    overall = pairs.get(frozenset({a, b}), {}).get("overall") or {}
    value = point(overall.get("centred"))
    return -9.0 if value is None else value


def is_detailed(verdict: VerdictRecord) -> bool:
    """Whether a judged pair has a card of its own."""
    return bool(verdict.get("detailed", True))


def mapped(labels: Sequence[str], verdicts: Sequence[VerdictRecord], pairs: Pairs) -> tuple[list[str], list[str]]:
    """The models on the matrices, and those left out.

    Args:
        labels: all models.
        verdicts: those with cards, the gravest first.
        pairs: of every two models.

    Returns:
        All and none, or the `MOST_MAPPED` of the pairs that stand out and then of the closest pairs; and the others.
    """
    if len(labels) <= MOST_MAPPED:
        return list(labels), []
    ranked_labels = [label for verdict in verdicts for label in (verdict["candidate"], verdict["reference"])]
    closest_pairs = sorted(pairs.values(), key=lambda pair: -excess(pairs, pair["a"], pair["b"]))
    ranked_labels += [label for pair in closest_pairs for label in (pair["a"], pair["b"])]
    mapped_labels = set(list(dict.fromkeys(ranked_labels))[:MOST_MAPPED])
    return [label for label in labels if label in mapped_labels], [
        label for label in labels if label not in mapped_labels
    ]


def columns(order: Sequence[str], verdicts: Sequence[VerdictRecord]) -> tuple[str, ...]:
    """The models with answers on the page, the reference first.

    Args:
        order: all models, the reference first.
        verdicts: those with cards, the gravest first.
    """
    if len(order) <= MOST_MAPPED:
        return tuple(order)
    ranked_labels = [order[0], *(label for v in verdicts for label in (v["reference"], v["candidate"])), *order]
    return tuple(dict.fromkeys(ranked_labels))[:MOST_COLUMNS]


def foremost(columns: Sequence[str], verdicts: Sequence[VerdictRecord]) -> list[str]:
    """The same models, those of the gravest verdicts first and the reference before all.

    Args:
        columns: labels, the reference first.
        verdicts: those with cards, the gravest first.
    """
    grave = [v for v in verdicts if v["verdict"] in _ALIKE]
    ranked_labels = [*columns[:1], *(label for v in grave for label in (v["candidate"], v["reference"])), *columns]
    return [label for label in dict.fromkeys(ranked_labels) if label in columns]


def rest(verdicts: Sequence[VerdictRecord], pairs: Pairs) -> Parts | None:
    """The judged pairs without a card: how many of which verdict, and the closest of them; None where all have one."""
    plain = [verdict for verdict in verdicts if not is_detailed(verdict)]
    if not plain:
        return None
    ordered = sorted(plain, key=lambda v: -excess(pairs, v["candidate"], v["reference"]))
    rows: list[Parts] = [
        {"v": v, "overall": pairs.get(frozenset({v["candidate"], v["reference"]}), {}).get("overall")}
        for v in ordered[:MOST_ROWS]
    ]
    return {"tally": Counter(v["verdict"] for v in plain).most_common(), "count": len(plain), "rows": rows}
