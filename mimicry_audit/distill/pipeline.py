"""A distillation from its settings to a checkpoint: which step is missing, in what order, and where each leaves its work.

Promise: each step reads what the one before it left on disk, so that a distillation killed anywhere resumes where it stopped;
other settings in the same folder are refused with what differs, unless the training diverged; and the checkpoint's manifest
comes last.

Layout: the checkpoint in ``DIR`` itself, with ``lineage.json``, ``metrics.jsonl`` and ``evaluation.json``; everything on the
way to it under ``DIR/work``: the teacher's answers (a run directory), signals, one folder for each round of training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mimicry_audit.distill import data, lineage
from mimicry_audit.distill.context import DistillContext, Watch, drop
from mimicry_audit.distill.kept import DIVERGED, keep_settings, restart_settings
from mimicry_audit.distill.lineage import Lineage
from mimicry_audit.distill.settings import DistillSettings, check
from mimicry_audit.distill.training.settings import check_packages
from mimicry_audit.engines.names import parse_models
from mimicry_audit.ground.errors import ConfigError, Diverged
from mimicry_audit.records.asked import ModelSpec
from mimicry_audit.records.run import RunDirectory

if TYPE_CHECKING:
    from mimicry_audit.distill import evaluate
    from mimicry_audit.distill.alignment import TokenAlignment


@dataclass(frozen=True, slots=True)
class Distilled:
    """What came of it.

    Attributes:
        path: the checkpoint.
        lineage: its manifest.
        evaluation: before, after and teacher side by side; None where none was asked for.
    """

    path: Path
    lineage: Lineage
    evaluation: evaluate.Evaluation | None


def distill(settings: DistillSettings, watch: Watch | None = None) -> Distilled:
    """Train a student on a teacher's answers.

    Args:
        settings: what is asked for.
        watch: receives the progress.

    Raises:
        ConfigError: a setting is wrong, or the models cannot be compared as the objective needs.
        DataError: the prompts cannot be read.
        PrerequisiteError: a model or a package is missing.
        RunDirectoryError: the folder was made with other settings, is in use, or cannot be written.
        EngineError: the teacher cannot answer, or the loss became NaN or infinite.
    """
    from mimicry_audit.distill.alignment import align_tokens

    context = prepare_context(check(settings), watch)
    manifest = settings.out / lineage.MANIFEST
    alignment = (
        None if manifest.is_file() else align_tokens(context)
    )  # models are found and compared before anything is asked or written
    with RunDirectory(context.work).locked():
        same_settings(context)
        if alignment is not None:
            _finish_missing(context, alignment)
        content = lineage.read(settings.out)
        return Distilled(settings.out, content, evaluated(context, content))


def _finish_missing(context: DistillContext, alignment: TokenAlignment) -> None:
    """Do what is missing, and record whether it diverged: then other settings are accepted."""
    from mimicry_audit.distill.rounds import finish_rounds

    try:
        finish_rounds(context, alignment)
    except Diverged:
        (context.work / DIVERGED).touch()
        raise
    (context.work / DIVERGED).unlink(missing_ok=True)


def prepare_context(settings: DistillSettings, watch: Watch | None) -> DistillContext:
    """Everything that can be wrong with the settings, found before anything is asked or loaded."""
    check_packages(settings.training, {"tensorboard": "--tensorboard" if settings.tensorboard else None})
    teachers = parse_models(settings.teachers, default_engine="hf", options=settings.engine_options)
    for name, teacher in zip(settings.teachers, teachers, strict=True):
        if settings.objective != "hard" and teacher.engine not in ("hf", "vllm"):
            raise ConfigError(
                f"{settings.objective} needs the teacher's probabilities, and {name} gives text only",
                "use --objective hard",
            )
        if teacher.adapter is not None and settings.kind == "dense":
            raise ConfigError("a teacher with an adapter cannot be loaded for dense signals", "merge the adapter first")
    from mimicry_audit.distill.training.models import weights_spec

    student = weights_spec(settings.student, "the student", settings.training.chat_template)
    rows = data.read(settings.data, answers=settings.else_answers, limit=settings.limit)
    held_out_ids = data.held_out(rows, settings.held_out, settings.seed)
    taught = [row for row in rows if row.id not in held_out_ids]
    dosed = data.dosed(taught, settings.dose, settings.seed)
    silent = [row.id for row in taught if row.id not in dosed and row.answer is None]
    if silent:
        raise ConfigError(
            f"--dose {settings.dose} leaves {len(taught) - len(dosed)} prompts to given answers, and {len(silent)} have none",
            f"give them in a column {settings.else_answers}, or name another with --else-answers",
        )
    teacher_of: dict[str, int] = {}
    for is_dosed in (True, False):  # each part by itself, so that the prompts that are taught have the very shares
        part = [row for row in rows if (row.id in dosed) == is_dosed]
        teacher_of |= data.assigned(part, settings.teachers, settings.teacher_shares, settings.seed)
    return DistillContext(settings, teachers, student, rows, held_out_ids, dosed, watch, teacher_of=teacher_of)


def same_settings(context: DistillContext, more: Mapping[str, object] = MappingProxyType({})) -> None:
    """Keep the settings, and what more decides the outcome, or refuse others than those that are kept.

    After a training that diverged, others are accepted: it is discarded, and the teacher's answers are reused.
    """
    settings = context.settings
    facts = {"data_sha256": data.sha(context.rows), **more}
    if keep_settings(settings, facts, ("search", "metrics.jsonl")):
        _discard_training(context)
        restart_settings(settings, facts)


def _discard_training(context: DistillContext) -> None:
    """Remove rounds, folds and their figures; the teacher's answers and signals record themselves what they belong to."""
    for folder in (*context.work.glob("round-*"), *context.work.glob("fold-*"), context.settings.out / "tensorboard"):
        drop(folder)
    (context.settings.out / "metrics.jsonl").unlink(missing_ok=True)


def evaluated(context: DistillContext, manifest: Lineage) -> evaluate.Evaluation | None:
    """The evaluation, made now unless it is there; None where nothing is held out or none is wanted."""
    from mimicry_audit.distill import evaluate
    from mimicry_audit.distill.figures import difference

    s = context.settings
    path = s.out / "evaluation.json"
    if path.is_file():
        return evaluate.read(path)
    frozen = frozen_of(context)
    if not s.evaluation_limit or not frozen.rows:
        return None
    models = {
        "before": context.student,
        "after": ModelSpec(label="after", engine="hf", name=str(s.out), source=str(s.out)),
        **(_teachers_by_label(context) if s.dose else {}),
    }
    measured = evaluate.evaluate(
        context.work / "evaluation",
        models,
        frozen,
        max_tokens=s.max_tokens,
        seed=s.seed,
        progress=context.watch,
        on_stage=context.report_progress,
    )
    entries = measured["models"]
    content: evaluate.Evaluation = {
        "student": manifest["name"],
        "teacher": manifest["teacher"],
        "base": manifest["base"],
        "references": "teacher" if s.dose else "given",
        "frozen_sha256": frozen.sha,
        "prompts": len(frozen.rows),
        "top_k": evaluate.TOP_K,
        **measured,
        "fairness_against_teacher": difference(
            entries["after"]["fairness"], entries["teacher"]["fairness"] if "teacher" in entries else None
        ),
        "folds": _fold_losses(context),
    }
    evaluate.write(path, content)
    return evaluate.read(path)


def _teachers_by_label(context: DistillContext) -> dict[str, ModelSpec]:
    """The teachers as the evaluation names them."""
    if len(context.teachers) == 1:
        return {"teacher": context.teacher}
    return {f"teacher {number}": teacher for number, teacher in enumerate(context.teachers, 1)}


def frozen_of(context: DistillContext) -> evaluate.Frozen:
    """The held-out prompts with their references, and as many taught ones."""
    from mimicry_audit.distill.evaluate import Frozen
    from mimicry_audit.distill.rounds import collect_lessons

    most = context.settings.evaluation_limit
    held_out_rows = [row for row in context.rows if row.id in context.held][:most]
    texts = collect_lessons(context)
    references = {row.id: texts.held[row.id].text for row in held_out_rows if row.id in texts.held}
    taught = [row for row in context.taught if row.id in texts.taught][: len(held_out_rows)]
    return Frozen(
        rows=tuple(held_out_rows),
        references=references,
        taught=tuple(taught),
        taught_texts={row.id: texts.taught[row.id].text for row in taught},
    )


def _fold_losses(context: DistillContext) -> evaluate.FoldLosses | None:
    """The held-out loss of each fold with its mean and standard deviation, None without folds."""
    from statistics import mean, stdev

    losses = []
    for number in range(context.settings.folds):
        result = json.loads((context.work / f"fold-{number}" / "result.json").read_text("utf-8"))
        losses.append(result["held"]["loss"])
    return {"losses": losses, "mean": mean(losses), "sd": stdev(losses)} if losses else None
