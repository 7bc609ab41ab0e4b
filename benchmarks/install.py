"""How long the package takes to install and how much it puts on disk, on every Python found, with figures for the README.

    python -m benchmarks.install [--out FILE]

For each interpreter: a fresh environment, the wheel of this checkout with its dependencies from the configured index, the size
of what was added, then ``audit --help`` and ``audit score`` on recorded answers. For every version and system, here or not, uv
resolves the dependencies; those without an extra are all ready-made wheels. The network decides the times.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {"Linux": "x86_64-manylinux_2_28", "macOS": "aarch64-apple-darwin"}
EXTRAS = ("", "hf", "all")
QUIET = ("--quiet", "--disable-pip-version-check", "--no-cache-dir")


def run(*words: str) -> str:
    """What a command prints; its own words where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stderr}")
    return done.stdout


def size(folder: Path) -> float:
    """Megabytes (10⁶ bytes) of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def installed(python: str, wheel: Path, folder: Path) -> dict[str, float]:
    """Seconds and megabytes of one installation that then scores recorded answers."""
    home = folder / f"env-{Path(python).name}"
    run(python, "-m", "venv", str(home))
    site = next((home / "lib").glob("python*/site-packages"))
    before, began = size(site), time.perf_counter()
    run(str(home / "bin" / "python"), "-m", "pip", "install", *QUIET, str(wheel))
    found = {"seconds": time.perf_counter() - began, "megabytes": size(site) - before}
    answers = folder / "answers.jsonl"
    rows = [
        {"model": m, "prompt_id": f"q{n}", "prompt": f"Say {n}.", "output": f"{m} says {n}."}
        for m in "ab"
        for n in range(4)
    ]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    audit = str(home / "bin" / "audit")
    run(audit, "--help")
    run(audit, "score", "--responses", str(answers), "--out", str(home / "run"))
    return found


def interpreter(version: str) -> str | None:
    """A Python of that version that starts: on the path, or among those that pyenv keeps."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"{version}*/bin/python{version}")))]
    return next(
        (
            path
            for path in found
            if path and not subprocess.run([path, "-V"], check=False, capture_output=True).returncode
        ),
        None,
    )


def resolved(uv: str, version: str, system: str, extra: str) -> int:
    """How many packages would be installed there; without an extra, all of them must be ready-made wheels."""
    more = ("--extra", extra) if extra else ("--only-binary", ":all:")
    listed = run(uv, "pip", "compile", "--quiet", str(ROOT / "pyproject.toml"), "--python-version", version,
                 "--python-platform", system, *more)  # fmt: skip
    return listed.count("==")


def main() -> None:
    """Measure, print a table, and keep the figures where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.install", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="keep the figures in this JSON file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
        (wheel,) = folder.glob("*.whl")
        run(sys.executable, "-m", "venv", str(folder / "tools"))
        run(str(folder / "tools" / "bin" / "python"), "-m", "pip", "install", *QUIET, "uv==0.13.9")
        uv = str(folder / "tools" / "bin" / "uv")
        figures: dict[str, object] = {
            "date": datetime.now(UTC).date().isoformat(), "machine": platform.machine(), "wheel_kb": wheel.stat().st_size / 1e3,
        }  # fmt: skip
        print(f"wheel: {wheel.stat().st_size / 1e6:.1f} MB")
        for version in VERSIONS:
            if python := interpreter(version):
                figures[version] = found = installed(python, wheel, folder)
                print(f"Python {version}: {found['seconds']:.0f} s, {found['megabytes']:.0f} MB")
            else:
                print(f"Python {version}: not on this machine, so its packages are only resolved")
            for name, system in SYSTEMS.items():
                counts = {extra or "base": resolved(uv, version, system, extra) for extra in EXTRAS}
                figures[f"{version} on {name}"] = counts
                print(
                    f"Python {version} on {name}, packages:", ", ".join(f"{n} {extra}" for extra, n in counts.items())
                )
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
