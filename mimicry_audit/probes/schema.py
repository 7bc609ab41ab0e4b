"""The schema of one probe: a row as written becomes a `Probe`, or a `ProbeError` that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.ground.suggest import did_you_mean, quoted_list
from mimicry_audit.probes.checks import check as checks
from mimicry_audit.records.asked import Message, Probe

FIELDS = ("id", "domain", "prompt", "messages", "check", "language", "aspect", "example", "note")
"""``example`` is an answer that must pass the check; ``note`` is for readers of the file. Neither is put to a model."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_ROLES = ("system", "user", "assistant")
UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


def parse_probe(row: Mapping[str, Any], set_name: str, language: str = "en") -> Probe:
    """One row as a `Probe`.

    Args:
        row: the fields as written.
        set_name: goes before the id.
        language: of the set, for probes that give none.

    Raises:
        ProbeError: the first thing wrong with the row, without its place.
    """
    for name in row:
        if name not in FIELDS:
            raise ProbeError(
                f"unknown field {str(name)!r}", f"use only {quoted_list(FIELDS)}{did_you_mean(str(name), FIELDS)}"
            )
    probe_id = _read_string(row, "id")
    if not NAME.fullmatch(probe_id):
        raise ProbeError(f"the id {probe_id!r} is not a name", "use up to 100 letters, digits, '.', '_' and '-'")
    domain = _read_string(row, "domain")
    if not _SNAKE.fullmatch(domain):
        raise ProbeError(f"the domain {domain!r} is not in snake_case", "write it like 'instruction_following'")
    language = _read_string(row, "language") if "language" in row else language
    if not _LANGUAGE.fullmatch(language):
        raise ProbeError(f"the language {language!r} is not an ISO 639 code", "write it like 'en' or 'zh'")
    check = row.get("check")
    if check is not None:
        checks.validate(check)
    for name in ("example", "note"):
        if name in row:
            _read_string(row, name)
    return Probe(
        id=f"{set_name}/{probe_id}",
        domain=domain,
        messages=_read_messages(row),
        set=set_name,
        check=check,
        language=language,
        aspect=_read_string(row, "aspect") if "aspect" in row else None,
    )


def _read_string(row: Mapping[str, object], name: str) -> str:
    if name not in row:
        raise ProbeError(f"the field '{name}' is missing", f"add '{name}'")
    value = row[name]
    if not isinstance(value, str):
        raise ProbeError(f"the field '{name}' is {value!r}, not text", "put it in quotes")
    if not value.strip():
        raise ProbeError(f"the field '{name}' is empty", "fill it in or leave the probe out")
    return value


def _read_messages(row: Mapping[str, object]) -> tuple[Message, ...]:
    if ("prompt" in row) == ("messages" in row):
        fault = "both 'prompt' and 'messages'" if "prompt" in row else "neither 'prompt' nor 'messages'"
        raise ProbeError(f"the probe has {fault}", "give one of the two")
    if "prompt" in row:
        messages: tuple[Message, ...] = (Message("user", _read_string(row, "prompt")),)
    else:
        turns = row["messages"]
        if not isinstance(turns, list) or not turns:
            raise ProbeError("the field 'messages' is not a list of turns", "write turns with role and content")
        messages = tuple(_read_turn(turn, number) for number, turn in enumerate(turns, 1))
        if messages[-1].role != "user":
            raise ProbeError(f"the last turn is from '{messages[-1].role}'", "end the conversation with a user turn")
    for message in messages:
        if UNSENDABLE.search(message.content):
            raise ProbeError(
                "the prompt holds a NUL or half a surrogate pair", "remove it: it cannot be sent to a model"
            )
    return messages


def _read_turn(turn: object, number: int) -> Message:
    if not isinstance(turn, Mapping) or set(turn) != {"role", "content"}:
        raise ProbeError(f"turn {number} is not a role and a content", "write {role: user, content: …}")
    if turn["role"] not in _ROLES:
        raise ProbeError(f"turn {number} has the role {turn['role']!r}", f"choose from {quoted_list(_ROLES)}")
    if turn["role"] == "system" and number > 1:
        raise ProbeError(f"turn {number} is a system turn", "put the system turn first")
    if not isinstance(turn["content"], str) or not turn["content"].strip():
        raise ProbeError(f"turn {number} has no content", "write its text")
    return Message(turn["role"], turn["content"])
