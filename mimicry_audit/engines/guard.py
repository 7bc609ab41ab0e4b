"""Stands between this program and a process it starts (a server, a launched training), which then never outlives it.

Run as a script: ``python guard.py COMMAND…``, in a session of its own, with standard input a pipe that only the
parent holds open. When that pipe ends (the parent closed it, or died in whatever way) or the command ends, the whole
process group is asked to stop, then killed. Where the command ended by itself and nothing of its group is left, its exit
status is the guard's. Standard library only; imports nothing of the package.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 10.0
POLL_SECONDS = 0.2


def main(command: list[str]) -> None:
    """Run the command until it or the parent ends, then take the group down, this process included."""
    # A handler, not SIG_IGN: an ignored signal would be ignored by the server too, a handled one is not inherited.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    while server.poll() is None:
        ready, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if ready and not os.read(sys.stdin.fileno(), 4096):
            break
    else:
        with contextlib.suppress(OSError):
            os.write(2, f"\nthe server ended with exit status {server.returncode}\n".encode())
    os.killpg(0, signal.SIGTERM)
    patience = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < patience and (server.poll() is None or _group_has_others()):
        time.sleep(POLL_SECONDS / 2)
    if server.poll() is not None and sys.platform == "linux" and not _group_has_others():
        raise SystemExit(server.returncode if server.returncode >= 0 else 128 - server.returncode)
    os.killpg(0, signal.SIGKILL)


def _group_has_others() -> bool:
    """Whether the group still holds a process other than this one (Linux; elsewhere assume not)."""
    group = os.getpgrp()
    try:
        entries = [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]  # noqa: PTH208
    except OSError:
        return False
    for entry in entries:
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
                state, _, its_group = stream.read().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


if __name__ == "__main__":
    main(sys.argv[1:])
