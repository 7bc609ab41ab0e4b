"""Evolving data against static distillation and random acquisition, at equal labelling budget, offline.

    python benchmarks/evolve.py                   # everything: about 15 CPU minutes on one core
    python benchmarks/evolve.py --part 1/2        # half of it; a last call without --part adds up what is there

Two tasks of `mimicry_audit.distill.evolve.worlds` (text classification: eight intents; entity tagging: four types), the
scripted expert as teacher, 1, 3 and 5 shots, five seeds. The student is ``lab/base`` after it learnt to repeat the unlabelled
texts of both pools, once for all runs: without that a model of this size spends its few steps on learning to copy names.
The three strategies share everything but where a round's inputs come from: shots, number of labelled examples, labelling
calls, steps, replay, test set. Seed 0 was used while the code was written and is not among the seeds. The table and a JSON
file with every run, versions and hardware come out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent
TASKS = {"intents": "classification", "entities": "tagging"}
STRATEGIES = ("evolve", "static", "random")
SHOTS = (1, 3, 5)
SEEDS = (1, 2, 3, 4, 5)
SETTINGS = {
    "rounds": 3, "hard": 8, "easy": 8, "cases": 12, "replay": 1.0, "steps": 20, "batch": 8, "rate": 3e-3, "threads": 1,
    "max_tokens": 32,
}  # fmt: skip


def prepare(work: Path) -> None:
    """The student of all runs: ``lab/base`` that repeats what it reads; no label of either task is in it."""
    from mimicry_audit.distill import DistillSettings, distill
    from mimicry_audit.distill.evolve.worlds import world

    if (work / "base" / "lineage.json").is_file():
        return
    texts = [row["prompt"] for name in TASKS for row in world(name).rows() if row["split"] == "train"]
    data = work / "unlabelled.jsonl"
    lines = [json.dumps({"prompt": f"Say again: {text}", "answer": text}) for text in texts]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    distill(
        DistillSettings.of(
            teacher="lab/base", student="lab/base", data=str(data), out=work / "base", dose=0, steps=400, batch=16, rate=3e-3,
            threads=1, evaluation_limit=0, tensorboard=False,
        )
    )  # fmt: skip


def one(world: str, strategy: str, shots: int, seed: int, work: Path) -> dict:
    """One distillation, unless its result is there."""
    kept = work / f"{world}-{strategy}-{shots}-{seed}.json"
    if kept.is_file():
        return json.loads(kept.read_text("utf-8"))
    from mimicry_audit.distill.evolve import EvolveSettings, evolve

    out = work / kept.stem
    shutil.rmtree(out, ignore_errors=True)
    began, spent = time.monotonic(), time.process_time()
    made = evolve(
        EvolveSettings.of(
            teacher=f"expert/{world}", student=str(work / "base"), data=f"expert/{world}", task=TASKS[world], out=out,
            strategy=strategy, shots=shots, seed=seed, **SETTINGS,
        )
    )  # fmt: skip
    told = made.lineage["distillation"]
    found = {
        "task": world, "strategy": strategy, "shots": shots, "seed": seed,
        "labelled": told["labelled"], "test_sha256": told["data"]["test_sha256"],
        "rounds": [{k: r[k] for k in ("answers", "wrong_before", "dropped", "test")} for r in told["training"]],
        "score": made.rounds[-1]["test"]["f1"], "calls": told["calls"],
        "wall_s": round(time.monotonic() - began, 1), "cpu_s": round(time.process_time() - spent, 1),
    }  # fmt: skip
    kept.write_text(json.dumps(found), encoding="utf-8")
    shutil.rmtree(out)
    return found


def interval(values: list[float]) -> dict:
    """Mean, standard deviation and the 95 % interval of Student's t."""
    from scipy.stats import t

    mean, sd = statistics.fmean(values), statistics.stdev(values)
    half = float(t.ppf(0.975, len(values) - 1)) * sd / len(values) ** 0.5
    return {"n": len(values), "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}


def summary(runs: list[dict]) -> dict:
    """Scores, and differences to the evolving strategy paired by seed."""
    score = {(r["task"], r["shots"], r["strategy"], r["seed"]): r["score"] for r in runs}
    found: dict = {"scores": [], "differences": []}
    for task in TASKS:
        for shots in SHOTS:
            for strategy in STRATEGIES:
                values = [score[task, shots, strategy, seed] for seed in SEEDS]
                found["scores"].append({"task": task, "shots": shots, "strategy": strategy, **interval(values)})
        for other in STRATEGIES[1:]:
            gaps = {
                (k, seed): score[task, k, "evolve", seed] - score[task, k, other, seed] for k in SHOTS for seed in SEEDS
            }
            for shots in SHOTS:
                values = [gaps[shots, seed] for seed in SEEDS]
                found["differences"].append({"task": task, "shots": shots, "less": other, **interval(values)})
            values = [statistics.fmean(gaps[k, seed] for k in SHOTS) for seed in SEEDS]
            found["differences"].append({"task": task, "shots": "all", "less": other, **interval(values)})
    return found


def show(found: dict) -> None:
    print(f"{'task':10} {'shots':>5} " + " ".join(f"{s:>14}" for s in STRATEGIES) + "   F1, mean ± sd over five seeds")
    for task in TASKS:
        for shots in SHOTS:
            row = [e for e in found["scores"] if e["task"] == task and e["shots"] == shots]
            print(f"{task:10} {shots:>5} " + " ".join(f"{e['mean']:>7.3f} ± {e['sd']:.3f}" for e in row))
    for e in found["differences"]:
        print(
            f"{e['task']:10} {e['shots']!s:>5} evolve − {e['less']:7} {e['mean']:+.3f} [{e['low']:+.3f}, {e['high']:+.3f}]"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("reports") / "evolve-benchmark")
    parser.add_argument("--part", default="1/1")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    prepare(given.work)
    place, parts = map(int, given.part.split("/"))
    plan = [(w, s, k, seed) for k in (3, 1, 5) for seed in SEEDS for w in TASKS for s in STRATEGIES]
    for number, (world, strategy, shots, seed) in enumerate(plan):
        if number % parts == place - 1:
            found = one(world, strategy, shots, seed, given.work)
            print(f"{number + 1}/{len(plan)} {world} {strategy} {shots} seed {seed}: {found['score']:.3f}", flush=True)
    if parts > 1:
        return
    from importlib.metadata import version

    runs = [one(*entry, given.work) for entry in plan]
    content = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": 1},
        "versions": {n: version(n) for n in ("torch", "transformers", "accelerate", "rapidfuzz")},
        "settings": SETTINGS,
        "cpu_minutes": round(sum(r["cpu_s"] for r in runs) / 60, 1),
        **summary(runs),
        "runs": runs,
    }
    show(content)
    results = ROOT / "results" / f"evolve-{datetime.now(UTC):%Y-%m-%d}.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{content['cpu_minutes']} CPU minutes; {results}")


if __name__ == "__main__":
    main()
