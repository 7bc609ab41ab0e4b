"""Everything that can go wrong on purpose: one class per kind, each with the fix.

Promise: a user who gives bad input sees one line that says what is wrong and what to do, and an exit
code from the table below; never a traceback. Code that finds bad input raises one of these; the
command line (`mimicry_audit.cli`) is the only place that prints them. No message holds a secret that can be recognised as one.

Exit codes: 0 ok · 1 incomplete coverage · 2 usage or configuration · 3 a ``--fail-on`` gate tripped ·
130 interrupted.
"""

from __future__ import annotations

from mimicry_audit.ground.redaction import redacted

LONGEST = 2000
"""Characters of a problem or of a fix."""


class AuditError(Exception):
    """A failure with a cause the user can fix.

    Args:
        problem: what is wrong, one clause, naming the offending value.
        fix: what to do about it, one imperative clause.
    """

    exit_code = 2

    def __init__(self, problem: str, fix: str = "") -> None:
        self.problem = _cut(redacted(_cut(" ".join(problem.split()), 3 * LONGEST)), LONGEST)
        self.fix = _cut(redacted(_cut(" ".join(fix.split()), 3 * LONGEST)), LONGEST)
        super().__init__(str(self))

    def __str__(self) -> str:
        if not self.fix:
            return self.problem
        return f"{self.problem.rstrip('.')}. {self.fix[:1].upper()}{self.fix[1:]}"


class ConfigError(AuditError):
    """An option, a name or a configuration file is wrong."""


class ProbeError(AuditError):
    """A probe set cannot be read or does not keep its schema."""


class DataError(AuditError):
    """A response, lineage or journal file cannot be read or does not keep its schema."""


class PrerequisiteError(AuditError):
    """A package, a device, a model's weights or a chat template is missing; the fix says what to install."""


class EngineError(AuditError):
    """An engine cannot start or continue: server died, endpoint refused, key rejected."""


class Diverged(EngineError):
    """Training diverged: the loss is NaN or infinite."""


class RunDirectoryError(AuditError):
    """The run directory is held by another process, was made with other settings, or cannot be written."""


class CoverageError(AuditError):
    """Too few probes were answered by every model to say anything."""

    exit_code = 1


class GateTripped(AuditError):
    """A ``--fail-on`` condition holds."""

    exit_code = 3


def _cut(text: str, longest: int) -> str:
    """A text that quotes a whole file is cut in the middle: where it stands is said first, what is wrong last."""
    return text if len(text) <= longest else f"{text[: longest // 2]} […] {text[-longest // 4 :]}"


def first_line(error: BaseException) -> str:
    """The first line of what a library says, or the error's kind where it says nothing: for messages of one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
