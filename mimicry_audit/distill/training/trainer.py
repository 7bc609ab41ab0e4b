"""The training itself: `transformers.Trainer` with the loss of this package, and states that survive ``kill -9``.

Promise: a training that is killed and started again ends with the weights it would have had, on the same machine and the same
number of processes; a state half written is never resumed from; the held-out loss is a mean over tokens; a loss
that becomes NaN or infinite ends the training with one line.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from mimicry_audit.distill.training.loss import LossRecipe, TopK, batch_loss, counted
from mimicry_audit.distill.training.models import Read, Reader
from mimicry_audit.distill.training.rollouts import RolloutPlan, is_on_policy, redraw
from mimicry_audit.distill.training.spans import SpanTeacher, teacher_at, union
from mimicry_audit.distill.training.task import WHOLE
from mimicry_audit.ground.errors import Diverged
from mimicry_audit.records.run import write_text

if TYPE_CHECKING:
    import optuna
    from torch.utils.data import Dataset
    from torch.utils.tensorboard import SummaryWriter

    from mimicry_audit.distill.training.examples import ExampleRow
    from mimicry_audit.distill.training.served_teacher import ServedTeacher
    from mimicry_audit.distill.training.signals import Rows
    from mimicry_audit.distill.training.task import Job

    EvaluationRows = Dataset[ExampleRow] | dict[str, Dataset[ExampleRow]]

Batch = dict[str, Tensor]
"""A batch of `mimicry_audit.distill.training.loss.collate`."""

Step = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""
Rung = Callable[[int, int, float], None]
"""Called with (rung, step, bits per byte of the held-out answers)."""


class DistillTrainer(Trainer):
    """A Trainer whose loss is `batch_loss`.

    Args:
        recipe: the loss.
        teacher: the frozen teacher for dense signals, None otherwise.
        rollouts: how the student answers inside the step, None for given answers only; needs a teacher.
        pads: padding token of student and teacher.
        common_ids: ids of the tokens that stand for the same text in both, for `span-kl`.
        **trainer_arguments: everything that Trainer takes.

    Attributes:
        served_teacher: who is asked about the student's own answers, where that is not `teacher`; set it before training.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        *,
        recipe: LossRecipe,
        teacher: nn.Module | None = None,
        rollouts: RolloutPlan | None = None,
        pads: tuple[int, int] = (0, 0),
        common_ids: tuple[list[int], list[int]] | None = None,
        **trainer_arguments: Any,
    ) -> None:
        super().__init__(**trainer_arguments)
        self.recipe = recipe
        self._rollouts, self._pads = rollouts, pads
        self.served_teacher: ServedTeacher | None = None
        self._drawn = torch.zeros(3)
        self._common_ids = None if common_ids is None else (torch.tensor(common_ids[0]), torch.tensor(common_ids[1]))
        self._teacher = None if teacher is None else teacher.to(self.args.device).eval().requires_grad_(False)
        self._student_reader: Reader | None = None
        self._teacher_reader = None if self._teacher is None else Reader(self._teacher)
        self._sums = torch.zeros(3)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """The batch's share of the mean over all tokens of the step."""
        sums = self._batch_sums(model, inputs)
        items = counted(inputs["labels"]).sum() if num_items_in_batch is None else num_items_in_batch
        loss = sums[0] / items
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss became NaN or infinite after step {self.state.global_step}",
                "lower --rate, or use an objective that is finite everywhere, such as jsd; the teacher's answers are kept",
            )
        with torch.no_grad():
            self._sums += torch.stack([sums[1], sums[2], counted(inputs["labels"]).sum()]).float().cpu()
        scale = self.accelerator.num_processes if num_items_in_batch is not None else 1  # DDP takes a mean over devices
        return (loss * scale, {}) if return_outputs else loss * scale

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor | int | None]:
        """The batches of one step, and how many tokens count in all of them on all devices, whatever the model's class."""
        samples, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not samples:
            return samples, None
        if self._rollouts is not None:
            samples = [self._on_policy(self._rollouts, batch, number) for number, batch in enumerate(samples)]
        items = torch.stack([counted(batch["labels"]).sum() for batch in samples]).sum().to(device)
        return samples, self.accelerator.reduce(items, "sum")

    def _on_policy(self, plan: RolloutPlan, batch: Batch, number: int) -> Batch:
        """The batch as it is or, where the step says so, with the answers that the student draws now."""
        place = (self.args.seed, self.state.global_step, number)
        if not is_on_policy(plan, *place):
            return batch
        student = self.accelerator.unwrap_model(self.model_wrapped, keep_torch_compile=False)
        with self.accelerator.autocast():
            fresh = redraw(
                student,
                batch,
                plan,
                self._pads,
                *place,
                self.accelerator.process_index,
                served_teacher=self.served_teacher,
            )
        self._drawn += torch.tensor([fresh.answers, fresh.tokens, fresh.ends])
        return fresh.batch

    def _batch_sums(self, model: nn.Module, inputs: Batch, recipe: LossRecipe | None = None) -> Tensor:
        """Sums of the loss; of another recipe, without the teacher, where one is given."""
        if self._student_reader is None or self._student_reader.model is not model:
            self._student_reader = Reader(model, whole=self.accelerator.num_processes > 1)
        at = counted(inputs["labels"])
        with self.accelerator.autocast():
            student = self._student_reader.read(
                inputs["input_ids"], inputs.get("attention_mask"), at, inputs.get("position_ids")
            )
            teacher_signal = self._read_teacher(inputs) if recipe is None else None
            return batch_loss(recipe or self.recipe, inputs, student, teacher_signal)

    def _read_teacher(self, inputs: Batch) -> Read | TopK | SpanTeacher | None:
        if "top_ids" in inputs:
            return TopK(inputs["top_ids"], inputs["top_logs"], inputs["top_tail"])
        if self._teacher_reader is None or "teacher_input_ids" not in inputs or not bool(inputs["soft"].any()):
            return None
        with torch.no_grad():
            ids, mask = inputs["teacher_input_ids"], inputs["teacher_attention_mask"]
            if self._common_ids is None:
                return self._teacher_reader.read(ids, mask, inputs["teacher_soft"])
            common_ids = (self._common_ids[0].to(ids.device), self._common_ids[1].to(ids.device))
            if "teacher_span" not in inputs:
                return SpanTeacher(
                    self._teacher_reader.read(ids, mask, inputs["teacher_soft"]), ids.new_zeros(0), common_ids
                )
            reading = self._teacher_reader.read(ids, mask, union(inputs))
            words = reading.project(reading.features[:1]).shape[-1]
            return teacher_at(reading, inputs, common_ids, max(1, self.recipe.at_once // words))

    def evaluate(
        self,
        eval_dataset: EvaluationRows | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """The held-out loss as a mean over tokens (Trainer's own is a mean over batches).

        Every process goes through all rows: shared out, the last ones would be counted twice to make the shares even.
        """
        model = self.model_wrapped if self.model_wrapped is not None else self.model
        model.eval()
        sums = torch.zeros(4, device=self.args.device, dtype=torch.float64)
        with torch.no_grad():
            for inputs in self._evaluation_batches(eval_dataset):
                batch_sums = torch.cat([self._batch_sums(model, inputs), counted(inputs["labels"]).sum()[None]])
                sums += batch_sums.double()
        total, hard, soft, items = sums.tolist()
        items = max(items, 1.0)
        metrics = {
            f"{metric_key_prefix}_loss": total / items,
            f"{metric_key_prefix}_hard": hard / items,
            f"{metric_key_prefix}_soft": soft / items,
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        model.train()
        return metrics

    def _evaluation_batches(self, rows: EvaluationRows | None = None) -> Iterator[Batch]:
        """All rows, or all held-out ones, on this device."""
        chosen: Any = self.eval_dataset if rows is None else rows  # a Dataset or something that may be indexed
        for raw in DataLoader(chosen, self.args.per_device_eval_batch_size, collate_fn=self.data_collator):
            yield self._prepare_inputs(raw)

    def held_nats(self) -> float:
        """What the held-out answers cost the student as text, in nats: the same whatever is trained on."""
        model = self.model_wrapped if self.model_wrapped is not None else self.model
        model.eval()
        total = 0.0
        with torch.no_grad():
            for inputs in self._evaluation_batches():
                total += float(self._batch_sums(model, inputs, LossRecipe())[1])
        model.train()
        return total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the parts of the loss since the last log, over all processes."""
        if "loss" in logs:
            hard, soft, items = self.accelerator.reduce(self._sums.to(self.args.device), "sum").tolist()
            logs = {**logs, "hard": hard / max(items, 1), "soft": soft / max(items, 1), "tokens": items}
            self._sums.zero_()
            if self._rollouts is not None:
                logs |= self._drawn_since()
        super().log(logs, start_time)

    def _drawn_since(self) -> dict[str, float]:
        """How many answers the student drew since the last log, how long they are, and the share that came to an end."""
        answers, tokens, ends = self.accelerator.reduce(self._drawn.to(self.args.device), "sum").tolist()
        self._drawn.zero_()
        if not answers:
            return {"rollouts": answers}
        return {
            "rollouts": answers,
            "rollout_tokens": tokens / answers,
            "rollouts_ended": ends / answers,
        }

    def _save_checkpoint(self, model: nn.Module, trial: optuna.Trial | dict[str, object] | None) -> None:
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        # Trainer takes a state for the best one only if its folder is there when it looks, which under sharding is too early.
        folder.mkdir(parents=True, exist_ok=True)
        self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            (folder / WHOLE).touch()


def last_whole(folder: Path) -> Path | None:
    """The newest state written to its end; removes those that were not."""
    complete_states: list[tuple[int, Path]] = []
    for state in folder.glob("checkpoint-*"):
        if (state / WHOLE).is_file():
            complete_states.append((int(state.name.rpartition("-")[2]), state))
        else:
            shutil.rmtree(state)
    return max(complete_states)[1] if complete_states else None


class Reporting(TrainerCallback):
    """Passes steps on, and writes each log as a line of JSON.

    Args:
        metrics: the file of JSON lines.
        on_step: called after every step.
        round_: which round of training this is.
        board: a TensorBoard writer, or None.
    """

    def __init__(self, metrics: Path, on_step: Step, round_: int, board: SummaryWriter | None = None) -> None:
        self._metrics, self._on_step, self._round, self._board = metrics, on_step, round_, board
        self._began, self._before = time.monotonic(), 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Cut off what a killed training logged after the state that this one resumes from."""
        self._began, self._before = time.monotonic(), state.global_step
        if state.is_world_process_zero:
            cut_metrics(self._metrics, self._round, state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """One optimiser step is done."""
        if state.is_world_process_zero:
            self._on_step(state.global_step, state.max_steps)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, object] | None = None,
        **_: object,
    ) -> None:
        """Write what is logged."""
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        numbers = {k: v for k, v in logs.items() if isinstance(v, int | float) and math.isfinite(v)}
        step_seconds = (time.monotonic() - self._began) / max(1, state.global_step - self._before)
        line = {"round": self._round, "step": state.global_step, **numbers, "step_s": round(step_seconds, 4)}
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(f"round {self._round}/{name}", value, state.global_step)
            self._board.flush()


class Rungs(TrainerCallback):
    """Reports the loss on the held-out answers after each of several equal parts, so that a listener may stop the training.

    Args:
        trainer: of the training.
        count: how many parts.
        size: bytes of the held-out answers.
        on_rung: called with (rung, step, bits per byte); what it raises ends the training.
    """

    def __init__(self, trainer: DistillTrainer, count: int, size: int, on_rung: Rung) -> None:
        self._trainer, self._count, self._size, self._on_rung = trainer, count, size, on_rung

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """A step is done: is it the last of a part?"""
        step, of = state.global_step, state.max_steps
        if not (reached := [r for r in range(1, self._count + 1) if math.ceil(of * r / self._count) == step]):
            return
        bits = self._trainer.held_nats() / math.log(2) / self._size
        if not math.isfinite(bits):
            raise Diverged(f"the held-out loss became NaN or infinite after step {step}", "lower --rate")
        self._trainer.log({"rung": reached[-1], "held_bits_per_byte": bits})
        if state.is_world_process_zero:
            self._on_rung(reached[-1], step, bits)


def cut_metrics(path: Path, round_: int, step: int) -> None:
    """Drop the lines of later rounds, of later steps of this one, and an unfinished last line."""
    if not path.exists():
        return
    lines = []
    for line in path.read_text("utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if (record["round"], record["step"]) <= (round_, step):
            lines.append(line)
    write_text(path, "".join(f"{line}\n" for line in lines))


def build(
    student: nn.Module,
    teacher: nn.Module | None,
    recipe: LossRecipe,
    rows: Rows,
    held_out_rows: Rows | None,
    collator: Callable[[list[ExampleRow]], dict[str, Tensor]],
    plan: Job,
    callback: Reporting,
    common_ids: tuple[list[int], list[int]] | None = None,
) -> DistillTrainer:
    """A trainer for one round.

    Args:
        student: the model to train.
        teacher: as for `DistillTrainer`.
        recipe: the loss.
        rows: training rows.
        held_out_rows: held-out rows, None for none.
        collator: rows to batch.
        plan: a `mimicry_audit.distill.training.task.Job`.
        callback: listens.
        common_ids: as for `DistillTrainer`.
    """
    trainer = DistillTrainer(
        recipe=recipe,
        teacher=teacher,
        rollouts=plan.rollouts,
        pads=plan.pads,
        common_ids=common_ids,
        model=student,
        args=arguments(plan, held_out_rows is not None),
        train_dataset=rows,
        eval_dataset=held_out_rows,
        data_collator=collator,
        callbacks=[callback],
    )
    for noisy in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(noisy)
    if plan.patience and held_out_rows is not None:
        trainer.add_callback(EarlyStoppingCallback(early_stopping_patience=plan.patience))
    return trainer


def count_processes(states: str) -> int:
    """How many processes train together, this one included, as they themselves count."""
    bare = TrainingArguments(output_dir=states, use_cpu=not torch.cuda.is_available(), report_to="none")
    return int(bare.world_size)


def arguments(plan: Job, evaluated: bool) -> TrainingArguments:
    """Trainer's arguments: everything that decides the weights is named here and nothing reports anywhere."""
    stops = bool(plan.patience) and evaluated
    length = plan.length(count_processes(plan.states))
    every = plan.evaluate_every or length.an_epoch
    # Where the best state is wanted, states must be those that were evaluated.
    save = every if stops else plan.save_every
    training_arguments = TrainingArguments(
        output_dir=plan.states,
        per_device_train_batch_size=plan.batch,
        per_device_eval_batch_size=plan.batch,
        gradient_accumulation_steps=plan.accumulate,
        max_steps=length.steps,
        learning_rate=plan.rate,
        weight_decay=plan.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=round(plan.warmup * length.steps),
        adam_beta2=0.98,
        seed=plan.seed,
        data_seed=plan.seed,
        use_cpu=not torch.cuda.is_available(),
        bf16=plan.bf16,
        gradient_checkpointing=plan.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        fp16=False,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=every,
        logging_strategy="steps",
        logging_steps=length.log_every,
        save_strategy="steps",
        save_steps=save,
        save_total_limit=2,
        load_best_model_at_end=stops,
        metric_for_best_model="eval_loss" if stops else None,
        greater_is_better=False if stops else None,
        restore_callback_states_from_checkpoint=stops,
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
        ddp_find_unused_parameters=False,
    )
    training_arguments._n_gpu = min(
        1, training_arguments.n_gpu
    )  # several GPUs are the launcher's business, never DataParallel's
    return training_arguments
