"""Dropout that reaches the model and leaves no trace, and students with fewer layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM

from mimicry_audit.distill.training import job, shape
from mimicry_audit.distill.training.models import load
from mimicry_audit.ground.errors import AuditError
from tests.support.engine_fixtures import TinyModels

IDS = torch.arange(3, 19)[None]


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS, use_cache=False).logits
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, tiny_models: TinyModels) -> dict[str, str]:
    root = tmp_path_factory.mktemp("shapes")
    small = {"vocab_size": 40, "hidden_size": 16}
    torch.manual_seed(1)
    GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=4, n_head=2, n_positions=32, resid_pdrop=0.1,
                               embd_pdrop=0.0, attn_pdrop=0.0)).save_pretrained(root / "gpt2")  # fmt: skip
    MambaForCausalLM(MambaConfig(**small, num_hidden_layers=2, state_size=4)).save_pretrained(root / "mamba")
    return {"llama": str(tiny_models.one), "gpt2": str(root / "gpt2"), "mamba": str(root / "mamba")}


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_dropout_acts_while_training_and_leaves_the_configuration_alone(folders: dict[str, str], kind: str) -> None:
    given = folders[kind]
    model = shape.student(given, None, 0.5, 0)
    state = torch.get_rng_state()
    assert shape.reached(model)
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
    assert torch.equal(logits(model), logits(load(given, None)))  # no dropout in use, whatever the configuration says
    none = shape.student(given, None, 0.0, 0)
    assert not shape.reached(none)
    model.train()
    torch.manual_seed(0)
    first = logits(model)
    assert not torch.equal(first, logits(model))
    shape.restore(model, given, None)
    kept = {n: getattr(model.config, n) for n in shape.dropouts(model.config)}
    before = json.loads((Path(given) / "config.json").read_text("utf-8"))
    assert kept
    assert kept == {n: before[n] for n in kept}


def test_a_model_without_dropout_is_refused_by_name(folders: dict[str, str]) -> None:
    config = shape.configured(folders["mamba"], None)
    with pytest.raises(AuditError, match=r"some/mamba \(mamba\) has no dropout.*--adapter"):
        shape.demand_dropout(config, "some/mamba")


def test_an_adapter_has_dropout_of_its_own(folders: dict[str, str]) -> None:
    model = job.with_adapter(shape.student(folders["llama"], None, None, 0), 2, 0.5)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_()  # an adapter begins with zeros, behind which no dropout shows
    assert shape.reached(model)
    assert not shape.reached(job.with_adapter(shape.student(folders["llama"], None, None, 0), 2))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mamba"])
def test_layers_that_stay_keep_their_weights(folders: dict[str, str], kind: str, tmp_path: Path) -> None:
    whole = load(folders[kind], None).eval()
    total = whole.config.num_hidden_layers
    assert torch.equal(logits(shape.shrunk(whole, total)), logits(whole))
    small = shape.shrunk(whole, total - 1)
    assert small.num_parameters() < whole.num_parameters()
    body = getattr(whole, whole.base_model_prefix)
    stack = "h" if kind == "gpt2" else "layers"
    chosen = shape.kept(total, total - 1)
    setattr(body, stack, torch.nn.ModuleList([getattr(body, stack)[n] for n in chosen]))  # the same, by hand
    whole.config.num_hidden_layers = total - 1
    torch.testing.assert_close(logits(small), logits(whole))
    small.save_pretrained(tmp_path)
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(tmp_path).eval()), logits(small))


def test_which_layers_stay() -> None:
    assert shape.kept(12, 6) == [0, 2, 4, 7, 9, 11]
    assert shape.kept(12, 1) == [0]
    assert shape.kept(5, 5) == [0, 1, 2, 3, 4]
    assert all(len(set(shape.kept(n, k))) == k for n in range(1, 40) for k in range(1, n + 1))
