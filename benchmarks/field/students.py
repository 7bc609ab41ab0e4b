"""The students of the field benchmark: a real language model taught by real models' answers, each made once.

Promise: a student's folder is named by the content of everything that decides it, so that what is made is never made again
and what was interrupted goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mimicry_audit.distill import DistillSettings, distill
from mimicry_audit.records.asked import canonical_json, sha256_text
from mimicry_audit.records.run import write_text

from .material import Material


@dataclass(frozen=True, kw_only=True)
class Schooling:
    """How students are trained.

    Attributes:
        student: where they start.
        epochs, rate, batch: of the training.
        tokens: longest answer of a teacher.
        precision: number format of the training.
        seed: of the training.
    """

    student: str = "lab/smollm2"
    epochs: float = 2.0
    rate: float = 1e-4
    batch: int = 8
    tokens: int = 112
    precision: str = "bf16"
    seed: int = 0


@dataclass(frozen=True)
class Student:
    """One student.

    Attributes:
        teacher: whose answers it learnt from.
        dose: the teacher's share of the prompts.
        other: whose answers it learnt on the other prompts; None at dose 1.
    """

    teacher: str
    dose: float = 1.0
    other: str | None = None

    @property
    def label(self) -> str:
        """Its name in the audits."""
        return f"of-{self.teacher}" if self.other is None else f"of-{self.teacher}-{self.dose:g}-{self.other}"


def planned(names: Sequence[str], first: Sequence[str], doses: Sequence[float], dosed: int) -> Iterator[Student]:
    """A student of every teacher, then students of the first few at lower doses, the rest from the teacher that follows.

    Args:
        names: all teachers.
        first: teachers to begin with.
        doses: shares below 1.
        dosed: how many teachers get students at these doses.
    """
    order = [*first, *(name for name in names if name not in first)]
    yield from (Student(name) for name in order)
    for dose in sorted(doses, reverse=True):
        for at, name in enumerate(order[:dosed]):
            yield Student(name, dose, order[(at + 1) % len(order)])


def make(student: Student, schooling: Schooling, material: Material, root: Path) -> Path:
    """The student's checkpoint: trained now, finished, or found."""
    prompts, column = _prompts(student, material, root)
    asked = {
        "teacher": f"recorded/{material.teachers}#{student.teacher}", "student": schooling.student, "data": str(prompts),
        "dose": student.dose, "else_answers": column, "epochs": schooling.epochs, "rate": schooling.rate,
        "batch": schooling.batch, "max_tokens": 2 * schooling.tokens, "precision": schooling.precision,
        "seed": schooling.seed, "held_out": 0.0, "evaluation_limit": 0,
    }  # fmt: skip
    content = {**asdict(schooling), **asdict(student), "data": sha256_text(prompts.read_text("utf-8")),
               "answers": sha256_text(canonical_json(_taught_answers(student, material)))}  # fmt: skip
    out = root / "students" / f"{student.label}-{sha256_text(canonical_json(content))[:12]}"
    return distill(DistillSettings.of(**asked, out=out, name=student.label, save_every=10_000, tensorboard=False)).path


def _taught_answers(student: Student, material: Material) -> list[list[str]]:
    """What the student is taught: prompts and answers, whatever else the file of answers holds."""
    rows = [json.loads(line) for line in material.teachers.read_text("utf-8").splitlines()]
    taught = {json.loads(line)["prompt"] for line in material.taught.read_text("utf-8").splitlines()}
    return [[r["prompt"], r["output"]] for r in rows if r["model"] == student.teacher and r["prompt"] in taught]


def _prompts(student: Student, material: Material, root: Path) -> tuple[Path, str]:
    """The prompts to teach, with the other teacher's answers beside them where there is one."""
    if student.other is None:
        return material.taught, "answer"
    rows = [json.loads(line) for line in material.teachers.read_text("utf-8").splitlines()]
    answer_by_prompt = {row["prompt"]: row["output"] for row in rows if row["model"] == student.other}
    taught = [json.loads(line)["prompt"] for line in material.taught.read_text("utf-8").splitlines()]
    path = root / f"taught-{student.other}.jsonl"
    write_text(path, "".join(
        json.dumps({"prompt": p, "answer": answer_by_prompt[p]}, ensure_ascii=False) + "\n" for p in taught
    ))  # fmt: skip
    return path, "answer"
