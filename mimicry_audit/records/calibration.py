"""Which students of known teachers a folder holds: ``calibration.json``, written by `mimicry_audit.workflow.calibrate`.

Promise: students are named by folders beside the file, so that the whole can be moved or passed on; a file that is not of this
schema is refused in one line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.run import write_json

CALIBRATION_SCHEMA = "mimicry_audit.calibration/1"
FILE = "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationStudent:
    """One student.

    Attributes:
        label: its teacher's label.
        teacher: its teacher's name, as the user gave it.
        folder: its checkpoint, relative to the file.
    """

    label: str
    teacher: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Students of several teachers that began as one base.

    Attributes:
        base: name of the base, as the user gave it.
        data: where their prompts come from.
        parts: into how many parts the prompts were divided; each student was taught one of them.
        students: one for each teacher.
    """

    base: str
    data: str
    parts: int
    students: Sequence[CalibrationStudent]


def write(folder: Path, calibration: Calibration) -> None:
    """Write the file into a folder."""
    write_json(folder / FILE, {"schema": CALIBRATION_SCHEMA, **asdict(calibration)})


def read(folder: Path) -> Calibration:
    """The calibration in a folder.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError:
        raise DataError(
            f"{folder} holds no {FILE}", "make it with audit calibrate --out, or check --calibration"
        ) from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("schema") != CALIBRATION_SCHEMA:
        raise DataError(f"{path} is not a calibration of this version", "make it again: audit calibrate")
    try:
        students = [
            CalibrationStudent(**{name: _text(entry[name]) for name in ("label", "teacher", "folder")})
            for entry in content["students"]
        ]
        texts = {name: _text(content[name]) for name in ("base", "data")}
        calibration = Calibration(**texts, parts=int(content["parts"]), students=students)
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} is damaged: a field is missing or of another type", "make it again") from None
    for student in students:
        if not (folder / student.folder).resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{path} names a student outside its folder: {student.folder}", "put it into the folder")
    return calibration


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
