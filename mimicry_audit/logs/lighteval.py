"""lighteval: ``details_TASK_DATE.parquet`` under ``details/MODEL/DATE/``.

Promise: each text of a response is a sample; tasks that only compare log-likelihoods are left out with that reason. The model
is the folder's name, unless the results file of that date says it in full.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mimicry_audit.ground.tables import Row, read_rows
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import LIKELIHOODS, Notes, Reader

_FILE = re.compile(r"details_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d\-:.]+)\.parquet")

_FEW_SHOT = re.compile(r"/\d+$")


def _recognises(look: Look) -> bool:
    return {"doc", "model_response"} <= look.columns


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    found = _FILE.fullmatch(look.path.name)
    task = found["task"].replace("|", "/") if found else look.path.stem
    model = _model(look.path, found["date"] if found else "")
    for number, (where, row) in enumerate(read_rows(look.path, "details file")):
        doc, response = _object(row.get("doc")), _object(row.get("model_response"))
        answers = [text for text in response.get("text") or [] if isinstance(text, str)]
        if not answers:
            notes.left_out[LIKELIHOODS] += 1
            continue
        sent = response.get("input")
        prompt = turns_of(
            sent
            if isinstance(sent, str)
            else json.dumps(sent)
            if isinstance(sent, list)
            else str(doc.get("query") or "")
        )
        name, thoughts = doc.get("id"), response.get("reasonings") or []
        for sample, answer in enumerate(answers):
            yield where, {
                "model": model, "prompt_id": f"{task}/{number if name in (None, '') else name}", "prompt": prompt,
                "output": answer, "sample": sample, "domain": _FEW_SHOT.sub("", task), "reference_answer": _key(doc) or None,
                "reasoning": thoughts[sample] if sample < len(thoughts) else None,
            }  # fmt: skip


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _key(doc: dict[str, Any]) -> list[str]:
    """The accepted answers: the choices that the gold index names."""
    choices, gold = doc.get("choices") or [], doc.get("gold_index")
    places = gold if isinstance(gold, list) else [gold]
    return [str(choices[at]) for at in places if isinstance(at, int) and 0 <= at < len(choices) and choices[at]]


def _model(path: Path, date: str) -> str:
    """Whose answers a details file holds: as the results file of that date says, else as its folders are named."""
    root = path.resolve().parent
    details = next((folder for folder in root.parents if folder.name == "details"), None)
    if details is None:
        return root.name
    inner = root.parent.relative_to(details).as_posix()
    for file in (details.parent / "results" / inner).glob(f"results_{date}.json"):
        try:
            general = json.loads(file.read_text("utf-8")).get("config_general", {})
            name = general.get("model_name") or general.get("model_config", {}).get("model_name")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(name, str) and name:
            return name
    return inner


READER = Reader(name="lighteval", title="lighteval details", recognises=_recognises, read=_read)
