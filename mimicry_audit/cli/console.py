"""What a person reads on the terminal when an audit ends, and the consoles that everything is printed on.

Promise: text from models and files cannot act on the terminal. Control, escape and bidirectional characters are spelled out
(``⟦U+001B⟧``) before a line is printed, whatever it quotes.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mimicry_audit.cli.output import current
from mimicry_audit.records.scores import Scores, TruthRecord, VerdictRecord
from mimicry_audit.records.verdict_words import BY_NAME
from mimicry_audit.report import fmt, visible

_HEAD = re.compile(r" *(?:[^\w\s] )?")
"""The indent and mark that a line begins with."""
MOST_ROWS = 16
"""Most judged pairs printed one by one; of more, those that stand out."""


class SafeConsole(Console):
    """A console that spells out what would act on the terminal; styles come from markup, which is read afterwards."""

    def render_str(self, text: str, **options: Any) -> Text:
        """See `rich.console.Console.render_str`: every printed string and every cell of a table comes through here."""
        return super().render_str(visible.plain(text), **options)

    def print(self, *objects: Any, soft_wrap: bool | None = None, markup: bool | None = None, **options: Any) -> None:
        """See `rich.console.Console.print`; on a terminal, what would wrap anywhere wraps at words, below its first word.

        A word longer than a line, such as a path, stays whole, so that it can be copied; and piped lines stay lines.
        """
        if soft_wrap and self.is_terminal and len(objects) == 1 and isinstance(objects[0], str):
            text = self.render_str(objects[0], markup=self._markup if markup is None else markup, highlight=False)
            if all(cell_len(word) <= self.width for word in text.plain.split()):
                objects, soft_wrap = (self._wrapped(text),), False
        super().print(*objects, soft_wrap=soft_wrap, markup=markup, **options)

    def _wrapped(self, text: Text) -> Text:
        lines: list[Text] = []
        for line in text.split("\n", allow_blank=True):
            indent = len(_HEAD.match(line.plain)[0])  # type: ignore[index]  # it matches every text
            head, body = line.divide([indent])
            pieces = list(body.wrap(self, max(self.width - indent, 20))) or [Text("")]
            for piece in pieces:
                piece.rstrip()
            lines += [head + pieces[0], *(Text(" " * indent) + piece for piece in pieces[1:])]
        return Text("\n").join(lines)


def out_console() -> Console:
    """Standard output; wide enough for a table when it is not a terminal. Silent where the result is printed as JSON."""
    if current().as_json:
        return SafeConsole(quiet=True)
    return SafeConsole(width=None if sys.stdout.isatty() else 120, highlight=False)


def err_console(*, needed: bool = False) -> Console:
    """Standard error, for progress and notes, or with `needed` for what must be read in any case."""
    if current().quiet and not needed:
        return SafeConsole(stderr=True, quiet=True)
    return SafeConsole(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)


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
