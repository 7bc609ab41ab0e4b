"""The examples do what they say: the gate trips for a student and stays quiet without one, as a script and in its workflow."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.commands import ROOT, environment

GATE = ROOT / "examples" / "gate"


def gate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A shell command in a folder with this environment's `audit` on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(words, cwd=folder, env=environment(PATH=path), capture_output=True, text=True, check=False)


def test_the_gate_stays_quiet_without_a_student(tmp_path: Path) -> None:
    answers = str(ROOT / "examples" / "answers.jsonl")
    ended = gate(tmp_path, "sh", str(GATE / "gate.sh"), answers, "boro", "base", "out")
    assert ended.returncode == 0, ended.stderr  # nobody here was taught by boro
    assert gate(tmp_path, "sh", str(GATE / "gate.sh"), "none.jsonl", "aria", "base", "none").returncode == 2


def test_the_workflow_runs_the_gate_which_trips_for_a_student_and_tells_every_reader(tmp_path: Path) -> None:
    steps = yaml.safe_load((GATE / "github-action.yml").read_text("utf-8"))["jobs"]["audit"]["steps"]
    (command,) = (step["run"] for step in steps if step.get("name") == "Gate")
    (shown,) = (step["with"]["sarif_file"] for step in steps if step.get("name") == "Findings")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    ended = gate(tmp_path, *shlex.split(command))
    assert ended.returncode == 3, ended.stderr
    findings: dict[str, Any] = json.loads((tmp_path / shown).read_text("utf-8"))
    messages = [result["message"]["text"] for result in findings["runs"][0]["results"]]
    assert any("aria-student" in message for message in messages)
    assert "<failure" in (tmp_path / "reports-gate.xml").read_text("utf-8")


def test_the_projects_own_workflows_run_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert [path.name for path in files] == ["release.yml", "test.yml"]
    for path in files:
        jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"]
        commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
        assert set(re.findall(r"^make ([a-z]+)", "\n".join(commands), re.MULTILINE)) <= targets
        assert all((ROOT / name).is_file() for name in re.findall(r"examples/\S+", "\n".join(commands)))
