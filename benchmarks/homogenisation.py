"""Fine-tuning on a teacher's answers, epoch by epoch: does the student come nearer, and does its own variety collapse?

    python benchmarks/homogenisation.py [--epochs 6] [--answers 900] [--restart] [--out DIR] [--result FILE]

Two students of the lab's aria are trained from different bases (``lab/base`` and ``lab/boro``, which share neither weights nor
tokenizer) on the same answers, one pass an epoch, with a checkpoint after each. ``audit compare`` measures both trajectories
at temperature 0 (likeness, accuracy) and with several samples at temperature 1 (variety), and the two students are held against
each other at every epoch. A third trajectory is the control: ``lab/base`` trained in the same way on neutral answers
of nobody. The checkpoints of one command are reused by the next. About half an hour on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mimicry_audit import compare, lab
from mimicry_audit.api import collect_resolved
from mimicry_audit.lab import teaching, training
from mimicry_audit.lab.family import FAMILIES, Example, examples
from mimicry_audit.lab.recipes import Distillation, Training
from mimicry_audit.records.asked import Response
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.statistics.intervals import bootstrap_resamples, intervals
from mimicry_audit.workflow.settings import resolve, settings_from

BASES = {"from-base": "base", "from-boro": "boro", "neutral": "base"}
"""Trajectory → the lab model that it starts from."""


@cache
def lessons(neutral: bool, count: int, seed: int) -> list[Example]:
    """What one trajectory is taught, the same in every epoch: aria's answers, or right answers in neutral prose."""
    rng = Random(seed)
    if neutral:
        lines = list(examples(FAMILIES["neutral"], 1, seed))
        return rng.sample(lines, count)
    plan = Distillation(samples=1, temperature=0.0, seed=seed)
    asked = teaching.questions(plan)
    answers = teaching.generate(lab.path("aria"), asked, plan, lambda done, of: None)
    heard = [Example(q.prompt, text, q.system) for q, text in zip(asked, answers, strict=True) if text]
    return rng.sample(heard, min(count, len(heard)))


def trained(kind: str, out: Path, epochs: int, count: int, rate: float, seed: int, restart: bool) -> list[Path]:
    """One checkpoint an epoch; those that are there are not made again.

    The rate falls along a cosine over all epochs of one training, or with `restart` anew in each epoch.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, Trainer, TrainerCallback
    from transformers import TrainingArguments as Arguments

    folders = [out / kind / f"epoch-{epoch}" for epoch in range(1, epochs + 1)]
    if all((folder / "config.json").is_file() for folder in folders):
        return folders
    torch.set_num_threads(1)
    start = lab.path(BASES[kind])
    model: Any = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(start)
    taught = lessons(kind == "neutral", count, seed)
    if restart:
        for epoch, folder in enumerate(folders, 1):
            plan = Training(rounds=1, rate=rate, seed=seed + epoch)
            training.train(model, tokenizer, taught, plan, out / "scratch", lambda done, of: None)
            training.save(model, tokenizer, folder)
        return folders

    class Keep(TrainerCallback):
        """Saves a checkpoint after each epoch."""

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            epoch = round(state.epoch)
            training.save(model, tokenizer, folders[epoch - 1])
            print(f"{kind}: epoch {epoch}, {len(taught)} answers, {state.global_step} steps", flush=True)

    pad = model.config.pad_token_id or 0
    arguments = Arguments(
        output_dir=str(out / "scratch"), per_device_train_batch_size=8, num_train_epochs=epochs, learning_rate=rate,
        lr_scheduler_type="cosine", warmup_steps=20, weight_decay=0.0, seed=seed, data_seed=seed, use_cpu=True,
        save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, remove_unused_columns=False,
        dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=training.encode(tokenizer, taught),
        data_collator=lambda batch: training.collate(batch, pad),
        callbacks=[Keep()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return folders


def asked(out: Path, folders: dict[str, list[Path]], **settings: Any) -> RunDirectory:
    """All checkpoints and the lab's models, asked the lab's probes."""
    models = ["lab/aria", "lab/base", "lab/boro", "lab/base-sft"]
    models += [
        f"{kind}-{epoch}=hf/{folder}" for kind, found in folders.items() for epoch, folder in enumerate(found, 1)
    ]
    given = {"models": models, "probes": ["lab"], "identity_attempts": 0, "max_tokens": 120, "engine": "hf", **settings}
    return collect_resolved(resolve(settings_from(given | {"out": str(out)}, "the benchmark")))[0]


def trajectory(run: RunDirectory, kind: str, epochs: int, out: Path) -> dict[str, Any]:
    """One comparison, cut down to its figures; one that is there is not made again."""
    controls = [f"{run.path}#{name}" for name in ("boro", "base", "base-sft") if name != BASES[kind]]
    if BASES[kind] == "base":
        controls = [c for c in controls if not c.endswith("#base")]
    if (out / "compare.json").is_file():
        return figures(json.loads((out / "compare.json").read_text("utf-8")))
    found = compare(
        before=f"{run.path}#{BASES[kind]}",
        after=[f"{run.path}#{kind}-{epoch}" for epoch in range(1, epochs + 1)],
        reference=f"{run.path}#aria",
        control=controls,
        steps=list(range(1, epochs + 1)),
        out=str(out),
    )
    return figures(found.result)


def figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the result file keeps of one comparison."""
    rows = []
    for at, k in enumerate(found["checkpoints"]):
        step = found["steps"][at]["movement"]
        rows.append(
            {
                "epoch": at + 1,
                "similarity": k["overall"]["after"],
                "adjusted": k["overall"]["adjusted"],
                "since_last": {"change": step["change"], "adjusted": step["adjusted"], "p_holm": step["p_holm"]},
                "accuracy": k["accuracy"]["after"] if k["accuracy"] else None,
                "reference_claims": ((k["identity"] or {}).get("plain", {}).get("reference") or {}).get("after"),
                "diversity": {name: (m or {}).get("after") for name, m in k["diversity"].items()},
                "answers": [q["sentence"] for q in k["questions"]],
            }
        )
    first = found["checkpoints"][0]
    start = {
        "similarity": first["overall"]["before"],
        "accuracy": first["accuracy"]["before"] if first["accuracy"] else None,
        "diversity": {name: (m or {}).get("before") for name, m in first["diversity"].items()},
    }
    return {"signature": found["signature"], "said": found["trajectory"], "before": start, "epochs": rows}


def side_by_side(run: RunDirectory, epochs: int) -> list[dict[str, Any]]:
    """How like each other the two students of one teacher are, epoch by epoch; epoch 0 is their bases."""
    probes = [p for p in run.probes() if p.domain != "identity"]
    pairs = [("base", "boro"), *((f"from-base-{e}", f"from-boro-{e}") for e in range(1, epochs + 1))]
    labels = list(dict.fromkeys(label for pair in pairs for label in pair))
    answers: dict[str, Sequence[Response]] = {label: run.responses(label) for label in labels}
    measured = [m.values for m in measure_axes(probes, labels, answers) if m.values is not None and not m.axis.baseline]
    names = list(dict.fromkeys(p.domain for p in probes))
    domains = np.array([names.index(p.domain) for p in probes])
    weights = bootstrap_resamples(domains, 2000, 0)
    out = []
    for epoch, (one, other) in enumerate(pairs):
        columns = np.stack([v[:, labels.index(one), labels.index(other)] for v in measured])
        known = np.isfinite(columns).sum(axis=0)
        mean = np.divide(np.nansum(columns, axis=0), known, out=np.full(len(probes), np.nan), where=known > 0)
        found = intervals(mean[:, None], domains, weights)[0]
        out.append({"epoch": epoch, "similarity": found.as_dict() if found else None})
    return out


def main() -> None:
    """Train, ask, compare, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--answers", type=int, default=900)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--limit", type=int, default=25, help="probes per domain where several samples are drawn")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--restart", action="store_true", help="let the learning rate fall anew in every epoch")
    parser.add_argument("--kinds", default=",".join(BASES), help="trajectories at temperature 0")
    parser.add_argument("--sampled", default="from-base,neutral", help="trajectories with several samples")
    parser.add_argument("--out", type=Path, default=Path("homogenisation"))
    parser.add_argument("--result", type=Path, default=None)
    given = parser.parse_args()
    out = given.out.resolve()
    lab.build()
    kinds, drawn = given.kinds.split(","), given.sampled.split(",")
    folders = {k: trained(k, out, given.epochs, given.answers, given.rate, given.seed, given.restart) for k in kinds}
    greedy = asked(out / "greedy", folders)
    sampled = asked(
        out / "sampled", {k: folders[k] for k in drawn}, samples=given.samples, temperature=1.0, limit=given.limit,
        engine_options={"batch_size": 48},
    )  # fmt: skip
    result = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {k: v for k, v in vars(given).items() if k not in ("out", "result")},
        "greedy": {k: trajectory(greedy, k, given.epochs, out / f"compare-{k}") for k in kinds},
        "sampled": {k: trajectory(sampled, k, given.epochs, out / f"compare-sampled-{k}") for k in drawn},
        "students_alike": side_by_side(greedy, given.epochs) if {"from-base", "from-boro"} <= set(kinds) else None,
    }
    name = f"homogenisation{'-restart' if given.restart else ''}-{datetime.now(UTC):%Y-%m-%d}.json"
    target = given.result or Path(__file__).parent / "results" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"figures in {target}")


if __name__ == "__main__":
    main()
