"""The chat-completions wire format: requests to JSON, JSON to completions.

Promise: every sampling field is sent, so that no server default applies; what a server sends back is read with
suspicion, and what cannot be read is said to be so instead of becoming an empty answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mimicry_audit.engines.base import completion_status, split_reasoning
from mimicry_audit.records.asked import Completion, Request, Sampling

NEUTRAL_VLLM: Mapping[str, object] = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""Fields only vLLM knows: a server that somebody else started may otherwise apply the model's own defaults."""


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
        named = {"name": "reply", "strict": True, "schema": json.loads(request.json_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return json.dumps(body | dict(extra), allow_nan=False).encode("ascii")


def completion(body: bytes, latency: float) -> Completion:
    """The completion in a 200 answer.

    Raises:
        UnreadableAnswer: the body is no chat completion.
    """
    try:
        answer = json.loads(body)
        choice = answer["choices"][0]
        message = choice["message"]
        content = _text(message.get("content"))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UnreadableAnswer(f"the server's answer is no chat completion: {_excerpt(body)}") from None
    reasoning = message.get("reasoning") or message.get("reasoning_content")
    text, thought = split_reasoning(content)
    # A model that declines in words has answered; some servers put those words into a field of their own.
    text = text or _text(message.get("refusal"))
    finish = choice.get("finish_reason")
    usage = answer.get("usage") or {}
    return Completion(
        status=completion_status(text, finish),
        text=text,
        reasoning=str(reasoning).strip() if reasoning else thought,
        finish_reason=finish,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        latency_s=latency,
        served_model=answer.get("model"),
        logprobs=_logprobs(choice.get("logprobs")),
    )


def error_message(body: bytes) -> str:
    """What a server says about its refusal, in one line."""
    try:
        answer = json.loads(body)
    except ValueError:
        return _excerpt(body)
    found = answer.get("error", answer) if isinstance(answer, dict) else answer
    if isinstance(found, dict):
        found = found.get("message") or found.get("detail") or found
    return " ".join(str(found).split())[:400]


def error_code(body: bytes) -> str:
    """The machine-readable code of a refusal, empty when there is none."""
    try:
        return str(json.loads(body)["error"].get("code") or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if part.get("type", "text") == "text")
    raise TypeError


def _logprobs(found: object) -> tuple[Mapping[str, float], ...] | None:
    if not isinstance(found, dict) or not isinstance(found.get("content"), list):
        return None
    steps = []
    for place in found["content"]:
        step = {str(place["token"]): float(place["logprob"])}
        for other in place.get("top_logprobs") or ():
            step.setdefault(str(other["token"]), float(other["logprob"]))
        steps.append(step)
    return tuple(steps)


def _excerpt(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return (text[:200] + "…") if len(text) > 200 else text or "(empty)"
