"""Which students of known teachers a folder holds: ``calibration.json``, written by `mimicry_audit.workflow.calibrate`.

Promise: students are named by folders beside the file, so that the whole can be moved or passed on; a file that is not of this
schema is refused in one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.shapes import find_misfit, parse_json
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
        content = parse_json(path.read_text("utf-8"))
    except OSError:
        raise DataError(
            f"{folder} holds no {FILE}", "make it with audit calibrate --out, or check --calibration"
        ) from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("schema") != CALIBRATION_SCHEMA:
        raise DataError(f"{path} is not a calibration of this version", "make it again: audit calibrate")
    if misfit := find_misfit(content, Calibration):
        raise DataError(f"{path} is damaged: {misfit}", "make it again: audit calibrate")
    students = [CalibrationStudent(**{name: entry[name] for name in _FIELDS}) for entry in content["students"]]
    for student in students:
        if not _is_inside(folder, student.folder):
            raise DataError(f"{path} names a student outside its folder: {student.folder}", "put it into the folder")
    return Calibration(base=content["base"], data=content["data"], parts=content["parts"], students=students)


_FIELDS = ("label", "teacher", "folder")


def _is_inside(folder: Path, name: str) -> bool:
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # a NUL, a name that is too long, a link to itself
        return False
