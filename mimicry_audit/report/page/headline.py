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
    said = view.headline(scores)
    found = said["found"]
    if not said["judged"]:
        return "No pair of models was judged."
    if said["mute"]:
        return "There is too little here for a verdict; each verdict says what to add."
    if not found:
        what = "pairs" if said["pairs"] else "models"
        return f"None of the {said['judged']} judged {what} shows evidence of distillation."
    told = [
        f"{name(v['candidate'])} shows {v['confidence']} evidence of distillation from {name(v['reference'])}"
        for v in found[:_MOST]
    ]
    rest = f", and {len(found) - _MOST} more" if len(found) > _MOST else ""
    sentence = ", ".join(told[:-1]) + (", and " if len(told) > 1 else "") + told[-1]
    return f"{sentence}{rest}."


def open_questions(scores: view.ScoresView, name: Callable[[str], str] = visible.plain) -> str:
    """Who could not be judged; empty where nobody is left, or where nothing was decided at all."""
    said = view.headline(scores)
    waiting = said["open"]
    if not waiting or said["mute"]:
        return ""
    more = f" and {len(waiting) - 6} more" if len(waiting) > 6 else ""
    return f"{', '.join(map(name, waiting[:6]))}{more} could not be judged."


def counts(scores: view.ScoresView) -> dict[str, int]:
    """Verdict → how many judged pairs came to it, the gravest first."""
    found: dict[str, int] = {}
    for verdict in scores.verdicts:
        found[verdict["verdict"]] = found.get(verdict["verdict"], 0) + 1
    return found
