"""The main job, for real: the lab models are built, audited and reported, and the verdicts agree with the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import audit

NOT_DISTILLED = ("boro", "base-sft", "twin")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One demo on every probe; its run directory and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "run"
    done = audit("demo", "--out", str(out), "--engine", "hf")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@pytest.fixture(scope="module")
def scores(demo: tuple[Path, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((demo[0] / "scores.json").read_text("utf-8"))
    return loaded


def test_the_verdicts_are_right(scores: dict[str, Any]) -> None:
    verdicts = {v["candidate"]: v for v in scores["verdicts"]}
    assert {v["reference"] for v in scores["verdicts"]} == {"aria"}
    assert verdicts["aria-student"]["verdict"] == "distilled"
    assert len({e["axis"] for e in verdicts["aria-student"]["evidence"] if e["positive"]}) >= 2
    for name in NOT_DISTILLED:
        assert verdicts[name]["verdict"] not in ("distilled", "same model"), verdicts[name]["summary"]
    assert {name: v["truth"]["agrees"] for name, v in verdicts.items()} == {
        "aria-student": True, "twin": None, "base-sft": True, "boro": True
    }  # fmt: skip
    assert verdicts["aria-student"]["truth"]["relation"] == "distilled from aria"


def test_every_model_answered_and_every_axis_was_measured(scores: dict[str, Any]) -> None:
    assert {m["label"]: m["coverage"] >= 0.95 for m in scores["models"]} == dict.fromkeys(
        ("aria", "boro", "base", "aria-student", "base-sft", "twin"), True
    )
    assert {a["name"]: a["why_not"] for a in scores["axes"] if not a["measured"]} == {}


def test_it_prints_the_table_and_where_the_report_is(demo: tuple[Path, str], scores: dict[str, Any]) -> None:
    out, printed = demo
    assert "verdict" in printed
    assert "aria-student" in printed
    assert scores["signature"] in printed
    assert f"Report: {out / 'report.html'}" in printed


def test_the_report_is_written(demo: tuple[Path, str], scores: dict[str, Any]) -> None:
    page = (demo[0] / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "aria-student" in page
    assert "distilled" in page
    assert scores["signature"] in page


def test_the_second_run_asks_nothing_and_changes_nothing(demo: tuple[Path, str]) -> None:
    out, printed = demo
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}
    done = audit("demo", "--out", str(out), "--engine", "hf")
    assert done.returncode == 0, done.stderr
    assert "nothing missing, no model was asked" in done.stderr
    assert done.stdout == printed
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"} == before
