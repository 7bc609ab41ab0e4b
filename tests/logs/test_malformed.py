"""A log that is damaged or of another shape is one line, never a traceback; whatever stands in it.

The real files are broken systematically: each value in them is replaced by values of other kinds.
"""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.ground.errors import AuditError, DataError
from mimicry_audit.logs.answers import read_answers

FILES = Path(__file__).parent / "files"
OTHERS = (None, 7, [], [3], "word", {})
"""What stands in place of each value."""

Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where values stand in a value; of long lists, in the first two entries."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*at, key))


def replaced(value: Any, at: Place, new: object) -> Any:
    """A value with another at one place."""
    if not at:
        return new
    changed = copy.copy(value)
    changed[at[0]] = replaced(value[at[0]], at[1:], new)
    return changed


def check(file: Path, what: object) -> str:
    """Rows, or one line, which is returned."""
    try:
        read_answers([file])
    except AuditError as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"{what} in {file.name} raises {error!r}") from error
    else:
        return ""
    assert "\n" not in said
    assert ". " in said, f"{said} gives no fix"
    return said


@pytest.mark.parametrize("source", sorted(FILES.rglob("*.json*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_value_of_another_kind_anywhere_is_rows_or_one_line(source: Path, tmp_path: Path) -> None:
    by_line, text = source.suffix == ".jsonl", source.read_text("utf-8")
    content = [json.loads(line) for line in text.split("\n") if line] if by_line else json.loads(text)
    for beside in source.parent.iterdir():
        if beside.is_file():
            (tmp_path / beside.name).write_bytes(beside.read_bytes())
    file = tmp_path / source.name
    for at in places(content):
        for new in OTHERS:
            broken = replaced(content, at, new)
            lines = by_line and isinstance(broken, list)
            file.write_text("\n".join(map(json.dumps, broken)) if lines else json.dumps(broken), "utf-8")
            check(file, (at, new))


def archive_members() -> dict[str, Any]:
    """The members of a real Inspect archive, read; its samples are what `beta.json` lists."""
    log = json.loads((FILES / "inspect-0.3.285" / "beta.json").read_text("utf-8"))
    samples = {f"samples/{at}.json": sample for at, sample in enumerate(log.pop("samples")[:2])}
    return {"header.json": log, **samples}


def write_archive(file: Path, members: dict[str, Any]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return file


def test_an_archive_with_a_value_of_another_kind_is_rows_or_one_line(tmp_path: Path) -> None:
    members = archive_members()
    for name, content in members.items():
        for at in places(content):
            for new in OTHERS:
                broken = {**members, name: replaced(content, at, new)}
                check(write_archive(tmp_path / "x.eval", broken), (name, at, new))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("samples/1.json", b"{", r"of another shape, after samples/0\.json \(JSONDecodeError"),
        ("samples/0.json", b"\xff", "before its first record ends"),
        ("header.json", b"[1]", "cannot be read as Inspect logs"),
        ("samples/0.json", b"7", "before its first record ends"),
        ("samples/0.json", b"[" * 100_000, "RecursionError"),
    ],
)
def test_a_broken_member_is_one_line(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    file = write_archive(tmp_path / "x.eval", {**archive_members(), name: content})
    with pytest.raises(DataError, match=says):
        read_answers([file])


def test_an_archive_damaged_anywhere_is_rows_or_one_line(tmp_path: Path) -> None:
    """Its members are compressed with Zstandard, which has errors of its own."""
    content = (FILES / "inspect-0.3.285" / "alpha.eval").read_bytes()
    said = set()
    for at in range(0, len(content), 97):
        file = tmp_path / "x.eval"
        file.write_bytes(content[:at] + bytes(byte ^ 0x5A for byte in content[at : at + 8]) + content[at + 8 :])
        said.add(check(file, f"damage at {at}"))
        file.write_bytes(content[:at])
        said.add(check(file, f"an end at {at}"))
    assert any("ZstdError" in line for line in said), said


@pytest.mark.parametrize("role", [["user"], {"a": 1}, None, 7])
def test_a_role_of_another_kind_in_a_table_is_one_line(role: object, tmp_path: Path) -> None:
    row = {"model": "a", "prompt_id": "q", "prompt": [{"role": role, "content": "Q"}], "output": "A"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), "utf-8")
    with pytest.raises(DataError, match="a list, but not of turns"):
        read_answers([tmp_path / "a.jsonl"])


def test_the_command_ends_with_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"results": {"version": 3, "results": [7]}}), "utf-8")
    assert run(["import", str(file), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "results.json cannot be read as promptfoo results" in said
