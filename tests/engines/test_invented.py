"""A checkpoint that lacks weights is refused, for transformers would make them up."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from mimicry_audit.distill.training.models import load
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import PrerequisiteError
from mimicry_audit.records.asked import ModelSpec
from tests.support.engine_fixtures import TinyModels


def renamed(source: Path, target: Path, prefix: str = "", lost: str = "$^") -> Path:
    """A copy whose weights carry a prefix, without those that match `lost`."""
    shutil.copytree(source, target)
    state = {prefix + name: value for name, value in load_file(source / "model.safetensors").items()}
    kept = {name: value for name, value in state.items() if not re.search(lost, name)}
    save_file(kept, target / "model.safetensors", metadata={"format": "pt"})
    return target


@pytest.mark.parametrize(
    ("prefix", "lost", "said"),
    [
        ("_orig_mod.", "$^", "begins with _orig_mod"),
        ("base_model.model.", "$^", "begins with base_model"),
        ("", r"layers\.0\.mlp", r"lacks .*layers\.0\.mlp"),
    ],
)
def test_weights_that_are_missing_are_named(
    tiny_models: TinyModels, tmp_path: Path, prefix: str, lost: str, said: str
) -> None:
    folder = renamed(Path(tiny_models.one), tmp_path / "broken", prefix, lost)
    engine = engine_for(ModelSpec(label="broken", engine="hf", name=str(folder), options={"device": "cpu"}))
    with pytest.raises(PrerequisiteError, match=said):
        engine.open()


def test_a_trainer_refuses_such_a_student(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = renamed(Path(tiny_models.one), tmp_path / "broken", "_orig_mod.")
    assert load(str(tiny_models.one), None) is not None
    with pytest.raises(PrerequisiteError, match="_orig_mod"):
        load(str(folder), None)
