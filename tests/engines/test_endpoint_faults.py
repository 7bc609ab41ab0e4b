"""What the endpoint engine does when the server does not do what it should."""

from __future__ import annotations

import asyncio
import email.utils
import json
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from mimicry_audit.engines.endpoint import EndpointEngine
from mimicry_audit.engines.http_client import Connection, Loop, Retries, retry_after
from mimicry_audit.ground.errors import AuditError, ConfigError, EngineError, PrerequisiteError
from mimicry_audit.records.asked import Completion, Message, ModelSpec, Request, Sampling
from tests.support.fault_server import FaultServer, broken, completion, fault_server, hang, says, status

KEY = "sk-very-secret-0123456789"


def engine(url: str, **options: Any) -> EndpointEngine:
    quick = {"base_url": url, "retry_wait": 0.001, "max_attempts": 4, "max_concurrency": 1}
    return EndpointEngine(ModelSpec(label="end", engine="openai", name="echo-1", options=quick | options))


def ask(made: EndpointEngine, count: int = 1, **sampling: Any) -> list[Completion]:
    requests = [Request(f"p/{n}", 0, (Message("user", f"hello {n}"),), n) for n in range(count)]
    return [done for _, done in made.generate(requests, Sampling(**sampling))]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def posts(server: FaultServer) -> int:
    return len(server.seen)


@pytest.mark.parametrize(
    "fault",
    [
        status(429, Retry_After="0"),
        status(429, Retry_After="Thu, 01 Jan 2026 00:00:00 GMT"),
        status(429, Retry_After="soon"),
        status(408),
        status(409),
        status(500),
        status(502),
        status(503),
        status(529),
        broken,
        says(b"<html>a proxy's page</html>"),
        says(b'{"choices": []}'),
        says(b'{"choices": [{"message": null}]}'),
        says(b"[1]"),
        says(b"\xff\xfe"),
    ],
)
def test_passing_troubles_are_tried_again(faults: FaultServer, fault: Any) -> None:
    faults.faults.extend([fault, fault])
    [done] = ask(engine(faults.url))
    assert (done.status, done.text, done.attempt) == ("ok", "echo-1 heard hello 0 and all of the rest", 3)
    assert posts(faults) == 3


def test_tries_are_bounded_and_the_reason_is_kept(faults: FaultServer) -> None:
    faults.faults.extend([status(500, "out of coffee")] * 4)
    [failed, fine] = ask(engine(faults.url), 2)
    assert (failed.status, failed.text, failed.attempt) == ("error", "", 4)
    assert failed.error == "HTTP 500: out of coffee (after 4 tries)"
    assert fine.status == "ok"
    assert posts(faults) == 5


def test_a_retry_after_beyond_all_patience_is_not_waited_for(faults: FaultServer) -> None:
    faults.faults.append(status(429, "come back tomorrow", Retry_After="86400"))
    [failed] = ask(engine(faults.url))
    assert failed.error == "HTTP 429: come back tomorrow (after 1 try)"
    assert posts(faults) == 1


def test_a_slow_answer_is_given_up_and_asked_again(faults: FaultServer) -> None:
    faults.faults.append(hang)
    [done] = ask(engine(faults.url, timeout=0.2))
    assert (done.status, done.attempt) == ("ok", 2)


def test_waits_grow_with_jitter_and_never_undercut_the_server() -> None:
    retries = Retries(first_wait=1.0, longest_wait=8.0)
    for attempt, most in ((1, 1.0), (2, 2.0), (4, 8.0), (9, 8.0)):
        waits = [retries.wait(attempt, None) for _ in range(200)]
        assert 0 <= min(waits) < most / 2 < max(waits) <= most
    assert all(30 <= retries.wait(1, 30.0) <= 31 for _ in range(50))


def test_retry_after_in_both_of_its_forms() -> None:
    assert retry_after({"retry-after": "12"}) == 12
    assert retry_after({"retry-after": "0.5"}) == 0.5
    assert retry_after({"retry-after": email.utils.formatdate(1000.0, usegmt=True)}, now=990.0) == 10
    assert retry_after({"retry-after": email.utils.formatdate(1000.0, usegmt=True)}, now=2000.0) == 0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize("code", [400, 405, 413, 418, 422])
def test_other_refusals_are_one_request_s_own(faults: FaultServer, code: int) -> None:
    faults.faults.append(status(code, "the prompt is too long"))
    [failed, fine] = ask(engine(faults.url), 2)
    assert (failed.status, failed.error) == ("error", f"HTTP {code}: the prompt is too long")
    assert (fine.status, posts(faults)) == ("ok", 2)


def test_a_wrong_key_ends_it_at_once_and_is_not_shown(faults: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.key = "another"
    with pytest.raises(EngineError, match=r"refused the key \(401: .*Put the server's key into OPENAI_API_KEY"):
        engine(faults.url).identify()
    monkeypatch.setenv("HARBOUR_KEY", KEY)
    for call in (lambda made: made.identify(), ask):
        with pytest.raises(EngineError) as caught:
            call(engine(faults.url, api_key_env="HARBOUR_KEY"))
        assert caught.value.problem.endswith("refused the key (401: Incorrect API key provided: ***)")
        assert caught.value.fix == "put a valid key into HARBOUR_KEY"
        assert KEY not in repr(caught.value)


def test_a_key_that_turns_bad_midway_ends_it(faults: FaultServer) -> None:
    faults.faults.extend([says(completion("fine")), status(403, "no longer")])
    with pytest.raises(EngineError, match="refused the key"):
        ask(engine(faults.url), 5)
    assert posts(faults) == 2


def test_the_key_travels_and_is_kept_nowhere(faults: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.key = KEY
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    faults.faults.append(status(400, f"what is {KEY}?"))
    made = engine(faults.url)
    assert KEY not in repr(made.identify())
    [failed] = ask(made)
    assert failed.error == "HTTP 400: what is ***?"
    assert KEY not in repr(made.spec) + repr(made._connection)


def test_an_answer_that_held_the_key_is_marked_and_all_others_are_kept_word_for_word(
    faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.key = KEY
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    faults.faults.extend([says(completion(f"It is {KEY}, or {KEY}.")), says(completion("password: hunter2 *** EMPTY"))])
    told, plain = ask(engine(faults.url, max_concurrency=1), 2)
    assert (told.text, told.hidden) == ("It is ***, or ***.", 2)
    assert (plain.text, plain.hidden) == ("password: hunter2 *** EMPTY", None)


def test_an_unknown_model_names_those_that_are_served(faults: FaultServer) -> None:
    faults.models = ["echo-2", "parrot"]
    with pytest.raises(
        EngineError, match=r"does not serve the model echo-1\. Did you mean echo-2\? It serves echo-2, parrot"
    ):
        engine(faults.url).identify()
    faults.lists = False
    with pytest.raises(
        EngineError, match=r"does not know this model \(The model echo-1 does not exist\.\)\. Check the"
    ):
        ask(engine(faults.url))


def test_no_credit_is_everybody_s_trouble(faults: FaultServer) -> None:
    spent = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    faults.faults.append(lambda handler: handler.reply(429, spent))
    with pytest.raises(EngineError, match="has no credit left"):
        ask(engine(faults.url))


def test_every_sampling_field_is_sent(faults: FaultServer) -> None:
    ask(engine(faults.url), temperature=0.7, top_p=0.9, max_tokens=5, logprobs=2)
    path, _, body = faults.seen[0]
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "echo-1",
        "messages": [{"role": "user", "content": "hello 0"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 5,
        "seed": 0,
        "n": 1,
        "stream": False,
        "logprobs": True,
        "top_logprobs": 2,
    }
    ask(engine(faults.url, limit_field="max_completion_tokens", extra_body={"top_k": 0}), max_tokens=5)
    assert {"max_completion_tokens": 5, "top_k": 0}.items() <= faults.seen[1][2].items()
    assert "max_tokens" not in faults.seen[1][2]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (completion("", finish="stop"), ("empty", "", None)),
        (completion(None), ("empty", "", None)),
        (completion("cut", finish="length"), ("truncated", "cut", None)),
        (completion("part", finish="content_filter"), ("refused", "part", None)),
        (completion("<think>hm</think> yes"), ("ok", "yes", "hm")),
        (completion("<think>on and on", finish="length"), ("empty", "", "on and on")),
        (completion("yes", message={"reasoning": " hm "}), ("ok", "yes", "hm")),
        (completion("yes", message={"reasoning_content": "hm"}), ("ok", "yes", "hm")),
        (completion(None, message={"refusal": "I will not."}), ("ok", "I will not.", None)),
        (completion(None, message={"content": [{"type": "text", "text": "a"}, {"text": "b"}]}), ("ok", "ab", None)),
    ],
)
def test_what_comes_back_is_read(faults: FaultServer, body: Any, found: tuple[str, str, str | None]) -> None:
    faults.faults.append(says(body))
    [done] = ask(engine(faults.url))
    assert (done.status, done.text, done.reasoning) == found
    assert done.served_model == "echo-1"


def test_a_dead_replica_is_passed_over(faults: FaultServer) -> None:
    made = engine(f"http://127.0.0.1:9/v1|{faults.url}", max_concurrency=4)
    done = ask(made, 12)
    assert [answer.status for answer in done] == ["ok"] * 12
    assert posts(faults) == 12


def test_a_dead_replica_is_named(faults: FaultServer) -> None:
    made = engine(f"http://127.0.0.1:9/v1|{faults.url}")
    ask(made)
    (note,) = made.notes
    assert note.startswith("http://127.0.0.1:9/v1: ")
    assert "no server answers there" in note


@pytest.mark.parametrize("location", ["https://new.example/api/v1/models", "https://new.example/api/v1"])
def test_a_redirect_names_the_new_address_at_once(faults: FaultServer, location: str) -> None:
    faults.moved = location
    said = r"redirects to https://new.example/api/v1 \(308\)\. Use that address: openai/NAME@https://new.example/api/v1"
    with pytest.raises(EngineError, match=said):
        engine(faults.url).identify()


def test_a_redirect_of_answers_alone_is_not_tried_again(faults: FaultServer) -> None:
    faults.faults.append(lambda handler: handler.reply(302, {}, {"Location": "/v2/chat/completions"}))
    with pytest.raises(EngineError, match=r"redirects to http://127.0.0.1:\d+/v2 \(302\)"):
        ask(engine(faults.url))
    assert posts(faults) == 1


@pytest.mark.parametrize("reply", [says(completion("Hi")), status(500), status(429)])
def test_a_name_that_is_not_listed_is_asked_all_the_same(faults: FaultServer, reply: Any) -> None:
    faults.models = ["echo-2", "echo-1-20260101"]
    faults.faults.extend([reply, says(completion("It is so."))])
    made = engine(faults.url)
    [done] = ask(made)
    assert done.text == "It is so."
    assert made.notes == (
        f"{faults.url} does not list echo-1, but takes the name: which model answers is not known from its list.",
    )
    assert faults.seen[0][2] == {"model": "echo-1", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}


def test_replicas_share_the_work(faults: FaultServer) -> None:
    with fault_server() as second:
        assert len(ask(engine(f"{faults.url}|{second.url}/"), 10)) == 10
        assert (posts(faults), posts(second)) == (5, 5)


def test_a_server_that_goes_away_ends_it(faults: FaultServer) -> None:
    made = engine(faults.url)
    answers = made.generate([Request(f"p/{n}", 0, (Message("user", "hello"),), n) for n in range(500)], Sampling())
    next(answers)
    faults.server.shutdown()
    faults.server.server_close()
    faults.faults.extend([broken] * 500)
    with pytest.raises(EngineError, match="no server answers at"):
        list(answers)


def test_leaving_early_cancels_what_is_in_flight(faults: FaultServer) -> None:
    faults.faults.extend([says(completion("first")), *[hang] * 20])
    made = engine(faults.url, max_concurrency=4, timeout=50)
    answers = made.generate([Request(f"p/{n}", 0, (Message("user", "?"),), n) for n in range(20)], Sampling())
    next(answers)
    answers.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "mimicry-audit-http"]
    assert posts(faults) <= 6


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("host:8000/v1", ConfigError, "host:8000/v1 is not a base URL. Write it like http://host:8000/v1"),
        ("http://", ConfigError, "http: is not a base URL. Write it like http://host:8000/v1"),
        (
            "http://host:99999/v1",
            ConfigError,
            "http://host:99999/v1 is not a base URL. Write it like http://host:8000/v1",
        ),
        (
            "http://me:secret@host/v1",
            ConfigError,
            "the base URL of host contains a password. Put the key into the environment (api_key_env=NAME)",
        ),
        (
            "https://api.openai.com/v1",
            PrerequisiteError,
            "the environment variable OPENAI_API_KEY contains no key. Export OPENAI_API_KEY=…",
        ),
    ],
)
def test_bad_addresses(url: str, error: type[AuditError], said: str) -> None:
    with pytest.raises(error) as caught:
        engine(url).identify()
    assert str(caught.value) == said


def test_local_servers_are_not_asked_through_a_proxy() -> None:
    assert not Connection(urls=("http://127.0.0.1:1/v1", "http://localhost:2/v1")).trust_env
    assert Connection(urls=("http://127.0.0.1:1/v1", "https://models.example/v1")).trust_env


def test_a_connection_that_all_have_forgotten_closes_with_its_loop(faults: FaultServer) -> None:
    """A request given up in the very moment its connection opens leaves it to nobody."""

    async def forget() -> Any:
        where = urlsplit(faults.url)
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, where.hostname, where.port)
        return transport.get_extra_info("socket")

    with asyncio.Runner(loop_factory=Loop) as runner:
        socket = runner.run(forget())
        assert socket.fileno() >= 0
    assert socket.fileno() == -1


def test_an_answer_that_the_context_cut_before_the_limit_is_a_failure_in_the_words_of_every_engine(
    faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of vLLM tells its context and shortens the limit to it: 7 tokens of prompt, 3 of answer, none left."""
    body = json.dumps(completion("only three words", finish="length")).encode()
    faults.faults.extend([says(body), says(body)])
    made = engine(faults.url)
    monkeypatch.setattr(made, "_listing", {"owned_by": "vllm", "max_model_len": 10})
    [done] = ask(made, max_tokens=5)
    assert (done.status, done.text) == ("error", "")
    assert done.error == "a prompt of 7 tokens and max_tokens 5 exceed the context of 10 tokens; lower max_tokens"
    monkeypatch.setattr(made, "_listing", {"owned_by": "vllm"})
    [unknown] = ask(made, max_tokens=5)
    assert (unknown.status, unknown.completion_tokens) == ("truncated", 3)  # the report counts such answers
