"""Who is who in an audit: candidates, references, bases, controls, a stored panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.verdicts.findings import FEWEST_STUDENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who is who.

    Attributes:
        references: models that may have been mimicked; empty means any.
        bases: candidate → its base; ``*`` for all candidates without an entry of their own.
        controls: models that are surely unrelated to the references; empty means every other model of the run.
        panel: models of a stored panel: controls that are not judged themselves.
        students: known student → its teacher; trained from the candidates' base, and compared with candidates only.
    """

    references: tuple[str, ...] = ()
    bases: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    panel: tuple[str, ...] = ()
    students: Mapping[str, str] = field(default_factory=dict)

    @property
    def declared_panel(self) -> tuple[str, ...]:
        """Every model declared to be unrelated; empty where none is."""
        return tuple(dict.fromkeys((*self.controls, *self.panel)))

    def base_of(self, candidate: str) -> str | None:
        """The declared base of a candidate."""
        base = self.bases.get(candidate, self.bases.get("*"))
        return None if base == candidate else base

    def role_of(self, label: str) -> str:
        """``student``, ``reference``, ``base``, ``panel`` or ``candidate``."""
        if label in self.students:
            return "student"
        if label in self.references:
            return "reference"
        if label in self.bases.values():
            return "base"
        return "panel" if label in self.panel else "candidate"

    def check(self, labels: Sequence[str]) -> None:
        """Raises ConfigError when a role names a model that is not in the run, or a base is its own reference."""
        option_labels = [("--reference", r) for r in self.references] + [("--control", c) for c in self.controls]
        option_labels += [("--student", s) for s in self.students]
        option_labels += [("--base", b) for b in self.bases.values()] + [("--base", c) for c in self.bases if c != "*"]
        for option, label in option_labels:
            if label not in labels:
                raise ConfigError(f"{option} {label} is not among the models", f"choose from {', '.join(labels)}")
        for label in self.bases.values():
            if label in self.references:
                raise ConfigError(f"{label} cannot be both --reference and --base", "name two different models")
        self._check_students()
        if self.references and not [c for c in labels if self.role_of(c) == "candidate"]:
            what = "a reference, a base or in the panel" if self.panel else "a reference or a base"
            raise ConfigError(f"every model is {what}", "add a candidate to --models")

    def _check_students(self) -> None:
        """Raises ConfigError where known students could say nothing, or are something else as well."""
        if not self.students:
            return
        taken = {*self.references, *self.bases.values(), *self.declared_panel}
        if both := [student for student in self.students if student in taken]:
            raise ConfigError(f"{both[0]} cannot be a known student and something else", "give it one role")
        teachers = dict.fromkeys(self.students.values())
        if len(teachers) < FEWEST_STUDENTS:
            raise ConfigError(
                f"known students of {len(teachers)} {'teacher' if len(teachers) == 1 else 'teachers'} were given, and at least "
                f"{FEWEST_STUDENTS} are needed to see how much students of different teachers resemble each other",
                "train more: audit calibrate --teachers A,B,C,D",
            )
        if self.references and not teachers.keys() & set(self.references):
            raise ConfigError(
                f"no known student was taught by {' or '.join(self.references)}, but by {', '.join(teachers)}",
                "train one with audit calibrate, or name its teacher as it is called in --models",
            )
