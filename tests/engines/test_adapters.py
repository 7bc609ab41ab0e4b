"""LoRA adapters: one on tied embeddings is applied as it was trained, and an adapter alone is no model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from mimicry_audit.engines.fingerprint import find, find_model
from mimicry_audit.engines.hf import _with_adapter
from mimicry_audit.ground.errors import PrerequisiteError
from mimicry_audit.records.asked import ModelSpec
from tests.support.engine_fixtures import TinyModels


def make_adapter(source: str, folder: Path, targets: list[str]) -> Path:
    """An adapter with random weights on these modules of a model whose embeddings are tied."""
    model = AutoModelForCausalLM.from_pretrained(source, tie_word_embeddings=True)
    model.tie_weights()
    torch.manual_seed(0)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.5)
    adapted.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("targets", [["q_proj"], ["embed_tokens", "q_proj"]])
@pytest.mark.filterwarnings("ignore:Model .*tie_word_embeddings")
@pytest.mark.filterwarnings("ignore:Setting .save_embedding_layers")
def test_an_adapter_gives_the_logits_it_was_trained_for(
    tiny_models: TinyModels, tmp_path: Path, targets: list[str]
) -> None:
    folder = make_adapter(str(tiny_models.one), tmp_path / "adapter", targets)
    ids = torch.arange(3, 19)[None]

    def tied() -> torch.nn.Module:
        model = AutoModelForCausalLM.from_pretrained(str(tiny_models.one), tie_word_embeddings=True)
        model.tie_weights()
        return model.eval()

    with torch.inference_mode():
        wanted = PeftModel.from_pretrained(tied(), folder)(ids).logits
        got = _with_adapter(tied(), find(str(folder), None))(ids).logits
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Setting .save_embedding_layers")
def test_an_adapter_with_added_tokens_is_one_line(tiny_models: TinyModels, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(tiny_models.one))
    rows, width = model.get_input_embeddings().weight.shape
    model.resize_token_embeddings(rows + 2, mean_resizing=False)
    get_peft_model(
        model, LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"], task_type="CAUSAL_LM")
    ).save_pretrained(tmp_path / "lora")
    plain = AutoModelForCausalLM.from_pretrained(str(tiny_models.one))
    with pytest.raises(PrerequisiteError) as caught:
        _with_adapter(plain, find(str(tmp_path / "lora"), None))
    assert "\n" not in str(caught.value)
    assert f"is {rows + 2}×{width} there and {rows}×{width} here" in str(caught.value)
    assert "merge it into that model with peft" in str(caught.value)


def test_an_adapter_alone_is_refused_with_its_base(tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}', "utf-8")
    with pytest.raises(
        PrerequisiteError, match=r"holds an adapter of org/base, not a whole model. Write it as org/base:"
    ):
        find_model(ModelSpec(label="lora", engine="hf", name=str(tmp_path / "lora")))
