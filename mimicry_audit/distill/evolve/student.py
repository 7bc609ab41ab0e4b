"""The student: asked as an audit asks a model, trained as `audit distill` trains one.

Promise: predictions are greedy answers through the ``hf`` engine, in fixed chunks, so that the same weights answer alike; a
training is a `mimicry_audit.distill.training.task.Job`, which survives ``kill -9`` and ends with the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mimicry_audit.distill.alignment import padding
from mimicry_audit.distill.evolve.data import Sample
from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.rounds import write_rows
from mimicry_audit.distill.training import job, task
from mimicry_audit.distill.training.examples import Encoder, Taught
from mimicry_audit.distill.training.loss import LossRecipe
from mimicry_audit.distill.training.models import Source, source, weights_spec
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.records.asked import Message, ModelSpec, Request, Sampling

ANSWERED_AT_ONCE = 64
"""Texts in one batch of predictions."""


class Student:
    """One student in one distillation.

    Args:
        settings: of the distillation.
        report_progress: called with (stage, done, of) while it trains.
    """

    def __init__(self, settings: EvolveSettings, report_progress: Callable[[str, int, int], None]) -> None:
        self.settings, self._report = settings, report_progress
        self.source: Source = source(weights_spec(settings.student, "the student", settings.training.chat_template))
        self._encoder = Encoder(self.source.side)
        self._prompt = _prompt_template(settings)
        self._engine: tuple[int, Engine] | None = None

    @property
    def left_out(self) -> dict[str, int]:
        """Rows that could not be taught, by reason."""
        return dict(sorted(self._encoder.left_out.items()))

    def folder(self, number: int) -> Path:
        """Of one round's training."""
        return self.settings.out / "work" / f"round-{number}"

    def weights(self, number: int) -> Path:
        """What a round leaves."""
        return self.folder(number) / "weights"

    def messages(self, text: str) -> tuple[Message, ...]:
        """What the student is asked."""
        return (Message("user", self._prompt(text)),)

    def predict(self, after: int, texts: Sequence[str]) -> list[str]:
        """Its answers with the weights after a round; before any training for -1.

        A request that fails, such as one longer than the context, counts as an empty answer.
        """
        if not texts:
            return []
        requests = [Request(f"{n:06}", 0, self.messages(text), 0) for n, text in enumerate(texts)]
        sampling = Sampling(max_tokens=self.settings.max_tokens)
        answers = {
            r.probe_id: completion.text for r, completion in self._ready_engine(after).generate(requests, sampling)
        }
        return [answers[request.probe_id].strip() for request in requests]

    def close(self) -> None:
        """Give back what predicting holds."""
        if self._engine is not None:
            self._engine[1].close()
            self._engine = None

    def _ready_engine(self, after: int) -> Engine:
        """The engine with the weights after a round; it stays open until other weights are wanted, or until training."""
        if self._engine is not None and self._engine[0] == after:
            return self._engine[1]
        self.close()
        s, spec = self.settings, self.source.spec
        options: dict[str, object] = {"batch_size": ANSWERED_AT_ONCE}
        options |= {"num_threads": s.training.threads} if s.training.threads else {}
        if after < 0:
            options |= dict(spec.options)
            spec = ModelSpec(label="student", engine="hf", name=spec.name, revision=spec.revision, options=options)
        else:
            spec = ModelSpec(label="student", engine="hf", name=str(self.weights(after).resolve()), options=options)
        self._engine = (after, engine_for(spec))
        self._engine[1].open()
        return self._engine[1]

    def train(self, number: int, rows: Sequence[Sample]) -> task.TrainingResult:
        """Train on these rows, from where the round before ended, unless it is done; what came of it.

        Raises:
            ConfigError: no row can be taught.
        """
        s = self.settings
        self.close()
        taught = [Taught(id=row.id, messages=self.messages(row.text), text=row.gold or "") for row in rows]
        self._encoder.left_out.clear()
        encoded = self._encoder.encode(taught)
        if not encoded:
            raise ConfigError(f"no row can be taught ({', '.join(self._encoder.left_out)})", "check the data")
        shared_fields = task.training_fields(s.training, len(encoded))
        start, commit = self.source.weights.location, self.source.weights.commit
        if number:
            start, commit = str(self.weights(number - 1).resolve()), None
        folder = self.folder(number)
        pad = padding(self.source)
        training_job = task.Job(
            folder=str(folder.resolve()), student=start, student_commit=commit, teacher=None, teacher_commit=None,
            rows=write_rows(folder / "rows.jsonl", encoded), held=None, signals=(), recipe=LossRecipe(),
            pads=(pad, 0), seed=s.seed + number, patience=0, evaluate_every=0,
            logs=10, round_=number,
            metrics=str((s.out / "metrics.jsonl").resolve()), board=None,
            template=self.source.side.template.source if s.training.chat_template else None, **shared_fields,
        )  # fmt: skip
        return job.perform(
            training_job, s.training.launcher, lambda count, of: self._report(f"training, round {number}", count, of)
        )


def _prompt_template(settings: EvolveSettings) -> Callable[[str], str]:
    """What puts a text into the student's prompt.

    Raises:
        DataError: the file cannot be read or is not a template with ``{{ text }}``.
    """
    from jinja2 import Environment, StrictUndefined, TemplateError

    path = Path(settings.prompt_template or resource_dir("templates") / "evolve" / f"student_{settings.task}.jinja")
    plain = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - plain text for a model
    try:
        template = plain.from_string(path.read_text("utf-8").strip())
        if "Qx8" not in template.render(text="Qx8"):
            raise DataError(f"{path} does not show the text", "put {{ text }} into it")
    except (OSError, UnicodeDecodeError, TemplateError) as error:
        raise DataError(f"the prompt {path} cannot be used ({error})", "give a Jinja file with {{ text }}") from None
    return lambda text: template.render(text=text)
