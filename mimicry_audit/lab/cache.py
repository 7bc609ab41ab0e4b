"""Where lab models are kept: a folder per model and content hash, written whole or not at all.

Promise: as `mimicry_audit.ground.kept_folder` makes it: a folder that exists is complete, and no model is built twice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mimicry_audit.ground.kept_folder import cache_root, make_folder

MANIFEST = "lineage.json"
"""The last file written into a checkpoint."""


def default_root() -> Path:
    """``$MIMICRY_LAB``, else ``mimicry_audit/lab`` in the user's cache folder (``$XDG_CACHE_HOME``, ``~/.cache``)."""
    return cache_root("lab", "MIMICRY_LAB")


def folder(root: Path, name: str, fingerprint: str) -> Path:
    """Where a model of that content belongs, whether it is there or not."""
    return root / f"{name}-{fingerprint[:12]}"


def is_built(target: Path) -> bool:
    """Whether a complete checkpoint is there."""
    return (target / MANIFEST).is_file() and (target / "model.safetensors").is_file()


def make(target: Path, fill: Callable[[Path], None], on_wait: Callable[[], None] = lambda: None) -> bool:
    """Have the checkpoint `target` exist; see `make_folder` for arguments, result and errors."""
    return make_folder(target, fill, is_built, what="lab models", variable="MIMICRY_LAB", on_wait=on_wait)
