"""Whose student is the candidate? It and students of known teachers, held against each other on a run's probes.

Promise: known students are compared with candidates of their own base and with nothing else, so that no other figure of the run
depends on whether there are any. Evidence on a judged pair is corrected with that on all others of the run; that a candidate is
the student of a teacher that nobody asked about is said after a correction over all teachers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.similarity import weights
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.statistics.intervals import IntArray, holm
from mimicry_audit.verdicts.authors import AUTHOR_AXES
from mimicry_audit.verdicts.findings import FEWEST_STUDENTS, Evidence, PairFacts
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.students import students_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStudents:
    """What a run holds to recognise students by.

    Attributes:
        teachers: student → its teacher.
        probes: P compared probes.
        domains: ``(P,)`` of them.
        responses: label → answers, of candidates and students.
        models: label → model, of these and the bases.
        axes: measured in this run.
    """

    teachers: Mapping[str, str]
    probes: Sequence[Probe]
    domains: IntArray
    responses: Mapping[str, Sequence[Response]]
    models: Mapping[str, ModelInRun]
    axes: Sequence[str]


class Recognition:
    """The evidence on every candidate and every teacher with a known student.

    Args:
        known: the students, and what was answered.
        roles: who is who.
        draws: bootstrap draws over probes.
        seed: of the draws.

    Attributes:
        notes: what a reader should know of the students.
    """

    def __init__(self, known: KnownStudents, roles: Roles, *, draws: int, seed: int) -> None:
        self._known = known
        self.notes: list[str] = []
        self._found: dict[tuple[str, str], Evidence] = {}
        for candidate in (label for label in known.responses if roles.role_of(label) == "candidate"):
            students = self._of_its_base(roles.base_of(candidate))
            if not students:
                continue
            axes = [axis for axis in known.axes if axis in AUTHOR_AXES]
            measured = measure_axes(known.probes, [candidate, *students], known.responses, axes=axes)
            likeness = [m.values for m in measured if m.values is not None]
            taught_by = [known.teachers[student] for student in students]
            for teacher in dict.fromkeys(taught_by):
                evidence = students_evidence(likeness, taught_by, teacher, known.domains, draws=draws, seed=seed)
                if evidence is not None and teacher != candidate:  # a teacher resembles its own students
                    self._found[candidate, teacher] = evidence
        self._corrected = _corrected(self._found)

    def extend(self, facts: PairFacts) -> PairFacts:
        """A pair's facts with what the known students say: of the reference, and of any other teacher."""
        of_candidate = {teacher: e for (label, teacher), e in self._found.items() if label == facts.candidate}
        if not facts.triangle or not of_candidate:
            return facts
        own = of_candidate.get(facts.reference)
        nearest = max(of_candidate, key=lambda teacher: of_candidate[teacher].estimate.value)
        return replace(
            facts,
            evidence=(*facts.evidence, *([own] if own else [])),
            taught_by=tuple(
                teacher for teacher in of_candidate
                if teacher != facts.reference and self._corrected[facts.candidate, teacher].recognises
            ),
            remarks=(*facts.remarks, f"Of the known students, {facts.candidate} resembles that of {nearest} most."),
        )  # fmt: skip

    def _of_its_base(self, base: str | None) -> list[str]:
        """The students that come from a candidate's base, as far as weights tell, and that answered."""
        if base is None:
            return []
        sketch, teachers = self._known.models[base].weights, self._known.teachers
        probe_ids = {probe.id for probe in self._known.probes}
        silent = [s for s in teachers if 2 * len(probe_ids & _answered(self._known.responses[s])) < len(probe_ids)]
        strangers = [s for s in teachers if weights.related(self._known.models[s].weights, sketch) is False]
        self._note("Known students that answered fewer than half of the probes were left out", silent)
        self._note(f"Known students that do not come from {base} were left out", strangers)
        fitting = [student for student in teachers if student not in (*silent, *strangers)]
        if len({teachers[student] for student in fitting}) >= FEWEST_STUDENTS:
            return fitting
        self._note(
            f"Known students of fewer than {FEWEST_STUDENTS} teachers are left for candidates from {base}", fitting
        )
        return []

    def _note(self, what: str, students: Sequence[str]) -> None:
        note = f"{what}: {', '.join(students)}."
        if students and note not in self.notes:
            self.notes.append(note)


def _answered(responses: Sequence[Response]) -> set[str]:
    return {response.probe_id for response in responses if response.usable}


def _corrected(found: Mapping[tuple[str, str], Evidence]) -> dict[tuple[str, str], Evidence]:
    """Holm over all candidates and teachers."""
    if not found:
        return {}
    adjusted = holm(np.array([evidence.p for evidence in found.values()]))
    return {key: replace(e, p_holm=float(p)) for (key, e), p in zip(found.items(), adjusted, strict=True)}
