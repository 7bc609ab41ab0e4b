"""Who each model says it is: rates by arm, the names claimed, and the answers with the claims marked in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

from mimicry_audit.records.score_sections import ArmRecord, AttemptRecord, IdentitySection
from mimicry_audit.records.scores import ModelScore
from mimicry_audit.report.fmt import Parts, point
from mimicry_audit.report.page import templated
from mimicry_audit.report.page.answers import claimed, cut
from mimicry_audit.report.pictures import charts

MOST_ATTEMPTS, BUDGET = 60, 1_200_000
"""Most answers shown per model, those that name another maker first; and most bytes of them, all models together."""

ARM_TITLES = {
    "default": "its own template",
    "neutral": "a neutral prompt",
    "templated": "in a template",
    "templated_neutral": "in a template, a neutral prompt",
}


def build(identity: IdentitySection | None, models: Sequence[ModelScore]) -> Parts | None:
    """Rows of the table, answers by model, and notes on templates that inject an identity; None if not asked."""
    if not identity or not identity.get("models"):
        return None
    unit = charts.Scale(0.0, 1.0, (0.0, 0.5, 1.0))
    arms = list(identity.get("arms") or [])
    attempts: dict[str, list[AttemptRecord]] = {}
    for attempt in identity.get("attempts") or []:
        attempts.setdefault(attempt["model"], []).append(attempt)
    rows = []
    for label, entry in identity["models"].items():
        by_arm = entry.get("arms") or {}
        rows.append(
            {
                "label": label,
                "own": entry.get("own"),
                "arms": [_arm_entry(name, by_arm[name], unit) for name in arms if name in by_arm],
                "attempts": _attempt_entries(attempts.get(label, []), BUDGET // len(identity["models"])),
                "slips": sum(map(_has_slip, attempts.get(label, []))),
                "asked": len(attempts.get(label, [])),
            }
        )
    injected = [model for model in models if model.get("injected_identity")]
    return {
        "rows": rows,
        "ticks": charts.ticks(unit),
        "injected": injected,
        "titles": ARM_TITLES,
        "leaks": leaks(identity, attempts),
        "templated": templated.build(identity),
    }


class Leak(TypedDict):
    """A model that names a maker not its own: in how many of its answers, and which models that maker made."""

    label: str
    maker: str
    count: int
    of: int
    whose: list[str]


def leaks(identity: IdentitySection, attempts: Mapping[str, Sequence[AttemptRecord]]) -> list[Leak]:
    """Names given to plain questions: for each model and each maker not its own, in how many answers and whose it is.

    Args:
        identity: the part of ``scores.json``.
        attempts: label → its answers.

    Returns:
        The most frequent first.
    """
    own = {
        label: own_record["maker"] if (own_record := entry.get("own")) else None
        for label, entry in identity["models"].items()
    }
    out: list[Leak] = []
    for label, model_attempts in attempts.items():
        maker_counts: Counter[str] = Counter()
        model_attempts = [
            attempt for attempt in model_attempts if not attempt.get("template")
        ]  # a template causes slips that a plain question does not
        for attempt in model_attempts:
            claims = attempt.get("claims") or []
            maker_counts.update({c["maker"] for c in claims if c.get("maker") and c.get("voice", "own") == "own"})
        for maker, count in maker_counts.items():
            if maker != own.get(label):
                whose = [other for other, other_maker in own.items() if other_maker == maker and other != label]
                out.append({"label": label, "maker": maker, "count": count, "of": len(model_attempts), "whose": whose})
    return sorted(out, key=lambda leak: (-leak["count"], leak["label"]))


def _arm_entry(name: str, arm: ArmRecord, unit: charts.Scale) -> Parts:
    other = arm.get("other_rate")
    return {
        "name": name,
        "arm": arm,
        "picture": charts.dots([charts.Mark("Names another maker", other)], unit) if point(other) is not None else None,
    }


def _has_slip(attempt: AttemptRecord) -> bool:
    return any(claim.get("own") is not True for claim in attempt.get("claims") or [])


def _attempt_entries(attempts: Sequence[AttemptRecord], budget: int) -> list[Parts]:
    first = sorted(attempts, key=lambda attempt: not _has_slip(attempt))[:MOST_ATTEMPTS]
    out: list[Parts] = []
    for attempt in first:
        head, rest = cut(attempt.get("text") or "")
        text = claimed(head, attempt.get("claims") or [])
        budget -= len(text.encode("utf-8")) + 500
        if budget < 0 and out:
            break
        out.append({"a": attempt, "slip": _has_slip(attempt), "rest": rest, "text": text})
    return out
