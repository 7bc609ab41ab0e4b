"""What the benchmark is made of: pairs of documented lineage, and the answers of their models, measured.

Promise: a file that cannot be used is one line that says why; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.tables import read_rows
from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.similarity.measure import Measured, measure_axes
from mimicry_audit.similarity.passages import Passages
from mimicry_audit.statistics.intervals import IntArray
from mimicry_audit.verdicts.material import Material
from mimicry_audit.workflow.imports import probes_of

UNRELATED = "none"
TAUGHT = "distilled-from"
COLUMNS = ("student", "teacher", "relation")


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a lineage file.

    Attributes:
        student, teacher: model names as in the response file.
        relation: what is documented; ``none`` for unrelated pairs.
        teacher_org: who made the teacher, None where the file does not say.
    """

    student: str
    teacher: str
    relation: str
    teacher_org: str | None = None


def read_lineage(path: Path) -> list[Pair]:
    """The pairs of a lineage file (CSV, JSON lines or Parquet with ``student, teacher, relation``).

    Raises:
        DataError: it cannot be read, lacks a column, has an empty field, or names one pair twice with different relations.
    """
    if path.suffix.lower() not in (".csv", ".jsonl", ".parquet"):
        raise DataError(f"{path} is not a lineage file", "name it .csv, .jsonl or .parquet")
    if not path.is_file():
        raise DataError(f"the lineage file {path} does not exist", "check the path")
    rows = [row for _, row in read_rows(path, "lineage file")]
    columns = {name for row in rows for name in row}
    if lacking := [c for c in COLUMNS if c not in columns]:
        raise DataError(f"{path} lacks the column {', '.join(lacking)}", f"give rows with {', '.join(COLUMNS)}")
    return _read_pairs(path, rows)


def _read_pairs(path: Path, rows: Sequence[Mapping[str, object]]) -> list[Pair]:
    pairs: dict[tuple[str, str, str], Pair] = {}
    for number, row in enumerate(rows, 1):
        fields = [str(row[c]).strip() if isinstance(row.get(c), str) else "" for c in COLUMNS]
        if not all(fields):
            raise DataError(f"{path}, row {number} has an empty field", f"fill in {', '.join(COLUMNS)}")
        org = row.get("teacher_org")
        student, teacher, relation = fields
        pairs[student, teacher, relation] = Pair(
            student, teacher, relation, org if isinstance(org, str) and org else None
        )
    if not any(p.relation == UNRELATED for p in pairs.values()):
        raise DataError(
            f"{path} lists no unrelated pairs", f"add pairs with the relation {UNRELATED!r} to compare with"
        )
    return list(pairs.values())


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A response file, measured.

    Attributes:
        labels: M model names.
        material: everything a verdict is drawn from; no weights and no identity claims.
    """

    labels: Sequence[str]
    material: Material

    @property
    def domains(self) -> IntArray:
        """``(P,)`` codes."""
        return self.material.domains

    @property
    def measured(self) -> Sequence[Measured]:
        """The axes."""
        return self.material.measured


def measure_file(path: Path, axes: Sequence[str], progress: Callable[[str], None] = lambda _: None) -> MeasuredFile:
    """Measure all models of a response file along some axes, in memory and without a run directory.

    Raises:
        DataError: the file cannot be used.
    """
    from mimicry_audit.logs.answers import read_responses
    from mimicry_audit.records.asked import Response

    answers = read_responses(path)
    probes = probes_of(answers, path)
    labels = list(dict.fromkeys(a.model for a in answers))
    probe_domains = [p.domain for p in probes]
    order = list(dict.fromkeys(probe_domains))
    responses: dict[str, list[Response]] = {label: [] for label in labels}
    for answer in answers:
        responses[answer.model].append(
            Response(
                key="",
                model=answer.model,
                probe_id=answer.prompt_id,
                sample=answer.sample,
                text=answer.output,
                status="ok" if answer.output.strip() else "empty",
            )
        )
    measurements = measure_axes(probes, labels, responses, axes=axes, progress=progress)
    usable = {label: {r.probe_id for r in model_responses if r.usable} for label, model_responses in responses.items()}
    material = Material(
        labels=labels,
        domains=np.array([order.index(d) for d in probe_domains], dtype=np.int64),
        measured=measurements,
        texts={
            k: {r.probe_id: r.text for r in model_responses if r.usable and r.sample == 0}
            for k, model_responses in responses.items()
        },
        answered=np.array([[float(p.id in usable[label]) for label in labels] for p in probes]),
        models={label: ModelInRun(label, {"engine": "recorded", "name": label}) for label in labels},
        claims={},
        passages=Passages(probes, responses),
    )
    return MeasuredFile(labels, material)
