"""What is said of each model: role, coverage, statuses, length, accuracy, lineage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mimicry_audit.ground.words import count_words
from mimicry_audit.probes.checks.check import correct
from mimicry_audit.records.asked import STATUSES, Probe, Response
from mimicry_audit.records.manifest import ModelInRun, StatedLineage
from mimicry_audit.records.scores import AccuracyRecord, AskedModel, KnownStudentRecord, LineageRecord, ModelScore
from mimicry_audit.statistics.intervals import FloatArray, IntArray, intervals
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.sections.answer_notes import served_names


def model_entry(
    model: ModelInRun,
    samples: int,
    roles: Roles,
    probes: Sequence[Probe],
    responses: Sequence[Response],
    codes: IntArray,
    compared: Sequence[Probe],
    weights: FloatArray | None,
) -> ModelScore:
    """One model's entry in ``scores.json``."""
    usable = [r for r in responses if r.usable]
    answers_due = len(probes) * samples
    statuses = Counter(r.status for r in responses)
    return {
        **_asked(model),
        "role": roles.role_of(model.label),
        "coverage": round(len(usable) / answers_due, 4) if answers_due else 0.0,
        "statuses": {s: statuses[s] for s in STATUSES if statuses[s]},
        "answers": len(responses),
        "mean_words": round(sum(count_words(r.text) for r in usable) / len(usable), 1) if usable else 0.0,
        "accuracy": _accuracy_entry(compared, responses, codes, weights),
        "lineage": _lineage_entry(model.lineage) if model.lineage else None,
        "injected_identity": model.injected_system_text,
        "served": [{"name": name, "count": count} for name, count in served_names(responses).most_common()],
    }


def student_entry(model: ModelInRun, teacher: str, responses: Sequence[Response]) -> KnownStudentRecord:
    """A known student's entry in ``scores.json``."""
    return {
        **_asked(model),
        "teacher": teacher,
        "answers": sum(response.usable for response in responses),
    }


def _asked(model: ModelInRun) -> AskedModel:
    return {
        "label": model.label,
        "source": model.given_name,
        "engine": model.engine,
        "options": dict(model.spec.get("options") or {}),
        "identity": model.identity,
    }


def _lineage_entry(lineage: StatedLineage) -> LineageRecord:
    several: LineageRecord = {"teachers": lineage["teachers"]} if lineage.get("teachers") else {}
    return several | {
        "relation": lineage.get("relation"),
        "teacher": lineage.get("teacher"),
        "base": lineage.get("base"),
        "same_data_as": lineage.get("same_data_as"),
        "source": "the checkpoint's lineage manifest",
    }


def _accuracy_entry(
    probes: Sequence[Probe], responses: Sequence[Response], codes: IntArray, weights: FloatArray | None
) -> AccuracyRecord | None:
    """Share of checkable probes answered rightly; missing answers count as wrong only where the model was asked."""
    if weights is None:
        return None
    position = {p.id: i for i, p in enumerate(probes)}
    total, answer_counts = np.zeros(len(probes)), np.zeros(len(probes))
    for response in responses:
        place = position.get(response.probe_id)
        if place is None or probes[place].check is None or response.status == "error":
            continue
        answer_counts[place] += 1
        check = probes[place].check
        total[place] += bool(response.usable and check is not None and correct(check, response.text))
    values = np.divide(total, answer_counts, out=np.full(len(probes), np.nan), where=answer_counts > 0)
    if not np.isfinite(values).any():
        return None
    names = list(dict.fromkeys(p.domain for p in probes))
    columns = np.column_stack([values, *(np.where(codes == d, values, np.nan) for d in range(len(names)))])
    accuracies = intervals(columns, codes, weights)
    return {
        "overall": accuracies[0].as_dict() if accuracies[0] else None,
        "domains": {name: part.as_dict() for name, part in zip(names, accuracies[1:], strict=True) if part},
    }
