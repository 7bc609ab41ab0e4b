"""The documentation site builds without a warning, shows every page and every help text, and its tutorial works as written."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mimicry_audit.cli import COMMANDS
from tests.support.commands import ROOT, environment
from tests.test_docs import blocks


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env=environment(NO_MKDOCS_2_WARNING="1"), capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Links(HTMLParser):
    """The addresses of a page's links, pictures and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in ("href", "src") and value]


def test_every_page_is_on_the_site_and_in_its_navigation(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {path.stem for path in site.glob("*.html")} == pages | {"404"}
    parser = Links()
    parser.feed((site / "index.html").read_text("utf-8"))
    assert {f"{page}.html" for page in pages - {"index"}} <= set(parser.found)
    assert not list(site.rglob("*.py*"))


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in site.glob("*.html"):
        text = path.read_text("utf-8")
        fetched = re.findall(r'<(?:script|img|source)[^>]+src="(https?:[^"]+)"', text)
        fetched += re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|preload)"[^>]+href="(https?:[^"]+)"', text)
        assert fetched == [], path.name


def test_the_page_of_commands_is_the_programs_own_help() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert page == script("command_pages").page(), "python docs/command_pages.py"
    assert all(f"## audit {name}\n" in page for name in COMMANDS)


def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    """Every command, in order, on the recorded answers and on the real model of the package."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    commands = [re.sub(r"\\\n\s*", " ", block).strip() for block in blocks(text, "sh")]
    assert len(commands) == 4
    for command in commands:
        ended = subprocess.run(
            shlex.split(command), cwd=tmp_path, env=environment(PATH=path), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"
    first = verdicts(tmp_path / "first")
    assert (first["aria-student"], first["twin"]) == ("distilled", "distilled")
    assert first["base-sft"] != "distilled"
    second = verdicts(tmp_path / "second")
    assert (second["smollm2"], second["aria-student"]) == ("no evidence", "distilled")
    told: dict[str, Any] = json.loads((tmp_path / "who" / "identity.json").read_text("utf-8"))
    assert told["models"]["smollm2"]["answered"] > 0


def verdicts(run: Path) -> dict[str, str]:
    scores: dict[str, Any] = json.loads((run / "scores.json").read_text("utf-8"))
    return {verdict["candidate"]: verdict["verdict"] for verdict in scores["verdicts"]}
