"""The console: text from models and files is printed and cannot act."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.table import Table

from mimicry_audit.cli import run
from mimicry_audit.cli.console import SafeConsole
from tests.support.commands import jsonl

TITLE = "\x1b]0;another title\x07"
"""Sets a terminal's title."""


def printed(*objects: object) -> str:
    file = io.StringIO()
    SafeConsole(file=file, force_terminal=True, width=120, highlight=False).print(*objects)
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (TITLE, "⟦U+001B⟧]0;another title⟦U+0007⟧"),
        ("a\x1b[2Jb", "a⟦U+001B⟧[2Jb"),
        ("abc\u202egpj", "abc⟦U+202E⟧gpj"),
        ("one\rtwo", "one⟦U+000D⟧two"),
        ("plain, 中文, é\tand a tab", "plain, 中文, é"),
    ],
)
def test_what_acts_on_a_terminal_is_spelled_out(text: str, spelled: str) -> None:
    assert spelled in printed(text)
    table = Table()
    table.add_column("name")
    table.add_row(text)
    assert spelled in printed(table)


def test_styles_are_kept() -> None:
    assert "\x1b[1m" in printed("[bold]strong[/bold]")


def test_no_colour_comes_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org: any value but the empty one counts."""

    def coloured() -> str:
        file = io.StringIO()
        SafeConsole(file=file, force_terminal=True, color_system="standard", highlight=False).print("[red]late[/red]")
        return file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured() == "late\n"


def wrapped(text: str, *, terminal: bool = True) -> list[str]:
    file = io.StringIO()
    console = SafeConsole(file=file, force_terminal=terminal, width=30, highlight=False, color_system=None)
    console.print(text, soft_wrap=True)
    return file.getvalue().splitlines()


def test_lines_wrap_at_words_below_their_first_word() -> None:
    text = " ○ student moved from base toward teacher and [bold]further[/bold] than others"
    assert wrapped(text) == [" ○ student moved from base", "   toward teacher and further", "   than others"]
    assert wrapped("note: one two three four five six seven") == ["note: one two three four five", "six seven"]
    assert wrapped("\nnone") == ["", "none"]
    assert wrapped("two\nlines") == ["two", "lines"]


def test_paths_and_piped_lines_stay_whole() -> None:
    path = "Report: /a/folder/of/a/long/name/report.html"
    assert wrapped(path) == [path]
    text = "a line that is longer than thirty columns by far"
    assert wrapped(text, terminal=False) == [text]


def test_neither_an_error_nor_a_note_carries_an_escape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--models", f"hf/{TITLE},b", "--out", str(tmp_path / "none")]) == 2
    rows = [
        {
            "model": m,
            "prompt_id": f"p{i}",
            "prompt": f"Question {i}?",
            "output": f"{TITLE}no" if m == "a" else f"{m} says {i}",
        }
        for m in "abcde"
        for i in range(24)
    ]
    responses = jsonl(tmp_path / "r.jsonl", rows)
    run(["score", "--responses", str(responses), "--out", str(tmp_path / "run")])
    captured = capsys.readouterr()
    assert "⟦U+001B⟧]0;another title" in captured.err
    assert "\x1b" not in captured.out + captured.err
    assert "\x07" not in captured.out + captured.err
    assert "gave one text" in captured.out + captured.err
