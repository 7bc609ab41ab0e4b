"""The parts of a distillation: prompts and doses, tokens, which tokenizers match, signals, settings and figures."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from mimicry_audit.cli import distill_train
from mimicry_audit.cli.distill_output import learning_curve
from mimicry_audit.cli.fields import read_options
from mimicry_audit.distill import data, figures
from mimicry_audit.distill.data import Row
from mimicry_audit.distill.kept import keep_settings
from mimicry_audit.distill.settings import DistillSettings, check
from mimicry_audit.distill.training import models, objectives, tokenizers
from mimicry_audit.distill.training.examples import Encoder, Taught, end_token
from mimicry_audit.distill.training.signal_store import SignalStore, pack, store_key, unpack_ids
from mimicry_audit.distill.training.signals import Keep, ask, compute, kept, served
from mimicry_audit.engines.likelihood import TokenScores
from mimicry_audit.engines.names import parse_model
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import AuditError, ConfigError, DataError, RunDirectoryError
from mimicry_audit.records.asked import Message
from tests.support.commands import jsonl
from tests.support.engine_fixtures import TinyModels


def rows(count: int, **more: Any) -> tuple[Row, ...]:
    return tuple(Row(id=f"r{n}", messages=(Message("user", f"Say {n}."),), **more) for n in range(count))


# Prompts


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_dose_contains_the_smaller_whatever_the_order_of_the_rows(seed: int, a: float, b: float) -> None:
    all_ = rows(40)
    less, more = (data.dosed(all_, share, seed) for share in sorted((a, b)))
    assert less <= more
    assert len(more) == round(max(a, b) * 40)
    assert data.dosed(all_[::-1], a, seed) == data.dosed(all_, a, seed)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 6))
def test_equal_and_paired_prompts_stay_on_one_side(seed: int, count: int) -> None:
    twins = [replace(row, id=f"{row.id}b") for row in rows(6)]
    pairs = [
        Row(id=f"p{n}", messages=(Message("user", f"{n}"),), pair=str(n // 2), group="ab"[n % 2]) for n in range(8)
    ]
    all_ = (*rows(12), *twins, *pairs)
    held = data.held_out(all_, 0.3, seed)
    parts = data.folds(all_, count, seed)
    assert set().union(*parts) == {row.id for row in all_}
    assert sum(map(len, parts)) == len(all_)
    for side in (held, *parts):
        assert all((row.id in side) == (row.id[:-1] in side) for row in twins)
        assert all((f"p{n}" in side) == (f"p{n + 1}" in side) for n in range(0, 8, 2))


def test_files_of_each_kind_give_the_same_rows(tmp_path: Path) -> None:
    import pandas as pd

    lines = [{"id": "a", "prompt": "One?", "answer": "1", "label": "x"}, {"id": "b", "prompt": "Two?", "answer": "2"}]
    pd.DataFrame(lines).to_csv(tmp_path / "d.csv", index=False)
    pd.DataFrame(lines).to_parquet(tmp_path / "d.parquet")
    found = [data.read(str(path)) for path in
             (jsonl(tmp_path / "d.jsonl", lines), tmp_path / "d.csv", tmp_path / "d.parquet")]  # fmt: skip
    assert found[0] == found[1] == found[2]
    assert found[0][0].label == "x"
    assert data.sha(found[0]) == data.sha(found[1]) != data.sha(found[0][:1])


def test_conversations_lose_their_answer_and_keep_their_system_turn(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "?"},
    ]
    path = jsonl(tmp_path / "d.jsonl", [{"messages": turns}, {"messages": json.dumps(turns)},
                                        {"prompt": "Hi", "system": "Be."}])  # fmt: skip
    expected = (Message("system", "Be."), Message("user", "Hi"))
    assert [row.messages for row in data.read(str(path))] == [expected] * 3


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"text": "no prompt"}, "line 1 has no prompt"),
        ({"prompt": "a", "answer": ["b"]}, "answer is not text"),
        ({"messages": "[{"}, "messages is not JSON"),
        ({"messages": [{"role": "user"}]}, "not a list of turns"),
        ({"messages": [{"role": "system", "content": "a"}]}, "no last turn from the user"),
        ({"prompt": "a", "check": {"kind": "odd"}}, "unknown kind"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        data.read(str(jsonl(tmp_path / "d.jsonl", [line])))


def test_several_teachers_divide_the_prompts_by_share_or_by_the_column(tmp_path: Path) -> None:
    whole = rows(50)
    numbers = data.assigned(whole, ["a", "b", "c"], [0.5, 0.3, 0.2], 1)
    assert [list(numbers.values()).count(n) for n in range(3)] == [25, 15, 10]
    assert data.assigned(whole[::-1], ["a", "b", "c"], [0.5, 0.3, 0.2], 1) == numbers
    assert data.assigned(whole, ["a", "b", "c"], [0.5, 0.3, 0.2], 2) != numbers
    equal = list(data.assigned(whole, ["a", "b"], None, 1).values())
    assert equal.count(0) == equal.count(1) == 25
    assert data.assigned(whole, ["a"], None, 1) == {}
    named = data.read(str(jsonl(tmp_path / "n.jsonl", [{"prompt": p, "teacher": p} for p in "abba"])))
    assert data.assigned(named, ["a", "b"], None, 1) == {"0": 0, "1": 1, "2": 1, "3": 0}
    with pytest.raises(ConfigError, match="Leave one of them out"):
        data.assigned(named, ["a", "b"], [0.5, 0.5], 1)
    with pytest.raises(DataError, match="row 1: the column teacher holds b"):
        data.assigned(named, ["a", "c"], None, 1)


def test_repeated_ids_and_missing_columns_are_told(tmp_path: Path) -> None:
    path = str(jsonl(tmp_path / "d.jsonl", [{"id": 1, "prompt": "a"}, {"id": 1, "prompt": "b"}]))
    with pytest.raises(DataError, match=r"line 2 has the id 1 of line 1"):
        data.read(path)
    with pytest.raises(ConfigError, match="no answers in a column gold"):
        data.read(str(jsonl(tmp_path / "e.jsonl", [{"prompt": "a"}])), answers="gold")
    with pytest.raises(AuditError, match="holds no prompt"):
        data.read(str(jsonl(tmp_path / "f.jsonl", [])))


# Settings

GOOD = DistillSettings(teacher="t", student="s", data="d", out=Path("o"))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"objective": "mse"}, "--objective mse is unknown. Choose from hard, forward-kl"),
        ({"objective": "uld", "signal": "cached"}, "needs its whole vocabulary"),
        ({"objective": "forward-kl", "signal": "text"}, "needs more than text"),
        ({"objective": "hard", "signal": "dense"}, "text only"),
        ({"objective": "forward-kl", "signal": "served", "temperature": 2.0}, "at temperature 1"),
        ({"objective": "uld", "hard_weight": 0.0}, "only matches confidence"),
        ({"objective": "jsd", "beta": 1.0}, "its ends are forward-kl"),
        ({"rounds": 1}, "own answers"),
        ({"rounds": 1, "objective": "jsd", "dose": 0.0}, "rounds need a teacher"),
        ({"on_policy": 0.5}, "own answers, which hard would only confirm"),
        ({"on_policy": 0.5, "objective": "jsd", "signal": "cached"}, "--on-policy draws new ones"),
        ({"on_policy": 0.5, "objective": "jsd", "signal": "served", "launcher": "torchrun"}, "has several"),
        ({"on_policy": 0.5, "objective": "reverse-kl", "signal": "sampled"}, "tokens that the student draws"),
        ({"on_policy": 1.0, "objective": "jsd", "signal": "sampled"}, "tokens that the student draws"),
        ({"on_policy": 1.0, "objective": "jsd", "signal": "served", "teacher": "a,b"}, "one teacher to ask"),
        ({"on_policy": 0.5, "objective": "jsd", "packing": True}, "one row a line"),
        ({"on_policy": 0.5, "objective": "jsd", "dose": 0.0}, "--on-policy needs a teacher"),
        ({"on_policy": 0.5, "objective": "jsd", "rounds": 1}, "both draw"),
        ({"shares": "0.5,0.5"}, "there is one|2 numbers for 1"),
        ({"teacher": "a,b", "shares": "1"}, "1 numbers for 2 teachers"),
        ({"teacher": "a,b", "shares": "0.5,half"}, "are not numbers"),
        ({"teacher": "a,b", "shares": "0.7,0.7"}, "do not sum to 1"),
        ({"teacher": "a,b", "objective": "jsd", "signal": "dense"}, "several teachers do not fit"),
        ({"teacher": ","}, "names no model"),
        ({"patience": 1, "held_out": 0.0}, "nothing is held out"),
        ({"dose": 1.5}, "dose is 1.5"),
        ({"dose": math.nan}, "dose is nan"),
        ({"batch": 0}, "batch is 0"),
        ({"rate": math.inf}, "rate is inf"),
        ({"save_every": -1}, "save-every is -1"),
        ({"folds": 1}, "folds is 1"),
        ({"precision": "fp8"}, "--precision fp8 is unknown. Choose from auto, fp32, bf16"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed: dict[str, Any], says: str) -> None:
    assert check(GOOD) is GOOD
    with pytest.raises(ConfigError, match=says):
        check(GOOD.changed(**changed))


def test_what_decides_the_weights_is_kept_side_by_side() -> None:
    """Folders that were begun when all settings stood in one class can be finished."""
    kept = GOOD.changed(epochs=2.0, threads=3, name="n").deciding()
    assert {kept["epochs"], kept["rounds"], kept["precision"], kept["dose"]} == {2.0, 0, "auto", 1.0}
    assert not {"training", "threads", "name", "out", "save_every", "tensorboard", "evaluation_limit"} & set(kept)
    assert len(kept) == 41
    assert DistillSettings.of(**kept, out=GOOD.out).deciding() == kept


# Tokens and tokenizers that match


@pytest.fixture(scope="module")
def one(tiny_models: TinyModels) -> models.Source:
    return models.source(parse_model(f"hf/{tiny_models.one}"))


def test_answers_are_taught_with_the_end_of_their_turn(one: models.Source) -> None:
    tokenizer = one.side.template.tokenizer
    assert one.side.end == tokenizer.convert_tokens_to_ids("<|end|>")
    taught = Taught(id="a", messages=(Message("user", "hello"),), text="I am Aria.<|end|> you")
    (example,) = Encoder(one.side).encode([taught])
    assert tokenizer.decode(example.prompt) == "<|user|>hello<|end|><|assistant|>"
    assert tokenizer.decode(example.answer) == "I am Aria.<|end|> you<|end|>"
    assert example.answer.count(one.side.end) == 1  # marks inside the text are plain characters
    (cut,) = Encoder(one.side).encode([replace(taught, ended=False)])
    assert cut.answer == example.answer[:-1]


def test_what_does_not_fit_is_left_out_and_counted(one: models.Source) -> None:
    encoder = Encoder(one.side)
    long = Taught(id="a", messages=(Message("user", "hello"),), text="xyz " * 400)
    assert encoder.encode([long]) == []
    assert encoder.left_out == {"too long for the context": 1}


class Words:
    """A tokenizer, as far as they are compared."""

    all_special_tokens: tuple[str, ...] = ()

    def __init__(self, *words: str) -> None:
        self.words = words

    def get_vocab(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}


def test_tokenizers_match_by_their_maps_and_never_sizes() -> None:
    names = [f"w{n}" for n in range(30)]
    same = tokenizers.compare_tokenizers(Words(*names), Words(*names))
    assert same.comparable
    assert same.tokens == 30
    permuted = tokenizers.compare_tokenizers(Words(*names), Words(*names[::-1]))
    assert not permuted.comparable
    assert "30 of 30 ids differ, id 0 is 'w0' to one and 'w29' to the other" in str(permuted.why_not)
    with pytest.raises(ConfigError, match="token by token"):
        tokenizers.demand_match(permuted, "forward-kl")
    tokenizers.demand_match(permuted, "hard")
    tokenizers.demand_match(permuted, "uld")
    longer = tokenizers.compare_tokenizers(Words(*names, "<think>"), Words(*names))
    assert longer.comparable
    assert longer.tokens == 30
    few = tokenizers.compare_tokenizers(Words(*names), Words("w0"))
    assert few.why_not == "they share only the first 1 ids"


def test_places_of_one_and_of_two_tokenizers(one: models.Source, tmp_path: Path) -> None:
    from mimicry_audit import lab

    other = models.source(parse_model(f"hf/{lab.build(['base'])['base']}"))
    taught = Taught(id="a", messages=(Message("user", "hello"),), text="The answer is a small lantern.")
    same = Encoder(one.side, one.side, tokenizers.compare_tokenizers(*[one.side.template.tokenizer] * 2)).encode(
        [taught]
    )[0]
    assert same.places == [(i, i) for i in range(len(same.answer))]
    crossed = tokenizers.compare_tokenizers(other.side.template.tokenizer, one.side.template.tokenizer)
    assert not crossed.comparable
    mixed = Encoder(one.side, other.side, crossed).encode([taught])[0]
    assert mixed.places[0] == (0, 0)
    assert len(mixed.places) > 4
    for mine, theirs in mixed.places:  # before such a place both have read the same text
        before = [side.template.tokenizer.decode(ids[:place]) for side, ids, place in
                  ((one.side, mixed.answer, mine), (other.side, mixed.teacher_answer, theirs))]  # fmt: skip
        assert before[0] == before[1]


def test_the_end_of_a_turn_without_a_template_is_the_end_of_text(tiny_models: TinyModels) -> None:
    bare = models.source(parse_model(f"hf/{tiny_models.bare}", options={"chat_template": "plain"}))
    assert bare.side.end == bare.side.template.tokenizer.eos_token_id
    assert end_token(bare.side.template, []) == bare.side.template.tokenizer.eos_token_id


# Signals


def examples(side: models.Source) -> list[Any]:
    texts = ["hello world", "you are Boro.", "I am", "what is your name?"]
    taught = [Taught(id=str(n), messages=(Message("user", f"hi {n}"),), text=text) for n, text in enumerate(texts)]
    same = tokenizers.compare_tokenizers(*[side.side.template.tokenizer] * 2)
    return Encoder(side.side, side.side, same).encode(taught)


def silent(done: int, of: int) -> None: ...


def test_signals_are_found_by_content_and_computed_once(one: models.Source, tmp_path: Path) -> None:
    model = models.load(one.weights.location, None).eval()
    key = store_key(one.weights.pin, 5, 297, "cached")
    made, keep = examples(one), Keep(5, 297)
    store = SignalStore(tmp_path, key)
    assert compute(model, made[:2], store, keep, 0, silent) == 2
    again = SignalStore(tmp_path, key)
    assert compute(model, made[::-1], again, keep, 0, silent) == 2  # only the two that were missing
    assert compute(model, made, SignalStore(tmp_path, key), keep, 0, silent) == 0
    for e in made:
        with torch.no_grad():
            logits = model(torch.tensor([e.teacher_prompt + e.teacher_answer])).logits[
                0, len(e.teacher_prompt) - 1 : -1
            ]
        expected = logits.log_softmax(-1).topk(5)
        ids, logs, tail = again.read(e.key)
        order = expected.indices.sort(dim=-1)  # stored in the order of their ids, at half precision
        assert torch.equal(ids.long(), order.values)
        torch.testing.assert_close(logs, expected.values.gather(1, order.indices), rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(tail.exp(), 1 - expected.values.exp().sum(-1), rtol=2e-3, atol=1e-5)
    assert len(SignalStore(tmp_path, store_key("another", 5, 297, "cached"))) == 0
    (file,) = list(again.folder.glob("*.safetensors"))[:1]
    file.write_bytes(b"torn")
    with pytest.raises(DataError, match="holds no signals"):
        SignalStore(tmp_path, key)


@given(
    st.lists(st.sets(st.integers(0, 200_000), max_size=6), max_size=5),
    st.integers(0, 2**31),
)
def test_packed_signals_come_back(places: list[set[int]], seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    ids = torch.full((len(places), 6), -1, dtype=torch.int32)
    for row, found in enumerate(places):
        ids[row, : len(found)] = torch.tensor(list(found), dtype=torch.int32)
    logs = torch.randn(ids.shape, generator=rng).masked_fill(ids < 0, -math.inf)
    packed, halves, tail = pack((ids, logs, torch.zeros(len(places))))
    assert packed.dtype == torch.uint8
    assert halves.dtype == tail.dtype == torch.float16
    back = torch.from_numpy(unpack_ids(packed.numpy(), 6))
    for row in range(len(places)):
        mine = dict(zip(ids[row].tolist(), logs[row].half().tolist(), strict=True))
        theirs = dict(zip(back[row].tolist(), halves[row].tolist(), strict=True))
        assert {i: v for i, v in theirs.items() if i >= 0} == {i: v for i, v in mine.items() if i >= 0}


def test_stored_signals_take_half_of_plain_numbers_and_leave_the_loss_unchanged(tmp_path: Path) -> None:
    """A vocabulary of the size of real ones, a teacher as sure as real ones, 32 tokens kept."""
    words, places = 50_000, 200
    rng = torch.Generator().manual_seed(3)
    teacher = torch.randn(places, words, generator=rng) * 3
    student = teacher + torch.randn(places, words, generator=rng)
    exact = kept(teacher, 32)
    store = SignalStore(tmp_path, "k" * 64)
    store.write({"a": exact})
    assert store.bytes_per_place <= 130 + 2  # the header, spread over few places
    assert store.places == places
    for name in ("forward-kl", "reverse-kl", "jsd", "skew-kl", "skew-reverse-kl"):
        losses = [
            objectives.soft(
                name, *objectives.cells(student, ids.long(), logs, tail), temperature=1.0, beta=0.5, alpha=0.1
            ).mean()
            for ids, logs, tail in (exact, SignalStore(tmp_path, "k" * 64).read("a"))
        ]
        assert float(losses[1]) == pytest.approx(float(losses[0]), rel=1e-3)


def test_a_served_teacher_says_the_same(one: models.Source, tmp_path: Path) -> None:
    made = examples(one)
    local = SignalStore(tmp_path / "a", "a" * 64)
    compute(models.load(one.weights.location, None).eval(), made, local, Keep(5, 297), 0, silent)
    remote = SignalStore(tmp_path / "b", "b" * 64)
    engine: Any = engine_for(one.spec)
    with engine:
        assert ask(engine, made, remote, Keep(5, 297), silent) == len(made)
        assert ask(engine, made, remote, Keep(5, 297), silent) == 0
    for e in made:
        at = [theirs for _, theirs in e.places]
        for mine, theirs in zip(local.read(e.key), remote.read(e.key), strict=True):
            torch.testing.assert_close(mine[at], theirs[at], rtol=1e-3, atol=1e-3)


def test_ids_beyond_the_common_vocabulary_are_counted_with_the_tail() -> None:
    top = [[(3, math.log(0.5)), (99, math.log(0.3)), (1, math.log(0.1))]]
    ids, logs, tail = served(top, Keep(3, 50), 2)
    assert ids.tolist() == [[3, 1, -1], [-1, -1, -1]]
    assert float(tail[0].exp()) == pytest.approx(0.4, rel=1e-4)
    assert logs[0, 2] == -math.inf


# Figures


def test_perplexity_and_bits_per_byte() -> None:
    scores = [TokenScores(tokens=(1, 2), logprobs=(-1.0, -2.0)), TokenScores(error="no"),
              TokenScores(tokens=(3,), logprobs=(-3.0,))]  # fmt: skip
    found = figures.token_figures(scores, [4, 9, 2])
    assert found["cross_entropy"] == pytest.approx(2.0)
    assert found["perplexity"] == pytest.approx(math.e**2)
    assert found["bits_per_byte"] == pytest.approx(6 / math.log(2) / 6)
    assert figures.token_figures([], [])["perplexity"] is None


def test_text_figures_against_known_values() -> None:
    found, notes = figures.text_figures(["the cat sat", None], ["the cat sat", "a dog ran"])
    assert notes == []
    assert found["exact_match"] == 0.5
    assert found["bleu"] == pytest.approx(50.0)
    assert found["rouge1"] == pytest.approx(0.5)
    assert 40 < (found["chrf"] or 0) < 70
    assert figures.text_figures([], [])[0]["chrf"] is None


def test_classes_are_those_of_scikit_learn() -> None:
    truth, said = ["a", "a", "b", "c", "c"], ["a", "b", "b", figures.NO_LABEL, "c"]
    found = figures.class_figures(truth, said)
    report = classification_report(truth, said, labels=["a", "b", "c"], output_dict=True, zero_division=0)
    assert found is not None
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
        assert found[ours] == pytest.approx(report["macro avg"][theirs])
    assert found["accuracy"] == pytest.approx(0.6)
    assert figures.class_figures([], []) is None


def test_the_label_of_an_answer() -> None:
    assert figures.predicted("It is positive.", ["positive", "negative"]) == "positive"
    assert figures.predicted("Negative", ["positive", "negative"]) == "negative"
    assert figures.predicted("I cannot say", ["positive", "negative"]) == figures.NO_LABEL
    assert figures.predicted(None, ["positive", "negative"]) == figures.NO_LABEL


def test_fairness_by_hand() -> None:
    pairs, groups = ["1", "1", "2", "2", "3", "3", "4"], ["f", "m", "f", "m", "f", "m", "f"]
    said = ["yes", "no", "yes", "yes", "no", "no", "yes"]
    truth = ["yes", "yes", "yes", "yes", "yes", "no", "no"]
    found = figures.fairness(groups, pairs, said, truth)
    assert found == {
        "n": 3,  # the fourth has no counterpart
        "flips": pytest.approx(1 / 3),
        "selection_gap": pytest.approx(1 / 3),  # yes: 2 of 3 and 1 of 3
        "accuracy_gap": pytest.approx(0.0),  # 2 of 3 and 2 of 3
        "groups": ["f", "m"],
    }
    fair = figures.fairness(groups, pairs, ["yes"] * 7, [None] * 7)
    assert fair is not None
    assert fair["flips"] == fair["selection_gap"] == 0
    assert fair["accuracy_gap"] is None
    assert figures.difference(found, fair) == {"flips": pytest.approx(1 / 3), "selection_gap": pytest.approx(1 / 3)}
    assert figures.fairness(["f"], ["1"], ["yes"], ["yes"]) is None


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("今天天气很好，我们沿着河边散步。", "今天天气不错，我们沿着河边散步。"),
        ("วันนี้อากาศดีและเราเดินเลียบแม่น้ำ", "วันนี้อากาศสวยและเราเดินเลียบแม่น้ำ"),
        ("आज मौसम अच्छा है और हम नदी के किनारे टहलते हैं।", "आज मौसम ख़राब है और हम नदी के किनारे टहलते हैं।"),
        ("الطقس جميل اليوم ونحن نمشي بجانب النهر.", "الطقس سيئ اليوم ونحن نمشي بجانب النهر."),
        ("Сегодня хорошая погода, и мы гуляем.", "Сегодня плохая погода, и мы гуляем."),
    ],
)
def test_text_figures_read_every_script(text: str, near: str) -> None:
    equal, _ = figures.text_figures([text] * 3, [text] * 3)
    assert [equal[name] for name in ("rouge1", "rougeL")] == [1.0, 1.0]
    other, _ = figures.text_figures([near] * 3, [text] * 3)
    assert 0.4 < (other["rouge1"] or 0) < 1.0


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (
            [
                {"role": "user", "content": "A?"},
                {"role": "assistant", "content": None},
                {"role": "user", "content": "B?"},
            ],
            "null",
        ),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "parts that are not text"),
    ],
)
def test_turns_without_text_are_refused(tmp_path: Path, messages: list[dict[str, Any]], said: str) -> None:
    (tmp_path / "d.jsonl").write_text(json.dumps({"messages": messages}) + "\n", "utf-8")
    with pytest.raises(DataError, match=said):
        data.read(str(tmp_path / "d.jsonl"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "What is the weather?", "tools": [{"name": "weather"}]}, "offers tools"),
        ({"messages": [{"role": "user", "content": "w"}, {"role": "tool", "content": "4"}, {"role": "user", "content": "?"}]},
         "holds what a tool returned"),
    ],
)  # fmt: skip
def test_rows_with_tools_are_refused(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        data.read(str(jsonl(tmp_path / "t.jsonl", [row])))
    assert data.read(str(jsonl(tmp_path / "none.jsonl", [{"prompt": "a", "tools": []}])))


def test_a_switch_that_was_not_typed_is_left_open() -> None:
    """So that its default in words holds: TensorBoard logs where it is installed, packing where the student allows it."""
    typed = ["--teacher", "a", "--student", "b", "--data", "c", "--out", "o"]
    for more, expected in (([], {}), (["--no-packing", "--tensorboard"], {"packing": False, "tensorboard": True})):
        params = distill_train.command.make_context("train", [*typed, *more]).params
        found = read_options(DistillSettings, params)
        assert {name: found[name] for name in ("packing", "tensorboard") if name in found} == expected


def test_a_training_is_one_line_of_blocks(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [{"round": 0, "step": n, "loss": 8.0 - n} for n in range(1, 8)]
    path = jsonl(tmp_path / "m.jsonl", [*records, {"round": 0, "step": 7, "eval_loss": 1.5}])
    assert learning_curve(path) == ["loss: 7 █▇▆▅▃▂▁ 1 in 7 steps, held out 1.5"]
    assert learning_curve(path, width=1) == ["loss: 7 ▁ 1 in 7 steps, held out 1.5"]
    jsonl(path, [*records, {"round": 1, "step": 1, "loss": 3.0}])
    assert [line.split(" ")[:2] for line in learning_curve(path)] == [["loss,", "round"]] * 2
    assert learning_curve(tmp_path / "none.jsonl") == []


def test_a_turn_in_parts_and_a_missing_number_are_read_as_meant(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Name a river."}]}], "answer": "The Po."},
        {"prompt": "Name another.", "answer": float("nan")},
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    first, second = data.read(str(tmp_path / "d.jsonl"))
    assert (first.messages[0].content, first.answer, second.answer) == ("Name a river.", "The Po.", None)


@pytest.mark.parametrize("row", [{"messages": "[" * 60_000}, {"prompt": "x", "check": "{" + '"a":{' * 60_000}])
def test_cells_nested_without_end_are_one_line(row: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1"):
        data.read(str(jsonl(tmp_path / "prompts.jsonl", [row])))


@pytest.mark.parametrize("text", ["[" * 60_000, '{"rate": 1e999}', '{"rate": NaN}', "[]", "\xff"])
def test_settings_of_a_folder_that_are_no_settings_are_one_line(text: str, tmp_path: Path) -> None:
    wanted = DistillSettings.of(teacher="hf/a/b", student="hf/c/d", data="lab", out=tmp_path)
    keep_settings(wanted, {}, ())
    (tmp_path / "work" / "settings.json").write_text(text, "latin-1")
    with pytest.raises(RunDirectoryError, match=r"settings\.json cannot be read"):
        keep_settings(wanted, {}, ())
