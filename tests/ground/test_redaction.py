"""No secret in any file of a run, in any form of its report, on the screen or in an error line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run as cli
from mimicry_audit.ground.errors import AuditError
from mimicry_audit.ground.redaction import redacted, secret_in
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.report.export import FORMATS, OF_ONE_MODEL
from tests.support.commands import jsonl, probe_rows
from tests.support.fault_server import FaultServer, completion, fault_server, says, status

KEY = "sk-Ab/cd+very-secret-0123456789"
"""With a slash, which JSON may write in two ways."""
WORD = "correct-horse-battery"
"""A password that looks like nothing in particular."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as made:
        made.key = KEY
        yield made


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    jsonl(tmp_path / "mine.jsonl", probe_rows())
    return tmp_path


def leaks(folder: Path, *secrets: str) -> list[str]:
    """The files below a folder that hold a secret, however JSON or a URL may write it."""
    spelt = {s.encode() for secret in secrets for s in (secret, secret.replace("/", "\\/"), secret.replace("/", "%2F"))}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(s in path.read_bytes() for s in spelt)]


def test_a_server_that_repeats_the_key_everywhere_puts_it_nowhere(
    server: FaultServer, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Header, failed request, list of models, answer, reasoning: what a server echoes is cleared on arrival."""
    echoed = completion(f"I was asked with {KEY}.", message={"reasoning": f"The key is {KEY}."})
    escaped = json.dumps(completion(f"Bearer {KEY}")).replace("/", "\\/").encode()
    server.models.append(f"echo-{KEY}")
    server.faults.extend(
        [says(echoed), says(escaped), status(400, f"wrong: Bearer {KEY}"), says(f"<html>{KEY}".encode())]
    )
    config = desk / "audit.yaml"
    config.write_text(
        f"models:\n  - echo-1@{server.url}\n  - model: openai/echo-2@{server.url}\n"
        "    options: {api_key_env: OPENAI_API_KEY, retry_wait: 0.001, max_attempts: 2}\n"
        "probes: [mine.jsonl]\naxes: [lexical, length]\n".replace("- echo-1", "- openai/echo-1")
    )
    words = ["run", "--config", str(config), "--out", "run", "-E", "max_concurrency=1"]
    assert cli(words) in {0, 1}
    for name in FORMATS:
        more = ["--model", "echo-2"] if name in OF_ONE_MODEL else []
        if name not in OF_ONE_MODEL or any(v["candidate"] == "echo-2" for v in _scores(desk)["verdicts"]):
            assert cli(["report", "run", "--format", name, *more]) == 0
    out, error = capfd.readouterr()
    assert KEY not in out + error
    assert leaks(desk / "run", KEY) == []
    journal = (desk / "run" / "responses" / "echo-1.jsonl").read_text()
    assert "I was asked with ***." in journal
    assert "The key is ***." in journal
    assert "Bearer ***" in journal
    assert "wrong: Bearer ***" in journal


def _scores(desk: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((desk / "run" / "scores.json").read_text("utf-8"))
    return found


def test_a_key_that_is_refused_or_a_model_that_is_unknown_is_told_without_it(
    server: FaultServer, desk: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "sk-wrong-0123456789abcdef"
    monkeypatch.setenv("MINE", wrong)  # a name that says nothing
    for options in (["-E", "api_key_env=MINE"], []):
        for lists in (True, False):
            server.lists = lists
            names = f"openai/echo-9@{server.url},openai/echo-8@{server.url}"
            assert cli(["run", "--models", names, "--probes", "mine.jsonl", "--out", "run", *options]) == 2
    out, error = capfd.readouterr()
    assert "refused the key" in error
    assert not [secret for secret in (KEY, wrong) if secret in out + error]
    assert leaks(desk, KEY, wrong) == []


REFUSED: dict[str, tuple[list[str], str]] = {
    "password in the URL": (["--models", f"openai/x@http://me:{WORD}@127.0.0.1:9/v1,openai/y@http://h/v1"], "password"),
    "user in the URL": (["--models", f"openai/x@http://{WORD}@127.0.0.1:9/v1,openai/y@http://h/v1"], "password"),
    "password in base_url": (["-E", f"base_url=http://me:{WORD}@127.0.0.1:9/v1"], "password"),
    "second of several URLs": (["-E", f"base_url=http://h/v1|http://me:{WORD}@h2/v1"], "password"),
    "slash in the password": (["-E", f"base_url=http://me:{WORD}/x@h/v1"], "not a base URL"),
    "key in the query": (["-E", f"base_url=http://h/v1?api-key={WORD}"], "has a query string"),
    "an address alone": (["--models", f"http://me:{WORD}@h/v1,openai/y@http://h/v1"], "is an address"),
    "two base URLs": (
        [
            "--config",
            f"models: [{{model: 'openai/x@http://h/v1', options: {{base_url: 'http://me:{WORD}@h/v1'}}}}, hf/a/b]",
        ],
        "gives a base URL",
    ),
    "an api_key option": (["-E", f"api_key={WORD}"], "would put a secret into the run's settings"),
    "an api-key option": (["-E", f"api-key={WORD}"], "would put a secret into the run's settings"),
    "a headers option": (
        ["--config", f"engine_options: {{headers: {{Authorization: 'Bearer {WORD}'}}}}"],
        "would put a secret",
    ),
    "a key for the name of its variable": (["-E", f"api_key_env={WORD}"], "not the name of an environment variable"),
    "a hexadecimal key for that": (
        ["-E", "api_key_env=a94a8fe5ccb19ba61c4c0873"],
        "not the name of an environment variable",
    ),
    "a key in extra_body": (
        ["-E", f'extra_body={{"provider": {{"api_key": "{WORD}"}}}}'],
        "extra_body.provider.api_key",
    ),
    "a header in extra_body": (["-E", f'extra_body={{"x": ["Bearer {WORD}"]}}'], "extra_body.x[0]"),
    "the key itself in extra_body": (["-E", f'extra_body={{"user": "{KEY}"}}'], "extra_body.user"),
    "an argument of vLLM": (["--models", "vllm/a/b,vllm/c/d", "-E", f"extra_args=--api-key {WORD}"], "--api-key"),
    "a model's own option": (
        ["--config", f"models: [{{model: 'openai/x@http://h/v1', options: {{token: {WORD}}}}}, hf/a/b]"],
        "would put a secret",
    ),
    "a field of a model": (["--config", f"models: [{{model: hf/a/b, api_key: {WORD}}}, hf/c/d]"], "no field api_key"),
    "a setting": (["--config", f"api_key: {WORD}"], "unknown setting 'api_key'"),
    "a mapping for a list": (["--config", f"probes: {{api_key: {WORD}}}"], "probes is a list"),
    "no K=V": (["-E", f"api_key: {WORD}"], "is not K=V"),
    "no YAML": (["--config", f"api_key: {WORD}\n  - ]: {{"], "is not YAML"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("command", ["run", "collect"])
def test_a_setting_with_a_secret_is_refused_before_anything_is_written(
    desk: Path, capfd: pytest.CaptureFixture[str], command: str, words: list[str], told: str
) -> None:
    if words[0] == "--config":
        (desk / "c.yaml").write_text(words[1])
        words = ["--config", "c.yaml"]
        named = [] if "models:" in (desk / "c.yaml").read_text() else ["--models", "openai/x,openai/y"]
    else:
        named = [] if "--models" in words else ["--models", "openai/x,openai/y"]
    assert cli([command, *named, *words, "--probes", "mine.jsonl", "--out", "run"]) == 2
    out, error = capfd.readouterr()
    assert error.startswith("audit: ")
    assert error.count("\n") == 1
    assert told in error
    for secret in (WORD, KEY, "a94a8fe5ccb19ba61c4c0873"):
        assert secret not in out + error
    assert not (desk / "run").exists()


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL"])
def test_a_password_in_the_environments_address_is_not_shown(
    desk: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://me:{WORD}@127.0.0.1:9/v1")
    assert cli(["run", "--models", "openai/x,openai/y", "--probes", "mine.jsonl", "--out", "run"]) == 2
    out, error = capfd.readouterr()
    assert "contains a password" in error
    assert WORD not in out + error
    assert leaks(desk, WORD) == []


# The door itself


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("see http://me:pw@host/v1 now", "see http://***@host/v1 now"),
        ("https://token@host", "https://***@host"),
        ("GET /v1?api-key=abc&x=1", "GET /v1?api-key=***&x=1"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: *** ***"),
        ("sk-proj-0123456789abcdef and hf_abcdefghijklmnopqrst", "*** and ***"),
        ("{'password': 'hunter22'}", "{'password': '***'}"),
        ("export MY_KEY=…", "export MY_KEY=…"),
        ("api_key_env=NAME", "api_key_env=NAME"),
        ("openai/x@http://host:8000/v1", "openai/x@http://host:8000/v1"),
        ("at most 512 max_tokens: 8, bos_token: <s>", "at most 512 max_tokens: 8, bos_token: <s>"),
    ],
)
def test_the_door_takes_secrets_and_leaves_the_rest(text: str, left: str) -> None:
    assert redacted(text) == left
    assert redacted(redacted(text)) == redacted(text)


def test_values_of_secret_variables_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "A_TOKEN": WORD,
        "MY_SECRET": f"{WORD}-longer",
        "KEY_PATH": "/etc/keys",
        "SSH_KEY": "/home/me",
    }.items():
        monkeypatch.setenv(name, value)
    assert redacted(f"{WORD}-longer {WORD} /etc/keys /home/me") == "*** *** /etc/keys /home/me"
    assert WORD not in str(AuditError(f"no {WORD}", f"not {WORD}"))
    assert secret_in({"a": [1, {"b": WORD}]}) == "a[1].b"


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "auto", "max_model_len": 4096, "extra_args": ["--max-logprobs", "5", "--ssl-keyfile", "x.pem"]},
        {"base_url": "http://h:1/v1|https://h2/v1", "api_key_env": "OPENAI_API_KEY"},
        {"extra_body": {"bos_token": "<s>", "stop_token_ids": [1], "schema": {"key": {"type": "string"}}}},
        {"chat_template": "templates/key.jinja", "file": "answers/token.jsonl"},
    ],
)
def test_ordinary_settings_are_no_secrets(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("FEATURE_KEY", "auto")
    assert secret_in(options) is None
    assert secret_in(json.loads(json.dumps(options))) is None


def test_what_got_as_far_as_the_manifest_is_not_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    content = {"settings": {}, "sources": {"a": f"openai/x@http://me:{WORD}@h/v1"}, "notes": [f"Bearer {WORD}"]}
    run.write_manifest(Manifest.from_json(content))
    assert leaks(tmp_path, WORD) == []
    assert "openai/x@http://***@h/v1" in (tmp_path / "manifest.json").read_text()


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "a-" * 300_000, "?" + "key" * 300_000], ids=["word", "dashes", "query"]
)
def test_a_long_word_takes_no_longer_than_its_length_allows(text: str) -> None:
    """Patterns that tried each letter as a beginning needed minutes for the first of these."""
    assert redacted(text) == text


def test_a_secret_at_the_end_of_a_long_word_is_hidden() -> None:
    text = "x" * 5000 + "http://me:hunter2@h/?" + "y" * 5000 + "_token=abc " + "z" * 5000 + "-api_key=hunter2"
    assert "hunter2" not in redacted(text)
    assert "abc" not in redacted(text)
