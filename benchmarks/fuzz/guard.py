"""What a reader may do with a broken file: return, or raise one of the project's own errors; anything else is a fault.

Promise: faults are another exception, a call that takes longer than `SECONDS`, a message of several lines, a file touched
that lies outside the folder, and a connection. What a reader swallows is seen all the same: files and connections are
watched by an audit hook, not by an exception that it could catch.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from mimicry_audit.ground.errors import AuditError

SECONDS = 5
LONGEST = 5_000
"""Characters of a message."""
_WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")
_LISTS = ("os.listdir", "os.scandir")


class SlowError(BaseException):
    """A call took too long; no reader catches this."""


class Guard:
    """Watches calls, one at a time.

    Args:
        root: the scratch folder, of which `allowed` is the part that a call may touch.
    """

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self.allowed: tuple[str, ...] = ()
        self._seen: list[str] = []
        self._active = False
        sys.dont_write_bytecode = True  # a module that is loaded for the first time is no file of its reader's
        sys.addaudithook(self._hook)

    def outcome(self, call: Callable[[], object], allowed: Path) -> tuple[str, str]:
        """What came of a call.

        Returns:
            ``accepted``, ``refused`` or ``fault``, and of a fault what it was and where in the package.
        """
        self.allowed, self._seen = (os.path.realpath(allowed),), []
        kind, what = "accepted", ""
        try:
            with _limited(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._active = True
                call()
        except AuditError as error:
            kind = "refused"
            if "\n" in str(error) or len(str(error)) > LONGEST:
                kind, what = "fault", f"a message of {len(str(error))} characters: {str(error)[:120]!r}"
                what += _place(error.__traceback__)
        except SlowError as error:
            kind, what = "fault", "slow" + _place(error.__traceback__)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            kind, what = "fault", f"{type(error).__name__}: {str(error)[:100]}" + _place(error.__traceback__)
        finally:
            self._active = False
        return ("fault", self._seen[0]) if self._seen else (kind, what)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._active:
            return
        if event == "open":
            path, mode, flags = args
            self._watch(event, path, bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or "w" in str(mode))
        elif event in _WRITES:
            for path in args[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
                self._watch(event, path, True)
        elif event in _LISTS:
            self._watch(event, args[0], False)
        elif event == "socket.connect":
            self._seen.append(f"a connection to {args[1]!r}")

    def _watch(self, event: str, path: object, writes: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        self._active = False  # what follows asks the file system as well
        try:
            real = os.path.realpath(os.fsdecode(path))
        except ValueError:
            return  # a NUL: the call itself will fail
        finally:
            self._active = True
        inside = any(real == place or real.startswith(place + os.sep) for place in self.allowed)
        foreign = real.startswith(self.root + os.sep) or (writes and not real.startswith(("/dev/", "/proc/")))
        if not inside and foreign and real not in _ancestors(self.allowed):
            at = _place_of(sys._getframe(2))
            self._seen.append(f"{event} {'writes' if writes else 'reads'} outside: {Path(real).name}{at}")


def _ancestors(places: tuple[str, ...]) -> set[str]:
    """Folders above those that are allowed: looked into, as every resolved path is."""
    return {str(parent) for place in places for parent in Path(place).parents}


@contextmanager
def _limited() -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise SlowError

    before = signal.signal(signal.SIGALRM, stop)
    faulthandler.dump_traceback_later(SECONDS * 12, exit=True)  # for a loop in C, which no signal handler reaches
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


@contextmanager
def offline() -> Iterator[None]:
    """No connection can be made inside; the hook tells of one that a reader tried and swallowed."""

    def refuse(connection: socket.socket, address: object) -> None:
        sys.audit("socket.connect", connection, address)
        raise AssertionError("a reader opens a connection")

    before = socket.socket.connect
    socket.socket.connect = refuse  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        socket.socket.connect = before  # type: ignore[method-assign]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder with a file beside it at every height, for names that lead out to find."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        root = Path(name).resolve()
        for place in (root, root / "outside", root / "a"):
            place.mkdir(exist_ok=True)
            for ending in ("", ".json", ".jsonl", ".yaml"):
                (place / f"canary{ending}").write_text("{}\n", "utf-8")
        yield root


def _place(trace: TracebackType | None) -> str:
    """The innermost place in the package that a traceback names."""
    frames = [frame for frame in traceback.extract_tb(trace) if "mimicry_audit/" in frame.filename]
    return f" @ {frames[-1].filename.partition('mimicry_audit/')[2]}:{frames[-1].lineno}" if frames else ""


def _place_of(frame: FrameType | None) -> str:
    while frame is not None and "/mimicry_audit/" not in frame.f_code.co_filename:
        frame = frame.f_back
    return f" @ {frame.f_code.co_filename.partition('mimicry_audit/')[2]}:{frame.f_lineno}" if frame else ""
