"""A wheel built from the project and installed elsewhere finds its probes and templates, and needs no checkout.

So does what the source archive installs. And installed with what it names as its dependencies alone, without any extra, it
scores, reports and imports.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mimicry_audit.ground.extras import EXTRAS
from tests.support.commands import ROOT


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    check = [
        sys.executable,
        "-m",
        "twine",
        "check",
        "--strict",
        *(str(folder / f"*.{kind}") for kind in ("whl", "tar.gz")),
    ]
    for command in (build, check):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(archives: Path) -> Path:
    (found,) = archives.glob("*.whl")
    return found


def closure() -> set[str]:
    """Names of this package's dependencies, and of theirs, no extra of ours among them."""
    found: set[str] = set()
    left = list(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"])
    while left:
        wanted = Requirement(left.pop())
        name = canonicalize_name(wanted.name)
        if name not in found and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            found.add(name)
            left += metadata.requires(name) or ()
    return found


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment with the wheel and its dependencies alone, as links to those of this environment."""
    home = tmp_path_factory.mktemp("bare") / "v"
    venv.create(home, with_pip=False, symlinks=True)
    site = next((home / "lib").glob("python*/site-packages"))
    for name in closure():
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top).resolve())  # type: ignore[attr-defined]
    _install(wheel, home)
    return home


def _install(archive: Path, home: Path) -> None:
    python = str(home / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, "--no-build-isolation", "--disable-pip-version-check", str(archive)], check=True)


def _see_others(home: Path) -> None:
    """Let an environment see the packages of this one."""
    site = next((home / "lib").glob("python*/site-packages"))
    # A path only, and after the new environment's own: the editable install's own .pth files are not followed from here.
    (site / "others.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment that holds the wheel, and sees this environment's other packages."""
    home = tmp_path_factory.mktemp("env") / "v"
    venv.create(home, with_pip=False, symlinks=True)
    _install(wheel, home)
    _see_others(home)
    return home


def done(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def run(installed: Path, cwd: Path, *words: str) -> str:
    ended = done(cwd, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


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


def test_the_source_archive_installs_what_the_wheel_does(archives: Path, wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "v"
    venv.create(home, with_pip=False, symlinks=True)
    _see_others(home)  # the build backend among them
    (archive,) = archives.glob("*.tar.gz")
    _install(archive, home)
    site = next((home / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as packed:
        expected = {name for name in packed.namelist() if name.startswith("mimicry_audit/")}
    made = {p.relative_to(site).as_posix() for p in (site / "mimicry_audit").rglob("*") if p.is_file()}
    assert {name for name in made if "__pycache__" not in name} == expected
    assert "core" in run(home, tmp_path, str(home / "bin" / "audit"), "probes", "list")


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


def recorded(folder: Path) -> Path:
    """A response file of two models."""
    rows = [
        f'{{"model": "{m}", "prompt_id": "q{n}", "prompt": "Say {n}.", "output": "{m} says {n}."}}'
        for m in ("a", "b")
        for n in range(4)
    ]
    (folder / "answers.jsonl").write_text("\n".join(rows) + "\n")
    return folder / "answers.jsonl"


def test_a_whole_run_works_from_there(installed: Path, tmp_path: Path) -> None:
    """Recorded answers, scored and reported by the installed wheel."""
    recorded(tmp_path)
    audit = str(installed / "bin" / "audit")
    run(installed, tmp_path, audit, "import", "answers.jsonl", "--out", "r")
    run(installed, tmp_path, audit, "score", "r", "--axes", "lexical,length")
    assert (tmp_path / "r" / "report.html").read_text().startswith("<!doctype html>")


def test_without_any_extra_answers_are_imported_scored_and_reported(bare: Path, tmp_path: Path) -> None:
    audit = str(bare / "bin" / "audit")
    for package in sorted(EXTRAS):
        assert done(tmp_path, str(bare / "bin" / "python"), "-c", f"import {package}").returncode, f"{package} is there"
    recorded(tmp_path)
    run(bare, tmp_path, audit, "score", "--responses", "answers.jsonl", "--out", "r", "--reference", "a")
    page = (tmp_path / "r" / "report.html").read_text()
    assert "sentence-transformers is not installed" in page, "an axis that cannot be measured says why"
    for kind in ("markdown", "json", "csv", "sarif"):
        run(bare, tmp_path, audit, "report", "r", "--format", kind)
    logs = ROOT / "tests" / "logs" / "files" / "lm-eval-0.4.13"
    run(bare, tmp_path, audit, "import", str(logs), "--out", "logs")
    run(bare, tmp_path, audit, "doctor")
    assert "Usage: audit" in run(bare, tmp_path, audit, "--help")


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("report", "r", "--format", "parquet"), "tables"),
        (("run", "--models", "hf/org/a,hf/org/b", "--out", "x"), "hf"),
        (("run", "--models", "lab/aria,lab/boro", "--out", "x"), "hf"),
        (("demo", "--out", "x"), "hf"),
        (("distill", "train", "--teacher", "lab/aria", "--student", "lab/base", "--data", "lab", "--out", "x"), "hf"),
        (("mcp", "."), "mcp"),
    ],
)
def test_whoever_needs_an_extra_is_told_which(bare: Path, tmp_path: Path, words: tuple[str, ...], extra: str) -> None:
    recorded(tmp_path)
    (tmp_path / "pairs.csv").write_text("student,teacher,relation\na,b,none\n")
    audit = str(bare / "bin" / "audit")
    if words[0] == "report":
        run(bare, tmp_path, audit, "score", "--responses", "answers.jsonl", "--out", "r")
    ended = done(tmp_path, audit, *words)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("audit: ")
    assert re.search(rf"extra [“]?{extra}\b", ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_message_installs_from_where_the_package_is_not() -> None:
    """While it is on no registry, `pip install mimicry-audit` finds nothing: messages name what is missing, or the checkout."""
    texts = {path: path.read_text("utf-8") for folder in ("mimicry_audit", "docs") for path in (ROOT / folder).rglob("*.*")
             if path.suffix in (".py", ".md")}  # fmt: skip
    assert [str(path) for path, text in texts.items() if re.search(r"pip install '?mimicry-audit", text)] == []
