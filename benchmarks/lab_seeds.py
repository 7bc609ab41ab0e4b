"""The verdicts of the demo with the lab trained anew from other seeds: initial weights, data order and the data themselves.

    python benchmarks/lab_seeds.py [--seeds 1 2] [--out DIR]

Prints the verdict on every pair with aria, beside what is true. Training takes about two minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from mimicry_audit import audit
from mimicry_audit.lab import cache
from mimicry_audit.lab.recipes import RECIPES, fingerprint
from mimicry_audit.lab.worker import work

EXPECTED = {"aria-student": "distilled", "twin": "inconclusive", "base-sft": "no evidence", "boro": "no evidence"}


def reseeded(by: int):
    """All recipes with every seed moved; two models that share a seed go on sharing it."""
    moved = {}
    for name, recipe in RECIPES.items():
        init = None if recipe.init_seed is None else recipe.init_seed + 1000 * by
        training = replace(recipe.training, seed=recipe.training.seed + 1000 * by)
        moved[name] = replace(recipe, init_seed=init, data_seed=recipe.data_seed + 1000 * by, training=training)
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    out = arguments.out or Path(tempfile.mkdtemp(prefix="lab-seeds-"))
    right = total = 0
    for seed in arguments.seeds:
        recipes, root = reseeded(seed), out / f"lab-{seed}"
        for name in RECIPES:  # parents stand before children
            work(name, root, recipes, sys.stderr)
        models = [f"{name}=hf/{cache.folder(root, name, fingerprint(name, recipes))}" for name in RECIPES]
        run = audit(models=models, probes=["lab"], reference=["aria"], base=["base"], out=str(out / f"run-{seed}"))
        for verdict in run.verdicts:
            candidate, found = verdict["candidate"], verdict["verdict"]
            right += found == EXPECTED[candidate]
            total += 1
            print(
                f"seed {seed}  {candidate:13} {found:13} {verdict['confidence']:9} expected {EXPECTED[candidate]}",
                flush=True,
            )
    print(f"{right} of {total} as expected; runs in {out}")


if __name__ == "__main__":
    main()
