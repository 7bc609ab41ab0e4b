"""``audit view``: what it lists, what it serves, and all that it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import sync_playwright

from mimicry_audit import audit
from mimicry_audit.cli import run as cli
from mimicry_audit.report.viewer.server import Viewer
from tests.support.commands import answer_rows, jsonl, probe_rows, start
from tests.support.page_outline import Outline

HOSTILE = "<img src=x onerror=window.pwned=1>"
GUARDS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored run of recorded answers."""
    folder = tmp_path_factory.mktemp("source")
    questions = jsonl(folder / "mine.jsonl", probe_rows())
    recorded = jsonl(folder / "answers.jsonl", answer_rows())
    models = [f"recorded/{recorded}#{name}" for name in ("teacher", "student", "base", "other", "fifth")]
    return audit(
        models, [str(questions)], axes=["lexical", "length"], reference=["teacher"], out=str(folder / "run")
    ).path


@pytest.fixture(scope="module")
def reports(scored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs in every state, and things that must not be shown."""
    root = tmp_path_factory.mktemp("reports")
    (root.parent / "outside.json").write_text('{"secret": "outside"}')
    for name in ("plain", "bare", "collected", "collecting", "broken", "wrong", "linked", f"deep/{HOSTILE}"):
        shutil.copytree(scored, root / name)
    (root / "bare" / "report.html").unlink()
    for name in ("collected", "collecting"):
        (root / name / "scores.json").unlink()
    journal = root / "collecting" / "responses" / "student.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-2]))
    (root / "broken" / "scores.json").write_text("{")
    scores = json.loads((root / "wrong" / "scores.json").read_text())
    scores["verdicts"] = 7
    (root / "wrong" / "scores.json").write_text(json.dumps(scores))
    (root / "linked" / "responses" / "x.jsonl").symlink_to(root.parent / "outside.json")
    (root / "plain" / "notes.txt").write_text("mine")
    (root / "elsewhere").symlink_to(scored)
    (root / "loose.html").write_text("<script>1</script>")
    return root


@pytest.fixture(scope="module")
def viewer(reports: Path) -> Iterator[Viewer]:
    made = Viewer(reports)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    yield made
    made.stop()
    made.close()
    thread.join()


def get(viewer: Viewer, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, viewer.url + path, headers=headers, trust_env=False)


def raw(viewer: Viewer, request: str) -> str:
    """What comes back for bytes that no HTTP client would send."""
    with socket.create_connection(("127.0.0.1", viewer.port), timeout=5) as line:
        line.sendall(request.encode())
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    return answer.decode("utf-8", "replace")


# What it lists


def test_every_run_is_listed_with_its_state(viewer: Viewer) -> None:
    page = get(viewer, "").text
    outline = Outline(page)
    said = outline.text
    assert said.count("scored") == 3
    for words in ("collected", "28 of 30 answers collected", "scores.json cannot be read", "a symbolic link (x.jsonl)"):
        assert words in said
    assert HOSTILE in said
    assert "<img" not in page
    assert "elsewhere" not in said
    assert not outline.unnamed
    links = [link for _, link in outline.links if link.startswith(("run/bare/", "run/deep%2F", "run/broken/"))]
    assert len(links) > 20
    for link in links:
        assert get(viewer, link, "HEAD").status_code == 200, link


def test_the_list_is_read_anew(scored: Path, tmp_path: Path) -> None:
    made = Viewer(tmp_path)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        assert "This folder has no runs yet" in get(made, "").text
        shutil.copytree(scored, tmp_path / "new")
        assert "1 run" in get(made, "").text
        (tmp_path / "new" / "scores.json").unlink()
        assert "collected" in get(made, "").text
        shutil.rmtree(tmp_path / "new")
        assert "This folder has no runs yet" in get(made, "").text
    finally:
        made.stop()
        made.close()
        thread.join()


def test_a_comparison_is_listed_with_its_answer_and_its_page(scored: Path, tmp_path: Path) -> None:
    found = {
        "title": "Did b move toward <t>?",
        "created": "2026-01-02T03:04:05+00:00",
        "reference": "<t>",
        "sides": [{"label": "b"}, {"label": "a"}, {"label": "<t>"}],
        "checkpoints": [{"questions": [{"sentence": "a moved toward <t> by +0.20."}]}],
    }
    (tmp_path / "moved" / "answers").mkdir(parents=True)
    (tmp_path / "moved" / "compare.json").write_text(json.dumps(found))
    (tmp_path / "moved" / "compare.html").write_text("<p>the page</p>")
    shutil.copytree(scored, tmp_path / "moved" / "answers", dirs_exist_ok=True)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "compare.json").write_text("{")
    made = Viewer(tmp_path)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        page = get(made, "").text
        outline = Outline(page)
        assert "3 runs" in outline.text  # the comparison, the answers that it asked for, and the torn one
        assert "a moved toward <t> by +0.20." in outline.text
        assert "<t>" not in page
        assert "broken" in outline.text
        assert get(made, "run/moved/compare.html").text == "<p>the page</p>"
        assert get(made, "run/moved/compare.html").headers["content-type"].startswith("text/html")
        assert "run/moved/compare.html" in {link for _, link in outline.links}
    finally:
        made.stop()
        made.close()
        thread.join()


def test_a_run_itself_may_be_named(scored: Path) -> None:
    made = Viewer(scored)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        assert "1 run" in get(made, "").text
        assert get(made, "run/run/report.html").status_code == 200
    finally:
        made.stop()
        made.close()
        thread.join()


# What it serves


def test_files_are_served_as_they_are(viewer: Viewer, reports: Path) -> None:
    kinds = {
        "report.html": "text/html; charset=utf-8",
        "scores.json": "application/json",
        "probes.jsonl": "text/plain; charset=utf-8",
        "responses/student.jsonl": "text/plain; charset=utf-8",
    }
    for name, kind in kinds.items():
        answer = get(viewer, f"run/plain/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.content == (reports / "plain" / name).read_bytes()
    name = quote(f"deep/{HOSTILE}", safe="")
    assert get(viewer, f"run/{name}/scores.json").content == (reports / "deep" / HOSTILE / "scores.json").read_bytes()


def test_a_missing_or_outdated_report_is_made_on_the_fly(viewer: Viewer, reports: Path) -> None:
    written = (reports / "plain" / "report.html").read_text("utf-8")
    assert get(viewer, "run/bare/report.html").text == written
    assert not (reports / "bare" / "report.html").exists()
    assert get(viewer, "run/plain/report.md").text.startswith("# Has any of 5 models")
    assert get(viewer, "run/plain/report.json").json()["scores"]["title"].startswith("Has any of 5 models")
    old = reports / "bare" / "report.md"
    old.write_text("old")
    os.utime(old, ns=(1, 1))
    assert get(viewer, "run/bare/report.md").text.startswith("# Has any of 5 models")
    old.unlink()


def test_every_answer_is_guarded(viewer: Viewer) -> None:
    for path, code in (("", 200), ("run/plain/report.html", 200), ("run/plain/scores.json", 200), ("nothing", 404)):
        answer = get(viewer, path)
        assert answer.status_code == code
        assert GUARDS.items() <= dict(answer.headers).items()
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "sandbox" in policy or path == ""
        assert "allow-same-origin" not in policy
    assert "unsafe" not in get(viewer, "").headers["content-security-policy"]


def test_head_is_get_without_the_body(viewer: Viewer) -> None:
    for path in ("", "run/plain/scores.json", "run/bare/report.html", "nothing"):
        head, whole = get(viewer, path, "HEAD"), get(viewer, path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-length"] == str(len(whole.content))


# What it refuses


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_it_only_shows(viewer: Viewer, reports: Path, method: str) -> None:
    answer = raw(viewer, f"{method} / HTTP/1.1\r\nHost: 127.0.0.1:{viewer.port}\r\nContent-Length: 2\r\n\r\nhi")
    assert answer.startswith("HTTP/1.1 405 ")
    assert "Allow: GET, HEAD" in answer
    assert answer.count("HTTP/1.1 ") == 1
    assert (reports / "plain" / "scores.json").is_file()


@pytest.mark.parametrize(
    "host",
    ["", "evil.test", "evil.test:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}.evil.test", "[::1]:{port}"],
)
def test_another_hosts_name_is_refused(viewer: Viewer, host: str) -> None:
    line = f"Host: {host.format(port=viewer.port)}\r\n" if host else ""
    answer = raw(viewer, f"GET / HTTP/1.1\r\n{line}\r\n")
    assert answer.startswith("HTTP/1.1 403 ")
    assert "plain" not in answer.split("\r\n\r\n", 1)[1]


def test_its_own_names_are_taken(viewer: Viewer) -> None:
    for host in (f"127.0.0.1:{viewer.port}", f"localhost:{viewer.port}", f"LOCALHOST:{viewer.port}"):
        assert get(viewer, "", Host=host).status_code == 200
    twice = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{viewer.port}\r\nHost: evil.test\r\n\r\n"
    assert raw(viewer, twice).startswith("HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.json",
        "/run/plain/../../../outside.json",
        "/run/plain/../../outside.json",
        "/run/plain/..%2f..%2foutside.json",
        "/run/..%2foutside.json",
        "/run/../outside.json",
        "/run/%2e%2e/outside.json",
        "/run/plain/%2e%2e/%2e%2e/outside.json",
        "/run/plain/responses/..%2f..%2f..%2foutside.json",
        "/run/plain//etc/passwd",
        "/run/plain/%2fetc%2fpasswd",
        "/run/%2fetc/passwd",
        "/run/plain/scores.json%00.html",
        "/run/plain/notes.txt",
        "/run/plain/.lock",
        "/run/plain/",
        "/run/plain",
        "/run/plain/responses",
        "/run/linked/responses/x.jsonl",
        "/run/linked/scores.json",
        "/run/elsewhere/scores.json",
        "/run/./plain/scores.json",
        "/run/PLAIN/scores.json",
        "/loose.html",
        "/run/collected/scores.json",
        "//evil.test/run/plain/notes.txt",
        "/%ff%fe",
        "*",
    ],
)
def test_nothing_else_is_served(viewer: Viewer, path: str) -> None:
    answer = raw(viewer, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{viewer.port}\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 404 "), head
    assert body == "Not found.\n"


def test_a_link_put_there_after_the_listing_is_not_followed(viewer: Viewer, reports: Path) -> None:
    from mimicry_audit.report.viewer.server import _Gone, open_inside

    place = reports / "late"
    place.mkdir()
    (place / "scores.json").symlink_to(reports.parent / "outside.json")
    (place / "responses").symlink_to(reports / "plain" / "responses")
    os.mkfifo(place / "probes.jsonl")
    for parts in (("late", "scores.json"), ("late", "responses", "student.jsonl"), ("late", "probes.jsonl"), ("late",)):
        with pytest.raises(_Gone):
            open_inside(reports, parts)
    with open_inside(reports, ("plain", "responses", "student.jsonl")) as file:
        assert file.read(1) == b"{"


@pytest.mark.parametrize(
    "request_", ["\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x00\x01\r\n\r\n", "GET /" + "a" * 70000]
)
def test_what_is_no_request_is_answered_plainly(viewer: Viewer, request_: str) -> None:
    answer = raw(viewer, request_)
    assert "<" not in answer
    assert "Traceback" not in answer
    assert get(viewer, "").status_code == 200


def test_broken_scores_are_told_and_nothing_falls_over(viewer: Viewer, reports: Path) -> None:
    page = Outline(get(viewer, "").text).text
    assert "scores.json is damaged:" in page
    assert get(viewer, "run/wrong/report.md").status_code == 404
    assert str(reports) in page  # the folder is named once, above the list
    assert page.count(str(reports)) == 1


def test_it_listens_on_loopback_alone(viewer: Viewer) -> None:
    listening = Path("/proc/net/tcp").read_text("ascii")
    assert re.search(rf" 0100007F:{viewer.port:04X} 00000000:0000 0A ", listening)
    assert f" 00000000:{viewer.port:04X} " not in listening


# The command


def test_ctrl_c_ends_it_with_0(reports: Path) -> None:
    with start("view", str(reports), PYTHONUNBUFFERED="1") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", first)
        assert found, first
        assert httpx.get(found[0], trust_env=False).status_code == 200
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error) == (0, "Ended.\n", "")


def test_a_missing_folder_and_a_taken_port_are_told(
    viewer: Viewer, reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        ([str(tmp_path / "none")], f"audit: the folder {tmp_path / 'none'} does not exist"),
        ([str(reports), "--port", str(viewer.port)], f"audit: port {viewer.port} is in use. Choose another --port"),
        ([str(reports), "--port", "70000"], "audit: --port 70000 is out of range"),
    ):
        assert cli(["view", *words]) == 2
        assert capsys.readouterr().err.startswith(told)


# In a browser


def test_a_browser_shows_the_list_and_a_report_in_its_sandbox(viewer: Viewer) -> None:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: asked.append(sent.url))
        page.goto(viewer.url)
        assert page.evaluate("window.pwned") is None
        page.get_by_role("link", name="Report of bare").click()
        page.wait_for_load_state()
        assert page.get_by_role("heading", name="Verdicts").first.is_visible()
        assert page.evaluate("window.origin") == "null"
        stolen = page.evaluate("fetch('/run/plain/scores.json').then(r => r.text()).catch(e => 'refused')")
        assert stolen == "refused"
        assert [c for c in complaints if "Content Security Policy" not in c] == []
        assert {url for url in asked if not url.startswith((viewer.url, "data:"))} == set()
        browser.close()


def test_the_list_is_searched_and_ordered(viewer: Viewer) -> None:
    page = get(viewer, "?q=COLLECT").text
    assert "2 runs of 8, with “COLLECT” in a name, model or headline" in Outline(page).text
    assert get(viewer, "?q=teacher+plain").text.count("<h2>") == 1
    none = get(viewer, "?q=%3Cb%3Enothing").text
    assert "No run has “<b>nothing” in its name, models or headline." in Outline(none).text
    by_name = get(viewer, "?sort=name").text
    places = [
        by_name.index(f"<bdi>{name}</bdi>") for name in ("bare", "broken", "collected", "linked", "plain", "wrong")
    ]
    assert places == sorted(places)
    assert '<option value="name" selected>' in by_name
    assert get(viewer, "?sort=nonsense").status_code == 200


def test_two_runs_stand_side_by_side(viewer: Viewer, reports: Path) -> None:
    scores = json.loads((reports / "bare" / "scores.json").read_text())
    scores["verdicts"][0]["verdict"] = "distilled"
    scores["verdicts"] = scores["verdicts"][:-1]
    scores["signature"] = "another <i>line</i>"
    shutil.copytree(reports / "bare", reports / "changed")
    (reports / "changed" / "scores.json").write_text(json.dumps(scores))
    try:
        got = get(viewer, "beside?run=plain&run=changed")
        assert got.status_code == 200
        text = " ".join(Outline(got.text).text.split())
        count = len(scores["verdicts"]) + 1
        assert f"{count} pairs, 2 with another verdict" in text
        assert "not judged here" in text
        assert "The two runs were not made alike." in text
        assert "another <i>line</i>" in text
        assert "<i>line" not in got.text
        for name, value in GUARDS.items():
            assert got.headers[name] == value
        same = get(viewer, "beside?run=plain&run=plain").text
        assert "The two runs were not made alike." not in same
        assert get(viewer, "beside?run=plain").status_code == 400
        assert get(viewer, "beside?run=plain&run=collected").status_code == 404
        assert get(viewer, "beside?run=plain&run=none").status_code == 404
    finally:
        shutil.rmtree(reports / "changed")
