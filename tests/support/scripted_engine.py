"""An engine in memory that answers as it is calls to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mimicry_audit.engines.base import EngineBase
from mimicry_audit.ground.errors import EngineError
from mimicry_audit.records.asked import Completion, Identity, Message, ModelSpec, Request, Sampling, canonical_json

Answer = Callable[[ModelSpec, Request], Completion]


def says_its_name(spec: ModelSpec, request: Request) -> Completion:
    """An answer that tells the model, the probe and the sample, so that a mix-up shows."""
    return Completion(status="ok", text=f"{spec.name} on {request.probe_id}, sample {request.sample}")


@dataclass
class Script:
    """What all engines of a test do, and what happened to them.

    Attributes:
        answer: gives each completion.
        dies_after: model label → answers after which the engine fails.
        revision: model label → revision, ``r1`` by default.
        events: ``(what, label)`` in order: made, identify, open, close.
        asked: label → the requests that were answered.
        seen: label → all requests of the last call, missing or not.
    """

    answer: Answer = says_its_name
    dies_after: dict[str, int] = field(default_factory=dict)
    revision: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    asked: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    seen: dict[str, list[Request]] = field(default_factory=dict)

    def engine_for(self, spec: ModelSpec) -> ScriptedEngine:
        """What `collect` takes for ``engine_for``."""
        self.events.append(("made", spec.label))
        return ScriptedEngine(spec, self)


class ScriptedEngine(EngineBase):
    """One model of a `Script`."""

    def __init__(self, spec: ModelSpec, script: Script) -> None:
        super().__init__(spec)
        self.script = script

    def identify(self) -> Identity:
        """The name and the scripted revision."""
        self.script.events.append(("identify", self.spec.label))
        return Identity(model=self.spec.name, revision=self.script.revision.get(self.spec.label, "r1"))

    def open(self) -> None:
        """Note it."""
        self.script.events.append(("open", self.spec.label))

    def close(self) -> None:
        """Note it."""
        self.script.events.append(("close", self.spec.label))

    def render(self, messages: Sequence[Message]) -> str | None:
        """The turns, plainly."""
        return canonical_json([asdict(m) for m in messages])

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Answer the missing requests, backwards: no order is promised."""
        label = self.spec.label
        self.script.seen[label] = list(requests)
        done = self.script.asked.setdefault(label, [])
        left = self.script.dies_after.get(label)
        for request in reversed([r for r in requests if r.missing]):
            if left == 0:
                raise EngineError(f"the server of {label} died", "start it again")
            left = None if left is None else left - 1
            done.append((request.probe_id, request.sample))
            yield request, self.script.answer(self.spec, request)


class Heard:
    """A `Progress` that remembers what it was calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def start(self, label: str, total: int, missing: int) -> None:
        self.calls.append(("start", label, total, missing))

    def note(self, label: str, text: str) -> None:
        self.calls.append(("note", label, text))

    def advance(self, label: str, response: Any) -> None:
        self.calls.append(("advance", label, response.probe_id, response.sample, response.status))

    def finish(self, label: str) -> None:
        self.calls.append(("finish", label))
