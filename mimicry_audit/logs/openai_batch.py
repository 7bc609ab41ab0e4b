"""OpenAI Batch: the output file, joined with the input file that holds its prompts. vLLM's ``run_batch`` writes the same.

Promise: an answer is joined with its prompt by ``custom_id``. The input file is looked for among the other files of the call
and then beside the output. A request that failed is an answer that failed, wherever the file says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.tables import Row, read_rows
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import FAILED, Notes, Reader, reasoning_of, text_of, turns_in

NO_CHAT = "asks for something else than an answer"


def _is_output(look: Look) -> bool:
    return {"custom_id", "response"} <= look.first_line.keys()


def _is_input(look: Look) -> bool:
    return {"custom_id", "body", "method"} <= look.first_line.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    prompts = _prompts(look)
    for where, row in read_rows(look.path, "batch output"):
        name = str(row.get("custom_id"))
        asked = prompts.get(name)
        if asked is None:
            raise DataError(
                f"{look.path.name}, {where}: no batch input file holds {name}",
                "put the batch's input file beside it, or give both",
            )
        prompt = asked.get("messages") or asked.get("prompt")
        if not isinstance(prompt, str | list):
            notes.left_out[NO_CHAT] += 1
            continue
        turns = turns_in(prompt)
        response: Any = row.get("response") or {}
        body = response.get("body") or {}
        choices = body.get("choices") if response.get("status_code", 200) == 200 and not body.get("error") else None
        model = asked.get("model") or body.get("model")
        if not choices or row.get("error"):
            yield where, {"model": model, "prompt_id": name, "prompt": turns, "output": FAILED}
            continue
        for sample, choice in enumerate(choices):
            message = choice.get("message") or {}
            text = (
                choice.get("text")
                if "text" in choice
                else text_of(message.get("content")) or message.get("refusal") or ""
            )
            yield where, {
                "model": model, "prompt_id": name, "prompt": turns, "output": text, "sample": sample,
                "finish_reason": choice.get("finish_reason"),
                "reasoning": _reasoning(message),
            }  # fmt: skip


def _reasoning(message: Mapping[str, Any]) -> str | None:
    """A message's reasoning, in any of the places where servers put it."""
    named = message.get("reasoning_content") or message.get("reasoning")
    return named if isinstance(named, str) else reasoning_of(message.get("content"))


def _prompts(look: Look) -> Mapping[str, Mapping[str, Any]]:
    """``custom_id`` → the request's body, of every input file at hand."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in dict.fromkeys([*look.others, *sorted(look.path.resolve().parent.glob("*.jsonl"))]):
        if path.is_file() and _is_input(Look(path)):
            for _, row in read_rows(path, "batch input"):
                if isinstance(row.get("body"), dict):
                    found.setdefault(str(row.get("custom_id")), row["body"])  # type: ignore[arg-type]
    return found


def _nothing(look: Look, notes: Notes) -> Iterator[Row]:
    """An input file holds no answers: the output file takes its prompts from it."""
    return iter(())


READER = Reader(name="openai-batch", title="OpenAI Batch output", recognises=_is_output, read=_read)
INPUT = Reader(name="openai-batch-input", title="OpenAI Batch input", recognises=_is_input, read=_nothing)
