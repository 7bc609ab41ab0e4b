"""Calibrated evidence on whether one language model has been distilled from another.

``audit`` does what the command line does; everything heavier than the standard library is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mimicry_audit.ground.version import __version__

if TYPE_CHECKING:
    from mimicry_audit.api import Run, audit
    from mimicry_audit.comparison.steps import Comparison, compare
    from mimicry_audit.ground.errors import AuditError

__all__ = ["AuditError", "Comparison", "Run", "__version__", "audit", "compare"]

_HOMES = {
    "audit": "mimicry_audit.api",
    "Run": "mimicry_audit.api",
    "AuditError": "mimicry_audit.ground.errors",
    "compare": "mimicry_audit.comparison.steps",
    "Comparison": "mimicry_audit.comparison.steps",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
