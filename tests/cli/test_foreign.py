"""Run directories from others: whatever stands in them, a command shows them or ends with one line, and stays in its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.ground.errors import DataError, RunDirectoryError
from mimicry_audit.records.judgement import journal_path
from mimicry_audit.records.likelihood import likelihood_path
from mimicry_audit.records.run import RunDirectory
from tests.support.commands import Desk, refused

TRAPS = ("../../../canary", "..", "a/b", "/tmp/canary", "a\\b", "a\0b", "", ".hidden", "x" * 300, "\ud800")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("foreign"))
    assert run(["run", *desk.options(), "--axes", "lexical,style", "--reference", "teacher"]) == 0
    return desk


@pytest.fixture
def copy(made: Desk, tmp_path: Path) -> Path:
    shutil.copytree(made.out, tmp_path / "run")
    return tmp_path / "run"


def change(path: Path, edit: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text("utf-8"))
    edit(content)
    path.write_text(json.dumps(content), "utf-8")


def renamed(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text("utf-8").replace(json.dumps(old), json.dumps(new)), "utf-8")


@pytest.mark.parametrize("label", TRAPS)
@pytest.mark.parametrize("path_of", [RunDirectory.journal_path, journal_path, likelihood_path])
def test_no_label_leads_out_of_the_folder(path_of: Callable[..., Path], label: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a name of a file"):
        path_of(RunDirectory(tmp_path), label)


@pytest.mark.parametrize("label", TRAPS)
def test_a_manifest_with_such_a_label_is_refused(label: str, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renamed(copy / "manifest.json", "other", label)
    (copy.parent.parent / "canary.jsonl").write_text("secret\n", "utf-8")
    for command in ("score", "report"):
        assert "manifest.json is damaged: the label" in refused(capsys, command, str(copy))


def test_parts_to_merge_write_nothing_outside(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal of each label was rewritten in the joined run: a label of a part decided where."""
    shutil.copytree(copy, copy.parent / "two")
    for part in (copy, copy.parent / "two"):
        renamed(part / "manifest.json", "other", "../../victim")
    victim = copy.parent / "victim.jsonl"
    victim.write_text("mine\n", "utf-8")
    said = refused(capsys, "merge", str(copy), str(copy.parent / "two"), "--out", str(copy.parent / "out"))
    assert "is not a name of a file" in said
    assert victim.read_text("utf-8") == "mine\n"


def test_scores_write_nothing_outside(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The files of an export are named after labels."""
    renamed(copy / "scores.json", "other", "../../victim")
    said = refused(capsys, "export", str(copy), "--format", "every-eval-ever", "--to", str(copy / "a" / "b"))
    assert "scores.json is damaged: the label '../../victim' is not a name of a file" in said
    assert not list(copy.parent.glob("victim*"))
    assert not (copy / "victim.json").exists()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda m: m["settings"].update(models=[1]), "settings.models is a list, not an object"),
        (lambda m: m["settings"]["models"].update(other=3), "settings.models.other is a number, not an object"),
        (lambda m: m["settings"]["models"]["other"].pop("engine"), "settings.models.other lacks engine"),
        (
            lambda m: m["settings"].update(sampling={"samples": "3"}),
            "settings.sampling.samples is '3', not a whole number",
        ),
        (lambda m: m.update(resolved={"other": {"identity": 7}}), "resolved.other.identity is a number, not an object"),
        (lambda m: m.update(sources=["x"]), "sources is a list, not an object"),
        (lambda m: m.update(judges={"j": []}), "judges.j is a list, not an object"),
        (lambda m: m.update(likelihood={}), "likelihood lacks controls, models, references, top_k"),
        (lambda m: m["settings"].update(probe_sets=[{"name": "x"}]), "settings.probe_sets[0] lacks n, sha, version"),
    ],
)
def test_a_manifest_of_another_shape_is_named_by_the_field(
    edit: Callable[[Any], object], says: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copy / "manifest.json", edit)
    assert f"manifest.json is damaged: {says}" in refused(capsys, "report", str(copy))
    assert says in refused(capsys, "score", str(copy))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda p: 7, "is a number, not an object"),
        (lambda p: None, "is null, not an object"),
        (lambda p: p | {"messages": []}, "it has no turns"),
        (lambda p: p | {"messages": 3}, "messages is a number, not a list"),
        (lambda p: p | {"messages": [{"role": "user", "content": 3}]}, r"messages[0].content is a number, not text"),
        (lambda p: p | {"id": ["x"]}, "id is a list, not text"),
        (lambda p: p | {"later": 1}, "unknown field 'later'"),
        (lambda p: p | {"check": {"kind": "none such"}}, "the check has the unknown kind 'none such'"),
        (lambda p: p | {"check": {"kind": "constraints", "all": 3}}, "constraint"),
        (lambda p: p | {"check": {}}, "the check has no 'kind'"),
    ],
)
def test_probes_of_another_shape_are_refused(
    edit: Callable[[dict[str, Any]], object], says: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy / "probes.jsonl"
    first, *rest = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text(json.dumps(edit(json.loads(first))) + "\n" + "".join(rest), "utf-8")
    (copy / "report.html").unlink()
    for command in ("report", "score"):
        said = refused(capsys, command, str(copy))
        assert "probes.jsonl" in said
        assert says in said


@pytest.mark.parametrize(
    "fields",
    [
        {"finish_reason": ["x"]},
        {"reasoning": {"a": 1}},
        {"logprobs": 3},
        {"attempt": "x"},
        {"latency_s": []},
        {"time": None},
    ],
)
def test_an_answer_of_another_shape_is_named_by_its_line(
    fields: dict[str, Any], copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy / "responses" / "other.jsonl"
    first, *rest = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text(json.dumps(json.loads(first) | fields) + "\n" + "".join(rest), "utf-8")
    said = refused(capsys, "score", str(copy))
    assert "other.jsonl, line 1, is not a response" in said
    assert next(iter(fields)) in said


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda s: s.update(models=["x"]), "damaged: models[0] is 'x', not an object"),
        (lambda s: s["pairs"][0].update(a=["x"]), "damaged: pairs[0].a is a list, not text"),
        (lambda s: s["verdicts"][0].pop("candidate"), "damaged: verdicts[0] lacks candidate"),
        (lambda s: s["verdicts"][0].update(verdict="guilty"), "verdicts[0].verdict is 'guilty', not one of"),
        (lambda s: s["verdicts"][0]["evidence"].append(3), "is a number, not an object"),
        (lambda s: s["nearness"].update(x=3), "damaged: nearness.x is a number, not an object"),
        (lambda s: s.update(created=3), "damaged: created is a number, not text"),
        (lambda s: s["pairs"][0]["overall"]["raw"].update(value=10**400), "is too large"),
        (
            lambda s: s["identity"].update(arms=["default"], models={"other": {"arms": {"default": {}}}}),
            "cannot be shown",
        ),
    ],
)
def test_scores_of_another_shape_are_one_line(
    edit: Callable[[Any], object], says: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copy / "scores.json", edit)
    said = refused(capsys, "report", str(copy))
    assert "scores.json" in said
    assert says in said
    assert f"core again: audit score {copy}" in said


def test_scores_nested_without_end_are_one_line(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(copy / "scores.json", lambda scores: scores.update(later="@"))
    text = (copy / "scores.json").read_text("utf-8").replace('"@"', "[" * 60_000 + "]" * 60_000)
    (copy / "scores.json").write_text(text, "utf-8")
    assert "nested too deep" in refused(capsys, "report", str(copy))


def test_a_panel_of_another_shape_is_passed_over(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(copy, copy.parent / "panels" / "one")
    shutil.copytree(copy, copy.parent / "panels" / "two")
    change(copy.parent / "panels" / "two" / "manifest.json", lambda m: m["settings"].update(probe_sets=[3]))
    assert run(["panel", "list", "--dir", str(copy.parent / "panels")]) == 0
    said = capsys.readouterr().out
    assert "one" in said
    assert "two" not in said


def test_a_label_is_a_name_of_a_file_also_where_it_holds_other_scripts(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path).journal_path("模型-1.b (2)").parent == tmp_path / "responses"
    with pytest.raises(RunDirectoryError):
        RunDirectory(tmp_path).manifest()
