"""Folders that are made once and kept: in the user's cache, whole or not at all.

Promise: a folder that exists is complete, for it is filled elsewhere and renamed into place; an interrupted build leaves at
most a temporary folder, which the next build of the same folder removes. Two processes never build the same folder at
once: the second waits on a file lock, which the system drops if its holder dies, and then finds the folder there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mimicry_audit.ground.errors import PrerequisiteError


def cache_root(part: str, variable: str) -> Path:
    """The folder that the environment variable names, else ``mimicry_audit/PART`` in the user's cache folder.

    Args:
        part: what is kept there.
        variable: name of the environment variable.
    """
    if chosen := os.environ.get(variable):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "mimicry_audit" / part


def make_folder(
    target: Path,
    fill: Callable[[Path], None],
    is_whole: Callable[[Path], bool],
    *,
    what: str,
    variable: str,
    on_wait: Callable[[], None] = lambda: None,
) -> bool:
    """Have `target` exist, filled by `fill` in a temporary folder beside it unless it is there already.

    Args:
        target: the folder.
        fill: writes into the empty folder it is given; what it raises is passed on.
        is_whole: whether a folder holds everything.
        what: what is kept, in the plural, for messages.
        variable: the environment variable that chooses another place, for messages.
        on_wait: called once if another process holds the lock.

    Returns:
        True if it was made now, False if it was there.

    Raises:
        PrerequisiteError: the cache cannot be written, or the system has no file locks.
    """
    if is_whole(target):
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _hold_lock(target.parent / f".{target.name}.lock", what, on_wait):
            if is_whole(target):
                return False
            _replace_folder(target, fill)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        fix = f"set {variable} to a folder that you can write to"
        raise PrerequisiteError(f"{what} cannot be kept in {target.parent}: {error.strerror}", fix) from error
    return True


def _replace_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder and rename it to `target`; the caller holds the lock."""
    for leftover in target.parent.glob(f".{target.name}.tmp-*"):
        shutil.rmtree(leftover)  # only a builder that died leaves one, for the lock is ours
    draft = target.parent / f".{target.name}.tmp-{os.getpid()}"
    draft.mkdir()
    try:
        fill(draft)
        if target.exists():  # damaged by hand: something in it is missing
            shutil.rmtree(target)
        draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _hold_lock(path: Path, what: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on `path` for the duration."""
    try:
        import fcntl
    except ImportError as error:
        fix = "make them under Linux, macOS or WSL"
        raise PrerequisiteError(f"{what} need file locks, which this system lacks", fix) from error
    with path.open("a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
