"""An engine that repeats the question: the least that the contract in `mimicry_audit.engines.base` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from mimicry_audit.engines.base import EngineBase
from mimicry_audit.records.asked import Completion, Identity, Message, Request, Sampling


class ParrotEngine(EngineBase):
    """Answers each probe with its own words; ``parrot/upper`` in capitals, any other name as they are."""

    title: ClassVar[str] = "repeats the question (example)"

    def identify(self) -> Identity:
        """Who answers: the name decides the text, so it is the whole identity."""
        return Identity(model=self.spec.name, revision="1", engine_version="parrot")

    def render(self, messages: Sequence[Message]) -> str | None:
        """The prompt as the model reads it."""
        return messages[-1].content

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Answer every request whose answer is missing, once."""
        for request in requests:
            if request.missing:
                question = request.messages[-1].content
                text = question.upper() if self.spec.name == "upper" else question
                yield request, Completion(status="ok", text=text, finish_reason="stop")
