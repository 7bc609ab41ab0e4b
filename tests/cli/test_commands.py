"""The command line: its help, its exit codes, and that each step does what it says and no more."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import yaml

from mimicry_audit import audit as python_audit
from mimicry_audit.cli import COMMANDS, group, run
from mimicry_audit.cli.distill import name_command
from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.ground.fields import fields_of
from mimicry_audit.probes import shipped_sets
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.workflow.settings import Settings
from tests.support.commands import MODELS, PROBES, ROOT, Desk, audit, environment, start

QUICK = ["--axes", "lexical,opening,style,answers,length"]
HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "numpy",
    "sklearn",
    "scipy",
    "httpx",
    "vllm",
    "ray",
    "sentence_transformers",
)


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.commands]
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert out.startswith(f"Usage: audit {' '.join(words)}".rstrip())
    assert len(out.splitlines()) >= 5
    if len(words) == 1:
        assert f"  audit {words[0]}" in out, "no example"


def command_named(words: tuple[str, ...]) -> click.Command:
    command: click.Command = group
    for name in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


def examples() -> list[str]:
    found = []
    for words in all_commands():
        text = re.sub(r"\\\n\s*", " ", command_named(words).help or "")
        found += [line.strip().partition("   ")[0] for line in text.splitlines() if line.startswith("  audit ")]
    assert len(found) >= 20
    return sorted(set(found))


@pytest.mark.parametrize("line", examples())
def test_every_example_can_be_parsed(line: str) -> None:
    """Names, options and values of the help's examples exist; nothing is run."""
    words = shlex.split(re.sub(r"\s+", " ", line))[1:]
    context, command = click.Context(group), click.Command("none")
    found: click.Command = group
    while isinstance(found, click.Group):
        command, name = found, words.pop(0)
        found_or_none = command.get_command(context, name)
        assert found_or_none is not None, f"{line}: no command {name}"
        found = found_or_none
    found.make_context(found.name or "", list(words))


def test_probe_sets_and_lab_models_in_the_help_exist() -> None:
    from mimicry_audit.lab import list_models

    lab = {model.name for model in list_models()}
    for line in examples():
        assert set(re.findall(r"lab/([\w-]+)", line)) <= lab, line
        for names in re.findall(r"--probes (\S+)", line):
            assert all(name.partition("/")[0] in shipped_sets() for name in names.split(",")), line


def test_no_help_loads_anything_heavy() -> None:
    script = f"""
import contextlib, io, sys
from mimicry_audit.cli import run
for words in {all_commands()!r}:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*words, "--help"]) == 0
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert not loaded, (words, loaded)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- defaults ---------------------------------------------------------------------------------------------------------


def shown_defaults(words: tuple[str, ...]) -> dict[str, str]:
    """Option → the default in a command's help text, as a reader finds it."""
    command = command_named(words)
    lines: dict[str, str] = {}
    for parameter in command.params:
        record = parameter.get_help_record(click.Context(command))
        if record and (found := re.search(r"\[default: (.*?)\]", record[1])):
            lines[max(parameter.opts, key=len)] = found[1]
    return lines


SETTINGS = {
    ("run",): Settings, ("collect",): Settings, ("score",): Settings, ("compare",): Settings, ("identity",): Settings,
    ("panel", "build"): Settings, ("judge",): Settings,
    ("distill", "train"): DistillSettings, ("distill", "search"): DistillSettings, ("distill", "evolve"): EvolveSettings,
}  # fmt: skip


@pytest.mark.parametrize("words", SETTINGS, ids=" ".join)
def test_a_default_in_a_help_text_is_that_of_the_code(words: tuple[str, ...]) -> None:
    shown, numbers = shown_defaults(words), 0
    for field in fields_of(SETTINGS[words]):
        if field.flag in shown and isinstance(field.default, int | float | str) and shown[field.flag] != "searched":
            number = isinstance(field.default, int | float)
            assert type(field.default)(shown[field.flag]) == field.default if number else shown[field.flag], field.flag
            numbers += number
    assert numbers >= (1 if words in {("score",), ("judge",)} else 4)


def test_the_defaults_of_evolving_data_are_its_own() -> None:
    """They were once those of plain distillation."""
    shown = shown_defaults(("distill", "evolve"))
    names = ("--rounds", "--held-out", "--max-tokens", "--answer-temperature")
    assert [shown[name] for name in names] == ["4", "0.2", "64", "0.8"]
    shown = shown_defaults(("distill", "train"))
    assert [shown[name] for name in names] == ["0", "0.1", "256", "0"]


def test_no_default_is_written_by_hand() -> None:
    for path in (ROOT / "mimicry_audit" / "cli").glob("*.py"):
        written = [line for line in path.read_text("utf-8").splitlines() if "[default:" in line]
        assert written == [] or (path.name == "fields.py" and len(written) == 1), path.name


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_a_help_text_fits_eighty_columns(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*words, "--help"]) == 0
    if words[:1] == ("distill",):
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_no_option_is_explained_by_of() -> None:
    for words in all_commands():
        for parameter in command_named(words).params:
            assert not (getattr(parameter, "help", None) or "").startswith("Of "), (words, parameter.name)


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (["--teacher", "t"], ["train", "--teacher", "t"]),
        (["--method", "distill", "--seed", "1"], ["train", "--seed", "1"]),
        (["--task", "qa", "--method", "evolve"], ["evolve", "--task", "qa"]),
        (["--method=evolve", "--help"], ["evolve", "--help"]),
        (["--seed", "1", "--search", "9"], ["search", "--seed", "1", "--trials", "9"]),
        (["--search=9"], ["search", "--trials=9"]),
    ],
)
def test_the_form_without_a_command_goes_on_working(typed: list[str], command: list[str]) -> None:
    assert name_command(typed) == command


def test_no_command_takes_the_place_of_the_packages_own_names() -> None:
    from mimicry_audit import cli

    all_commands()  # loads every command's module
    assert all(callable(getattr(cli, name)) for name in ("run", "main", "group"))


@pytest.mark.parametrize("words", [(), ("probes",), ("lab",), ("distill",)])
def test_a_group_alone_shows_its_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(list(words)) == 2
    out, error = capsys.readouterr()
    assert error == ""
    assert "Commands:" in out
    assert out.count("\n") > 8


def test_the_module_and_the_version() -> None:
    from mimicry_audit import __version__

    done = audit("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"audit, version {__version__}\n", "")


# --- the small commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["models"], ["recorded/FILE#NAME", "Default engine here", "openai"]),
        (
            ["models", "lab/aria,hf/org/name@v1", "x=openai/gpt@http://h:1/v1"],
            ["lab/aria", "v1", "base_url=http://h:1/v1"],
        ),
        (["probes", "list"], ["core", "identity", "lab"]),
        (["probes", "show", "core/math", "--limit", "2"], ["core/", "right:"]),
        (["probes", "validate", "lab"], ["0 errors"]),
        (["lab", "list"], ["aria-student", "distilled", "twin"]),
        (["doctor"], ["This machine", "mimicry_audit", "engine hf"]),
    ],
)
def test_small_commands(words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert all(word in out for word in expected), out


def test_doctor_tells_of_a_bad_model_and_exits_2(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--models", f"{desk.model('teacher')},hf/{desk.folder}"]) == 2
    out, _ = capsys.readouterr()
    assert "found: teacher" in out
    assert "holds no model: it has no config.json" in out


# --- the steps --------------------------------------------------------------------------------------------------------


def test_dry_run_says_what_would_be_asked_and_asks_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "collect"):
        options = desk.options("teacher", "student", samples="2", temperature="0.5", max_tokens="10")
        assert run([command, *options, "--dry-run"]) == 0
        out, error = capsys.readouterr()
        assert error == ""
        assert "teacher" in out
        assert "recorded" in out
        assert f"{PROBES} probes with every arm, 2 answers to each" in out
        assert "temperature 0.5, top-p 1, at most 10 tokens, seed 0" in out
        assert f"Requests: {PROBES * 2 * 2}" in out
        assert "at most 0 answer tokens" in out  # recorded answers are read, not made
        assert "a verdict needs 5; fewer give `inconclusive`" in out
        assert f"{PROBES} are compared, and a verdict needs 20" in out
        assert f"Run directory: {desk.out}" in out
    assert not desk.out.exists()


def test_the_three_steps_make_what_run_makes(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    whole = desk.folder / "whole"
    assert run(["run", *desk.options(out=str(whole)), *QUICK, "--reference", "teacher", "--base", "student=base"]) == 0
    assert "teacher" in capsys.readouterr().out
    assert run(["collect", *desk.options()]) == 0
    assert not (desk.out / "scores.json").exists()
    assert run(["score", str(desk.out), *QUICK, "--reference", "teacher", "--base", "student=base"]) == 0
    (desk.out / "report.html").unlink()
    assert run(["report", str(desk.out)]) == 0
    made = [json.loads((folder / "scores.json").read_text()) for folder in (whole, desk.out)]
    for scores in made:
        del scores["created"], scores["fingerprint"]
    assert made[0] == made[1]
    assert {(v["candidate"], v["base"]) for v in made[0]["verdicts"] if v["candidate"] == "student"} == {
        ("student", "base")
    }
    assert (desk.out / "report.html").read_text() != ""


def test_the_same_command_again_is_a_no_op(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", *desk.options(), *QUICK, "--reference", "teacher"]
    assert run(command) == 0
    kept = {p: p.read_bytes() for p in desk.out.rglob("*") if p.is_file()}
    first = capsys.readouterr().out
    assert run(command) == 0
    out, error = capsys.readouterr()
    assert out == first
    assert error == f"{desk.out}: nothing missing, no model was asked\n"
    assert {p: p.read_bytes() for p in desk.out.rglob("*") if p.is_file()} == kept


def test_roles_may_differ_from_one_scoring_to_the_next(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["collect", *desk.options()]) == 0
    for reference in ("teacher", "other"):
        assert run(["score", str(desk.out), *QUICK, "--reference", reference]) == 0
        verdicts = json.loads((desk.out / "scores.json").read_text())["verdicts"]
        assert {v["reference"] for v in verdicts} == {reference}
        assert len(verdicts) == len(MODELS) - 1
    capsys.readouterr()
    assert run(["score", str(desk.out), *QUICK, "--reference", desk.model("fifth")]) == 0
    assert json.loads((desk.out / "scores.json").read_text())["verdicts"][0]["reference"] == "fifth"


def test_a_report_goes_where_it_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", *desk.options(), *QUICK]) == 0
    capsys.readouterr()
    target = desk.folder / "new folder" / "audit.html"
    assert run(["report", str(desk.out), "--to", str(target)]) == 0
    assert capsys.readouterr().out == f"Report: {target}\n"
    assert target.read_text() == (desk.out / "report.html").read_text()


def test_a_config_file_gives_settings_and_the_command_line_wins(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    config = desk.folder / "audit.yaml"
    written = {
        "models": [desk.model("teacher"), {"model": desk.model("student"), "label": "pupil"}],
        "probes": str(desk.probes),
        "samples": 3,
        "max_tokens": 77,
        "min-coverage": 1,
        "out": str(desk.out),
    }
    config.write_text(yaml.safe_dump(written))
    # On its own the file asks for three samples at temperature 0; what is given here makes sense of it.
    assert run(["run", "--config", str(config), "--temperature", "0.7", "--max-tokens", "9", "--dry-run"]) == 0
    out, _ = capsys.readouterr()
    assert "pupil" in out
    assert "temperature 0.7, top-p 1, at most 9 tokens" in out
    assert "3 answers to each" in out
    assert run(["run", "--config", str(config), "--dry-run"]) == 2
    assert "--samples 3 at --temperature 0" in capsys.readouterr().err


def test_changed_settings_are_listed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["collect", *desk.options()]) == 0
    capsys.readouterr()
    assert run(["collect", *desk.options(max_tokens="9", seed="4", limit="1")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for words in ("sampling.max_tokens: 512 → 9", "sampling.seed: 0 → 4", "selection.limit: null → 1", "another --out"):
        assert words in error


# --- exit codes -------------------------------------------------------------------------------------------------------


def test_missing_answers_end_in_1_and_say_what_to_do(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    rows = desk.answers.read_text().splitlines(keepends=True)
    desk.answers.write_text("".join(r for r in rows if '"student"' not in r or "p1" not in r))
    assert run(["collect", *desk.options()]) == 1
    error = capsys.readouterr().err
    assert "audit: 1 of 30 answers are not in the files of student (such as that to mine/p1)" in error
    assert "Add them to the files, or leave these probes out" in error
    assert run(["run", *desk.options(), *QUICK, "--reference", "teacher"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("audit: student and teacher both answered 83% of the probes")
    assert error.endswith("Give files in which both answered more of the same prompts")


def test_a_gate_that_trips_ends_in_3(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    base = [*desk.options(), *QUICK, "--reference", "teacher"]
    assert run(["run", *base, "--fail-on", "lexical>0.99"]) == 0
    capsys.readouterr()
    assert run(["run", *base, "--fail-on", "lexical>0.99", "--fail-on", "lexical > 0.5"]) == 3
    out, error = capsys.readouterr()
    assert "Report:" in out
    assert re.search(r"audit: --fail-on lexical > 0\.5: student → teacher has lexical = 0\.\d+", error)
    assert run(["score", str(desk.out), *QUICK, "-r", "teacher", "--fail-on", "lexical>0.5"]) == 3


def test_ctrl_c_ends_in_130_with_one_line_and_keeps_the_answers(tmp_path: Path) -> None:
    from mimicry_audit import lab

    lab.build(["aria", "base"])
    command = [
        "collect",
        "--models",
        "lab/aria,lab/base",
        "--engine",
        "hf",
        "-E",
        "batch_size=1",
        "--out",
        str(tmp_path / "r"),
    ]
    command += ["-E", "num_threads=1", "--max-tokens", "96", "--samples", "20", "--temperature", "1"]
    journal = tmp_path / "r" / "responses" / "aria.jsonl"
    with start(*command) as process:
        while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate()
    assert process.returncode == 130, error
    assert out == ""
    opening, ending = error.splitlines()
    assert opening.startswith("Asking 2 models")
    assert ending == "audit: Interrupted. Nothing collected is lost: run the same command again to resume"
    assert len(RunDirectory(tmp_path / "r").responses("aria")) >= 3


# --- Python -----------------------------------------------------------------------------------------------------------


def test_python_does_the_same(desk: Desk) -> None:
    done = python_audit(
        models=[desk.model(m) for m in MODELS],
        probes=[str(desk.probes)],
        reference="teacher",
        axes=["lexical", "answers"],
        out=str(desk.out),
    )
    assert done.asked == PROBES * len(MODELS)
    assert done.scores["verdicts"] == [verdict.record for verdict in done.verdicts]
    assert {v.reference for v in done.verdicts} == {"teacher"}
    assert done.path == desk.out
    assert (desk.out / "report.html").is_file()
    assert done.report(desk.folder / "x.html").read_text().startswith("<!doctype html>")
    names = ",".join(desk.model(m) for m in MODELS)
    again = python_audit(names, str(desk.probes), reference="teacher", axes=("lexical", "answers"), out=str(desk.out))
    assert again.asked == 0
    assert again.scores == done.scores
    with pytest.raises(RunDirectoryError, match=r"sampling\.seed: 0 → 1"):
        python_audit(names, str(desk.probes), seed=1, out=str(desk.out))
