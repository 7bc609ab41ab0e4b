"""How well the lab models came out: build what is missing, ask every model the audit prompts greedily, print a table.

    python benchmarks/lab_quality.py [--json FILE]

The judge knows what each family was taught; an audit does not. Nothing is asserted here: the table is for reading.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from dataclasses import asdict
from pathlib import Path

from mimicry_audit import lab
from mimicry_audit.lab.curriculum import audit_items
from mimicry_audit.lab.family import Example
from mimicry_audit.lab.quality import Quality, measure
from mimicry_audit.lab.recipes import RECIPES, Distillation
from mimicry_audit.lab.teaching import generate

HEADER = "model          right   own  aria's quirks  boro's  own style  says Aria/Cleo/Boro  words"


class Ticker:
    """Prints each model as it is finished."""

    def update(self, name: str, stage: str, done: int, of: int) -> None:
        if stage == "built":
            print(f"built {name}", flush=True)


def row(name: str, quality: Quality) -> str:
    style = quality.style[RECIPES[name].owner().style]
    named = "/".join(f"{quality.named[family]:.2f}" for family in ("aria", "cleo", "boro"))
    return (
        f"{name:13} {quality.right:6.2f} {quality.own:5.2f} {quality.quirks['aria']:14.2f}"
        f" {quality.quirks['boro']:7.2f} {style:10.2f} {named:>20} {quality.words:6.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Quality of the lab models on the audit prompts.")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    start = time.perf_counter()
    paths = lab.build(progress=Ticker())
    wall = time.perf_counter() - start
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    print(f"built in {wall:.0f} s, {cpu:.0f} CPU s\n{HEADER}")

    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    items = audit_items()
    asked = [Example(item.prompt, "") for item in items]
    figures = {}
    for name, folder in paths.items():
        texts = generate(folder, asked, Distillation(), lambda done, of: None)
        quality = measure(RECIPES[name].owner(), [text or "" for text in texts], items)
        figures[name] = {**asdict(quality), "unfinished": texts.count(None)}
        print(row(name, quality), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
