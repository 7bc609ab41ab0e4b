"""Server-sent events of a streamed chat completion, put together into one answer.

Promise: what arrives in pieces reads as if it had arrived whole; an error event in the stream is kept as an error. Some
endpoints answer in no other way, so ``extra_body={"stream": true}`` must work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mimicry_audit.ground.shapes import parse_json


def is_stream(body: bytes) -> bool:
    """Whether a body is a stream of events rather than one JSON document."""
    return body.lstrip().startswith((b"data:", b"event:", b"id:", b":"))


def read_stream(body: bytes) -> dict[str, Any]:
    """The chat completion that the events of a stream add up to.

    Raises:
        ValueError: an event is not JSON, or the stream has no events.
    """
    answer: dict[str, object] = {}
    message: dict[str, object] = {"role": "assistant"}
    choice: dict[str, object] = {"message": message, "finish_reason": None}
    for event in _parse_events(body):
        if event.get("error"):
            answer["error"] = event["error"]
        answer |= {name: event[name] for name in ("id", "model", "usage") if event.get(name)}
        for part in event.get("choices") or ():
            if part.get("index", 0) != 0:
                continue
            choice |= {name: part[name] for name in ("finish_reason", "error") if part.get(name)}
            _add_delta(message, part.get("delta") or part.get("message") or {})
            _add_logprobs(choice, part.get("logprobs"))
    if not answer and len(message) == 1:
        raise ValueError("a stream without events")
    return answer | {"choices": [choice]}


def _parse_events(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON of each event but the closing mark."""
    for line in body.decode("utf-8", "replace").splitlines():
        name, _, data = line.partition(":")
        if name.strip() == "data" and data.strip() not in {"", "[DONE]"}:
            event = parse_json(data, lax=True)
            if isinstance(event, dict):
                yield event


def _add_delta(message: dict[str, object], delta: dict[str, Any]) -> None:
    """Append the texts of one event to the message."""
    for name in ("content", "reasoning_content", "reasoning", "refusal"):
        if isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]


def _add_logprobs(choice: dict[str, Any], logprobs: object) -> None:
    """Append the log-probabilities of one event."""
    if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
        choice.setdefault("logprobs", {"content": []})["content"].extend(logprobs["content"])
