"""Puts questions to a judge and asks again for what cannot be read: the part that every kind of judging shares.

Promise: a question that a judge has answered before, in this run or another, is not put to it again; a reply that cannot be
read is asked for again at most `REPAIRS` times; an endpoint that refuses the JSON schema is asked without one; every request
counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from mimicry_audit.asking.cache import Cache, default_root
from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.prompts.framing import JudgePrompt
from mimicry_audit.asking.prompts.likeness import REPAIRS, SAMPLING
from mimicry_audit.asking.remembering import Refusal
from mimicry_audit.asking.session import EngineFactory, Patience, Session
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.asked import (
    Completion,
    Message,
    ModelSpec,
    Request,
    canonical_json,
    completion_fields,
    conversation_text,
    request_seed,
    response_key,
    sha256_text,
)

Item = TypeVar("Item")
Reading = TypeVar("Reading", bound="Readable")

_REJECTED = re.compile(r"HTTP (400|422|501)\b")


class Readable(Protocol):
    """What a kind of judging reads in a reply."""

    @property
    def reason(self) -> str:
        """The judge's sentence."""

    @property
    def lenient(self) -> bool:
        """Whether the reply was more, or other, than what was asked for."""


@dataclass(frozen=True, slots=True)
class JudgeTask(Generic[Reading]):
    """A kind of judging.

    Attributes:
        prompt: the judge's prompts.
        schema: makes the JSON schema of a reply, with the lengths of its texts bounded or not (``bounded=``).
        read: a reply's reading, None where it cannot be read.
        fields: what a judgement keeps of a reading, or of None.
        check: raises ValueError for a cached record that is not a judgement of this kind.
        cache_prefix: sets this kind's caches apart.
    """

    prompt: JudgePrompt
    schema: Callable[..., str]
    read: Callable[[str], Reading | None]
    fields: Callable[[Reading | None], dict[str, object]]
    check: Callable[[Mapping[str, object]], None]
    cache_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Heard(Generic[Reading]):
    """What came back for one question.

    Attributes:
        completion: the last reply.
        reading: what was read in it; None where nothing could be.
        repairs: how often it was asked for again.
        held: whether it was held to the JSON schema.
    """

    completion: Completion
    reading: Reading | None
    repairs: int
    held: bool

    @property
    def outcome(self) -> str:
        """``ok``, ``lenient``, ``repaired``, ``failed`` or ``error``."""
        if self.reading is None:
            return "error" if self.completion.status == "error" else "failed"
        return "repaired" if self.repairs else "lenient" if self.reading.lenient else "ok"


class Asker(Generic[Reading]):
    """One judge, ready to be asked.

    Args:
        spec: the judge.
        task: the kind of judging.
        engine_for: makes an engine from a spec.
        journal: where its judgements are kept.
        progress: notified of every judgement.
        cache_root: folder of the judgements that all runs share; the user's by default.
        refuse: the error for a judge that is not the one expected.

    Raises:
        ConfigError: the model cannot judge.
    """

    def __init__(
        self,
        spec: ModelSpec,
        task: JudgeTask[Reading],
        *,
        engine_for: EngineFactory,
        journal: Path,
        progress: Progress | None,
        cache_root: Path | None,
        refuse: Refusal | None = None,
    ) -> None:
        if spec.engine == "recorded":
            raise ConfigError(
                f"{spec.source or spec.name} cannot judge: its answers are recorded", "name a model that runs"
            )
        self.spec, self.task = spec, task
        self.session = Session(
            spec,
            engine_for=engine_for,
            journal=journal,
            progress=progress,
            title=f"judge {spec.label}",
            patience=Patience(1, f"the judge {spec.label} answered nothing"),
            refuse=refuse,
        )
        self.schema = task.schema(bounded=spec.engine == "vllm") if self.session.engine.structured else None
        self.structured = self.schema is not None
        self.protocol = sha256_text(canonical_json([task.prompt.sha, self.schema, asdict(SAMPLING), REPAIRS]))
        self._cache_root = cache_root or default_root()
        self._cache: Cache | None = None

    @property
    def cache(self) -> Cache:
        """The judgements of this judge under this protocol in all runs."""
        if self._cache is None:
            name = sha256_text(canonical_json([self.spec.engine, asdict(self.session.identity), self.protocol]))
            fields = tuple(self.task.fields(None))
            self._cache = Cache(self._cache_root, self.task.cache_prefix + name[:24], fields, self.task.check)
        return self._cache

    def key(self, messages: tuple[Message, ...]) -> str:
        """The key of a judgement: over the judge, the protocol and what is put to it."""
        request = self._build_request(messages, 0, self.schema)
        return response_key(self.session.identity, self.spec.engine, conversation_text(messages), SAMPLING, request)

    def judgements(self, questions: Mapping[str, tuple[Message, ...]]) -> Iterator[dict[str, Any]]:
        """The fields of each judgement, as known from another run or as asked for now; each question once.

        Args:
            questions: key → what is put to the judge.
        """
        missing = []
        for key, messages in questions.items():
            if (cached := self.cache.get(key)) is not None:
                yield {**cached, "cached": True}
            else:
                missing.append((key, messages))
        for key, reply in self._ask_items(missing):
            judgement = {
                **completion_fields(reply.completion),
                **self.task.fields(reply.reading),
                "key": key,
                "outcome": reply.outcome,
                "reason": reply.reading.reason if reply.reading else "",
                "attempt": reply.repairs + 1,
                "structured": reply.held,
            }
            self.cache.put(judgement)
            yield judgement

    def _build_request(self, messages: tuple[Message, ...], place: int, held_to: str | None) -> Request:
        """A request; its seed follows from what is asked, not from where: equal texts make equal requests in every run."""
        return Request(
            str(place), 0, messages, request_seed(SAMPLING.seed, conversation_text(messages), 0), json_schema=held_to
        )

    def _ask_items(self, items: Sequence[tuple[Item, tuple[Message, ...]]]) -> Iterator[tuple[Item, Heard[Reading]]]:
        """Put questions to the judge, and again those whose reply cannot be read, at most `REPAIRS` times."""
        asking = list(items)
        for repair in range(REPAIRS + 1):
            again: list[tuple[Item, tuple[Message, ...]]] = []
            for (item, messages), completion, schema_kept in self._generate_replies(asking):
                reading = self.task.read(completion.text) if completion.status in ("ok", "truncated") else None
                mendable = completion.status in ("ok", "truncated", "empty") and reading is None
                if mendable and repair < REPAIRS:
                    again.append((item, self.task.prompt.repair(messages, completion.text)))
                    continue
                yield item, Heard(completion, reading, repair, schema_kept)
            if not again:
                return
            asking = again

    def _generate_replies(
        self, asking: Sequence[tuple[Item, tuple[Message, ...]]]
    ) -> Iterator[tuple[tuple[Item, tuple[Message, ...]], Completion, bool]]:
        """The replies as they arrive. What an endpoint refuses on account of the schema is asked for without one."""
        held_to = self.schema if self.structured else None
        refused: list[tuple[tuple[Item, tuple[Message, ...]], Completion]] = []
        for place, completion in self._generate([messages for _, messages in asking], held_to):
            if held_to is not None and completion.status == "error" and _REJECTED.match(completion.error or ""):
                refused.append((asking[place], completion))
                continue
            yield asking[place], completion, held_to is not None
        for place, completion in self._generate([entry[1] for entry, _ in refused], None):
            if completion.status != "error" and self.structured:
                self.structured = False
                self.session.progress.note(self.session.title, "no JSON schema here: asking plainly")
            yield refused[place][0], completion, False

    def _generate(
        self, conversations: Sequence[tuple[Message, ...]], held_to: str | None
    ) -> Iterator[tuple[int, Completion]]:
        if conversations:
            self.session.open()  # before the conversations are fitted: a changed judge is refused first
        requests = [self._build_request(self._fit_template(m), n, held_to) for n, m in enumerate(conversations)]
        for request, completion in self.session.ask(requests, SAMPLING):
            yield int(request.probe_id), completion

    def _fit_template(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation as the judge's template takes it: some know no system turn."""
        if self.spec.engine in ("hf", "vllm") and self.session.engine.render(messages) is None:
            system, user, *rest = messages
            merged = Message("user", f"{system.content}\n\n{user.content}")
            if self.session.engine.render((merged, *rest)) is not None:
                return merged, *rest
        return messages
