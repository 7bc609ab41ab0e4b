"""Asks one model and keeps what it says: the one loop behind every room that asks.

Promise: an engine is made when it is first needed, started when the first reply is missing, and always closed; a model that
changed since the run began is refused before it is loaded; each reply is journalled as it arrives; a model that answers nothing
for too long ends the run with the reason. The rooms that ask say only what is missing and how a reply is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from mimicry_audit.asking.progress import Landed, Progress, Silent
from mimicry_audit.asking.remembering import Refusal, demand_same, section_of
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import EngineError
from mimicry_audit.records.asked import (
    Completion,
    Identity,
    Message,
    ModelSpec,
    Request,
    Response,
    Sampling,
    completion_fields,
    conversation_text,
    response_key,
    sha256_text,
    timestamp,
)
from mimicry_audit.records.run import Journal, RunDirectory

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Reply = TypeVar("Reply", bound=Response)
EngineFactory = Callable[[ModelSpec], Engine]
registered_engine: EngineFactory = engine_for
"""Makes engines from the registry; the default."""


class Missable(Protocol):
    """A request that may have been answered before."""

    @property
    def missing(self) -> bool:
        """Whether its answer is missing."""


@dataclass(frozen=True, slots=True)
class Patience:
    """When a model that answers nothing counts as gone.

    Attributes:
        turns: how many turns in a row may fail; a turn is whatever the room that asks hands to `Session.end_turn`.
        complaint: the message's first words, as in "the judge x answered nothing".
    """

    turns: int
    complaint: str


class Session:
    """One model being asked, and the journal that its replies are kept in; use it as a context.

    Args:
        spec: the model.
        engine_for: makes an engine from a spec.
        journal: where replies are kept; None where they are kept elsewhere.
        progress: notified of every reply.
        title: what progress calls the model; its label by default.
        patience: when the model counts as gone; None where failures are only counted.
        refuse: the error for a model that is not the one expected (`expect`).
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        engine_for: EngineFactory = registered_engine,
        journal: Path | None = None,
        progress: Progress | None = None,
        title: str | None = None,
        patience: Patience | None = None,
        refuse: Refusal | None = None,
    ) -> None:
        self.spec, self.title, self.progress = spec, title or spec.label, progress or Silent()
        self.replies = 0
        self._engine_for, self._patience, self._refuse = engine_for, patience, refuse
        self._journal = None if journal is None else Journal(journal)
        self._stack = ExitStack()
        self._expected: Mapping[str, Any] | None = None
        self._current: Identity | None = None
        self._prompts: dict[tuple[Message, ...], str] = {}
        self._opened = False
        self._silent_turns = 0

    @cached_property
    def engine(self) -> Engine:
        """The engine that answers for the model, made at first use and not yet opened."""
        return self._engine_for(self.spec)

    @property
    def identity(self) -> Identity:
        """Who the model is: as found, else as the run knows it, else as it is found now."""
        if self._current is None and self._expected is not None:
            return Identity(**self._expected)
        return self.find()

    def expect(self, identity: Mapping[str, object] | None) -> None:
        """Hold the model to the identity that the run knows, now if it has been found, else as soon as it is.

        Raises:
            AuditError: it is another; as `refuse` words it.
        """
        self._expected = identity
        if self._current is not None:
            self._check_unchanged(self._current)

    def find(self) -> Identity:
        """Who the model is now, without loading it; looked up once.

        Raises:
            AuditError: the model does not exist, or it is not the one expected.
        """
        if self._current is None:
            current = self.engine.identify()
            self._check_unchanged(current)
            self._current = current
        return self._current

    def _check_unchanged(self, current: Identity) -> None:
        if self._expected is None or self._refuse is None:
            return
        demand_same(self._expected, asdict(current), self._refuse)

    def __enter__(self) -> Self:
        """Open the journal; the engine waits until something is missing."""
        if self._journal is not None:
            self._stack.enter_context(self._journal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the engine if it was opened, and sync and close the journal."""
        self._opened = False
        self._stack.__exit__(kind, error, trace)

    def open(self) -> None:
        """Load the model or start its server, unless that has been done."""
        if self._opened:
            return
        self.find()
        self.progress.note(self.title, "loading")
        self._stack.enter_context(self.engine)
        self._opened = True

    def start(self, total: int, missing: int) -> None:
        """Report that asking begins: `missing` of `total` answers."""
        self.progress.start(self.title, total, missing)

    def finish(self) -> None:
        """Report that the model is done."""
        self.progress.finish(self.title)

    def complete(self, requests: Sequence[Missable], records: Callable[[], Iterable[object]]) -> int:
        """Ask for all that is missing and keep each record as it arrives; opens nothing where nothing is.

        Args:
            requests: all of them, so that progress knows the whole.
            records: asks the opened engine and makes a record of each reply.

        Returns:
            How many requests were missing.
        """
        missing = sum(request.missing for request in requests)
        self.start(len(requests), missing)
        if missing:
            with self:
                self.open()
                for record in records():
                    self.keep(record)
        self.finish()
        return missing

    def ask(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """The replies to the missing requests as they arrive; opens the engine where there are any."""
        if not any(request.missing for request in requests):
            return
        self.open()
        for request, completion in self.engine.generate(requests, sampling):
            self.replies += 1
            yield request, completion

    def response(
        self, kind: type[Reply], request: Request, completion: Completion, sampling: Sampling, **more: Any
    ) -> Reply:
        """The record of a reply, keyed by everything that decided it.

        Args:
            kind: `Response` or a record made of one.
            request: what was asked.
            completion: what came back.
            sampling: how it was asked.
            **more: the further fields of `kind`.
        """
        prompt = self._render_prompt(request.messages)
        return kind(
            key=response_key(self.identity, self.spec.engine, prompt, sampling, request),
            model=self.spec.label,
            probe_id=request.probe_id,
            sample=request.sample,
            prompt_sha=sha256_text(prompt),
            time=timestamp(),
            **completion_fields(completion),
            **more,
        )

    def _render_prompt(self, messages: tuple[Message, ...]) -> str:
        """The prompt after the chat template; the conversation as text where that cannot be known."""
        if messages not in self._prompts:
            text = self.engine.render(messages)
            self._prompts[messages] = conversation_text(messages) if text is None else text
        return self._prompts[messages]

    def write(self, record: DataclassInstance) -> None:
        """Journal a record that is not counted as progress.

        Raises:
            RunDirectoryError: it could not be written.
        """
        assert self._journal is not None
        self._journal.append(record)

    def keep(self, record: Any) -> None:
        """Journal a record and report it; see `write`."""
        self.write(record)
        self.progress.advance(self.title, record)

    def end_turn(self, records: Sequence[Landed]) -> None:
        """Count a turn whose records all failed; one that holds an answer, or nothing at all, does not count as silence.

        Raises:
            EngineError: the model has been silent for as many turns in a row as `patience` allows.
        """
        if self._patience is None or not records or any(record.status != "error" for record in records):
            self._silent_turns = 0
            return
        self._silent_turns += 1
        if self._silent_turns >= self._patience.turns:
            raise EngineError(f"{self._patience.complaint} ({records[0].error})", "fix the cause, and run again")


def expect_recorded(run: RunDirectory, sessions: Iterable[Session]) -> None:
    """Hold each model to the identity under which it is on record in a run, where it has answered before.

    Raises:
        AuditError: a model that has been found already is another; as its session words it.
    """
    resolved = section_of(run, "resolved")
    for session in sessions:
        session.expect(resolved.get(session.spec.label, {}).get("identity"))
