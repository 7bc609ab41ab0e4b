"""Where a teacher's most probable tokens are kept: compact files, each signal found by what it depends on.

Promise: a stored signal is found by content alone (the teacher's pin, the prompt's and the answer's tokens, how many are kept),
never by a step or a row number, so that shuffling, resuming or adding data cannot pair a row with another's signal; a file that
exists is whole. On disk a place of an answer takes two bytes for each log-probability and for the tail, and one to three for
each token: 130 bytes at 32 tokens where ids are below 2¹⁴ apart. Rounding to float16 moves a divergence by less than 10⁻³ of
it; probabilities are made to sum to one again when they are read.

Ids are sorted and stored as differences in the variable-length code of Protocol Buffers (LEB128, seven bits a byte).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.asked import canonical_json, sha256_text

SCHEMA = 2

Signal = tuple[Tensor, Tensor, Tensor]
"""Per place of an answer: ids ``(T, K)`` int32 (−1 fills up), log-probabilities ``(T, K)`` float32, log tail mass ``(T,)``."""
_Bytes = npt.NDArray[np.uint8]
_SEVEN = 0x7F


class _TensorSlice(Protocol):
    """A tensor in a file, of which parts can be read."""

    def __getitem__(self, part: slice) -> Tensor:
        """Read one part."""


class _TensorFile(Protocol):
    """What is used of an open safetensors file."""

    def metadata(self) -> dict[str, str]:
        """What its header holds beside the tensors."""

    def get_slice(self, name: str) -> _TensorSlice:
        """One tensor, not yet read."""


def store_key(teacher_pin: str, top_k: int, tokens: int, kind: str) -> str:
    """What all signals of one store depend on: the teacher's weights, how many tokens are kept of which, and how they came."""
    return sha256_text(canonical_json([SCHEMA, teacher_pin, top_k, tokens, kind]))


class SignalStore:
    """Signals in safetensors files of many answers; the file's header lists which answers.

    Args:
        folder: where; made when first written to.
        key: from `store_key`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / key[:16]
        self._key = key
        self._where: dict[str, tuple[Path, slice, slice]] = {}
        self._open: dict[Path, _TensorFile] = {}
        for file in sorted(self.folder.glob("*.safetensors")):
            self._register_file(file)

    def __contains__(self, key: object) -> bool:
        return key in self._where

    def __len__(self) -> int:
        return len(self._where)

    @property
    def places(self) -> int:
        """Places of all answers."""
        return sum(places.stop - places.start for _, places, _ in self._where.values())

    @property
    def bytes_per_place(self) -> float:
        """Bytes on disk for each place, headers included; 0 for an empty store."""
        size = sum(file.stat().st_size for file in self._open)
        return size / self.places if self.places else 0.0

    def read(self, key: str) -> Signal:
        """The signal of one answer, its tokens in the order of their ids.

        Raises:
            KeyError: it is not there.
        """
        file, places, part = self._where[key]
        tensors = self._open[file]
        logs, tail = (tensors.get_slice(name)[places].float() for name in ("logs", "tail"))
        ids = unpack_ids(tensors.get_slice("ids")[part].numpy(), logs.shape[1])
        total = torch.logaddexp(logs.logsumexp(dim=-1), tail)
        return torch.from_numpy(ids), logs - total[:, None], tail - total

    def write(self, signals: Mapping[str, Signal]) -> None:
        """Add signals in one file; it appears whole or not at all."""
        from safetensors.torch import save_file

        if not signals:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        packed = {key: pack(signal) for key, signal in signals.items()}
        columns = [torch.cat(column).contiguous() for column in zip(*packed.values(), strict=True)]
        rows = json.dumps([[key, len(tail), len(ids)] for key, (ids, _, tail) in packed.items()])
        name = sha256_text(canonical_json(sorted(signals)))[:24]
        draft = self.folder / f".{name}.{os.getpid()}"
        save_file(
            dict(zip(("ids", "logs", "tail"), columns, strict=True)), draft, metadata={"key": self._key, "rows": rows}
        )
        file = self.folder / f"{name}.safetensors"
        draft.replace(file)
        self._register_file(file)

    def _register_file(self, file: Path) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            opened: _TensorFile = safe_open(file, "pt")
            header = opened.metadata()
            if header["key"] != self._key:
                raise ValueError("of another teacher")
            place = start = 0
            for key, length, size in json.loads(header["rows"]):
                self._where[key] = (file, slice(place, place + length), slice(start, start + size))
                place, start = place + length, start + size
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file} holds no signals ({error})", "delete it to have them computed again") from None
        self._open[file] = opened


def pack(signal: Signal) -> Signal:
    """A signal as it is stored: ids ``(B,)`` uint8, log-probabilities ``(T, K)`` and log tail mass ``(T,)`` float16."""
    ids, logs, tail = signal
    ordered = torch.where(ids < 0, torch.iinfo(torch.int32).max, ids).sort(dim=-1)
    filled = ids.gather(1, ordered.indices) < 0
    ascending = np.where(filled.numpy(), -1, ordered.values.numpy()).astype(np.int64)
    # The first id counts from −1, so that every difference of two tokens is at least one and nought is a filler.
    steps = np.diff(ascending, axis=1, prepend=-1)
    steps[ascending < 0] = 0
    return torch.from_numpy(_as_bytes(steps.ravel())), logs.gather(1, ordered.indices).half(), tail.half()


def unpack_ids(packed: _Bytes, top_k: int) -> npt.NDArray[np.int32]:
    """The ids ``(T, K)`` of `pack`, ascending; −1 fills up."""
    last = packed <= _SEVEN
    number = np.concatenate([[0], np.cumsum(last)[:-1]]).astype(np.int64)
    first = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    shift = 7 * (np.arange(len(packed)) - first[number])
    digits = (packed.astype(np.int64) & _SEVEN) << shift
    steps = np.add.reduceat(digits, first).reshape(-1, top_k) if len(packed) else np.zeros((0, top_k), np.int64)
    ids = np.cumsum(steps, axis=1) - 1
    ids[steps == 0] = -1
    return ids.astype(np.int32)


def _as_bytes(numbers: npt.NDArray[np.int64]) -> _Bytes:
    sizes = np.ones_like(numbers)
    for bits in (7, 14, 21, 28):
        sizes += numbers >= 1 << bits
    starts = np.cumsum(sizes) - sizes
    packed = np.zeros(int(sizes.sum()), np.uint8)
    for digit in range(int(sizes.max(initial=0))):
        has = sizes > digit
        more = np.where(sizes[has] > digit + 1, _SEVEN + 1, 0)
        packed[starts[has] + digit] = (numbers[has] >> (7 * digit) & _SEVEN) | more
    return packed
