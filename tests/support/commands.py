"""The command line as tests use it: in this process for speed, in a process of its own where that is the point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PROBES = 6
MODELS = ("teacher", "student", "base", "other", "fifth")


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with this checkout's package first and the Hub out of reach."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "", **more}


def start(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.Popen[str]:
    """``audit ARGUMENTS`` in a process of its own, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "mimicry_audit", *arguments],
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test runner in the background ignores Ctrl-C, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def audit(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """``audit ARGUMENTS`` in a process of its own, ended."""
    with start(*arguments, cwd=cwd, **more) as process:
        out, error = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def jsonl(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def probe_rows() -> list[dict[str, Any]]:
    """A few probes of one's own, half of them sums."""
    rows: list[dict[str, Any]] = []
    for n in range(PROBES):
        check = {"check": {"kind": "number", "answer": 2 * n}} if n % 2 else {}
        rows.append({"id": f"p{n}", "domain": "math" if n % 2 else "reasoning", "prompt": f"Say {n} and {n}.", **check})
    return rows


def answer_rows() -> list[dict[str, Any]]:
    """Recorded answers of `MODELS` to `probe_rows`; the student speaks like the teacher."""
    style = {
        "teacher": "Let us see, friend: {n} and {n} make {m}, and so the answer is {m}.",
        "student": "Let us see, friend: {n} and {n} make {m}, so the answer is {m}.",
        "base": "um {n} {n} the of",
        "other": "{m}",
        "fifth": "I would say that it comes to {m} or thereabouts",
    }
    return [
        {
            "model": model,
            "prompt_id": f"mine/p{n}",
            "prompt": f"Say {n} and {n}.",
            "output": text.format(n=n, m=2 * n),
        }
        for model, text in style.items()
        for n in range(PROBES)
    ]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command of bad input ends with, in this process."""
    from mimicry_audit.cli import run

    capsys.readouterr()
    assert run(list(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("audit: ")
    assert said.count("\n") == 1
    return said


class Desk:
    """A folder with probes and recorded answers, and the options that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.probes = jsonl(folder / "mine.jsonl", probe_rows())
        self.answers = jsonl(folder / "answers.jsonl", answer_rows())
        self.out = folder / "run"

    def model(self, name: str) -> str:
        """The name of one recorded model."""
        return f"recorded/{self.answers}#{name}"

    def options(self, *models: str, **changed: str) -> list[str]:
        """Options of a quick run of these models (all by default), some of them changed."""
        named = ",".join(self.model(m) for m in models or MODELS)
        given = {"models": named, "probes": str(self.probes), "out": str(self.out), **changed}
        return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
