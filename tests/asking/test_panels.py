"""Stored panels: built, listed, reused under the same protocol, and refused under another."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from mimicry_audit.cli import group, run
from mimicry_audit.records.run import RunDirectory
from tests.support.commands import PROBES, Desk

QUICK = ["--axes", "lexical,opening,style,answers,length"]
PANEL = ("base", "other", "fifth")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return Desk(tmp_path)


def build(desk: Desk, *more: str, name: str = "three", **changed: str) -> list[str]:
    options = desk.options(*PANEL, **changed)
    at = options.index("--out")
    return ["panel", "build", name, *options[:at], *options[at + 2 :], *more]


def test_a_panel_is_built_listed_and_resumed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["panel", "list"]) == 0
    assert "No panels in" in capsys.readouterr().out
    assert run(build(desk)) == 0
    out, _ = capsys.readouterr()
    folder = desk.folder / "data" / "mimicry_audit" / "panels" / "three"
    assert f"Panel: {folder}" in out
    assert run(build(desk)) == 0
    assert "nothing missing, no model was asked" in capsys.readouterr().err
    assert run(["panel", "list"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in ("three", "base, other, fifth", "mine", str(PROBES), "temperature 0, top-p 1, 512", "tokens, seed 0"):
        assert words in out
    assert run(build(desk, "--dir", str(desk.folder / "shared"))) == 0
    capsys.readouterr()
    assert run(["panel", "list", "--dir", str(desk.folder / "shared")]) == 0
    assert "three" in capsys.readouterr().out


def test_a_run_takes_the_panels_answers_and_holds_the_pair_against_them(desk: Desk) -> None:
    assert run(build(desk)) == 0
    desk.answers.write_text(
        "".join(r for r in desk.answers.read_text().splitlines(True) if '"model": "other"' not in r)
    )
    command = ["run", *desk.options("teacher", "student"), *QUICK, "--reference", "teacher", "--panel", "three"]
    assert run(command) == 0
    made = RunDirectory(desk.out)
    stored = RunDirectory(desk.folder / "data" / "mimicry_audit" / "panels" / "three")
    for label in PANEL:
        assert made.responses(label) == stored.responses(label)
        known = made.manifest().resolved[label]
        assert known["panel"]["name"] == "three"
        assert known["identity"] == stored.manifest().resolved[label]["identity"]
    scores = json.loads(made.scores_path.read_text())
    assert {m["label"]: m["role"] for m in scores["models"]} == {
        "teacher": "reference", "student": "candidate", **dict.fromkeys(PANEL, "panel"),
    }  # fmt: skip
    (verdict,) = scores["verdicts"]  # the panel's models are held against, not judged
    assert verdict["candidate"] == "student"
    assert verdict["centred_on"] == verdict["null"]["panel"] == list(PANEL)
    assert verdict["null"]["raw"]["p"] == verdict["null"]["floor"] == 0.25
    assert scores["centred_on"] == list(PANEL)
    pairs = {frozenset((p["a"], p["b"])): p["overall"]["raw"]["value"] for p in scores["pairs"]}
    members = verdict["null"]["raw"]["members"]
    assert members == pytest.approx({k: pairs[frozenset((k, "teacher"))] for k in PANEL})
    assert verdict["index"]["floor"] == pytest.approx(sum(members.values()) / 3, abs=1e-4)
    assert verdict["index"]["index"] is None  # recorded answers have no second sample
    assert "recorded elsewhere" in verdict["index"]["why_not"]
    assert "five" not in verdict["reasons"][0]  # two models and three of the panel make the five that a verdict needs
    kept = made.manifest_path.read_bytes()
    assert run(command) == 0  # the same command again copies and asks nothing
    assert made.manifest_path.read_bytes() == kept
    assert run(["score", str(desk.out), *QUICK, "--reference", "teacher"]) == 0
    again = json.loads(made.scores_path.read_text())
    assert [v["centred_on"] for v in again["verdicts"]] == [list(PANEL)]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"temperature": "0.7"}, "sampling.temperature: 0.0 → 0.7"),
        ({"max_tokens": "9", "seed": "3"}, "sampling.max_tokens: 512 → 9; sampling.seed: 0 → 3"),
        ({"top_p": "0.5"}, "sampling.top_p: 1.0 → 0.5"),
        ({"samples": "2", "temperature": "1"}, "sampling.samples: 1 → 2"),
        ({"system_prompt": "Be terse."}, 'probe mine/p0: system prompt null → "Be terse."'),
    ],
)  # fmt: skip
def test_another_protocol_is_refused_with_the_fields(
    desk: Desk, capsys: pytest.CaptureFixture[str], changed: dict[str, str], told: str
) -> None:
    assert run(build(desk)) == 0
    capsys.readouterr()
    assert run(["run", *desk.options("teacher", "student", **changed), *QUICK, "--panel", "three"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert "the settings of panel three differ from this run's" in error
    assert told in error
    assert not desk.out.exists()


def test_other_probes_are_refused_and_fewer_are_taken(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(desk, limit="2")) == 0
    capsys.readouterr()
    command = ["collect", *desk.options("teacher", "student"), "--panel", "three"]
    assert run(command) == 2
    assert "probes: mine/p" in (error := capsys.readouterr().err)
    assert "not in the panel" in error
    assert run([*command, "--limit", "1"]) == 0
    assert {r.probe_id for r in RunDirectory(desk.out).responses("other")} == {
        r.probe_id for r in RunDirectory(desk.out).responses("teacher")
    }
    desk.probes.write_text(desk.probes.read_text().replace("Say 0 and 0.", "Say 0 plus 0."))
    capsys.readouterr()
    desk.out = desk.folder / "elsewhere"
    assert run(["collect", *desk.options("teacher", "student"), "--panel", "three", "--limit", "2"]) == 2
    assert "another text" in capsys.readouterr().err


def test_labels_missing_answers_and_unknown_panels_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(desk)) == 0
    capsys.readouterr()
    assert run(["run", *desk.options("teacher", "other"), "--panel", "three"]) == 2
    assert "other is both among the models and in the panel three" in capsys.readouterr().err
    assert run(["run", *desk.options("teacher", "student"), "--panel", "four"]) == 2
    assert "unknown panel four. Choose from three" in capsys.readouterr().err
    assert run(build(desk, "--panel", "three", name="more")) == 2
    assert "takes neither --panel nor --out" in capsys.readouterr().err
    assert run(build(desk, name="../up")) == 2
    assert "cannot be used as a folder name" in capsys.readouterr().err
    folder = desk.folder / "data" / "mimicry_audit" / "panels" / "three"
    journal = folder / "responses" / "fifth.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(True)[:-2]))
    assert run(["run", *desk.options("teacher", "student"), "--panel", str(folder)]) == 2
    assert "the panel three lacks 2 answers of fifth. Finish it" in capsys.readouterr().err
    assert not desk.out.exists()


def test_a_panel_that_changed_since_is_another_setting(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(desk)) == 0
    command = ["collect", *desk.options("teacher", "student"), "--panel", "three"]
    assert run(command) == 0
    journal = desk.folder / "data" / "mimicry_audit" / "panels" / "three" / "responses" / "fifth.jsonl"
    journal.write_text(journal.read_text().replace("thereabouts", "so"))
    capsys.readouterr()
    assert run(command) == 2
    assert "made with other settings (panels[0].sha" in capsys.readouterr().err


@pytest.fixture(scope="module")
def lab_panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mimicry_audit import lab

    lab.build(["aria", "boro", "base", "aria-student", "twin"])
    folder = tmp_path_factory.mktemp("lab")
    done = CliRunner().invoke(
        group,
        [
            *"panel build two --models lab/boro,lab/twin --engine hf -E num_threads=1 --limit 7 --max-tokens 40 --dir".split(),
            str(folder),
        ],
        standalone_mode=False,
    )
    assert done.exit_code == 0, done.output
    return folder / "two"


ASK = (
    "--models lab/aria,lab/base,lab/aria-student --engine hf -E num_threads=1 --reference aria --base base --limit 7 "
    "--max-tokens 40"
).split()


def test_real_models_are_audited_against_a_stored_panel(lab_panel: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [*ASK, *QUICK, "--panel", str(lab_panel), "--out", str(out)]
    done = CliRunner().invoke(group, ["run", *options], standalone_mode=False, catch_exceptions=False)
    assert done.exit_code == 0
    scores = json.loads((out / "scores.json").read_text())
    (verdict,) = scores["verdicts"]
    assert verdict["candidate"] == "aria-student"
    assert verdict["controls"] == verdict["null"]["panel"] == ["boro", "twin"]
    assert verdict["null"]["floor"] == pytest.approx(1 / 3, abs=1e-5)
    assert verdict["index"]["ceiling_from"] == "deterministic"
    assert verdict["index"]["floor"] < verdict["index"]["ceiling"] == 1.0
    assert verdict["mismatched"]["beyond"]["low"] > 0  # answers to one question are more alike than to two
    weights = RunDirectory(out).manifest().resolved["twin"]["weights"]
    assert weights == RunDirectory(lab_panel).manifest().resolved["twin"]["weights"]
    page = (out / "report.html").read_text()
    assert "2 models are too few for a rank" in page


def test_one_model_under_two_templates_is_refused(
    lab_panel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "t.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    options = [*ASK, "--panel", str(lab_panel), "--out", str(tmp_path / "run"), "--dry-run"]
    assert run(["run", *options, "-E", f"chat_template={template}"]) == 2
    assert f"chat_template: the model's own → {template}" in capsys.readouterr().err
    config = tmp_path / "a.yaml"
    other = {"model": "again=lab/boro", "options": {"chat_template": str(template)}}
    config.write_text(json.dumps({"models": ["lab/aria", other]}))
    rest = ["--engine", "hf", "--limit", "7", "--max-tokens", "40", "--probes", "lab", "--out", str(tmp_path / "run")]
    assert run(["collect", "--config", str(config), *rest, "--panel", str(lab_panel)]) == 2
    assert "boro and again are one model; template_sha" in capsys.readouterr().err


def test_a_stored_panel_costs_a_dry_run_nothing(
    lab_panel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--models", "lab/aria,lab/aria-student", "--engine", "hf", "-E", "num_threads=1", "--limit", "7"]
    options += ["--max-tokens", "40", "--probes", "lab", "--panel", str(lab_panel), "--out", str(tmp_path / "run")]
    assert run(["run", *options, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "0 (stored panel)" in told
    each = int(re.search(r"aria +hf +lab/aria +\w+ +(\d+)", told)[1])  # type: ignore[index]
    assert f"Requests: {2 * each} " in told


def test_two_samples_of_the_reference_are_the_ceiling(tmp_path: Path) -> None:
    from mimicry_audit import lab

    lab.build(["aria", "boro", "base", "aria-student", "twin"])
    models = "lab/aria,lab/boro,lab/base,lab/aria-student,lab/twin"
    options = ["--models", models, "--engine", "hf", "-E", "num_threads=1", "--limit", "7", "--max-tokens", "40"]
    options += ["--samples", "2", "--temperature", "0.5"]
    out = ["--reference", "aria", "--base", "base", "--out", str(tmp_path / "run"), *QUICK]
    done = CliRunner().invoke(group, ["run", *options, *out], standalone_mode=False, catch_exceptions=False)
    assert done.exit_code == 0
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    (verdict,) = (v for v in scores["verdicts"] if v["candidate"] == "aria-student")
    found = verdict["index"]
    assert found["ceiling_from"] == "samples"
    assert found["floor"] < found["ceiling"] < 1
    raw = verdict["null"]["raw"]["value"]
    share = 100 * (raw - found["floor"]) / (found["ceiling"] - found["floor"])
    assert found["index"]["value"] == pytest.approx(share, abs=0.05)
