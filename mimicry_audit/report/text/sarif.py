"""A scored run as SARIF 2.1.0, which code-scanning services show: one result for each pair on which something was found.

Promise: every verdict but ``no evidence`` is a result with its reasons; a verdict that accuses is a warning, any other a note.
The fingerprint of a result is that of its pair, so that a service follows it from run to run. (OASIS, "Static Analysis Results
Interchange Format (SARIF) Version 2.1.0", 2023.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mimicry_audit.ground.version import __version__
from mimicry_audit.records.scores import Scores
from mimicry_audit.records.verdict_words import WORDS, VerdictWord

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
QUIET = "no evidence"
"""The verdict that is no result."""


def render(scores: Scores) -> str:
    """The file's text.

    Args:
        scores: the content of ``scores.json``.
    """
    words: dict[str, VerdictWord] = {word.name: word for word in WORDS if word.name != QUIET}
    run = {
        "tool": {
            "driver": {
                "name": "mimicry_audit",
                "semanticVersion": __version__,
                "rules": [_rule(word) for word in words.values()],
            }
        },
        "automationDetails": {"id": f"mimicry_audit/{scores['signature']}"},
        "invocations": [{"executionSuccessful": True, **_ended(scores["created"])}],
        "results": [_result(verdict, words) for verdict in scores["verdicts"] if verdict["verdict"] in words],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


def _rule(word: VerdictWord) -> dict[str, Any]:
    return {
        "id": word.slug,
        "shortDescription": {"text": word.name},
        "fullDescription": {"text": word.card_meaning},
        "defaultConfiguration": {"level": _level(word)},
    }


def _level(word: VerdictWord) -> str:
    return "warning" if word.accuses else "note"


def _result(verdict: Any, words: Mapping[str, VerdictWord]) -> dict[str, Any]:
    candidate, reference, word = verdict["candidate"], verdict["reference"], words[verdict["verdict"]]
    text = "\n".join([verdict["summary"], *(f"- {reason}" for reason in verdict["reasons"])])
    pair = hashlib.sha256(f"{candidate}\0{reference}".encode("utf-8", "surrogatepass")).hexdigest()
    logical = {"name": candidate, "fullyQualifiedName": f"{candidate} → {reference}"}
    physical = {"artifactLocation": {"uri": "scores.json"}, "region": {"startLine": 1}}
    return {
        "ruleId": word.slug,
        "ruleIndex": list(words).index(word.name),
        "level": _level(word),
        "message": {"text": text},
        "locations": [{"physicalLocation": physical, "logicalLocations": [logical]}],
        "partialFingerprints": {"pair/v1": pair},
        "properties": {"confidence": verdict["confidence"], "candidate": candidate, "reference": reference},
    }


def _ended(created: str) -> dict[str, str]:
    """When the run was scored, in the format's own spelling of UTC; nothing where that is no time."""
    try:
        moment = datetime.fromisoformat(created).astimezone(UTC)
    except (ValueError, OverflowError):
        return {}
    return {"endTimeUtc": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
