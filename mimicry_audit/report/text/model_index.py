"""Metadata of a model card on the Hugging Face Hub: the ``model-index`` of one candidate, with what was measured.

Promise: only measurements, each with its interval and the data it was taken on: the similarity to every reference it was judged
against. A verdict is no metric, so none is here; the section of the card (`mimicry_audit.report.text.card`) holds it.
"""

from __future__ import annotations

from typing import Any

from mimicry_audit.ground.version import __version__
from mimicry_audit.records.scores import Scores
from mimicry_audit.report.page import view
from mimicry_audit.report.text.card import candidate_label


def render(raw: Scores, label: str | None = None) -> str:
    """The YAML between the two lines of dashes at the head of a card, those included.

    Args:
        raw: the contents of ``scores.json``.
        label: the candidate; may be left out where only one was judged.

    Raises:
        ConfigError: no candidate is named and there are several, or the one named was not judged.
        DataError: the scores have another schema.
    """
    import yaml

    label = candidate_label(view.read(raw), label)
    model = next(m for m in raw["models"] if m["label"] == label)
    name = (model.get("identity") or {}).get("model") or label
    metrics = [
        metric
        for verdict in raw["verdicts"]
        if verdict["candidate"] == label and (metric := _similarity(raw, label, verdict["reference"])) is not None
    ]
    sets = ", ".join(f"{s['name']} {s['version']}" for s in raw["probe_sets"]) or "imported answers"
    result = {
        "task": {"type": "text-generation", "name": f"Provenance audit (mimicry_audit {__version__})"},
        "dataset": {"type": "mimicry_audit", "name": sets, "args": {"signature": raw["signature"]}},
        "metrics": metrics,
    }
    index = {"model-index": [{"name": str(name), "results": [result]}]}
    return f"---\n{yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=100)}---\n"


def _similarity(raw: Scores, label: str, reference: str) -> dict[str, Any] | None:
    """The similarity of a pair, None where it could not be measured."""
    for pair in raw["pairs"]:
        value = (pair.get("overall") or {}).get("raw")
        if {pair["a"], pair["b"]} == {label, reference} and value:
            return {
                "type": "response-similarity",
                "name": f"Response similarity (RSE) to {reference}",
                "value": round(float(value["value"]), 4),
                "args": {"low": round(float(value["low"]), 4), "high": round(float(value["high"]), 4), "n": value["n"]},
            }
    return None
