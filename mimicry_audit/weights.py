"""Do two checkpoints come from the same initial weights? A small sketch of each answers it.

Promise: a sketch is a few thousand numbers read from a local safetensors checkpoint at places that depend only on the
tensors' names and shapes, so that two sketches of one architecture can be compared at any later time without
either checkpoint at hand. Fine-tunes of one base keep nearly the base's direction in weight space (cosine close to
1), independently initialised models do not (cosine near 0, standard error 1/√n), however alike their answers are.
Vectors and norms (one-dimensional tensors) are left out: they start alike everywhere.

The idea of reading lineage from weights is that of Zhu et al., "Independence Tests for Language Models"
(2025); the subsampled cosine here is the simplest member of that family and makes no claim against an adversary
who permutes neurons.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimicry_audit.records import sha256_text

PER_TENSOR = 96
MOST_TENSORS = 128
RELATED = 0.2
"""Cosine from which two checkpoints count as sharing their initial weights: some 20 standard errors above chance."""

_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def sketch_folder(folder: Path) -> dict[str, Any] | None:
    """Sketch the safetensors checkpoint in a folder.

    Returns:
        ``{"shapes": hash of all names and shapes, "values": [float, …]}`` or None when there is no safetensors file in
        a float format (quantised weights are not compared).
    """
    tensors: dict[str, tuple[Path, int, str, list[int]]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        header, start = _header(file)
        for name, info in header.items():
            if name != "__metadata__" and len(info["shape"]) >= 2 and info["dtype"] in _SIZES:
                tensors[name] = (file, start + info["data_offsets"][0], info["dtype"], info["shape"])
    if not tensors:
        return None
    shapes = sha256_text(json.dumps(sorted((n, t[3]) for n, t in tensors.items())))
    names = sorted(tensors, key=sha256_text)[:MOST_TENSORS]
    values = [v for name in sorted(names) for v in _sample(name, *tensors[name])]
    return {"shapes": shapes, "values": [float(f"{v:.4g}") for v in values]}


def cosine(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> float | None:
    """Cosine between two sketches; None when either is missing or the architectures differ."""
    if not a or not b or a["shapes"] != b["shapes"]:
        return None
    dot = sum(x * y for x, y in zip(a["values"], b["values"], strict=True))
    norms = math.sqrt(sum(x * x for x in a["values"]) * sum(y * y for y in b["values"]))
    return dot / norms if norms else None


def related(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool | None:
    """Whether two checkpoints share their initial weights; None when a sketch is missing.

    Checkpoints of different shapes are unrelated as fine-tunes: fine-tuning keeps the architecture.
    """
    if not a or not b:
        return None
    value = cosine(a, b)
    return value is not None and value >= RELATED


def lineage_of(folder: Path) -> dict[str, Any] | None:
    """The lineage manifest a checkpoint carries (``lineage.json``), or None."""
    try:
        loaded = json.loads((folder / "lineage.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file: 8 bytes of length, then JSON."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        return json.loads(stream.read(length)), 8 + length


def _sample(name: str, file: Path, offset: int, dtype: str, shape: list[int]) -> list[float]:
    count, size = math.prod(shape), _SIZES[dtype]
    seed = int(sha256_text(f"{name}{shape}")[:12], 16)
    # A stride coprime to most shapes, from a start set by the name: spread over the tensor, the same for every checkpoint.
    places = sorted({(seed + i * 7_368_787) % count for i in range(PER_TENSOR)})
    with file.open("rb") as stream:
        values = []
        for place in places:
            stream.seek(offset + place * size)
            values.append(_decode(stream.read(size), dtype))
    return values


def _decode(raw: bytes, dtype: str) -> float:
    if dtype == "BF16":
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    return float(struct.unpack({"F64": "<d", "F32": "<f", "F16": "<e"}[dtype], raw)[0])
