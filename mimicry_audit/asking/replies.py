"""Puts questions to a judge and asks again for what cannot be read: the part that every kind of judging shares.

Promise: a reply that cannot be read is asked for again at most `REPAIRS` times; an endpoint that refuses the JSON schema is
asked without one; the engine is started when it is first needed and closed by its stack; every request counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

from mimicry_audit.asking.answers import Progress
from mimicry_audit.asking.prompts.likeness import REPAIRS, SAMPLING
from mimicry_audit.engines.base import Engine
from mimicry_audit.records.asked import Completion, Message, ModelSpec, Request, canonical_json, request_seed

Item = TypeVar("Item")
Reading = TypeVar("Reading")

_REJECTED = re.compile(r"HTTP (400|422|501)\b")


@dataclass(frozen=True, slots=True)
class Heard(Generic[Reading]):
    """What came back for one question.

    Attributes:
        done: the last reply.
        reading: what was read in it; None where nothing could be.
        repairs: how often it was asked for again.
        held: whether it was held to the JSON schema.
    """

    done: Completion
    reading: Reading | None
    repairs: int
    held: bool

    def outcome(self, lenient: bool) -> str:
        """``ok``, ``lenient``, ``repaired``, ``failed`` or ``error``."""
        if self.reading is None:
            return "error" if self.done.status == "error" else "failed"
        return "repaired" if self.repairs else "lenient" if lenient else "ok"


class Asker(Generic[Reading]):
    """One judge, ready to be asked.

    Args:
        spec: the judge.
        engine: answers for it.
        schema: JSON schema of a reply, None where the engine knows none.
        read: a reply's reading, None where it cannot be read.
        repair: the conversation continued after an unreadable reply.
        before: called once before the engine is started.
        progress: told of what is slow.
    """

    def __init__(
        self,
        spec: ModelSpec,
        engine: Engine,
        schema: str | None,
        read: Callable[[str], Reading | None],
        repair: Callable[[Sequence[Message], str], tuple[Message, ...]],
        before: Callable[[], None],
        progress: Progress,
    ) -> None:
        self.spec, self.engine, self.schema, self.progress = spec, engine, schema, progress
        self.structured = schema is not None
        self.asked = 0
        self.stack: ExitStack | None = None
        self._read, self._repair, self._before = read, repair, before
        self._opened = False

    def request(self, messages: tuple[Message, ...], place: int, held_to: str | None) -> Request:
        """A request; its seed follows from what is asked, not from where: equal texts make equal requests in every run."""
        return Request(str(place), 0, messages, request_seed(SAMPLING.seed, plain(messages), 0), json_schema=held_to)

    def ask(self, items: Sequence[tuple[Item, tuple[Message, ...]]]) -> Iterator[tuple[Item, Heard[Reading]]]:
        """Put questions to the judge, and again those whose reply cannot be read, at most `REPAIRS` times."""
        asking = list(items)
        for repair in range(REPAIRS + 1):
            again: list[tuple[Item, tuple[Message, ...]]] = []
            for (item, messages), done, held in self._replies(asking):
                reading = self._read(done.text) if done.status in ("ok", "truncated") else None
                mendable = done.status in ("ok", "truncated", "empty") and reading is None
                if mendable and repair < REPAIRS:
                    again.append((item, self._repair(messages, done.text)))
                    continue
                yield item, Heard(done, reading, repair, held)
            if not again:
                return
            asking = again

    def _replies(
        self, asking: Sequence[tuple[Item, tuple[Message, ...]]]
    ) -> Iterator[tuple[tuple[Item, tuple[Message, ...]], Completion, bool]]:
        """The replies as they land. What an endpoint refuses on account of the schema is asked for without one."""
        if not asking:
            return
        self._open()
        held_to = self.schema if self.structured else None
        refused: list[tuple[tuple[Item, tuple[Message, ...]], Completion]] = []
        for place, done in self._generate([messages for _, messages in asking], held_to):
            if held_to is not None and done.status == "error" and _REJECTED.match(done.error or ""):
                refused.append((asking[place], done))
                continue
            yield asking[place], done, held_to is not None
        for place, done in self._generate([entry[1] for entry, _ in refused], None):
            if done.status != "error" and self.structured:
                self.structured = False
                self.progress.note(f"judge {self.spec.label}", "no JSON schema here: asking plainly")
            yield refused[place][0], done, False

    def _generate(
        self, conversations: Sequence[tuple[Message, ...]], held_to: str | None
    ) -> Iterator[tuple[int, Completion]]:
        requests = [self.request(self._fit(m), n, held_to) for n, m in enumerate(conversations)]
        for request, done in self.engine.generate(requests, SAMPLING) if requests else ():
            self.asked += 1
            yield int(request.probe_id), done

    def _fit(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation as the judge's template takes it: some know no system turn."""
        if self.spec.engine in ("hf", "vllm") and self.engine.render(messages) is None:
            system, user, *rest = messages
            merged = Message("user", f"{system.content}\n\n{user.content}")
            if self.engine.render((merged, *rest)) is not None:
                return merged, *rest
        return messages

    def _open(self) -> None:
        """Start the judge when it is first needed."""
        if self._opened:
            return
        self._before()
        self.progress.note(f"judge {self.spec.label}", "loading")
        assert self.stack is not None
        self.stack.enter_context(self.engine)
        self._opened = True


def plain(messages: Sequence[Message]) -> str:
    """A conversation as text."""
    return canonical_json([asdict(m) for m in messages])
