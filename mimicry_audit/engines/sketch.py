"""Do two checkpoints come from the same initial weights? A small sketch of each answers it.

Promise: a sketch is a few thousand numbers read from a local safetensors checkpoint at places that depend only on the
tensors' names and shapes, so that two sketches of one architecture can be compared at any later time without
either checkpoint available. Fine-tunes of one base keep nearly the base's direction in weight space (cosine close to
1), independently initialised models do not (cosine near 0, standard error 1/√n), however alike their answers are.
Vectors and norms (one-dimensional tensors) are left out: they start alike everywhere; so are embeddings and output
layers, which change shape when a fine-tune adds a token. Whether two checkpoints are *equal* is another question, which no
cosine answers (a light fine-tune has a cosine of 1.0000): a digest over a window of every tensor's bytes does.

The idea of reading lineage from weights is that of Zhu et al., "Independence Tests for Language Models"
(2025); the subsampled cosine here is the simplest member of that family and makes no claim against an adversary
who permutes neurons.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from mimicry_audit.ground.shapes import find_misfit, parse_json
from mimicry_audit.records.asked import canonical_json, sha256_text
from mimicry_audit.records.manifest import StatedLineage, WeightSketch

PER_TENSOR = 96
WINDOW = 1 << 16
"""Bytes of every tensor that enter the digest."""
MOST_TENSORS = 128

_VOCABULARY = re.compile(r"embed|wte\b|lm_head|^output\.weight$", re.IGNORECASE)
_QUANTISED = {"I8", "U8", "I32", "F8_E4M3", "F8_E5M2", "F4"}
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def sketch_folder(folder: Path) -> WeightSketch | None:
    """Sketch the safetensors checkpoint in a folder.

    Returns:
        ``{"shapes": hash of the compared names and shapes, "values": [float, …], "digest": hash over every tensor}`` or
        None without a readable safetensors file in a float format (quantised weights are not compared).
    """
    try:
        return _sketch_tensors(folder)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, struct.error):
        return None  # a damaged file is for the engine to complain of


def _sketch_tensors(folder: Path) -> WeightSketch | None:
    tensors: dict[str, tuple[Path, int, str, list[int]]] = {}
    digest = hashlib.sha256()
    for name, file, start, info in sorted(_tensor_entries(folder), key=lambda entry: entry[0]):
        begin, end = info["data_offsets"]
        digest.update(canonical_json([name, info["dtype"], info["shape"]]).encode())
        digest.update(_read_window(name, file, start + begin, end - begin))
        if len(info["shape"]) >= 2 and info["dtype"] in _QUANTISED:
            return None
        compared = len(info["shape"]) >= 2 and math.prod(info["shape"]) and not _VOCABULARY.search(name)
        if compared and info["dtype"] in _SIZES:
            tensors[name] = (file, start + begin, info["dtype"], info["shape"])
    if not tensors:
        return None
    shapes = sha256_text(json.dumps(sorted((n, t[3]) for n, t in tensors.items())))
    names = sorted(tensors, key=sha256_text)[:MOST_TENSORS]
    values = [v for name in sorted(names) for v in _sample_values(name, *tensors[name])]
    if not all(map(math.isfinite, values)):
        return None
    return {"shapes": shapes, "values": [float(f"{v:.4g}") for v in values], "digest": digest.hexdigest()}


def lineage_of(folder: Path) -> StatedLineage | None:
    """The lineage manifest a checkpoint carries (``lineage.json``), or None; a field of another type is left out."""
    try:
        loaded = parse_json((folder / "lineage.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(loaded, dict):
        return None
    return cast("StatedLineage", {k: v for k, v in loaded.items() if find_misfit({k: v}, StatedLineage) is None})


def _tensor_entries(folder: Path) -> Iterator[tuple[str, Path, int, dict[str, Any]]]:
    """Every tensor of a checkpoint: its name, its file, where the data begin, its entry in the header."""
    for file in sorted(folder.glob("*.safetensors")):
        header, start = _read_header(file)
        yield from ((name, file, start, info) for name, info in header.items() if name != "__metadata__")


def _read_window(name: str, file: Path, offset: int, size: int) -> bytes:
    """Up to `WINDOW` bytes of a tensor, from a place set by its name."""
    skip = int(sha256_text(name)[:12], 16) % (size - WINDOW + 1) if size > WINDOW else 0
    with file.open("rb") as stream:
        stream.seek(offset + skip)
        return stream.read(min(size, WINDOW))


def _read_header(file: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file: 8 bytes of length, then JSON."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > file.stat().st_size:
            raise ValueError(f"{file} is cut short")
        header = parse_json(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError(f"{file} has no safetensors header")
    return header, 8 + length


def _sample_values(name: str, file: Path, offset: int, dtype: str, shape: list[int]) -> list[float]:
    count, size = math.prod(shape), _SIZES[dtype]
    seed = int(sha256_text(f"{name}{shape}")[:12], 16)
    # A stride coprime to most shapes, from a start set by the name: spread over the tensor, the same for every checkpoint.
    places = sorted({(seed + i * 7_368_787) % count for i in range(PER_TENSOR)})
    with file.open("rb") as stream:
        values = []
        for place in places:
            stream.seek(offset + place * size)
            values.append(_decode_value(stream.read(size), dtype))
    return values


def _decode_value(raw: bytes, dtype: str) -> float:
    if dtype == "BF16":
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    return float(struct.unpack({"F64": "<d", "F32": "<f", "F16": "<e"}[dtype], raw)[0])
