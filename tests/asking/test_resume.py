"""``kill -9`` at any moment loses at most the answers in flight: real runs of real models, killed and run again."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.records.run import RunDirectory, read_journal
from tests.support.commands import audit, start

MODELS = ("aria", "base")
OPTIONS = [
    *("--models", ",".join(f"lab/{name}" for name in MODELS), "--engine", "hf", "--probes", "lab"),
    *("--limit", "20", "--max-tokens", "64", "-E", "batch_size=3", "-E", "num_threads=1"),
]
KILLS = 4


def landed(out: Path) -> dict[str, int]:
    """Whole lines in each journal."""
    return {path.stem: path.read_bytes().count(b"\n") for path in (out / "responses").glob("*.jsonl")}


def scores(out: Path) -> dict[str, Any]:
    """The run's scores, without when they were made and the hash of journals that tell when each answer came."""
    assert run(["score", str(out), "--axes", "lexical,early,opening,style,answers,length", "--reference", "aria"]) == 0
    found: dict[str, Any] = json.loads((out / "scores.json").read_text("utf-8"))
    del found["created"], found["fingerprint"]
    return found


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mimicry_audit import lab

    lab.build(list(MODELS))
    out = tmp_path_factory.mktemp("whole") / "run"
    done = audit("collect", *OPTIONS, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out


def test_a_run_killed_again_and_again_gives_the_scores_of_one_that_was_not(uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    whole = landed(uninterrupted)
    total = sum(whole.values())
    chance = random.Random(20)
    # One kill before the first answer, one right after it, the others anywhere.
    moments = [0, 1, *sorted(chance.randrange(2, total - 5) for _ in range(KILLS - 2))]
    before: dict[str, int] = {}
    killed = 0
    for moment in moments:
        with start("collect", *OPTIONS, "--out", str(out)) as process:
            while process.poll() is None and (sum(landed(out).values()) < moment or not out.exists()):
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
            process.communicate()
        killed += process.returncode == -9
        after = landed(out)
        assert all(after.get(label, 0) >= count for label, count in before.items()), (before, after)
        assert sum(after.values()) >= min(moment, total)
        for label in after:  # whatever is there can be read; at most the last line is torn
            read_journal(RunDirectory(out).journal_path(label))
        before = after
    assert killed >= KILLS - 1
    done = audit("collect", *OPTIONS, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert landed(out) == whole  # nothing was asked twice but what was in flight
    directories = RunDirectory(uninterrupted), RunDirectory(out)
    for label in MODELS:
        texts, keys = ([{(r.probe_id, r.sample): getattr(r, name) for r in d.responses(label)} for d in directories]
                       for name in ("text", "key"))  # fmt: skip
        assert texts[0] == texts[1]
        assert keys[0] == keys[1]
    assert scores(out) == scores(uninterrupted)
    last = audit("collect", *OPTIONS, "--out", str(out))
    assert last.stderr == f"{out}: nothing missing, no model was asked\n"


def test_a_run_killed_while_it_scores_is_scored_again(uninterrupted: Path, tmp_path: Path) -> None:
    expected = scores(uninterrupted)
    (uninterrupted / "scores.json").unlink()
    for wait in (0.3, 1.5):
        command = ["score", str(uninterrupted), "--axes", "lexical,early,opening,style,answers,length"]
        with start(*command, "--reference", "aria") as process:
            time.sleep(wait)
            process.kill()
            process.communicate()
    path = uninterrupted / "scores.json"
    assert not path.exists() or json.loads(path.read_text("utf-8"))["verdicts"]
    assert scores(uninterrupted) == expected
