"""How far a command has come: bars on a terminal, and elsewhere a plain line now and then.

Promise: all of it goes to standard error; a step that takes long never falls silent for longer than `LINE_EVERY` on account of
the output's not being a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from mimicry_audit.cli.console import err_console
from mimicry_audit.records.asked import is_absent
from mimicry_audit.workflow.estimate import time_words

if TYPE_CHECKING:
    from rich.progress import TaskID

    from mimicry_audit.asking.progress import Landed

LINE_EVERY = 30.0
"""Seconds between two lines of progress without a terminal."""


class TimeColumn(ProgressColumn):
    """``1:06 elapsed, about 24 s left``."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """See `rich.progress.ProgressColumn`."""
        return Text(elapsed_words(task.elapsed or 0.0, None if task.finished else task.time_remaining), style="cyan")


class Bars:
    """Progress bars with time left on a terminal; elsewhere a plain line now and then, and one per finished step.

    Args:
        opening: gives a line to print first, worked out when a first step misses something: on a terminal it is printed then,
            elsewhere with the first answer, so that a model that cannot be loaded stays one line.
    """

    def __init__(self, opening: Callable[[], str] | None = None) -> None:
        self._open, self._opening = opening, ""
        self.console = err_console()
        self._bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, _Asked] = {}

    def __enter__(self) -> Bars:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._bars.stop()

    def start(self, label: str, total: int, missing: int) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        if self._open is not None and missing and not self.console.quiet:
            self._opening, self._open = self._open(), None
        if not self._bars.disable:
            self._say_opening()
        task = self._bars.add_task(
            escape(label), total=total, completed=total - missing, note="" if missing else "nothing missing"
        )
        now = time.monotonic()
        self._tasks[label] = _Asked(task, missing, began=now, last_line=now)

    def note(self, label: str, text: str) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        self._bars.update(self._tasks[label].task, note=text)

    def advance(self, label: str, response: Landed | None = None) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        self._say_opening()
        asked = self._tasks[label]
        asked.count(asked.done + 1)
        if response is not None and response.status == "error":
            if is_absent(response.status, response.error):
                asked.absent += 1
            else:
                asked.failed += 1
        self._bars.update(asked.task, advance=1, note=asked.missed)
        self._say_how_far(label)

    def finish(self, label: str) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        asked = self._tasks[label]
        if self._bars.disable and asked.missing:
            what = "answer" if asked.missing == 1 else "answers"
            lacking = f", {asked.missed}" if asked.missed else ""
            self.console.print(
                f"{escape(label)}: {asked.missing} {what} in {time.monotonic() - asked.began:.0f} s{lacking}"
            )

    def _say_opening(self) -> None:
        if self._opening:
            self.console.print(self._opening, soft_wrap=True, markup=False)
            self._opening = ""

    def _say_how_far(self, label: str) -> None:
        """A line of progress, without a terminal, some time after the last one."""
        asked, now = self._tasks[label], time.monotonic()
        if not self._bars.disable or not 0 < asked.done < asked.missing or now - asked.last_line < LINE_EVERY:
            return
        asked.last_line = now
        # Counted from the first answer: what came before it, such as a server's start, does not come again.
        pace = (now - asked.first) / (asked.done - 1) if asked.first is not None and asked.done > 1 else None
        left = None if pace is None else pace * (asked.missing - asked.done)
        lacking = f", {asked.missed}" if asked.missed else ""
        self.console.print(
            f"{escape(label)}: {asked.done} of {asked.missing}, {elapsed_words(now - asked.began, left)}{lacking}"
        )


@dataclass(slots=True)
class _Asked:
    """How far one step has come."""

    task: TaskID
    missing: int
    began: float
    last_line: float
    done: int = 0
    failed: int = 0
    absent: int = 0
    first: float | None = None

    @property
    def missed(self) -> str:
        """What did not come: requests that failed, and answers that a file of recorded ones does not hold."""
        parts = (
            f"{self.failed} failed" if self.failed else "",
            f"{self.absent} not in the file" if self.absent else "",
        )
        return ", ".join(part for part in parts if part)

    def count(self, done: int) -> None:
        """So many are done now."""
        self.done = done
        if self.first is None:
            self.first = time.monotonic()


def elapsed_words(elapsed: float, left: float | None) -> str:
    """``1:06 elapsed, about 24 s left``, from seconds; without what is left where that is unknown.

    Args:
        elapsed: seconds since the beginning.
        left: estimated seconds to the end, None where unknown.
    """
    words = f"{_clock(elapsed)} elapsed"
    if left is None:
        return words
    return f"{words}, about {f'{left:.0f} s' if left < 60 else time_words(left)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def steps(title: str, expected: int) -> Iterator[Callable[[str], None]]:
    """A bar over named steps; yields a function to call with the name of each step as it begins.

    A name that is the last one, a colon and more says how far that step has come.
    """
    bars = Bars()
    with bars:
        bars.start(title, expected, expected)
        begun_steps, title_of_step = 0, ""

        def begin(name: str) -> None:
            nonlocal begun_steps, title_of_step
            if begun_steps and name.startswith(f"{title_of_step}: "):
                bars.note(title, name)
                return
            title_of_step = name
            if begun_steps:
                bars.advance(title)
            begun_steps += 1
            bars.note(title, name)

        yield begin
        for _ in range(max(expected - max(begun_steps - 1, 0), 0)):
            bars.advance(title)
