"""One training as a file: everything that a process needs to do it, so that a launcher can start several.

Promise: `train` finishes what is missing and does nothing twice; the weights it leaves are whole or not there. Without a
launcher it runs in this process; with one (``accelerate launch …``, ``torchrun …``) the command is started as ``LAUNCHER -m
mimicry_audit.distill.training.worker JOB``, and the first process reports the progress.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimicry_audit.distill.training.task import LARGE, RESULT, Job, TrainingResult, cpu_computes_bf16
from mimicry_audit.engines import guard
from mimicry_audit.ground import disk
from mimicry_audit.ground.errors import AuditError, ConfigError, Diverged, PrerequisiteError
from mimicry_audit.records.run import write_json

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch.utils.tensorboard import SummaryWriter
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mimicry_audit.distill.training.examples import ExampleRow
    from mimicry_audit.distill.training.trainer import DistillTrainer

Step = Callable[[int, int], None]
Rung = Callable[[int, int, float], None]
"""Called with (rung, step, bits per byte of the held-out answers)."""


def write(job: Job) -> Path:
    """Put the job on file."""
    path = Path(job.folder) / "job.json"
    write_json(path, asdict(job))
    return path


def read(path: Path) -> Job:
    """A job from its file."""
    from mimicry_audit.distill.training.loss import LossRecipe
    from mimicry_audit.distill.training.rollouts import RolloutPlan
    from mimicry_audit.distill.training.served_teacher import ServedTeacherPlan

    fields = json.loads(path.read_text("utf-8"))
    fields["recipe"], fields["pads"] = LossRecipe(**fields["recipe"]), tuple(fields["pads"])
    fields["signals"] = tuple(tuple(place) for place in fields["signals"])
    fields["rollouts"] = RolloutPlan(**fields["rollouts"]) if fields["rollouts"] else None
    fields["served_teacher"] = ServedTeacherPlan(**fields["served_teacher"]) if fields["served_teacher"] else None
    return Job(**fields)


def perform(job: Job, launcher: str | None, on_step: Step, on_rung: Rung | None = None) -> TrainingResult:
    """Train, here or through a launcher, unless it is done; returns what came of it.

    What `on_rung` raises ends the training and is raised.

    Raises:
        AuditError: the training failed; the states stand.
    """
    if job.result is None:
        path = write(job)
        if launcher:
            _launch_job(job, launcher, path, on_step, on_rung)
        else:
            train(job, on_step, on_rung)
    result = job.result
    if result is None:
        raise AuditError("the training ended without weights", f"look into {job.folder}")
    return result


def _launch_job(job: Job, launcher: str, path: Path, on_step: Step, on_rung: Rung | None) -> None:
    """Train in the launcher's processes. One that fails after the weights are whole has taken nothing with it."""
    command = [
        sys.executable,
        guard.__file__,
        *shlex.split(launcher),
        "-m",
        "mimicry_audit.distill.training.worker",
        str(path),
    ]
    search = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH")]))
    log = path.with_name("launcher.log")
    try:
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env={**os.environ, "PYTHONPATH": search}, text=True, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise AuditError(f"no process can be started ({error.strerror})", "free memory or processes") from None
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            for line in process.stdout:
                if line.startswith('{"step"'):
                    news = json.loads(line)
                    on_step(news["step"], news["of"])
                elif line.startswith('{"rung"') and on_rung is not None:
                    news = json.loads(line)
                    on_rung(news["rung"], news["at"], news["bits"])
        except BaseException:
            process.stdin.close()  # the guard takes the whole group down
            raise
    if process.returncode and job.result is None:
        cause = _first_error(log.read_text("utf-8", "replace"))
        if disk.says_full(cause or "") or (cause is None and disk.has_little(log)):  # the log is on the same disk
            raise disk.full(path.parent)
        kind = Diverged if cause and "Diverged:" in cause else AuditError
        raise kind(
            f"the launched training failed with code {process.returncode}: {cause or 'it gives no reason'}",
            f"read {log}",
        )


def _first_error(log: str) -> str | None:
    """The first error in a log: what follows, such as a launcher's own complaint, is a consequence of it."""
    error_line = re.compile(r"(?:\[rank\d+\]: *)?([\w.]*(?:Error|Exception|Diverged)\b.*)")
    errors = (match[1] for line in log.splitlines() if (match := error_line.match(line)) and "ChildFailed" not in line)
    return next(errors, None)


def train(job: Job, on_step: Step, on_rung: Rung | None = None) -> None:
    """Train in this process (one of several, under a launcher) and leave the weights."""
    import torch
    from transformers import AutoConfig, AutoTokenizer, set_seed
    from transformers.utils import logging

    from mimicry_audit.distill.training import models, shape, trainer
    from mimicry_audit.distill.training.loss import collate
    from mimicry_audit.distill.training.served_teacher import ServedTeacher
    from mimicry_audit.distill.training.signal_store import SignalStore
    from mimicry_audit.distill.training.signals import Rows

    before = torch.get_num_threads()
    if job.threads:
        torch.set_num_threads(job.threads)
    verbosity, had_progress_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    set_seed(job.seed)
    try:
        plain = shape.student(job.student, job.student_commit, None if job.adapter_rank else job.dropout, job.layers)
        kind = AutoConfig.from_pretrained(job.student, revision=job.student_commit or "main").get_text_config().dtype
        plain.config.use_cache = False
        if job.bf16_if_large and plain.num_parameters() >= LARGE and cpu_computes_bf16():
            job = replace(job, bf16=True)
        pack = _packs(job, plain)
        student = with_adapter(plain, job.adapter_rank, job.dropout) if job.adapter_rank else plain
        teacher = models.load(job.teacher, job.teacher_commit, half=job.bf16) if job.teacher else None
        stores = [SignalStore(Path(folder), key) for folder, key in job.signals]
        rows = Rows(_read_lines(job.rows), stores)
        held_out_rows = Rows(_read_lines(job.held), stores) if job.held else None
        board = _board_writer(job.board) if int(os.environ.get("RANK", "0")) == 0 else None
        reporting = trainer.Reporting(Path(job.metrics), on_step, job.round_, board)
        job_trainer = trainer.build(
            student,
            teacher,
            job.recipe,
            rows,
            held_out_rows,
            partial(collate, pad=job.pads[0], teacher_pad=job.pads[1], pack=pack),
            job,
            reporting,
            _common_ids(job) if job.recipe.objective == "span-kl" else None,
        )
        if job.rollouts is not None and job_trainer.is_fsdp_enabled:
            raise ConfigError(
                "--on-policy needs the whole student in every process, and FSDP shares it out",
                "launch without FSDP, or use --rounds",
            )
        state = trainer.last_whole(Path(job.states)) if job_trainer.is_world_process_zero() else None
        if job.rungs and held_out_rows is not None and on_rung is not None:
            job_trainer.add_callback(trainer.Rungs(job_trainer, job.rungs, job.held_bytes, on_rung))
        job_trainer.accelerator.wait_for_everyone()
        state = state or trainer.last_whole(Path(job.states))
        with ServedTeacher(job.served_teacher) if job.served_teacher is not None else nullcontext() as served_teacher:
            job_trainer.served_teacher = served_teacher
            job_trainer.train(resume_from_checkpoint=str(state) if state else None)
        _write_checkpoint(
            job,
            pack,
            job_trainer,
            AutoTokenizer.from_pretrained(job.student, revision=job.student_commit or "main"),
            kind,
        )
        if board is not None:
            board.close()
    finally:
        logging.set_verbosity(verbosity)
        if had_progress_bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(before)


def with_adapter(model: PreTrainedModel, rank: int, dropout: float | None = None) -> PeftModel:
    """The model with a LoRA adapter on every linear layer but the output. E. Hu et al., *LoRA*, 2022; scale 2.

    Raises:
        PrerequisiteError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise PrerequisiteError("--adapter needs the peft package", "pip install peft") from None
    config = LoraConfig(
        task_type="CAUSAL_LM", r=rank, lora_alpha=2 * rank, lora_dropout=dropout or 0.0, target_modules="all-linear"
    )
    return get_peft_model(model, config)


def _board_writer(folder: str | None) -> SummaryWriter | None:
    if folder is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter  # typed or not, depending on whether tensorboard is installed
    board: SummaryWriter = writer(folder)
    return board


def _read_lines(path: str) -> list[ExampleRow]:
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def _held_out_loss(job: Job, job_trainer: DistillTrainer) -> dict[str, float]:
    """The held-out loss of the weights that are left, computed anew only where it is not known."""
    if not job.held:
        return {}
    evaluations = [line for line in job_trainer.state.log_history if "eval_loss" in line]
    if evaluations and evaluations[-1]["step"] == job_trainer.state.global_step and not job.patience:
        return dict(evaluations[-1])
    return dict(job_trainer.evaluate())


def _common_ids(job: Job) -> tuple[list[int], list[int]]:
    """Ids of the tokens that stand for the same text in student and teacher."""
    from transformers import AutoTokenizer

    from mimicry_audit.distill.training.tokenizers import matched_tokens

    student = AutoTokenizer.from_pretrained(job.student, revision=job.student_commit or "main")
    teacher = AutoTokenizer.from_pretrained(str(job.teacher), revision=job.teacher_commit or "main")
    return matched_tokens(teacher, student)


def _packs(job: Job, student: PreTrainedModel) -> bool:
    """Whether several short rows stand in one line.

    Raises:
        ConfigError: that is asked for, and the student does not keep them apart.
    """
    from mimicry_audit.distill.training.models import keeps_rows_apart

    if job.packing is False or job.rollouts is not None:
        return False  # on-policy batches are taken apart again, row by row
    apart = keeps_rows_apart(student)
    if job.packing and not apart:
        raise ConfigError(
            f"{student.config.model_type} does not keep apart rows that stand in one line", "leave --packing out"
        )
    return apart


def _write_checkpoint(
    job: Job, pack: bool, job_trainer: DistillTrainer, tokenizer: PreTrainedTokenizerBase, kind: torch.dtype | None
) -> None:
    """Write the trained weights as a checkpoint, an adapter merged, in the type that the student was stored in."""
    import torch

    from mimicry_audit.distill.training import shape

    draft = Path(job.folder) / "weights.draft"
    first = job_trainer.is_world_process_zero()
    if first:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
    job_trainer.accelerator.wait_for_everyone()
    held_out_loss = _held_out_loss(job, job_trainer)
    weights = job_trainer.accelerator.get_state_dict(job_trainer.model_wrapped)  # gathers what FSDP has sharded
    if not first:
        return
    if job_trainer.accelerator.num_processes > 1:
        # Each process may hold a part of the trained one only.
        plain = shape.student(job.student, job.student_commit, None, job.layers)
        model: Any = with_adapter(plain, job.adapter_rank) if job.adapter_rank else plain  # peft passes attributes on
        model.load_state_dict(weights)
    else:
        model = job_trainer.accelerator.unwrap_model(job_trainer.model_wrapped, keep_torch_compile=False)
    if job.adapter_rank:
        model.save_pretrained(draft / "adapter")
        model = model.merge_and_unload()
    model.config.use_cache = True
    shape.restore(model, job.student, job.student_commit)
    if kind is not None and kind != torch.float32:
        model = model.to(kind)
    model.save_pretrained(draft)
    if job.template is not None:
        tokenizer.chat_template = job.template
    tokenizer.save_pretrained(draft)
    state = job_trainer.state
    best = state.best_global_step if job.patience and state.best_global_step else None
    result: TrainingResult = {
        "steps": state.global_step,
        "best_step": best,
        "processes": job_trainer.accelerator.num_processes,
        "parameters": model.num_parameters(),
        "bf16": job.bf16,
        "packed": pack,
        "held": {
            "loss": held_out_loss["eval_loss"],
            "hard": held_out_loss["eval_hard"],
            "soft": held_out_loss["eval_soft"],
        }
        if held_out_loss
        else None,
    }
    write_json(draft / RESULT, result)
    if job.weights.exists():
        shutil.rmtree(job.weights)
    draft.replace(job.weights)
    shutil.rmtree(job.states, ignore_errors=True)
