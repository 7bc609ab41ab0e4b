"""The one sentence that stands above all, as text: for Markdown, JSON, the model card and the list of runs.

Promise: it says what the page's own headline says.
"""

from __future__ import annotations

from collections.abc import Callable

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
    distilled_verdicts = summary["found"]
    if not summary["judged"]:
        return "No pair of models was judged."
    if summary["mute"]:
        return "There is not enough data for a verdict; each verdict says what to add."
    if not distilled_verdicts:
        what = "pairs" if summary["pairs"] else "models"
        return f"None of the {summary['judged']} judged {what} shows evidence of distillation."
    clauses = [
        f"{name(v['candidate'])} shows {v['confidence']} evidence of distillation from {name(v['reference'])}"
        for v in distilled_verdicts[:_MOST]
    ]
    rest = f", and {len(distilled_verdicts) - _MOST} more" if len(distilled_verdicts) > _MOST else ""
    sentence = ", ".join(clauses[:-1]) + (", and " if len(clauses) > 1 else "") + clauses[-1]
    return f"{sentence}{rest}."


def open_questions(scores: view.ScoresView, name: Callable[[str], str] = visible.plain) -> str:
    """The models that could not be judged; empty if all were judged, or if all are undecided."""
    summary = view.headline(scores)
    waiting = summary["open"]
    if not waiting or summary["mute"]:
        return ""
    more = f" and {len(waiting) - 6} more" if len(waiting) > 6 else ""
    return f"{', '.join(map(name, waiting[:6]))}{more} could not be judged."


def counts(scores: view.ScoresView) -> dict[str, int]:
    """Verdict → how many judged pairs came to it, the gravest first."""
    tally: dict[str, int] = {}
    for verdict in scores.verdicts:
        tally[verdict["verdict"]] = tally.get(verdict["verdict"], 0) + 1
    return tally
