"""The rounds of a distillation: ask, encode, get the teacher's signals, train; and make a checkpoint of the last weights.

Promise: round 0 is off-policy, on the teacher's answers (and, below a full dose, on given ones); each later round is
on-policy: the student of the round before answers the prompts, the teacher's distribution on those answers is what is learnt,
and the text itself is not. A round that is finished is not done again.

On-policy rounds follow R. Agarwal et al., *On-Policy Distillation of Language Models*, 2024, algorithm 1, with the student's
answers drawn once a round instead of once a step; round 0 is the supervised start that they find necessary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypedDict

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.distill import data, lineage, probabilities
from mimicry_audit.distill.alignment import TokenAlignment, padding
from mimicry_audit.distill.context import DistillContext, counts, drop, relabelled
from mimicry_audit.distill.evaluate import probes_of
from mimicry_audit.distill.training import job, task
from mimicry_audit.distill.training.examples import Example, Taught
from mimicry_audit.distill.training.loss import LossRecipe
from mimicry_audit.distill.training.rollouts import RolloutPlan
from mimicry_audit.distill.training.served_teacher import ServedTeacherPlan
from mimicry_audit.distill.training.signals import as_row
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.ground.errors import AuditError, ConfigError
from mimicry_audit.records.asked import Identity, ModelSpec, Sampling, canonical_json, sha256_text
from mimicry_audit.records.run import RunDirectory, write_json, write_text

_LOGS_A_ROUND = 50
TRUNCATION = "truncation.json"
RUNGS = 5
"""Equal parts of a training after which a listener gets the loss on the held-out answers."""


class RoundResult(task.TrainingResult):
    """What came of one round: its training, its answers by origin, and the share of them that came to their end."""

    round: int
    answers: dict[str, int]
    finished: float


def resumes_at(states: Path) -> int:
    """The step after which a training goes on that was interrupted; 0 for one that begins."""
    return max(
        (int(state.parent.name.rpartition("-")[2]) for state in states.glob(f"checkpoint-*/{task.WHOLE}")), default=0
    )


class DataFacts(TypedDict):
    """Name, hash and counts of the data."""

    name: str
    sha256: str
    prompts: int
    held_out: int
    dosed: int
    taught: dict[str, int]
    unfinished: int
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the student is taught and held against: id → answer."""

    taught: dict[str, Taught]
    held: dict[str, Taught]


def collect_lessons(context: DistillContext) -> Lessons:
    """The answers of round 0; asks the teacher for those that are missing.

    Raises:
        AuditError: the teacher finished no answer.
    """
    evaluation_ids = context.held | context.aside  # asked for all the same: every part of a search is asked once
    teacher_rows = [
        row for row in context.rows if row.id in context.dosed or (row.id in evaluation_ids and context.settings.dose)
    ]
    teacher_answers: dict[str, Taught] = {}
    for number, teacher in enumerate(context.teachers):
        own_rows = [row for row in teacher_rows if context.teacher_of.get(row.id, 0) == number]
        if own_rows:
            folder = context.answers_of(number)
            teacher_answers |= collect_answers(context, relabelled(teacher, "teacher"), own_rows, folder, "teacher")
    column_answers = {
        row.id: Taught(id=row.id, messages=row.messages, text=row.answer, origin="else")
        for row in context.rows
        if row.answer is not None
        and row.id not in teacher_answers
        and (row.id not in evaluation_ids or not context.settings.dose)
    }
    taught = {
        row.id: answer
        for row in context.taught
        if (answer := (teacher_answers if row.id in context.dosed else column_answers).get(row.id))
    }
    held_out_answers = {
        row.id: answer
        for row in context.rows
        if row.id in context.held and (answer := (teacher_answers or column_answers).get(row.id))
    }
    if not taught:
        raise AuditError("no answer to learn from is finished", "raise --max-tokens, or look into work/answers")
    return Lessons(taught, held_out_answers)


def collect_answers(
    context: DistillContext, model: ModelSpec, rows: Sequence[data.Row], folder: Path, origin: str
) -> dict[str, Taught]:
    """A model's answers; of a teacher only those that came to their end, as a careful distiller takes them."""
    s = context.settings
    run = RunDirectory(folder)
    sampling = Sampling(temperature=s.answer_temperature, max_tokens=s.max_tokens, seed=s.seed)
    collect(run, Plan(models=(model,), probes=probes_of(rows), sampling=sampling), progress=context.watch)
    usable = {r.probe_id: r for r in run.responses(model.label) if r.usable}
    statuses = ("ok",) if origin == "teacher" else ("ok", "truncated")
    return {
        row.id: Taught(id=row.id, messages=row.messages, text=r.text, origin=origin, ended=r.status == "ok")
        for row in rows
        if (r := usable.get(row.id)) is not None and r.status in statuses
    }


def finish_rounds(context: DistillContext, alignment: TokenAlignment) -> None:
    """Do all missing rounds and write the checkpoint."""
    texts = collect_lessons(context)
    for number, part in enumerate(data.folds(context.taught, context.settings.folds, context.settings.seed)
                                  if context.settings.folds else ()):  # fmt: skip
        _train_fold(context, alignment, texts, number, part)
    round_records = [_run_round(context, alignment, list(texts.taught.values()), list(texts.held.values()), 0)]
    for number in range(1, context.settings.rounds + 1):
        folder = context.work / f"round-{number - 1}" / "weights"
        student = ModelSpec(label="student", engine="hf", name=str(folder), source=f"round {number - 1}")
        rows = [row for row in context.taught if row.id in context.dosed]
        student_answers = collect_answers(
            context, student, rows, context.work / f"round-{number}" / "answers", "student"
        )
        if not student_answers:
            raise AuditError(f"the student of round {number - 1} answers nothing", "train round 0 longer: --epochs")
        round_records.append(
            _run_round(context, alignment, list(student_answers.values()), list(texts.held.values()), number)
        )
    _place_checkpoint(context, alignment, texts, round_records)


def _run_round(
    context: DistillContext,
    alignment: TokenAlignment,
    taught: list[Taught],
    held_out_answers: list[Taught],
    number: int,
) -> RoundResult:
    """One round of training, unless it is done; returns what came of it."""
    folder = context.work / f"round-{number}"
    start = _round_start(context, alignment, number)
    prepared = _prepare_job(context, alignment, taught, held_out_answers, folder, number, start)
    title = "training" if not context.settings.rounds else f"training, round {number}"
    if (step := resumes_at(Path(prepared.states))) and prepared.result is None and context.watch is not None:
        context.watch.say(f"{title}: resumed after step {step}")
    listeners = (
        (lambda count, of: context.report_progress(title, count, of)),
        (context.on_rung if number == 0 else None),
    )
    result = job.perform(prepared, context.settings.training.launcher, *listeners)
    origins = counts([t.origin for t in taught])
    ended = sum(t.ended for t in taught) / len(taught)
    return {"round": number, "answers": origins, "finished": round(ended, 4), **result}


def _round_start(context: DistillContext, alignment: TokenAlignment, number: int) -> tuple[str, str | None]:
    """Where a round's student starts: the base, or the round before."""
    if number == 0:
        return alignment.student.weights.location, alignment.student.weights.commit
    return str((context.work / f"round-{number - 1}" / "weights").resolve()), None


def _train_fold(
    context: DistillContext, alignment: TokenAlignment, texts: Lessons, number: int, part: frozenset[str]
) -> None:
    """Train without one fold and keep the loss on it; the weights go."""
    folder = context.work / f"fold-{number}"
    if (folder / "result.json").is_file():
        return
    taught = [t for i, t in texts.taught.items() if i not in part]
    held_out_answers = [t for i, t in texts.taught.items() if i in part]
    prepared = _prepare_job(
        context, alignment, taught, held_out_answers, folder, -1 - number, _round_start(context, alignment, 0)
    )
    prepared = replace(prepared, metrics=str(folder / "metrics.jsonl"), board=None)
    title = f"fold {number + 1} of {context.settings.folds}"
    result = job.perform(
        prepared, context.settings.training.launcher, lambda count, of: context.report_progress(title, count, of)
    )
    write_text(folder / "result.json", json.dumps(result) + "\n")
    drop(prepared.weights)


def _prepare_job(
    context: DistillContext, alignment: TokenAlignment, taught: list[Taught], held_out_answers: list[Taught], folder: Path,
    number: int, start: tuple[str, str | None],
) -> task.Job:  # fmt: skip
    """Encode, fetch signals, and put everything on file."""
    s = context.settings
    rows, held_out_rows = (alignment.encode(answers, context.teacher_of) for answers in (taught, held_out_answers))
    if not rows:
        raise ConfigError(f"no answer can be taught ({', '.join(alignment.left_out)})", "check the data")
    _say_overlong(context, rows)
    recipe = _loss_recipe(context, alignment)
    signals: tuple[tuple[str, str], ...] = ()
    if alignment.teachers and s.kind in ("cached", "served"):
        signal_stores = probabilities.store(context, alignment, [*rows, *held_out_rows], recipe)
        signals = signal_stores.places
        write_json(folder / TRUNCATION, signal_stores.truncation)
    files = [write_rows(folder / "rows.jsonl", rows), write_rows(folder / "held.jsonl", held_out_rows)]
    shared_fields = task.training_fields(s.training, len(rows))
    dense = alignment.teachers[0] if s.kind == "dense" and alignment.teachers else None
    return task.Job(
        folder=str(folder.resolve()), student=start[0], student_commit=start[1],
        teacher=dense.weights.location if dense else None, teacher_commit=dense.weights.commit if dense else None,
        rows=files[0], held=files[1] if held_out_rows else None, signals=signals, recipe=recipe,
        pads=(padding(alignment.student), padding(alignment.teachers[0]) if alignment.teachers else 0),
        seed=s.seed + max(0, number), patience=s.patience, evaluate_every=s.evaluate_every,
        logs=_LOGS_A_ROUND, round_=number,
        metrics=str((s.out / "metrics.jsonl").resolve()),
        board=_board_folder(context), template=alignment.student.side.template.source if s.training.chat_template else None,
        dropout=s.dropout, layers=s.layers if number <= 0 else 0, rungs=RUNGS if context.on_rung and number == 0 else 0,
        rollouts=_rollout_plan(context, alignment) if s.on_policy else None,
        served_teacher=_served_teacher_plan(context, alignment) if s.on_policy and not dense else None,
        held_bytes=sum(len(row.text.encode("utf-8", "replace")) for row in held_out_rows), **shared_fields,
    )  # fmt: skip


def _say_overlong(context: DistillContext, rows: Sequence[Example]) -> None:
    """Recorded answers, and those of another tokenizer, may be longer in the student's tokens than its own will be: say so."""
    most = context.settings.max_tokens
    overlong = sum(row.origin != "student" and len(row.answer) > most + 1 for row in rows)
    if overlong and context.watch is not None:
        context.watch.say(
            f"{overlong} of {len(rows)} answers are longer than --max-tokens {most}: they are taught whole, and the student's "
            "answers are cut there"
        )


def _rollout_plan(context: DistillContext, alignment: TokenAlignment) -> RolloutPlan:
    s = context.settings
    (teacher,) = alignment.teachers
    limits = [side.context for side in (alignment.student.side, teacher.side) if side.context is not None]
    return RolloutPlan(
        share=s.on_policy,
        temperature=s.rollout_temperature,
        tokens=s.rollout_tokens or s.max_tokens,
        end=alignment.student.side.end,
        teacher_end=teacher.side.end,
        common=alignment.tokens,
        context=min(limits, default=None),
    )


def _served_teacher_plan(context: DistillContext, alignment: TokenAlignment) -> ServedTeacherPlan:
    s = context.settings
    return ServedTeacherPlan(
        spec=asdict(context.teacher), top_k=s.top_k if s.kind == "served" else 0, tokens=alignment.tokens
    )


def _loss_recipe(context: DistillContext, alignment: TokenAlignment) -> LossRecipe:
    s = context.settings
    if not alignment.teachers:
        return LossRecipe()
    return LossRecipe(objective=s.objective, share_hard=s.share_hard, temperature=s.temperature, beta=s.beta, alpha=s.alpha,
                  tokens=alignment.tokens, sampled=s.kind == "sampled")  # fmt: skip


def write_rows(path: Path, rows: Sequence[Example]) -> str:
    """Rows as a training job reads them; returns the path."""
    lines = (json.dumps(as_row(row), separators=(",", ":")) for row in rows)
    write_text(path, "".join(f"{line}\n" for line in lines))
    return str(path.resolve())


def _board_folder(context: DistillContext) -> str | None:
    import importlib.util

    use_tensorboard = context.settings.tensorboard
    if use_tensorboard is False or importlib.util.find_spec("tensorboard") is None:
        return None
    return str((context.settings.out / "tensorboard").resolve())


def _place_checkpoint(
    context: DistillContext, alignment: TokenAlignment, texts: Lessons, round_records: list[RoundResult]
) -> None:
    """Move the last weights to their place and write the manifest."""
    s = context.settings
    weights = context.work / f"round-{s.rounds}" / "weights"
    for file in sorted(weights.iterdir()):
        if file.name != task.RESULT:
            file.replace(s.out / file.name)
    origins = _teachers_of(context, texts)
    answers_json = canonical_json([[t.id, t.origin, t.text] for t in texts.taught.values()])
    content = lineage.lineage_manifest(
        lineage.LineageInputs(
            settings=s,
            teachers=origins,
            base=alignment.student.weights,
            objective=lineage.OBJECTIVES[s.objective] if origins else "next token of given answers (hard labels)",
            data_sha=sha256_text(answers_json),
            examples=len(texts.taught),
            steps=sum(int(r["best_step"] or r["steps"]) for r in round_records),
            parameters=round_records[-1]["parameters"],
            distillation={
                "signal": s.kind if origins else "text",
                "hard_weight": s.share_hard,
                "rate": s.training.peak_rate,
                "dose": s.dose,
                "data": _data_facts(context, alignment, texts),
                "teacher": asdict(origins[0].identity) if len(origins) == 1 else None,
                "tokenizers": asdict(alignment.matches[0]) if len(alignment.matches) == 1 else None,
                "truncation": _truncation(context),
                "training": round_records,
            },
        )
    )
    lineage.write(s.out, content)
    for number in range(s.rounds + 1):
        drop(context.work / f"round-{number}" / "weights")


def _teachers_of(context: DistillContext, texts: Lessons) -> tuple[lineage.Teacher, ...]:
    """Who the teachers were when they answered, what share of the taught answers each gave, and where their weights lie."""
    counted = Counter(
        context.teacher_of.get(answer.id, 0) for answer in texts.taught.values() if answer.origin == "teacher"
    )
    teachers = []
    for number, count in sorted(counted.items()):
        spec = context.teachers[number]
        record = RunDirectory(context.answers_of(number)).manifest().model("teacher")
        weights = find_model(spec) if spec.engine in ("hf", "vllm") else None
        teachers.append(
            lineage.Teacher(
                identity=Identity(**record.identity),
                folder=Path(weights.location) if weights is not None and weights.commit is None else None,
                share=count / len(texts.taught),
            )
        )
    return tuple(teachers)


def _truncation(context: DistillContext) -> list[probabilities.Truncation] | None:
    """What the stored tokens leave out, measured before the first round; None where all probabilities are used."""
    path = context.work / "round-0" / TRUNCATION
    if not path.is_file():
        return None
    truncation: list[probabilities.Truncation] = json.loads(path.read_text("utf-8"))
    return truncation


def _data_facts(context: DistillContext, alignment: TokenAlignment, texts: Lessons) -> DataFacts:
    return {
        "name": Path(context.settings.data).name,
        "sha256": data.sha(context.rows),
        "prompts": len(context.rows),
        "held_out": len(context.held),
        "dosed": len(context.dosed),
        "taught": counts([t.origin for t in texts.taught.values()]),
        "unfinished": len(context.taught) - len(texts.taught),
        "left_out": dict(sorted(alignment.left_out.items())),
    }
