"""Reports a place that cannot be written in one line, whichever library failed.

Promise: what fails for lack of space ends in a `RunDirectoryError` that names the place and what to do; nothing else is caught.
Python reports such a failure by a number, safetensors and torch by their own errors, with or without the system's words.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mimicry_audit.ground.errors import AuditError, RunDirectoryError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SAID = (
    *("no space left on device", "disk quota exceeded", "file too large"),  # the system, through safetensors and others
    *("pytorchstreamwriter failed writing", "unexpected pos"),  # torch, when it writes and when it gives up
)
LITTLE = 1 << 20
"""Bytes free on a disk that counts as full where a process died without a word."""
AGAIN = "free some space and run the same command again: nothing collected is lost"


def find_place(text: str | Path) -> Path:
    """The path that a text names, with ``~`` for the user's folder, where that user exists."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def is_there(path: Path) -> bool:
    """Whether anything is at a path; names that no file can have (too long, with a NUL) name nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def unwritable(path: Path, error: OSError) -> RunDirectoryError:
    """The error for a failed write, by its number."""
    fix = "check the path, and run the same command again: nothing collected is lost"
    if error.errno in FULL:
        fix = AGAIN
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        fix = "choose a place that you can write to"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        fix = "choose an --out that is a directory"
    elif error.errno == errno.EISDIR:
        fix = "choose the name of a file, not of a directory"
    return RunDirectoryError(f"cannot write {path}: {error.strerror or error}", fix)


def full(path: Path) -> RunDirectoryError:
    """The error for a full disk."""
    return RunDirectoryError(f"cannot write {path}: no space left on device", AGAIN)


def is_full(error: BaseException) -> bool:
    """Whether the cause of an error, or of one that it came from, was a lack of space."""
    chain: BaseException | None = error
    while chain is not None:
        if (isinstance(chain, OSError) and chain.errno in FULL) or says_full(str(chain)):
            return True
        chain = chain.__cause__ or chain.__context__
    return False


def says_full(text: str) -> bool:
    """Whether an error's text is that of a full disk."""
    return any(phrase in text.lower() for phrase in SAID)


def has_little(path: Path) -> bool:
    """Whether hardly any space is free where `path` is."""
    return shutil.disk_usage(path).free < LITTLE


@contextmanager
def reports_full_disk(path: Path) -> Iterator[None]:
    """Turn any error caused by a lack of space into one that names `path`.

    Raises:
        RunDirectoryError: the disk is full.
    """
    try:
        yield
    except AuditError:
        raise
    except Exception as error:
        if is_full(error):
            raise full(path) from error
        raise
