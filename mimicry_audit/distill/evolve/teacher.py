"""The teacher: reads cases, writes inputs, and labels them in calls of their own.

Promise: every prompt is a file under ``templates/evolve``; whatever model answers is asked through the contract of an audit's
engines, the scripted expert among them; a reply that cannot be read, or that lacks something, is asked for again `retries`
times; a label is taken only if it is one of the task's. Who labels does not see which inputs were meant to be hard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mimicry_audit.asking.session import Patience, Session, registered_engine
from mimicry_audit.distill.evolve import replies
from mimicry_audit.distill.evolve.data import EXPERT, Sample
from mimicry_audit.distill.evolve.journal import Book, call_key
from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.evolve.tasks import Task
from mimicry_audit.engines.base import Engine
from mimicry_audit.ground.errors import ConfigError, EngineError
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.records.asked import Message, ModelSpec, Request, Sampling, request_seed

Reading = TypeVar("Reading")
LABELLED_AT_ONCE = 20
"""Inputs in one labelling call."""
EXAMPLES = 8
"""Labelled rows that a prompt shows; always the same shots."""

_FORMS = {
    "classification": 'Give each its one label: {"id": 1, "label": "LABEL"}',
    "tagging": 'List the entities of each as they are spelled in the text, an empty list for none: {"id": 1, "entities": '
    '[{"type": "TYPE", "text": "WORDS"}]}',
    "qa": 'Answer each with as few words of its text as will do: {"id": 1, "answer": "WORDS"}',
}


def spec_of(settings: EvolveSettings) -> ModelSpec:
    """The teacher's spec.

    Raises:
        ConfigError: the name or an option is wrong, or its answers are recorded.
    """
    from mimicry_audit.engines.names import parse_models

    if settings.teacher.startswith(EXPERT):
        from mimicry_audit.distill.evolve.worlds import world

        world(settings.teacher.removeprefix(EXPERT))
        if settings.engine_options:
            raise ConfigError(f"{settings.teacher} takes no engine options", "leave --engine-option out")
        return ModelSpec(label="teacher", engine="expert", name=settings.teacher, source=settings.teacher)
    spec = parse_models([settings.teacher], default_engine="hf", options=settings.engine_options)[0]
    if spec.engine == "recorded":
        raise ConfigError(
            f"{settings.teacher} cannot teach: its answers are recorded", "name a model that can be asked"
        )
    return replace(spec, label="teacher")


def open_session(settings: EvolveSettings, spec: ModelSpec) -> Session:
    """What asks the teacher: the scripted expert among the engines, and one that fails on every try counts as gone.

    Args:
        settings: of the distillation.
        spec: of the teacher.
    """
    patience = Patience(settings.retries + 1, f"the teacher {spec.source} does not answer")
    return Session(spec, engine_for=_engine_of, patience=patience)


def _engine_of(spec: ModelSpec) -> Engine:
    if spec.engine == "expert":
        from mimicry_audit.distill.evolve.expert import ExpertEngine

        return ExpertEngine(spec)
    return registered_engine(spec)


class Prompts:
    """The prompts of the teacher.

    Args:
        task: gives the labels.
        about: the task in words.
        shots: the first of them are shown as examples.
    """

    def __init__(self, task: Task, about: str, shots: Sequence[Sample]) -> None:
        folder = resource_dir("templates") / "evolve"
        names = ("analysis", "writing", "labelling", "repair")
        self._texts = {name: (folder / f"{name}.jinja").read_text("utf-8") for name in names}
        self._task, self._shots = task, _vary_shots(task, shots)
        self._shared = {
            "about": about,
            "labels": ", ".join(task.labels),
            "label_word": "Types" if task.name == "tagging" else "Labels",
        }

    def analysis(self, cases: Sequence[tuple[Sample, str]]) -> tuple[Message, ...]:
        """The call that finds the weakness pattern; `cases` are rows with the student's answers."""
        lines = [_to_json({"input": row.text, "right": row.gold, "student": answer}) for row, answer in cases]
        return self._make_prompt("analysis", cases=lines)

    def writing(self, pattern: str | None, hard: int, easy: int) -> tuple[Message, ...]:
        """The call that writes inputs; without a pattern from the task's description alone."""
        lines = [_to_json({"text": row.text}) for row in self._shots]
        return self._make_prompt("writing", pattern=pattern, hard=hard, easy=easy, examples=lines)

    def labelling(self, texts: Mapping[int, str]) -> tuple[Message, ...]:
        """The call that labels inputs, by their numbers."""
        key = {"classification": "label", "tagging": "label", "qa": "answer"}[self._task.name]
        lines = [_to_json({"text": row.text, key: row.gold}) for row in self._shots]
        numbered = [_to_json({"id": number, "text": text}) for number, text in texts.items()]
        return self._make_prompt("labelling", inputs=numbered, examples=lines, form=_FORMS[self._task.name])

    def repair(self, missing: str) -> Message:
        """What follows a reply that could not be read."""
        return self._make_prompt("repair", missing=missing)[0]

    def _make_prompt(self, name: str, **values: object) -> tuple[Message, ...]:
        from jinja2 import Environment, StrictUndefined

        # Plain text for a model, not markup; what is filled in is never read as a template.
        plain = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701
        return (Message("user", plain.from_string(self._texts[name]).render(**self._shared, **values).strip()),)


@dataclass
class Counts:
    """What could not be used in one round.

    Attributes:
        invalid: lines of replies that were nothing of what was asked for.
        unlabelled: inputs that never got a label of the task.
    """

    invalid: int = 0
    unlabelled: int = 0


@dataclass
class Teacher:
    """One teacher, asked through its engine and the journal.

    Args:
        settings: of the distillation.
        session: asks it; the caller closes it.
        task: what is taught.
        prompts: its prompts.
        book: the journal.
    """

    settings: EvolveSettings
    session: Session
    task: Task
    prompts: Prompts
    book: Book
    counts: Counts = field(default_factory=Counts)

    def analyse(self, round_: int, cases: Sequence[tuple[Sample, str]]) -> str:
        """The weakness pattern in these cases.

        Raises:
            EngineError: the teacher fails, or no reply can be read.
        """
        pattern = self._ask_until(
            "analysis", round_, self.prompts.analysis(cases), 0.0, 0, replies.pattern, bool, "a pattern"
        )
        if not pattern:
            raise self._unreadable_error("an analysis")
        return pattern

    def write(self, round_: int, pattern: str | None, hard: int, easy: int, sample: int) -> list[tuple[str, str]]:
        """Inputs as (text, ``hard`` or ``easy``).

        Args:
            round_: which it is for.
            pattern: the weakness they aim at, None to write from the description alone.
            hard: how many are to be hard.
            easy: how many are to be easy.
            sample: number of the call among equal ones.
        """

        def read(reply: str) -> list[tuple[str, str]]:
            inputs, invalid = replies.inputs(reply)
            self.counts.invalid += invalid
            return inputs

        warmth = self.settings.answer_temperature
        messages = self.prompts.writing(pattern, hard, easy)
        inputs = self._ask_until("writing", round_, messages, warmth, sample, read, bool, "the inputs")
        if not inputs:
            raise self._unreadable_error("inputs")
        hard_missing = hard
        written = []
        for text, kind in inputs:  # what carries no mark counts as hard while hard ones are wanted
            written.append((text, kind or ("hard" if hard_missing > 0 else "easy")))
            hard_missing -= written[-1][1] == "hard"
        return written

    def label(self, round_: int, texts: Sequence[str]) -> list[str | None]:
        """The label of each text; None where the teacher gave none that the task knows.

        Raises:
            EngineError: the teacher fails, or none of its labels can be used.
        """
        labels: dict[int, str] = {}
        for start in range(0, len(texts), LABELLED_AT_ONCE):
            numbered = {n + 1: text for n, text in enumerate(texts)}
            part = {n: numbered[n] for n in range(start + 1, min(start + LABELLED_AT_ONCE, len(texts)) + 1)}
            labels |= self._ask_labels(round_, part)
        if texts and not labels:
            raise self._unreadable_error("labels")
        self.counts.unlabelled += len(texts) - len(labels)
        return [labels.get(n + 1) for n in range(len(texts))]

    def _ask_labels(self, round_: int, part: Mapping[int, str]) -> dict[int, str]:
        """Ask for the labels of these, and again for those that are missing."""
        labels: dict[int, str] = {}
        for attempt in range(self.settings.retries + 1):
            missing = {n: text for n, text in part.items() if n not in labels}
            if not missing:
                break
            reply = self._ask("labelling", round_, self.prompts.labelling(missing), 0.0, attempt, attempt)
            value_by_number, invalid = replies.labels(reply)
            self.counts.invalid += invalid
            for number, value in value_by_number.items():
                if number in missing and (label := self.task.read(value, missing[number])) is not None:
                    labels[number] = label
                else:
                    self.counts.invalid += 1
        return labels

    def _ask_until(
        self, purpose: str, round_: int, messages: tuple[Message, ...], temperature: float, sample: int,
        read_reply: Callable[[str], Reading], good: Callable[[Reading], bool], missing: str,
    ) -> Reading:  # fmt: skip
        """Ask, and ask again while what is read is not good; the last reading."""
        asking = messages
        for attempt in range(self.settings.retries + 1):
            reply = self._ask(purpose, round_, asking, temperature, sample, attempt)
            reading = read_reply(reply)
            if good(reading):
                break
            asking = (*messages, Message("assistant", reply or "…"), self.prompts.repair(missing))
        return reading

    def _ask(
        self, purpose: str, round_: int, messages: tuple[Message, ...], temperature: float, sample: int, attempt: int
    ) -> str:
        """One reply, from the journal if it stands there."""
        s = self.settings
        sampling = Sampling(temperature=temperature, max_tokens=s.teacher_tokens, seed=s.seed)
        request = Request(
            f"{purpose}/{sample}/{attempt}", sample, messages, request_seed(s.seed, purpose, sample + attempt)
        )
        key = call_key(self.session.identity, self.session.spec.engine, sampling, request)
        while (reply := self.book.reply(key)) is None:
            ((_, completion),) = self.session.ask([request], sampling)
            self.book.keep_call(key, purpose, round_, attempt, request, completion)
            self.session.end_turn([completion])
        return reply

    def _unreadable_error(self, what: str) -> EngineError:
        return EngineError(
            f"no reply of the teacher {self.session.spec.source} holds {what}, asked {self.settings.retries + 1} times",
            "read its replies in evolve.jsonl; raise --teacher-tokens, or use a more able teacher",
        )


def _vary_shots(task: Task, shots: Sequence[Sample]) -> list[Sample]:
    """A few shots, of as many kinds as there are."""
    count_by_kind: dict[str, int] = {}
    ranked = []
    for place, shot in enumerate(shots):
        kind = task.kinds(shot.gold or "")[0]
        count_by_kind[kind] = count_by_kind.get(kind, 0) + 1
        ranked.append((count_by_kind[kind], place, shot))
    return [shot for _, _, shot in sorted(ranked, key=lambda entry: entry[:2])[:EXAMPLES]]


def _to_json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False)
