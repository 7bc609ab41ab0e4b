"""The server behind ``audit view``: the list of runs, their reports and their files, over HTTP on the loopback interface.

Promise: GET and HEAD only. A request under another host's name is refused, so that no web page can reach it by rebinding a
name. A file is opened component by component without following links, and only if the listing names it. Every answer says
that it is not to be stored, sniffed or framed. A report runs in a sandbox without an origin: its page can read no other run.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mimicry_audit.ground.errors import AuditError, ConfigError
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.report.viewer.listing import Entry, RunFolder

HOST = "127.0.0.1"
MADE = {"report.html": "html", "report.md": "markdown", "report.json": "json"}
"""Files that are made of the scores where they are missing or older than these."""
_KINDS = {".html": "text/html; charset=utf-8", ".json": "application/json"}
_TEXT = "text/plain; charset=utf-8"
_INERT = "default-src 'none'; sandbox; frame-ancestors 'none'"
_PAGE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For a page of a run: it may run only its own script, by the hash in the page's own policy, and load nothing else."""
_STILL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""For a page without a script; its own policy names the hash of its style."""
MOST_QUERY = 200
"""Characters of a search that are read."""


class Viewer:
    """A server for one folder, listening from the start.

    Args:
        folder: where the runs are.
        port: where to listen; 0 for any that is free.

    Raises:
        ConfigError: there is no such folder, or the port cannot be used.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        if not folder.is_dir():
            raise ConfigError(f"the folder {folder} does not exist", "name the folder with your runs")
        handler = type("BoundHandler", (_Handler,), {"runs": RunFolder(folder)})
        try:
            self._server = _Server((HOST, port), handler)
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise ConfigError(f"port {port} {why}", "choose another --port, or 0 for any free port") from error
        except OverflowError:
            raise ConfigError(f"--port {port} is out of range", "choose one from 0 to 65535") from None
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where the list is."""
        return f"http://{HOST}:{self.port}/"

    def serve(self) -> None:
        """Answer requests until `stop` is called or Ctrl-C is pressed."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Let `serve` return; call it from another thread."""
        self._server.shutdown()

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore readers that disconnect."""


class _Gone(Exception):
    """There is nothing to show under this name."""


class _Handler(BaseHTTPRequestHandler):
    runs: RunFolder
    protocol_version = "HTTP/1.1"
    server_version = "mimicry-audit"
    sys_version = ""
    timeout = 30.0
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing, for the privacy of the reader."""

    def parse_request(self) -> bool:
        """Whether a request may be answered: one that only reads, under our own name. Refusals are sent from here."""
        if not super().parse_request():
            return False
        port, host_headers = self.server.server_port, self.headers.get_all("Host") or []
        if len(host_headers) != 1 or host_headers[0].lower() not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self.close_connection = True
            self._send_body(403, f"This server answers only to {HOST}:{port}.\n".encode())
            return False
        if self.command not in {"GET", "HEAD"}:
            self.close_connection = True  # a body may follow that is not read
            self._send_body(405, b"This server accepts only GET and HEAD.\n", headers={"Allow": "GET, HEAD"})
            return False
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What cannot even be read as a request, in one plain line."""
        self.close_connection = True
        self._send_body(code, f"{code} {HTTPStatus(code).phrase}\n".encode())

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """The list, a report or a file."""
        try:
            self._answer_request(unquote_path(self.path), parse_qs(urlsplit(self.path).query))
        except _Gone:
            self._send_body(404, b"Not found.\n")
        except AuditError as error:
            self._send_body(500, f"{error}\n".encode("utf-8", "replace"))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # scores that some other program wrote can be wrong in any way
            self._send_body(500, f"This run cannot be shown ({type(error).__name__}). Score the run again.\n".encode())

    def _answer_request(self, parts: list[str], asked: Mapping[str, list[str]]) -> None:
        if parts == [""]:
            from mimicry_audit.report.page import run_list

            query, order = (asked.get(name, [""])[0] for name in ("q", "sort"))
            runs = [_entry_view(entry) for entry in self.runs.entries()]
            html, policy = run_list.render(runs, str(self.runs.root), query[:MOST_QUERY], order or "newest")
            self._send_body(200, html.encode(), _KINDS[".html"], f"{policy}; frame-ancestors 'none'")
            return
        if parts == ["beside"]:
            self._send_beside(asked.get("run", []))
            return
        if len(parts) < 3 or parts[0] != "run" or (entry := self.runs.find(parts[1])) is None:
            raise _Gone
        name = "/".join(parts[2:])
        kind = _KINDS.get(Path(name).suffix, _TEXT)
        policy = _PAGE if kind == _KINDS[".html"] else _INERT
        if name in MADE and entry.scored and self._is_stale(entry, name):
            from mimicry_audit.report.export import blames_scores, content
            from mimicry_audit.verdicts.score import read_scores

            run = RunDirectory(self.runs.path(entry))
            scores = read_scores(run)
            with blames_scores(run):
                page = content(run, scores, MADE[name])
            self._send_body(200, page, kind, policy)
            return
        if name not in entry.files:
            raise _Gone
        with open_inside(self.runs.root, (*entry.parts, *parts[2:])) as file:
            self._send_file(file, kind, policy)

    def _send_beside(self, names: Sequence[str]) -> None:
        """Two runs on one page."""
        from mimicry_audit.report.page import beside
        from mimicry_audit.verdicts.score import read_scores

        if len(names) != 2:
            self._send_body(400, b"Choose exactly two scored runs.\n")
            return
        entries = [self.runs.find(name) for name in names]
        named = [(e.name, read_scores(RunDirectory(self.runs.path(e)))) for e in entries if e is not None and e.scored]
        if len(named) != len(names):
            raise _Gone
        self._send_body(200, beside.render(named).encode(), _KINDS[".html"], _STILL)

    def _is_stale(self, entry: Entry, name: str) -> bool:
        run = self.runs.path(entry)
        return name not in entry.files or (run / name).stat().st_mtime_ns < (run / "scores.json").stat().st_mtime_ns

    def _send_head(self, code: int, length: int, kind: str, policy: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (guards(policy) | (headers or {})).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_body(
        self, code: int, body: bytes, kind: str = _TEXT, policy: str = _INERT, headers: dict[str, str] | None = None
    ) -> None:
        self._send_head(code, len(body), kind, policy, headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_file(self, file: BinaryIO, kind: str, policy: str) -> None:
        remaining = os.fstat(file.fileno()).st_size
        self._send_head(200, remaining, kind, policy)
        while remaining and self.command != "HEAD":
            chunk = file.read(min(remaining, 1 << 20))
            if not chunk:  # it was cut while it was read: say so by hanging up
                self.close_connection = True
                return
            self.wfile.write(chunk)
            remaining -= len(chunk)


def guards(policy: str) -> dict[str, str]:
    """The headers of every answer."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def unquote_path(target: str) -> list[str]:
    """The parts of a request's path, each unquoted by itself, so that a run's name may hold a slash."""
    return [unquote(part) for part in urlsplit(target).path.removeprefix("/").split("/")]


def open_inside(root: Path, parts: tuple[str, ...]) -> BinaryIO:
    """A regular file below a folder, reached without following a link at any step.

    Raises:
        _Gone: there is no such file, or a link stands in the way.
    """
    handles: list[int] = []
    try:
        handles.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            handles.append(os.open(_check_component(part), flags, dir_fd=handles[-1]))
        file_handle = os.open(
            _check_component(parts[-1]), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handles[-1]
        )
    except (OSError, ValueError) as error:
        raise _Gone from error
    finally:
        for handle in handles:
            os.close(handle)
    if not stat.S_ISREG(os.fstat(file_handle).st_mode):
        os.close(file_handle)
        raise _Gone
    return os.fdopen(file_handle, "rb")


def _check_component(part: str) -> str:
    if part in {"", ".", ".."} or "/" in part or "\0" in part:
        raise ValueError(part)
    return part


def _entry_links(entry: Entry) -> Iterator[tuple[str, str]]:
    at = f"run/{quote(entry.name, safe='')}/"
    if entry.scored:
        yield from (("Report", at + "report.html"), ("Markdown", at + "report.md"), ("JSON", at + "report.json"))
    if entry.state == "compared":
        yield "Comparison", at + "compare.html"
    for name in entry.files:
        if name not in MADE or not entry.scored:
            yield name, at + quote(name)


def _entry_view(entry: Entry) -> dict[str, object]:
    links = list(_entry_links(entry))
    first = 3 if entry.scored else int(entry.state == "compared")
    return {
        **{name: entry.facts.get(name) for name in ("title", "headline", "created", "models", "references", "counts")},
        **{"name": entry.name, "state": entry.state, "problem": entry.problem},
        "links": links[:first],
        "files": links[first:],
    }
