"""Builds lab models with a progress bar each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mimicry_audit.cli.console import err_console


class LabBars:
    """One bar per model that is being trained; one plain line per built model without a terminal."""

    def __init__(self) -> None:
        self.console = err_console()
        self.bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[stage]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def update(self, name: str, stage: str, done: int, of: int) -> None:
        """See `mimicry_audit.lab.Progress`."""
        if name not in self._tasks:
            self._tasks[name] = self.bars.add_task(f"lab/{name}", total=of, stage=stage)
        total = max(of, 1)
        self.bars.update(self._tasks[name], completed=total if stage == "built" else done, total=total, stage=stage)
        if stage == "built" and self.bars.disable:
            self.console.print(f"lab/{name}: built")


def build_lab(names: Sequence[str] = ()) -> dict[str, Path]:
    """Build the named lab models (all by default) and their parents; those already built are reused.

    Returns:
        Name → folder.
    """
    from mimicry_audit import lab

    listener = LabBars()
    with listener.bars:
        return lab.build(list(names) or None, progress=listener)
