"""Figures in a tracker are those of the scores, read back from where they were written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.ground.errors import ConfigError, EngineError
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.scores import Scores
from mimicry_audit.report.trackers import figures, log_to, words
from mimicry_audit.verdicts.score import read_scores
from tests.support.commands import Desk


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    assert run(["run", *desk.options(reference="teacher", base="base", axes="lexical,style"), "--quiet"]) == 0
    return RunDirectory(desk.out)


@pytest.fixture
def scores(scored: RunDirectory) -> Scores:
    return read_scores(scored)


def test_the_figures_are_those_of_the_scores(scores: Scores) -> None:
    found = figures(scores)
    (pair,) = (p for p in scores["pairs"] if {p["a"], p["b"]} == {"student", "teacher"})
    assert found["student/teacher/similarity"] == pair["overall"]["raw"]["value"]
    assert "student/teacher/beyond_controls" in found
    assert words(scores)["student/teacher/verdict"].startswith("inconclusive")


def test_tensorboard_reads_back_what_was_logged(scored: RunDirectory, scores: Scores, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert log_to(f"tensorboard:{tmp_path}", scored.path, scores) == f"TensorBoard: {tmp_path / 'run'}"
    board = EventAccumulator(str(tmp_path / "run"))
    board.Reload()
    logged = {name: board.Scalars(name)[0].value for name in board.Tags()["scalars"]}
    assert logged == pytest.approx(figures(scores), abs=1e-6)


def test_mlflow_reads_back_what_was_logged(
    scored: RunDirectory, scores: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())
    assert run(["report", str(scored.path), "--log-to", "mlflow:provenance", "--quiet"]) == 0
    (logged,) = mlflow.search_runs(experiment_names=["provenance"], output_format="list")
    assert logged.data.metrics == pytest.approx(figures(scores))
    assert logged.data.tags["signature"] == scores["signature"]


def test_weights_and_biases_keeps_what_was_logged(
    scored: RunDirectory, scores: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert log_to("wandb:provenance", scored.path, scores) == "Weights & Biases: project provenance, run run"
    (journal,) = tmp_path.rglob("*.wandb")
    names = [name.encode() for name in figures(scores)]
    for _ in range(300):  # a process of the library's own writes the journal, which may end after the call
        written = journal.read_bytes()
        if all(name in written for name in names):
            break
        time.sleep(0.1)
    assert [name for name in names if name not in written] == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tensorbord:x", "Did you mean tensorboard"),
        ("mlflow", "Write it like --log-to mlflow:NAME"),
        ("mlflow:", "does not say where"),
    ],
)
def test_a_wrong_tracker_is_one_line(scored: RunDirectory, scores: Scores, target: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        log_to(target, scored.path, scores)


def test_a_tracker_that_refuses_is_one_line(
    scored: RunDirectory, scores: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())
    with pytest.raises(EngineError, match="mlflow refuses") as refused:
        log_to("mlflow:x", scored.path, scores)
    assert "\n" not in str(refused.value)


def test_names_hold_nothing_that_trackers_refuse(scores: Scores) -> None:
    odd: Any = {**scores, "verdicts": [{**scores["verdicts"][0], "candidate": "a:b#c"}]}
    assert all(name.startswith("a_b_c/") for name in words(odd) if name != "signature")
