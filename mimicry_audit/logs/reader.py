"""What a reader of another tool's files is: how it knows them, and how it makes rows of them.

Promise: a reader yields rows of the columns of `mimicry_audit.logs.answers`, one for each answer of a model in text. What it
leaves out, it counts under a reason in words; it invents neither prompts nor names.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mimicry_audit.ground.tables import Row
from mimicry_audit.logs.look import Look

LIKELIHOODS = "compares log-likelihoods and holds no answer in text"
MALFORMED = "is not of the shape that the tool writes"
CONVERSATION = "is a conversation of several answers or with tools"
UNFINISHED = "ended with an error"
"""Reasons that readers share; see `Notes`."""
FAILED = "<error>"
"""Stands in place of an answer where the request failed; one of `mimicry_audit.logs.answers.FAILURE_MARKS`."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What readers have to say about files beside their rows.

    Attributes:
        left_out: records that hold no answer, counted by the reason, which continues a sentence: "each holds no text".
        cautions: whole sentences on what the rows of a file are not.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    cautions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A kind of file.

    Attributes:
        name: as ``--format`` takes it.
        title: the tool and its file, for messages and docs.
        recognises: whether a file is of this kind, by its content.
        read: the rows; what else there is to say goes into the notes.
    """

    name: str
    title: str
    recognises: Callable[[Look], bool]
    read: Callable[[Look, Notes], Iterator[Row]]


def prompt_name(prompt: object) -> str:
    """An id for a prompt whose file gives none: of its content, so that it is the same in every file.

    Args:
        prompt: text, or turns.
    """
    text = (
        prompt
        if isinstance(prompt, str)
        else "\n".join(f"{turn['role']}: {turn['content']}" for turn in _turns(prompt))
    )
    return "prompt-" + hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:10]


def text_of(content: object) -> str | None:
    """The text of a message's content, also where it comes in parts; None where it holds anything else, such as a picture.

    Parts that hold a model's reasoning are not its answer: see `reasoning_of`.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif not (isinstance(part, dict) and part.get("type") in {"reasoning", "thinking"}):
            return None
    return "".join(texts)


def reasoning_of(content: object) -> str | None:
    """The reasoning among the parts of a message's content; None where there is none."""
    parts = content if isinstance(content, list) else []
    texts = [
        part.get("reasoning") or part.get("thinking")
        for part in parts
        if isinstance(part, dict) and part.get("type") in {"reasoning", "thinking"}
    ]
    return "\n".join(text for text in texts if isinstance(text, str) and text) or None


def turns_in(prompt: Any) -> Any:
    """A list of messages as turns of role and text; anything else as it is.

    A turn that holds something else than text has None as its content.
    """
    if not isinstance(prompt, list):
        return prompt
    return [{"role": turn.get("role"), "content": text_of(turn.get("content"))} for turn in prompt]


def _turns(prompt: Any) -> list[dict[str, str]]:
    return prompt if isinstance(prompt, list) else []
