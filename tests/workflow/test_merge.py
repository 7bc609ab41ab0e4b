"""Parts of a run that were collected apart give the run that was collected in one piece, or say what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.likelihood import Likelihood, likelihood_lines, likelihood_path
from mimicry_audit.records.manifest import ScorerEntry
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.workflow.shards import Shard
from tests.support.commands import MODELS, Desk, jsonl, refused


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def collected(desk: Desk, out: Path, *more: str, models: tuple[str, ...] = MODELS) -> Path:
    assert run(["collect", *desk.options(*models, out=str(out)), *more]) == 0
    return out


def scores(path: Path) -> dict[str, Any]:
    assert run(["score", str(path), "--axes", "lexical,style", "--reference", "teacher"]) == 0
    found: dict[str, Any] = json.loads((path / "scores.json").read_text("utf-8"))
    return {name: found[name] for name in ("signature", "pairs", "verdicts", "models")}


@pytest.mark.parametrize("of", [2, 4])
def test_shards_make_the_run_that_was_collected_in_one_piece(desk: Desk, of: int) -> None:
    whole = collected(desk, desk.folder / "whole")
    for number in range(of, 0, -1):
        collected(desk, desk.folder / "parts", "--shard", f"{number}/{of}")
    joined = desk.folder / "joined"
    assert run(["merge", str(desk.folder / "parts"), "--out", str(joined)]) == 0
    assert scores(joined) == scores(whole)
    assert RunDirectory(joined).probes() == RunDirectory(whole).probes()
    assert run(["collect", *desk.options(out=str(joined))]) == 0  # the plain command takes it for its own


def test_models_of_several_machines_make_one_run(desk: Desk) -> None:
    whole = collected(desk, desk.folder / "whole")
    one = collected(desk, desk.folder / "one", models=MODELS[:3])
    two = collected(desk, desk.folder / "two", models=MODELS[2:])
    joined = desk.folder / "joined"
    assert run(["merge", str(one), str(two), "--out", str(joined)]) == 0
    assert scores(joined) == scores(whole)


def test_a_lost_shard_and_a_lost_answer_are_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    parts, joined = desk.folder / "parts", desk.folder / "joined"
    for number in (1, 2):
        collected(desk, parts, "--shard", f"{number}/3")
    said = refused(capsys, "merge", str(parts), "--out", str(joined))
    assert "shard 3/3 is missing. Collect it with the same command and --shard 3/3, then merge again" in said
    assert not joined.exists()
    collected(desk, parts, "--shard", "3/3")
    journal = RunDirectory(parts / "shard-2-of-3").journal_path("base")
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[1:]), "utf-8")
    assert run(["merge", str(parts), "--out", str(joined)]) == 1
    assert "shard-2-of-3 lacks 1 answer of base. Run the command of that part again" in capsys.readouterr().err
    collected(desk, parts, "--shard", "2/3")
    assert run(["merge", str(parts), "--out", str(joined)]) == 0  # built anew
    assert len(RunDirectory(joined).responses("base")) == len(RunDirectory(joined).probes())


def test_what_does_not_fit_together_is_one_line(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    one = collected(desk, desk.folder / "one", models=MODELS[:2])
    assert "only one was given" in refused(capsys, "merge", str(one), "--out", str(desk.folder / "x"))
    other = collected(desk, desk.folder / "other", "--max-tokens", "9", models=MODELS[:2])
    assert "one and other were collected with other sampling" in refused(
        capsys, "merge", str(one), str(other), "--out", str(desk.folder / "x")
    )
    assert "holds a run that was not merged" in refused(capsys, "merge", str(one), str(other), "--out", str(one))
    rows = [json.loads(line) for line in desk.answers.read_text("utf-8").splitlines()]
    jsonl(desk.answers, [row | {"output": row["output"] + "!"} for row in rows])
    changed = collected(desk, desk.folder / "changed", models=MODELS[1:3])
    assert "student answered differently in one and changed (mine/p0, 0)" in refused(
        capsys, "merge", str(one), str(changed), "--out", str(desk.folder / "x")
    )


def test_likelihoods_come_along(desk: Desk) -> None:
    parts = [
        collected(desk, desk.folder / name, models=models)
        for name, models in (("one", MODELS[:3]), ("two", MODELS[2:]))
    ]
    for part, label in zip(parts, ("teacher", "other"), strict=True):
        directory = RunDirectory(part)
        manifest = directory.manifest()
        scorers: dict[str, ScorerEntry] = {label: {"tokenizer": "x", "why_not": None}}
        manifest.likelihood = {"top_k": 1, "references": [label], "controls": ["base"], "models": scorers}
        directory.write_manifest(manifest)
        line = Likelihood(key="k", model=label, author="base", probe_id="mine/p0", status="ok", text_sha="s", bytes=3,
                          tokens=[1], logprobs=[-1.0])  # fmt: skip
        likelihood_path(directory, label).parent.mkdir()
        jsonl(likelihood_path(directory, label), [asdict(line)])
    joined = desk.folder / "joined"
    assert run(["merge", *map(str, parts), "--out", str(joined)]) == 0
    noted = RunDirectory(joined).manifest().likelihood
    assert noted is not None
    assert (noted["references"], noted["controls"]) == (["teacher", "other"], ["base"])
    assert set(noted["models"]) == {"teacher", "other"}
    assert [line.logprobs for line in likelihood_lines(likelihood_path(RunDirectory(joined), "other"))] == [[-1.0]]


@pytest.mark.parametrize(("text", "environment", "shard"), [
    ("2/8", {}, Shard(2, 8)),
    ("1/1", {}, Shard(1, 1)),
    ("slurm", {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "4"}, Shard(3, 4)),
])  # fmt: skip
def test_a_shard_is_read(text: str, environment: dict[str, str], shard: Shard) -> None:
    assert Shard.from_text(text, environment) == shard


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "", "slurm", "1/0"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--shard"):
        Shard.from_text(text, {})


def test_more_shards_than_probes_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "collect", *desk.options(), "--shard", "9/9")
    assert "--shard 9/9 has no probes: there are 6" in said


def test_two_models_under_one_label_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    parts = []
    for name, source in (("one", "teacher"), ("two", "base")):
        out = desk.folder / name
        parts.append(str(out))
        given = ["--models", f"same={desk.model(source)},other={desk.model('other')}", "--probes", str(desk.probes)]
        assert run(["collect", *given, "--out", str(out)]) == 0
    said = refused(capsys, "merge", *parts, "--out", str(desk.folder / "x"))
    assert "same is another model, or was asked otherwise, in one and two. Give one of them a label of its own" in said
