"""How an answer is read: which part of the text is reasoning, and what a finish reason means.

Promise: reasoning is split off under every published mark, also where the prompt itself opened the block; a block that was
never closed leaves an empty answer, not a thought that passes for one; and a finish reason that means failure or a filter is
never taken for a whole answer.
"""

from __future__ import annotations

import re

from mimicry_audit.records.asked import Completion

MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
"""Opening and closing marks of reasoning, as DeepSeek, Qwen, Seed, Magistral, Kimi, Cohere and others publish them."""

PREFACE = 300
"""Most characters before a block that begins later in an answer; further in, the mark is more likely quoted."""

_HARMONY = re.compile(
    r"^\s*(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)<\|message\|>(.*?)"
    r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>(.*?)(?:<\|(?:return|end)\|>)?\s*\Z",
    re.DOTALL,
)
_HARMONY_OPEN = re.compile(r"^\s*(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>(.*)\Z", re.DOTALL)
_HARMONY_BARE = re.compile(r"^\s*analysis(.*?)assistantfinal(.*)\Z", re.DOTALL)
"""The same channels after a tokenizer removed their special tokens."""
_RESPONSE_MARKS = re.compile(r"<\|(?:START|END)_RESPONSE\|>")

_TRUNCATED = frozenset({"length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit"})
_FILTERED = frozenset(
    {
        *("content_filter", "content_filtered", "safety", "sensitive", "recitation", "refusal", "blocklist"),
        *("prohibited_content", "spii", "image_safety", "guardrail_intervened"),
    }
)
_FAILED = frozenset(
    {
        *("error", "abort", "aborted", "network_error", "cancelled", "canceled", "failed", "timeout"),
        *("malformed_function_call", "insufficient_system_resource"),
    }
)


def split_reasoning(text: str, opened: str | None = None) -> tuple[str, str | None]:
    """Split blocks of reasoning off an answer.

    Args:
        text: what the model wrote.
        opened: the opening mark with which the prompt ended, see `opened_by`; None where it ended with none.

    Returns:
        ``(answer, reasoning)``; reasoning is None without a block. An unclosed block is all reasoning and
        the answer is empty. A block of which only the closing mark appears counts too. Several blocks are joined.
    """
    if (channels := _split_channels(text)) is not None:
        return channels
    rest, thoughts = (opened + text if opened and not text.lstrip().startswith(opened) else text), []
    while (block := _leading_block(rest)) is not None:
        thought, rest = block
        thoughts.append(thought)
    if not thoughts and (closed := _closed_block(rest)) is not None:
        thoughts, rest = [closed[0]], closed[1]
    if not thoughts and (inner := _inner_block(rest)) is not None:
        thoughts, rest = [inner[0]], inner[1]
    if not thoughts:
        return text, None
    return _RESPONSE_MARKS.sub("", rest).strip(), "\n\n".join(thoughts)


def opened_by(prompt: str | None) -> str | None:
    """The mark of reasoning with which a rendered prompt ends, as the templates of some reasoning models do."""
    ending = (prompt or "").rstrip()
    return next((opening for opening, _ in MARKS if ending.endswith(opening)), None)


def refuse_overlong(prompt_tokens: int, max_tokens: int, context: int | None) -> Completion | None:
    """The failure of a request whose prompt and token limit exceed the context together; None where they fit.

    Every engine that knows its context refuses by this rule: an answer that the context cuts off before its limit is shorter
    than the same answer elsewhere.
    """
    if context is None or prompt_tokens + max_tokens <= context:
        return None
    return Completion(
        status="error",
        prompt_tokens=prompt_tokens,
        error=f"a prompt of {prompt_tokens} tokens and max_tokens {max_tokens} exceed the context of {context} tokens; "
        "lower max_tokens",
    )


def completion_status(text: str, finish_reason: str | None) -> str:
    """The status of a completion that did come back: ``refused``, ``empty``, ``truncated``, ``error`` or ``ok``.

    ``refused`` means that the server withheld the answer (a content filter); a model that declines in
    words has answered, and those words are evidence.
    """
    reason = (finish_reason or "").lower()
    if reason in _FAILED:
        return "error"
    if reason in _FILTERED:
        return "refused"
    if not text.strip():
        return "empty"
    return "truncated" if reason in _TRUNCATED else "ok"


def _split_channels(text: str) -> tuple[str, str] | None:
    """Answer and reasoning of an answer in Harmony channels."""
    if (match := _HARMONY.match(text) or _HARMONY_BARE.match(text)) is not None:
        return match[2].strip(), match[1].strip()
    match = _HARMONY_OPEN.match(text)
    return ("", match[1].strip()) if match else None


def _leading_block(text: str) -> tuple[str, str] | None:
    """The block that a text begins with, and what follows it."""
    body = text.lstrip()
    for opening, closing in MARKS:
        if body.startswith(opening):
            thought, _, rest = body[len(opening) :].partition(closing)
            return thought.strip(), rest
    return None


def _closed_block(text: str) -> tuple[str, str] | None:
    """A block whose opening mark stood in the prompt: everything up to the closing mark."""
    for opening, closing in MARKS:
        head, mark, tail = text.partition(closing)
        if mark and opening not in head:
            return head.strip(), tail
    return None


def _inner_block(text: str) -> tuple[str, str] | None:
    """A block on a line of its own after a short preface; the preface stays part of the answer."""
    for opening, closing in MARKS:
        head, mark, tail = text.partition(opening)
        own_line = not head.rpartition("\n")[2].strip()
        if mark and own_line and len(head) <= PREFACE and closing in tail:
            thought, _, rest = tail.partition(closing)
            return thought.strip(), f"{head.rstrip()}\n\n{rest.lstrip()}"
    return None
