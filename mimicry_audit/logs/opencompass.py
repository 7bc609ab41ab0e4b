"""OpenCompass: ``predictions/MODEL/DATASET.json``, numbered predictions with the prompt as it was sent.

Promise: the model is the folder's name and the task the file's, without the number of a part; tasks that only compare
log-likelihoods hold no answers and are left out with that reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mimicry_audit.ground.tables import Row
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import LIKELIHOODS, Notes, Reader

_ROLES = {"HUMAN": "user", "BOT": "assistant", "SYSTEM": "system"}
_PART = re.compile(r"_\d+$")


def _recognises(look: Look) -> bool:
    content = look.json_object
    first = content.get("0")
    return isinstance(first, dict) and bool({"origin_prompt", "prediction", "BPB"} & first.keys())


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    folder = look.path.resolve().parent
    task = _PART.sub("", look.path.stem)
    for number, entry in look.json_object.items():
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("prediction"), str | list)
            or "origin_prompt" not in entry
        ):
            notes.left_out[LIKELIHOODS] += 1
            continue
        predictions = entry["prediction"] if isinstance(entry["prediction"], list) else [entry["prediction"]]
        for sample, prediction in enumerate(predictions):
            yield f"prediction {number}", {
                "model": folder.name, "prompt_id": f"{look.path.stem}/{number}", "prompt": _prompt(entry["origin_prompt"]),
                "output": prediction, "domain": task, "sample": sample, "reference_answer": _key(entry.get("gold")),
            }  # fmt: skip


def _prompt(given: Any) -> object:
    """A prompt as text or turns; several rounds are turns of one conversation."""
    if not isinstance(given, list):
        return given
    turns = [{"role": _ROLES.get(turn.get("role"), turn.get("role")), "content": turn.get("prompt")} for turn in given]
    return [turn for turn in turns if turn["content"]]


def _key(gold: Any) -> object:
    if isinstance(gold, str | int | float) and not isinstance(gold, bool):
        return str(gold)
    return gold if isinstance(gold, list) and gold and all(isinstance(item, str) for item in gold) else None


READER = Reader(name="opencompass", title="OpenCompass predictions", recognises=_recognises, read=_read)
