"""Students of known teachers, trained from one base: what `audit calibrate` makes, and how an audit takes them in.

Promise: what was interrupted goes on; a student is listed once it is finished; and students change an audit's verdicts and no
other figure (`mimicry_audit.verdicts.recognition`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.asked import ModelSpec
from mimicry_audit.records.calibration import FILE, Calibration, CalibrationStudent, read, write
from mimicry_audit.records.run import write_text
from mimicry_audit.verdicts.findings import FEWEST_STUDENTS

if TYPE_CHECKING:
    from mimicry_audit.distill.context import Watch

STUDENT = "student-of-"
FEWEST_PROMPTS = 20
"""Prompts of its own from which a student can be told to have been taught at all."""


def calibrate(
    base: str,
    teachers: Sequence[str],
    data: str,
    out: Path,
    training: Mapping[str, object],
    watch_of: Callable[[str], Watch | None] = lambda _: None,
) -> Calibration:
    """Train one student for each teacher on a part of the prompts of its own, unless it is there.

    Students that were taught the same prompts would resemble each other for that alone, more than a candidate does that was
    taught others.

    Args:
        base: where the students begin: the base of the candidates that will be judged.
        teachers: model names, LABEL=NAME for a label; the suspected teacher and others, at least `FEWEST_STUDENTS` in all.
        data: prompts, as for `mimicry_audit.distill.distill`.
        out: folder of the calibration.
        training: further settings of `mimicry_audit.distill.DistillSettings`.
        watch_of: label of a teacher → who receives the progress of its student's training.

    Raises:
        ConfigError: too few teachers or prompts, a setting is wrong, or the folder holds students of others.
        AuditError: a training cannot begin or go on. What is finished stands.
    """
    from mimicry_audit.distill import DistillSettings, distill
    from mimicry_audit.engines.names import parse_models

    specs = parse_models(teachers, default_engine="hf")
    if len(specs) < FEWEST_STUDENTS:
        raise ConfigError(
            f"--teachers names {len(specs)}, and at least {FEWEST_STUDENTS} are needed to see how much students of different "
            "teachers resemble each other",
            "add models that may be the teacher, those above all that write like it",
        )
    if base in {spec.source for spec in specs}:
        raise ConfigError(f"{base} is both the base and a teacher", "leave it out of --teachers")
    whole = Calibration(base=base, data=data, parts=len(specs), students=[_listed(spec) for spec in specs])
    there = _students_there(out, whole)
    parts = _prompts(data, training.get("limit"), whole, out)
    fixed = {**training, "limit": None, "held_out": 0.0, "evaluation_limit": 0, "tensorboard": False}
    for at, student in enumerate(whole.students, 1):
        settings = DistillSettings.of(
            **fixed, teacher=student.teacher, student=base, data=str(parts[student.label]), out=out / student.folder,
            name=f"{STUDENT}{student.label}",
        )  # fmt: skip
        distill(settings, watch_of(student.label))
        if at > there:
            write(out, replace(whole, students=whole.students[:at]))
    return whole


def _listed(spec: ModelSpec) -> CalibrationStudent:
    name = (spec.source or spec.name).removeprefix(f"{spec.label}=")
    return CalibrationStudent(label=spec.label, teacher=name, folder=f"students/{spec.label}")


def _students_there(out: Path, whole: Calibration) -> int:
    """How many students the folder holds already.

    Raises:
        ConfigError: they belong to another calibration.
    """
    if not (out / FILE).exists():
        return 0
    there = read(out)
    if replace(whole, students=whole.students[: len(there.students)]) != there:
        raise ConfigError(
            f"{out} holds a calibration with another base, other prompts or other teachers", "use another --out"
        )
    return len(there.students)


def _prompts(data: str, limit: object, whole: Calibration, out: Path) -> dict[str, Path]:
    """Each student's part of the prompts, as a file; equal prompts stay together."""
    from mimicry_audit.distill.data import folds
    from mimicry_audit.distill.data import read as read_prompts

    rows = read_prompts(data, limit=limit if isinstance(limit, int) else None)
    if len(rows) < FEWEST_PROMPTS * whole.parts:
        raise ConfigError(
            f"{data} holds {len(rows)} prompts, and {whole.parts} students need {FEWEST_PROMPTS} each of their own",
            "give more prompts, or fewer teachers",
        )
    files = {}
    for student, ids in zip(whole.students, folds(rows, whole.parts, seed=0), strict=True):
        lines = [
            {"id": row.id, "messages": [{"role": m.role, "content": m.content} for m in row.messages]}
            for row in rows if row.id in ids
        ]  # fmt: skip
        files[student.label] = out / "prompts" / f"{student.label}.jsonl"
        write_text(files[student.label], "".join(json.dumps(line) + "\n" for line in lines))
    return files


def students_of(
    folder: Path, specs: Sequence[ModelSpec], default_engine: str | None, options: Mapping[str, object]
) -> tuple[tuple[ModelSpec, ...], dict[str, str]]:
    """The students of a calibration as models of a run.

    Args:
        folder: of the calibration.
        specs: the run's models; a teacher among them is known by its label or its name.
        default_engine: of the students.
        options: engine options of the run.

    Returns:
        Their specs, and student → its teacher's label, the one in the run where it is there.

    Raises:
        DataError: there is no calibration, or it is damaged.
        ConfigError: a student is called like a model of the run.
    """
    from mimicry_audit.engines.names import parse_models

    calibration = read(folder)
    names = [f"{STUDENT}{s.label}={folder / s.folder}" for s in calibration.students]
    students = parse_models(names, default_engine=default_engine, options=options)
    taken = {spec.label for spec in specs}
    if both := [spec.label for spec in students if spec.label in taken]:
        raise ConfigError(f"{both[0]} is a model of this run and a student of {folder}", "give the model another label")
    teachers = {
        spec.label: _label_in_run(student, specs) for spec, student in zip(students, calibration.students, strict=True)
    }
    return students, teachers


def _label_in_run(student: CalibrationStudent, specs: Sequence[ModelSpec]) -> str:
    """What a student's teacher is called in the run: by its label, or by another label for the same name."""
    labels = {spec.label for spec in specs}
    named = [spec.label for spec in specs if (spec.source or spec.name).split("=", 1)[-1] == student.teacher]
    return student.label if student.label in labels or not named else named[0]
