"""A judge behind a chat-completions server: it compares the two answers it is shown by rule, and misbehaves as told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any

from tests.support.fault_server import FaultServer, Handler, completion, fault_server

Reply = Callable[[dict[str, Any], str, str, int], Any]
"""From the request's body, the two answers and the number of repairs so far to the reply's text (or a status code)."""


def shown(body: Mapping[str, Any]) -> tuple[str, str]:
    """The two answers inside a judge's prompt."""
    text = next(m["content"] for m in body["messages"] if m["role"] == "user")
    found = re.findall(r"^\[BEGIN ANSWER \d (\w+)\]\n(.*?)\n\[END ANSWER \d \1\]$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 2, text
    return found[0][1], found[1][1]


def graded(overall: int, **more: Any) -> str:
    return json.dumps(
        {"reason": "so", "style": overall, "logic": overall, "content": overall, "overall": overall} | more
    )


def alike(first: str, second: str) -> int:
    """1 … 5 by shared characters; the same both ways round."""
    a, b = sorted((first, second))
    return 1 + round(4 * SequenceMatcher(None, a, b, autojunk=False).ratio())


def honest(body: dict[str, Any], first: str, second: str, repairs: int) -> str:
    return graded(alike(first, second))


class JudgeServer:
    """One judge; `reply` is how it answers, `bodies` what it was asked."""

    def __init__(self, server: FaultServer, reply: Reply) -> None:
        self.server, self.reply = server, reply
        server.models = ["judge-1", "judge-2"]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.server.seen]

    def name(self, model: str = "judge-1") -> str:
        return f"openai/{model}@{self.server.url}"

    def answer(self, handler: Handler) -> None:
        repairs = sum(m["role"] == "assistant" for m in handler.body["messages"])
        said = self.reply(handler.body, *shown(handler.body), repairs)
        if isinstance(said, int):
            handler.reply(said, {"error": {"message": "response_format is not supported here"}})
        elif isinstance(said, dict):
            handler.reply(200, said)
        else:
            handler.reply(200, completion(said))


class _Always:
    """Stands for the queue of faults: every request meets the same handler."""

    def __init__(self, handler: Callable[[Handler], None]) -> None:
        self.handler = handler

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> Callable[[Handler], None]:
        return self.handler


@contextmanager
def judge_server(reply: Reply = honest) -> Iterator[JudgeServer]:
    with fault_server() as server:
        made = JudgeServer(server, reply)
        server.faults = _Always(made.answer)  # type: ignore[assignment]
        yield made
