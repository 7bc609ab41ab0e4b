"""One trial: a full distillation under other settings, measured on the validation part, or the reason why there is none.

Promise: a trial asks the teacher nothing: its answers and signals are those of the search. What ends a trial alone (pruned, a
loss that became NaN or infinite, no memory, settings that cannot be trained) is its outcome; what would end every other one
too (a full disk, an engine that is gone) ends the search, and the next search finishes the trial.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NotRequired, TypedDict

from mimicry_audit.asking.progress import Silent
from mimicry_audit.distill import evaluate, lineage
from mimicry_audit.distill.alignment import align_tokens
from mimicry_audit.distill.context import DistillContext, Watch
from mimicry_audit.distill.pipeline import frozen_of
from mimicry_audit.distill.rounds import RUNGS, finish_rounds
from mimicry_audit.distill.search.choice import finished
from mimicry_audit.distill.search.space import Choice, Choices, applied
from mimicry_audit.distill.search.study import Result, hopeless
from mimicry_audit.distill.training.models import weights_spec
from mimicry_audit.ground.errors import AuditError, Diverged, RunDirectoryError, first_line
from mimicry_audit.records.asked import ModelSpec
from mimicry_audit.records.run import write_json

RESULT = "result.json"
_KEPT = (RESULT, "metrics.jsonl", "lineage.json", "tensorboard")
"""What stays of a trial without its weights."""


class Pruned(Exception):
    """A trial is worse than its peers and is stopped."""

    def __init__(self, rung: int, step: int, bits: float, median: float) -> None:
        super().__init__()
        self.rung, self.step, self.bits, self.median = rung, step, bits, median


@dataclass(frozen=True, slots=True)
class Titled(Silent):
    """Passes on how far the training of one trial is, and nothing else: one bar for a trial."""

    title: str
    watch: Watch

    def stage(self, title: str, done: int, of: int) -> None:
        """See `mimicry_audit.distill.context.Watch`."""
        if title.startswith("training"):
            self.watch.stage(title.replace("training", self.title), done, of)

    def say(self, text: str) -> None:
        """See `mimicry_audit.distill.context.Watch`: of a trial it is not said."""


@dataclass
class TrialContext:
    """What all trials share.

    Attributes:
        context: of the search: all prompts, the validation part held out and the test part aside.
        of: how many trials there will be.
        scores: of the teacher on the validation part, computed when first wanted.
    """

    context: DistillContext
    of: int
    scores: evaluate.Scores | None = None
    scored: bool = False

    def folder(self, number: int) -> Path:
        """Where a trial lies."""
        return self.context.settings.out / "search" / f"trial-{number:03d}"

    def result(self, number: int) -> Result | None:
        """What came of a trial, None until it is done."""
        try:
            trial_result: Result = json.loads((self.folder(number) / RESULT).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return trial_result

    def known(self) -> Mapping[str, evaluate.Scores | None]:
        """The teacher's own view of the validation texts; its engine is asked once a process."""
        context = self.context
        if not context.settings.dose:
            return {}
        if not self.scored:
            frozen = frozen_of(context)
            reference_rows = [row for row in frozen.rows if row.id in frozen.references]
            spec = replace(context.teacher, label="teacher")
            self.scores = evaluate.scores_of(
                spec, reference_rows, replace(frozen, taught=()), [], context.report_progress
            )
            self.scored = True
        return {"teacher": self.scores}

    def student(self, number: int, values: Choices) -> DistillContext:
        """The context of one trial."""
        context = self.context
        s = applied(context.settings, values)
        s = replace(s, out=self.folder(number), name=s.name or context.settings.out.resolve().name)
        watch = Titled(f"trial {number + 1} of {self.of}", context.watch) if context.watch is not None else None
        spec = weights_spec(s.student, "the student", s.training.chat_template)
        return replace(context, settings=s, student=spec, shared=context.work, watch=watch)


def run(trial_context: TrialContext, number: int, values: Choices, before: Sequence[Result]) -> Result:
    """Do a trial and put on file what came of it; resumes where a killed one stopped.

    Args:
        trial_context: what is shared.
        number: of the trial, from 0.
        values: its settings.
        before: the trials on record.
    """
    twin = next((r for r in before if r["settings"] == dict(values)), None)
    if twin is not None:
        why = f"the same settings as trial {twin['trial'] + 1}"
        return _file_result(trial_context, {**twin, "trial": number, "same_as": twin["trial"], "why": why})
    peers = [r for r in finished(before) if _model_size(r["settings"]) == _model_size(values)]
    context = trial_context.student(number, values)
    outcome, why = _train_trial(context, peers)
    _free_memory()
    result: Result = {
        "trial": number, "settings": dict(values), "outcome": outcome, "why": why, "same_as": None,
        "rungs": _rung_losses(context), "steps": _last_step(context), "parameters": None, "validation": None,
    }  # fmt: skip
    if outcome == "finished":
        parameters = lineage.read(context.settings.out)["parameters"]
        result["parameters"] = parameters
        result["validation"] = _measure_trial(trial_context, context, parameters)
        _free_memory()
    return _file_result(trial_context, result)


def _model_size(values: Choices) -> tuple[Choice | None, Choice | None]:
    return values.get("student"), values.get("layers")


def _file_result(trial_context: TrialContext, result: Result) -> Result:
    folder = trial_context.folder(result["trial"])
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RESULT, result)
    return result


def _train_trial(context: DistillContext, peers: Sequence[Result]) -> tuple[str, str]:
    """Outcome and reason of the training; nothing is done where it is done already."""
    import torch

    if (context.settings.out / lineage.MANIFEST).is_file():
        return "finished", ""
    watched = replace(context, on_rung=_rung_judge(context, peers))
    try:
        finish_rounds(watched, align_tokens(watched))
    except Pruned as p:
        part = f"at step {p.step}, {p.rung} of {RUNGS} parts of the training"
        return "pruned", f"{part}: {p.bits:.3f} bits per byte, the median is {p.median:.3f}"
    except Diverged as error:
        return "diverged", error.problem
    except RunDirectoryError:
        raise
    except (MemoryError, torch.OutOfMemoryError):
        return "failed", "out of memory"
    except AuditError as error:
        return ("diverged" if "NaN or infinite" in error.problem else "failed"), error.problem
    except (RuntimeError, ValueError) as error:
        first = first_line(error)
        if "writ" in first.lower() or "space" in first.lower():  # torch reports a full disk in this way
            raise
        return "failed", "out of memory" if "memory" in first.lower() else first[:200]
    return "finished", ""


def _rung_judge(context: DistillContext, peers: Sequence[Result]) -> Callable[[int, int, float], None]:
    def judge(rung: int, step: int, bits: float) -> None:
        own_bits = [*(v for r, v in _rung_losses(context).items() if int(r) <= rung), bits]
        if (median := hopeless(rung, RUNGS, own_bits, peers)) is not None:
            raise Pruned(rung, step, bits, median)

    return judge


def _rung_losses(context: DistillContext) -> dict[str, float]:
    """Rung → held-out bits per byte of the first round, as logged."""
    return {str(line["rung"]): line["held_bits_per_byte"] for line in _logged_lines(context) if "rung" in line}


def _last_step(context: DistillContext) -> int:
    return max((line["step"] for line in _logged_lines(context)), default=0)


class _LoggedLine(TypedDict):
    """What is read of a line of ``metrics.jsonl``; the losses are left alone."""

    step: int
    rung: NotRequired[int]
    held_bits_per_byte: NotRequired[float]


def _logged_lines(context: DistillContext) -> list[_LoggedLine]:
    path = context.settings.out / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def _measure_trial(trial_context: TrialContext, context: DistillContext, parameters: int) -> evaluate.ModelEntry:
    """The student's entry of an evaluation on the validation part, with its size."""
    s = context.settings
    spec = ModelSpec(label="after", engine="hf", name=str(s.out), source=str(s.out))
    evaluation = evaluate.evaluate(
        context.work / "evaluation", {"after": spec}, frozen_of(context), max_tokens=s.max_tokens, seed=s.seed,
        progress=context.watch or Silent(), on_stage=context.report_progress, known=trial_context.known(),
    )  # fmt: skip
    return {**evaluation["models"]["after"], "parameters": parameters}


def _free_memory() -> None:
    """Give memory back before the next model is loaded."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def strip(folder: Path) -> None:
    """Remove a trial's weights and work; what was measured stays."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in _KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
