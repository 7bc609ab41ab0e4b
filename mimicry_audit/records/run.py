"""The run directory: what was asked, every answer as it arrived, and who is writing.

Promise: an answer that has been journalled survives ``kill -9``; the same command run again finishes what is
missing; a directory made with other settings is refused with the fields that differ; a second writer is refused
at once; and a failure to write is fatal, never a warning.

Layout::

    DIR/manifest.json            resolved settings, versions, probe hashes, resolved models; no secrets
    DIR/probes.jsonl             the probes as asked, so that scoring needs no probe set
    DIR/responses/MODEL.jsonl    one `Response` a line, in the order of arrival
    DIR/scores.json              written by the score step
    DIR/report.html              written by the report step
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mimicry_audit.ground.disk import reports_full_disk, unwritable
from mimicry_audit.ground.errors import DataError, RunDirectoryError
from mimicry_audit.ground.redaction import redacted, redacted_deep
from mimicry_audit.ground.shapes import find_misfit, parse_json
from mimicry_audit.records.asked import RESPONSE_SCHEMA, STATUSES, Message, Probe, Response, canonical_json, shallow
from mimicry_audit.records.manifest import MANIFEST_SCHEMA, REQUIRED_SETTINGS, Manifest, find_damage, is_file_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record")
_FSYNC_EVERY_S = 1.0
_PROBE_FIELDS = frozenset(field.name for field in fields(Probe))
_RESPONSE_TEXTS = ("key", "model", "probe_id", "status", "text")


def journal_name(label: str) -> str:
    """The file of a model's journal, whichever folder it is in.

    Raises:
        DataError: the label would lead to another folder.
    """
    if not is_file_name(label):
        raise DataError(f"the label {label!r} is not a name of a file", "restore the file that it stands in")
    return f"{label}.jsonl"


class RunDirectory:
    """One audit on disk.

    Args:
        path: the directory; made when first written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def manifest_path(self) -> Path:
        """Where the settings live."""
        return self.path / "manifest.json"

    @property
    def scores_path(self) -> Path:
        """Where the score step writes."""
        return self.path / "scores.json"

    @property
    def report_path(self) -> Path:
        """Where the report step writes."""
        return self.path / "report.html"

    def journal_path(self, label: str) -> Path:
        """The journal of one model."""
        return self.path / "responses" / journal_name(label)

    def exists(self) -> bool:
        """Whether anything has been collected here."""
        return self.manifest_path.is_file()

    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            RunDirectoryError: it is not there or cannot be read.
        """
        if not self.exists():
            raise RunDirectoryError(
                f"{self.path} holds no run (no manifest.json)", "collect first: audit collect --out …"
            )
        try:
            loaded = parse_json(self.manifest_path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                f"{self.manifest_path} cannot be read: {error}", "restore it, or start again with another --out"
            ) from error
        if not isinstance(loaded, dict) or loaded.get("schema") != MANIFEST_SCHEMA:
            raise RunDirectoryError(
                f"{self.manifest_path} is not a manifest of this version", "start again with another --out"
            )
        settings = loaded.get("settings")
        lacks = [n for n in REQUIRED_SETTINGS if not isinstance(settings, dict) or n not in settings]
        if lacks or not isinstance(loaded.get("resolved"), dict):
            raise RunDirectoryError(
                f"{self.manifest_path} is damaged: it lacks {', '.join(lacks) or 'resolved'}",
                "restore it, or start again with another --out",
            )
        if damage := find_damage(loaded):
            raise RunDirectoryError(
                f"{self.manifest_path} is damaged: {damage}", "restore it, or start again with another --out"
            )
        return Manifest.from_json(loaded)

    def orphans(self) -> list[Path]:
        """Journals without a manifest: answers to unknown questions from unknown models."""
        return [] if self.exists() else sorted((self.path / "responses").glob("*.jsonl"))

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest in one step; a secret that got this far is written as ``***``."""
        write_json(self.manifest_path, redacted_deep(manifest.as_json()))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for writing; a disk that fills up meanwhile is reported in one line.

        Raises:
            RunDirectoryError: another process holds it, or it cannot be written.
        """
        import fcntl

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = (self.path / ".lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise unwritable(self.path, error) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                handle.seek(0)
                holder = handle.read().strip() or "another process"
                raise RunDirectoryError(
                    f"{self.path} is in use by {holder}", "wait for it to end, or choose another --out"
                ) from error
            except OSError as error:
                raise RunDirectoryError(
                    f"{self.path} cannot be locked: {error.strerror}", "choose an --out on a disk with file locks"
                ) from error
            with suppress(OSError):  # on a full disk the lock holds all the same, only without a name
                handle.truncate(0)
                os.write(handle.fileno(), f"process {os.getpid()}".encode())
            with reports_full_disk(self.path):
                yield

    def write_probes(self, probes: Sequence[Probe]) -> None:
        """Store the probes as asked."""
        write_text(self.path / "probes.jsonl", "".join(canonical_json(asdict(p)) + "\n" for p in probes))

    def probes(self) -> list[Probe]:
        """The probes as asked."""
        path = self.path / "probes.jsonl"
        try:
            # Only newlines end a line: str.splitlines would also cut at U+2028, which a prompt may hold.
            lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
            return [_parse_probe(parse_json(line)) for line in lines]
        except (OSError, ValueError, TypeError) as error:
            raise RunDirectoryError(
                f"{path} cannot be read: {error}", "restore it, or collect again elsewhere"
            ) from error

    def journal(self, label: str) -> Journal:
        """The journal of one model, for appending; hold `locked` first."""
        return Journal(self.journal_path(label))

    def journal_sha(self, label: str) -> str | None:
        """SHA-256 of a journal, None if it does not exist."""
        path = self.journal_path(label)
        return hashlib.sha256(_read_bytes(path)).hexdigest() if path.exists() else None

    def responses(self, label: str) -> list[Response]:
        """The standing answers of one model: the last line for each (probe, sample), in journal order."""
        return list(read_journal(self.journal_path(label))[0].values())


class Journal:
    """Appends responses to one file, one JSON object a line, flushed per answer and synced about once a second."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIOWrapper | None = None
        self._synced = 0.0

    def __enter__(self) -> Journal:
        """Open for appending, first cutting off a line that a crash left unfinished."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                _cut_torn_line(self.path)
            self._file = self.path.open("a", encoding="utf-8", errors="surrogatepass", newline="\n")
        except OSError as error:
            raise unwritable(self.path, error) from error
        return self

    def append(self, response: DataclassInstance) -> None:
        """Write one answer, or another record that keeps a journal of its own.

        Raises:
            RunDirectoryError: the line could not be written (disk full, permission); what was written before stands.
        """
        if self._file is None:
            raise RuntimeError("the journal is not open")
        record = {k: v for k, v in shallow(response).items() if v is not None}
        if isinstance(record.get("error"), str):
            record["error"] = redacted(record["error"])
        try:
            # ASCII escapes keep lone surrogates and control characters intact and one answer on one line.
            self._file.write(_json_line(record) + "\n")
            self._file.flush()
            if time.monotonic() - self._synced > _FSYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise unwritable(self.path, error) from error

    def __exit__(self, *_: object) -> None:
        """Sync and close."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            with suppress(OSError):  # a full disk fails the same flush again; it has been reported above
                file.close()


def _json_line(record: Mapping[str, Any]) -> str:
    """A record as JSON; what is no number (NaN, infinity: a probability of zero) has no place there and is left out."""
    try:
        return json.dumps(record, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(finite(record), ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def finite(value: Any) -> Any:
    """A JSON value without numbers that are none: fields that hold one are left out, elsewhere ``null`` stands."""
    if isinstance(value, Mapping):
        return {name: finite(inner) for name, inner in value.items() if not _is_no_number(inner)}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if _is_no_number(value) else value


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def read_journal(path: Path) -> tuple[dict[tuple[str, int], Response], bool]:
    """Read a journal.

    Returns:
        ``(responses, torn)``: the last response for each (probe id, sample), and whether an unfinished last line was left out.

    Raises:
        DataError: a line other than an unfinished last one is not a response.
    """
    label = path.name.removesuffix(".jsonl")

    def response(line: dict[str, Any]) -> Response:
        answer = Response(**line)
        _check_response(answer, label)
        return answer

    responses, torn = read_records(path, Response, response, "a response", "its answer asked for again")
    return {(r.probe_id, r.sample): r for r in responses}, torn


def read_records(
    path: Path, kind: type[DataclassInstance], make: Callable[[dict[str, object]], Record], what: str, again: str
) -> tuple[list[Record], bool]:
    """The records of a journal in order, and whether an unfinished last line was left out; empty without a journal.

    Args:
        path: the journal.
        kind: a line holds no other fields than this dataclass.
        make: one line's record; raises ValueError or TypeError where it is none.
        what: what a line is, as in "a response".
        again: what happens when a line is deleted, as in "its answer asked for again".

    Raises:
        DataError: the journal cannot be read, or a whole line is not such a record.
    """
    if not path.exists():
        return [], False
    lines, torn = read_lines(path)
    names, records = {f.name for f in fields(kind)}, []
    for number, line in enumerate(lines, 1):
        try:
            loaded = json.loads(line)
            if not isinstance(loaded, dict):
                raise ValueError("not an object")
            if b"NaN" in line or b"Infinity" in line:  # written by others: no JSON, and no numbers
                loaded = finite(loaded)
            if unknown := set(loaded) - names:
                raise ValueError(f"unknown field {sorted(unknown)[0]!r}")
            records.append(make(loaded))
            if misfit := find_misfit(loaded, kind, {}):
                raise ValueError(misfit)
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}, is not {what} ({error})",
                f"delete that line to have {again}, or restore the file",
            ) from error
    return records, torn


def read_lines(path: Path) -> tuple[list[bytes], bool]:
    """The whole lines of a journal, and whether an unfinished last one was left out."""
    lines = _read_bytes(path).split(b"\n")
    torn = lines.pop() != b""
    return lines, torn


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "make it readable") from error


def _check_response(response: Response, label: str) -> None:
    """Refuse what is not an answer of this model, so that another model's answer is never taken for its own."""
    for name in _RESPONSE_TEXTS:
        if not isinstance(getattr(response, name), str):
            raise ValueError(f"{name} is not text")
    if not isinstance(response.sample, int) or isinstance(response.sample, bool):
        raise ValueError("sample is not a whole number")
    if response.schema != RESPONSE_SCHEMA:
        raise ValueError(f"unsupported version: schema {response.schema!r}")
    if response.status not in STATUSES:
        raise ValueError(f"unknown status {response.status!r}")
    if response.model != label:
        raise ValueError(f"it belongs to model {response.model!r}")


def _parse_probe(record: Any) -> Probe:
    if misfit := find_misfit(record, Probe):
        raise ValueError(misfit)
    if unknown := set(record) - _PROBE_FIELDS:
        raise ValueError(f"unknown field {sorted(unknown)[0]!r}")
    if not record["messages"]:
        raise ValueError("it has no turns")
    messages = tuple(Message(**m) for m in record.pop("messages"))
    return Probe(messages=messages, **record)


def _cut_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        raw = file.read()
        end = raw.rfind(b"\n") + 1
        if end != len(raw):
            file.truncate(end)


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step: a crash leaves the old file or the new one, never half of either.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)  # mkstemp's 0600 would hide a report from its readers
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def write_json(path: Path, value: object, *, compact: bool = False) -> None:
    """Replace a JSON file in one step, on one line if it shall be small; refuses NaN, which is not JSON."""
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 1}
    write_text(path, json.dumps(value, sort_keys=False, ensure_ascii=True, allow_nan=False, **layout) + "\n")


def differences(old: object, new: object, at: str = "") -> list[str]:
    """Which fields differ between two settings, as ``field: old → new``, outermost first."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [*old, *(k for k in new if k not in old)]
        return [d for k in keys for d in differences(old.get(k), new.get(k), f"{at}.{k}" if at else str(k))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [d for i, (a, b) in enumerate(zip(old, new, strict=True)) for d in differences(a, b, f"{at}[{i}]")]
    return [] if old == new else [f"{at}: {_shorten_value(old)} → {_shorten_value(new)}"]


def _shorten_value(value: object) -> str:
    text = canonical_json(value)
    return text if len(text) <= 60 else text[:57] + "…"
