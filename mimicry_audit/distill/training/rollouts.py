"""On-policy batches inside the training step: the student answers the prompts itself, and the teacher weighs its tokens.

R. Agarwal et al., *On-Policy Distillation of Language Models* (GKD), 2024, algorithm 1: with probability λ a step's batch keeps
its prompts and takes answers that the student draws now; no gradient passes through the drawing. The student's own tokens are
kept as they were drawn, not spelled anew, and its text is never a hard label.

Promise: which steps are on-policy, and what is drawn in them, depend on the seed, the step and the process alone, so that a
training that is killed and resumed draws the same; rows without a teacher's side (given answers, prompts that do not fit the
teacher's context) keep their answers. Nothing but the temperature shapes what is drawn
(`mimicry_audit.engines.hf_sampling.RowSampler`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mimicry_audit.distill.training.examples import ExampleRow
from mimicry_audit.distill.training.loss import IGNORED, collate
from mimicry_audit.distill.training.models import innermost_model
from mimicry_audit.engines.hf_sampling import RowSampler
from mimicry_audit.records.asked import Sampling

if TYPE_CHECKING:
    from mimicry_audit.distill.training.served_teacher import ServedTeacher


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """How a student answers inside the training step.

    Attributes:
        share: λ, the probability that a batch is on-policy.
        temperature: of the drawing; 0 takes the most probable token.
        tokens: most tokens of an answer, its end included.
        end: the token that ends a student's answer, None for none.
        teacher_end: the token that ends a teacher's.
        common: token ids below this are the same token for both.
        context: most tokens of prompt and answer together, None for no limit.
    """

    share: float
    temperature: float
    tokens: int
    end: int | None
    teacher_end: int | None
    common: int
    context: int | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch with the student's own answers, and what they are like.

    Attributes:
        batch: as `mimicry_audit.distill.training.loss.collate` makes it.
        answers: how many answers the student drew.
        tokens: how many tokens they have.
        ends: how many came to their end.
    """

    batch: dict[str, Tensor]
    answers: int
    tokens: int
    ends: int


def is_on_policy(plan: RolloutPlan, *place: int) -> bool:
    """Whether the batch of a seed, a step and a number within the step is on-policy: the same for every process."""
    return random.Random(_seed_of(*place)).random() < plan.share  # noqa: S311 - no secret


def redraw(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    plan: RolloutPlan,
    pads: tuple[int, int],
    *place: int,
    served_teacher: ServedTeacher | None = None,
) -> Drawn:
    """The batch with answers that the student draws now.

    Args:
        model: the student; its training mode is as it was afterwards.
        batch: a batch of `mimicry_audit.distill.training.loss.collate` with teacher rows, on any device.
        plan: how.
        pads: padding token of student and teacher.
        place: what the draws depend on: seed, step, number within the step, process.
        served_teacher: whom to ask about the answers; None where the teacher reads them in this process.
    """
    device = batch["input_ids"].device
    rows = split(batch)
    numbers = [number for number, row in enumerate(rows) if row["teacher_prompt"]]
    if not numbers:
        return Drawn(dict(batch), 0, 0, 0)
    room = plan.tokens
    if plan.context is not None:
        longest = max(max(len(rows[n]["prompt"]), len(rows[n]["teacher_prompt"])) for n in numbers)
        room = max(1, min(room, plan.context - longest))
    answers = draw(model, [rows[n]["prompt"] for n in numbers], plan, room, pads[0], *place)
    for number, answer in zip(numbers, answers, strict=True):
        rows[number] = _own_row(rows[number], answer, plan)
    if served_teacher is not None:
        rows = served_teacher.with_signals(rows)
    fresh = {name: value.to(device) for name, value in collate(rows, *pads).items()}
    ends = sum(answer[-1] == plan.end for answer in answers)
    return Drawn(fresh, len(answers), sum(map(len, answers)), ends)


def draw(
    student: nn.Module, prompts: Sequence[Sequence[int]], plan: RolloutPlan, room: int, pad: int, *place: int
) -> list[list[int]]:
    """One answer to each prompt, its end included where it came to one; at least one token each."""
    from transformers import GenerationConfig, LogitsProcessorList

    model = innermost_model(student)
    device = next(model.parameters()).device
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    seeds = [_seed_of(*place, row) for row in range(len(prompts))]
    sampler = RowSampler(Sampling(temperature=plan.temperature, max_tokens=room, seed=0), seeds, device)
    kind: Any = GenerationConfig  # without annotations
    config = kind(
        max_new_tokens=room, do_sample=False, use_cache=True, pad_token_id=pad, eos_token_id=plan.end, bos_token_id=None
    )
    was, own_defaults = model.training, model.generation_config
    model.train(False)
    model.generation_config = config  # a call's own would be filled up with the checkpoint's penalties and filters
    try:
        with torch.no_grad():
            sequences = model.generate(  # type: ignore[operator]  # a mixin's method
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                logits_processor=LogitsProcessorList([sampler]),
            )
    finally:
        model.generation_config = own_defaults
        model.train(was)
    answers = []
    for line in sequences[:, width:].tolist():
        stop = line.index(plan.end) + 1 if plan.end in line else len(line)
        answers.append(line[:stop])
    return answers


def split(batch: Mapping[str, Tensor]) -> list[ExampleRow]:
    """The rows that a batch was collated from, as far as it holds them: the reverse of `collate`."""
    rows: list[ExampleRow] = []
    has_teacher = "teacher_input_ids" in batch
    for number in range(len(batch["input_ids"])):
        ids = batch["input_ids"][number][batch["attention_mask"][number] > 0].tolist()
        labels = batch["labels"][number].tolist()
        start = next((place for place, label in enumerate(labels) if label != IGNORED), len(ids))
        teacher_ids: list[int] = []
        teacher_start, places = 0, []
        if has_teacher and (teacher_start := int(batch["teacher_starts"][number])):
            teacher_ids = batch["teacher_input_ids"][number][batch["teacher_attention_mask"][number] > 0].tolist()
            own, theirs = (batch[name][number].nonzero()[:, 0].tolist() for name in ("soft", "teacher_soft"))
            places = [(a - start + 1, b - teacher_start + 1) for a, b in zip(own, theirs, strict=True)]
        rows.append({
            "id": str(number), "prompt": ids[:start], "answer": ids[start:],
            "origin": "teacher" if bool(batch["hard"][number].any()) else "student", "key": "", "places": places, "teacher": 0,
            "teacher_prompt": teacher_ids[:teacher_start], "teacher_answer": teacher_ids[teacher_start:],
        })  # fmt: skip
    return rows


def _own_row(row: ExampleRow, answer: list[int], plan: RolloutPlan) -> ExampleRow:
    """The row with the student's own answer: compared wherever its token means the same to the teacher."""
    places = [(at, at) for at, token in enumerate(answer) if token < plan.common]
    teacher_answer = list(answer)
    if answer[-1] == plan.end and plan.end != plan.teacher_end:
        # Another token ends the teacher's answer: whether to end here cannot be compared.
        places = [place for place in places if place[0] != len(answer) - 1]
        teacher_answer = answer[:-1] if plan.teacher_end is None else [*answer[:-1], plan.teacher_end]
    own: ExampleRow = {**row, "answer": answer, "origin": "student", "teacher_answer": teacher_answer, "places": places}
    return own


def _seed_of(*place: int) -> int:
    """One seed of several numbers, far from that of any other numbers."""
    return random.Random(",".join(map(str, place))).getrandbits(63)  # noqa: S311 - no secret
