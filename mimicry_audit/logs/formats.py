"""The kinds of files that answers come in, and how a file is told apart: by its content.

Promise: a file of a known tool is read by that tool's reader, a folder stands for every such file below it, and anything else
is our own table (`mimicry_audit.logs.answers`). A file that is known but holds no answers is refused with the reason, and so
is one that is damaged, or not as its tool writes it: readers trust the shape of a file, and what they stumble on is told here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mimicry_audit.ground.disk import find_place
from mimicry_audit.ground.errors import AuditError, ConfigError, DataError, first_line
from mimicry_audit.ground.tables import SUFFIXES, Row, read_rows
from mimicry_audit.logs import (
    alpaca_eval,
    deepeval,
    every_eval_ever,
    helm,
    inspect_ai,
    lighteval,
    lm_eval,
    openai_batch,
    opencompass,
    promptfoo,
)
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import Notes, Reader

READERS: tuple[Reader, ...] = (
    lm_eval.READER, inspect_ai.READER, every_eval_ever.READER, helm.READER, lighteval.READER, alpaca_eval.READER,
    openai_batch.READER, openai_batch.INPUT, promptfoo.READER, deepeval.READER, opencompass.READER,
)  # fmt: skip
TABLE = "table"
FORMATS = ("auto", TABLE, *(reader.name for reader in READERS if reader is not openai_batch.INPUT))
"""What ``--format`` takes."""


def files_in(paths: Sequence[str | Path]) -> list[Path]:
    """The files that paths stand for: a folder for every file of a known tool below it.

    Raises:
        DataError: a folder holds no such file.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not find_place(path).is_dir():
            found.append(path)
            continue
        suffixes = {*SUFFIXES, ".eval"}
        inside = sorted(
            file for file in find_place(path).rglob("*") if file.suffix.lower() in suffixes and file.is_file()
        )
        known = [file for file in inside if _reader(Look(file)) is not None]
        if not known:
            raise DataError(
                f"{path} holds no file of answers by a known tool",
                f"give the files by name; known are {', '.join(reader.title for reader in READERS)}",
            )
        found += known
    return list(dict.fromkeys(found))


def places_of(paths: Sequence[str | Path]) -> list[Path]:
    """The paths themselves, and everything below those that are folders: what changes when an answer does."""
    given = [find_place(path) for path in paths]
    return [place for path in given for place in (path, *(sorted(path.rglob("*")) if path.is_dir() else ()))]


def read_log(path: Path, kind: str, others: Sequence[Path], notes: Notes) -> Iterator[Row]:
    """The rows of a file.

    Args:
        path: the file.
        kind: one of `FORMATS`.
        others: the other files of the same call.
        notes: what readers have to say beside the rows.

    Raises:
        DataError: the file cannot be read, or it is another kind of file than `kind` says, or holds no answers by its nature.
        ConfigError: no such kind.
    """
    if kind not in FORMATS:
        raise ConfigError(f"no file format is called {kind}", f"formats are {', '.join(FORMATS)}")
    look = Look(path, tuple(others))
    reader = _reader(look) if kind == "auto" else next((one for one in READERS if one.name == kind), None)
    if kind not in ("auto", TABLE) and reader is not None and path.is_file() and not reader.recognises(look):
        raise DataError(
            f"{path.name} holds no {reader.title}", "leave out --format: the content of a file shows its format"
        )
    if reader is not None:
        return _checked(reader, look, notes)
    if why := _refusal(look):
        raise DataError(f"{path.name} {why[0]}", why[1])
    return read_rows(path, "response file")


def _checked(reader: Reader, look: Look, notes: Notes) -> Iterator[Row]:
    """A reader's rows; whatever it stumbles on is a `DataError` that names the file and the last good place.

    Any exception counts: an archive's are many (its container's, each compression's), and a log of another shape raises what
    the first missing step happens to raise. What is to blame is kept as the cause.
    """
    place = "before its first record ends"
    try:
        for where, row in reader.read(look, notes):
            yield where, row
            place = f"after {where}"
    except (AuditError, MemoryError):
        raise
    except OSError as error:
        raise DataError(
            f"{look.path.name} cannot be read ({error.strerror or first_line(error)})",
            "check the file and its permissions",
        ) from error
    except Exception as error:
        raise DataError(
            f"{look.path.name} cannot be read as {reader.title}: it is damaged, or of another shape, {place} "
            f"({type(error).__name__}: {first_line(error)[:120]})",
            "let the tool write it again, or give its answers as rows (docs/formats.md)",
        ) from error


def is_companion(path: Path) -> bool:
    """Whether a file holds no answers because others take something from it."""
    return _reader(Look(path)) is openai_batch.INPUT


def _reader(look: Look) -> Reader | None:
    return next((reader for reader in READERS if reader.recognises(look)), None)


def _refusal(look: Look) -> tuple[str, str] | None:
    """Why a file that people take for a file of answers is none, and the fix."""
    if look.suffix in {".html", ".htm"}:
        return (
            "is a page for readers, without the prompts as they were sent",
            "give the tool's JSON file of the samples",
        )
    if {"results", "configs"} <= look.json_object.keys() or {"results", "config_general"} <= look.json_object.keys():
        return "holds scores and no answers", "give the samples file beside it (lm-eval writes it with --log_samples)"
    return None
