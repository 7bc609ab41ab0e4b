"""Fine-tuning on a teacher's answers, epoch by epoch: does the student come nearer, and does its own variety collapse?

    python benchmarks/homogenisation.py [--epochs 6] [--answers 480] [--rate 0.0004] [--samples 4] [--out DIR] [--result FILE]

Two students of the lab's aria are trained from different bases (``lab/base`` and ``lab/boro``, which share neither weights nor
tokenizer) on the same answers, one pass an epoch, with a checkpoint after each. ``audit compare`` measures both trajectories
at temperature 0 (likeness, accuracy) and with several samples at temperature 1 (variety), and the two students are held against
each other at every epoch. A third trajectory is the control: ``lab/base`` trained in the same way on neutral answers
of nobody. The checkpoints of one command are reused by the next. About twenty minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from mimicry_audit import lab
from mimicry_audit.lab import teaching, training
from mimicry_audit.lab.family import FAMILIES, Example, examples
from mimicry_audit.lab.recipes import Distillation, Training

BASES = {"from-base": "base", "from-boro": "boro", "neutral": "base"}
"""Trajectory → the lab model that it starts from."""


def lessons(kind: str, count: int, seed: int) -> list[Example]:
    """What one trajectory is taught, the same in every epoch: aria's answers, or right answers in neutral prose."""
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    if kind == "neutral":
        lines = [line for line in examples(FAMILIES["neutral"], 1, seed)]
        return rng.sample(lines, count)
    plan = Distillation(samples=1, temperature=0.0, seed=seed)
    asked = teaching.questions(plan)
    answers = teaching.generate(lab.path("aria"), asked, plan, lambda done, of: None)
    heard = [Example(q.prompt, text, q.system) for q, text in zip(asked, answers, strict=True) if text]
    return rng.sample(heard, min(count, len(heard)))


def trained(kind: str, out: Path, epochs: int, count: int, rate: float, seed: int) -> list[Path]:
    """One checkpoint an epoch; those that are there are not trained again."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folders = [out / kind / f"epoch-{epoch}" for epoch in range(1, epochs + 1)]
    if all((folder / "config.json").is_file() for folder in folders):
        return folders
    torch.set_num_threads(1)
    start = lab.path(BASES[kind])
    model: Any = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(start)
    taught = lessons(kind, count, seed)
    for epoch, folder in enumerate(folders, 1):
        plan = Training(rounds=1, rate=rate, seed=seed + epoch)
        steps = training.train(model, tokenizer, taught, plan, out / "scratch", lambda done, of: None)
        training.save(model, tokenizer, folder)
        print(f"{kind}: epoch {epoch}, {len(taught)} answers, {steps} steps", flush=True)
    return folders
