"""What endpoints send back: streams, half answers, unknown log-probabilities, filters, and waits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mimicry_audit.engines.chat_wire import (
    UnreadableAnswer,
    completion,
    error_code,
    error_message,
    is_moderation,
    payload,
)
from mimicry_audit.engines.http_client import wait_asked
from mimicry_audit.records.asked import Message, Request, Sampling


def answer(text: str | None = "Paris.", finish: str = "stop", **choice: Any) -> bytes:
    entry = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}} | choice
    return json.dumps({"model": "m", "choices": [entry]}).encode()


def test_a_stream_reads_as_if_it_had_come_whole() -> None:
    events = [
        {"model": "m", "choices": [{"index": 0, "delta": {"reasoning_content": "well"}}]},
        *({"model": "m", "choices": [{"index": 0, "delta": {"content": piece}}]} for piece in ("Par", "is.")),
        {
            "model": "m",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}],
            "usage": {"completion_tokens": 3},
        },
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + ": ping\n\ndata: [DONE]\n\n"
    read = completion(body.encode(), 0.1)
    assert (read.text, read.reasoning, read.status, read.completion_tokens) == ("Paris.", "well", "truncated", 3)


@pytest.mark.parametrize(
    "body",
    [
        answer(finish="error"),
        answer(finish="network_error"),
        answer(error={"code": 502, "message": "upstream failed"}),
        json.dumps({"error": {"message": "overloaded"}}).encode(),
        b'data: {"choices": [{"index": 0, "delta": {"content": "Par"}}]}\n\ndata: {"error": {"message": "lost"}}\n\n',
    ],
)
def test_half_an_answer_is_none(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match=r"broke off the answer|sent an error as an answer"):
        completion(body, 0.1)


def test_unknown_log_probabilities_are_left_out() -> None:
    steps = [
        {
            "token": "A",
            "logprob": -0.1,
            "top_logprobs": [{"token": "A", "logprob": -0.1}, {"token": "b", "logprob": None}],
        },
        {"token": "c", "logprob": None, "top_logprobs": []},
    ]
    assert completion(answer(logprobs={"content": steps}), 0.1).logprobs == ({"A": -0.1}, {})


@pytest.mark.parametrize(
    ("status", "body", "held_back"),
    [
        (
            403,
            {"error": {"code": 403, "message": "x requires moderation", "metadata": {"reasons": ["violence"]}}},
            True,
        ),
        (400, {"error": {"code": "content_filter", "message": "the response was filtered"}}, True),
        (400, {"error": {"code": "400", "message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, True),
        (403, {"error": {"message": "insufficient permissions for this key"}}, False),
        (400, {"error": {"message": "max_tokens is too large"}}, False),
        (500, {"error": {"code": "content_filter"}}, False),
    ],
)
def test_a_content_filter_is_told_from_a_wrong_key(status: int, body: dict[str, Any], held_back: bool) -> None:
    assert is_moderation(status, json.dumps(body).encode()) is held_back


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "3"}, b"retry in 9s", 3.0),
        ({}, b'{"error": {"message": "Rate limit. Please retry in 12.5s."}}', 12.5),
        ({}, b'{"details": [{"retryDelay": "20s"}]}', 20.0),
        ({}, b"Try again in 250ms", 0.25),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m5s"}, b"{}", 65.0),
        ({"x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "1m5s"}, b"{}", None),
    ],
)
def test_a_wait_is_found_wherever_the_server_says_it(
    headers: dict[str, str], body: bytes, seconds: float | None
) -> None:
    assert wait_asked(headers, body) == seconds


def test_null_leaves_a_field_out() -> None:
    request = Request(probe_id="p", sample=0, messages=(Message("user", "Hello"),), seed=1)
    sent = json.loads(payload("m", request, Sampling(), extra={"top_p": None, "temperature": 1}))
    assert "top_p" not in sent
    assert sent["temperature"] == 1


@pytest.mark.parametrize(
    "choice",
    [
        {"finish_reason": ["stop"]},
        {"finish_reason": 7},
        {
            "logprobs": {
                "content": [3, None, {"top_logprobs": 7}, {"top_logprobs": ["x"]}, {"token": "a", "logprob": 10**400}]
            }
        },
    ],
)
def test_fields_of_another_kind_say_nothing(choice: dict[str, Any]) -> None:
    read = completion(answer(**choice), 0.1)
    assert (read.text, read.status, read.finish_reason in (None, "stop")) == ("Paris.", "ok", True)
    assert not any(read.logprobs or ())


@pytest.mark.parametrize("usage", [3, "x", [1], {"prompt_tokens": "many", "completion_tokens": True}])
def test_a_usage_of_another_kind_counts_nothing(usage: object) -> None:
    body = json.dumps({**json.loads(answer()), "usage": usage, "model": ["m"]}).encode()
    read = completion(body, 0.1)
    assert (read.text, read.prompt_tokens, read.completion_tokens, read.served_model) == ("Paris.", None, None, None)


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, answer(message={"content": ["x"]}), answer(message={"content": "", "refusal": 3})]
)
def test_an_answer_of_another_shape_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match="not a chat completion"):
        completion(body, 0.1)


def test_an_error_nested_without_end_is_quoted_in_part() -> None:
    body = b"[" * 60_000
    assert len(error_message(body)) < 300
    assert error_code(body) == ""
    assert not is_moderation(400, body)
