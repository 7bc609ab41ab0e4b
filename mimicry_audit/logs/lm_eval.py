"""lm-evaluation-harness: ``samples_TASK_DATE.jsonl``, with the results file beside it that says whose answers they are.

Promise: one row for each answer, however many filters judged it; tasks that only compare log-likelihoods hold no answers and
are left out with that reason; repeats are samples; the model is named by its results file. Where the tool made the name up, for
the model's arguments name none, it gives other models the same: then runs in several folders are several models, named by the
folder, too, with a caution; and runs in one folder that were made with other arguments are refused.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.tables import Row, read_rows
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import LIKELIHOODS, MALFORMED, Notes, Reader

_FILE = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d\-:.]+)\.jsonl")
_NAMING = ("pretrained", "model", "peft", "engine", "deployment_name")
"""Arguments of a model that name it, the strongest first."""
_SEVERAL = (
    "The runs in {folders} bear one name, {name}, which lm-evaluation-harness made up: each folder is taken for a model of "
    "its own."
)


@dataclass(frozen=True, slots=True)
class _Name:
    """What a results file calls its model.

    Attributes:
        text: the name.
        made_up: whether the model's arguments do not hold it, so that other models may bear it.
        arguments: what the model was made with, as text.
    """

    text: str
    made_up: bool
    arguments: str


def _recognises(look: Look) -> bool:
    return {"doc_id", "arguments", "resps", "filter"} <= look.first_line.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    found = _FILE.fullmatch(look.path.name)
    task = found["task"] if found else look.path.stem.removeprefix("samples_")
    model = _model(look, notes)
    seen: set[tuple[object, str]] = set()
    for where, row in read_rows(look.path, "samples file"):
        place = (row.get("doc_id"), json.dumps(row.get("arguments"), sort_keys=True))
        if place in seen:  # judged by another filter
            continue
        seen.add(place)
        if not isinstance(row.get("resps"), list):
            notes.left_out[MALFORMED] += 1
            continue
        answers = _answers(row["resps"])
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


def _model(look: Look, notes: Notes) -> str:
    """Whose answers a samples file holds.

    Raises:
        DataError: runs of several models in its folder bear one made-up name.
    """
    own, folder = _name_of(look.path), look.path.resolve().parent
    if own is None or not own.made_up:
        return own.text if own else folder.name
    runs = [(path.resolve().parent, name) for path in look.others if (name := _name_of(path)) and name.text == own.text]
    if any(name.arguments != own.arguments for place, name in runs if place == folder):
        raise DataError(
            f"{look.path.parent} holds runs of several models under one name, {own.text}, which lm-evaluation-harness made up",
            "move the files of each run to a folder of its own",
        )
    folders = list(dict.fromkeys([folder, *(place for place, name in runs if name.made_up)]))
    if len(folders) == 1:
        return own.text
    names = _short_names(folders)
    listed = ", ".join(sorted(names.values()))
    notes.cautions.append(_SEVERAL.format(folders=listed, name=own.text))
    return names[folder]


def _short_names(folders: Sequence[Path]) -> dict[Path, str]:
    """As much of the end of each path as tells them all apart."""
    longest = max(len(folder.parts) for folder in folders)
    for count in range(2, longest + 1):
        names = {folder: "/".join(folder.parts[-count:]).lstrip("/") for folder in folders}
        if len(set(names.values())) == len(folders):
            break
    return names


def _name_of(path: Path) -> _Name | None:
    """What the results file of a samples file calls the model; None where there is no such file."""
    found = _FILE.fullmatch(path.name)
    return _names(path.expanduser().resolve().parent).get(found["date"]) if found else None


@functools.lru_cache(maxsize=64)
def _names(folder: Path) -> Mapping[str, _Name]:
    """Date → the model's name, of every results file in a folder."""
    names = {}
    for file in sorted(folder.glob("results_*.json")):
        try:
            content = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            names[file.stem.removeprefix("results_")] = _name_in(content, folder.name)
    return names


def _name_in(content: Mapping[str, Any], folder: str) -> _Name:
    config = content.get("config")
    given = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(given, str):
        given = dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
    arguments = given if isinstance(given, dict) else {}
    named = [str(arguments[key]) for key in _NAMING if arguments.get(key)]
    name = "+".join(dict.fromkeys(named[:2] if "peft" in arguments else named[:1]))
    fallback = str(content.get("model_name") or folder)
    made_with = [config.get("model") if isinstance(config, dict) else None, arguments]
    return _Name(
        name or fallback,
        made_up=not name and not any(fallback in str(value) for value in arguments.values()),
        arguments=json.dumps(made_with, sort_keys=True),
    )


READER = Reader(name="lm-eval", title="lm-evaluation-harness samples", recognises=_recognises, read=_read)
