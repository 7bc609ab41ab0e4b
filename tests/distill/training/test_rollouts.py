"""Answers that the student draws inside the training step: the same again, each by itself, and compared at its own tokens."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.distill.training import models
from mimicry_audit.distill.training.job import with_adapter
from mimicry_audit.distill.training.loss import LossRecipe, TopK, batch_loss, collate, counted
from mimicry_audit.distill.training.models import Reader
from mimicry_audit.distill.training.rollouts import RolloutPlan, draw, is_on_policy, redraw, split
from mimicry_audit.distill.training.served_teacher import ServedTeacher, ServedTeacherPlan
from mimicry_audit.engines.names import parse_model
from tests.support.engine_fixtures import TinyModels

PADS = (0, 0)
PLAN = RolloutPlan(share=1.0, temperature=1.0, tokens=12, end=2, teacher_end=2, common=290, context=None)


def row(number: int, prompt: int = 5, answer: int = 6, **more: Any) -> Any:
    rng = torch.Generator().manual_seed(number)
    ids = torch.randint(5, 290, (prompt + answer,), generator=rng).tolist()
    return {
        "id": str(number), "prompt": ids[:prompt], "answer": ids[prompt:], "origin": "teacher", "key": "",
        "places": [(i, i) for i in range(answer)], "teacher_prompt": [7, 8, *ids[:prompt]], "teacher_answer": ids[prompt:],
    } | more  # fmt: skip


def given_answer(number: int) -> Any:
    return row(number, origin="else", places=[], teacher_prompt=[], teacher_answer=[])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.booleans()), min_size=1, max_size=5))
def test_a_batch_can_be_taken_apart_again(shapes: list[tuple[int, int, bool]]) -> None:
    rows = [row(n, prompt, answer) if heard else given_answer(n) for n, (prompt, answer, heard) in enumerate(shapes)]
    back = split(collate(rows, *PADS))
    names = ("prompt", "answer", "places", "teacher_prompt", "teacher_answer")
    assert [{n: r[n] for n in names} for r in back] == [{n: r[n] for n in names} for r in rows]  # type: ignore[literal-required]


def test_greedy_answers_are_those_of_one_token_after_the_other(student: Any) -> None:
    prompts = [row(n, prompt=3 + 4 * n)["prompt"] for n in range(3)]
    answers = draw(student, prompts, replace(PLAN, temperature=0.0), 9, 0, 1, 2, 3)
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = list(prompt)
        while len(ids) < len(prompt) + 9 and (len(ids) == len(prompt) or ids[-1] != PLAN.end):
            with torch.no_grad():
                ids.append(int(student(torch.tensor([ids])).logits[0, -1].argmax()))
        assert answer == ids[len(prompt) :]


def test_draws_depend_on_their_place_alone_and_follow_the_students_odds(student: Any) -> None:
    prompts = [row(n)["prompt"] for n in range(4)]
    first = draw(student, prompts, PLAN, 6, 0, 1, 2, 3)
    assert draw(student, prompts, PLAN, 6, 0, 1, 2, 3) == first
    assert draw(student, prompts[:2], PLAN, 6, 0, 1, 2, 3) == first[:2], "not on the neighbours"
    assert draw(student, prompts, PLAN, 6, 0, 1, 3, 3) != first
    assert student.training is False
    one = draw(student, [prompts[0]] * 4000, PLAN, 1, 0, 5)
    with torch.no_grad():
        odds = student(torch.tensor([prompts[0]])).logits[0, -1].softmax(-1)
    found = torch.bincount(torch.tensor(one)[:, 0], minlength=len(odds)) / len(one)
    assert float((found - odds).abs().sum()) / 2 < 0.12, "total variation of 4,000 draws over 297 tokens"


def test_the_share_is_the_share_of_the_steps() -> None:
    half = replace(PLAN, share=0.5)
    hits = [is_on_policy(half, 0, step, 0) for step in range(2000)]
    assert sum(hits) == pytest.approx(1000, abs=80)
    assert hits == [is_on_policy(half, 0, step, 0) for step in range(2000)]
    assert all(is_on_policy(PLAN, 0, step, 0) for step in range(50))
    assert not any(is_on_policy(replace(PLAN, share=0.0), 0, step, 0) for step in range(50))


@pytest.mark.parametrize("teacher_end", [2, 3, None])
def test_the_loss_is_the_divergence_at_the_students_own_tokens(
    student: Any, teacher: Any, teacher_end: int | None
) -> None:
    plan = replace(PLAN, teacher_end=teacher_end, tokens=40)
    rows = [row(1), given_answer(2), row(3, prompt=9)]
    drawn = redraw(student, collate(rows, *PADS), plan, PADS, 0, 4, 0, 0)
    assert drawn.answers == 2
    own, other, longer = split(drawn.batch)
    assert other["answer"] == rows[1]["answer"]
    assert drawn.tokens == len(own["answer"]) + len(longer["answer"])
    assert drawn.ends == sum(line["answer"][-1] == 2 for line in (own, longer))
    at = counted(drawn.batch["labels"])
    with torch.no_grad():
        read = Reader(student).read(drawn.batch["input_ids"], drawn.batch["attention_mask"], at)
        heard = Reader(teacher).read(
            drawn.batch["teacher_input_ids"], drawn.batch["teacher_attention_mask"], drawn.batch["teacher_soft"]
        )
        found = batch_loss(LossRecipe("reverse-kl", 0.0), drawn.batch, read, heard)
        expected = 0.0
        for line, original in ((own, rows[0]), (longer, rows[2])):
            ids = original["prompt"] + line["answer"]
            mine = student(torch.tensor([ids])).logits[0].double().log_softmax(-1)
            theirs = (
                teacher(torch.tensor([original["teacher_prompt"] + line["answer"]])).logits[0].double().log_softmax(-1)
            )
            for place, token in enumerate(line["answer"]):
                if token >= plan.common or (token == 2 and teacher_end != 2):
                    continue
                q, p = mine[len(original["prompt"]) + place - 1], theirs[len(original["teacher_prompt"]) + place - 1]
                expected += float((q.exp() * (q - p)).sum())
    assert float(found[2]) == pytest.approx(expected, rel=1e-4)
    assert float(found[1]) == pytest.approx(
        float(batch_loss(LossRecipe(), drawn.batch, read, None)[1].detach()), rel=1e-5
    )


def test_a_teacher_behind_an_engine_scores_the_very_tokens_that_were_drawn(
    student: Any, teacher: Any, tiny_models: TinyModels
) -> None:
    """With all of its vocabulary it says what the teacher in this process says; with the drawn tokens alone, their share."""
    batch = collate([row(1), given_answer(2), row(3, prompt=9)], *PADS)
    spec = asdict(parse_model(f"hf/{tiny_models.two}"))
    dense = redraw(student, batch, PLAN, PADS, 0, 4).batch
    recipe = LossRecipe("reverse-kl", 0.0)
    at = counted(dense["labels"])
    with torch.no_grad():
        read = Reader(student).read(dense["input_ids"], dense["attention_mask"], at)
        heard = Reader(teacher).read(dense["teacher_input_ids"], dense["teacher_attention_mask"], dense["teacher_soft"])
        expected = batch_loss(recipe, dense, read, heard)
        for top_k, given_recipe in ((297, recipe), (0, replace(recipe, sampled=True))):
            with ServedTeacher(ServedTeacherPlan(spec, top_k, 297)) as served_teacher:
                other = redraw(student, batch, PLAN, PADS, 0, 4, served_teacher=served_teacher).batch
            assert torch.equal(other["input_ids"], dense["input_ids"]), "whom is asked changes no draw"
            signal = TopK(other["top_ids"], other["top_logs"], other["top_tail"])
            found = batch_loss(given_recipe, other, read, signal)
            if top_k:
                torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-3)
                continue
            soft = dense["soft"][at]
            q = read.project(read.features)[soft].log_softmax(-1)
            p = heard.project(heard.features).log_softmax(-1)
            tokens = dense["labels"].roll(-1, dims=1)[at][soft][:, None]
            by_hand = (q.gather(1, tokens) - p.gather(1, tokens)).sum()
            torch.testing.assert_close(found[2], by_hand, rtol=1e-3, atol=1e-3)


def test_sampled_tokens_estimate_the_divergence_within_the_stated_error(
    student: Any, teacher: Any, tiny_models: TinyModels
) -> None:
    batch = collate([row(1)] * 1500, *PADS)
    plan = replace(PLAN, tokens=1, common=297)
    with ServedTeacher(ServedTeacherPlan(asdict(parse_model(f"hf/{tiny_models.two}")), 0, 297)) as served_teacher:
        drawn = redraw(student, batch, plan, PADS, 7, served_teacher=served_teacher).batch
    with torch.no_grad():
        read = Reader(student).read(drawn["input_ids"], drawn["attention_mask"], counted(drawn["labels"]))
        signal = TopK(drawn["top_ids"], drawn["top_logs"], drawn["top_tail"])
        found = float(batch_loss(LossRecipe("reverse-kl", 0.0, sampled=True), drawn, read, signal)[2]) / 1500
        original = row(1)
        q = student(torch.tensor([original["prompt"]])).logits[0, -1].double().log_softmax(-1)
        p = teacher(torch.tensor([original["teacher_prompt"]])).logits[0, -1].double().log_softmax(-1)
    exact = float((q.exp() * (q - p)).sum())
    error = float(((q.exp() * (q - p) ** 2).sum() - exact**2).sqrt()) / 1500**0.5
    assert abs(found - exact) < 4 * error
    assert error < 0.2 * exact


def test_an_answer_keeps_within_the_context_and_a_batch_without_a_teacher_stays(student: Any) -> None:
    drawn = redraw(student, collate([row(1, prompt=5)], *PADS), replace(PLAN, context=10), PADS, 0)
    (line,) = split(drawn.batch)
    assert len(line["teacher_prompt"]) + len(line["answer"]) <= 10
    batch = collate([given_answer(1)], *PADS)
    assert redraw(student, batch, PLAN, PADS, 0).batch.keys() == batch.keys()


def test_an_adapter_answers_too_and_the_checkpoints_own_defaults_stay(tiny_models: TinyModels) -> None:
    plain = models.load(str(tiny_models.one), None)
    defaults = plain.generation_config.to_dict()
    assert defaults["repetition_penalty"] == 1.4, "the fixture has a penalty that must not shape what is drawn"
    prompts = [row(n)["prompt"] for n in range(3)]
    before = draw(plain, prompts, PLAN, 8, 0, 1)
    adapted = with_adapter(plain, 4)
    assert draw(adapted, prompts, PLAN, 8, 0, 1) == before
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    assert draw(adapted, prompts, PLAN, 8, 0, 1) != before
    assert plain.generation_config.to_dict() == defaults
