"""What pins a model down, and what its chat template adds unasked."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest

from mimicry_audit.engines.fingerprint import Weights, chat_template, find, folder_digest
from mimicry_audit.engines.template import ChatTemplate, injected_system_text, injection
from mimicry_audit.ground.errors import DataError, PrerequisiteError
from mimicry_audit.records.asked import Message
from tests.support.engine_fixtures import TinyModels


@pytest.fixture
def model(tiny_models: TinyModels, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_models.one, tmp_path / "one")


def test_the_digest_follows_what_decides_answers_and_nothing_else(model: Path) -> None:
    first = folder_digest(model)
    (model / "README.md").write_text("words")
    (model / "training_args.bin").write_bytes(b"1")
    (model / "manifest.json").write_text("{}")
    assert folder_digest(model) == first
    for name in ("chat_template.jinja", "model.safetensors", "tokenizer.json", "config.json"):
        before = folder_digest(model)
        with (model / name).open("ab") as stream:
            stream.write(b" ")
        assert folder_digest(model) != before


def test_the_same_files_elsewhere_are_the_same_model(model: Path, tiny_models: TinyModels) -> None:
    assert folder_digest(model) == folder_digest(tiny_models.one)


def test_what_is_no_model_is_told(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, said in ((str(tmp_path / "empty"), "it has no config.json"), ("two words", "nor a Hub id")):
        with pytest.raises(PrerequisiteError, match=said):
            find(name, None)
    (model / "model.safetensors").unlink()
    with pytest.raises(PrerequisiteError, match="holds no weights"):
        find(str(model), None)
    with pytest.raises(
        PrerequisiteError, match=r"nobody/nothing@v1 not found: it is neither a local folder .* offline"
    ):
        find("nobody/nothing", "v1")
    (model / "config.json").write_text("{")
    (model / "model.safetensors").touch()
    with pytest.raises(DataError, match=r"one: config\.json cannot be read"):
        find(str(model), None).json("config.json")


def test_a_cached_hub_model_is_found_offline_by_its_commit(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, commit = tmp_path / "models--org--m", "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny_models.one, store / "snapshots" / commit)
    (store / "refs").mkdir()
    (store / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = find("org/m", None)
    assert (found.name, found.location, found.commit, found.pin) == ("org/m", "org/m", commit, commit)
    assert find("org/m", commit) == found
    with pytest.raises(PrerequisiteError, match="org/m@v9"):
        find("org/m", "v9")


def test_a_lab_model_keeps_its_name(tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = importlib.import_module("mimicry_audit.lab")
    monkeypatch.setattr(lab, "path", lambda name: tiny_models.one if name == "aria" else None, raising=False)
    found = find("lab/aria", None)
    assert (found.name, found.location) == ("lab/aria", str(tiny_models.one))
    assert found.pin == folder_digest(tiny_models.one)


def test_templates_are_found_wherever_tokenizers_keep_them(model: Path) -> None:
    own = chat_template(find(str(model), None))
    assert own is not None
    (model / "chat_template.jinja").unlink()
    assert chat_template(find(str(model), None)) is None
    config = json.loads((model / "tokenizer_config.json").read_text())
    several = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "B"}]
    for kept, expected in (("A", "A"), (several, "B")):
        (model / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": kept}))
        assert chat_template(find(str(model), None)) == expected


def test_an_injected_identity_and_date_are_found(tiny_models: TinyModels) -> None:
    said = "You are Tilda, made by Harbour Works. Today is 2026-03-05."
    template = ChatTemplate(find(str(tiny_models.injecting), None))
    assert injection(template.render).system == said
    assert injection(template.render).dates == ("2026-03-05",)
    assert injected_system_text(template.render, [Message("system", "x"), Message("user", "Who are you?")]) == said
    clean = injection(ChatTemplate(find(str(tiny_models.one), None)).render)
    assert (clean.system, clean.dates) == (None, ())
    assert injected_system_text(lambda messages: None) is None


STYLES = {
    # An own system block that stays where it is while the caller's text goes into another one.
    "apart": "<|start|>system<|message|>You are Tilda, trained at sea. Date: 5 Mar 2026<|end|>"
    "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endfor %}",
    # The system text is folded into the first user turn; nothing is added.
    "folded": "<bos>{% set s = messages[0].content + '\n\n' if messages[0].role == 'system' else '' %}"
    "{% for m in messages if m.role != 'system' %}<start_of_turn>{{ m.role }}\n{{ s if loop.first }}{{ m.content }}"
    "<end_of_turn>\n{% endfor %}",
    # System turns are refused.
    "strict": "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}",
}


@pytest.mark.parametrize(("style", "system"), [("apart", True), ("folded", False), ("strict", False)])
def test_other_ways_of_placing_system_text(tiny_models: TinyModels, tmp_path: Path, style: str, system: bool) -> None:
    file = tmp_path / "t.jinja"
    file.write_text(STYLES[style], encoding="utf-8")
    found = injection(ChatTemplate(find(str(tiny_models.one), None), str(file)).render)
    if system:
        assert found.system is not None
        assert "You are Tilda, trained at sea." in found.system
        assert found.dates == ("5 Mar 2026",)
    else:
        assert found == type(found)(None, ())


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ([{"name": ["default"], "template": "x"}, {"name": "default", "template": "y"}], "y"),
        ([{"name": "default"}, 3], None),
        ({"default": "x"}, None),
    ],
)
def test_a_template_of_another_kind_is_none(template: object, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": template, "most": float("inf")}), "utf-8"
    )
    assert chat_template(Weights("mine", str(tmp_path), None, "sha256:0")) == expected


def test_a_configuration_nested_without_end_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("[" * 60_000, "utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        chat_template(Weights("mine", str(tmp_path), None, "sha256:0"))
