"""Scoring texts through a vLLM server: the completions route with token ids, for which it returns the log-probabilities.

Promise: the server is sent exactly the tokens that transformers would be fed; nothing is generated but the one token that the
route insists on, which is thrown away. What the server sends back is checked against what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mimicry_audit.engines.chat_wire import UnreadableAnswer
from mimicry_audit.engines.http_client import Connection, ask_all
from mimicry_audit.engines.likelihood import TextRequest, TokenScores, encode
from mimicry_audit.engines.template import ChatTemplate
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.asked import Completion, Request

ROUTE = "completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places(Completion):
    """The server's answer: per place of the prompt a map from token id to rank and log-probability, None for the first."""

    places: tuple[dict[int, tuple[int, float]] | None, ...] = ()


def score_texts(
    connection: Connection, model: str, template: ChatTemplate, requests: Sequence[TextRequest], vocabulary: int | None
) -> Iterator[tuple[TextRequest, TokenScores]]:
    """Put every missing request to the server; yield each as it arrives."""
    tokens_by_number: dict[int, tuple[TextRequest, list[int]]] = {}
    jobs: list[tuple[Request, bytes]] = []
    for number, request in enumerate(requests):
        if not request.missing:
            continue
        encoded = encode(template, request)
        if isinstance(encoded, TokenScores):
            yield request, encoded
            continue
        tokens_by_number[number] = request, encoded[1]
        top_k = min(request.top_k, vocabulary or request.top_k)
        jobs.append((Request(str(request.key), number, (), 0), payload(model, encoded[0] + encoded[1], top_k)))
    if jobs:
        for job, answer in ask_all(replace(connection, route=ROUTE, read=places), jobs):
            request, tokens = tokens_by_number[job.sample]
            yield request, _read_scores(answer, tokens, request.top_k)


def payload(model: str, tokens: Sequence[int], top_k: int) -> bytes:
    """The JSON body for one text."""
    body = {
        "model": model,
        "prompt": list(tokens),
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": top_k,
        "add_special_tokens": False,
    }
    return json.dumps(body).encode("ascii")


def places(body: bytes, latency: float) -> Completion:
    """The log-probabilities in a 200 answer.

    Raises:
        UnreadableAnswer: there are none.
    """
    try:
        listed = parse_json(body, lax=True)["choices"][0]["prompt_logprobs"]
        read_places = tuple(_read_place(place) for place in listed)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise UnreadableAnswer("the server's answer holds no log-probabilities of the prompt") from None
    return _Places(status="ok", latency_s=latency, places=read_places)


def _read_place(entries: Any) -> dict[int, tuple[int, float]] | None:
    if entries is None:
        return None
    return {int(token): (int(entry.get("rank") or 0), float(entry["logprob"])) for token, entry in entries.items()}


def _read_scores(answer: Completion, tokens: Sequence[int], top_k: int) -> TokenScores:
    if not isinstance(answer, _Places):
        return TokenScores(error=answer.error or "the server gave no log-probabilities")
    text_places = answer.places[len(answer.places) - len(tokens) :]
    own: list[float] = []
    top: list[tuple[tuple[int, float], ...]] = []
    for token, place in zip(tokens, text_places, strict=False):
        if place is None or token not in place:
            break
        own.append(place[token][1])
        # The text's own token is listed even where it is not among the most probable ones.
        best = [(other, log) for other, (rank, log) in place.items() if other != token or rank <= top_k]
        top.append(tuple(sorted(best, key=lambda pair: -pair[1])[:top_k]))
    if len(own) != len(tokens):
        return TokenScores(error="the server's log-probabilities do not belong to the text it was sent")
    return TokenScores(tokens=tuple(tokens), logprobs=tuple(own), top=tuple(top) if top_k else None)
