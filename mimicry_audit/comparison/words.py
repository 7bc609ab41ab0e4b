"""What a comparison says in a sentence each: careful words, with the number and its interval.

Promise: a question that was not measured is said to be so, with the reason; no sentence concludes where an answer comes
from. A comparison measures movement; whether a model was distilled is for `audit run` with its panel and verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mimicry_audit.comparison.movement import Movement
from mimicry_audit.comparison.selves import Accuracy, Selves
from mimicry_audit.records.compared import Answer, QuestionRecord, StepRecord

LIMITS = (
    "A comparison measures movement between answers to these probes under these settings. "
    "It does not say where the movement comes from.",
    "Moving toward a model is what distillation does, and also what any training on similar data does. "
    "Without controls, a model that merely answers better moves toward every good model.",
    "Two checkpoints answered by different engines, templates or library versions differ for these reasons too.",
    "The intervals show how far a number might vary with other probes of the same kind; "
    "they do not cover other settings or other samples.",
    "Distinct word sequences depend on length; each answer is cut to its first words, and the length is shown beside them.",
)


@dataclass(frozen=True, slots=True)
class Said:
    """One question and its answer.

    Attributes:
        name: ``toward``, ``identity``, ``accuracy`` or ``diversity``.
        question: in words.
        answer: ``yes``, ``no``, ``unclear`` or ``not measured``.
        sentence: the answer with its numbers.
    """

    name: str
    question: str
    answer: Answer
    sentence: str

    def as_dict(self) -> QuestionRecord:
        """For ``compare.json``."""
        return {"name": self.name, "question": self.question, "answer": self.answer, "sentence": self.sentence}


def span(value: float, low: float, high: float) -> str:
    """``+0.12 [+0.09, +0.15]``."""
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]".replace("-", "−")


def p_words(p: float) -> str:
    """``p < 0.001`` or ``p = 0.034``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _format_numbers(movement: Movement) -> str:
    a = movement.adjusted
    p = movement.p if movement.p_holm is None else movement.p_holm
    return f"{span(a.value, a.low, a.high)}, Holm {p_words(p)}, {a.n} probes"


def toward(movement: Movement | None, after: str, reference: str, controls: int) -> Said:
    """Did it move toward the reference?"""
    question = f"Did {after} move toward {reference}?"
    if movement is None:
        return Said("toward", question, "not measured", "Not measured: no axis compares these answers.")
    kind = (
        f"beyond {controls} control{'s' if controls > 1 else ''}"
        if controls
        else "not adjusted, because no controls were given"
    )
    moved_ = f"({_format_numbers(movement)}; {kind})"
    raw = f"Raw similarity went from {movement.before.value:.2f} to {movement.after.value:.2f}."
    if movement.direction == "up":
        return Said("toward", question, "yes", f"Yes, {after} moved toward {reference} {moved_}. {raw}")
    if movement.direction == "down":
        return Said("toward", question, "no", f"No, {after} moved away from {reference} {moved_}. {raw}")
    if movement.direction == "relative" and movement.adjusted.value > 0:
        clause = f"Only relative to the controls: {after} moved no nearer to {reference}, but away from the controls"
        return Said("toward", question, "unclear", f"{clause} {moved_}. {raw}")
    if movement.direction == "relative":
        clause = f"{after} came nearer to {reference}, but less than to the controls"
        return Said("toward", question, "no", f"{clause} {moved_}. {raw}")
    if movement.direction == "too few":
        return Said("toward", question, "unclear", f"Too few probes to decide whether {after} moved {moved_}. {raw}")
    if movement.adjusted.high < movement.minimum and movement.adjusted.low > -movement.minimum:
        return Said("toward", question, "no", f"No notable movement toward {reference} {moved_}. {raw}")
    return Said("toward", question, "unclear", f"No clear movement toward {reference} {moved_}. {raw}")


def accuracy(outcome: Accuracy | None, after: str) -> Said:
    """Did it lose or gain accuracy?"""
    question = f"Did the accuracy of {after} change?"
    if outcome is None:
        return Said("accuracy", question, "not measured", "Not measured: no probe has an answer that can be checked.")
    change = outcome.change
    word = {"up": "rose", "down": "fell"}.get(change.direction)
    detail = f" ({outcome.gained} gained, {outcome.lost} lost)" if outcome.gained is not None else ""
    before, after = _format_percent(change.before.value), _format_percent(change.after.value)
    clause = f"from {before} to {after}, {_format_numbers(change)}{detail}"
    if word:
        return Said("accuracy", question, "yes", f"Yes, accuracy {word} {clause}.")
    return Said("accuracy", question, "unclear", f"No clear change in accuracy: {clause}.")


def identity(identities: Selves | None, after: str, reference: str) -> Said:
    """Does it claim another identity?"""
    question = f"Did {after} change who it says it is?"
    if identities is None:
        return Said("identity", question, "not measured", "Not measured: no identity question was asked of both.")
    plain = identities.groups["plain"]
    change, claimed = plain["other"], "an identity other than its own"
    if change is None:
        change, claimed = plain["reference"], f"the identity of {reference}"
    if change is None:
        why = "its name does not show who made it, and the reference's maker is not known either"
        return Said("identity", question, "not measured", f"Not measured: {why}. What it says is in the table.")
    n = identities.questions["plain"]
    clause = (
        f"it claims {claimed} in {_format_percent(change.after.value)} of the answers to {n} questions, "
        f"before in {_format_percent(change.before.value)} ({_format_numbers(change).replace(' probes', ' questions')})"
    )
    if change.direction == "up":
        return Said("identity", question, "yes", f"Yes, {clause}.")
    if change.direction == "down":
        return Said("identity", question, "yes", f"It claims {claimed} less often: {clause}.")
    return Said("identity", question, "no" if not identities.leak else "unclear", f"No clear change: {clause}.")


def diversity(measures: Mapping[str, Movement | None], after: str, samples: int) -> Said:
    """Did its variety collapse?"""
    question = f"Did the answers of {after} become more similar to each other?"
    movement = measures.get("samples")
    across, distinct = measures.get("questions"), measures.get("distinct_2")
    others = []
    if across is not None:
        others.append(f"likeness across questions {_direction_words(across)}")
    if distinct is not None:
        others.append(f"distinct word pairs {_direction_words(distinct)}")
    also = f" {'; '.join(others).capitalize()}." if others else ""
    if movement is None:
        why = "one sample per probe" if samples == 1 else "no axis compares the samples"
        return Said("diversity", question, "not measured", f"Self-similarity was not measured: {why}.{also}")
    change = f"from {movement.before.value:.2f} to {movement.after.value:.2f}, {_format_numbers(movement)}"
    clause = f"likeness among its own samples went {change}"
    if movement.direction == "up":
        return Said("diversity", question, "yes", f"Yes, {clause}.{also}")
    if movement.direction == "down":
        return Said("diversity", question, "no", f"No, they grew more varied: {clause}.{also}")
    return Said("diversity", question, "unclear", f"No clear change: {clause}.{also}")


def _direction_words(movement: Movement) -> str:
    ends = f"from {movement.before.value:.2f} to {movement.after.value:.2f}"
    word = {"up": "rose", "down": "fell"}.get(movement.direction)
    return f"{word} {ends}" if word else f"did not clearly change ({ends})"


def trajectory(steps: Sequence[StepRecord], reference: str) -> str | None:
    """One sentence on a whole training run; None with one checkpoint."""
    if len(steps) < 2:
        return None
    values = [s["movement"]["change"]["value"] for s in steps if s["movement"]]
    clear = sum(s["movement"]["direction"] == "up" for s in steps if s["movement"])
    back = sum(s["movement"]["direction"] == "down" for s in steps if s["movement"])
    rose = sum(v > 0 for v in values)
    controls = "beyond chance and controls"
    return (
        f"Likeness to {reference} rose at {rose} of {len(steps)} steps of the trajectory, at {clear} of them {controls}"
        + (f", and fell beyond chance at {back}." if back else ".")
    )


def _format_percent(share: float) -> str:
    return f"{share * 100:.0f} %"
