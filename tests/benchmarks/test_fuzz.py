"""A short form of the fuzzing: every reader with some hundred broken files, and what the harness itself must not miss."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.fuzz import guard as guards
from benchmarks.fuzz.__main__ import READERS, fuzz_reader
from benchmarks.fuzz.guard import Guard, offline, scratch
from benchmarks.fuzz.mutate import Mutator
from benchmarks.fuzz.readers import Reader
from mimicry_audit.ground.errors import DataError

INPUTS = 2500
SLOW = {
    "scored runs": 0.2,
    "scores.json, all parts": 0.3,
    "merged parts": 0.5,
    "transcripts": 0.3,
    "identity facts": 0.4,
}
"""Readers that take many milliseconds an input get fewer here."""


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory):
    with scratch() as root, offline():
        yield root, Guard(root)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "-"))
def test_broken_files_are_read_or_refused_in_one_line(reader: Reader, watch: tuple[Path, Guard]) -> None:
    root, guard = watch
    shares = sum(one.share for one in READERS)
    inputs = max(12, round(INPUTS * SLOW.get(reader.name, 1) * reader.share / shares))
    count = fuzz_reader(reader, root, guard, inputs, seed=11, until=lambda: False)
    assert count.inputs == inputs
    assert not count.faults, count.examples
    assert count.outcomes["refused"]


def test_one_seed_breaks_files_alike() -> None:
    content = json.dumps({"a": [1, {"b": "x"}], "c": None}).encode()
    first, second = (Mutator(random.Random(5), "/x") for _ in range(2))
    broken = [first.mutate(content, ".json") for _ in range(200)]
    assert broken == [second.mutate(content, ".json") for _ in range(200)]
    assert len(set(broken)) > 100


def refuse() -> None:
    raise DataError("a" * 99_999, "b")


def crash() -> None:
    raise KeyError("x")


def connect() -> None:
    with suppress(AssertionError):  # as a reader may that catches everything
        socket.socket().connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (crash, "KeyError"),
        (connect, "connection"),
        (lambda: (Path(guards.tempfile.gettempdir()) / "fuzz-x").write_text("x"), "writes outside"),
        (lambda: time.sleep(60), "slow"),
    ],
    ids=["exception", "connection", "write", "hang"],
)
def test_the_guard_sees_a_fault(
    call: Callable[[], object], says: str, watch: tuple[Path, Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "SECONDS", 0.2)
    root, guard = watch
    kind, what = guard.outcome(call, root / "case")
    (Path(guards.tempfile.gettempdir()) / "fuzz-x").unlink(missing_ok=True)
    assert kind == "fault"
    assert says in what


def test_the_guard_sees_a_file_beside_the_folder(watch: tuple[Path, Guard]) -> None:
    root, guard = watch
    (root / "case").mkdir(exist_ok=True)
    kind, what = guard.outcome(lambda: (root / "case" / "../canary").read_text(), root / "case")
    assert (kind, "reads outside" in what) == ("fault", True)
    assert guard.outcome(refuse, root / "case")[0] == "refused"  # a message is cut, whatever it quotes
