"""``--fail-on`` of a comparison: conditions that turn a finished comparison into exit code 3, for use in CI.

A gate is ``identity_leak`` or a comparison with a number, checked for every checkpoint: ``rse_lift>0.05`` (movement toward
the reference; beyond the controls if any are given), ``rse>0.8`` (similarity afterwards), an axis (``lexical>0.9``:
similarity afterwards; ``lexical_lift>0.1``: movement), ``accuracy<0.6`` and ``accuracy_change<-0.05``, or a measure of
variety and its change (``samples_change>0.1``, ``distinct_2_change<-0.1``). The estimate is compared with the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mimicry_audit.comparison.result import VARIETY
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.compared import CheckpointRecord, Compared, MovementRecord
from mimicry_audit.report.text.junit import Record
from mimicry_audit.similarity.measure import AXES
from mimicry_audit.workflow.gates import COMPARE, Gate, bounded

METRICS = (
    *("rse", "rse_lift"),
    *(name for axis in AXES for name in (axis, f"{axis}_lift")),
    *(name for measure in ("accuracy", *VARIETY) for name in (measure, f"{measure}_change")),
)
LEAK = "identity_leak"


def parse_gates(texts: Sequence[str]) -> list[Gate]:
    """Take conditions apart.

    Raises:
        ConfigError: an invalid condition.
    """
    return [_parse_gate(text) for text in texts]


def _parse_gate(text: str) -> Gate:
    if text.strip().replace("-", "_") == LEAK:
        return Gate(text, LEAK)
    if (bound := bounded(text, METRICS)) is not None:
        return bound
    raise ConfigError(
        f"--fail-on {text!r} is not a condition of a comparison",
        f"give {LEAK}, or METRIC>NUMBER with METRIC one of {', '.join(METRICS)}",
    )


def outcomes(gates: Sequence[Gate], result: Compared) -> list[Record]:
    """What became of each gate: ``(name, ok, message)``; ok is None where it could not be measured at any checkpoint."""
    return [_gate_outcome(gate, result) for gate in gates]


def _gate_outcome(gate: Gate, result: Compared) -> Record:
    tripped_lines: list[str] = []
    passed_lines: list[str] = []
    for checkpoint in result["checkpoints"]:
        reading = _leak_value(checkpoint) if gate.name == LEAK else _read_metric(gate, checkpoint)
        if reading is None:
            continue
        holds, line = reading
        (tripped_lines if holds else passed_lines).append(line)
    name = f"--fail-on {gate.text.strip()}"
    if tripped_lines:
        return name, False, f"{gate.text.strip()}: {'; '.join(tripped_lines)}"
    if passed_lines:
        return name, True, "; ".join(passed_lines)
    return name, None, f"{gate.name} was not measured"


def _leak_value(checkpoint: CheckpointRecord) -> tuple[bool, str] | None:
    identity = checkpoint["identity"]
    if identity is None or identity["leak"] is None:
        return None
    kind = "other" if identity["plain"]["other"] else "reference"
    movement = identity["plain"][kind]
    assert movement is not None  # else the leak is unknown
    claimed = "another identity" if kind == "other" else "the reference's identity"
    shares = f"in {movement['after']['value']:.1%} of its answers, before in {movement['before']['value']:.1%}"
    sentence = f"{checkpoint['label']} claims {claimed} {shares}"
    return bool(identity["leak"]), sentence


def _read_metric(gate: Gate, checkpoint: CheckpointRecord) -> tuple[bool, str] | None:
    entry, field = _locate_metric(gate.name, checkpoint)
    if entry is None:
        return None
    value = entry[field]["value"]
    assert gate.sign is not None
    return COMPARE[gate.sign](value, gate.bound), f"{checkpoint['label']} has {gate.name} = {value:.3f}"


def _locate_metric(
    name: str, checkpoint: CheckpointRecord
) -> tuple[MovementRecord | None, Literal["after", "adjusted"]]:
    """The entry of ``compare.json`` that a metric reads, and which of its numbers."""
    if name in ("rse", "rse_lift"):
        return checkpoint["overall"], "after" if name == "rse" else "adjusted"
    stem, change = name.removesuffix("_change"), name.endswith("_change")
    if stem == "accuracy":
        return checkpoint["accuracy"], "adjusted" if change else "after"
    if stem in VARIETY:
        return checkpoint["diversity"][stem], "adjusted" if change else "after"
    axis = name.removesuffix("_lift")
    return checkpoint["axes"].get(axis), "adjusted" if name.endswith("_lift") else "after"


def question_records(result: Compared) -> list[Record]:
    """One record per question and checkpoint: passed with its sentence, or None where it was not measured."""
    several = len(result["checkpoints"]) > 1
    return [
        (
            f"{checkpoint['label']}: {record['question']}" if several else record["question"],
            None if record["answer"] == "not measured" else True,
            record["sentence"],
        )
        for checkpoint in result["checkpoints"]
        for record in checkpoint["questions"]
    ]
