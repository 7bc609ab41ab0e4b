"""Probabilities across tokenizers: which tokens stand for the same text, which spans there are, and the loss by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mimicry_audit import lab
from mimicry_audit.distill.training import models
from mimicry_audit.distill.training.examples import Encoder, Example, Taught
from mimicry_audit.distill.training.loss import LossRecipe, batch_loss, collate, counted
from mimicry_audit.distill.training.models import Reader, Source
from mimicry_audit.distill.training.signals import as_row
from mimicry_audit.distill.training.spans import (
    SpanTeacher,
    matched_cells,
    span_divergence,
    teacher_at,
    union,
)
from mimicry_audit.distill.training.tokenizers import compare_tokenizers, matched_tokens, spans_between
from mimicry_audit.records.asked import Message

TEXTS = (
    "Water boils at 100 degrees, friend: that is certain.",
    "The capital of France is Paris — naïve tourists say so.",
    "\n\nTwo and two make 4.",
)


def source(name: str) -> Source:
    return models.source(models.weights_spec(name, "the model"))


@pytest.fixture(scope="module")
def pair() -> tuple[Source, Source]:
    """A student of the lab and a teacher with the lab's other tokenizer."""
    lab.build(["base", "boro"])
    return source("lab/base"), source("lab/boro")


def encoded(student: Source, teacher: Source) -> list[Example]:
    match = compare_tokenizers(teacher.side.template.tokenizer, student.side.template.tokenizer)
    assert not match.comparable
    taught = [Taught(id=str(n), messages=(Message("user", f"Say {n}."),), text=t) for n, t in enumerate(TEXTS)]
    return Encoder(student.side, teacher.side, match, merges=True).encode(taught)


def spelled(model: Source, ids: list[int]) -> str:
    return str(model.side.template.tokenizer.decode(ids))


def test_spans_are_the_same_text_in_tokens_of_both(pair: tuple[Source, Source]) -> None:
    student, teacher = pair
    examples = encoded(student, teacher)
    assert len(examples) == len(TEXTS)
    for example in examples:
        assert example.spans
        starts = {place for place, _ in example.places}
        for a, b, c, d in example.spans:
            assert a in starts
            assert b - a > 1 or d - c > 1
            assert spelled(student, example.answer[a:b]) == spelled(teacher, example.teacher_answer[c:d])


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=8))
def test_spans_lie_between_common_places_and_leave_pairs_of_one_token_out(lengths: list[tuple[int, int]]) -> None:
    places, a, b = [], 0, 0
    for mine, theirs in lengths:
        places.append((a, b))
        a, b = a + mine, b + theirs
    found = spans_between(places, a, b)
    assert [(y - x, w - z) for x, y, z, w in found] == [pair for pair in lengths if pair != (1, 1)]


def test_matched_tokens_stand_for_the_same_text(pair: tuple[Source, Source]) -> None:
    student, teacher = (model.side.template.tokenizer for model in pair)
    mine, theirs = matched_tokens(teacher, student)
    assert len(mine) == len(theirs) == len(set(mine)) == len(set(theirs)) > 200
    for a, b in list(zip(mine, theirs, strict=True))[::23]:
        assert student.decode([a]) == teacher.decode([b])
    specials = set(student.all_special_ids) | set(student.get_added_vocab().values())
    assert not specials & set(mine)


def test_matched_tokens_of_a_real_tokenizer_and_of_the_labs(pair: tuple[Source, Source]) -> None:
    student = pair[0].side.template.tokenizer
    teacher = source("lab/smollm2").side.template.tokenizer
    mine, theirs = matched_tokens(teacher, student)
    assert len(mine) > 500
    for a, b in list(zip(mine, theirs, strict=True))[::37]:
        assert student.decode([a]) == teacher.decode([b])


def by_hand(models_: tuple[Any, Any], example: Example, common_ids: tuple[list[int], list[int]]) -> float:
    """The soft loss of one example in float64, one place and one span at a time."""
    sides = []
    for model, prompt, answer in (
        (models_[0], example.prompt, example.answer),
        (models_[1], example.teacher_prompt, example.teacher_answer),
    ):
        with torch.no_grad():
            sides.append(
                model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].double().log_softmax(-1)
            )
    q, p = sides
    total = 0.0
    for mine, theirs in example.places:
        cells = []
        for logs, ids in ((q[mine], common_ids[0]), (p[theirs], common_ids[1])):
            mass = logs.exp()[ids]
            cells.append(torch.cat([mass, (1 - mass.sum()).clamp_min(1e-12)[None]]))
        total += float((cells[1] * (cells[1] / cells[0]).log()).sum())
    for a, b, c, d in example.spans:
        mine = float(sum(q[n, example.answer[n]] for n in range(a, b)).exp())
        theirs = float(sum(p[n, example.teacher_answer[n]] for n in range(c, d)).exp())
        event = torch.tensor([[theirs, 1 - theirs], [mine, 1 - mine]], dtype=torch.float64)
        total += float((event[0] * (event[0] / event[1]).log()).sum())
    return total


@pytest.mark.parametrize("pack", [False, True])
def test_the_loss_is_that_of_every_place_and_every_span_by_hand(pair: tuple[Source, Source], pack: bool) -> None:
    loaded = tuple(models.load(one.weights.location, None).eval() for one in pair)
    examples = encoded(*pair)
    common_ids = matched_tokens(*(one.side.template.tokenizer for one in reversed(pair)))
    rows = [as_row(example) for example in examples]
    rows.insert(1, {**rows[0], "origin": "else", "places": [], "spans": [], "teacher_prompt": [], "teacher_answer": []})
    batch = collate(rows, 0, pack=pack)
    tensors = (torch.tensor(common_ids[0]), torch.tensor(common_ids[1]))
    recipe = LossRecipe(objective="span-kl", share_hard=0.25, at_once=1400 * 7)
    own = Reader(loaded[0]).read(
        batch["input_ids"], batch.get("attention_mask"), counted(batch["labels"]), batch.get("position_ids")
    )
    with torch.no_grad():
        heard = Reader(loaded[1]).read(batch["teacher_input_ids"], batch["teacher_attention_mask"], union(batch))
        teacher = teacher_at(heard, batch, tensors, 5)
    assert isinstance(teacher, SpanTeacher)
    found = batch_loss(recipe, batch, own, teacher)
    expected = sum(by_hand(loaded, example, common_ids) for example in examples)
    assert float(found[2].detach()) == pytest.approx(expected, rel=1e-3)
    hard = float(batch_loss(LossRecipe(), batch, own, None)[1].detach())
    assert float(found[1].detach()) == pytest.approx(hard, rel=1e-4)
    found[0].backward()
    assert all(torch.isfinite(w.grad).all() for w in loaded[0].parameters() if w.grad is not None)


def logs_of(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).log()


def test_a_span_is_compared_as_an_event() -> None:
    p, q = [0.9, 0.2, 1e-9], [0.5, 0.2, 0.3]
    found = span_divergence(logs_of(q), logs_of(p))
    expected = [
        a * torch.tensor(a / b).log() + (1 - a) * torch.tensor((1 - a) / (1 - b)).log()
        for a, b in zip(p, q, strict=True)
    ]
    torch.testing.assert_close(found, torch.stack(expected).double(), rtol=1e-5, atol=1e-8)
    assert torch.isfinite(span_divergence(logs_of([1.0]), logs_of([1.0]))).all()
    student = logs_of([0.3, 0.6]).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: span_divergence(x, logs_of([0.7, 0.6])), (student,))


def test_cells_of_one_vocabulary_are_that_vocabulary() -> None:
    rng = torch.Generator().manual_seed(5)
    s, t = (torch.randn(3, 8, generator=rng, dtype=torch.float64) for _ in range(2))
    whole = (torch.arange(8), torch.arange(8))
    for side, logits in zip(matched_cells(s, t, whole), (s, t), strict=True):
        torch.testing.assert_close(side[:, :8], logits.log_softmax(-1))
        assert (side[:, 8] == -torch.inf).all()
    renamed = torch.randperm(8, generator=rng)
    cells = matched_cells(s, t[:, renamed], (torch.arange(8), renamed.argsort()))
    torch.testing.assert_close(cells[1][:, :8], t.log_softmax(-1))


def test_a_student_comes_nearer_to_a_teacher_of_another_tokenizer(tmp_path: Path) -> None:
    from mimicry_audit.distill import DistillSettings, distill

    found = distill(
        DistillSettings.of(
            teacher="lab/boro", student="lab/base", data="lab", limit=40, max_tokens=48, rate=2e-3, steps=25, threads=1,
            objective="span-kl", held_out=0.2, evaluation_limit=4, tensorboard=False, out=tmp_path / "pupil",
            engine_options={"num_threads": "1"},
        )
    )  # fmt: skip
    losses = [
        float(line.split('"soft": ')[1].split(",")[0])
        for line in (tmp_path / "pupil" / "metrics.jsonl").read_text("utf-8").splitlines()
        if '"loss"' in line
    ]
    assert losses[-1] < 0.5 * losses[0]
    assert found.evaluation is not None
    entries = found.evaluation["models"]
    assert entries["after"]["held_out"]["bits_per_byte"] < entries["before"]["held_out"]["bits_per_byte"]
