"""What it means to score a text: how probable a model finds an answer that another model wrote.

Promise: the text is scored as the continuation of the prompt as the model's own template renders it. Prompt and text are
tokenised apart and their tokens joined, so that no token reaches across the boundary and every scored token belongs to the
text; marks of the template inside the text are treated as plain characters. Nothing is cut: what does not fit the context,
or what the tokenizer cannot represent, is an error, not a number. Scoring is a capability that an engine may have (`Scorer`).

A tokenizer that puts a space before every text puts it before the answer too; the answer's bytes are counted without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mimicry_audit.records.asked import TEMPLATE_REFUSES, Message, canonical_json, sha256_text

if TYPE_CHECKING:
    from mimicry_audit.engines.template import ChatTemplate

LEAST_LOG = -9999.0
"""Stands for the logarithm of zero, which JSON cannot carry; vLLM's server sends the same number."""

_CANNOT = {
    "openai": "a chat endpoint does not report the probability of a given text",
    "recorded": "recorded answers come without the model that gave them",
}


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One text to be scored by one model.

    Attributes:
        key: identifies a request within one call; the engine hands it back unread.
        messages: the conversation that the text answers.
        text: the answer.
        top_k: how many of the most probable tokens to give at each place, 0 for none.
        missing: False for what is already known; an engine with fixed batches keeps it in its batch, others leave it out.
        token_ids: prompt and text in the model's own tokens, scored in place of `messages` and `text`; None to spell them.
    """

    key: tuple[str, str]
    messages: tuple[Message, ...]
    text: str
    top_k: int = 0
    missing: bool = True
    token_ids: tuple[tuple[int, ...], tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScores:
    """One scored text, or why it could not be scored.

    Attributes:
        tokens: T token ids of the text, in the model's own tokenizer.
        logprobs: natural logarithm of the probability of each, given all before it.
        top: for each place the most probable ``(id, log-probability)`` pairs, best first; None when not asked for.
        error: why the numbers are missing; None if they are present.
    """

    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    top: tuple[tuple[tuple[int, float], ...], ...] | None = None
    error: str | None = None


@runtime_checkable
class Scorer(Protocol):
    """An engine that can score texts."""

    def tokenizer_sha(self) -> str:
        """Hash of the tokenizer's map (`tokenizer_map_sha`); needs no weights."""

    def score_texts(self, requests: Sequence[TextRequest]) -> Iterator[tuple[TextRequest, TokenScores]]:
        """Score the missing texts, each exactly once, in any order; opens the engine if need be.

        Raises:
            EngineError: the whole engine failed. A text that cannot be scored is a `TokenScores` with an error.
        """


def why_not(engine: str) -> str:
    """Why models of this engine cannot score texts, in one clause."""
    return _CANNOT.get(engine, f"the {engine} engine cannot score texts")


def encode(
    template: ChatTemplate, request: TextRequest, context: int | None = None
) -> tuple[list[int], list[int]] | TokenScores:
    """The tokens of the prompt and those of the text, or why there are none.

    Args:
        template: the model's template, with its tokenizer.
        request: what to encode.
        context: maximum tokens that the model can take, None where it is checked elsewhere.
    """
    spelling = _spell(template, request)
    if isinstance(spelling, TokenScores):
        return spelling
    before, tokens = spelling
    if not before or not tokens:
        return TokenScores(error="the tokenizer gives no token for the prompt or for the text")
    if context is not None and len(before) + len(tokens) > context:
        return TokenScores(
            error=f"a prompt of {len(before)} tokens and an answer of {len(tokens)} exceed the context of {context} tokens"
        )
    return before, tokens


def _spell(template: ChatTemplate, request: TextRequest) -> tuple[list[int], list[int]] | TokenScores:
    """The tokens of the prompt and those of the text, as given or by the tokenizer."""
    if request.token_ids is not None:
        return list(request.token_ids[0]), list(request.token_ids[1])
    prompt = template.render(request.messages)
    if prompt is None:
        return TokenScores(error=TEMPLATE_REFUSES)
    tokenizer = template.tokenizer
    try:
        before = list(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        tokens = list(tokenizer(request.text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
    except (TypeError, UnicodeError) as error:
        return TokenScores(error=f"the tokenizer cannot read this text ({error})")
    if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in tokens:
        return TokenScores(error="the tokenizer cannot represent this text: part of it becomes the unknown token")
    return before, tokens


def tokenizer_map_sha(tokenizer: Any) -> str:
    """SHA-256 over what decides the tokens of a text: the (token, id) map, the added tokens, and the rules before it.

    Maps are compared, never sizes: two vocabularies of one size may number other tokens. Which token ends a turn or pads
    a batch is not part of it, for fine-tunes change that and keep the map.
    """
    material: dict[str, object] = {"vocabulary": sorted(tokenizer.get_vocab().items())}
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is not None:
        parts: Mapping[str, Any] = json.loads(core.to_str())
        material |= {part: parts.get(part) for part in ("normalizer", "pre_tokenizer", "model")}
        material["added"] = [[t.get("id"), t.get("content"), t.get("special")] for t in parts.get("added_tokens") or ()]
    else:
        material |= {"kind": type(tokenizer).__name__, "special": sorted(map(str, tokenizer.all_special_tokens))}
    return sha256_text(canonical_json(material))
