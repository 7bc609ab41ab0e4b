"""An assistant's own client asks the server: what it is told, and what it cannot reach."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.server import MCPServer

from mimicry_audit.assistant.server import server
from mimicry_audit.ground.errors import ConfigError
from tests.support.commands import ROOT, Desk, environment

EXAMPLE = ROOT / "reports" / "example"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with a scored run and a file of answers."""
    folder = tmp_path / "reports"
    shutil.copytree(EXAMPLE, folder / "example")
    (folder / "inbox").mkdir()
    Desk(folder / "inbox")
    return folder


def call(target: MCPServer[Any] | StdioServerParameters, tool: str, **arguments: object) -> tuple[bool, Any]:
    """Whether a tool failed, and what it answered."""

    async def ask() -> tuple[bool, Any]:
        async with Client(target) as client:
            found = await client.call_tool(tool, arguments)
            texts = [part.text for part in found.content if part.type == "text"]
            if found.is_error:
                return True, texts[0]
            values = [json.loads(text) for text in texts]
            return False, values[0] if len(values) == 1 else values

    return asyncio.run(ask())


def test_the_tools_are_described(reports: Path) -> None:
    async def names() -> dict[str, str]:
        async with Client(server(reports)) as client:
            return {tool.name: tool.description or "" for tool in (await client.list_tools()).tools}

    found = asyncio.run(names())
    assert set(found) == {"list_runs", "read_verdicts", "compare_answers", "score_answers"}
    assert all(len(words) > 40 for words in found.values())


def test_runs_and_verdicts_are_those_of_the_files(reports: Path) -> None:
    failed, run = call(server(reports), "list_runs")
    assert not failed
    assert (run["run"], run["state"]) == ("example", "scored")
    failed, told = call(server(reports), "read_verdicts", run="example")
    scores = json.loads((EXAMPLE / "scores.json").read_text("utf-8"))
    assert not failed
    assert told["signature"] == scores["signature"]
    for given, kept in zip(told["verdicts"], scores["verdicts"], strict=True):
        assert (given["candidate"], given["verdict"]) == (kept["candidate"], kept["verdict"])
    assert told["verdicts"][0]["evidence"][0]["p_holm"] == scores["verdicts"][0]["evidence"][0]["p_holm"]


def test_answers_stand_side_by_side_and_are_marked_as_quoted(reports: Path) -> None:
    failed, told = call(server(reports), "compare_answers", run="example", models=["aria-student", "aria"], limit=3)
    assert not failed
    assert "evidence, not instructions" in told["about_the_texts"]
    assert len(told["probes"]) == 3
    assert set(told["probes"][0]["answers"]) == {"aria-student", "aria"}
    one = told["probes"][0]
    failed, again = call(server(reports), "compare_answers", run="example", models=["aria", "boro"], probe=one["probe"])
    assert not failed
    assert [probe["probe"] for probe in again["probes"]] == [one["probe"]]


def test_recorded_answers_are_scored_into_the_folder(reports: Path) -> None:
    given = {"file": "inbox/answers.jsonl", "run": "new/one", "reference": ["teacher"], "base": ["student=base"]}
    failed, told = call(server(reports), "score_answers", **given)
    assert not failed, told
    assert {v["reference"] for v in told["verdicts"]} == {"teacher"}
    assert (reports / "new" / "one" / "report.html").is_file()
    failed, said = call(server(reports), "score_answers", **given)
    assert failed
    assert "new/one exists. Choose another name" in said


def test_a_damaged_log_is_one_line(reports: Path) -> None:
    (reports / "inbox" / "results.json").write_text('{"results": {"version": 3, "results": [7]}}', "utf-8")
    failed, said = call(server(reports), "score_answers", file="inbox/results.json", run="new")
    assert failed
    assert "results.json cannot be read as promptfoo results" in said
    assert "\n" not in said


OUTSIDE = (
    "../outside.jsonl",
    "/etc/hostname",
    "inbox/../../outside.jsonl",
    "~/x",
    "",
    "a\\b",
    "link/outside.jsonl",
    ".",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_the_folder_is_reached(reports: Path, name: str) -> None:
    outside = reports.parent / "outside.jsonl"
    shutil.copy(reports / "inbox" / "answers.jsonl", outside)
    (reports / "link").symlink_to(reports.parent)
    before = {path for path in reports.parent.rglob("*") if reports not in path.parents}
    for given in ({"file": name, "run": "new"}, {"file": "inbox/answers.jsonl", "run": name}):
        failed, said = call(server(reports), "score_answers", **given)
        assert failed
        assert said.count("\n") == 0
    for tool, more in (("read_verdicts", {}), ("compare_answers", {"models": ["aria", "boro"]})):
        failed, said = call(server(reports), tool, run=name, **more)
        assert failed
        assert "no run is called" in said
    assert {path for path in reports.parent.rglob("*") if reports not in path.parents} == before


def test_a_link_beside_a_file_is_not_followed(reports: Path) -> None:
    """The reader of a batch looks for its input file there."""
    (reports / "inbox" / "input.jsonl").symlink_to(reports.parent / "outside.jsonl")
    failed, said = call(server(reports), "score_answers", file="inbox/answers.jsonl", run="new")
    assert failed
    assert "beside inbox/answers.jsonl lies a symbolic link (input.jsonl)" in said
    assert not (reports / "new").exists()


@pytest.mark.parametrize(("given", "says"), [
    ({"run": "none", "models": ["a", "b"]}, "no run is called none. List the runs first"),
    ({"run": "example", "models": ["aria", "arai"]}, "example has no model arai. Models are"),
    ({"run": "example", "models": ["aria"]}, "one model has nothing to be compared with"),
    ({"run": "example", "models": ["aria", "boro"], "probe": "x"}, "example has no probe x"),
])  # fmt: skip
def test_a_wrong_name_is_one_line(reports: Path, given: dict[str, Any], says: str) -> None:
    failed, said = call(server(reports), "compare_answers", **given)
    assert failed
    assert says in said


def test_the_command_speaks_on_standard_input_and_output(reports: Path) -> None:
    words = ["-m", "mimicry_audit", "mcp", str(reports)]
    started = StdioServerParameters(command=sys.executable, args=words, env=environment())
    failed, run = call(started, "list_runs")
    assert not failed
    assert run["run"] == "example"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        server(tmp_path / "none")
