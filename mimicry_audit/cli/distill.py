"""``audit distill``: train a student on a teacher's answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mimicry_audit.cli import evolve

HELP = """Train a student on what a teacher says, and write a checkpoint that tells where it comes from.

DATA is a file of prompts (.jsonl, .csv, .parquet with a column prompt or messages) or the name of a probe set. Teacher and
student are named like the models of an audit; names without an engine are loaded by transformers.

\b
  audit distill --teacher lab/aria --student lab/base --data lab --out students/one
  audit distill --teacher lab/aria --student lab/base --data lab --out students/soft --objective forward-kl
  audit distill --teacher openai/big-model --student org/small --data prompts.jsonl --out students/text --adapter
  audit distill --teacher lab/aria --student lab/base --data mine.jsonl --out students/half --dose 0.5 --else-answers answer
  audit distill --teacher lab/aria --student lab/base --data lab --out students/best --search 20 --target agreement=0.9
  audit distill --method evolve --task classification --teacher expert/intents --data expert/intents --student lab/base --out students/intents

With --method evolve the teacher reads where the student fails, writes new inputs and labels them; DATA then has columns prompt
and label.

The same command again finishes what was interrupted. docs/distillation.md describes every option.
"""

_FLOAT, _INT = click.FLOAT, click.INT

OPTIONS = (
    (("--teacher",), {"required": True, "metavar": "MODEL", "help": "Whose answers are taught."}),
    (("--student",), {"metavar": "MODEL", "help": "Where the student starts: a folder, a Hub id or lab/NAME."}),
    (("--data",), {"required": True, "metavar": "DATA", "help": "File of prompts, or a probe set."}),
    (("--out", "-o"), {"required": True, "type": click.Path(path_type=Path), "metavar": "DIR", "help": "Where the checkpoint goes."}),
    (("--objective",), {"metavar": "NAME", "help": "hard, forward-kl, reverse-kl, jsd, skew-kl, skew-reverse-kl or uld. [default: hard]"}),
    (("--signal",), {"metavar": "KIND", "help": "text, dense, cached or served. [default: what the objective needs]"}),
    (("--hard-weight",), {"type": _FLOAT, "metavar": "W", "help": "Share of the hard-label loss beside a soft one. [default: 0; uld: 0.5]"}),
    (("--temperature",), {"type": _FLOAT, "metavar": "T", "help": "Of the soft objectives. [default: 1]"}),
    (("--beta",), {"type": _FLOAT, "metavar": "B", "help": "Of jsd. [default: 0.5]"}),
    (("--alpha",), {"type": _FLOAT, "metavar": "A", "help": "Of the skewed objectives. [default: 0.1]"}),
    (("--top-k",), {"type": _INT, "metavar": "K", "help": "Tokens kept by cached and served signals. [default: 32]"}),
    (("--dose",), {"type": _FLOAT, "metavar": "SHARE", "help": "Share of the answers that come from the teacher. [default: 1]"}),
    (("--else-answers",), {"metavar": "COLUMN", "help": "Column with the other answers. [default: answer]"}),
    (("--answer-temperature",), {"type": _FLOAT, "metavar": "T", "help": "Of sampled answers; 0 is greedy. [default: 0]"}),
    (("--max-tokens",), {"type": _INT, "metavar": "N", "help": "Most tokens in one answer. [default: 256]"}),
    (("--rounds",), {"type": _INT, "metavar": "N", "help": "On-policy rounds after the first. [default: 0]"}),
    (("--epochs",), {"type": _FLOAT, "metavar": "N", "help": "Passes over the answers in each round. [default: 3]"}),
    (("--steps",), {"type": _INT, "metavar": "N", "help": "Optimiser steps in each round, in place of epochs."}),
    (("--batch",), {"type": _INT, "metavar": "N", "help": "Conversations a step on one device. [default: 8]"}),
    (("--accumulate",), {"type": _INT, "metavar": "N", "help": "Batches added up before a step. [default: 1]"}),
    (("--rate",), {"type": _FLOAT, "metavar": "R", "help": "Peak learning rate. [default: 5e-5; adapter: 2e-4]"}),
    (("--warmup",), {"type": _FLOAT, "metavar": "SHARE", "help": "Share of the steps in which the rate rises. [default: 0.05]"}),
    (("--weight-decay",), {"type": _FLOAT, "metavar": "W", "help": "Of AdamW. [default: 0]"}),
    (("--dropout",), {"type": _FLOAT, "metavar": "P", "help": "Of the student while it is trained; of the adapter, with one. [default: as configured]"}),
    (("--layers",), {"type": _INT, "metavar": "N", "help": "Keep N of the student's layers, evenly spread. [default: all]"}),
    (("--adapter",), {"is_flag": True, "default": None, "help": "Train a LoRA adapter and merge it at the end (peft)."}),
    (("--adapter-rank",), {"type": _INT, "metavar": "R", "help": "Its rank. [default: 16]"}),
    (("--precision",), {"metavar": "P", "help": "fp32, bf16 or auto: bf16 on a GPU. [default: auto]"}),
    (("--threads",), {"type": _INT, "metavar": "N", "help": "CPU threads."}),
    (("--launcher",), {"metavar": "CMD", "help": 'Starts several processes: "accelerate launch --num_processes 4".'}),
    (("--chat-template",), {"metavar": "FILE", "help": "For a student without one: a Jinja file, or plain."}),
    (("--held-out",), {"type": _FLOAT, "metavar": "SHARE", "help": "Share of the prompts kept for evaluation. [default: 0.1]"}),
    (("--folds",), {"type": _INT, "metavar": "K", "help": "K-fold cross-validation before the training."}),
    (("--patience",), {"type": _INT, "metavar": "N", "help": "Stop after N evaluations without a better held-out loss."}),
    (("--evaluate-every",), {"type": _INT, "metavar": "N", "help": "Steps between evaluations. [default: one epoch]"}),
    (("--save-every",), {"type": _INT, "metavar": "N", "help": "Steps between states to resume from. [default: 100]"}),
    (("--evaluation-limit",), {"type": _INT, "metavar": "N", "help": "Most prompts evaluated before and after; 0 for none. [default: 200]"}),
    (("--seed",), {"type": _INT, "metavar": "N", "help": "Of everything random. [default: 0]"}),
    (("--limit",), {"type": _INT, "metavar": "N", "help": "Use only the first N prompts."}),
    (("--name",), {"metavar": "NAME", "help": "Of the student in its lineage. [default: the folder's]"}),
    (("--tensorboard/--no-tensorboard",), {"default": None, "help": "TensorBoard logs. [default: where it is installed]"}),
    (("--engine-option", "-E"), {"multiple": True, "metavar": "K=V", "help": "Engine option of the teacher, such as -E num_threads=1."}),
    (("--search",), {"type": _INT, "metavar": "N", "help": "Try N settings and keep the student that meets the targets (optuna)."}),
    (("--target",), {"multiple": True, "metavar": "METRIC>=VALUE", "help": "What the student must reach, such as agreement>=0.9; may be repeated."}),
    (("--students",), {"multiple": True, "metavar": "A,B,…", "help": "Several checkpoints to start from, in place of --student."}),
    (("--space",), {"type": click.Path(path_type=Path), "metavar": "FILE", "help": "YAML or JSON: what is searched. [default: objective, temperature, …]"}),
    (("--keep-trials",), {"type": _INT, "metavar": "N", "help": "Trials that keep their weights beside the chosen one. [default: 0]"}),
)  # fmt: skip


def _with_options(function: Any) -> Any:
    for names, rest in reversed((*OPTIONS, *evolve.OPTIONS)):
        function = click.option(*names, **rest)(function)
    return function


@click.command(name="distill", help=HELP)
@_with_options
def command(**values: Any) -> int:
    """See `HELP`."""
    from rich.markup import escape

    from mimicry_audit.cli import searching
    from mimicry_audit.cli.console import Bars, err_console, out_console
    from mimicry_audit.cli.options import given
    from mimicry_audit.distill import DistillSettings, distill

    class Watch(Bars):
        """Bars for the steps of a distillation too."""

        def stage(self, title: str, done: int, of: int) -> None:
            """See `mimicry_audit.distill.context.Watch`."""
            if title not in self._tasks:
                self.start(title, of, of)
            self._bars.update(self._tasks[title][0], completed=done, total=of)
            if done == of and self._bars.disable:
                self.console.print(f"{escape(title)}: {of} done")

    watch, typed = Watch(), given(values)
    if evolve.asks(typed):
        return evolve.perform(typed, watch)
    typed.pop("method", None)
    asked = searching.wish(typed)
    settings = DistillSettings.of(**typed)
    if asked is not None:
        from mimicry_audit.distill.search import search

        with watch:
            found = search(settings, asked, watch)
        return searching.show(found, table)
    with watch:
        made = distill(settings, watch)
    if made.evaluation is not None:
        out_console().print(table(made.evaluation))
        for note in made.evaluation["notes"]:
            err_console().print(f"[dim]note: {escape(note)}[/dim]", soft_wrap=True)
    out_console().print(f"Student: {escape(str(made.path))}", soft_wrap=True)
    return 0


ROWS = (
    ("cross-entropy (nats/token)", ("held_out", "cross_entropy")),
    ("perplexity", ("held_out", "perplexity")),
    ("bits per byte", ("held_out", "bits_per_byte")),
    ("… on what was taught", ("taught", "bits_per_byte")),
    ("KL(teacher‖model)", ("to_teacher", "kl_teacher_model")),
    ("KL(model‖teacher)", ("to_teacher", "kl_model_teacher")),
    ("same most probable token", ("to_teacher", "agreement")),
    ("exact match", ("text", "exact_match")),
    ("chrF", ("text", "chrf")),
    ("BLEU", ("text", "bleu")),
    ("ROUGE-1", ("text", "rouge1")),
    ("ROUGE-L", ("text", "rougeL")),
    ("answers finished", ("finished",)),
    ("right by its checks", ("checks", "accuracy")),
    ("accuracy", ("classes", "accuracy")),
    ("precision", ("classes", "precision")),
    ("recall", ("classes", "recall")),
    ("F1", ("classes", "f1")),
    ("pairs answered differently", ("fairness", "flips")),
    ("gap in answers", ("fairness", "selection_gap")),
    ("gap in accuracy", ("fairness", "accuracy_gap")),
)
"""Title of each line of the table, and where its figure stands in an entry of ``evaluation.json``."""


def table(evaluation: Mapping[str, Any]) -> Any:
    """The evaluation as one table: a line per figure that some model has, a column per model."""
    from rich.table import Table

    models = evaluation["models"]
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    found.add_column(f"on {evaluation['prompts']} held-out prompts")
    for name in models:
        found.add_column(name, justify="right")
    for title, way in ROWS:
        values = [_figure(entry, way) for entry in models.values()]
        if any(value is not None for value in values):
            found.add_row(title, *("—" if value is None else f"{value:.4g}" for value in values))
    folds = evaluation.get("folds")
    if folds:
        found.add_row(f"loss over {len(folds['losses'])} folds", "", f"{folds['mean']:.4g} ± {folds['sd']:.2g}")
    return found


def _figure(entry: Any, way: tuple[str, ...]) -> float | None:
    for step in way:
        if entry is None:
            return None
        entry = entry.get(step)
    return None if entry is None else float(entry)
