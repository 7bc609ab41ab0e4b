"""One graded pair of answers: the line of a judge's journal, and how it is written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mimicry_audit.records.asked import Probe, Response, sha256_text
from mimicry_audit.records.run import RunDirectory, journal_name, read_records
from mimicry_audit.statistics.grades import ASPECTS, HIGHEST, LOWEST
from mimicry_audit.statistics.intervals import FloatArray

Pair = tuple[str, str]
"""Candidate, reference."""


def values(grades: Mapping[Slot, Mapping[str, int]], probes: Sequence[Probe], pairs: Sequence[Pair]) -> FloatArray:
    """The grades as numbers, one per order.

    Returns:
        ``(P, K, 2, 4)`` for P probes, K pairs, two orders (reference first, candidate first) and the aspects of
        `ASPECTS`; NaN without a grade.
    """
    numbers = np.full((len(probes), len(pairs), 2, len(ASPECTS)), np.nan)
    for row, probe in enumerate(probes):
        for column, (candidate, reference) in enumerate(pairs):
            for order in (0, 1):
                slot_grades = grades.get((candidate, reference, probe.id, order))
                if slot_grades is not None:
                    numbers[row, column, order] = [slot_grades[aspect] for aspect in ASPECTS]
    return numbers


OUTCOMES = ("ok", "lenient", "repaired", "failed", "error")
"""As asked; readable with good will; readable after being asked again; never readable; no reply at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Response):
    """One line of a judge's journal: a `Response` of the judge, and what was read in it.

    ``sample`` is 0 where the reference's answer was shown first, 1 where the candidate's was; ``attempt`` counts how
    often this presentation was put to the judge.

    Attributes:
        candidate: label of the model compared.
        reference: label of the model it is compared with.
        outcome: one of `OUTCOMES`.
        grades: aspect → 1 … 5; None for ``failed`` and ``error``.
        reason: the judge's sentence.
        protocol: hash of the prompt's templates, the schema and the sampling.
        pair_sha: hash of the two texts.
        structured: whether the reply was held to the JSON schema.
        cached: whether it was taken from an earlier run.
    """

    candidate: str
    reference: str
    outcome: str
    grades: Mapping[str, int] | None = None
    reason: str = ""
    protocol: str
    pair_sha: str
    structured: bool = False
    cached: bool = False


_TEXTS = ("key", "model", "probe_id", "status", "text", "candidate", "reference", "reason", "protocol", "pair_sha")


Slot = tuple[str, str, str, int]
"""Candidate, reference, probe, order."""


def pair_sha(candidate: str, reference: str) -> str:
    """Hash of two texts, in this order."""
    return sha256_text(f"{sha256_text(candidate)}\0{sha256_text(reference)}")


def journal_path(run: RunDirectory, label: str) -> Path:
    """Where one judge's judgements are stored."""
    return run.path / "judgements" / journal_name(label)


def read_judgements(run: RunDirectory, label: str) -> dict[Slot, Judgement]:
    """The standing judgements of one judge: the last line for each presentation; an unfinished last line is left out.

    Raises:
        DataError: a line is not a judgement of this judge.
    """
    judgements, _ = read_records(
        journal_path(run, label),
        Judgement,
        lambda line: _parse_judgement(line, label),
        "a judgement",
        "it asked for again",
    )
    return {
        (judgement.candidate, judgement.reference, judgement.probe_id, judgement.sample): judgement
        for judgement in judgements
    }


def _parse_judgement(record: dict[str, Any], label: str) -> Judgement:
    judgement = Judgement(**record)
    for name in _TEXTS:
        if not isinstance(getattr(judgement, name), str):
            raise ValueError(f"{name} is not text")
    if judgement.model != label:
        raise ValueError(f"it belongs to judge {judgement.model!r}")
    if judgement.sample not in (0, 1) or isinstance(judgement.sample, bool):
        raise ValueError(f"unknown order {judgement.sample!r}")
    check_outcome(judgement.outcome, judgement.grades)
    return judgement


def check_outcome(outcome: object, grades: object) -> None:
    """Raises ValueError where grades do not go with an outcome, or are none."""
    if outcome not in OUTCOMES:
        raise ValueError(f"unknown outcome {outcome!r}")
    if outcome in ("failed", "error"):
        if grades is not None:
            raise ValueError(f"outcome {outcome} must not have grades")
        return
    if not isinstance(grades, dict) or set(grades) != set(ASPECTS):
        raise ValueError("the grades are not those of the four aspects")
    if not all(type(g) is int and LOWEST <= g <= HIGHEST for g in grades.values()):
        raise ValueError("a grade is not a whole number from 1 to 5")


def grades_of(judgements: Sequence[Judgement]) -> dict[Slot, Mapping[str, int]]:
    """The grades that were given, by presentation."""
    return {(j.candidate, j.reference, j.probe_id, j.sample): j.grades for j in judgements if j.grades is not None}
