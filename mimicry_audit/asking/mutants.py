"""Who changes templates during a search: rules, or any model.

Promise: a mutant is a pure function of the visit where rules write it, and is journalled where a model does, so that an
interrupted search resumes with exactly the same templates. A model is instructed to name no maker; what it writes is checked
like any mutant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from mimicry_audit.asking.session import Patience, Session
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.identity.fuzz import MUTATORS, Visit
from mimicry_audit.identity.mutators import RULES
from mimicry_audit.records.asked import Completion, Message, ModelSpec, Request, Sampling, request_seed

SAMPLING = Sampling(temperature=0.8, top_p=1.0, max_tokens=700, seed=0)
"""How a mutator is asked: with some warmth, or it would write one mutant over and over."""
SILENT_REPLIES = 10
"""Failed replies in a row after which a mutator counts as gone."""


def mutator_patience(spec: ModelSpec) -> Patience:
    """When a model that writes mutants counts as gone."""
    return Patience(SILENT_REPLIES, f"the mutator {spec.label} answers nothing")


class Writer(Protocol):
    """Writes mutants."""

    def write(self, visit: Visit, attempt: int, text: str, language: str, other: str) -> str | None:
        """The mutant of one try at one visit; None where the mutator gave none."""


class Rules:
    """Mutants by rule (`mimicry_audit.identity.mutators`)."""

    def write(self, visit: Visit, attempt: int, text: str, language: str, other: str) -> str | None:
        """See `Writer`."""
        return RULES[visit.tries[attempt][0]](visit.rng(attempt), text, language, other)


class Prompts:
    """A model's instructions, from ``templates/mutators/``."""

    def __init__(self) -> None:
        folder = resource_dir("templates") / "mutators"
        self._tasks = {name: (folder / f"{name}.jinja").read_text("utf-8").strip() for name in MUTATORS}
        self._frame = (folder / "frame.jinja").read_text("utf-8")

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything that decides a prompt."""
        return (self._frame, *self._tasks.values())

    def messages(self, mutator: str, text: str, other: str) -> tuple[Message, ...]:
        """The request for one mutant; `other` is used by ``crossover`` only."""
        from jinja2 import Environment, StrictUndefined

        # Plain text for a model, not markup; what is filled in is never read as a template.
        plain = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701
        other = other if mutator == "crossover" else ""
        text_sent = plain.from_string(self._frame).render(task=self._tasks[mutator], text=text, other=other)
        return (Message("user", text_sent.strip()),)


class ModelWriter:
    """Mutants by a model.

    Args:
        session: asks the model, with `mutator_patience`; the caller closes it.
        seed: of the search.
        known: ``mutation/STEP/TRY`` → what was written before an interruption.
        keep: journals a reply, given its name, the request and the prompt as text.
    """

    def __init__(
        self,
        session: Session,
        seed: int,
        completion_by_key: Mapping[str, Completion],
        keep: Callable[[str, Request, Completion], None],
    ) -> None:
        self._session, self._seed, self._known, self._keep = session, seed, completion_by_key, keep
        self._prompts = Prompts()

    def write(self, visit: Visit, attempt: int, text: str, language: str, other: str) -> str | None:
        """See `Writer`.

        Raises:
            EngineError: the model cannot be asked, or its last ten replies all failed.
        """
        name = f"mutation/{visit.step}/{attempt}"
        completion = self._known.get(name)
        if completion is None:
            messages = self._prompts.messages(visit.tries[attempt][0], text, other)
            completion = self._ask_writer(Request(name, 0, messages, request_seed(self._seed, name, 0)))
        return framed(completion.text) if completion.status in ("ok", "truncated") else None

    def _ask_writer(self, request: Request) -> Completion:
        ((_, completion),) = self._session.ask([request], SAMPLING)
        self._keep(request.probe_id, request, completion)
        self._session.end_turn([completion])
        return completion


_FRAME = re.compile(r"<frame>(.*?)(?:</frame>|\Z)", re.DOTALL)


def framed(reply: str) -> str:
    """The frame in a model's reply: what stands between the marks, else all of it without a code fence."""
    match = _FRAME.search(reply)
    text = match[1] if match else re.sub(r"^```\w*\n|\n```$", "", reply.strip())
    return text.strip()
