"""Whole distillations by evolving data, a few steps each: the loop, its record, its budget, resuming, a served teacher."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit import lab
from mimicry_audit.distill.evolve import Evolved, EvolveSettings, evolve
from mimicry_audit.distill.evolve.journal import NAME, Line
from mimicry_audit.distill.evolve.settings import STRATEGIES, TASKS
from mimicry_audit.distill.evolve.worlds import world
from mimicry_audit.ground.errors import EngineError, RunDirectoryError
from mimicry_audit.ground.fields import fields_of
from mimicry_audit.verdicts.truth import stated_truth
from tests.support.commands import ROOT, jsonl, start
from tests.support.known_models import models_in_run
from tests.support.teacher_server import teacher_server

QUICK: dict[str, Any] = {
    "student": "lab/base", "task": "classification", "shots": 1, "rounds": 2, "hard": 2, "easy": 2, "steps": 3, "rate": 3e-3,
    "threads": 1, "max_tokens": 8,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    lab.build(["base"])


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few rows of the world of intents."""
    every = world("intents").rows()
    kept = [row for row in every if row["split"] == "test"][:12] + [row for row in every if row["split"] == "train"][
        :120
    ]
    return str(jsonl(tmp_path_factory.mktemp("rows") / "rows.jsonl", kept))


def made(out: Path, rows: str, **changed: Any) -> Evolved:
    return evolve(EvolveSettings.of(**{"teacher": "expert/intents", "data": rows, **QUICK, "out": out, **changed}))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, rows: str) -> Evolved:
    """One distillation that several tests look at."""
    return made(tmp_path_factory.mktemp("first") / "one", rows)


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / NAME).read_text("utf-8").splitlines()]


def test_a_round_is_on_record_and_the_checkpoint_tells_how_it_came_to_be(first: Evolved) -> None:
    assert [record["round"] for record in first.rounds] == [0, 1, 2]
    assert first.rounds[0]["answers"] == {"shot": 8}
    for record in first.rounds[1:]:
        assert record["answers"] == {"easy": 2, "hard": 2}
        assert record["pattern"]
        assert all(world("intents").gold(row["text"]) == row["gold"] for row in record["labelled"])
        assert all(row["right"] == (row["before"] == row["gold"]) for row in record["labelled"])
        for kind, share in record["wrong_before"].items():
            of_kind = [row for row in record["labelled"] if row["kind"] == kind]
            assert share == sum(not row["right"] for row in of_kind) / len(of_kind)
    assert [record["replayed"] for record in first.rounds] == [0, 8, 12]
    told = first.lineage["distillation"]
    assert told["labelled"] == first.lineage["examples"] == 16
    assert (told["method"], told["task"], told["shots"], told["strategy"]) == ("evolve", "classification", 1, "evolve")
    assert first.lineage["parents"].keys() == {"base", "expert/intents"}
    resolved = {"mine": {"lineage": first.lineage}, "theirs": {"lineage": {"name": "expert/intents"}}}
    truth = stated_truth("mine", "theirs", models_in_run(resolved))
    assert truth is not None
    assert truth.relation == "distilled from expert/intents"


def test_no_text_of_the_test_set_is_ever_labelled_or_shown_to_the_teacher(first: Evolved, rows: str) -> None:
    test = [
        row["prompt"]
        for line in Path(rows).read_text("utf-8").splitlines()
        if (row := json.loads(line))["split"] == "test"
    ]
    taught = {row["text"] for record in first.rounds for row in record["labelled"]}
    assert taught.isdisjoint(test)
    shown = [m["content"] for line in journal(first.path) if line["kind"] == "call" for m in line["messages"]]
    assert shown
    assert not [text for text in test for prompt in shown if json.dumps(text) in prompt]


def test_labels_come_from_calls_of_their_own_that_do_not_say_what_is_hard(first: Evolved) -> None:
    calls = [line for line in journal(first.path) if line["kind"] == "call"]
    assert [line["purpose"] for line in calls][:3] == ["analysis", "writing", "labelling"]
    prompts = [line["messages"][0]["content"] for line in calls if line["purpose"] == "labelling"]
    assert prompts
    assert not [p for p in prompts if re.search(r"hard|easy", p.split("<inputs>")[1])]
    assert len({line["key"] for line in calls}) == len(calls)


def test_the_budget_counts_every_labelled_example_and_ends_the_run(tmp_path: Path, rows: str) -> None:
    found = made(tmp_path / "a", rows, budget=13, rounds=5, strategy="random")
    assert [record["spent"] for record in found.rounds] == [8, 12, 13]
    assert found.lineage["examples"] == 13


def test_the_strategies_differ_in_where_inputs_come_from_and_in_nothing_else(
    tmp_path: Path, rows: str, first: Evolved
) -> None:
    runs = {"evolve": first, **{s: made(tmp_path / s, rows, strategy=s) for s in ("static", "random")}}
    plain = [json.dumps({**run.rounds[0], "training": None}) for run in runs.values()]
    assert len(set(plain)) == 1  # the same shots, the same weights after them
    assert len({tuple(r["spent"] for r in run.rounds) for run in runs.values()}) == 1
    assert len({tuple(r["replayed"] for r in run.rounds) for run in runs.values()}) == 1
    assert len({run.lineage["distillation"]["data"]["test_sha256"] for run in runs.values()}) == 1
    purposes = {s: set(run.lineage["distillation"]["calls"]) for s, run in runs.items()}
    assert purposes == {
        "evolve": {"analysis", "writing", "labelling"}, "static": {"writing", "labelling"}, "random": {"labelling"},
    }  # fmt: skip
    pool = {json.loads(line)["prompt"] for line in Path(rows).read_text("utf-8").splitlines()}
    assert {row["text"] for r in runs["random"].rounds for row in r["labelled"]} <= pool
    written = [line["round"] for line in journal(runs["static"].path) if line.get("purpose") == "writing"]
    assert set(written) == {1}  # all before the first round
    assert not any("<pattern>" in line["messages"][0]["content"] for line in journal(runs["static"].path)
                   if line.get("purpose") == "writing")  # fmt: skip


def test_after_kill_9_the_same_command_ends_with_the_same_weights_and_asks_nothing_twice(
    tmp_path: Path, rows: str, first: Evolved
) -> None:
    out = tmp_path / "killed"
    given = {**QUICK, "teacher": "expert/intents", "data": rows, "method": "evolve", "out": out}
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    with start("distill", *options) as process:
        deadline = time.monotonic() + 240
        while not (out / NAME).is_file() or '"kind":"call","round":2' not in (out / NAME).read_text("utf-8"):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.communicate()
    before = journal_keys(out)
    assert not (out / "lineage.json").exists()
    with (out / NAME).open("a", encoding="utf-8") as file:
        file.write('{"kind":"round","round":2,"rec')
    made(out, rows)
    assert digest(out) == digest(first.path)
    after = journal_keys(out)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)
    assert journal_keys(first.path) == after
    stamp = (out / NAME).stat().st_mtime_ns
    assert (
        made(out, rows).lineage["fingerprint"] == json.loads((out / "lineage.json").read_text("utf-8"))["fingerprint"]
    )
    assert (out / NAME).stat().st_mtime_ns == stamp
    with pytest.raises(RunDirectoryError, match=r"hard: 2 → 3"):
        made(out, rows, hard=3)


def journal_keys(folder: Path) -> list[str]:
    text = (folder / NAME).read_text("utf-8")
    return [json.loads(line)["key"] for line in text.split("\n")[:-1] if '"kind":"call"' in line]


def test_a_served_teacher_is_asked_by_the_same_code(tmp_path: Path, rows: str, first: Evolved) -> None:
    """Over HTTP, with its replies in fences and arrays: the same labels, the same weights as of the expert itself."""
    with teacher_server("intents") as server:
        found = made(tmp_path / "a", rows, teacher=f"openai/teacher-1@{server.url}")
        assert len(server.seen) == sum(found.lineage["distillation"]["calls"].values())
    assert [r["labelled"] for r in found.rounds] == [r["labelled"] for r in first.rounds]
    assert digest(found.path) == digest(first.path)
    assert found.lineage["teacher"] == "teacher-1"


def test_a_teacher_that_cannot_be_read_is_one_line_and_what_it_said_is_kept(tmp_path: Path, rows: str) -> None:
    def silent(text: str, number: int) -> str:
        return "I would rather not." if number > 1 else text

    with teacher_server("intents", silent) as server, pytest.raises(EngineError, match="holds inputs, asked 2 times"):
        made(tmp_path / "a", rows, teacher=f"openai/teacher-1@{server.url}", retries=1)
    said = [line["text"] for line in journal(tmp_path / "a") if line["kind"] == "call"]
    assert said[1:] == ["I would rather not."] * 2


def test_labels_that_are_none_are_asked_for_again_and_then_dropped(tmp_path: Path, rows: str) -> None:
    def careless(text: str, number: int) -> str:
        lines = text.splitlines()
        return "\n".join([*lines[:-1], '{"id": 4, "label": "rubbish"}']) if '"label"' in text else text

    with teacher_server("intents", careless) as server:
        found = made(tmp_path / "a", rows, teacher=f"openai/teacher-1@{server.url}", retries=1, rounds=1)
    record = found.rounds[1]
    assert record["dropped"]["unlabelled"] == 1
    assert len(record["labelled"]) == 3
    assert record["spent"] == 11
    purposes = [line["purpose"] for line in journal(found.path) if line["kind"] == "call"]
    assert purposes.count("labelling") == 2


@pytest.mark.parametrize(("name", "task"), [("entities", "tagging"), ("facts", "qa")])
def test_the_other_tasks_go_the_same_way(tmp_path: Path, name: str, task: str) -> None:
    every = world(name).rows()
    kept = [row for row in every if row["split"] == "test"][:6] + [row for row in every if row["split"] == "train"][:60]
    validation = [{**row, "split": "validation"} for row in kept[-6:]]
    data = jsonl(tmp_path / "rows.jsonl", [*kept[:-6], *validation])
    found = made(
        tmp_path / "a", str(data), task=task, teacher=f"expert/{name}", rounds=1, steps=2, max_tokens=16, patience=1
    )
    assert found.rounds[0]["spent"] == len(found.rounds[0]["labelled"]) + 6
    assert all(world(name).gold(row["text"]) == row["gold"] for row in found.rounds[1]["labelled"])
    assert found.rounds[1]["validation"]["n"] == 6
    assert 0 <= found.rounds[1]["test"]["f1"] <= 1


def test_every_option_and_every_field_is_documented(first: Evolved) -> None:
    page = (ROOT / "docs" / "distillation.md").read_text("utf-8")
    formats = (ROOT / "docs" / "formats.md").read_text("utf-8")
    for option in fields_of(EvolveSettings):
        assert f"`{option.flag}" in page, option.flag
    for name in (*TASKS, *STRATEGIES):
        assert f"`{name}`" in page
    section = formats.split("## evolve.jsonl\n")[1].split("\n## ")[0]
    known = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    lines = journal(first.path)
    assert {field for line in lines for field in line} <= set(Line.__dataclass_fields__) <= known
    assert set(_fields([line["record"] for line in lines if line["kind"] == "round"])) - known == set()
    told = first.lineage["distillation"]
    lineage = formats.split("## lineage.json\n")[1].split("\n## ")[0]
    known |= set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", lineage))))
    assert (
        set(_fields({k: told[k] for k in ("method", "labelled", "calls", "data", "training", "labels", "about")}))
        <= known
    )


def _fields(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)
