"""Probabilities across tokenizers: stretches of text that two models cut into tokens differently, and tokens that both know.

Two tokenizers cut one answer at some of the same places. Between two such places lies a *span*: one or several tokens of each
model, the same text. A model's probability of the span is the product of its tokens' (merging, as in TRL's GOLD, 2025). At the
start of every span, the tokens that stand for the same text in both are compared one by one.

Promise: what is compared means the same to both. A span of several tokens is compared as an event, this very text or another,
whose divergence is a lower bound of that of all continuations (data-processing inequality).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mimicry_audit.distill.training.models import Read

if TYPE_CHECKING:
    from mimicry_audit.distill.training.examples import ExampleRow

_LEAST = 1e-6
"""A span's probability stays this far from one, where its divergence has no finite slope."""


def collate_spans(rows: Sequence[ExampleRow], width: int) -> dict[str, Tensor]:
    """The spans of a batch; nothing where no row has any.

    Args:
        rows: in the order of their lines.
        width: of the teacher's lines.

    Returns:
        ``span_places`` ``(N,)``: for each student's token in a span its number among the counted positions of the batch;
        ``span_numbers`` ``(N,)``: the number of its span; ``teacher_span`` ``(B, U)``: True where the next token of the
        teacher is in a span; ``teacher_span_numbers`` ``(K,)``: of these tokens, in their order.
    """
    places: list[int] = []
    numbers: list[int] = []
    teacher_numbers: list[int] = []
    teacher_span = torch.zeros(len(rows), width, dtype=torch.bool)
    first = number = 0
    for line, row in enumerate(rows):
        for start, stop, teacher_start, teacher_stop in row.get("spans") or ():
            places += range(first + start, first + stop)
            numbers += [number] * (stop - start)
            before = len(row["teacher_prompt"]) - 1
            teacher_span[line, before + teacher_start : before + teacher_stop] = True
            teacher_numbers += [number] * (teacher_stop - teacher_start)
            number += 1
        first += len(row["answer"])
    if not number:
        return {}
    return {
        "span_places": torch.tensor(places),
        "span_numbers": torch.tensor(numbers),
        "teacher_span": teacher_span,
        "teacher_span_numbers": torch.tensor(teacher_numbers),
    }


@dataclass(frozen=True, slots=True)
class SpanTeacher:
    """A teacher of another tokenizer, read at the places of a batch.

    Attributes:
        soft: at the places that predict from the same text as the student's.
        spans: ``(S,)`` log-probability of each span.
        common_ids: ids of the tokens that stand for the same text, ``(M,)`` of the student and ``(M,)`` of the teacher.
    """

    soft: Read
    spans: Tensor
    common_ids: tuple[Tensor, Tensor]


def span_logs(nats: Tensor, numbers: Tensor) -> Tensor:
    """``(S,)`` log-probability of each span, from what its tokens cost ``(N,)`` and their spans' numbers ``(N,)``."""
    count = int(numbers.max()) + 1
    return -nats.new_zeros(count).index_add(0, numbers, nats)


def teacher_at(
    reading: Read, batch: Mapping[str, Tensor], common_ids: tuple[Tensor, Tensor], at_once: int
) -> SpanTeacher:
    """The teacher, from one reading at all positions that are soft or in a span.

    Args:
        reading: at those positions, in their order.
        batch: from `mimicry_audit.distill.training.loss.collate`.
        common_ids: as in `SpanTeacher`.
        at_once: rows of logits in memory at a time.
    """
    positions = union(batch)
    soft, spans = (reading.features[batch[name][positions]] for name in ("teacher_soft", "teacher_span"))
    labels = batch["teacher_input_ids"].roll(-1, dims=1)[batch["teacher_span"]]
    parts = [
        torch.nn.functional.cross_entropy(reading.project(features).float(), tokens, reduction="none")
        for features, tokens in zip(torch.split(spans, at_once), torch.split(labels, at_once), strict=True)
    ]
    nats = torch.cat(parts) if parts else spans.new_zeros(0).float()
    return SpanTeacher(Read(soft, reading.project), span_logs(nats, batch["teacher_span_numbers"]), common_ids)


def union(batch: Mapping[str, Tensor]) -> Tensor:
    """``(B, U)`` True at the teacher's positions that are soft or in a span."""
    return batch["teacher_soft"] | batch["teacher_span"]


def span_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(p‖q) of each span as an event, this text or another: ``(S,)`` nats.

    Args:
        student: ``(S,)`` log-probabilities.
        teacher: ``(S,)`` log-probabilities.
    """
    log_q, log_p = student.clamp_max(-_LEAST), teacher.detach().clamp_max(-_LEAST)
    other_q, other_p = torch.log(-torch.expm1(log_q)), torch.log(-torch.expm1(log_p))
    return log_p.exp() * (log_p - log_q) + other_p.exp() * (other_p - other_q)


def matched_cells(student: Tensor, teacher: Tensor, common_ids: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Student and teacher on M+1 cells, ``(N, M+1)`` log-probabilities: the tokens that both know, and all others.

    Args:
        student: ``(N, V)`` logits.
        teacher: ``(N, W)`` logits.
        common_ids: ids ``(M,)`` of the same tokens in both.
    """
    sides = []
    for logits, ids in zip((student, teacher), common_ids, strict=True):
        logs = logits.log_softmax(dim=-1)
        others = torch.ones(logits.shape[-1], dtype=torch.bool, device=logits.device)
        others[ids] = False
        rest = (
            logs[:, others].logsumexp(dim=-1, keepdim=True)
            if bool(others.any())
            else logs.new_full((len(logs), 1), -torch.inf)
        )
        sides.append(torch.cat([logs[:, ids], rest], dim=1))
    return sides[0], sides[1]
