"""From settings to a checkpoint whose data evolved.

Promise: as of `mimicry_audit.distill.pipeline`: a distillation killed anywhere resumes where it stopped and ends with the same
weights; other settings, another teacher and other data in the same folder are refused with what differs; the manifest
comes last.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from mimicry_audit.distill import lineage
from mimicry_audit.distill.evolve.data import Parts, frozen_sha, parts
from mimicry_audit.distill.evolve.journal import NAME, Book, RoundRecord
from mimicry_audit.distill.evolve.loop import Loop
from mimicry_audit.distill.evolve.settings import EvolveSettings, check
from mimicry_audit.distill.evolve.student import Student
from mimicry_audit.distill.evolve.teacher import Prompts, Teacher, open_session, spec_of
from mimicry_audit.distill.kept import keep_settings
from mimicry_audit.distill.lineage import Lineage
from mimicry_audit.distill.training import task
from mimicry_audit.distill.training.settings import check_packages
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.records.asked import Identity, ModelSpec, canonical_json, sha256_text
from mimicry_audit.records.run import RunDirectory


class Watch(Protocol):
    """Who wants to know how far it is."""

    def stage(self, title: str, done: int, of: int) -> None:
        """`done` of `of` in the stage of that title."""


@dataclass(frozen=True, slots=True)
class Evolved:
    """What came of it.

    Attributes:
        path: the checkpoint.
        lineage: its manifest.
        rounds: the record of each round.
    """

    path: Path
    lineage: Lineage
    rounds: Sequence[RoundRecord]


def evolve(settings: EvolveSettings, watch: Watch | None = None) -> Evolved:
    """Train a student on data that a teacher writes for it.

    Args:
        settings: what is asked for.
        watch: receives the progress.

    Raises:
        ConfigError: a setting is wrong, or the data lack labels.
        DataError: the data cannot be read.
        PrerequisiteError: a model or a package is missing.
        RunDirectoryError: the folder was made with other settings, is in use, or cannot be written.
        EngineError: the teacher does not answer, or not in a form that can be read.
    """
    s = check(settings)
    check_packages(s.training)
    spec, data_parts = spec_of(s), parts(s)
    manifest = s.out / lineage.MANIFEST

    def report_progress(title: str, count: int, of: int) -> None:
        if watch is not None:
            watch.stage(title, count, of)

    if manifest.is_file():
        with RunDirectory(s.out / "work").locked():
            _keep_settings(s, data_parts, None)
            return Evolved(s.out, lineage.read(s.out), Book(s.out).rounds)
    student = Student(s, report_progress)
    session = open_session(s, spec)
    identity = session.find()
    with RunDirectory(s.out / "work").locked(), ExitStack() as stack:
        stack.callback(student.close)
        _keep_settings(s, data_parts, identity)
        with Book(s.out) as book, session:
            prompts = Prompts(data_parts.task, data_parts.about, data_parts.shots)
            teacher = Teacher(s, session, data_parts.task, prompts, book)
            records = Loop(s, data_parts, teacher, student, book, report_progress).run()
            content = _place_checkpoint(s, data_parts, student, spec, identity, book)
        return Evolved(s.out, content, records)


def _keep_settings(s: EvolveSettings, data_parts: Parts, identity: Identity | None) -> None:
    """Keep the settings, or refuse others than those that are kept."""
    facts: dict[str, object] = {"data_sha256": data_parts.sha, "method": "evolve"}
    if identity is not None:
        facts["identity"] = asdict(identity)
    keep_settings(s, facts, (NAME, "metrics.jsonl"), skip="identity" if identity is None else "")


def _place_checkpoint(
    s: EvolveSettings, data_parts: Parts, student: Student, spec: ModelSpec, identity: Identity, book: Book
) -> Lineage:
    """Move the last weights to their place and write how they came to be."""
    last = student.weights(len(book.rounds) - 1)
    for file in sorted(last.iterdir()) if last.is_dir() else ():
        if file.name != task.RESULT:
            file.replace(s.out / file.name)
    content = _build_manifest(s, data_parts, student, spec, identity, book)
    lineage.write(s.out, content)
    for number in range(len(book.rounds)):
        shutil.rmtree(student.weights(number), ignore_errors=True)
    return content


def _build_manifest(
    s: EvolveSettings, data_parts: Parts, student: Student, spec: ModelSpec, identity: Identity, book: Book
) -> Lineage:
    """The manifest: every field of `mimicry_audit.distill.lineage` has its meaning here."""
    folder = lineage.weights_folder(find_model(spec)) if spec.engine in ("hf", "vllm") else None
    labelled = [[row["id"], row["text"], row["gold"]] for record in book.rounds for row in record["labelled"]]
    return lineage.lineage_manifest(
        lineage.LineageInputs(
            settings=s,
            teachers=(lineage.Teacher(identity=identity, folder=folder, share=1.0),),
            base=student.source.weights,
            objective="next token of labels by the teacher (hard labels), on data that " + _OBJECTIVES[s.strategy],
            data_sha=sha256_text(canonical_json(labelled)),
            examples=len(labelled),
            steps=sum(record["training"]["steps"] for record in book.rounds),
            parameters=book.rounds[-1]["training"]["parameters"],
            distillation={
                "method": "evolve",
                "rate": s.training.peak_rate,
                "labels": list(data_parts.task.labels),
                "about": data_parts.about,
                "labelled": book.rounds[-1]["spent"],
                "calls": book.calls(),
                "data": {
                    "name": s.data if s.data.startswith("expert/") else Path(s.data).name, "sha256": data_parts.sha,
                    "shots": len(data_parts.shots), "pool": len(data_parts.pool),
                    "validation": len(data_parts.validation), "test": len(data_parts.test),
                    "test_sha256": frozen_sha(data_parts.test),
                },
                "teacher": asdict(identity),
                "training": [_round_in_manifest(record) for record in book.rounds],
            },
        )
    )  # fmt: skip


_OBJECTIVES = {
    "evolve": "the teacher wrote for the student's weaknesses",
    "static": "the teacher wrote once from the task's description",
    "random": "were drawn at random",
}


def _round_in_manifest(record: RoundRecord) -> dict[str, object]:
    """A round as the manifest has it: without its texts."""
    fields: Mapping[str, object] = record
    names = ("round", "answers", "spent", "wrong_before", "dropped", "replayed", "test", "validation", "stopped")
    training = record["training"]
    return {name: fields[name] for name in names} | {
        "steps": training["steps"],
        "processes": training["processes"],
        "parameters": training["parameters"],
    }
