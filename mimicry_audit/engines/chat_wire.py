"""The chat-completions wire format: requests to JSON, JSON to completions.

Promise: every sampling field is sent, so that no server default applies; what a server sends back is read with
suspicion, and what cannot be read is reported instead of becoming an empty answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from mimicry_audit.engines.event_stream import is_stream, read_stream
from mimicry_audit.engines.reading import completion_status, split_reasoning
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.asked import Completion, Request, Sampling

NEUTRAL_VLLM: Mapping[str, object] = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""Fields only vLLM knows: a server started elsewhere may otherwise apply the model's own defaults."""


_MODERATION_CODES = frozenset(
    {
        *("content_filter", "content_policy_violation", "moderation_blocked", "data_inspection_failed"),
        *("ResponsibleAIPolicyViolation", "sensitive_content", "content_policy"),
    }
)
"""Error codes of content filters (OpenAI, Azure, Alibaba Cloud)."""
_MODERATION_WORDS = re.compile(
    r"\b(?:input|prompt|content|request)\b.{0,40}\b(?:was |is )?flagged\b|requires moderation|content[ _]management policy"
    r"|content filter|usage polic(?:y|ies)",
    re.IGNORECASE,
)


class UnreadableAnswer(ValueError):
    """The body is not a chat completion."""


def payload(
    model: str,
    request: Request,
    sampling: Sampling,
    *,
    limit_field: str = "max_tokens",
    extra: Mapping[str, object] = {},
) -> bytes:
    """The JSON body for one request; ASCII-escaped, so that lone surrogates travel too."""
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        limit_field: sampling.max_tokens,
        "seed": request.seed,
        "n": 1,
        "stream": False,
    }
    if sampling.logprobs:
        body |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if request.json_schema is not None:
        schema = {"name": "reply", "strict": True, "schema": json.loads(request.json_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    sent = {name: value for name, value in (body | dict(extra)).items() if value is not None}  # null leaves a field out
    return json.dumps(sent, allow_nan=False).encode("ascii")


def completion(body: bytes, latency: float) -> Completion:
    """The completion in a 200 answer, a stream of events included.

    Raises:
        UnreadableAnswer: the body is not a chat completion, or says that the server gave up on the way.
    """
    try:
        answer = read_stream(body) if is_stream(body) else parse_json(body, lax=True)
        if isinstance(answer, dict) and answer.get("error"):
            raise UnreadableAnswer(f"the server sent an error as an answer: {error_message(body)}")
        choice = answer["choices"][0]
        message = choice["message"]
        content, refusal = _content_text(message.get("content")), _content_text(message.get("refusal"))
        finish = _text_or_none(choice.get("finish_reason"))
        usage = _object(answer.get("usage"))
    except UnreadableAnswer:
        raise
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UnreadableAnswer(f"the server's answer is not a chat completion: {_body_excerpt(body)}") from None
    _refuse_half_answer(choice)
    reasoning = message.get("reasoning") or message.get("reasoning_content")
    text, thought = split_reasoning(content)
    # A model that declines in words has answered; some servers put those words into a field of their own.
    text = text or refusal
    return Completion(
        status=completion_status(text, finish),
        text=text,
        reasoning=str(reasoning).strip() if reasoning else thought,
        finish_reason=finish,
        prompt_tokens=_count_or_none(usage.get("prompt_tokens")),
        completion_tokens=_count_or_none(usage.get("completion_tokens")),
        latency_s=latency,
        served_model=_text_or_none(answer.get("model")),
        logprobs=_read_logprobs(choice.get("logprobs")),
    )


def _refuse_half_answer(choice: Mapping[str, object]) -> None:
    """An answer that a server broke off on account of a failure is none, however much text there is.

    Raises:
        UnreadableAnswer: the choice carries an error, or its finish reason is one.
    """
    failure, finish = choice.get("error"), choice.get("finish_reason")
    if failure or completion_status("text", str(finish or "")) == "error":
        what = failure.get("message") if isinstance(failure, dict) else failure
        raise UnreadableAnswer(f"the server broke off the answer ({what or finish})")


def error_message(body: bytes) -> str:
    """What a server says about its refusal, in one line."""
    try:
        answer = parse_json(body, lax=True)
    except ValueError:
        return _body_excerpt(body)
    detail = answer.get("error", answer) if isinstance(answer, dict) else answer
    if isinstance(detail, dict):
        detail = detail.get("message") or detail.get("detail") or detail
    return " ".join(str(detail).split())[:400]


def is_moderation(status: int, body: bytes) -> bool:
    """Whether a refused request was held back by a content filter, which says nothing about the key."""
    if status not in {400, 403, 422, 451}:
        return False
    try:
        error = parse_json(body, lax=True)["error"]
        inner = error.get("innererror") or {}
        codes = (
            {str(error.get("code")), str(inner.get("code"))} if isinstance(inner, dict) else {str(error.get("code"))}
        )
        metadata = error.get("metadata")
    except (ValueError, LookupError, TypeError, AttributeError):
        codes, metadata = set(), None
    if isinstance(metadata, dict) and ("flagged_input" in metadata or "reasons" in metadata):
        return True
    return bool(codes & _MODERATION_CODES) or _MODERATION_WORDS.search(error_message(body)) is not None


def error_code(body: bytes) -> str:
    """The machine-readable code of a refusal, empty if absent."""
    try:
        return str(parse_json(body, lax=True)["error"].get("code") or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _content_text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part.get("text") or "" for part in content if part.get("type", "text") in {"text", "output_text"}
        )
    raise TypeError


def _read_logprobs(logprobs: object) -> tuple[Mapping[str, float], ...] | None:
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return None
    steps = []
    for place in logprobs["content"]:
        step: dict[str, float] = {}
        others = place.get("top_logprobs") if isinstance(place, dict) else None
        for entry in (place, *(others if isinstance(others, list) else ())):
            if not isinstance(entry, dict):
                continue
            value = entry.get("logprob")  # JSON has no infinity: servers write null, which says nothing
            if isinstance(value, int | float) and -_LEAST_LOG <= value <= _LEAST_LOG:
                step.setdefault(str(entry.get("token")), float(value))
        steps.append(step)
    return tuple(steps)


_LEAST_LOG = 1e300
"""More than any logarithm of a probability; beyond it stand infinity, NaN and whole numbers that no float holds."""


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count_or_none(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _body_excerpt(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return (text[:200] + "…") if len(text) > 200 else text or "(empty)"
