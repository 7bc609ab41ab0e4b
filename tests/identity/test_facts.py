"""Facts about makers are complete, and a model's own identity is read from its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.identity.facts import Facts, load_facts, own_identity


def test_the_known_makers_are_there() -> None:
    facts = load_facts()
    wanted = """OpenAI,Anthropic,Google,DeepMind,Meta,Mistral AI,Microsoft,Alibaba,DeepSeek,ByteDance,Zhipu,Z.ai,
    Moonshot AI,Baidu,Tencent,iFlytek,01.AI,Baichuan,MiniMax,xAI,Cohere,AI21,NVIDIA,IBM,Amazon,TII,StepFun,
    Shanghai AI Lab,Apple,Databricks,Allen AI,LMSYS,Stanford,Lumenfold,Tesselgard,Harrowgate,
    阿里巴巴,深度求索,百度,字节跳动,智谱,月之暗面,腾讯,科大讯飞,零一万物"""
    for name in re.split(r",\s*", wanted):
        assert facts.maker(name.strip()) is not None, name


def test_facts_hang_together() -> None:
    facts = load_facts()
    owners: dict[str, str] = {}
    for maker in facts:
        assert maker.models
        assert maker.country is None or facts.country(maker.country), maker.name
        for name in {known.casefold() for known in (*maker.names, *(n for model in maker.models for n in model.names))}:
            assert owners.setdefault(name, maker.name) == maker.name, name
    assert facts.country("美国") == facts.country("USA")
    assert facts.country("Atlantis") is None


def test_names_that_are_everyday_words_are_marked() -> None:
    facts = load_facts()
    models = {model.name: model for maker in facts for model in maker.models}
    for name in ("Claude", "Gemini", "Nova", "Spark", "Command", "Phi", "Yi", "Aria", "Boro", "Llama", "Grok"):
        assert name in models[name].ambiguous, name
    for name in ("ChatGPT", "Qwen", "DeepSeek-R1", "Mixtral"):
        assert not models[name].ambiguous, name
    assert "讯飞星火" in models["Spark"].names
    assert "讯飞星火" not in models["Spark"].ambiguous


@pytest.mark.parametrize(
    ("name", "maker", "model"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "Alibaba", "Qwen2.5"),
        ("vllm/Qwen/Qwen2.5-7B-Instruct@main", "Alibaba", "Qwen2.5"),
        ("vllm/Qwen/Qwen2.5-7B:my-adapter", "Alibaba", "Qwen2.5"),
        ("models--Qwen--Qwen2.5-7B", "Alibaba", "Qwen2.5"),
        ("gpt-4o", "OpenAI", "GPT-4o"),
        ("openai/gpt-4o@http://localhost:8000/v1", "OpenAI", "GPT-4o"),
        ("openai/qwen-max@https://example.org/v1", "Alibaba", "Qwen"),
        ("vllm/openai/gpt-oss-20b", "OpenAI", "gpt-oss"),
        ("lab/aria", "Lumenfold", "Aria"),
        ("lab/boro", "Tesselgard", "Boro"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "DeepSeek", "DeepSeek-R1"),
        ("allenai/Llama-3.1-Tulu-3-8B", "Allen Institute for AI", "Tulu"),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "Nous Research", "Hermes"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "Meta", "Llama"),
        ("claude-3-5-sonnet-20240620", "Anthropic", "Claude 3.5"),
        ("recorded/answers.jsonl#glm-4-plus", "Zhipu AI", "GLM-4"),
        ("/models/phi-4", "Microsoft", "Phi"),
        ("doubao-pro-32k", "ByteDance", "Doubao"),
        ("01-ai/Yi-34B-Chat", "01.AI", "Yi"),
        ("moonshot-v1-8k", "Moonshot AI", None),
        ("XAI-ORG/something", "xAI", None),
    ],
)
def test_own_identity(name: str, maker: str, model: str | None) -> None:
    found = own_identity(name)
    assert found.maker is not None
    assert found.maker.name == maker
    assert (found.model.name if found.model else None) == model


@pytest.mark.parametrize(
    "name",
    ["", "/", "my-model", "openai/my-model", "lab/base", "lab/aria-student", "my-gpt4-distill", "supernova", "x-spark"],
)
def test_a_name_that_does_not_say_who_it_is(name: str) -> None:
    found = own_identity(name)
    assert found.maker is None
    assert found.model is None


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_user_adds_and_replaces(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "countries: [{name: Iceland, aliases: {zh: [冰岛]}}]\n"
        "makers:\n"
        "  - {name: Volcano, country: Iceland, aliases: {zh: [火山]}, models: [Geyser], hub_orgs: [Volcano-AI]}\n"
        "  - {name: openai, country: Iceland}\n",
    )
    facts = load_facts(path)
    assert own_identity("volcano-ai/anything", facts).maker == facts.maker("火山")
    assert own_identity("geyser-7b", facts).model is not None
    openai = facts.maker("OpenAI")
    assert openai is not None
    assert openai.models == ()
    assert facts.country("冰岛") is not None
    assert load_facts().maker("Volcano") is None


BAD = [
    ("", "{path}: has no 'makers'. Write makers: with a list of makers"),
    ("- a", "{path}: has no 'makers'. Write makers: with a list of makers"),
    ("makers: 3", "{path}: 'makers' is 3, not a list. Write a list"),
    ("makers: [\n", "{path}:2: is not valid YAML (did not find expected node content). Fix the line"),
    (
        "makers: [a]",
        "{path}: maker 1 is 'a', not a mapping. Write its fields: name, country, places, aliases, "
        "ambiguous, models, hub_orgs",
    ),
    ("makers: [{country: X}]", "{path}: maker 1 has no 'name'. Give it a name, in quotes if it is a number"),
    ("makers: [{name: X, country: 7}]", "{path}: maker 1 ('X'): 'country' is 7, not text. Put it in quotes"),
    (
        "makers: [{name: X, modells: []}]",
        "{path}: maker 1 ('X'): unknown field 'modells'. Use only name, country, "
        "places, aliases, "
        "ambiguous, models, hub_orgs",
    ),
    ("makers: [{name: X, aliases: [Y]}]", "{path}: maker 1 ('X'): 'aliases' is ['Y']. Write lists by language: en, zh"),
    ("makers: [{name: X, aliases: {en: [4]}}]", "{path}: maker 1 ('X'): 'aliases' holds 4, not text. Put it in quotes"),
    ("makers: [{name: X, hub_orgs: x}]", "{path}: maker 1 ('X'): 'hub_orgs' is 'x', not a list. Write a list"),
    (
        "makers: [{name: X, models: [{name: 4}]}]",
        "{path}: maker 1 ('X'), model 1 has no 'name'. Give it a name, in quotes if it is a number",
    ),
    ("makers: [{name: X, models: [M, m]}]", "{path}: maker 1 ('X'): the model 'm' comes twice. Keep one entry"),
    ("makers: [{name: X}, {name: x}]", "{path}: the maker 'x' comes twice. Keep one entry"),
    (
        "makers: [{name: X, ambiguous: [Y]}]",
        "{path}: maker 1 ('X'): 'ambiguous' is ['Y']. Write true, or a list of some of its names",
    ),
    ("makers: [{name: X}]\nother: 1", "{path}: unknown field 'other'. Use only countries, makers"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_user_files(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_facts(path)
    assert str(caught.value) == message.format(path=path)


def test_unreadable_user_files(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as caught:
        load_facts(missing)
    assert (
        str(caught.value)
        == f"{missing}: cannot be read (No such file or directory). Check the path and its permissions"
    )
    missing.write_bytes(b"makers: \xff")
    with pytest.raises(ConfigError) as caught:
        load_facts(missing)
    assert str(caught.value) == f"{missing}: is not UTF-8 (byte 8). Save the file as UTF-8"


def test_facts_are_iterable() -> None:
    assert list(Facts(load_facts().makers[:2])) == list(load_facts().makers[:2])
