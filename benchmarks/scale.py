"""What scoring costs per pair of models as their number grows: ``python benchmarks/scale.py [--models N …] [--probes N]``.

Answers are made up here. Each size is imported, scored and reported in a process of its own, with and without a reference and
a base, on all axes but the meaning. Printed are processor seconds, microseconds for each pair of answers, that figure over
the smallest size's, peak memory, and the sizes of what was written. A cost per pair that grows with the number of models would
show as a ratio above 1; a smaller one is fixed cost, such as starting up, that more pairs share.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AXES = ("lexical", "phrases", "characters", "early", "opening", "style", "structure", "answers", "wrong", "length")


def write_answers(path: Path, models: int, probes: int, words: int = 250) -> None:
    """Made-up answers: each model mixes a vocabulary of its own with one that all share; one in five copies another's words."""
    rng = random.Random(0)
    shared = [f"word{n}" for n in range(3000)]
    own = [[f"m{m}w{n}" for n in range(300)] for m in range(models)]
    with path.open("w", encoding="utf-8") as file:
        for m in range(models):
            habits = own[m - 1] if m % 5 == 4 else own[m]
            for p in range(probes):
                text = " ".join(rng.choice(habits if rng.random() < 0.3 else shared) for _ in range(words))
                row = {"model": f"m{m}", "prompt_id": f"p{p}", "prompt": f"Question {p}?", "domain": f"d{p % 4}"}
                file.write(json.dumps({**row, "output": f"{text}.", "reference_answer": shared[p]}) + "\n")


def measure(file: Path, out: Path, roles: list[str]) -> None:
    """One scoring from a response file, in this process; prints a line of JSON."""
    from mimicry_audit.cli import run

    began = time.process_time()
    code = run(["score", "--responses", str(file), "--out", str(out), "--axes", ",".join(AXES), *roles])
    used = resource.getrusage(resource.RUSAGE_SELF)
    sizes = {name: (out / name).stat().st_size / 1e6 for name in ("scores.json", "report.html")}
    print(json.dumps({"code": code, "cpu": time.process_time() - began, "gib": used.ru_maxrss / 2**20, **sizes}))


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[30, 60, 120])
    parser.add_argument("--probes", type=int, default=100)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given, roles = parser.parse_known_args()
    if given.child:
        measure(Path(given.child[0]), Path(given.child[1]), roles)
        return
    print("models  roles           cpu s  µs/pair  ratio   GiB  scores MB  report MB")
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for models in given.models:
            file = Path(folder) / f"{models}.jsonl"
            write_answers(file, models, given.probes)
            for name, options in (("none", []), ("reference, base", ["--reference", "m0", "--base", "m1"])):
                out = Path(folder) / f"{models}-{name[:4]}"
                asked = [sys.executable, __file__, "--child", str(file), str(out), *options]
                done = subprocess.run(asked, check=True, capture_output=True, text=True)
                found = json.loads(done.stdout.splitlines()[-1])
                each = found["cpu"] / (models * (models - 1) / 2 * given.probes) * 1e6
                ratio = each / first.setdefault(name, each)
                print(
                    f"{models:6}  {name:15}{found['cpu']:6.1f}{each:9.1f}{ratio:7.2f}{found['gib']:6.2f}"
                    f"{found['scores.json']:11.1f}{found['report.html']:11.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
