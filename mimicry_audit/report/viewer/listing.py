"""The runs below a folder, and what each of them is.

Promise: the folder is looked at anew each time; what has not changed since is not read again. A run that cannot be read is
listed with its problem in one line. Symbolic links are not followed: a run that holds one is not read.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import AuditError
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory

DEEPEST = 2
"""Runs are looked for in the folder itself and so many levels below."""
JOURNALS = ("responses", "judgements", "likelihood", "identity")
COMPARED = "compare.json"
"""What makes a folder a comparison, as `audit compare` leaves it; the answers that it asked for lie in a run inside."""
PAGES = ("compar*.html", "identity.html")
PLAIN = (
    "compare.json",
    "scores.json",
    "manifest.json",
    "probes.jsonl",
    "identity.json",
    "attempts.jsonl",
    "model-card.md",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One run.

    Attributes:
        name: its path below the folder, with ``/`` between parts; the folder's own name for the folder itself.
        parts: the same as path components below the folder.
        state: ``scored``, ``scored, incomplete``, ``collected``, ``collecting``, ``compared`` or ``broken``.
        facts: title, created, models, references, counts, headline and signature, as far as they are known.
        problem: why it is broken or incomplete, in one line; else empty.
        files: every file that may be asked for, as paths below the run.
    """

    name: str
    parts: tuple[str, ...]
    state: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    files: tuple[str, ...] = ()

    @property
    def scored(self) -> bool:
        """Whether a report can be made of it."""
        return self.state.startswith("scored")


class RunFolder:
    """A folder of runs.

    Args:
        folder: where to look.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        self._known: dict[str, tuple[object, Entry]] = {}
        self._lock = threading.Lock()

    def entries(self) -> list[Entry]:
        """Every run there is now, the newest first."""
        with self._lock:  # several requests may come at once
            entries = [self._read_place(parts) for parts in sorted(self._walk_places((), DEEPEST))]
            self._known = {entry.name: self._known[entry.name] for entry in entries}
        return sorted(entries, key=lambda entry: str(entry.facts.get("created", "")), reverse=True)

    def find(self, name: str) -> Entry | None:
        """The run of this name, None where there is none."""
        return next((entry for entry in self.entries() if entry.name == name), None)

    def path(self, entry: Entry) -> Path:
        """Where a run lies."""
        return self.root.joinpath(*entry.parts)

    def _walk_places(self, parts: tuple[str, ...], deeper: int) -> Iterator[tuple[str, ...]]:
        folder = self.root.joinpath(*parts)
        if _is_plain_file(folder / "manifest.json"):
            yield parts
            return  # what lies in a run is the run's own
        if _is_plain_file(folder / COMPARED):
            yield parts
        try:
            inner = [e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=False) and e.name[:1] != "."]
        except OSError:
            return
        for name in inner if deeper else ():
            yield from self._walk_places((*parts, name), deeper - 1)

    def _read_place(self, parts: tuple[str, ...]) -> Entry:
        folder = self.root.joinpath(*parts)
        name = "/".join(parts) or self.root.name or "run"
        stamp, link = _folder_stamp(folder)
        cached = self._known.get(name)
        if cached is None or cached[0] != stamp:
            if link:
                entry = Entry(
                    name, parts, "broken", problem=f"it holds a symbolic link ({link}), which is not followed"
                )
            else:
                entry = _read_entry(name, parts, folder)
            cached = self._known[name] = (stamp, entry)
        return cached[1]


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _folder_stamp(folder: Path) -> tuple[object, str]:
    """What changes when the run does, and the first symbolic link in it, if any."""
    stamps: list[tuple[str, int, int]] = []
    link = ""
    for place in (folder, *(folder / name for name in JOURNALS)):
        try:
            inside = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in inside:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            stamps.append((entry.path, status.st_mtime_ns, status.st_size))
            if entry.is_symlink() and not link:
                link = entry.name
    return tuple(stamps), link


def _read_entry(name: str, parts: tuple[str, ...], folder: Path) -> Entry:
    try:
        return _parse_entry(name, parts, folder)
    except AuditError as error:
        return Entry(
            name, parts, "broken", problem=error.problem.replace(f"{folder}{os.sep}", ""), files=_shown_files(folder)
        )
    except Exception as error:  # scores that some other program wrote can be wrong in any way
        problem = f"it cannot be read ({type(error).__name__}: {error})"
        return Entry(name, parts, "broken", problem=problem, files=_shown_files(folder))


def _parse_entry(name: str, parts: tuple[str, ...], folder: Path) -> Entry:
    from mimicry_audit.report.page import view
    from mimicry_audit.report.page.headline import counts, headline
    from mimicry_audit.verdicts.score import read_scores
    from mimicry_audit.verdicts.sections.notes import coverage_gaps

    if not _is_plain_file(folder / "manifest.json"):
        return Entry(
            name,
            parts,
            "compared",
            _comparison_entry(json.loads((folder / COMPARED).read_text("utf-8"))),
            "",
            _shown_files(folder),
        )
    run = RunDirectory(folder)
    manifest = run.manifest()
    labels = manifest.labels
    facts: dict[str, object] = {"created": manifest.created or "", "models": labels}
    if not run.scores_path.exists():
        answer_count, expected_count = _count_answers(folder, manifest)
        problem = (
            ""
            if answer_count >= expected_count
            else f"{answer_count:,} of {expected_count:,} answers collected; the same command resumes"
        )
        return Entry(name, parts, "collecting" if problem else "collected", facts, problem, _shown_files(folder))
    raw = read_scores(run)
    scores = view.read(raw)
    roles = (raw["settings"].get("scoring") or {}).get("roles") or {}
    facts |= {"title": raw["title"], "headline": headline(scores), "counts": counts(scores)}
    facts |= {"created": raw["created"], "references": list(roles.get("references") or [])}
    gaps = coverage_gaps(raw)
    return Entry(
        name, parts, "scored, incomplete" if gaps else "scored", facts, gaps[0] if gaps else "", _shown_files(folder)
    )


def _comparison_entry(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """What the list shows of a comparison."""
    return {
        "title": comparison["title"],
        "created": comparison["created"],
        "models": [side["label"] for side in comparison["sides"]],
        "references": [comparison["reference"]],
        "headline": comparison["checkpoints"][-1]["questions"][0]["sentence"],
    }


def _count_answers(folder: Path, manifest: Manifest) -> tuple[int, int]:
    """Answers in the journals without a failure, and how many there should be; counted by lines, so about."""
    probes = _count_lines(folder / "probes.jsonl", b"")
    each = probes * int(manifest.settings["sampling"].get("samples", 1))
    have = [
        min(each, _count_lines(folder / "responses" / f"{label}.jsonl", b'"status":"error"'))
        for label in manifest.labels
    ]
    return sum(have), each * len(have)


def _count_lines(path: Path, without: bytes) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for line in file if not without or without not in line)
    except OSError:
        return 0


def _shown_files(folder: Path) -> tuple[str, ...]:
    """The files of a run that may be shown: known names, and the journals; never a link."""
    file_names = [name for name in (*PLAIN, "report.html", "report.md", "report.json") if _is_plain_file(folder / name)]
    file_names += sorted(p.name for name in PAGES for p in folder.glob(name) if _is_plain_file(p))
    for inner, kind in (*((name, "*.jsonl") for name in JOURNALS), ("tables", "*.csv")):
        if not (folder / inner).is_symlink():
            file_names += sorted(f"{inner}/{p.name}" for p in (folder / inner).glob(kind) if _is_plain_file(p))
    return tuple(file_names)
