"""What a teacher gives beyond its text: its most probable tokens at every place of an answer, computed once and kept.

Promise: what is in the store (`mimicry_audit.distill.training.signal_store`) is not computed again. Signals come from the
teacher in this process, or from any engine that scores texts (`mimicry_audit.engines.likelihood.Scorer`): a vLLM server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import Tensor

from mimicry_audit.distill.training.examples import Example, ExampleRow
from mimicry_audit.distill.training.loss import (
    LOGITS_AT_ONCE,
    LossRecipe,
    TopK,
    batch_loss,
    collate,
    counted,
)
from mimicry_audit.distill.training.models import Read, Reader
from mimicry_audit.distill.training.signal_store import SCHEMA, Signal, SignalStore
from mimicry_audit.engines.likelihood import Scorer, TextRequest
from mimicry_audit.ground.errors import EngineError
from mimicry_audit.records.run import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHARD = 256
"""Answers in one file."""
SAMPLE = 16
"""Answers on which is measured what the stored tokens leave out."""

Report = Callable[[int, int], None]
"""Called with (done, of)."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept of a distribution: the `top_k` most probable of the ids below `tokens`."""

    top_k: int
    tokens: int


def compute(
    model: PreTrainedModel,
    examples: Sequence[Example],
    store: SignalStore,
    keep: Keep,
    pad: int,
    report_progress: Report,
) -> int:
    """Have the teacher in this process score what is missing; returns how many answers that was.

    Args:
        model: the frozen teacher.
        examples: rows with a teacher's side.
        store: where signals go.
        keep: what is kept at each place.
        pad: the teacher's padding token.
        report_progress: receives the progress.
    """
    missing_examples = list({e.key: e for e in examples if e.places and e.key not in store}.values())
    missing_examples.sort(key=lambda e: (len(e.teacher_prompt) + len(e.teacher_answer), e.key))
    reader = Reader(model)
    for start in range(0, len(missing_examples), SHARD):
        shard: dict[str, Signal] = {}
        for batch in _make_batches(missing_examples[start : start + SHARD], model.config.get_text_config().vocab_size):
            for example, signal in zip(batch, _score_batch(reader, batch, keep, pad), strict=True):
                shard[example.key] = signal
            report_progress(start + len(shard), len(missing_examples))
        store.write(shard)
    return len(missing_examples)


def _make_batches(rows: Sequence[Example], vocabulary: int) -> Iterator[list[Example]]:
    """Consecutive rows, at most 32 and within the bound on logits, but at least one."""
    batch: list[Example] = []
    for row in rows:
        places = sum(len(e.teacher_answer) for e in batch) + len(row.teacher_answer)
        if batch and (len(batch) == 32 or places * vocabulary > LOGITS_AT_ONCE):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def _score_batch(reader: Reader, batch: Sequence[Example], keep: Keep, pad: int) -> list[Signal]:
    width = max(len(e.teacher_prompt) + len(e.teacher_answer) for e in batch)
    ids = torch.full((len(batch), width), pad)
    mask, answer_mask = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    for row, e in enumerate(batch):
        length = len(e.teacher_prompt) + len(e.teacher_answer)
        ids[row, :length] = torch.tensor(e.teacher_prompt + e.teacher_answer)
        mask[row, :length] = 1
        answer_mask[row, len(e.teacher_prompt) - 1 : length - 1] = True
    device = next(reader.model.parameters()).device
    predictions = reader.read(ids.to(device), mask.to(device), answer_mask.to(device))
    lengths = [len(e.teacher_answer) for e in batch]
    step = max(1, LOGITS_AT_ONCE // int(predictions.project(predictions.features[:1]).shape[-1]))
    parts = [
        kept(predictions.project(rows)[:, : keep.tokens].float(), keep.top_k)
        for rows in torch.split(predictions.features, step)
    ]
    columns = [torch.split(torch.cat(column).cpu(), lengths) for column in zip(*parts, strict=True)]
    return [(a.clone(), b.clone(), c.clone()) for a, b, c in zip(*columns, strict=True)]


def kept(logits: Tensor, top_k: int) -> Signal:
    """The signal in logits ``(T, V)``: the tail's mass is summed over the tail itself, where 1 − Σ would be rounding."""
    logs = logits.log_softmax(dim=-1)
    best = logs.topk(min(top_k, logs.shape[-1]), dim=-1)
    tail = logs.scatter(1, best.indices, -torch.inf).logsumexp(dim=-1)
    return best.indices.int(), best.values, tail


def ask(engine: Scorer, examples: Sequence[Example], store: SignalStore, keep: Keep, report_progress: Report) -> int:
    """Have a served teacher score what is missing; returns how many answers that was.

    Args:
        engine: the teacher, opened.
        examples: rows with a teacher's side.
        store: where signals go.
        keep: what is kept at each place.
        report_progress: receives the progress.

    Raises:
        EngineError: the teacher cannot score an answer.
    """
    missing_by_key = {e.key: e for e in examples if e.places and e.key not in store}
    requests = [request_of(key, e.teacher_prompt, e.teacher_answer, keep.top_k) for key, e in missing_by_key.items()]
    shard: dict[str, Signal] = {}
    for count, (request, scores) in enumerate(engine.score_texts(requests), 1):
        example = missing_by_key[request.key[0]]
        if scores.error is not None or scores.top is None:
            raise EngineError(f"the teacher cannot score its answer to {example.id}", scores.error or "")
        shard[example.key] = served(scores.top, keep, len(example.teacher_answer))
        report_progress(count, len(requests))
        if len(shard) == SHARD:
            store.write(shard)
            shard = {}
    store.write(shard)
    return len(requests)


def request_of(key: str, prompt: Sequence[int], answer: Sequence[int], top_k: int) -> TextRequest:
    """What an engine is asked to score: an answer in tokens, its end included."""
    return TextRequest((key, ""), (), "", top_k, token_ids=(tuple(prompt), tuple(answer)))


def served(top: Sequence[Sequence[tuple[int, float]]], keep: Keep, places: int) -> Signal:
    """The signal in what an engine returns: the tail is what the others leave; places it leaves out are filled up."""
    ids = torch.full((places, keep.top_k), -1, dtype=torch.int32)
    logs = torch.full((places, keep.top_k), -torch.inf)
    for place, pairs in enumerate(top):
        best = sorted((p for p in pairs if p[0] < keep.tokens), key=lambda pair: -pair[1])[: keep.top_k]
        ids[place, : len(best)] = torch.tensor([token for token, _ in best], dtype=torch.int32)
        logs[place, : len(best)] = torch.tensor([log for _, log in best])
    mass = logs.double().exp().sum(dim=-1)
    return ids, logs, (1.0 - mass).clamp_min(1e-7).log().float()


def write_index(path: Path, store: SignalStore, facts: Mapping[str, object]) -> None:
    """Write beside the files what they hold."""
    write_json(path, {"schema": SCHEMA, "answers": len(store), **facts})


def unlisted_mass(store: SignalStore, keys: Sequence[str]) -> float:
    """The teacher's mean probability outside of its stored tokens, over the places of at most `SHARD` answers."""
    tails = [store.read(key)[2].exp() for key in keys[:SHARD]]
    return round(float(torch.cat(tails).mean()), 6) if tails else 0.0


class CutOff(TypedDict):
    """The mean objective in nats a token on the stored cells and on the whole vocabulary, over so many places."""

    places: int
    cells: float
    dense: float


@torch.inference_mode()
def cut_off(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    examples: Sequence[Example],
    store: SignalStore,
    recipe: LossRecipe,
    pads: tuple[int, int],
) -> CutOff | None:
    """What the stored tokens leave out of the objective, on the first `SAMPLE` examples; None where none has a signal.

    Args:
        student: as it is before training.
        teacher: the teacher behind the store.
        examples: rows with a teacher's side.
        store: holds their signals.
        recipe: the loss.
        pads: padding token of student and teacher.
    """
    chosen = [example for example in examples if example.places and example.key in store][:SAMPLE]
    if not chosen:
        return None
    device = next(student.parameters()).device
    own_reader, teacher_reader = Reader(student), Reader(teacher)
    sums = {"cells": 0.0, "dense": 0.0}
    places = 0
    for example in chosen:
        row = as_row(example)
        for name in sums:
            row["signal"] = store.read(example.key) if name == "cells" else None
            batch = {key: value.to(device) for key, value in collate([row], *pads).items()}
            own = own_reader.read(batch["input_ids"], batch["attention_mask"], counted(batch["labels"]))
            signal: Read | TopK = (
                TopK(batch["top_ids"], batch["top_logs"], batch["top_tail"])
                if name == "cells"
                else teacher_reader.read(
                    batch["teacher_input_ids"], batch["teacher_attention_mask"], batch["teacher_soft"]
                )
            )
            sums[name] += float(batch_loss(recipe, batch, own, signal)[2])
        places += len(example.places)
    return {"places": places, "cells": round(sums["cells"] / places, 6), "dense": round(sums["dense"] / places, 6)}


def as_row(example: Example) -> ExampleRow:
    """An example as it is filed."""
    return {
        "id": example.id, "prompt": example.prompt, "answer": example.answer, "origin": example.origin,
        "teacher": example.teacher, "teacher_prompt": example.teacher_prompt, "teacher_answer": example.teacher_answer,
        "places": example.places, "spans": example.spans, "key": example.key,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows as a data set: an example's fields, and its signal where its teacher has a store."""

    examples: Sequence[ExampleRow]
    stores: Sequence[SignalStore] = ()

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> ExampleRow:
        row = self.examples[place].copy()
        row["signal"] = self.stores[row["teacher"]].read(row["key"]) if self.stores and row["places"] else None
        return row
