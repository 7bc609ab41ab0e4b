"""Makes the students, each through the real path of ``audit distill``.

Promise: a student's folder is named by the content of everything that decides it, so that what is made is never made again and
what was interrupted goes on; parents are made before those that go on from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mimicry_audit.distill import DistillSettings, distill
from mimicry_audit.records.asked import canonical_json, sha256_text

from .cast import Cast, Student


@dataclass(frozen=True, kw_only=True)
class Schooling:
    """How students are trained.

    Attributes:
        epochs, rate, batch: of the training.
        max_tokens: of the teacher's answers.
        adapter: train a LoRA adapter, for larger models.
    """

    epochs: float = 3.0
    rate: float = 2e-3
    batch: int = 8
    max_tokens: int = 80
    adapter: bool = False


def make(cast: Cast, schooling: Schooling, root: Path, said: Callable[[str], None]) -> dict[str, Path]:
    """Label → checkpoint of every student of a cast, in the order of the cast."""
    made: dict[str, Path] = {}
    for student in cast.students:
        settings = _settings(cast, student, schooling, root, made)
        if not (settings.out / "lineage.json").is_file():
            said(f"seed {cast.seed}: training {student.label}")
        made[student.label] = distill(settings).path
    return made


def _settings(cast: Cast, student: Student, schooling: Schooling, root: Path, made: dict[str, Path]) -> DistillSettings:
    """What to ask of the distillation, with a folder named by its content."""
    start = str(made[student.start]) if student.start else cast.base
    teacher = next(iter(cast.unrelated.values())) if student.teacher == "unrelated" else cast.teacher
    asked = {
        "teacher": teacher, "student": start, "data": str(cast.prompts), "dose": student.dose,
        "else_answers": student.column, "objective": student.objective, "steps": student.steps,
        "epochs": student.epochs or schooling.epochs, "rate": schooling.rate, "batch": schooling.batch,
        "adapter": schooling.adapter, "max_tokens": schooling.max_tokens, "seed": cast.seed,
        "held_out": student.evaluate, "evaluation_limit": 200 if student.evaluate else 0,
    }  # fmt: skip
    content = {**asked, "data": sha256_text(cast.prompts.read_text("utf-8"))}
    out = root / f"students-{cast.seed}" / f"{student.label}-{sha256_text(canonical_json(content))[:12]}"
    return DistillSettings.of(**asked, out=out, name=student.label, threads=1, save_every=10_000, tensorboard=False)
