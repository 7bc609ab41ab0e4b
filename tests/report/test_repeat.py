"""“How to repeat it”: the printed commands, run elsewhere, give the same scores."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.report.repeat import repeat_commands
from mimicry_audit.report.text import markdown
from tests.support.commands import environment, jsonl
from tests.support.scores_fixture import scores


def answers(folder: Path, name: str = "answers.jsonl") -> Path:
    rows = [
        {
            "model": model, "prompt_id": f"q{n}", "prompt": f"What is {n} + 1, and why?", "domain": "math",
            "output": f"{'Clearly' if model < 'c' else 'I would say that'} it is {n + (1 if n % place else 2)}, said {model}.",
        }
        for place, model in enumerate(("a", "b", "c", "d", "e"), 2)
        for n in range(24)
    ]  # fmt: skip
    return jsonl(folder / name, rows)


def probes(folder: Path) -> Path:
    return jsonl(
        folder / "mine.jsonl",
        [{"id": f"q{n}", "domain": "math", "prompt": f"What is {n} + 1, and why?"} for n in range(24)],
    )


def printed(folder: Path) -> str:
    """The commands on the page, which are those of the Markdown report."""
    page = (folder / "report.html").read_text("utf-8")
    (text,) = re.findall(
        r'<h3>How to repeat it</h3>\s*<pre class="signature text"><code>(.*?)</code></pre>', page, re.S
    )
    commands = html.unescape(text)
    assert commands in markdown.render(json.loads((folder / "scores.json").read_text("utf-8")))
    return commands


def same_again(folder: Path, made: Path) -> None:
    """Run what is printed in a folder of its own, and compare everything but the time."""
    shell = f'audit() {{ {sys.executable} -m mimicry_audit "$@"; }}; set -e\n{printed(made)}\n'
    done = subprocess.run(
        ["bash", "-c", shell], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, again = (
        json.loads((path / "scores.json").read_text("utf-8")) for path in (made, folder / "reports" / "again")
    )
    for name in ("signature", "pairs", "verdicts", "identity"):
        assert again[name] == first[name], name


@pytest.mark.parametrize("seed", [7, 3])
def test_recorded_answers_scored_again_with_another_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.chdir(tmp_path)
    file, mine = answers(tmp_path), probes(tmp_path)
    names = [f"{m.upper()}=recorded/{file.name}#{m}" for m in "abcde"]
    asked = ["--models", ",".join(names), "--probes", mine.name, "--limit", "20", "--seed", "7", "--out", "one"]
    assert run(["run", *asked, "--reference", "A"]) == 0
    scored = [
        "--reference",
        "A",
        "--base",
        "B=E",
        "--control",
        "C",
        "--axes",
        "lexical,style,opening",
        "--min-coverage",
        "0.5",
    ]
    assert run(["score", "one", *scored, "--seed", str(seed)]) == 0
    same_again(tmp_path, tmp_path / "one")


def test_a_file_of_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--out", "one", "--reference", "a", "--seed", "5", "--axes", "lexical,style,answers"]
    assert run(["score", "--responses", str(answers(tmp_path)), *asked]) == 0
    same_again(tmp_path, tmp_path / "one")


def test_lab_models_with_engine_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = [
        "--models",
        "hf/lab/aria,pupil=lab/aria-student",
        "--engine",
        "hf",
        "-E",
        "num_threads=1",
        "-E",
        "batch_size=4",
    ]
    limits = [
        "--limit",
        "2",
        "--max-tokens",
        "24",
        "--identity-attempts",
        "0",
        "--system-prompt",
        "Be brief, 'please'.",
    ]
    assert run(["run", *asked, *limits, "--reference", "aria", "--axes", "lexical,style", "--out", "one"]) == 0
    same_again(tmp_path, tmp_path / "one")


def command(**model: Any) -> str:
    data = scores()
    plain = {"label": "m", "source": "org/m", "engine": "vllm", "options": {}, "identity": {}}
    data["settings"] = {**data["settings"], "scoring": {"roles": {"references": ["other"]}}}
    data["models"] = [plain | {"label": "other", "source": "vllm/org/other"}, plain | model]
    return "\n".join(repeat_commands(data))


def test_the_engine_of_a_name_without_one_is_told() -> None:
    assert "--engine=vllm" in command()
    assert "--engine" not in command(source="hf/org/m", engine="hf")


def test_options_of_single_models_go_into_a_file() -> None:
    text = command(engine="hf", options={"dtype": "bfloat16"})
    assert text.startswith("cat > again.yaml <<'END'\nmodels:\n")
    assert "- model: org/m\n  label: m\n  engine: hf\n  options:\n    dtype: bfloat16\n" in text
    assert re.search(r"^audit run --config again.yaml --reference other$", text, re.MULTILINE)


def test_an_address_from_the_environment_is_told() -> None:
    told = command(
        source="openai/big", engine="openai", identity={"extra": {"endpoint": ["http://a/v1", "http://b/v1"]}}
    )
    assert "m=openai/big@http://a/v1|http://b/v1" in told
