"""How evidence is worded: names in a row, numbers with their intervals, one sentence a kind of evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mimicry_audit.statistics.intervals import Interval
from mimicry_audit.verdicts.findings import AMONG_AUTHORS, AMONG_STUDENTS, TELLING_RATIO, Evidence, PairFacts


def cosine(value: float | None) -> str:
    """A cosine in brackets, or nothing where it is out of sight."""
    return "" if value is None else f" (cosine {value:.2f})"


MOST_LISTED = 12
"""Most names in one sentence; of more, the first are named and the rest counted."""


def listed(names: Sequence[str]) -> str:
    """Names in a row; of very many the first, and the rest counted."""
    if len(names) > MOST_LISTED:
        names = (*names[: MOST_LISTED - 1], f"{len(names) - MOST_LISTED + 1} others")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def beyond(evidence: Evidence) -> str:
    """What a statistic goes beyond."""
    return "beyond general likeness" if evidence.statistic == "excess" else "beyond the controls"


def moved_words(positive: Sequence[Evidence]) -> list[str]:
    """One sentence per family: the axis that moved furthest, and which others of its kind moved too."""
    words = []
    for family in dict.fromkeys(e.family for e in positive):
        first, *others = sorted((e for e in positive if e.family == family), key=lambda e: -e.estimate.low)
        also = f" So did {listed([e.title for e in others])}." if others else ""
        words.append(lift_words(first) + also)
    return words


def lift_words(evidence: Evidence) -> str:
    """One axis of movement in a sentence."""
    if evidence.unit == "share of answers":
        return (
            f"{evidence.title}: {shares(evidence.raw)} of its answers hold passages that, of all these models, only the "
            f"reference uses; {shares(evidence.estimate)} more than a control's own (Holm p = {evidence.p_holm:.2g})."
        )
    if evidence.statistic == AMONG_AUTHORS:
        return (
            f"{evidence.title}: the movement toward it lies {interval(evidence.estimate)} standard errors above those toward "
            f"the controls, each taken as one more author (Holm p = {evidence.p_holm:.2g})."
        )
    if evidence.statistic == AMONG_STUDENTS:
        return (
            f"{evidence.title}: the likeness to its known student lies {interval(evidence.estimate)} standard errors above "
            f"that of students of different teachers (Holm p = {evidence.p_holm:.2g}), and the two are each other's nearest by "
            f"{interval(evidence.raw)} standard deviations."
        )
    if evidence.unit != "similarity":
        closed = "" if evidence.closed is None else f", at least {evidence.closed:.0%} of what the base lacked"
        return (
            f"{evidence.title}: gained {interval(evidence.raw)} {evidence.unit} on it, {interval(evidence.estimate)} more "
            f"than on the controls' (Holm p = {evidence.p_holm:.2g}){closed}."
        )
    return (
        f"{evidence.title}: moved {interval(evidence.raw)} toward it, {interval(evidence.estimate)} more than toward "
        f"the controls (Holm p = {evidence.p_holm:.2g})."
    )


def length_words(facts: PairFacts) -> list[str]:
    """What length alone shows, where it was measured."""
    if facts.length is None:
        return []
    return [f"For comparison, length alone moved {interval(facts.length.estimate)} beyond the controls."]


def interval(value: Interval | None) -> str:
    """An estimate with its interval."""
    if value is None:
        return "—"
    bounds = [f"{round(x, 2) + 0.0:+.2f}".replace("-", "−") for x in (value.value, value.low, value.high)]
    return f"{bounds[0]} [{bounds[1]}, {bounds[2]}]"


def shares(value: Interval | None) -> str:
    """An estimate of a share with its interval, in hundredths."""
    if value is None:
        return "—"
    bounds = [f"{x:.1%}".replace("-", "−") for x in (value.value, value.low, value.high)]
    return f"{bounds[0]} [{bounds[1]}, {bounds[2]}]"


_LIKE: Mapping[str, str] = {
    "same_model": "one model under two names",
    "version": "two releases of one family",
    "shared_base": "two fine-tunes of one base",
    "distilled": "a student and its teacher",
}


def stands_out(facts: PairFacts) -> str | None:
    """The question whose combined score the pair fits best, where it fits one well."""
    question, log_ratio = max(facts.ratios.items(), key=lambda item: item[1])
    if log_ratio < math.log(TELLING_RATIO):
        return None
    times = f"{math.exp(log_ratio):.0f}" if log_ratio < math.log(1000) else "more than 1,000"
    return (
        f"Compared with the other models, such a similarity is {times} times as likely for {_LIKE[question]} as for unrelated "
        "models (combined score, fitted on public models of known lineage)."
    )
