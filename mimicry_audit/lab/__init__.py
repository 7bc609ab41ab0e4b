"""The lab: a bundled family of tiny models whose true lineage is known, because they are trained here.

Promise: `build` trains what is missing and says where it is, `path` finds what is built, `list_models` lists both.
Importing this package loads next to nothing, and nothing here loads torch but the processes that train.

    >>> from mimicry_audit import lab
    >>> [model.name for model in lab.list_models()]
    ['aria', 'boro', 'base', 'aria-student', 'base-sft', 'twin']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimicry_audit.lab.builder import LabModel, Progress, build, list_models, path
    from mimicry_audit.lab.cache import default_root

__all__ = ["LabModel", "Progress", "build", "default_root", "list_models", "path"]


def __getattr__(name: str) -> object:
    """Load the builder when one of its names is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mimicry_audit.lab import builder, cache

    value = getattr(builder if hasattr(builder, name) else cache, name)
    globals()[name] = value
    return value
