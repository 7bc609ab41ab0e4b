"""``audit config init`` writes a file that ``--config`` reads, and ``audit completion`` what a shell can run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from mimicry_audit.cli import run
from mimicry_audit.ground.fields import fields_of, flat_values
from mimicry_audit.workflow.audit_settings import Settings
from mimicry_audit.workflow.settings import merged, read_config
from tests.support.commands import environment

GIVEN = ["--models", "s=lab/aria-student,lab/aria,lab/base", "--reference", "aria", "--base", "s=base", "-E", "dtype=float32",
         "--likelihood", "--max-tokens", "64", "--system-prompt", "Be brief: 'now' # or never"]  # fmt: skip


def test_what_was_given_is_what_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    assert run(["config", "init", *GIVEN, str(file)]) == 0
    assert f"audit run --config {file} --dry-run" in " ".join(capsys.readouterr().out.split())
    assert read_config(file) == {
        "models": ["s=lab/aria-student", "lab/aria", "lab/base"], "reference": ["aria"], "base": ["s=base"],
        "engine_options": {"dtype": "float32"}, "likelihood": True, "max_tokens": 64,
        "system_prompt": "Be brief: 'now' # or never",
    }  # fmt: skip
    assert merged(file, {}).max_tokens == 64
    assert max(map(len, file.read_text("utf-8").splitlines())) <= 120


def test_every_line_that_is_commented_out_is_a_setting_at_its_default(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    assert run(["config", "init", str(file)]) == 0
    text = file.read_text("utf-8")
    assert yaml.safe_load(text) is None
    names = {field.name for field in fields_of(Settings)}
    lines = [line[1:] for line in text.splitlines() if line.startswith("#") and line[1:].partition(":")[0] in names]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    assert set(read_config(file)) == names
    assert flat_values(merged(file, {})) == flat_values(Settings())


def test_a_file_is_never_overwritten_and_nonsense_never_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "audit.yaml"
    assert run(["config", "init", "--samples", "3", str(file)]) == 2
    assert "Set --temperature above 0" in capsys.readouterr().err
    assert not file.exists()
    file.touch()
    assert run(["config", "init", str(file)]) == 2
    assert f"audit: {file} exists. Choose another name" in capsys.readouterr().err


def test_questions_are_asked_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["lab/aria, lab/base", "aria", "", ""])
    monkeypatch.setattr(click, "prompt", lambda *_, **__: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    file = tmp_path / "audit.yaml"
    assert run(["config", "init", str(file)]) == 0
    assert read_config(file) == {"models": ["lab/aria", "lab/base"], "reference": ["aria"]}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert f"_AUDIT_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_bash_is_told_the_options(tmp_path: Path) -> None:
    asked = environment(COMP_WORDS="audit collect --sam", COMP_CWORD="2", _AUDIT_COMPLETE="bash_complete")
    command = [sys.executable, "-m", "mimicry_audit"]
    done = subprocess.run(command, env=asked, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["plain,--samples"]
    assert list(tmp_path.iterdir()) == []
