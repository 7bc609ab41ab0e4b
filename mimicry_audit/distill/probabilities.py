"""Having the teachers' most probable tokens stored for the rows of a training, and saying what that leaves out.

Promise: what is stored already is not computed again; each row's probabilities come from the teacher that gave its answer; what
the top tokens leave out is measured with the teacher at hand and put on record, not assumed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from mimicry_audit.distill.alignment import TokenAlignment, padding
from mimicry_audit.distill.context import DistillContext
from mimicry_audit.distill.training import task
from mimicry_audit.distill.training.examples import Example
from mimicry_audit.distill.training.loss import LossRecipe
from mimicry_audit.distill.training.models import load
from mimicry_audit.distill.training.signal_store import SignalStore, store_key
from mimicry_audit.distill.training.signals import (
    CutOff,
    Keep,
    ask,
    compute,
    cut_off,
    unlisted_mass,
    write_index,
)
from mimicry_audit.engines.likelihood import Scorer, why_not
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import ConfigError

INDEX = "signals.json"


class Truncation(TypedDict):
    """What the stored tokens of one teacher leave out.

    ``unlisted`` is the teacher's mean probability outside of its stored tokens; ``loss`` the mean objective in nats a token on
    the stored cells and on the whole vocabulary, for the student before training; None without the teacher's weights.
    """

    teacher: str
    top_k: int
    bytes_per_token: float
    unlisted: float
    loss: CutOff | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The stores of all teachers.

    Attributes:
        places: folder and key of each teacher's store.
        truncation: what each leaves out.
    """

    places: tuple[tuple[str, str], ...]
    truncation: tuple[Truncation, ...]


def store(
    context: DistillContext,
    alignment: TokenAlignment,
    rows: Sequence[Example],
    recipe: LossRecipe,
) -> Stored:
    """Have the most probable tokens of all rows stored.

    Args:
        context: settings and models.
        alignment: the models as found.
        rows: what will be trained on and held out.
        recipe: the loss, for what the stored tokens leave out of it.

    Raises:
        ConfigError: a teacher's engine gives no probabilities.
        EngineError: the teacher cannot score its answers.
    """
    of_teacher = [[row for row in rows if row.teacher == number] for number in range(len(alignment.teachers))]
    stores = [_store_one(context, alignment, number, own, recipe) for number, own in enumerate(of_teacher)]
    return Stored(tuple(place for place, _ in stores), tuple(truncation for _, truncation in stores))


def _store_one(
    context: DistillContext, alignment: TokenAlignment, number: int, rows: Sequence[Example],
    recipe: LossRecipe,
) -> tuple[tuple[str, str], Truncation]:  # fmt: skip
    s, teacher = context.settings, alignment.teachers[number]
    folder = (context.common / "signals").resolve()
    key = store_key(teacher.weights.pin, s.top_k, alignment.tokens, s.kind)
    signal_store = SignalStore(folder, key)
    keep = Keep(s.top_k, alignment.tokens)
    loss = _earlier(signal_store.folder)
    if any(row.places and row.key not in signal_store for row in rows):
        if s.kind == "cached":
            loss = _compute(context, alignment, number, rows, signal_store, keep, recipe)
        else:
            _ask(context, number, rows, signal_store, keep)
    truncation: Truncation = {
        "teacher": teacher.weights.name,
        "top_k": s.top_k,
        "bytes_per_token": round(signal_store.bytes_per_place, 1),
        "unlisted": unlisted_mass(signal_store, [row.key for row in rows if row.places]),
        "loss": loss,
    }
    facts = {name: value for name, value in truncation.items() if name != "teacher"}
    write_index(signal_store.folder / INDEX, signal_store, {"teacher": teacher.weights.pin, "kind": s.kind, **facts})
    if context.watch is not None:
        context.watch.say(_in_words(truncation))
    return (str(folder), key), truncation


def _in_words(truncation: Truncation) -> str:
    words = (
        f"{truncation['teacher']}: the top {truncation['top_k']} tokens hold {1 - truncation['unlisted']:.1%} of its "
        f"probability, in {truncation['bytes_per_token']:.0f} bytes a token"
    )
    if (loss := truncation["loss"]) is not None:
        words += f"; the loss on them is {loss['cells']:.3f} nats where the whole vocabulary gives {loss['dense']:.3f}"
    return words


def _earlier(folder: Path) -> CutOff | None:
    """What was measured when the signals were computed."""
    try:
        loss: CutOff | None = json.loads((folder / INDEX).read_text("utf-8"))["loss"]
    except (OSError, ValueError, KeyError):
        return None
    return loss


def _compute(
    context: DistillContext, alignment: TokenAlignment, number: int, rows: Sequence[Example], signal_store: SignalStore,
    keep: Keep, recipe: LossRecipe,
) -> CutOff | None:  # fmt: skip
    import torch

    teacher = alignment.teachers[number]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    half = task.uses_bf16(context.settings.training.precision)
    model = load(teacher.weights.location, teacher.weights.commit, half=half)
    model.to(device)  # type: ignore[arg-type]  # a decorator of transformers hides the signature
    model.train(False)
    pad = padding(teacher)

    def report_progress(count: int, of: int) -> None:
        context.report_progress("teacher's probabilities", count, of)

    compute(model, rows, signal_store, keep, pad, report_progress)
    weights = alignment.student.weights
    student = load(weights.location, weights.commit, half=half)
    student.to(device)  # type: ignore[arg-type]
    student.train(False)
    return cut_off(student, model, rows, signal_store, recipe, (padding(alignment.student), pad))


def _ask(
    context: DistillContext, number: int, rows: Sequence[Example], signal_store: SignalStore,
    keep: Keep,
) -> None:  # fmt: skip
    spec = context.teachers[number]
    engine = engine_for(spec)
    if not isinstance(engine, Scorer):
        raise ConfigError(f"the teacher gives no signal: {why_not(spec.engine)}", "use hf or vllm")
    with engine:
        ask(
            engine, rows, signal_store, keep,
            lambda count, of: context.report_progress("asking for probabilities", count, of),
        )  # fmt: skip
