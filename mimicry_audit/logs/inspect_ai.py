"""Inspect: ``.eval`` archives and ``.json`` logs of the versions that are known, 1 and 2.

Read directly, and not through Inspect's own library: that brings forty packages, among them cloud clients whose pins shut out
current releases of what reads tables here.

Promise: a log of a later version is refused, not guessed at; epochs are samples; the prompt is the conversation as it was sent,
the system turn included, up to the model's first own words; reasoning stands apart from the answer. Samples in which tools or
several answers took part are left out with that reason, for they have no one answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import DataError, PrerequisiteError
from mimicry_audit.ground.tables import Row
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import CONVERSATION, UNFINISHED, Notes, Reader, reasoning_of, text_of, turns_in

NEWEST = 2
"""The last version of the log whose fields are known."""
NO_TEXT = "holds something else than text"
_ATTACHMENT = "attachment://"


def _recognises(look: Look) -> bool:
    if look.suffix == ".eval":
        return True
    return {"version", "status", "eval"} <= look.json_object.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    header, samples = _archive(look.path) if look.suffix == ".eval" else (look.json_object, _listed(look.json_object))
    spec = header.get("eval")
    if not isinstance(spec, dict) or not isinstance(spec.get("model"), str):
        raise DataError(f"{look.path.name} is not an Inspect log", "give the .eval or .json file as Inspect wrote it")
    version = header.get("version")
    if isinstance(version, int) and version > NEWEST:
        raise DataError(
            f"{look.path.name} is an Inspect log of version {version}, and this release reads versions up to {NEWEST}",
            "update mimicry_audit, or give its answers as rows (docs/formats.md)",
        )
    for where, sample in samples:
        row = _row(sample, spec, notes)
        if row is not None:
            yield where, row


def _row(sample: Mapping[str, Any], spec: Mapping[str, Any], notes: Notes) -> dict[str, object] | None:
    if sample.get("error"):
        notes.left_out[UNFINISHED] += 1
        return None
    messages = [_resolved(message, sample.get("attachments") or {}) for message in sample.get("messages") or []]
    first = next(
        (at for at, m in enumerate(messages) if m.get("role") == "assistant" and m.get("source") != "input"), None
    )
    if first is None or first != len(messages) - 1 or any(m.get("role") == "tool" for m in messages):
        notes.left_out[CONVERSATION if first is not None else UNFINISHED] += 1
        return None
    prompt = turns_in(messages[:first])
    answer = text_of(messages[first].get("content"))
    if answer is None or any(turn["content"] is None for turn in prompt):
        notes.left_out[NO_TEXT] += 1
        return None
    choices = (sample.get("output") or {}).get("choices") or [{}]
    target = sample.get("target")
    return {
        "model": spec["model"],
        "prompt_id": f"{spec.get('task')}/{sample.get('id')}",
        "prompt": prompt,
        "output": answer,
        "domain": str(spec.get("task") or "general"),
        "sample": int(sample.get("epoch") or 1) - 1,
        "finish_reason": choices[0].get("stop_reason"),
        "reasoning": reasoning_of(messages[first].get("content")),
        "reference_answer": target if target else None,
    }


def _resolved(message: Mapping[str, Any], attachments: Mapping[str, str]) -> Mapping[str, Any]:
    """A message with the long texts put back that the log keeps apart."""

    def put_back(value: Any) -> Any:
        if isinstance(value, str) and value.startswith(_ATTACHMENT):
            return attachments.get(value.removeprefix(_ATTACHMENT), value)
        if isinstance(value, list):
            return [put_back(item) for item in value]
        return {key: put_back(item) for key, item in value.items()} if isinstance(value, dict) else value

    found = put_back(message)
    return found if isinstance(found, dict) else message


def _listed(log: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, sample in enumerate(log.get("samples") or [], start=1):
        yield f"sample {number}", sample


def _archive(path: Path) -> tuple[Mapping[str, Any], Iterator[tuple[str, Mapping[str, Any]]]]:
    """The header and the samples of an archive, whose members may be compressed with Zstandard."""
    try:
        from backports.zstd import zipfile
    except ImportError:  # Python 3.14 reads them itself
        import zipfile  # type: ignore[no-redef]
    try:
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        header = json.loads(archive.read("header.json" if "header.json" in names else "_journal/start.json"))
    except NotImplementedError:
        raise PrerequisiteError(
            f"{path.name} is compressed with Zstandard, which this Python cannot read",
            "install the package backports.zstd",
        ) from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise DataError(f"{path.name} is not an Inspect log", "give the .eval file as Inspect wrote it") from None

    def samples() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name in names:
            if name.startswith("samples/") and name.endswith(".json"):
                yield name, json.loads(archive.read(name))

    return header, samples()


READER = Reader(name="inspect", title="Inspect logs", recognises=_recognises, read=_read)
