"""The one sentence that stands above all, as text: for Markdown, JSON, the model card and the list of runs.

Promise: it says what the page's own headline says.
"""

from __future__ import annotations

from collections.abc import Callable

from mimicry_audit.records.scores import VerdictRecord
from mimicry_audit.report import visible
from mimicry_audit.report.page import view

_MOST = 4
"""Most pairs named in the sentence."""


def headline(scores: view.ScoresView, name: Callable[[str], str] = visible.plain) -> str:
    """What was found, in a sentence.

    Args:
        scores: the scores.
        name: how a model's label is written.
    """
    summary = view.headline(scores)
    accusations = summary["found"]
    if not summary["judged"] and not summary["open"]:
        return "No pair of models was judged."
    if summary["mute"]:
        return "There is not enough data for a verdict; each verdict says what to add."
    if not accusations:
        waiting = f"{_open_names(summary, name)} could not be judged. " if summary["open"] else ""
        return waiting + summary["all_clear"]
    clauses = [_clause(v, name) for v in accusations[:_MOST]]
    rest = f", and {len(accusations) - _MOST} more" if len(accusations) > _MOST else ""
    sentence = ", ".join(clauses[:-1]) + (", and " if len(clauses) > 1 else "") + clauses[-1]
    return f"{sentence}{rest}."


def open_questions(scores: view.ScoresView, name: Callable[[str], str] = visible.plain) -> str:
    """The models that could not be judged, beside accusations; else empty: the headline names them."""
    summary = view.headline(scores)
    if not summary["open"] or not summary["found"]:
        return ""
    return f"{_open_names(summary, name)} could not be judged."


def _open_names(summary: view.Headline, name: Callable[[str], str]) -> str:
    waiting = summary["open"]
    more = f" and {len(waiting) - 6} more" if len(waiting) > 6 else ""
    return f"{', '.join(map(name, waiting[:6]))}{more}"


def _clause(verdict: VerdictRecord, name: Callable[[str], str]) -> str:
    """One accusation, as a part of the sentence."""
    candidate, reference = name(verdict["candidate"]), name(verdict["reference"])
    if verdict["verdict"] == "same model":
        seems = "seems to be" if verdict["confidence"] == "strong" else "is probably"
        return f"{candidate} {seems} the same model as {reference}"
    return f"{candidate} shows {verdict['confidence']} evidence of distillation from {reference}"


def counts(scores: view.ScoresView) -> dict[str, int]:
    """Verdict → how many judged pairs came to it, the gravest first."""
    tally: dict[str, int] = {}
    for verdict in scores.verdicts:
        tally[verdict["verdict"]] = tally.get(verdict["verdict"], 0) + 1
    return tally
