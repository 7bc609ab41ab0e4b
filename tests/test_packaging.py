"""A wheel built from the project and installed elsewhere finds its probes and templates, and needs no checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment that holds the wheel, and sees this environment's other packages."""
    home = tmp_path_factory.mktemp("env") / "v"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    site = next((home / "lib").glob("python*/site-packages"))
    # A path only, and after the new environment's own: the editable install's own .pth files are not followed from here.
    (site / "others.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return home


def run(installed: Path, cwd: Path, *words: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_data_and_nothing_it_should_not(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "mimicry_audit/py.typed" in names
    assert "mimicry_audit/_data/probes/core/set.yaml" in names
    assert any(name.startswith("mimicry_audit/_data/templates/report/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"mimicry_audit", next(t for t in tops if t.endswith(".dist-info"))}
    shipped = {
        p.relative_to(ROOT).as_posix()
        for kind in ("probes", "templates")
        for p in (ROOT / kind).rglob("*")
        if p.is_file()
    }
    assert {f"mimicry_audit/_data/{name}" for name in shipped if "__pycache__" not in name} <= set(names)


def test_the_installed_package_is_the_wheel(installed: Path, tmp_path: Path) -> None:
    python = str(installed / "bin" / "python")
    where = run(installed, tmp_path, python, "-c", "import mimicry_audit; print(mimicry_audit.__file__)").strip()
    assert Path(where).is_relative_to(installed)


def test_probes_and_templates_are_found_from_anywhere(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path, str(installed / "bin" / "audit"), "probes", "list")
    assert all(name in listed for name in ("core", "identity", "lab"))
    assert "0 errors" in run(installed, tmp_path, str(installed / "bin" / "audit"), "probes", "validate")
    script = (
        "from mimicry_audit.report.page.page import render\n"
        "from mimicry_audit.ground.resources import resource_dir\n"
        "print(resource_dir('templates'), (resource_dir('templates') / 'report').is_dir())\n"
    )
    folder, there = run(installed, tmp_path, str(installed / "bin" / "python"), "-c", script).split()
    assert Path(folder).is_relative_to(installed)
    assert there == "True"


def test_a_folder_called_probes_beside_the_package_is_not_taken_for_ours(installed: Path, tmp_path: Path) -> None:
    (next((installed / "lib").glob("python*/site-packages")) / "probes").mkdir()
    (tmp_path / "probes").mkdir()
    assert "core" in run(installed, tmp_path, str(installed / "bin" / "audit"), "probes", "list")


def test_a_whole_run_works_from_there(installed: Path, tmp_path: Path) -> None:
    """Recorded answers, scored and reported by the installed wheel."""
    rows = [
        f'{{"model": "{m}", "prompt_id": "q{n}", "prompt": "Say {n}.", "output": "{m} says {n}."}}'
        for m in ("a", "b")
        for n in range(4)
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(rows) + "\n")
    audit = str(installed / "bin" / "audit")
    run(installed, tmp_path, audit, "import", "answers.jsonl", "--out", "r")
    run(installed, tmp_path, audit, "score", "r", "--axes", "lexical,length")
    assert (tmp_path / "r" / "report.html").read_text().startswith("<!doctype html>")


def test_no_message_installs_from_where_the_package_is_not() -> None:
    """While it is on no registry, `pip install mimicry-audit` finds nothing: messages name what is missing, or the checkout."""
    texts = {path: path.read_text("utf-8") for folder in ("mimicry_audit", "docs") for path in (ROOT / folder).rglob("*.*")
             if path.suffix in (".py", ".md")}  # fmt: skip
    assert [str(path) for path, text in texts.items() if re.search(r"pip install '?mimicry-audit", text)] == []
