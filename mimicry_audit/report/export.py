"""A scored run in every format: what each file is called and what it holds.

Promise: nothing is scored and no model asked; every format has the same numbers, those of ``scores.json``; a file is replaced
in one step, and only after its whole content is known.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mimicry_audit.ground.errors import AuditError, ConfigError, RunDirectoryError, first_line
from mimicry_audit.records.run import RunDirectory, write_bytes
from mimicry_audit.records.scores import AnsweredProbe, Scores

FORMATS = {
    "html": "report.html",
    "markdown": "report.md",
    "json": "report.json",
    "csv": "tables",
    "parquet": "tables",
    "model-card": "model-card.md",
    "model-index": "model-index.yaml",
    "junit": "junit.xml",
    "sarif": "report.sarif",
    "every-eval-ever": "every-eval-ever",
}
"""Format → its file in the run directory, or the folder of its tables."""
TABULAR = ("csv", "parquet")
OF_ONE_MODEL = ("model-card", "model-index")


def export(
    directory: RunDirectory,
    scores: Scores,
    format: str = "html",  # noqa: A002  the word of the command line
    to: Path | None = None,
    table: str | None = None,
    model: str | None = None,
) -> Path:
    """Write a scored run in one format.

    Args:
        directory: the run.
        scores: the content of its ``scores.json``.
        format: of `FORMATS`.
        to: the file, or for several tables the folder; by default as in `FORMATS`, in the run directory.
        table: with a tabular format only this table, as one file.
        model: with a format of `OF_ONE_MODEL` the candidate, where several were judged.

    Returns:
        The file or folder written.

    Raises:
        ConfigError: no such format, table or candidate.
        RunDirectoryError: it cannot be written.
    """
    check(format, table, model)
    if format == "every-eval-ever":
        from mimicry_audit.report.rows import report_answers
        from mimicry_audit.report.text import instances

        folder = to or directory.path / FORMATS[format]
        for name, data in instances.files(scores, report_answers(directory, scores)).items():
            write_bytes(folder / name, data)
        return folder
    if format in TABULAR and table is None:
        from mimicry_audit.report.text.tidy import TABLES

        folder = to or directory.path / FORMATS[format]
        contents = {name: content(directory, scores, format, name) for name in TABLES}
        for name, data in contents.items():
            write_bytes(folder / f"{name}.{format}", data)
        return folder
    default = f"{FORMATS[format]}/{table}.{format}" if table else FORMATS[format]
    target = to or directory.path / default
    write_bytes(target, content(directory, scores, format, table, model))
    return target


def content(
    directory: RunDirectory,
    scores: Scores,
    format: str,  # noqa: A002  the word of the command line
    table: str | None = None,
    model: str | None = None,
) -> bytes:
    """One file's content; see `export`.

    Raises:
        ConfigError: no such format, table or candidate, or a format of several files.
    """
    check(format, table, model)
    if format == "every-eval-ever":
        raise ConfigError("every-eval-ever has two files for each model", "name a folder with --to, or leave --to out")
    if format in TABULAR:
        if table is None:
            raise ConfigError(f"{format} has several tables", f"choose one with --table: {_table_names()}")
        return _table_bytes(directory, scores, format, table)
    if format == "markdown":
        from mimicry_audit.report.text import markdown

        return markdown.render(scores).encode()
    if format == "sarif":
        from mimicry_audit.report.text import sarif

        return sarif.render(scores).encode("utf-8", "replace")
    if format == "model-card":
        from mimicry_audit.report.text import card

        return card.render(scores, model).encode()
    if format == "model-index":
        from mimicry_audit.report.text import model_index

        return model_index.render(scores, model).encode()
    if format == "junit":
        from mimicry_audit.report.text import junit

        return junit.junit_xml("audit", junit.verdict_records(scores)).encode()
    if format == "json":
        from mimicry_audit.report.text import document
        from mimicry_audit.verdicts.sections.notes import coverage_gaps

        return document.render(scores, _run_files(directory), coverage_gaps(scores)).encode()
    from mimicry_audit.report.page.page import answer_columns, render
    from mimicry_audit.report.rows import report_answers

    return render(scores, report_answers(directory, scores, answer_columns(scores))).encode()


@contextmanager
def blames_scores(directory: RunDirectory) -> Iterator[None]:
    """For scores that were read from a file: what the page stumbles on is damage of that file, which can be made anew.

    The shape of scores was checked when they were read; what remains is what no type says: a name that stands nowhere else, a
    part that another version left out. What is to blame is kept as the cause.

    Raises:
        RunDirectoryError: they cannot be shown.
    """
    try:
        yield
    except (AuditError, ImportError, OSError, MemoryError):
        raise
    except Exception as error:
        raise RunDirectoryError(
            f"{directory.scores_path} cannot be shown: it is damaged, or of another version "
            f"({type(error).__name__}: {first_line(error)[:120]})",
            f"score again: audit score {directory.path}",
        ) from error


def check(format: str, table: str | None = None, model: str | None = None) -> None:  # noqa: A002
    """Refuse a format or table that does not exist, and options that do not go together.

    Raises:
        ConfigError: names what there is.
    """
    if format not in FORMATS:
        close_names = difflib.get_close_matches(format, FORMATS, n=1)
        hint = f"did you mean {close_names[0]}? " if close_names else ""
        raise ConfigError(f"unknown format {format!r}", f"{hint}Formats are {', '.join(FORMATS)}")
    if table is not None and format not in TABULAR:
        raise ConfigError(f"--table {table} works only with csv and parquet, not with {format}", "leave it out")
    if table is not None and table not in _table_names().split(", "):
        raise ConfigError(f"unknown table {table!r}", f"choose from {_table_names()}")
    if model is not None and format not in OF_ONE_MODEL:
        raise ConfigError(
            f"--model {model} works only with {' and '.join(OF_ONE_MODEL)}, not with {format}", "leave it out"
        )


def _table_names() -> str:
    from mimicry_audit.report.text.tidy import TABLES

    return ", ".join(TABLES)


def _table_bytes(directory: RunDirectory, scores: Scores, format: str, table: str) -> bytes:  # noqa: A002
    from mimicry_audit.report.rows import report_answers
    from mimicry_audit.report.text import tidy, tidyfiles

    answers: Sequence[AnsweredProbe] = report_answers(directory, scores) if table == "answers" else ()
    columns, rows = tidy.rows(scores, table, answers)
    if format == "csv":
        return tidyfiles.csv_bytes(columns, rows)
    notes = {"schema": scores["schema"], "signature": scores["signature"], "table": table}
    return tidyfiles.parquet_bytes(columns, rows, {f"audit:{name}": text for name, text in notes.items()})


def _run_files(directory: RunDirectory) -> dict[str, object]:
    """What the run directory holds, as paths relative to it."""
    root = directory.path
    single = ("manifest.json", "probes.jsonl", "scores.json", "report.html")
    paths: dict[str, object] = {Path(n).stem: n for n in single if (root / n).is_file()}
    for folder in ("responses", "judgements", "likelihood"):
        if journals := sorted((root / folder).glob("*.jsonl")):
            paths[folder] = {path.stem: f"{folder}/{path.name}" for path in journals}
    return paths
