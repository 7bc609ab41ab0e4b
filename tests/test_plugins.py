"""Parts of other packages: the example is installed for real and used by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mimicry_audit.engines.registry import ENGINES
from mimicry_audit.ground import plugins
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError
from mimicry_audit.ground.plugins import AXIS_GROUP, PluginRegistry
from mimicry_audit.similarity.measure import AXES, axis_class
from tests.support.commands import ROOT


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed example, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-index", "--no-build-isolation", "--target", str(folder), str(ROOT / "examples" / "plugin")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def audit(plugin: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(plugin), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "mimicry_audit", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_engine_an_axis_and_a_probe_set_of_another_package_make_a_run(plugin: Path, tmp_path: Path) -> None:
    models = "loud=parrot/upper,plain=parrot/as-is,again=parrot/third"
    words = ["run", "--models", models, "--probes", "weather", "--axes", "question_marks,lexical", "--out", "mine"]
    done = audit(plugin, tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    scores = json.loads((tmp_path / "mine" / "scores.json").read_text("utf-8"))
    assert [axis["name"] for axis in scores["axes"]] == ["question_marks", "lexical"]
    journal = (tmp_path / "mine" / "responses" / "loud.jsonl").read_text("utf-8").splitlines()
    assert len(journal) == 4
    assert all(json.loads(line)["text"].isupper() for line in journal)


def test_what_another_package_adds_is_listed(plugin: Path, tmp_path: Path) -> None:
    assert "parrot" in audit(plugin, tmp_path, "models").stdout
    assert "weather" in audit(plugin, tmp_path, "probes", "list").stdout


def test_an_added_axis_is_never_measured_by_default() -> None:
    assert "question_marks" not in AXES.own


def test_the_parts_announced_are_those_of_the_code() -> None:
    assert tuple(AXES)[: len(AXES.own)] == AXES.own
    assert [axis_class(name).name for name in AXES.own] == list(AXES.own)
    assert tuple(ENGINES)[: len(ENGINES.own)] == ENGINES.own


def announce(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str, str]) -> None:
    """Have these parts installed: package, name, target."""

    class Package:
        def __init__(self, name: str) -> None:
            self.name, self.version = name, "1.2"

    made = [EntryPoint(name, target, AXIS_GROUP)._for(Package(package)) for package, name, target in points]
    monkeypatch.setattr(plugins, "entry_points", lambda group: made)


def test_a_name_of_ours_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, ("mimicry-audit", "lexical", "os:path"), ("other-things", "lexical", "os:sep"))
    with pytest.raises(ConfigError, match="other-things adds lexical"):
        dict(PluginRegistry(AXIS_GROUP, own=("lexical",)))


def test_a_part_that_cannot_be_imported_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, ("mimicry-audit", "lexical", "os:path"), ("other-things", "more", "no_such_module:Part"))
    registry = PluginRegistry(AXIS_GROUP, own=("lexical",))
    assert registry.sources() == {"more": "other-things 1.2"}
    with pytest.raises(PrerequisiteError, match="more, which the package other-things adds"):
        registry.load("more")


def test_an_outdated_installation_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, ("mimicry-audit", "lexical", "os:path"))
    with pytest.raises(PrerequisiteError, match="older than its code"):
        dict(PluginRegistry(AXIS_GROUP, own=("lexical", "phrases")))
