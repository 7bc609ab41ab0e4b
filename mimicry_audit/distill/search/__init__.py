"""The search for a student: many distillations under other settings, and the one that meets what was asked.

Promise: prompts, their parts and the teacher's answers are made once for all trials; trials are chosen by a validation part
and reported on a test part that chose nothing; every trial that is not chosen has a reason; a search that is killed resumes
and makes the same choice.

    from mimicry_audit.distill.search import SearchSettings, search

    search(DistillSettings(...), SearchSettings(trials=20, targets=("agreement>=0.9",)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mimicry_audit.distill.search.settings import SearchSettings

if TYPE_CHECKING:
    from mimicry_audit.distill.search.loop import Found, search

__all__ = ["Found", "SearchSettings", "search"]


def __getattr__(name: str) -> object:
    """Load the loop when one of its names is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mimicry_audit.distill.search import loop

    value: object = getattr(loop, name)
    globals()[name] = value
    return value
