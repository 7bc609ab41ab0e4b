"""lm-evaluation-harness: ``samples_TASK_DATE.jsonl``, with the results file beside it that says whose answers they are.

Promise: one row for each answer, however many filters judged it; tasks that only compare log-likelihoods hold no answers and
are left out with that reason; repeats are samples; the model is named by its results file, and where several would bear one
name, by the folder, too.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.tables import Row, read_rows
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import LIKELIHOODS, Notes, Reader

_FILE = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d\-:.]+)\.jsonl")
_NAMING = ("pretrained", "model", "peft", "engine", "deployment_name")
"""Arguments of a model that name it, the strongest first."""


def _recognises(look: Look) -> bool:
    return {"doc_id", "arguments", "resps", "filter"} <= look.first_line.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    found = _FILE.fullmatch(look.path.name)
    task = found["task"] if found else look.path.stem.removeprefix("samples_")
    model = _model(look.path, found["date"] if found else "")
    seen: set[tuple[object, str]] = set()
    for where, row in read_rows(look.path, "samples file"):
        place = (row.get("doc_id"), json.dumps(row.get("arguments"), sort_keys=True))
        if place in seen:  # judged by another filter
            continue
        seen.add(place)
        answers = _answers(row.get("resps"))
        if answers is None:
            notes.left_out[LIKELIHOODS] += 1
            continue
        prompt = _prompt(row.get("arguments"))
        if prompt is None:
            raise DataError(
                f"{look.path.name}, {where} holds no prompt", "give the file as lm-evaluation-harness wrote it"
            )
        target = row.get("target")
        for sample, answer in enumerate(answers):
            yield where, {
                "model": model, "prompt_id": f"{task}/{row['doc_id']}", "prompt": turns_of(prompt), "output": answer,
                "domain": task, "sample": sample,
                **({"reference_answer": str(target)} if isinstance(target, str | int | float) and str(target).strip() else {}),
            }  # fmt: skip


def _answers(resps: object) -> list[str] | None:
    """The answers to one request; None where its responses are no text."""
    if not isinstance(resps, list) or not resps:
        return None
    first = resps[0] if isinstance(resps[0], list) else resps
    return first if first and all(isinstance(answer, str) for answer in first) and len(resps) == 1 else None


def _prompt(arguments: object) -> str | None:
    """The text sent: the first argument of the first request."""
    if isinstance(arguments, dict):
        first = arguments.get("gen_args_0")
        text = first.get("arg_0") if isinstance(first, dict) else None
    elif isinstance(arguments, list) and arguments and isinstance(arguments[0], list) and arguments[0]:
        text = arguments[0][0]  # versions before 0.4.3
    else:
        text = None
    if isinstance(text, list) and len(text) == 1:  # a conversation as JSON text, in a list of its own
        text = text[0]
    return text if isinstance(text, str) else None


def _model(path: Path, date: str) -> str:
    """Whose answers a samples file holds."""
    return _names(path.resolve().parent).get((path.parent.name, date)) or path.resolve().parent.name


@functools.lru_cache(maxsize=64)
def _names(folder: Path) -> Mapping[tuple[str, str], str]:
    """(folder, date) → the model's name, of every results file in a folder."""
    names = {}
    for file in sorted(folder.glob("results_*.json")):
        try:
            content = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            names[folder.name, file.stem.removeprefix("results_")] = _name_in(content, folder.name)
    return names


def _name_in(content: Mapping[str, Any], folder: str) -> str:
    config = content.get("config")
    given = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(given, str):
        given = dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
    arguments = given if isinstance(given, dict) else {}
    named = [str(arguments[key]) for key in _NAMING if arguments.get(key)]
    return "+".join(dict.fromkeys(named[:2] if "peft" in arguments else named[:1])) or str(
        content.get("model_name") or folder
    )


READER = Reader(name="lm-eval", title="lm-evaluation-harness samples", recognises=_recognises, read=_read)
