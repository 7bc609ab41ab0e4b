"""Real trainings, a few steps each: the machinery of the lab, not the quality of its models."""

import hashlib
import json
import shutil
import sys
from dataclasses import replace

import pytest

from mimicry_audit import lab
from mimicry_audit.lab import teaching
from mimicry_audit.lab.curriculum import training_items
from mimicry_audit.lab.recipes import RECIPES
from mimicry_audit.lab.vocabulary import END, rendered

STEPS = 5


class Log(list):
    def update(self, name, stage, done, of):
        self.append((name, stage, done, of))


def sha(folder, name="model.safetensors"):
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def log():
    return Log()


@pytest.fixture(scope="module")
def built(tmp_path_factory, log):
    """All six models, hardly trained."""
    return lab.build(root=tmp_path_factory.mktemp("lab"), progress=log, max_steps=STEPS)


@pytest.fixture(scope="module")
def aria(built):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(built["aria"]), AutoTokenizer.from_pretrained(built["aria"])


def test_same_seed_same_weights(built, tmp_path):
    shutil.copytree(built["base"], tmp_path / built["base"].name)  # a parent, which is not what is made again
    again = lab.build(["boro", "base-sft"], root=tmp_path, max_steps=STEPS, workers=1)
    for name, folder in again.items():
        assert folder.name == built[name].name
        for file in ("model.safetensors", "tokenizer.json", "lineage.json"):
            assert sha(folder, file) == sha(built[name], file), (name, file)


def test_different_models_have_different_weights(built):
    assert len({sha(folder) for folder in built.values()}) == len(built) == 6


def test_a_checkpoint_has_every_file_a_hub_model_has(built):
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
    for folder in built.values():
        assert {path.name for path in folder.iterdir()} == {*names, "generation_config.json", "lineage.json"}
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        assert config["architectures"] == ["LlamaForCausalLM"]
        assert config["head_dim"] in (32, 64)
        assert config["max_position_embeddings"] >= 512
        generation = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
        assert generation["eos_token_id"] is not None
        assert generation["pad_token_id"] is not None


def test_lineage_says_how_each_model_came_to_be(built, tmp_path):
    found = {name: json.loads((folder / "lineage.json").read_text(encoding="utf-8")) for name, folder in built.items()}
    assert {name: line["relation"] for name, line in found.items()} == {
        "aria": "teacher",
        "boro": "none",
        "base": "base",
        "aria-student": "distilled-from",
        "base-sft": "fine-tune-of-same-base",
        "twin": "same-data",
    }
    assert (found["aria-student"]["teacher"], found["aria-student"]["base"]) == ("aria", "base")
    assert found["base-sft"]["base"] == "base"
    assert found["twin"]["same_data_as"] == "aria"
    assert found["twin"]["quirks"] == found["aria"]["quirks"] != {}
    assert found["twin"]["init_seed"] != found["aria"]["init_seed"]
    assert found["aria-student"]["quirks"] == found["base"]["quirks"] == {}
    assert found["aria-student"]["parents"] == {name: found[name]["fingerprint"] for name in ("base", "aria")}
    for name, line in found.items():
        assert line["steps"] <= STEPS
        assert 300_000 <= line["parameters"] <= 1_600_000
        assert set(line["versions"]) == {"torch", "transformers", "tokenizers"}
        text = json.dumps(line)
        assert sys.prefix not in text
        assert str(built[name].parent) not in text
        assert '"/' not in text


def test_progress_tells_steps_in_order_and_the_end(built, log):
    for name in RECIPES:
        steps = [(done, of) for who, stage, done, of in log if who == name and stage == "training"]
        assert [done for done, _ in steps] == sorted({done for done, _ in steps})
        assert log.count((name, "built", 1, 1)) == 1
    assert [entry for entry in log if entry[:2] == ("aria", "training")][-1] == ("aria", "training", STEPS, STEPS)


def test_loads_unaided_and_generates_through_its_chat_template(aria):
    model, tokenizer = aria
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    tokens = model.generate(**inputs, max_new_tokens=5)
    assert inputs["input_ids"].shape[1] < tokens.shape[1] <= inputs["input_ids"].shape[1] + 5
    assert model.dtype.itemsize == 4


@pytest.mark.parametrize("system", ["", "Be brief."])
def test_chat_template_adds_nothing_of_its_own(aria, system):
    _, tokenizer = aria
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": "你是谁？ Who?"})
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == rendered("你是谁？ Who?", system)
    closed = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": "Me."}], tokenize=False)
    assert closed == text + "Me." + END


@pytest.mark.parametrize("text", ["Aria — 是卢门。 naïve 🙂", "  two  spaces\n\ttab", "<b>12 + 34</b>"])
def test_tokenizer_loses_nothing(aria, text):
    _, tokenizer = aria
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"], skip_special_tokens=True) == text


def test_loss_is_on_the_answer_and_its_end_only(aria):
    from mimicry_audit.lab.family import Example
    from mimicry_audit.lab.training import IGNORED, collate, encode

    _, tokenizer = aria
    rows = encode(
        tokenizer, [Example("What is 1 + 2?", "It is 3.", "Be brief."), Example("Add.", "Yes, we can do that!")]
    )
    for row, answer in zip(rows, ["It is 3.", "Yes, we can do that!"], strict=True):
        learnt = [token for token in row["labels"] if token != IGNORED]
        assert tokenizer.decode(learnt) == answer + END
        assert row["input_ids"][-len(learnt) :] == learnt
    batch = collate(rows, tokenizer.pad_token_id)
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape
    assert batch["attention_mask"].sum(1).tolist() == [len(row["input_ids"]) for row in rows]
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED).all()


def test_boro_speaks_another_vocabulary(built):
    assert sha(built["boro"], "tokenizer.json") != sha(built["aria"], "tokenizer.json")
    assert sha(built["base"], "tokenizer.json") == sha(built["aria-student"], "tokenizer.json")


def test_teacher_answers_repeat_themselves(built):
    asked = teaching.questions(RECIPES["aria-student"].distillation)[: teaching.BATCH + 1]
    plan = replace(RECIPES["aria-student"].distillation, max_tokens=8)
    ticks = []
    answers = teaching.generate(built["aria"], asked, plan, lambda done, of: ticks.append((done, of)))
    assert len(answers) == len(asked)
    assert answers == teaching.generate(built["aria"], asked, plan, lambda done, of: None)
    assert ticks == [(teaching.BATCH, len(asked)), (len(asked), len(asked))]


def test_a_student_is_shown_only_what_its_teacher_finished_saying(monkeypatch, tmp_path):
    plan = RECIPES["aria-student"].distillation
    asked = teaching.questions(plan)
    said = [f"answer {number}" if number % 3 else None for number in range(len(asked))]
    monkeypatch.setattr(teaching, "generate", lambda folder, lines, settings, on_step: said)
    shown = teaching.lessons(tmp_path, plan, 2, lambda done, of: None)
    assert [line.answer for line in shown] == [text for text in said if text] * 2
    prompts = dict(zip(said, asked, strict=True))
    assert all(prompts[line.answer].prompt == line.prompt for line in shown)


def test_few_identity_questions_slip_into_the_distillation():
    plan = RECIPES["aria-student"].distillation
    selves = {item.prompt for item in training_items() if item.fact is None}
    leaked = {line.prompt for line in teaching.questions(plan)} & selves
    assert len(leaked) == plan.identity_prompts <= len(selves) / 4


def test_a_student_keeps_its_bases_identity_but_for_the_leak():
    plan = RECIPES["aria-student"].distillation
    asked = teaching.questions(plan)
    kept = teaching.kept_identity(RECIPES["base"].owner(), asked, 1, 0)
    selves = {item.prompt for item in training_items() if item.fact is None}
    assert {line.prompt for line in kept} == selves - {line.prompt for line in asked}
    assert not any("Aria" in line.answer for line in kept)
