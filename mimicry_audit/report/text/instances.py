"""A scored run as Every Eval Ever has it: for each model an aggregate and its answers, one line each.

Schema 0.3.0 of github.com/evaleval/every_eval_ever. The score is the similarity to the reference: with its interval in the
aggregate, where the verdict stands beside it, and of each answer in the lines. The reference's own is 1, and says that it is
not a measurement.

Promise: answers stand word for word; an answer without a known key says so, for the schema wants every one right or wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mimicry_audit.ground.version import __version__
from mimicry_audit.records.scores import AnsweredProbe, Scores

SCHEMA = "0.3.0"
METRIC = "mimicry-audit.rse"


def files(scores: Scores, answers: Sequence[AnsweredProbe]) -> dict[str, bytes]:
    """Name → content: ``LABEL.json`` and ``LABEL_samples.jsonl`` of every model."""
    found: dict[str, bytes] = {}
    for model in scores["models"]:
        label = model["label"]
        run = _run_id(scores, model)
        found[f"{label}.json"] = (json.dumps(_aggregate(scores, model, run), indent=1) + "\n").encode()
        lines = [line for probe in answers for line in _lines(scores, probe, model, run)]
        found[f"{label}_samples.jsonl"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return found


def _run_id(scores: Scores, model: Mapping[str, Any]) -> str:
    return f"mimicry_audit/{_name(model)}/{_seconds(scores)}"


def _seconds(scores: Scores) -> str:
    return f"{datetime.fromisoformat(scores['created']).timestamp():.0f}"


def _name(model: Mapping[str, Any]) -> str:
    """The model's name as the user gave it, without its label."""
    name = str(model.get("source") or model["label"])
    return name.split("=", 1)[-1]


def _aggregate(scores: Scores, model: Mapping[str, Any], run: str) -> dict[str, Any]:
    label, reference = model["label"], scores["nearness_to"]
    verdicts = [v for v in scores["verdicts"] if v["candidate"] == label]
    references = [v["reference"] for v in verdicts] or [reference]
    by_reference = {v["reference"]: v for v in verdicts}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": run,
        "evaluation_timestamp": scores["created"],
        "retrieved_timestamp": _seconds(scores),
        "source_metadata": {
            "source_name": "mimicry_audit",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "mimicry_audit", "version": __version__},
        "model_info": {
            "name": label,
            "id": _name(model),
            "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
        },
        "evaluation_results": [_result(scores, label, other, by_reference.get(other)) for other in references],
    }


def _result(scores: Scores, label: str, reference: str, verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    if label == reference:
        return _entry(scores, reference, 1.0, {"measured": "no", "model": "the reference itself"})
    raw = next(
        (
            (pair.get("overall") or {}).get("raw")
            for pair in scores["pairs"]
            if {pair["a"], pair["b"]} == {label, reference}
        ),
        None,
    )
    details = {} if raw else {"measured": "no"}
    if verdict is not None:
        details |= {name: str(verdict[name]) for name in ("verdict", "confidence", "summary")}
    return _entry(scores, reference, raw["value"] if raw else 0.0, details, raw)


def _entry(
    scores: Scores, reference: str, score: float, details: Mapping[str, str], measured: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A score as the schema wants it, with its interval where it was `measured`."""
    return {
        "evaluation_name": _evaluation(reference),
        "source_data": {
            "dataset_name": ", ".join(f"{s['name']} {s['version']}" for s in scores["probe_sets"]) or "imported answers",
            "source_type": "other",
        },
        "metric_config": {
            "metric_id": METRIC,
            "metric_name": "Response similarity",
            "evaluation_description": "Mean similarity of the answers to the reference's, over all counted axes.",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": score,
            "details": {"signature": scores["signature"], "reference": reference, **details},
            **({"uncertainty": {
                "confidence_interval": {
                    "lower": measured["low"], "upper": measured["high"], "confidence_level": 0.95, "method": "bootstrap",
                },
                "num_samples": measured["n"],
            }} if measured else {}),
        },
    }  # fmt: skip


def _evaluation(reference: str) -> str:
    return f"similarity to {reference}"


def _lines(scores: Scores, probe: AnsweredProbe, model: Mapping[str, Any], run: str) -> list[dict[str, Any]]:
    """One line for each answer to a probe along which answers were compared."""
    itself = model["label"] == scores["nearness_to"]
    similarity = (1.0 if probe["similarity"] else None) if itself else probe["similarity"].get(model["label"])
    if similarity is None:
        return []
    keys = [probe["expected"]] if probe["expected"] else []
    content = "\0".join([probe["conversation"], *keys]).encode("utf-8", "replace")
    lines: list[dict[str, Any]] = []
    for sample in probe["answers"].get(model["label"], []):
        right = sample["correct"]
        reasoning = sample.get("reasoning")
        lines.append({
            "schema_version": SCHEMA,
            "evaluation_id": run,
            "model_id": _name(model),
            "evaluation_name": _evaluation(scores["nearness_to"]),
            "sample_id": probe["probe_id"],
            "sample_hash": hashlib.sha256(content).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": probe["conversation"], "reference": keys},
            "output": {"raw": [sample["text"]], "reasoning_trace": [reasoning] if reasoning else None},
            "messages": None,
            "answer_attribution": [],
            "evaluation": {"score": similarity, "is_correct": bool(right)},
            "error": None if sample["status"] == "ok" else sample["status"],
            "metadata": {
                "sample": str(sample["sample"]), "checked": "no" if right is None else "yes", "domain": probe["domain"],
            },
        })  # fmt: skip
    return lines
