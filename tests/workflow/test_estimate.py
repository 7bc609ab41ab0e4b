"""What a dry run counts: only what is missing, with tokens, time and money."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mimicry_audit.cli import run
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.asked import Message, ModelSpec, Request, Response
from mimicry_audit.workflow.estimate import cost_of, seconds_each, time_words
from mimicry_audit.workflow.settings import prices_of
from tests.support.fault_server import FaultServer

API = ModelSpec(label="api", engine="openai", name="big")
LOCAL = ModelSpec(label="local", engine="hf", name="org/m")
OWED = [Request(f"p{n}", 0, (Message("user", "x" * 40),), 0) for n in range(10)]


def journal(*seconds: float) -> list[Response]:
    return [
        Response(
            key="k", model="m", probe_id=f"q{n}", sample=0, status="ok", text="a",
            time=f"2026-01-01T00:{int(at // 60):02}:{at % 60:06.3f}+00:00",
        )
        for n, at in enumerate(seconds)
    ]  # fmt: skip


def test_tokens_and_money_are_those_of_what_is_missing() -> None:
    cost = cost_of(API, OWED, 512, (), (2.5, 10.0))
    assert (cost.requests, cost.prompt_tokens, cost.answer_tokens) == (10, 100, 5120)
    assert cost.money == pytest.approx((100 * 2.5 + 5120 * 10) / 1e6)
    assert cost_of(API, [], 512, (), (2.5, 10.0)).money == 0
    assert cost_of(API, OWED, 512, (), None).money is None
    more = cost_of(API, OWED, 512, (), (2.5, 10.0), more=5, length=80)
    assert (more.requests, more.prompt_tokens, more.answer_tokens) == (15, 200, 15 * 512)


def test_time_is_measured_where_answers_are_there_and_a_pause_does_not_count() -> None:
    told = journal(*range(0, 22, 2), 22 + 1800, 24 + 1800)
    assert seconds_each(told) == pytest.approx(2.0)
    assert seconds_each(told[:5]) is None
    cost = cost_of(API, OWED, 512, told, None)
    assert (cost.seconds, cost.measured) == (pytest.approx(20.0), True)
    assert cost_of(ModelSpec(label="r", engine="recorded", name="r"), OWED, 512, (), None).seconds == 0
    assert cost_of(ModelSpec(label="x", engine="another", name="x"), OWED, 512, (), None).seconds is None
    assert [time_words(s) for s in (3, 60, 90, 7200, 86400 * 3)] == [
        "under a minute", "1 minute", "1.5 minutes", "2 hours", "3 days",
    ]  # fmt: skip


def test_prices_are_for_one_model_or_for_all_behind_endpoints() -> None:
    assert prices_of(["1/2"], [API, LOCAL]) == {"api": (1.0, 2.0)}
    assert prices_of(["api=3/4", "1/2", "local=0/0.5"], [API, LOCAL]) == {"api": (3.0, 4.0), "local": (0.0, 0.5)}
    for text in ("1", "a/b", "1/2/3", "-1/2", "nan/1", "inf/1", "api=1"):
        with pytest.raises(ConfigError, match=r"is not \[A=\]IN/OUT"):
            prices_of([text], [API])
    with pytest.raises(ConfigError, match="nobody is not among the models"):
        prices_of(["nobody=1/2"], [API])


def test_a_finished_run_costs_nothing_and_a_longer_one_what_is_missing(
    tmp_path: Path, faults: FaultServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    asked = [
        "--models",
        f"a=openai/echo-1@{faults.url},b=openai/echo-2@{faults.url}",
        "--probes",
        "core",
        "--limit",
        "2",
    ]
    asked += ["--max-tokens", "32", "--out", "one", "--price", "1000/2000", "--price", "b=0/0"]

    def dry(*more: str) -> str:
        assert run(["collect", *asked, *more, "--dry-run"]) == 0
        return capsys.readouterr().out

    first = dry()
    assert "Requests: 12 " in first
    assert "at most 384 answer tokens" in first
    assert "Time: under a minute (by rules of thumb, an order of magnitude)" in first
    money = float(first.split("Cost: at most about ")[1].split(",")[0])
    assert money == pytest.approx(6 * 32 * 2000 / 1e6, abs=0.5)
    assert not (tmp_path / "one").exists()
    assert run(["collect", *asked]) == 0
    capsys.readouterr()
    posts = len(faults.seen)
    assert "Requests: 0: nothing is missing, no model would be asked" in dry()
    path = tmp_path / "one" / "responses" / "a.jsonl"
    lines = path.read_text("utf-8").splitlines()
    failed = json.loads(lines[0]) | {"status": "error", "text": "", "error": "HTTP 500"}
    path.write_text("\n".join([json.dumps(failed), *lines[2:], ""]), "utf-8")
    again = dry()
    assert "2 of 6" in again
    assert "Requests: 2 " in again
    assert len(faults.seen) == posts
    assert run(["collect", *asked, "--temperature", "0.5", "--dry-run"]) == 2
    assert "was made with other settings (sampling.temperature" in capsys.readouterr().err


def test_a_search_for_identity_slips_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["identity", "--models", "lab/aria", "--engine", "hf", "--out", str(tmp_path / "one"), "--dry-run"]
    told = []
    for more in ([], ["--search", "--budget", "160"]):
        assert run([*asked, *more]) == 0
        told.append(int(capsys.readouterr().out.split("aria: ")[1].split(" ")[0]))
    assert told[1] == told[0] + 160
    assert not (tmp_path / "one").exists()
