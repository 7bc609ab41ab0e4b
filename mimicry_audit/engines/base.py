"""What every engine promises.

An engine turns requests into completions for one model. It knows nothing of scores, probes' checks or
the run directory.

The contract, tested for every engine by ``tests/one_server/test_engine_contract.py``:

* `identify` is cheap: it loads no weights and starts no server, yet two different models never get the same
  answer from it. It raises `PrerequisiteError` when the model, its template, a package or a device is missing,
  and `EngineError` when an endpoint is down, refuses the key or does not serve the model.
* `render` works before `open`. It gives None where the prompt cannot be known: an endpoint hides its template, or
  the template refuses the conversation (`generate` then answers that request with status ``error``).
* `open` loads or starts; `close` releases every resource (memory, processes, ports), also after a failure.
* `generate` opens the engine if necessary and yields ``(request, completion)`` pairs, each missing request exactly once,
  in any order, as they arrive; it never yields a request that is not missing. A failed request is a completion with
  status ``error``; only a failure of the whole engine (server died, key refused) raises `EngineError`. A prompt
  that does not fit the context is such a failed request: nothing is ever cut to fit. Abandoning the iterator
  stops the requests in flight.
* With ``temperature=0`` the same request gives the same text; with a seed, the same where the engine can (`seeded`).
* With a request's ``json_schema`` the answer keeps that schema, where the engine can (`structured`).
* ``<think>…</think>`` and the other published marks of reasoning are split off into `Completion.reasoning`
  (`mimicry_audit.engines.reading`).
* A constructor does nothing but keep its `ModelSpec`; options are declared in `options` and checked on the way in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Protocol, Self, runtime_checkable

from mimicry_audit.engines.options import Option
from mimicry_audit.records.asked import Completion, Identity, Message, ModelSpec, Request, Sampling


@runtime_checkable
class Engine(Protocol):
    """One model, ready to be asked."""

    spec: ModelSpec
    seeded: ClassVar[bool]
    """Whether a request's seed makes a sampled answer repeatable."""
    structured: ClassVar[bool]
    """Whether it can hold an answer to a request's JSON schema."""
    options: ClassVar[tuple[Option, ...]]
    """The engine options it understands."""

    def identify(self) -> Identity:
        """Resolve what this model is, without loading it."""

    def open(self) -> None:
        """Load the model or start its server. Idempotent."""

    def render(self, messages: Sequence[Message]) -> str | None:
        """The prompt after the chat template; None where it cannot be known."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Answer the missing requests, yielding each as it arrives."""

    def close(self) -> None:
        """Release everything. Idempotent."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an engine can be used on this machine.

    Attributes:
        usable: whether it can.
        version: of the package behind it, None without one.
        why_not: one clause, empty when usable.
        fix: what to install or change, empty when usable.
    """

    usable: bool
    version: str | None = None
    why_not: str = ""
    fix: str = ""


class EngineBase:
    """What all engines share: keeping the spec, and ``with engine:``."""

    title: ClassVar[str] = ""
    """One clause for people, shown by ``audit models`` and ``audit doctor``."""
    seeded: ClassVar[bool] = True
    structured: ClassVar[bool] = False
    options: ClassVar[tuple[Option, ...]] = ()
    notes: tuple[str, ...] = ()
    """What was noticed when the model was found, in sentences for the reader of the report."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    @classmethod
    def availability(cls) -> Availability:
        """Whether this engine's package and device are here."""
        return Availability(usable=True)

    def open(self) -> None:
        """Load the model or start its server."""

    def close(self) -> None:
        """Release everything."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
