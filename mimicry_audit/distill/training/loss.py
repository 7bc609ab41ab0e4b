"""The loss of one batch: which positions count, how soft and hard parts mix, and how little memory that takes.

Promise: a position counts when it predicts a token of the answer or of its end, each the same whatever batch, padding or
accumulation it stands in; the sum over positions is divided by the number of such tokens in all accumulated batches of all
devices. Logits exist for `LOGITS_AT_ONCE` numbers at a time: what a chunk computes is thrown away and computed again on the way
back, so that memory does not grow with positions × vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mimicry_audit.distill.training import objectives
from mimicry_audit.distill.training.examples import ExampleRow
from mimicry_audit.distill.training.models import Read
from mimicry_audit.distill.training.spans import (
    SpanTeacher,
    collate_spans,
    matched_cells,
    span_divergence,
    span_logs,
)

IGNORED = -100
LOGITS_AT_ONCE = 2**25
"""128 MiB in float32, for each of student and teacher."""


@dataclass(frozen=True, slots=True)
class LossRecipe:
    """How a position's loss is made.

    Attributes:
        objective: of the soft part; ``hard`` for none.
        share_hard: weight of the hard part where there is a soft one; 1 elsewhere.
        temperature: of the soft part.
        beta: of ``jsd``.
        alpha: of the skewed objectives.
        tokens: compare token ids below this; 0 for all that both sides have.
        sampled: a signal holds the probability of the student's own token alone: `objectives.sampled_reverse_kl`.
        at_once: logits in memory at a time.
    """

    objective: str = "hard"
    share_hard: float = 1.0
    temperature: float = 1.0
    beta: float = 0.5
    alpha: float = 0.1
    tokens: int = 0
    sampled: bool = False
    at_once: int = LOGITS_AT_ONCE


@dataclass(frozen=True, slots=True)
class TopK:
    """A teacher's most probable tokens at M positions: arguments of `objectives.cells`."""

    ids: Tensor
    logs: Tensor
    tail: Tensor


def collate(rows: Sequence[ExampleRow], pad: int, teacher_pad: int = 0, *, pack: bool = False) -> dict[str, Tensor]:
    """One batch, padded on the right: int64 and bool tensors.

    Args:
        rows: mappings with ``prompt``, ``answer``, ``origin``, ``places``, ``teacher_prompt``, ``teacher_answer`` (as
            `mimicry_audit.distill.training.examples.Example`) and, with a cached signal, ``signal`` (ids, logs, tail of all
            answer places).
        pad: the student's padding token.
        teacher_pad: the teacher's.
        pack: put several short rows in one line where that saves lines; for models that keep them apart by their
            positions (`mimicry_audit.distill.training.models.keeps_rows_apart`).

    Returns:
        ``input_ids``, ``labels`` ``(L, T)`` and, with one row a line, ``attention_mask`` ``(L, T)``, otherwise
        ``position_ids`` ``(L, T)``, which start anew with every row; ``soft`` ``(L, T)``: True where the next token has a soft
        signal; ``hard`` ``(L, T)``: True where the text itself may be learnt; with teacher rows ``teacher_input_ids``,
        ``teacher_attention_mask`` ``(B, U)``, ``teacher_starts`` ``(B,)``: where the teacher's answers start, 0 for none, and
        ``teacher_soft`` ``(B, U)``, which has as many True in the same order as ``soft``; with a cached signal ``top_ids``,
        ``top_logs`` ``(M, K)`` and ``top_tail`` ``(M,)``. The teacher always has a line for each row.
    """
    lines = _fill_lines(rows) if pack else [[row] for row in rows]
    if len(lines) == len(rows):
        lines = [[row] for row in rows]  # nothing is saved: the plain form is the faster one
    batch = _student_batch(lines, pad)
    rows = [row for line in lines for row in line]
    if any(row["teacher_answer"] for row in rows):
        batch |= _teacher_batch(rows, teacher_pad)
        batch |= collate_spans(rows, batch["teacher_input_ids"].shape[1])
    if any(row.get("signal") is not None for row in rows):
        batch |= _cached_batch(rows)
    return batch


def _fill_lines(rows: Sequence[ExampleRow]) -> list[list[ExampleRow]]:
    """The rows in lines no longer than the longest row: each in the first line with room, the longest first."""
    order = sorted(rows, key=lambda row: -_length_of(row))
    width, lines, room = _length_of(order[0]), list[list[ExampleRow]](), list[int]()
    for row in order:
        length = _length_of(row)
        place = next((number for number, rest in enumerate(room) if rest >= length), len(lines))
        if place == len(lines):
            lines.append([])
            room.append(width)
        lines[place].append(row)
        room[place] -= length
    return lines


def _length_of(row: ExampleRow) -> int:
    return len(row["prompt"]) + len(row["answer"])


def _student_batch(lines: Sequence[Sequence[ExampleRow]], pad: int) -> dict[str, Tensor]:
    ids = [[token for row in line for token in (*row["prompt"], *row["answer"])] for line in lines]
    labels = [[label for row in line for label in (*[IGNORED] * len(row["prompt"]), *row["answer"])] for line in lines]
    width = max(map(len, ids))
    soft, hard = torch.zeros(2, len(lines), width, dtype=torch.bool)
    positions = torch.arange(width).repeat(len(lines), 1)
    for number, line in enumerate(lines):
        start = 0
        for row in line:
            first, end = start + len(row["prompt"]), start + _length_of(row)
            soft[number, [first + student_place - 1 for student_place, _ in row["places"]]] = True
            hard[number, start:end] = row["origin"] != "student"
            positions[number, start:] -= positions[number, start].item()
            start = end
        positions[number, start:] -= positions[number, start].item() if start < width else 0
    batch = {
        "input_ids": _pad_rows(ids, pad, width),
        "labels": _pad_rows(labels, IGNORED, width),
        "soft": soft,
        "hard": hard,
    }
    if all(len(line) == 1 for line in lines):
        return {**batch, "attention_mask": _pad_rows([[1] * len(line) for line in ids], 0, width)}
    return {**batch, "position_ids": positions}


def _teacher_batch(rows: Sequence[ExampleRow], pad: int) -> dict[str, Tensor]:
    sequences = [(list(row["teacher_prompt"]) + list(row["teacher_answer"])) or [pad] for row in rows]
    width = max(map(len, sequences))
    soft = torch.zeros(len(rows), width, dtype=torch.bool)
    for line, row in enumerate(rows):
        soft[line, [len(row["teacher_prompt"]) + teacher_place - 1 for _, teacher_place in row["places"]]] = True
    return {
        "teacher_input_ids": _pad_rows(sequences, pad, width),
        "teacher_attention_mask": _pad_rows([[1] * len(line) for line in sequences], 0, width),
        "teacher_starts": torch.tensor([len(row["teacher_prompt"]) for row in rows]),
        "teacher_soft": soft,
    }


def _cached_batch(rows: Sequence[ExampleRow]) -> dict[str, Tensor]:
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for row in rows:
        if (signal := row.get("signal")) is None:
            continue
        at = [teacher_place for _, teacher_place in row["places"]]
        ids, logs, tail = signal
        parts.append((ids[at], logs[at], tail[at]))
    ids, logs, tail = (torch.cat(column) for column in zip(*parts, strict=True))
    return {"top_ids": ids.long(), "top_logs": logs, "top_tail": tail}


def _pad_rows(rows: Sequence[Sequence[int]], value: int, width: int) -> Tensor:
    return torch.tensor([list(row) + [value] * (width - len(row)) for row in rows])


def counted(labels: Tensor) -> Tensor:
    """``(B, T)`` True at the positions that count: those whose *next* token has a label."""
    has_next_label = torch.zeros_like(labels, dtype=torch.bool)
    has_next_label[:, :-1] = labels[:, 1:] != IGNORED
    return has_next_label


def batch_loss(
    recipe: LossRecipe, batch: Mapping[str, Tensor], student: Read, teacher: Read | TopK | SpanTeacher | None
) -> Tensor:
    """Sums over the counted positions of one batch: ``(total, hard, soft)``, a tensor of three.

    ``total`` carries the gradient. ``hard`` is the plain cross-entropy of the text, ``soft`` the objective, each over the
    positions at which it was computed, unweighted, for the log.

    Args:
        recipe: how to mix.
        batch: from `collate`, on the student's device.
        student: the student at `counted` positions, in their order.
        teacher: the teacher at the soft positions, in their order.
    """
    at = counted(batch["labels"])
    labels = batch["labels"].roll(-1, dims=1)[at]
    soft = batch["soft"][at] & (teacher is not None)
    weight = torch.where(soft, recipe.share_hard, 1.0) * batch["hard"][at]
    before = torch.cat([soft.new_zeros(1, dtype=torch.long), soft.cumsum(0)]).tolist()
    width = _vocabulary_width(student, teacher)
    step = max(1, recipe.at_once // width)
    sums = []
    for start in range(0, len(labels), step):
        part = slice(start, start + step)
        teacher_part = slice(before[start], before[min(start + step, len(labels))])
        chunk_arguments = (recipe, student, teacher, labels[part], weight[part], soft[part], part, teacher_part)
        # One chunk needs no second computation: all its logits fit anyway.
        small = len(labels) <= step
        sums.append(
            _chunk_loss(*chunk_arguments) if small else checkpoint(_chunk_loss, *chunk_arguments, use_reentrant=False)
        )
    total = torch.stack(sums).sum(dim=0) if sums else student.features.sum() * student.features.new_zeros(3)
    if isinstance(teacher, SpanTeacher) and len(teacher.spans):
        total = total + _span_loss(recipe, batch, student, labels, teacher, step)
    return total


def _span_loss(
    recipe: LossRecipe, batch: Mapping[str, Tensor], student: Read, labels: Tensor, teacher: SpanTeacher, step: int
) -> Tensor:
    """What the merged spans add to the sums."""
    at = batch["span_places"]

    def nats_of(part: Tensor) -> Tensor:
        return objectives.hard(student.project(student.features[part]).float(), labels[part])

    nats = torch.cat([checkpoint(nats_of, part, use_reentrant=False) for part in torch.split(at, step)])
    each = span_divergence(span_logs(nats, batch["span_numbers"]), teacher.spans)
    return torch.stack([(1.0 - recipe.share_hard) * each.sum(), each.new_zeros(()), each.detach().sum()])


def _vocabulary_width(student: Read, teacher: Read | TopK | SpanTeacher | None) -> int:
    """The larger vocabulary, read off one row."""
    with torch.no_grad():
        reading = teacher.soft if isinstance(teacher, SpanTeacher) else teacher
        sides = [student, *([reading] if isinstance(reading, Read) else [])]
        return max([1, *(side.project(side.features[:1]).shape[-1] for side in sides)])


def _chunk_loss(
    recipe: LossRecipe,
    student: Read,
    teacher: Read | TopK | SpanTeacher | None,
    labels: Tensor,
    weight: Tensor,
    soft: Tensor,
    part: slice,
    teacher_part: slice,
) -> Tensor:
    logits = student.project(student.features[part]).float()
    nothing = logits.new_zeros(())
    total, hard_sum, soft_sum = nothing, nothing, nothing
    hard = objectives.hard(logits, labels) if bool((weight > 0).any()) else None
    if hard is not None:
        total = total + (hard * weight).sum()
        hard_sum = hard.detach()[weight > 0].sum()
    if teacher is not None and teacher_part.stop > teacher_part.start:
        own = logits if bool(soft.all()) else logits[soft]
        each = _soft_loss(recipe, own, teacher, teacher_part)
        share = 1.0 - recipe.share_hard if recipe.objective != "hard" else 0.0
        total = total + share * each.sum()
        soft_sum = each.detach().sum()
    return torch.stack([total, hard_sum, soft_sum])


def _soft_loss(recipe: LossRecipe, own: Tensor, teacher: Read | TopK | SpanTeacher, teacher_part: slice) -> Tensor:
    if isinstance(teacher, SpanTeacher):
        with torch.no_grad():
            theirs = teacher.soft.project(teacher.soft.features[teacher_part]).float()
        q, p = matched_cells(own, theirs, teacher.common_ids)
        return objectives.forward_kl(q, p)
    if isinstance(teacher, TopK):
        if recipe.tokens:
            own = own[:, : recipe.tokens]
        if recipe.sampled:
            return objectives.sampled_reverse_kl(own, teacher.ids[teacher_part, 0], teacher.logs[teacher_part, 0])
        own, teacher_logits = objectives.cells(
            own, teacher.ids[teacher_part], teacher.logs[teacher_part], teacher.tail[teacher_part]
        )
        return _divergence(recipe, own, teacher_logits)
    with torch.no_grad():
        teacher_logits = teacher.project(teacher.features[teacher_part]).float()
    if recipe.objective != "uld":
        common = min(own.shape[-1], teacher_logits.shape[-1], recipe.tokens or own.shape[-1])
        own, teacher_logits = (
            own[:, :common],
            teacher_logits[:, :common],
        )  # padded and added tokens exist on one side only: both are renormalised
    return _divergence(recipe, own, teacher_logits)


def _divergence(recipe: LossRecipe, own: Tensor, teacher_logits: Tensor) -> Tensor:
    return objectives.soft(
        recipe.objective, own, teacher_logits, temperature=recipe.temperature, beta=recipe.beta, alpha=recipe.alpha
    )
