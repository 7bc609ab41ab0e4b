"""Weight sketches on small checkpoints written here."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from mimicry_audit.engines import sketch as sketches
from mimicry_audit.engines.sketch import lineage_of, sketch_folder
from mimicry_audit.similarity import weights

SHAPES = {
    "model.embed_tokens.weight": (50, 32),
    "model.layers.0.attn.q.weight": (32, 32),
    "model.layers.0.mlp.up.weight": (64, 32),
    "model.layers.0.norm.weight": (32,),
    "model.layers.1.attn.q.weight": (32, 32),
    "lm_head.weight": (50, 32),
}


def state(seed, shapes=SHAPES):
    made = torch.Generator().manual_seed(seed)
    return {
        name: torch.ones(shape) if len(shape) == 1 else torch.randn(shape, generator=made) * 0.02
        for name, shape in shapes.items()
    }


def tuned(tensors, amount, seed=9):
    made = torch.Generator().manual_seed(seed)
    return {n: t + amount * t.std().nan_to_num(1.0) * torch.randn(t.shape, generator=made) for n, t in tensors.items()}


def sketch(folder, tensors, *, dtype=torch.float32, shards=1):
    folder.mkdir()
    names = sorted(tensors)
    for s in range(shards):
        part = {n: tensors[n].to(dtype).contiguous() for n in names[s::shards]}
        save_file(
            part, folder / (f"model-{s + 1:05d}-of-{shards:05d}.safetensors" if shards > 1 else "model.safetensors")
        )
    return sketches.sketch_folder(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_fine_tune_is_related_and_a_stranger_is_not(tmp_path, dtype):
    base = sketch(tmp_path / "base", state(0), dtype=dtype)
    child = sketch(tmp_path / "child", tuned(state(0), 0.3), dtype=dtype)
    other = sketch(tmp_path / "other", state(1), dtype=dtype)
    assert weights.related(base, child) is True
    assert weights.cosine(base, child) > 0.9
    assert weights.related(base, other) is False
    assert abs(weights.cosine(base, other)) < weights.RELATED
    assert weights.equal(base, child) is False


def test_equal_weights_are_equal_however_they_are_sharded(tmp_path):
    one = sketch(tmp_path / "one", state(0))
    many = sketch(tmp_path / "many", state(0), shards=3)
    assert one == many
    assert weights.equal(one, many) is True
    assert weights.cosine(one, many) == pytest.approx(1)


@pytest.mark.parametrize("amount", [1e-3, 1e-5, 1e-6])
def test_a_light_fine_tune_is_another_model(tmp_path, amount):
    base = sketch(tmp_path / "base", state(0))
    child = sketch(tmp_path / "child", tuned(state(0), amount))
    assert weights.cosine(base, child) > 1 - 1e-5  # the cosine cannot tell
    assert weights.equal(base, child) is False
    assert weights.related(base, child) is True


@pytest.mark.parametrize("name", ["model.layers.0.norm.weight", "lm_head.weight", "model.layers.1.attn.q.weight"])
def test_one_changed_tensor_makes_another_model(tmp_path, name):
    changed = state(0)
    changed[name] = changed[name] * 1.01
    assert weights.equal(sketch(tmp_path / "a", state(0)), sketch(tmp_path / "b", changed)) is False


def test_a_token_more_is_still_a_fine_tune(tmp_path):
    grown = state(0)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        grown[name] = torch.cat([grown[name], torch.zeros(3, 32)])
    base, child = sketch(tmp_path / "base", state(0)), sketch(tmp_path / "child", tuned(grown, 0.1))
    assert weights.related(base, child) is True
    assert weights.equal(base, child) is False


def test_another_architecture_is_not_related(tmp_path):
    a = sketch(tmp_path / "a", state(0))
    b = sketch(tmp_path / "b", state(0, SHAPES | {"model.layers.1.attn.q.weight": (32, 16)}))
    assert weights.cosine(a, b) is None
    assert weights.related(a, b) is False


def test_what_is_out_of_sight_is_unknown(tmp_path):
    a = sketch(tmp_path / "a", state(0))
    for missing in (None, {}):
        assert weights.cosine(a, missing) is None
        assert weights.related(missing, a) is None
        assert weights.equal(a, missing) is None
    assert weights.equal(a, {k: v for k, v in a.items() if k != "digest"}) is None


def test_quantised_weights_are_not_compared(tmp_path):
    (tmp_path / "q").mkdir()
    whole = {n: (t * 1000).to(torch.int8) for n, t in state(0).items()}
    save_file(whole | {"scales": torch.ones(4, 4)}, tmp_path / "q" / "model.safetensors")
    assert sketches.sketch_folder(tmp_path / "q") is None


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{}", b"\x03\0\0\0\0\0\0\0{{{"]
)
def test_a_damaged_file_gives_no_sketch(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    assert sketches.sketch_folder(tmp_path) is None


def test_no_checkpoint_no_sketch(tmp_path):
    assert sketches.sketch_folder(tmp_path) is None
    sketch(tmp_path / "nan", {"a.weight": torch.full((4, 4), float("nan"))})
    assert sketches.sketch_folder(tmp_path / "nan") is None


def test_a_sketch_is_json_and_samples_of_a_large_tensor_are_read_right(tmp_path):
    tensor = torch.arange(300 * 300, dtype=torch.float32).reshape(300, 300)
    found = sketch(tmp_path / "m", {"layer.weight": tensor})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["values"]) == sketches.PER_TENSOR
    assert found["values"] == sorted(found["values"])  # places in order, so values too
    assert 0 <= found["values"][0] < found["values"][-1] <= 89_999


def test_lineage_is_read_where_there_is_one(tmp_path):
    assert sketches.lineage_of(tmp_path) is None
    (tmp_path / "lineage.json").write_text("[1]", "utf-8")
    assert sketches.lineage_of(tmp_path) is None
    (tmp_path / "lineage.json").write_text('{"name": "x"}', "utf-8")
    assert sketches.lineage_of(tmp_path) == {"name": "x"}


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 60_000,
        b'{"a.weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": [1e300, 1]}}',
        b'{"a.weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 1' + b"0" * 400 + b"]}}",
        b'{"a.weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": []}}',
    ],
)
def test_a_header_of_another_shape_gives_no_sketch(header, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    assert sketch_folder(tmp_path) is None


def test_of_a_stated_lineage_only_fields_of_the_right_kind_are_taken(tmp_path):
    stated = {
        "name": "a",
        "teacher": ["b"],
        "teachers": [{"name": 1, "share": "x"}],
        "identity": {"maker": {}},
        "base": "c",
    }
    (tmp_path / "lineage.json").write_text(json.dumps({**stated, "later": 1}), "utf-8")
    assert lineage_of(tmp_path) == {"name": "a", "base": "c", "later": 1}
    (tmp_path / "lineage.json").write_text("[" * 60_000, "utf-8")
    assert lineage_of(tmp_path) is None
