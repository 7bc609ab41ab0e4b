"""Known students are trained once, taken into a run beside its models, and recognise one more student of their teacher."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from mimicry_audit.cli import run
from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.calibration import FILE, read
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.scores import Scores
from mimicry_audit.report.repeat import repeat_commands
from mimicry_audit.workflow.settings import resolve, settings_from
from tests.support.commands import Desk, jsonl, refused

TEACHERS = ("aria", "boro", "ciro", "duma")
TRAINING = ("--steps", "80", "--rate", "2e-3", "--max-tokens", "40", "--threads", "1")


def taught(folder: Path) -> Path:
    """Answers of four made-up teachers to 160 prompts, each with words and a manner of its own."""
    manner = {
        "aria": "Let us see, dear friend: {n} and {n} come to {m}, so {m} it is.",
        "boro": "{m}. I counted {n} twice and found {m}!",
        "ciro": "Sum of {n}, {n}; result = {m}; done",
        "duma": "Well now, thinking of {n} once more beside {n}, one would arrive at {m}, perhaps",
    }
    return jsonl(folder / "taught.jsonl", [
        {"model": model, "prompt_id": f"t{n}", "prompt": f"What do {n} and {n} make?", "output": text.format(n=n, m=2 * n)}
        for model, text in manner.items() for n in range(160)
    ])  # fmt: skip


def given_to(calibration: Path) -> list[str]:
    """The command for the files beside a calibration."""
    answers, prompts = (calibration.parent / f"{name}.jsonl" for name in ("taught", "prompts"))
    names = ",".join(f"recorded/{answers}#{teacher}" for teacher in TEACHERS)
    return ["calibrate", "--base", "lab/base", "--teachers", names, "--data", str(prompts)]


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    taught(folder)
    jsonl(folder / "prompts.jsonl", [{"prompt": f"What do {n} and {n} make?"} for n in range(100)])
    out = folder / "known"
    given = [*given_to(out), "--out", str(out), *TRAINING]
    assert run(given) == 0
    before = (out / FILE).read_bytes()
    weights = [(path, path.stat().st_mtime_ns) for path in sorted(out.rglob("model.safetensors"))]
    assert run(given) == 0, "the same command again trains nothing"
    assert (out / FILE).read_bytes() == before
    assert [(path, path.stat().st_mtime_ns) for path in sorted(out.rglob("model.safetensors"))] == weights
    return out


def test_a_student_trained_on_other_prompts_is_recognised(
    calibration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = calibration.parent / "taught.jsonl"
    others = jsonl(tmp_path / "others.jsonl", [{"prompt": f"What do {n} and {n} make?"} for n in range(100, 130)])
    mine = tmp_path / "mine"
    given = [
        "distill",
        "train",
        "--teacher",
        f"recorded/{answers}#boro",
        "--student",
        "lab/base",
        "--data",
        str(others),
    ]
    assert run([*given, "--out", str(mine), "--held-out", "0", "--seed", "3", *TRAINING]) == 0
    probes = jsonl(
        tmp_path / "probes.jsonl",
        [{"id": f"p{n}", "domain": "math", "prompt": f"What do {n} and {n} make?"} for n in range(130, 160)],
    )
    said = jsonl(tmp_path / "said.jsonl", [
        {**row, "prompt_id": f"probes/p{row['prompt_id'][1:]}"}
        for row in map(json.loads, answers.read_text("utf-8").splitlines()) if int(row["prompt_id"][1:]) >= 130
    ])  # fmt: skip
    models = [f"mine={mine}", "lab/base", *(f"recorded/{said}#{teacher}" for teacher in TEACHERS)]
    out = tmp_path / "run"
    asked = ["run", "--models", ",".join(models), "--engine", "hf", "--probes", str(probes), "--out", str(out)]
    roles = ["--reference", "boro", "--reference", "aria", "--base", "base", "--axes", "lexical,phrases,opening,style"]
    assert run([*asked, *roles, "--calibration", str(calibration), "--max-tokens", "40"]) == 0
    scores: dict[str, Any] = json.loads((out / "scores.json").read_text("utf-8"))
    by_reference = {v["reference"]: v for v in scores["verdicts"] if v["candidate"] == "mine"}
    assert by_reference["boro"]["verdict"] == "distilled"
    assert "as one more student of boro" in by_reference["boro"]["summary"]
    assert by_reference["aria"]["verdict"] != "distilled"
    assert RunDirectory(out).manifest().students == {f"student-of-{t}": t for t in TEACHERS}
    page = (out / "report.html").read_text("utf-8")
    assert "Against known students" in page
    # The commands on the page ask and score the same again, known students among it.
    monkeypatch.chdir(tmp_path)
    (again,) = repeat_commands(cast("Scores", scores))
    assert run(shlex.split(again)[1:]) == 0
    repeated = json.loads((tmp_path / "reports" / "again" / "scores.json").read_text("utf-8"))
    assert repeated["signature"] == scores["signature"]
    assert repeated["verdicts"] == scores["verdicts"]
    assert [student["teacher"] for student in repeated["students"]] == list(TEACHERS)
    # Scored again without a word about students, they are students still.
    assert run(["score", str(out), *roles]) == 0
    assert json.loads((out / "scores.json").read_text("utf-8"))["verdicts"] == scores["verdicts"]


def test_a_calibration_can_be_moved_and_is_tied_to_the_runs_labels(calibration: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(calibration, moved)
    answers = calibration.parent / "taught.jsonl"
    models = [f"suspect=recorded/{answers}#boro", "lab/base", "lab/aria-student"]
    given = {"models": models, "reference": "suspect", "base": "base", "calibration": str(moved), "engine": "hf",
             "probes": "lab"}  # fmt: skip
    resolved = resolve(settings_from(given, "test"))
    students = resolved.scoring.roles.students
    assert students["student-of-boro"] == "suspect", "its teacher is known by its name where the label is another"
    assert students["student-of-aria"] == "aria"
    assert [spec.label for spec in resolved.plan.models][-4:] == [f"student-of-{t}" for t in TEACHERS]
    assert str(moved) in resolved.plan.models[-1].name
    assert read(moved).base == "lab/base"


def test_what_cannot_calibrate_is_one_line(
    calibration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path)
    few = [
        "calibrate",
        "--base",
        "lab/base",
        "--teachers",
        "lab/aria,lab/boro",
        "--data",
        "lab",
        "--out",
        str(tmp_path / "x"),
    ]
    assert "--teachers names 2, and at least 4 are needed" in refused(capsys, *few)
    same = [*few[:4], "lab/aria,lab/boro,lab/twin,lab/base", *few[5:]]
    assert "lab/base is both the base and a teacher" in refused(capsys, *same)
    known = [*given_to(calibration), "--out", str(calibration), *TRAINING]
    assert "holds a calibration with another base, other prompts" in refused(
        capsys, *known, "--limit", "81", "--data", "lab"
    )
    short = [*given_to(calibration), "--out", str(tmp_path / "x"), "--limit", "79"]
    assert "holds 79 prompts, and 4 students need 20 each of their own" in refused(capsys, *short)
    asked = ["run", *desk.options(reference="teacher", base="base")]
    assert "holds no calibration.json" in refused(capsys, *asked, "--calibration", str(tmp_path))
    assert "no known student was taught by teacher, but by aria" in refused(
        capsys, *asked, "--calibration", str(calibration)
    )
    assert "--student base is not STUDENT=TEACHER" in refused(capsys, *asked, "--student", "base")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: "[]", "is not a calibration of this version"),
        (lambda content: content.replace("calibration/1", "calibration/9"), "is not a calibration of this version"),
        (lambda content: content.replace('"label"', '"name"'), "is damaged"),
        (lambda content: content.replace("students/aria", "../../aria"), "names a student outside its folder"),
        (lambda content: "[" * 100_000, "is not a calibration of this version"),
    ],
)
def test_a_damaged_calibration_is_refused(
    calibration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, message: str
) -> None:
    (tmp_path / FILE).write_text(change((calibration / FILE).read_text("utf-8")), "utf-8")
    asked = ["run", *Desk(tmp_path).options(reference="teacher", base="base")]
    assert message in refused(capsys, *asked, "--calibration", str(tmp_path))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parts": 1.5}, "parts is a number, not a whole number"),
        ({"students": [{"label": "a"}]}, "students[0] lacks folder, teacher"),
        ({"students": [{"label": "a", "teacher": "b", "folder": "../../x"}]}, "outside its folder"),
        ({"students": [{"label": "a", "teacher": "b", "folder": "a\0b"}]}, "outside its folder"),
        ({"students": [{"label": "a", "teacher": "b", "folder": "/tmp"}]}, "outside its folder"),
        ({"students": 3}, "students is a number, not a list"),
    ],
)
def test_a_calibration_of_another_shape_is_named_by_the_field(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    content = {"schema": "mimicry_audit.calibration/1", "base": "b", "data": "d", "parts": 1, "students": []}
    (tmp_path / FILE).write_text(json.dumps({**content, **change}), "utf-8")
    with pytest.raises(DataError, match=re.escape(says)):
        read(tmp_path)
    (tmp_path / FILE).write_text(json.dumps(content).replace('"parts": 1', '"parts": 1e999'), "utf-8")
    with pytest.raises(DataError, match="not a calibration"):
        read(tmp_path)
