"""Prompts that a log keeps as a model's chat template wrote them, read back into turns.

Promise: one conversation has one text, whichever model's template it went through, so that prompts of different models meet.
Only a text that a template's marks cover from its beginning to its end is read; any other is left word for word.
"""

from __future__ import annotations

import json
import re

Turn = dict[str, str]

_ROLES = {"human": "user", "model": "assistant", "ai": "assistant", "bot": "assistant", "chatbot": "assistant"}
_KNOWN = frozenset({"system", "developer", "user", "assistant"})

_STARTS = re.compile(
    r"^(?:<s>|<\|begin_of_text\|>|<bos>|<\|startoftext\|>|\[gMASK\]<sop>|<｜begin▁of▁sentence｜>|<BOS_TOKEN>)\s*"
)
_MARKED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        # ChatML: Qwen, SmolLM2, Yi
        r"<\|im_start\|>(?P<role>\w+)\n(?P<text>.*?)(?:<\|im_end\|>\n?|\Z)",
        # Llama 3 and 4
        r"<\|start_header_id\|>(?P<role>\w+)<\|end_header_id\|>\n\n(?P<text>.*?)(?:<\|eot_id\|>|\Z)",
        r"<\|header_start\|>(?P<role>\w+)<\|header_end\|>\n\n(?P<text>.*?)(?:<\|eot\|>|\Z)",
        # Gemma
        r"<start_of_turn>(?P<role>\w+)\n(?P<text>.*?)(?:<end_of_turn>\n?|\Z)",
        # Phi 3, Zephyr, Tulu, GLM: a mark for the role, with or without one for the end
        r"<\|(?P<role>system|user|assistant)\|>\n?(?P<text>.*?)"
        r"(?:<\|end\|>\n?|</s>\n?|(?=<\|(?:user|assistant)\|>)|\Z)",
        # Harmony
        r"<\|start\|>(?P<role>\w+)(?:<\|message\|>(?P<text>.*?)(?:<\|end\|>|\Z)|\Z)",
        # DeepSeek
        r"<｜(?P<role>User|Assistant)｜>(?P<text>.*?)(?:<｜end▁of▁sentence｜>|(?=<｜(?:User|Assistant)｜>)|\Z)",
        # Llama 2 and Mistral
        r"\[INST\]\s?(?:<<SYS>>\n(?P<system>.*?)\n<</SYS>>\n\n)?(?P<user>.*?)\s?\[/INST\]"
        r"(?P<assistant>.*?)(?:</s>\s?(?:<s>)?|\Z)",
    )
)


def turns_of(prompt: str) -> str | list[Turn]:
    """A logged prompt as the conversation it was made of.

    Args:
        prompt: text under a template's marks, turns as JSON text, or plain text.

    Returns:
        The turns without the assistant's open one, or the text as it is where it is under no known marks.
    """
    if (turns := _json_turns(prompt)) is not None:
        return turns
    body = _STARTS.sub("", prompt, count=1)
    for marks in _MARKED:
        if (turns := _marked_turns(body, marks)) is not None:
            return turns
    return prompt


def _json_turns(prompt: str) -> list[Turn] | None:
    """Turns that were written into the log as JSON text."""
    if not prompt.lstrip().startswith("["):
        return None
    try:
        turns = json.loads(prompt)
    except (ValueError, RecursionError):
        return None
    if not isinstance(turns, list) or not turns:
        return None
    plain = [
        {"role": turn["role"], "content": turn["content"]}
        for turn in turns
        if isinstance(turn, dict) and turn.get("role") in _KNOWN and isinstance(turn.get("content"), str)
    ]
    return _closed(plain) if len(plain) == len(turns) else None


def _marked_turns(body: str, marks: re.Pattern[str]) -> list[Turn] | None:
    """The turns that the marks divide the whole text into; None where they do not."""
    turns: list[Turn] = []
    at = 0
    for found in marks.finditer(body):
        if body[at : found.start()].strip():
            return None
        at = found.end()
        parts = found.groupdict()
        if "role" in parts:
            role = parts["role"].lower()
            turns.append({"role": _ROLES.get(role, role), "content": (parts["text"] or "").strip()})
        else:
            turns += [{"role": role, "content": text.strip()} for role, text in parts.items() if text is not None]
    if not turns or body[at:].strip() or any(turn["role"] not in _KNOWN for turn in turns):
        return None
    return _closed(turns)


def _closed(turns: list[Turn]) -> list[Turn] | None:
    """The turns without the one that the model is about to write; None where no user's turn is left."""
    if turns and turns[-1]["role"] == "assistant" and not turns[-1]["content"].strip():
        turns = turns[:-1]
    turns = [{**turn, "role": "system"} if turn["role"] == "developer" else turn for turn in turns if turn["content"]]
    return turns if any(turn["role"] == "user" for turn in turns) else None
