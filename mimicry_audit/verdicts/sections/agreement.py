"""Answer agreement of the judged pairs: how much of it the panel explains, and agreement on wrong answers apart."""

from __future__ import annotations

from collections.abc import Sequence

from mimicry_audit.records.scores import AgreementRecord
from mimicry_audit.similarity.chance import beyond_chance
from mimicry_audit.statistics.intervals import FloatArray
from mimicry_audit.verdicts.findings import PairFacts
from mimicry_audit.verdicts.material import Material

_AXES = {"answers": "all", "wrong": "wrong"}
"""Axis → its name here: results of any kind, and results that are wrong."""


def agreement_entries(
    facts: Sequence[PairFacts], material: Material, weights: FloatArray | None
) -> list[AgreementRecord]:
    """The ``agreement`` part of ``scores.json``: one entry per judged pair with a result to compare."""
    if weights is None:
        return []
    values = {m.axis.name: m.values for m in material.measured if m.axis.name in _AXES and m.values is not None}
    place = {label: i for i, label in enumerate(material.labels)}
    entries = []
    for pair in facts:
        entry: AgreementRecord = {"candidate": pair.candidate, "reference": pair.reference}
        for axis, name in _AXES.items():
            if axis in values:
                i, j = place[pair.candidate], place[pair.reference]
                agreement = beyond_chance(values[axis], i, j, material.domains, weights)
                if agreement is not None:
                    observed, expected, kappa = agreement
                    entry["all" if name == "all" else "wrong"] = {
                        "observed": round(observed, 4),
                        "expected": round(expected, 4),
                        "kappa": kappa.as_dict(),
                    }
        if len(entry) > 2:
            entries.append(entry)
    return entries
