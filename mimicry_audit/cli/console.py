"""What a person sees while an audit runs and when it ends: progress on standard error, results on standard output.

Promise: text from models and files cannot act on the terminal. Control, escape and bidirectional characters are spelled out
(``⟦U+001B⟧``) before a line is printed, whatever it quotes.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mimicry_audit.records.scores import Scores, TruthRecord, VerdictRecord
from mimicry_audit.records.verdict_words import BY_NAME
from mimicry_audit.report import fmt, visible

if TYPE_CHECKING:
    from rich.progress import TaskID

    from mimicry_audit.asking.progress import Landed

MOST_ROWS = 16
"""Most judged pairs printed one by one; of more, those that stand out."""


class SafeConsole(Console):
    """A console that spells out what would act on the terminal; styles come from markup, which is read afterwards."""

    def render_str(self, text: str, **options: Any) -> Text:
        """See `rich.console.Console.render_str`: every printed string and every cell of a table comes through here."""
        return super().render_str(visible.plain(text), **options)


def out_console() -> Console:
    """Standard output; wide enough for a table when it is not a terminal."""
    return SafeConsole(width=None if sys.stdout.isatty() else 120, highlight=False)


def err_console() -> Console:
    """Standard error."""
    return SafeConsole(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)


class Bars:
    """Progress bars with time left on a terminal; one plain line per finished step elsewhere."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.console = err_console()
        self._bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, tuple[TaskID, int, float]] = {}
        self._failed: dict[str, int] = {}

    def __enter__(self) -> Bars:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._bars.stop()

    def start(self, label: str, total: int, missing: int) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        task = self._bars.add_task(
            escape(label), total=total, completed=total - missing, note="" if missing else "nothing missing"
        )
        self._tasks[label] = (task, missing, time.monotonic())

    def note(self, label: str, text: str) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        self._bars.update(self._tasks[label][0], note=text)

    def advance(self, label: str, response: Landed | None = None) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        if response is not None and response.status == "error":
            self._failed[label] = self._failed.get(label, 0) + 1
        failed = self._failed.get(label, 0)
        self._bars.update(self._tasks[label][0], advance=1, note=f"{failed} failed" if failed else "")

    def finish(self, label: str) -> None:
        """See `mimicry_audit.asking.progress.Progress`."""
        _, answer_count, began = self._tasks[label]
        if self._bars.disable and answer_count:
            what = "answer" if answer_count == 1 else "answers"
            failed = f", {self._failed[label]} failed" if self._failed.get(label) else ""
            self.console.print(f"{escape(label)}: {answer_count} {what} in {time.monotonic() - began:.0f} s{failed}")


@contextmanager
def steps(title: str, expected: int) -> Iterator[Callable[[str], None]]:
    """A bar over named steps; yields a function to call with the name of each step as it begins."""
    bars = Bars()
    with bars:
        bars.start(title, expected, expected)
        begun_steps = 0

        def begin(name: str) -> None:
            nonlocal begun_steps
            if begun_steps:
                bars.advance(title)
            begun_steps += 1
            bars.note(title, name)

        yield begin
        for _ in range(max(expected - max(begun_steps - 1, 0), 0)):
            bars.advance(title)


def print_scores(scores: Scores, report: Path | None) -> None:
    """The verdict table, the reasons in a sentence each, the signature, and where the report is."""
    console = out_console()
    on_answers = scores.get("answer_warnings") or []
    for warning in on_answers:  # first: they say whether what follows can be believed
        console.print(f"[bold yellow]warning: {escape(warning)}[/bold yellow]", soft_wrap=True)
    console.print(f"\n[bold]{escape(scores['title'])}[/bold]\n")
    if scores["verdicts"]:
        console.print(_verdict_table(scores, console.width))
        _print_summaries(scores["verdicts"], console)
    else:
        console.print(
            "Nothing was compared: the probes hold only identity questions. The report shows who each model says it is."
        )
    for judge in (scores.get("judge") or {}).get("judges", ()):
        console.print(
            f"\n{escape(judge['label'])} graded, from 1 to 5, how similar the answers are to the reference's:"
        )
        for pair in judge["pairs"]:
            overall, names = pair["grades"]["overall"], f"{pair['candidate']} → {pair['reference']}"
            grade_text = (
                f"{overall['value']:.2f} \\[{overall['low']:.2f}, {overall['high']:.2f}]" if overall else "no grade"
            )
            console.print(f" · {escape(names)}: {grade_text}", soft_wrap=True)
    for warning in (w for w in scores["warnings"] if w not in on_answers):
        console.print(f"[dim]note: {escape(warning)}[/dim]", soft_wrap=True)
    console.print(f"\n[dim]{escape(scores['signature'])}[/dim]", soft_wrap=True)
    if report is not None:
        console.print(f"Report: {escape(str(report))}", soft_wrap=True)


def _print_summaries(verdicts: Sequence[VerdictRecord], console: Console) -> None:
    """A sentence a verdict; of many pairs only those about which there is something to say, and the rest counted."""
    printed_verdicts = [v for v in verdicts if len(verdicts) <= MOST_ROWS or v["verdict"] != "no evidence"][:MOST_ROWS]
    for verdict in printed_verdicts:
        console.print(f" {BY_NAME[verdict['verdict']].mark} {escape(verdict['summary'])}", soft_wrap=True)
    if rest := Counter(v["verdict"] for v in verdicts) - Counter(v["verdict"] for v in printed_verdicts):
        counts = ", ".join(f"{n:,} {word}" for word, n in rest.items())
        console.print(f" … and {sum(rest.values()):,} more pairs: {counts}. The report has all of them.")


def _verdict_table(scores: Scores, width: int) -> Table:
    truths = any(v["truth"] for v in scores["verdicts"])
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("candidate → reference", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("similarity [95%]", no_wrap=True)
    table.add_column("moved beyond controls", overflow="fold")
    if truths:
        table.add_column("known lineage" if width >= 110 else "known", overflow="fold")
    pairs = {frozenset((p["a"], p["b"])): p for p in scores["pairs"]}
    for verdict in scores["verdicts"][:MOST_ROWS]:
        pair = pairs.get(frozenset((verdict["candidate"], verdict["reference"])), {})
        raw = (pair.get("overall") or {}).get("raw")
        row = [
            escape(f"{verdict['candidate']} → {verdict['reference']}"),
            _verdict_cell(verdict),
            f"{raw['value']:.2f} [dim]\\[{raw['low']:.2f}, {raw['high']:.2f}][/dim]" if raw else "—",
            _lift_cell(verdict),
        ]
        if truths:
            row.append(_truth_cell(verdict["truth"], wide=width >= 110))
        table.add_row(*row)
    return table


def _verdict_cell(verdict: VerdictRecord) -> str:
    word, sure = verdict["verdict"], verdict["confidence"]
    word_markup = f"[bold]{word}[/bold]" if BY_NAME[word].emphasised else word
    return word_markup if sure == "none" else f"{word_markup} [dim]({sure})[/dim]"


def _lift_cell(verdict: VerdictRecord) -> str:
    moved = fmt.beyond_controls(verdict)
    if moved is None:
        return "[dim]not its base[/dim]" if verdict["base"] else "[dim]no base[/dim]"
    return f"{moved.mean:+.2f} [dim]({moved.positive} of {moved.axes} axes)[/dim]"


def _truth_cell(truth: TruthRecord | None, *, wide: bool) -> str:
    if not truth:
        return "—"
    mark = {True: "✓", False: "✗", None: "○"}[truth["agrees"]]
    return f"{mark} {escape(truth['relation'])}" if wide else mark
