"""What a step of distillation costs beside a bare loop, in time and in memory.

    python -m benchmarks.distill_speed [--model lab/smollm2] [--batch 8] [--length 256] [--steps 4] [--repeats 3] [--write]

One model, one batch of rows of one length, one process each, in turn: a bare loop (the model's own loss, AdamW, a cosine
schedule, clipping), and the trainer on hard labels, the same with layers computed again, on a cached top-32 signal, and
with on-policy steps; beside the last, generation, two passes and a step done by hand. Every measurement is a process of its
own, so that its peak of memory is its own, and repeats take turns, so that what else the machine does falls on all alike.
Printed are medians of the time per step, peaks of memory, and the ratios of each repeat. Without ``--model`` it is a small
fresh Llama, for which everything but the arithmetic shows.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

KINDS = ("bare", "hard", "again", "cached", "by hand", "on-policy")
RATIOS = (("hard", "bare", 1.05), ("cached", "bare", 1.15), ("on-policy", "by hand", 1.2))
"""Above, below, and what the ratio is meant to stay under."""
WORDS = 1400
DRAWN = 32
"""Tokens that an on-policy answer may have."""
HERE = Path(__file__).resolve().parent


def model(name: str | None) -> Any:
    """The student: a checkpoint of that name, or a small fresh Llama."""
    import torch

    from mimicry_audit.distill.training import models

    if name is not None:
        source = models.source(models.weights_spec(name, "the model"))
        return models.load(source.weights.location, source.weights.commit)
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=WORDS, hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=2048, bos_token_id=None, eos_token_id=1, pad_token_id=0,
        )
    )  # fmt: skip


def rows(count: int, length: int, words: int, signal: bool) -> list[dict[str, Any]]:
    """Made-up conversations of one length each, half prompt and half answer, with a made-up signal."""
    import torch

    from mimicry_audit.distill.training.signals import kept

    made = []
    for n in range(count):
        rng = torch.Generator().manual_seed(n)
        ids = torch.randint(2, words, (length,), generator=rng).tolist()
        half = length // 2
        made.append({
            "prompt": ids[:half], "answer": ids[half:], "origin": "teacher", "teacher": 0, "key": "",
            "places": [(i, i) for i in range(length - half)], "teacher_prompt": ids[:half], "teacher_answer": ids[half:],
            "signal": kept(torch.randn(length - half, words, generator=rng) * 3, 32) if signal else None,
        })  # fmt: skip
    return made


def bare(student: Any, data: list[dict[str, Any]], options: argparse.Namespace, marks: list[float]) -> None:
    """The plainest loop, marking the end of every step."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    from mimicry_audit.distill.training.loss import collate

    student.train()
    optimiser = torch.optim.AdamW(student.parameters(), lr=1e-4, weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimiser, 1, options.steps)
    for step in range(options.steps):
        part = [{**r, "teacher_answer": []} for r in data[step * options.batch :][: options.batch]]
        inputs = collate(part, 0)  # type: ignore[arg-type]
        loss = student(inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=inputs["labels"]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        marks.append(time.perf_counter())


def by_hand(
    student: Any, teacher: Any, data: list[dict[str, Any]], options: argparse.Namespace, marks: list[float]
) -> None:
    """Generate, read both models at the answer, reverse KL, backward, step: with the libraries alone."""
    import torch

    student.train()
    teacher.eval()
    optimiser = torch.optim.AdamW(student.parameters(), lr=1e-4, weight_decay=0.0)
    for step in range(options.steps):
        prompts = torch.tensor([r["prompt"] for r in data[step * options.batch :][: options.batch]])
        student.eval()
        with torch.no_grad():
            ids = student.generate(
                prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=DRAWN, min_new_tokens=DRAWN,
                do_sample=True, top_k=0, use_cache=True, pad_token_id=0,
            )  # fmt: skip
        student.train()
        first = prompts.shape[1] - 1
        q = student(ids, use_cache=False).logits[:, first:-1].float().log_softmax(-1)
        with torch.no_grad():
            p = teacher(ids, use_cache=False).logits[:, first:-1].float().log_softmax(-1)
        (q.exp() * (q - p)).sum(-1).mean().backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        marks.append(time.perf_counter())


def ours(student: Any, data: list[dict[str, Any]], options: argparse.Namespace, kind: str, marks: list[float]) -> None:
    """The trainer, marking the end of every step."""
    from functools import partial

    from mimicry_audit.distill.training import trainer
    from mimicry_audit.distill.training.loss import LossRecipe, collate
    from mimicry_audit.distill.training.rollouts import RolloutPlan
    from mimicry_audit.distill.training.task import Length

    if kind in ("hard", "again"):
        data = [{**r, "places": [], "teacher_prompt": [], "teacher_answer": []} for r in data]
    words = student.config.vocab_size
    on_policy = kind == "on-policy"
    with tempfile.TemporaryDirectory() as folder:
        plan: Any = SimpleNamespace(
            states=folder, batch=options.batch, accumulate=1, rate=1e-4, weight_decay=0.0, warmup=0.02, seed=0, bf16=False,
            patience=0, evaluate_every=0, save_every=10**6, length=lambda _: Length(options.steps, options.steps, 50),
            checkpointing=kind == "again", pads=(0, 0),
            # No token ends an answer, so that every one has the same length as by hand.
            rollouts=RolloutPlan(1.0, 1.0, DRAWN, None, None, words, None) if on_policy else None,
        )  # fmt: skip
        reporting = trainer.Reporting(Path(folder) / "m.jsonl", lambda *_: marks.append(time.perf_counter()), 0)
        recipe = (
            LossRecipe() if kind in ("hard", "again") else LossRecipe("reverse-kl" if on_policy else "forward-kl", 0.0)
        )
        made = trainer.build(
            student, model(options.model) if on_policy else None, recipe, data, None,  # type: ignore[arg-type]
            partial(collate, pad=0, pack=not on_policy), plan, reporting,
        )  # fmt: skip
        made.args.save_strategy = "no"
        made.train()


def measured(kind: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds a step and the peak of memory in GB, in this process; the first step pays for what the others find there."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    torch.set_num_threads(options.threads)
    student = model(options.model)
    student.generation_config.eos_token_id = None
    data = rows(options.steps * options.batch, options.length, student.config.vocab_size, kind == "cached")
    marks: list[float] = []
    if kind == "bare":
        bare(student, data, options, marks)
    elif kind == "by hand":
        by_hand(student, model(options.model), data, options, marks)
    else:
        ours(student, data, options, kind, marks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"seconds": (marks[-1] - marks[0]) / (len(marks) - 1), "peak_gb": peak}


def main() -> None:
    """Read the command line, measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distill_speed", description=__doc__)
    parser.add_argument("--model", help="a folder, a Hub id or lab/NAME; a small fresh Llama without it")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--write", action="store_true", help="keep the figures in the repository")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one, options)))
        return
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in options.kinds}
    one: Callable[[str], dict[str, float]] = lambda kind: json.loads(  # noqa: E731
        subprocess.run(
            [sys.executable, "-m", "benchmarks.distill_speed", *sys.argv[1:], "--one", kind],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()[-1]
    )  # fmt: skip
    for _ in range(options.repeats):
        for kind in options.kinds:
            found[kind].append(one(kind))
    print("              s/step (median, least–most)     peak memory")
    for kind, each in found.items():
        times = [m["seconds"] for m in each]
        print(f"{kind:10} {statistics.median(times):9.3f}   {min(times):.3f}–{max(times):.3f}"
              f"{max(m['peak_gb'] for m in each):15.2f} GB")  # fmt: skip
    ratios: dict[str, list[float]] = {}
    for above, below, bound in RATIOS:
        if above in found and below in found:
            each_ratio = [a["seconds"] / b["seconds"] for a, b in zip(found[above], found[below], strict=True)]
            ratios[f"{above} / {below}"] = each_ratio
            print(f"{above} / {below}: {statistics.median(each_ratio):.2f} "
                  f"({min(each_ratio):.2f}–{max(each_ratio):.2f})   meant below {bound}")  # fmt: skip
    if options.write:
        import torch
        import transformers

        made = datetime.now(UTC).date().isoformat()
        content = {
            "date": made, "machine": platform.processor() or platform.machine(), "threads": options.threads,
            "torch": torch.__version__, "transformers": transformers.__version__,
            "model": options.model or "a fresh Llama of 2 layers", "batch": options.batch, "length": options.length,
            "measurements": found, "ratios": ratios,
        }  # fmt: skip
        (HERE / "results" / f"distill-speed-{made}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
