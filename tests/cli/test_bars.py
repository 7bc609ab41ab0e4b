"""How far a command has come: in words, in lines where there is no terminal, and within a long step."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mimicry_audit.cli import bars
from mimicry_audit.cli.bars import Bars, elapsed_words, steps
from mimicry_audit.cli.distill_output import StageBars


@pytest.mark.parametrize(
    ("elapsed", "left", "words"),
    [
        (66, 24, "1:06 elapsed, about 24 s left"),
        (0.4, None, "0:00 elapsed"),
        (3725, 150, "1:02:05 elapsed, about 2.5 minutes left"),
        (9, 7200, "0:09 elapsed, about 2 hours left"),
    ],
)
def test_time_in_words(elapsed: float, left: float | None, words: str) -> None:
    assert elapsed_words(elapsed, left) == words


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass where a test says so."""
    now = [0.0]
    monkeypatch.setattr(bars, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_without_a_terminal_a_line_comes_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Bars() as progress:
        progress.start("a", 100, 80)
        for _ in range(80):
            clock[0] += 1
            progress.advance("a", SimpleNamespace(status="error" if clock[0] == 5 else "ok", error=None))
        progress.finish("a")
    assert capsys.readouterr().err.splitlines() == [
        "a: 30 of 80, 0:30 elapsed, about 50 s left, 1 failed",
        "a: 60 of 80, 1:00 elapsed, about 20 s left, 1 failed",
        "a: 80 answers in 80 s, 1 failed",
    ]


def test_a_slow_start_is_no_pace(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Bars() as progress:
        progress.start("a", 40, 40)
        clock[0] += 100
        for _ in range(32):
            progress.advance("a", SimpleNamespace(status="ok", error=None))
            clock[0] += 1
    assert capsys.readouterr().err.splitlines() == [
        "a: 1 of 40, 1:40 elapsed",
        "a: 31 of 40, 2:10 elapsed, about 9 s left",
    ]


def test_a_training_is_heard_of_too(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with StageBars() as progress:
        for step in range(1, 101):
            clock[0] += 3
            progress.stage("training", step, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training: 11 of 100, 0:30 elapsed, about 4.5 minutes left"
    assert lines[-1] == "training: 100 done"
    assert len(lines) == 10


def test_a_part_of_a_step_is_not_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(Bars, "advance", lambda *_: heard.append("next"))
    monkeypatch.setattr(Bars, "note", lambda _, __, text: heard.append(text))
    with steps("scoring", 2) as begin:
        for name in ("Meaning", "Meaning: 10 of 20", "Style"):
            begin(name)
    assert heard == ["Meaning", "Meaning: 10 of 20", "next", "Style", "next"]
