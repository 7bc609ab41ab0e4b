"""What a teacher gives beyond its text: its most probable tokens at every place of an answer, computed once and kept.

Promise: a stored signal is found by content alone (the teacher's pin, the prompt's and the answer's tokens, how many are kept),
never by a step or a row number, so that shuffling, resuming or adding data cannot pair a row with another's signal; what is
there is not computed again; and a file that exists is whole. Signals come from the teacher in this process, or from any engine
that scores texts (`mimicry_audit.engines.likelihood.Scorer`), such as a vLLM server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from mimicry_audit.distill.training.examples import Example
from mimicry_audit.distill.training.loss import LOGITS_AT_ONCE, ExampleRow
from mimicry_audit.distill.training.models import Reader
from mimicry_audit.engines.likelihood import Scorer, TextRequest
from mimicry_audit.ground.errors import DataError, EngineError
from mimicry_audit.records.asked import Message, canonical_json, sha256_text
from mimicry_audit.records.run import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SCHEMA = 1
SHARD = 256
"""Answers in one file."""

Report = Callable[[int, int], None]
"""Called with (done, of)."""

Signal = tuple[Tensor, Tensor, Tensor]
"""Per place of an answer: ids ``(T, K)`` int32 (−1 fills up), log-probabilities ``(T, K)`` float32, log tail mass ``(T,)``."""


class _TensorSlice(Protocol):
    """A tensor in a file, of which parts can be read."""

    def __getitem__(self, part: slice) -> Tensor:
        """Read one part."""


class _TensorFile(Protocol):
    """What is used of an open safetensors file."""

    def metadata(self) -> dict[str, str]:
        """What its header holds beside the tensors."""

    def get_slice(self, name: str) -> _TensorSlice:
        """One tensor, not yet read."""


def store_key(teacher_pin: str, top_k: int, tokens: int, kind: str) -> str:
    """What all signals of one store depend on: the teacher's weights, how many tokens are kept of which, and how they came."""
    return sha256_text(canonical_json([SCHEMA, teacher_pin, top_k, tokens, kind]))


class SignalStore:
    """Signals in safetensors files, about `SHARD` answers each; the file's header lists which answers.

    Args:
        folder: where; made when first written to.
        key: from `store_key`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / key[:16]
        self._key = key
        self._where: dict[str, tuple[Path, int, int]] = {}
        self._open: dict[Path, _TensorFile] = {}
        for file in sorted(self.folder.glob("*.safetensors")):
            self._register_file(file)

    def __contains__(self, key: object) -> bool:
        return key in self._where

    def __len__(self) -> int:
        return len(self._where)

    def read(self, key: str) -> Signal:
        """The signal of one answer.

        Raises:
            KeyError: it is not there.
        """
        file, start, length = self._where[key]
        tensors = self._open[file]
        part = slice(start, start + length)
        ids, logs, tail = (tensors.get_slice(name)[part] for name in ("ids", "logs", "tail"))
        return ids, logs, tail

    def write(self, signals: Mapping[str, Signal]) -> None:
        """Add signals in one file; it appears whole or not at all."""
        from safetensors.torch import save_file

        if not signals:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        columns = [torch.cat(column).contiguous() for column in zip(*signals.values(), strict=True)]
        rows = json.dumps([[key, len(signal[2])] for key, signal in signals.items()])
        name = sha256_text(canonical_json(sorted(signals)))[:24]
        draft = self.folder / f".{name}.{os.getpid()}"
        save_file(
            dict(zip(("ids", "logs", "tail"), columns, strict=True)), draft, metadata={"key": self._key, "rows": rows}
        )
        file = self.folder / f"{name}.safetensors"
        draft.replace(file)
        self._register_file(file)

    def _register_file(self, file: Path) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            opened: _TensorFile = safe_open(file, "pt")
            header = opened.metadata()
            if header["key"] != self._key:
                raise ValueError("of another teacher")
            start = 0
            for key, length in json.loads(header["rows"]):
                self._where[key] = (file, start, length)
                start += length
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file} holds no signals ({error})", "delete it to have them computed again") from None
        self._open[file] = opened


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


def ask(
    engine: Scorer,
    examples: Sequence[Example],
    messages: Mapping[str, Sequence[Message]],
    store: SignalStore,
    keep: Keep,
    report_progress: Report,
) -> int:
    """Have a served teacher score what is missing; returns how many answers that was.

    The place after an answer's last token, where its end is predicted, cannot be asked for: it keeps the hard label.

    Args:
        engine: the teacher, opened.
        examples: rows with a teacher's side.
        messages: the conversation of each row's id.
        store: where signals go.
        keep: what is kept at each place.
        report_progress: receives the progress.

    Raises:
        EngineError: the served model tokenises an answer otherwise than the folder of its name, or cannot score it.
    """
    missing_by_key = {e.key: e for e in examples if e.places and e.key not in store}
    requests = [
        TextRequest((key, e.id), tuple(messages[e.id]), e.text, keep.top_k) for key, e in missing_by_key.items()
    ]
    shard: dict[str, Signal] = {}
    for count, (request, scores) in enumerate(engine.score_texts(requests), 1):
        example = missing_by_key[request.key[0]]
        if scores.error is not None or scores.top is None:
            raise EngineError(f"the teacher cannot score its answer to {example.id}", scores.error or "")
        if list(scores.tokens) != example.teacher_answer[: len(scores.tokens)]:
            raise EngineError(
                f"the served teacher tokenises the answer to {example.id} otherwise", "check its tokenizer"
            )
        shard[example.key] = served(scores.top, keep, len(example.teacher_answer))
        report_progress(count, len(requests))
        if len(shard) == SHARD:
            store.write(shard)
            shard = {}
    store.write(shard)
    return len(requests)


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


def told_places(examples: Sequence[Example]) -> list[Example]:
    """The examples with only those places that a served teacher scores: not the end of the answer."""
    from dataclasses import replace

    return [replace(e, places=[(a, b) for a, b in e.places if b < _text_length(e)]) for e in examples]


def _text_length(example: Example) -> int:
    """Places of the text itself; the last place predicts the end where the end is taught."""
    last = len(example.teacher_answer) - 1
    return last if (len(example.answer) - 1, last) in example.places else last + 1


def write_index(folder: Path, store: SignalStore, facts: Mapping[str, object]) -> None:
    """Write beside the files what they hold."""
    write_json(folder / "signals.json", {"schema": SCHEMA, "answers": len(store), **facts})


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows as a data set: an example's fields, and its signal where there is a store."""

    examples: Sequence[ExampleRow]
    store: SignalStore | None = None

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> ExampleRow:
        row = self.examples[place].copy()
        row["signal"] = self.store.read(row["key"]) if self.store is not None and row["places"] else None
        return row
