"""Every Eval Ever: instance files (``…_samples.jsonl``), schema 0.3.0, made from the logs of several tools.

Promise: one row for each answer, however many metrics judged it; conversations of several answers and with tools are left out
with that reason. So are answers of which a filter of lm-evaluation-harness left only a part, for that is what the converter
writes where the whole answer belongs; files made from Inspect, where it writes the scorer's reading, are read with a caution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mimicry_audit.ground.tables import Row, read_rows
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import CONVERSATION, MALFORMED, UNFINISHED, Notes, Reader

FILTERED = "holds what a filter left of an answer; import the samples file of lm-evaluation-harness itself"
READ_BY_SCORER = (
    "{file} was converted from an Inspect log, and may hold what a scorer read in place of the whole answer: import "
    "the log itself where you have it."
)


def _recognises(look: Look) -> bool:
    return {"schema_version", "evaluation_id", "model_id", "sample_id", "interaction_type"} <= look.first_line.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    seen: set[tuple[object, ...]] = set()
    if _library(look.path) == "inspect_ai":
        notes.cautions.append(READ_BY_SCORER.format(file=look.path.name))
    for where, row in read_rows(look.path, "instance file"):
        content: Any = row.get("input") or {}
        if not isinstance(content, dict) or not isinstance(row.get("output") or {}, dict):
            notes.left_out[MALFORMED] += 1
            continue
        if _object(row.get("metadata")).get("filter", "none") != "none":
            notes.left_out[FILTERED] += 1
            continue
        prompt, answers, thoughts = _conversation(row)
        if prompt is None:
            notes.left_out[UNFINISHED if row.get("error") else CONVERSATION] += 1
            continue
        task = str(row.get("evaluation_name"))
        place = (
            row.get("model_id"),
            row.get("evaluation_id"),
            row.get("sample_id"),
            content.get("raw"),
            tuple(answers),
        )
        if place in seen:  # judged by another metric
            continue
        seen.add(place)
        keys = [key for key in content.get("reference") or [] if key]
        for sample, answer in enumerate(answers):
            yield where, {
                "model": row.get("model_id"), "prompt_id": f"{task}/{row.get('sample_id')}", "domain": task,
                "prompt": prompt, "output": answer, "sample": sample,
                "reasoning": thoughts[sample] if sample < len(thoughts) else None,
                **({"reference_answer": keys} if keys else {}),
            }  # fmt: skip


def _conversation(row: Mapping[str, Any]) -> tuple[object, list[str], list[str]]:
    """A record's prompt, answers and their reasoning; no prompt where there is no one answer."""
    content, output = row.get("input") or {}, row.get("output")
    if isinstance(output, dict) and isinstance(output.get("raw"), list):
        asked = str(content.get("formatted") or content.get("raw") or "")
        return turns_of(asked), output["raw"], output.get("reasoning_trace") or []
    turns = row.get("messages") or []
    spoken = turns[-1] if turns and sum(turn.get("role") == "assistant" for turn in turns) == 1 else {}
    if spoken.get("role") != "assistant" or spoken.get("tool_calls") or not isinstance(spoken.get("content"), str):
        return None, [], []
    thought = spoken.get("reasoning_trace")
    prompt = [{"role": turn.get("role"), "content": turn.get("content")} for turn in turns[:-1]]
    return prompt, [spoken["content"]], [thought] if thought else []


def _library(path: Path) -> str | None:
    """The tool whose log was converted, as the aggregate file beside it says."""
    aggregate = path.with_name(path.name.replace("_samples.jsonl", ".json"))
    name = _object(Look(aggregate).json_object.get("eval_library")).get("name") if aggregate != path else None
    return name if isinstance(name, str) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


READER = Reader(name="every-eval-ever", title="Every Eval Ever instances", recognises=_recognises, read=_read)
