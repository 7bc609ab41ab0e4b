"""A teacher behind a chat-completions server: the scripted expert's words, laid out as carelessly as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mimicry_audit.distill.evolve.expert import reply
from mimicry_audit.distill.evolve.worlds import world
from tests.support.fault_server import FaultServer, Handler, completion, fault_server
from tests.support.judge_server import _Always

Manner = Callable[[str, int], str]
"""From the expert's reply and the number of the request to what is sent."""


def fenced(text: str, number: int) -> str:
    """As many models answer: with a word before, in a code fence, as one array."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        return f"Here you are.\n\n{text}"
    return f"Sure! Here they are:\n```json\n{json.dumps([json.loads(line) for line in lines], indent=1)}\n```"


@contextmanager
def teacher_server(name: str, manner: Manner = fenced) -> Iterator[FaultServer]:
    """An OpenAI-compatible server with one model, ``teacher-1``, that teaches a world."""
    with fault_server() as server:
        server.models = ["teacher-1"]

        def answer(handler: Handler) -> None:
            turns = handler.body["messages"]
            said = reply(world(name), turns[0]["content"], int(handler.body.get("seed") or 0))
            handler.reply(200, completion(manner(said, len(server.seen))))

        server.faults = _Always(answer)  # type: ignore[assignment]
        yield server
