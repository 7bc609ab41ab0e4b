"""Where lab models are kept: a folder per model and content hash, written whole or not at all.

Promise: a folder that exists is complete, for it is filled elsewhere and renamed into place; an interrupted build
leaves at most a temporary folder, which the next build of the same model sweeps away. Two processes never build the
same model at once: the second waits on a file lock, which the system drops if its holder dies, and then finds the
model there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mimicry_audit.ground.errors import PrerequisiteError

MANIFEST = "lineage.json"
"""The last file written into a checkpoint."""


def default_root() -> Path:
    """``$MIMICRY_LAB``, else ``mimicry_audit/lab`` in the user's cache folder (``$XDG_CACHE_HOME``, ``~/.cache``)."""
    env_root = os.environ.get("MIMICRY_LAB")
    if env_root:
        return Path(env_root).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "mimicry_audit" / "lab"


def folder(root: Path, name: str, fingerprint: str) -> Path:
    """Where a model of that content belongs, whether it is there or not."""
    return root / f"{name}-{fingerprint[:12]}"


def is_built(target: Path) -> bool:
    """Whether a complete checkpoint is there."""
    return (target / MANIFEST).is_file() and (target / "model.safetensors").is_file()


def make(target: Path, fill: Callable[[Path], None], on_wait: Callable[[], None] = lambda: None) -> bool:
    """Have `target` exist, filled by `fill` in a temporary folder beside it unless it is there already.

    Args:
        target: the checkpoint's folder.
        fill: writes the checkpoint into the empty folder it is given; what it raises is passed on.
        on_wait: called once if another process holds the lock.

    Returns:
        True if it was made now, False if it was there.

    Raises:
        PrerequisiteError: the cache cannot be written, or the system has no file locks.
    """
    if is_built(target):
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _hold_lock(target.parent / f".{target.name}.lock", on_wait):
            if is_built(target):
                return False
            _replace_folder(target, fill)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        fix = "set MIMICRY_LAB to a folder that you can write to"
        raise PrerequisiteError(f"lab models cannot be kept in {target.parent}: {error.strerror}", fix) from error
    return True


def _replace_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder and rename it to `target`; the caller holds the lock."""
    for leftover in target.parent.glob(f".{target.name}.tmp-*"):
        shutil.rmtree(leftover)  # only a builder that died leaves one, for the lock is ours
    draft = target.parent / f".{target.name}.tmp-{os.getpid()}"
    draft.mkdir()
    try:
        fill(draft)
        if target.exists():  # damaged by hand: is_built said that something is missing
            shutil.rmtree(target)
        draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _hold_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on `path` for the duration."""
    try:
        import fcntl
    except ImportError as error:
        fix = "build them under Linux, macOS or WSL"
        raise PrerequisiteError("lab models need file locks, which this system lacks", fix) from error
    with path.open("a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
