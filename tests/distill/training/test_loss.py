"""The loss of a batch: which positions count, whatever padding, batch, accumulation or chunk they stand in; and memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimicry_audit.distill.training import models, objectives
from mimicry_audit.distill.training.loss import LossRecipe, TopK, batch_loss, collate, counted
from mimicry_audit.distill.training.models import Reader
from tests.support.engine_fixtures import TinyModels


def row(number: int, length: int, prompt: int = 5, **more: Any) -> dict[str, Any]:
    rng = torch.Generator().manual_seed(number)
    ids = torch.randint(5, 290, (prompt + length,), generator=rng).tolist()
    example = {
        "prompt": ids[:prompt],
        "answer": ids[prompt:],
        "origin": "teacher",
        "places": [(i, i) for i in range(length)],
        "teacher_prompt": [7, *ids[:prompt]],  # another template
        "teacher_answer": ids[prompt:],
        "key": str(number),
    }
    return example | more


def found(student: Any, teacher: Any, rows: list[dict[str, Any]], recipe: LossRecipe) -> torch.Tensor:
    batch = collate(rows, 0)
    read = Reader(student).read(batch["input_ids"], batch["attention_mask"], counted(batch["labels"]))
    heard = None
    if teacher is not None:
        with torch.no_grad():
            heard = Reader(teacher).read(
                batch["teacher_input_ids"], batch["teacher_attention_mask"], batch["teacher_soft"]
            )
    return batch_loss(recipe, batch, read, heard)


def by_hand(student: Any, teacher: Any, rows: list[dict[str, Any]], share: float) -> float:
    """One row at a time, one place at a time, in float64."""
    total = 0.0
    for one in rows:
        mine = student(torch.tensor([one["prompt"] + one["answer"]])).logits[0].double()
        theirs = teacher(torch.tensor([one["teacher_prompt"] + one["teacher_answer"]])).logits[0].double()
        soft = dict(one["places"])
        for place, token in enumerate(one["answer"]):
            q = mine[len(one["prompt"]) + place - 1].log_softmax(-1)
            hard = -float(q[token]) if one["origin"] != "student" else 0.0
            if place not in soft:
                total += hard
                continue
            p = theirs[len(one["teacher_prompt"]) + soft[place] - 1].log_softmax(-1)
            total += share * hard + (1 - share) * float((p.exp() * (p - q)).sum())
    return total


@torch.no_grad()
def test_masks_shifts_and_mixing_against_one_place_at_a_time(student: Any, teacher: Any) -> None:
    rows = [
        row(1, 9),
        row(2, 3, prompt=11),
        row(3, 6, places=[(0, 0), (2, 2)]),  # where no signal is heard the text is learnt
        row(4, 4, origin="else", places=[], teacher_prompt=[], teacher_answer=[]),
        row(5, 5, origin="student"),
    ]
    recipe = LossRecipe(objective="forward-kl", share_hard=0.25)
    whole = found(student, teacher, rows, recipe)
    assert float(whole[0]) == pytest.approx(_sum_by_hand(student, teacher, rows, 0.25), rel=1e-4)
    apart = sum(found(student, teacher, [one], recipe) if one["places"] else found(student, None, [one], recipe)
                for one in rows)  # fmt: skip
    torch.testing.assert_close(whole, apart, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found(student, teacher, rows[::-1], recipe), whole, rtol=1e-4, atol=1e-4)


def _sum_by_hand(student: Any, teacher: Any, rows: list[dict[str, Any]], share: float) -> float:
    return sum(
        by_hand(student, teacher, [one if one["teacher_prompt"] else {**one, "teacher_prompt": one["prompt"],
                                                                     "teacher_answer": one["answer"]}], share)
        for one in rows
    )  # fmt: skip


@torch.no_grad()
def test_hard_labels_are_the_models_own_loss(student: Any) -> None:
    rows = [row(n, 3 + n, teacher_answer=[], teacher_prompt=[], places=[]) for n in range(4)]
    batch = collate(rows, 0)
    sums = found(student, None, rows, LossRecipe())
    items = counted(batch["labels"]).sum()
    own = student(batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]).loss
    torch.testing.assert_close(sums[0] / items, own)
    torch.testing.assert_close(sums[1], sums[0])


@pytest.mark.parametrize("objective", ["forward-kl", "reverse-kl", "jsd", "uld"])
def test_chunks_change_neither_the_loss_nor_its_gradient(student: Any, teacher: Any, objective: str) -> None:
    rows = [row(n, 12) for n in range(3)]
    results = []
    for at_once in (2**25, 7 * 297):  # all in one; seven positions at a time
        student.zero_grad()
        sums = found(student, teacher, rows, LossRecipe(objective=objective, share_hard=0.3, at_once=at_once))
        sums[0].backward()
        results.append((sums.detach(), [p.grad.clone() for p in student.parameters()]))
    (one, first), (many, second) = results
    torch.testing.assert_close(one, many)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=5e-5)  # sums in another order round otherwise


def test_memory_is_bounded_by_the_chunk_not_by_the_positions() -> None:
    """What autograd keeps for the way back, counted tensor by tensor."""
    hidden, words, places = 8, 4000, 256
    layer = torch.nn.Linear(hidden, words)
    labels = torch.randint(0, words, (1, places + 1))
    batch = {
        "labels": torch.cat([torch.full((1, 1), -100), labels[:, 1:]], dim=1),
        "soft": torch.ones(1, places + 1, dtype=torch.bool),
        "hard": torch.ones(1, places + 1, dtype=torch.bool),
    }
    features = torch.randn(places, hidden, requires_grad=True)
    heard = models.Read(torch.randn(places + 1, hidden)[:places], torch.nn.Linear(hidden, words).requires_grad_(False))

    def kept(at_once: int) -> int:
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: (sizes.append(t.numel()), t)[1], lambda t: t):
            read = models.Read(features, layer)
            batch_loss(LossRecipe(objective="forward-kl", share_hard=0.5, at_once=at_once), batch, read, heard)
        return sum(sizes)

    whole, chunked = kept(2**30), kept(16 * words)
    assert whole > places * words
    assert chunked < places * words / 4


@torch.no_grad()
def test_a_cached_signal_of_the_whole_vocabulary_is_the_dense_one(student: Any, teacher: Any) -> None:
    from mimicry_audit.distill.training.signals import kept

    rows = [row(n, 4 + n) for n in range(3)]
    for one in rows:
        logits = teacher(torch.tensor([one["teacher_prompt"] + one["teacher_answer"]])).logits[0]
        one["signal"] = kept(logits[len(one["teacher_prompt"]) - 1 : -1], 297)
    batch = collate(rows, 0)
    read = Reader(student).read(batch["input_ids"], batch["attention_mask"], counted(batch["labels"]))
    cached = batch_loss(
        LossRecipe(objective="forward-kl", share_hard=0.0),
        batch,
        read,
        TopK(batch["top_ids"], batch["top_logs"], batch["top_tail"]),
    )
    dense = found(student, teacher, [{**one, "signal": None} for one in rows], LossRecipe("forward-kl", 0.0))
    torch.testing.assert_close(cached, dense, rtol=1e-4, atol=1e-4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), st.booleans()), min_size=2, max_size=6))
@torch.no_grad()
def test_rows_in_one_line_lose_what_each_loses_alone(
    student: Any, teacher: Any, shapes: list[tuple[int, int, bool]]
) -> None:
    from mimicry_audit.distill.training.signals import kept

    rows = [
        row(n, answer, prompt=prompt)
        if soft
        else row(n, answer, prompt=prompt, origin="else", places=[], teacher_prompt=[], teacher_answer=[])
        for n, (prompt, answer, soft) in enumerate(shapes)
    ]
    cached = []
    for one in rows:
        signal = None
        if one["places"]:
            logits = teacher(torch.tensor([one["teacher_prompt"] + one["teacher_answer"]])).logits[0]
            signal = kept(logits[len(one["teacher_prompt"]) - 1 : -1], 20)
        cached.append({**one, "signal": signal})
    for objective, chosen in (("hard", rows), ("reverse-kl", rows), ("jsd", cached)):
        recipe = LossRecipe(objective=objective, share_hard=0.3)
        sums = []
        for pack in (False, True):
            batch = collate(chosen, 0, pack=pack)
            at = counted(batch["labels"])
            read = Reader(student).read(batch["input_ids"], batch.get("attention_mask"), at, batch.get("position_ids"))
            heard: Any = None
            if "top_ids" in batch:
                heard = TopK(batch["top_ids"], batch["top_logs"], batch["top_tail"])
            elif objective != "hard" and "teacher_input_ids" in batch:
                heard = Reader(teacher).read(
                    batch["teacher_input_ids"], batch["teacher_attention_mask"], batch["teacher_soft"]
                )
            sums.append(batch_loss(recipe, batch, read, heard))
        torch.testing.assert_close(sums[1], sums[0], rtol=1e-4, atol=1e-4)


def test_short_rows_share_lines_no_longer_than_the_longest() -> None:
    rows = [row(n, length) for n, length in enumerate((20, 3, 4, 2, 9))]  # 5 more for each prompt
    batch = collate(rows, 0, pack=True)
    assert batch["input_ids"].shape == (3, 25), "25; 14 and 9; 8 and 7"
    assert "attention_mask" not in batch
    assert [int((line == 0).sum()) for line in batch["position_ids"]] == [1, 3, 3], "each line ends with padding"
    assert "attention_mask" in collate(rows[:1] * 3, 0, pack=True), "nothing to save"


def test_models_that_do_not_keep_rows_apart_are_found_out(student: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert models.keeps_rows_apart(student)
    plain = student.forward
    monkeypatch.setattr(student, "forward", lambda position_ids=None, **more: plain(**more))
    assert not models.keeps_rows_apart(student)

    def rounded(**inputs: Any) -> Any:
        """What real models of float32 do: the same row differs by a ten-thousandth of the logits from batch to batch."""
        output = plain(**inputs)
        output.logits = output.logits + 2e-4 * output.logits.abs().max() * (-1) ** inputs["input_ids"].shape[1]
        return output

    monkeypatch.setattr(student, "forward", rounded)
    assert models.keeps_rows_apart(student)


def test_padded_vocabularies_are_compared_where_both_have_tokens() -> None:
    batch = {
        "labels": torch.tensor([[-100, 3]]),
        "soft": torch.ones(1, 2, dtype=torch.bool),
        "hard": torch.ones(1, 2, dtype=torch.bool),
    }
    mine, theirs = torch.randn(1, 10), torch.randn(1, 16)
    recipe = LossRecipe(objective="forward-kl", share_hard=0.0, tokens=8)
    sums = batch_loss(recipe, batch, models.Read(mine, lambda x: x), models.Read(theirs, lambda x: x))
    torch.testing.assert_close(sums[0], objectives.forward_kl(mine[:, :8], theirs[:, :8]).sum())


def test_the_output_layer_is_taken_apart_only_where_that_is_proven(tiny_models: TinyModels, student: Any) -> None:
    assert Reader(student).takes_apart
    assert not Reader(student, whole=True).takes_apart
    capped = models.load(str(tiny_models.one), None)
    forward = capped.forward

    def soft_capped(*args: Any, **more: Any) -> Any:
        out = forward(*args, **more)
        out.logits = 30 * torch.tanh(out.logits / 30)
        return out

    capped.forward = soft_capped
    reader = Reader(capped)
    assert not reader.takes_apart
    ids = torch.arange(5, 15)[None]
    chosen = torch.zeros_like(ids, dtype=torch.bool)
    chosen[0, [3, 7]] = True
    with torch.no_grad():
        read = reader.read(ids, torch.ones_like(ids), chosen)
        expected = 30 * torch.tanh(student.eval()(ids).logits[0, [3, 7]] / 30)
    torch.testing.assert_close(read.project(read.features), expected, rtol=1e-4, atol=1e-4)


def test_both_ways_of_reading_agree(student: Any) -> None:
    rows = [row(n, 3 + n, prompt=4 + 2 * n) for n in range(4)]
    batch = collate(rows, 0)
    at = counted(batch["labels"])
    reads = [Reader(student, whole=w).read(batch["input_ids"], batch["attention_mask"], at) for w in (False, True)]
    torch.testing.assert_close(*(r.project(r.features) for r in reads), rtol=1e-4, atol=1e-4)


def test_a_batch_without_any_signal_learns_the_text(student: Any, teacher: Any) -> None:
    rows = [row(1, 4, origin="else", places=[], teacher_prompt=[], teacher_answer=[])]
    batch = collate(rows, 0)
    assert "teacher_input_ids" not in batch
    sums = found(student, None, rows, LossRecipe(objective="forward-kl", share_hard=0.0))
    total, hard, soft = sums.detach().tolist()
    assert total == pytest.approx(hard)
    assert soft == 0.0
