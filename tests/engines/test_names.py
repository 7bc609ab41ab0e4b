"""The grammar of model names and engine options, with the exact words of every refusal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.engines import engine_for, engines, parse_model, parse_models
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.registry import engine_class
from mimicry_audit.ground.errors import AuditError, ConfigError
from mimicry_audit.records.asked import ModelSpec


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a model folder, an adapter folder and a response file in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for folder in ("runs/tuned", "lora-a", "with:colon@sign"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "answers.jsonl").write_text("")


def parsed(text: str, **more: Any) -> dict[str, Any]:
    spec = parse_model(text, default_engine="hf", **more)
    assert spec.source == text
    fields = {"engine": spec.engine, "name": spec.name, "label": spec.label, "revision": spec.revision}
    fields |= {"adapter": spec.adapter, "options": dict(spec.options)}
    return {name: value for name, value in fields.items() if value not in (None, {})}


def expected(engine: str, name: str, label: str, **more: Any) -> dict[str, Any]:
    return {"engine": engine, "name": name, "label": label, **more}


URL = "http://host:8000/v1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("vllm/Qwen/Qwen2.5-0.5B", expected("vllm", "Qwen/Qwen2.5-0.5B", "Qwen2.5-0.5B")),
        ("hf/Qwen/Qwen2.5-0.5B", expected("hf", "Qwen/Qwen2.5-0.5B", "Qwen2.5-0.5B")),
        ("Qwen/Qwen2.5-0.5B", expected("hf", "Qwen/Qwen2.5-0.5B", "Qwen2.5-0.5B")),
        ("google/gemma-3-1b-it", expected("hf", "google/gemma-3-1b-it", "gemma-3-1b-it")),
        ("vllm/openai/gpt-oss-20b", expected("vllm", "openai/gpt-oss-20b", "gpt-oss-20b")),
        ("vllm/org/name@v1.2", expected("vllm", "org/name", "name", revision="v1.2")),
        ("vllm/org/name@refs/pr/3", expected("vllm", "org/name", "name", revision="refs/pr/3")),
        ("org/base:org/lora", expected("hf", "org/base", "lora", adapter="org/lora")),
        ("vllm/org/base:org/lora@v2", expected("vllm", "org/base", "lora", adapter="org/lora@v2")),
        ("org/base@v1:lora-a", expected("hf", "org/base", "lora-a", revision="v1", adapter="lora-a")),
        ("runs/tuned:lora-a", expected("hf", "runs/tuned", "lora-a", adapter="lora-a")),
        ("./runs/tuned", expected("hf", "./runs/tuned", "tuned")),
        ("runs/tuned", expected("hf", "runs/tuned", "tuned")),
        ("runs/tuned/", expected("hf", "runs/tuned/", "tuned")),
        ("vllm/runs/tuned", expected("vllm", "runs/tuned", "tuned")),
        ("with:colon@sign", expected("hf", "with:colon@sign", "with-colon-sign")),
        ("lab/aria", expected("hf", "lab/aria", "aria")),
        ("vllm/lab/aria-student", expected("vllm", "lab/aria-student", "aria-student")),
        ("hf/lab/aria", expected("hf", "lab/aria", "aria")),
        ("teacher=vllm/org/name", expected("vllm", "org/name", "teacher")),
        ("my.model-2=lab/aria", expected("hf", "lab/aria", "my.model-2")),
        ("openai/gpt-4o", expected("openai", "gpt-4o", "gpt-4o")),
        (f"openai/m@{URL}", expected("openai", "m", "m", options={"base_url": URL})),
        (f"openai/org/m@{URL}", expected("openai", "org/m", "m", options={"base_url": URL})),
        (f"openai/llama3.2:1b@{URL}", expected("openai", "llama3.2:1b", "llama3.2-1b", options={"base_url": URL})),
        (f"openai/m@{URL}|{URL}2", expected("openai", "m", "m", options={"base_url": f"{URL}|{URL}2"})),
        (f"openai/gpt-oss-20b@{URL}", expected("openai", "gpt-oss-20b", "gpt-oss-20b", options={"base_url": URL})),
        ("openai/gemini@001", expected("openai", "gemini@001", "gemini-001")),
        ("recorded/answers.jsonl#m", expected("recorded", "m", "m", options={"file": "answers.jsonl"})),
        ("a=recorded//x/y#1.csv#org/m", expected("recorded", "org/m", "a", options={"file": "/x/y#1.csv"})),
    ],
)
def test_names(text: str, found: dict[str, Any]) -> None:
    assert parsed(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the model name '' is empty. Write it like vllm/ORG/NAME"),
        ("a=", "the model name 'a=' is empty. Write it like vllm/ORG/NAME"),
        ("vllm/", "vllm/ names no model. Write it like vllm/ORG/NAME"),
        (
            "my model=org/m",
            "the label 'my model' cannot be used as a file name. Use letters, digits, dot, dash and underscore",
        ),
        ("aria", "aria is neither a folder nor a Hub id. Write ORG/NAME, lab/aria for a lab model, or ./aria"),
        ("vllm/gpt2", "gpt2 is neither a folder nor a Hub id. Write the full Hub id (ORG/NAME)"),
        ("org/a b", "org/a b is neither a folder nor a Hub id. Check the name"),
        ("./nowhere", "the folder ./nowhere does not exist. Check the path"),
        ("hf//nowhere/at/all", "the folder /nowhere/at/all does not exist. Check the path"),
        ("runs/tuned@v1", "runs/tuned@v1: a local model has no revisions. Leave out the @…"),
        ("lab/aria@v1", "lab/aria@v1: a lab model has no revisions. Leave out the @…"),
        ("lab/", "lab/ names no lab model. Write lab/NAME; audit lab list shows the names"),
        ("org/m@", "org/m@ ends in @. Give what should follow, or leave it out"),
        ("org/m:", "org/m: ends in :. Give what should follow, or leave it out"),
        (
            "openai/gpt-oss-20b",
            "openai/gpt-oss-20b is a model of the Hub, not of an endpoint. "
            "Did you mean vllm/openai/gpt-oss-20b? Else add @BASE_URL",
        ),
        (
            "openai/Qwen/Qwen3-8B",
            "openai/Qwen/Qwen3-8B names no endpoint. Did you mean vllm/Qwen/Qwen3-8B? Else add @BASE_URL",
        ),
        ("openai/m@host:8000/v1", "host:8000/v1 is not a base URL. Write http://host:8000/v1 or https://host:8000/v1"),
        ("openai/@http://h/v1", "openai/@http://h/v1 names no model. Write it like openai/NAME@http://host:8000/v1"),
        ("openai/m@http://", "http:// is not a base URL. Write it like http://host:8000/v1"),
        (
            "openai/m@http://me:pw@host/v1",
            "the base URL of host contains a password. Put the key into the environment (api_key_env=NAME)",
        ),
        ("http://h/v1", "http://h/v1 is an address, not a model. Write openai/NAME@http://h/v1"),
        ("answers.jsonl", "answers.jsonl is a file, not a model. Write recorded/answers.jsonl#NAME"),
        (
            "recorded/answers.jsonl",
            "recorded/answers.jsonl does not say whose answers. Write it like recorded/FILE#NAME",
        ),
        ("vlm/org/m", "unknown engine vlm in vlm/org/m. Did you mean vllm/org/m?"),
        ("VLLM/org/m", "unknown engine VLLM in VLLM/org/m. Did you mean vllm/org/m?"),
        ("transformers/org/m", "unknown engine transformers in transformers/org/m. Did you mean hf/org/m?"),
        (
            "opeani/gpt-4o",
            "unknown engine opeani in opeani/gpt-4o. "
            "Did you mean openai/gpt-4o, or hf/opeani/gpt-4o for the Hub model?",
        ),
        (
            "tgi/org/m",
            "unknown engine tgi in tgi/org/m. Engines are vllm, hf, openai, recorded; lab/NAME is a lab model",
        ),
    ],
)
def test_refused_names(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_model(text, default_engine="hf")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "given", "typed"),
    [
        ("vllm/o/m", {"tensor_parallel_size": "2"}, {"tensor_parallel_size": 2}),
        ("vllm/o/m", {"gpu_memory_utilization": "0.5"}, {"gpu_memory_utilization": 0.5}),
        ("vllm/o/m", {"enforce_eager": "no"}, {"enforce_eager": False}),
        ("vllm/o/m", {"extra_args": "--swap-space 1"}, {"extra_args": ["--swap-space", "1"]}),
        ("vllm/o/m", {"extra_args": ["a"]}, {"extra_args": ["a"]}),
        ("openai/m", {"extra_body": '{"top_k": 1}'}, {"extra_body": {"top_k": 1}}),
        ("hf/o/m", {"batch_size": 4, "device": "cuda:1"}, {"batch_size": 4, "device": "cuda:1"}),
    ],
)
def test_options_are_typed(text: str, given: dict[str, Any], typed: dict[str, Any]) -> None:
    assert parse_model(text, options=given).options == typed


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("hf/o/m", {"batchsize": 4}, "the hf engine has no option batchsize. Did you mean batch_size? Valid: attn_"),
        ("hf/o/m", {"batch_size": "many"}, "engine option batch_size=many is not a whole number. Batch_size: prompts"),
        ("hf/o/m", {"batch_size": 1.5}, "engine option batch_size=1.5 is not a whole number."),
        ("hf/o/m", {"batch_size": True}, "engine option batch_size=True is not a whole number."),
        ("hf/o/m", {"batch_size": 0}, "engine option batch_size=0 must be above 0."),
        (
            "hf/o/m",
            {"dtype": "fp8"},
            "engine option dtype=fp8 is unknown. Choose from auto, float32, bfloat16, float16",
        ),
        ("hf/o/m", {"trust_remote_code": "maybe"}, "engine option trust_remote_code=maybe is not true or false."),
        ("hf/o/m", {"device": None}, "engine option device=None is not text."),
        (
            "vllm/o/m",
            {"gpu_memory_utilization": 1.2},
            "engine option gpu_memory_utilization=1.2 must be above 0 and at most 1.",
        ),
        ("vllm/o/m", {"gpu_memory_utilization": "nan"}, "engine option gpu_memory_utilization=nan is not a number."),
        ("vllm/o/m", {"extra_args": {"a": 1}}, "engine option extra_args={'a': 1} is not a list of words."),
        ("openai/m", {"extra_body": "[1]"}, "engine option extra_body=[1] is not a JSON object."),
        ("openai/m", {"extra_body": "{"}, "engine option extra_body={ is not a JSON object."),
        ("openai/m", {"api_key": "sk"}, "engine option api_key would put a secret into the run's settings. Set OPENAI"),
        (
            f"openai/m@{URL}",
            {"base_url": URL},
            f"openai/m@{URL} gives a base URL, and so does base_url={URL}. Keep one",
        ),
    ],
)
def test_refused_options(text: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_model(text, options=given)
    assert str(caught.value).startswith(said)


def labels(*models: Any, **more: Any) -> list[str]:
    return [spec.label for spec in parse_models(models, default_engine="hf", **more)]


def test_labels_are_unique_also_where_case_does_not_count() -> None:
    assert labels("org/m", "lab/aria") == ["m", "aria"]
    assert labels("one/m", "two/M") == ["one-m", "two-M"]
    assert labels("org/m@v1", "org/m@v2", "org/m") == ["m-v1", "m-v2", "org-m"]
    assert labels("hf/org/m", "vllm/org/m") == ["org-m", "m-vllm"]
    assert labels("aria=org/m", "lab/aria") == ["aria", "lab-aria"]
    assert labels("lab/aria", {"model": "org/x", "label": "aria"}) == ["lab-aria", "aria"]


def test_a_model_can_be_a_mapping() -> None:
    [spec] = parse_models([{"model": "org/m", "label": "a", "engine": "vllm", "options": {"dtype": "float16"}}])
    assert spec == ModelSpec(label="a", engine="vllm", name="org/m", options={"dtype": "float16"}, source="org/m")


def test_shared_options_go_to_the_engines_that_know_them() -> None:
    specs = parse_models(
        ["hf/o/m", {"model": "hf/o/n", "options": {"dtype": "float16"}}, "recorded/answers.jsonl#m"],
        options={"dtype": "bfloat16"},
    )
    assert [dict(spec.options) for spec in specs] == [
        {"dtype": "bfloat16"},
        {"dtype": "float16"},
        {"file": "answers.jsonl"},
    ]


@pytest.mark.parametrize(
    ("models", "options", "said"),
    [
        (["a=o/m", "A=o/n"], {}, "two models have the label a. Give each its own: LABEL=MODEL"),
        (["o/m", "o/m"], {}, "the same model is given twice: o/m and o/m. Leave one out; samples=N asks one model"),
        (["runs/tuned", "b=./runs/tuned"], {}, "the same model is given twice: runs/tuned and b=./runs/tuned."),
        ([{"model": "o/m", "lable": "x"}], {}, "a model entry has no field lable. Did you mean label? Fields are"),
        ([{"label": "x"}], {}, "a model entry has no model name. Give model: ENGINE/NAME"),
        ([{"model": "o/m", "options": [1]}], {}, "the options of o/m are not a mapping. Write options: {name: value}"),
        ([{"model": "o/m", "engine": "tgi"}], {}, "unknown engine tgi. Engines are vllm, hf, openai, recorded"),
        ([{"model": "o/m", "label": "a/b"}], {}, "the label 'a/b' cannot be used as a file name."),
        (["hf/o/m"], {"tensor_paralel": 1}, "the engine of this run (hf) has no option tensor_paralel."),
    ],
)
def test_refused_lists(models: list[Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_models(models, default_engine="hf", options=options)
    assert str(caught.value).startswith(said)


def test_engines_are_listed_with_what_they_need() -> None:
    listed = {info.name: info for info in engines()}
    assert list(listed) == ["vllm", "hf", "openai", "recorded"]
    assert all(info.usable and not info.fix for info in listed.values())
    assert listed["hf"].version
    with pytest.raises(ConfigError, match=r"unknown engine hff\. Did you mean hf\?"):
        engine_class("hff")
    with pytest.raises(ConfigError, match="has no option nope"):
        engine_for(ModelSpec(label="m", engine="hf", name="o/m", options={"nope": 1}))


def test_naming_models_imports_nothing_heavy() -> None:
    code = (
        "import sys; from mimicry_audit.engines import engines, parse_models; parse_models(['vllm/o/m', 'hf/o/n']);"
        "engines(); print([m for m in ('torch', 'transformers', 'vllm', 'httpx', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["x" * 5000, "org/" + "é" * 300, "~nobody-of-this-name/model", "a\0b"])
def test_a_name_that_no_file_can_have_is_no_file(name: str) -> None:
    assert parse_model(f"recorded/answers.jsonl#{name}").name == name
    with pytest.raises(AuditError):
        find_model(parse_model(f"hf/{name}"))
