"""What a step of distillation costs beside a bare loop: ``python benchmarks/distill_speed.py [--steps N] [--repeats N]``.

One model, one batch, one process, in turn: a bare loop (the model's own loss, AdamW, a cosine schedule, clipping),
the trainer on hard labels, the trainer on a cached top-k signal, and the trainer with the teacher in process (which adds a
forward pass of the teacher, and is shown for scale). Repeats take turns, so that what else the machine does falls on all
alike; printed are medians of the time per step and their ratios: hard / bare, meant to stay below 1.15, and cached / hard,
below 1.3.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def rows(count: int, prompt: int, answer: int, words: int, top_k: int) -> list[dict[str, Any]]:
    """Made-up conversations of one length each, with a made-up signal."""
    import torch

    from mimicry_audit.distill.training.signals import kept

    made = []
    for n in range(count):
        rng = torch.Generator().manual_seed(n)
        ids = torch.randint(0, words, (prompt + answer,), generator=rng).tolist()
        made.append({
            "prompt": ids[:prompt], "answer": ids[prompt:], "origin": "teacher", "places": [(i, i) for i in range(answer)],
            "teacher_prompt": ids[:prompt], "teacher_answer": ids[prompt:],
            "signal": kept(torch.randn(answer, words, generator=rng) * 3, top_k),
        })  # fmt: skip
    return made


def model(words: int, hidden: int, layers: int, seed: int) -> Any:
    """A fresh Llama."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=words,
            hidden_size=hidden,
            intermediate_size=3 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=512,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )


def bare(fresh: Callable[[int], Any], data: list[dict[str, Any]], steps: int, batch: int) -> float:
    """Seconds a step of the plainest loop."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    from mimicry_audit.distill.training.loss import collate

    student = fresh(0).train()
    optimiser = torch.optim.AdamW(student.parameters(), lr=1e-4, weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimiser, 1, steps)
    began = 0.0
    for step in range(steps):
        if step == 2:  # the first steps pay for memory that the others find there
            began = time.perf_counter()
        part = [{**r, "signal": None, "teacher_answer": []} for r in data[step * batch % len(data) :][:batch]]
        inputs = collate(part, 0)
        loss = student(inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=inputs["labels"]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    return (time.perf_counter() - began) / (steps - 2)


def ours(fresh: Callable[[int], Any], data: list[dict[str, Any]], steps: int, batch: int, kind: str) -> float:
    """Seconds a step of the trainer."""
    from mimicry_audit.distill.training import trainer
    from mimicry_audit.distill.training.loss import LossRecipe, collate
    from mimicry_audit.distill.training.task import Length

    if kind != "cached":
        data = [{**r, "signal": None, "teacher_answer": r["teacher_answer"] if kind == "dense" else []} for r in data]
    if kind == "hard":
        data = [{**r, "places": []} for r in data]
    marks: list[float] = []

    with tempfile.TemporaryDirectory() as folder:
        plan = SimpleNamespace(
            states=folder, batch=batch, accumulate=1, rate=1e-4, weight_decay=0.0, warmup=0.02, seed=0,
            bf16=False, patience=0, evaluate_every=0, save_every=10**6, length=lambda _: Length(steps, steps, 50),
        )  # fmt: skip
        told = trainer.Telling(Path(folder) / "m.jsonl", lambda *_: marks.append(time.perf_counter()), 0)
        recipe = LossRecipe() if kind == "hard" else LossRecipe("forward-kl", 0.0)
        made = trainer.build(
            fresh(0), fresh(1) if kind == "dense" else None, recipe, data, None, lambda r: collate(r, 0), plan, told
        )
        made.args.save_strategy = "no"
        made.train()
    return (marks[-2] - marks[1]) / (len(marks) - 3)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--words", type=int, default=1400)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=40)
    parser.add_argument("--answer", type=int, default=40)
    parser.add_argument("--top-k", type=int, default=32)
    given = parser.parse_args()

    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.set_verbosity_error()

    def fresh(seed: int) -> Any:
        return model(given.words, given.hidden, given.layers, seed)

    data = rows(8 * given.batch, given.prompt, given.answer, given.words, given.top_k)
    times: dict[str, list[float]] = {"bare": [], "hard": [], "cached": [], "dense": []}
    for _ in range(given.repeats):
        times["bare"].append(bare(fresh, data, given.steps, given.batch))
        for kind in ("hard", "cached", "dense"):
            times[kind].append(ours(fresh, data, given.steps, given.batch, kind))
    print("            ms/step (median, least–most)")
    for kind, found in times.items():
        print(f"{kind:10} {statistics.median(found) * 1e3:8.2f}   {min(found) * 1e3:.2f}–{max(found) * 1e3:.2f}")
    for above, below, bound in (("hard", "bare", 1.15), ("cached", "hard", 1.3), ("dense", "hard", None)):
        ratios = [a / b for a, b in zip(times[above], times[below], strict=True)]
        meant = f"   meant below {bound}" if bound else ""
        print(f"{above} / {below}: {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}){meant}")


if __name__ == "__main__":
    main()
