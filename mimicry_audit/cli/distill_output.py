"""What every ``audit distill`` command shows: bars for its steps, and the evaluation as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from mimicry_audit.cli.bars import Bars

if TYPE_CHECKING:
    from rich.table import Table

    from mimicry_audit.distill import Distilled
    from mimicry_audit.distill.evaluate import Evaluation


class StageBars(Bars):
    """Bars for the steps of a distillation too."""

    def stage(self, title: str, done: int, of: int) -> None:
        """See `mimicry_audit.distill.context.Watch`."""
        if title not in self._tasks:
            self.start(title, of, of)
        asked = self._tasks[title]
        asked.missing = of
        asked.count(done)
        self._bars.update(asked.task, completed=done, total=of)
        if done == of and self._bars.disable:
            self.console.print(f"{escape(title)}: {of} done")
        self._say_how_far(title)

    def say(self, text: str) -> None:
        """See `mimicry_audit.distill.context.Watch`."""
        self.console.print(text, markup=False, soft_wrap=True)


BLOCKS = "▁▂▃▄▅▆▇█"


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The lines of a training's ``metrics.jsonl``; none without the file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def learning_curve(metrics: Path, width: int = 32) -> list[str]:
    """A line for the loss of each round: its first and last value with its course between them, and the held-out loss.

    Args:
        metrics: the file of JSON lines that a training writes; without it the list is empty.
        width: most characters of the course.
    """
    records = read_metrics(metrics)
    numbers = sorted({int(record["round"]) for record in records})
    lines = []
    for number in numbers:
        own = [record for record in records if record["round"] == number]
        losses = [record["loss"] for record in own if "loss" in record]
        if not losses:
            continue
        held_out = [record["eval_loss"] for record in own if "eval_loss" in record]
        title = "loss" if len(numbers) == 1 else f"loss, round {number}"
        end = f", held out {held_out[-1]:.4g}" if held_out else ""
        lines.append(
            f"{title}: {losses[0]:.4g} {_course(losses, width)} {losses[-1]:.4g} in {own[-1]['step']} steps{end}"
        )
    return lines


def _course(values: Sequence[float], width: int) -> str:
    """Means of equal parts of the values as blocks, the least as the lowest."""
    count = min(width, len(values))
    edges = [round(part * len(values) / count) for part in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    least, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(BLOCKS[min(int((mean - least) / span * len(BLOCKS)), len(BLOCKS) - 1)] for mean in means)


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


def evaluation_rows(evaluation: Evaluation) -> list[tuple[str, list[str]]]:
    """A row for each figure that some model has: its title, and a text for each model."""
    from mimicry_audit.distill.search.targets import figure_at

    models = evaluation["models"]
    rows = []
    for title, way in ROWS:
        values = [figure_at(entry, way) for entry in models.values()]
        if any(value is not None for value in values):
            rows.append((title, ["—" if value is None else f"{value:.4g}" for value in values]))
    folds = evaluation.get("folds")
    if folds:
        words = [""] * len(models)
        words[1] = f"{folds['mean']:.4g} ± {folds['sd']:.2g}"
        rows.append((f"loss over {len(folds['losses'])} folds", words))
    return rows


def evaluation_table(evaluation: Evaluation) -> Table:
    """The evaluation as one table: a line per figure that some model has, a column per model."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(f"on {evaluation['prompts']} held-out prompts")
    for name in evaluation["models"]:
        table.add_column(name, justify="right")
    for title, values in evaluation_rows(evaluation):
        table.add_row(title, *values)
    return table


def write_page(distillation: Distilled) -> Path:
    """Write ``training.html`` beside the student: what was trained, the course of its losses, and its evaluation."""
    from mimicry_audit.records.manifest import shares_in_words
    from mimicry_audit.records.run import write_text
    from mimicry_audit.report.page.training import render

    lineage, evaluation = distillation.lineage, distillation.evaluation
    several = lineage.get("teachers")
    facts = [
        ("Student", lineage["name"]),
        ("Teacher", shares_in_words(several) if several else lineage["teacher"] or "none"),
        ("Base", lineage["base"]),
        ("Objective", lineage["objective"]),
        ("Answers taught", f"{lineage['examples']:,}"),
        ("Steps", f"{lineage['steps']:,}"),
        ("Parameters", f"{lineage['parameters']:,}"),
    ]
    records = read_metrics(distillation.path / "metrics.jsonl")
    target = distillation.path / "training.html"
    html = render(
        lineage["name"], facts, [record for record in records if record["round"] >= 0],
        list(evaluation["models"]) if evaluation else [], evaluation_rows(evaluation) if evaluation else [],
        evaluation["prompts"] if evaluation else 0,
    )  # fmt: skip
    # The command of a finished training shows its page again, and leaves its files as they are.
    if not target.is_file() or target.read_text("utf-8") != html:
        write_text(target, html)
    return target
