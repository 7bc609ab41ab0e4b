"""A listener that shows a lab build as progress bars with the time left, one bar for each model being built.

Promise: prints nothing but the bars, on the console it is given; in a pipe or a log rich leaves the moving parts out.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console


class Bars:
    """A context manager to pass as ``progress`` to `mimicry_audit.lab.build`.

    Args:
        console: where to draw; rich's default (standard output) if None.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[tuple[str, str], int] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, name: str, stage: str, done: int, of: int) -> None:
        """Move the bar of that model and stage, a new one if need be; a finished model keeps one full bar."""
        from rich.progress import TaskID

        key = (name, stage)
        if key not in self._tasks:
            for stale in [other for other in self._tasks if other[0] == name]:
                self._progress.remove_task(TaskID(self._tasks.pop(stale)))
            self._tasks[key] = self._progress.add_task(f"{name}: {stage}", total=of)
        self._progress.update(TaskID(self._tasks[key]), completed=done, total=of)
