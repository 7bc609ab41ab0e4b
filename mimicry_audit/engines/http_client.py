"""Many chat requests at once, over one or several base URLs, out of an ordinary iterator.

Promise: each request is answered once. Temporary failures (408, 409, 425, 429, 5xx, broken or refused connections,
time-outs, unreadable bodies) are tried again with full jitter, never before the server's Retry-After, and never
beyond the bounds of `Retries`; what remains is an error completion. Failures that would affect every request (key
refused, model unknown, no server listening) end the whole call with `EngineError`. Leaving the iterator cancels what is in
flight and ends the thread before the next line runs. Keys never appear in a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import itertools
import json
import queue
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mimicry_audit.engines import chat_wire
from mimicry_audit.ground.errors import EngineError
from mimicry_audit.ground.redaction import looks_secret
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.asked import Completion, Request

if TYPE_CHECKING:
    import httpx

Job = tuple[Request, bytes]

EQUAL_REFUSALS = 12
"""Requests refused for one reason, before any was answered, after which no more are sent."""

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long to hope.

    Attributes:
        attempts: most tries for one request.
        first_wait: upper bound of the first wait in seconds; doubles each time.
        longest_wait: upper bound of any wait that the server did not ask for.
        total: most seconds spent on one request; a Retry-After beyond it is not waited for.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 60.0
    total: float = 600.0

    def wait(self, attempt: int, server_delay: float | None) -> float:
        """Seconds before the next try: full jitter, and never less than the server asked for."""
        jitter = random.uniform(0.0, min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)))  # noqa: S311 - no secret
        return jitter if server_delay is None else server_delay + jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where to ask, and how.

    Attributes:
        urls: base URLs that serve the same model, without a trailing slash.
        key: the bearer key, None for none.
        key_source: the environment variable the key comes from, for messages.
        concurrency: requests in flight.
        timeout: seconds for one answer.
        retries: see `Retries`.
        alive: raises `EngineError` when the server behind the URLs is known to be dead.
        route: path after the base URL that requests are sent to.
        read: takes the body of a 200 answer and the seconds it took; raises `UnreadableAnswer`.
    """

    urls: tuple[str, ...]
    key: str | None = field(default=None, repr=False)
    key_source: str = "OPENAI_API_KEY"
    concurrency: int = 16
    timeout: float = 300.0
    retries: Retries = Retries()
    alive: Callable[[], None] = lambda: None
    route: str = "chat/completions"
    read: Callable[[bytes, float], Completion] = chat_wire.completion

    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        basics = {"Content-Type": "application/json", "User-Agent": "mimicry-audit"}
        return basics | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    def hide(self, text: str) -> str:
        """The text without the key, should a server have repeated it."""
        return text.replace(self.key, "***") if self.key and looks_secret(self.key) else text

    def unechoed(self, body: bytes) -> bytes:
        """What a server sent, without the key, should it have repeated it: in an error, a list of models or an answer."""
        if not self.key or not looks_secret(self.key):
            return body
        spellings = {json.dumps(self.key)[1:-1], self.key.replace("/", "\\/"), self.key}
        for spelling in sorted(spellings, key=len, reverse=True):
            body = body.replace(spelling.encode(), b"***")
        return body

    @property
    def trust_env(self) -> bool:
        """Proxy settings are for the outside: a local server is spoken to directly."""
        return not all(urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"} for url in self.urls)

    def key_error(self, url: str, status: int, body: bytes) -> EngineError:
        """The server does not accept the key, or asks for one."""
        message = self.hide(chat_wire.error_message(body))
        fix = f"put a valid key into {self.key_source}" if self.key else f"put the server's key into {self.key_source}"
        return EngineError(f"{url} refused the key ({status}: {message})", fix)

    def redirect_error(self, url: str, answer: httpx.Response, route: str) -> EngineError | None:
        """The server is elsewhere, and says where; None for any other answer. A key is never sent on to another address."""
        location = answer.headers.get("location", "")
        if not 300 <= answer.status_code < 400 or not location:
            return None
        target = self.hide(urljoin(f"{url}/{route}", location).removesuffix(f"/{route}").rstrip("/"))
        return EngineError(
            f"{url} redirects to {target} ({answer.status_code})", f"use that address: openai/NAME@{target}"
        )

    def down_error(self, reason: str) -> EngineError:
        """No server answers."""
        where = " or ".join(self.urls)
        return EngineError(f"no server answers at {where} ({self.hide(reason)})", "start it, or correct the base URL")


@dataclass(frozen=True, slots=True)
class _Again:
    """A try that failed for a passing reason."""

    reason: str
    asked: float | None = None
    unreached: bool = False


class _Urls:
    """Takes the base URLs in turn, passing over those that did not answer just now."""

    COOLING = 5.0

    def __init__(self, urls: Sequence[str]) -> None:
        self._turn = itertools.cycle(urls)
        self._count = len(urls)
        self._out_until: dict[str, float] = {}

    def pick(self) -> str:
        now = time.monotonic()
        for _ in range(self._count):
            url = next(self._turn)
            if self._out_until.get(url, 0.0) <= now:
                return url
        return next(self._turn)

    def leave_out(self, url: str) -> None:
        self._out_until[url] = time.monotonic() + self.COOLING

    def others(self) -> bool:
        now = time.monotonic()
        return len([until for until in self._out_until.values() if until > now]) < self._count


def ask_all(connection: Connection, jobs: Sequence[Job]) -> Iterator[tuple[Request, Completion]]:
    """Put every job to the servers; yield each answer as it arrives."""
    run = _Run(connection, jobs)
    run.thread.start()
    try:
        while (item := run.landed.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        run.cancel()
        run.thread.join()


class Loop(asyncio.SelectorEventLoop):
    """Knows the connections it opened: one whose request is given up in the moment it opens is forgotten by all others."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[asyncio.Transport] = []

    async def create_connection(self, *args: Any, **more: Any) -> Any:
        """As the class above does, and remember it."""
        connection = await super().create_connection(*args, **more)
        self._opened = [*(t for t in self._opened if not t.is_closing()), connection[0]]
        return connection

    def close(self) -> None:
        """Close what is still open, and the loop."""
        for transport in self._opened:
            transport.abort()
        if self._opened:
            self.run_until_complete(asyncio.sleep(0))  # its socket is closed in the loop's next turn
            self._opened = []
        super().close()


class _Run:
    """One event loop in one thread, for one call of `ask_all`."""

    def __init__(self, connection: Connection, jobs: Sequence[Job]) -> None:
        self._connection = connection
        self._jobs = iter(jobs)
        self._workers = min(connection.concurrency, len(jobs))
        self._urls = _Urls(connection.urls)
        self._cancelled = threading.Event()
        self._refusals: Counter[str] = Counter()
        self._answered = False
        self._handle: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self.landed: queue.SimpleQueue[tuple[Request, Completion] | BaseException | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run_thread, name="mimicry-audit-http", daemon=True)

    def cancel(self) -> None:
        """Stop what is in flight; harmless when all is done."""
        self._cancelled.set()
        if self._handle is not None:
            loop, task = self._handle
            with contextlib.suppress(RuntimeError):  # the loop has closed by itself
                loop.call_soon_threadsafe(task.cancel)

    def _run_thread(self) -> None:
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(self._run_loop())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # raised again in the caller's thread
            self.landed.put(_first_error(error))
        finally:
            self.landed.put(None)

    async def _run_loop(self) -> None:
        import httpx

        task = asyncio.current_task()
        assert task is not None
        self._handle = (asyncio.get_running_loop(), task)
        if self._cancelled.is_set():
            return
        limits = httpx.Limits(max_connections=self._workers, max_keepalive_connections=self._workers)
        client = httpx.AsyncClient(
            headers=self._connection.headers(),
            timeout=httpx.Timeout(self._connection.timeout, connect=min(10.0, self._connection.timeout)),
            limits=limits,
            trust_env=self._connection.trust_env,
        )
        async with client as http, asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work_queue(http))

    async def _work_queue(self, http: httpx.AsyncClient) -> None:
        for request, body in self._jobs:
            plain = request.json_schema is None  # a refused schema is asked for again without one
            self.landed.put((request, await self._ask_endpoint(http, body, counts_errors=plain)))

    async def _ask_endpoint(self, http: httpx.AsyncClient, body: bytes, *, counts_errors: bool) -> Completion:
        retries, started = self._connection.retries, time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            url = self._urls.pick()
            outcome = await self._try_once(http, url, body)
            if isinstance(outcome, Completion):
                if counts_errors and outcome.status == "error":
                    self._count_refusal(url, outcome.error or "")
                return replace(outcome, attempt=attempt)
            self._connection.alive()
            if outcome.unreached:
                self._urls.leave_out(url)
            elsewhere = outcome.unreached and self._urls.others()
            wait = 0.0 if elsewhere else retries.wait(attempt, outcome.asked)
            if attempt >= retries.attempts or time.monotonic() + wait - started > retries.total:
                break
            await asyncio.sleep(wait)
        if outcome.unreached:
            raise self._connection.down_error(outcome.reason)
        reason = self._connection.hide(outcome.reason)
        tries = "try" if attempt == 1 else "tries"
        return Completion(status="error", error=f"{reason} (after {attempt} {tries})", attempt=attempt)

    async def _try_once(self, http: httpx.AsyncClient, url: str, body: bytes) -> Completion | _Again:
        import httpx

        started = time.monotonic()
        try:
            answer = await http.post(f"{url}/{self._connection.route}", content=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return _Again(f"connection failed: {error or type(error).__name__}", unreached=True)
        except (httpx.TransportError, httpx.DecodingError) as error:
            kind = "no answer in time" if isinstance(error, httpx.TimeoutException) else "connection broke"
            return _Again(f"{kind}: {type(error).__name__}")
        if answer.status_code == 200:
            try:
                completion = self._read_marked(answer.content, time.monotonic() - started)
                self._answered = True
                return completion
            except chat_wire.UnreadableAnswer as error:
                return _Again(str(error))
        return await self._handle_refusal(http, url, answer)

    def _read_marked(self, body: bytes, latency: float) -> Completion:
        """The completion in a body, marked where the key was taken out of the model's own words."""
        clean = self._connection.unechoed(body)
        completion = self._connection.read(clean, latency)
        if clean == body:
            return completion
        heard = self._connection.read(body, latency)
        if (heard.text, heard.reasoning) == (completion.text, completion.reasoning):
            return completion
        places = sum((c or "").count("***") - (h or "").count("***") for c, h in (
            (completion.text, heard.text), (completion.reasoning, heard.reasoning)))  # fmt: skip
        return replace(completion, hidden=max(places, 1))

    async def _handle_refusal(self, http: httpx.AsyncClient, url: str, answer: httpx.Response) -> Completion | _Again:
        status, body = answer.status_code, self._connection.unechoed(answer.content)
        message = chat_wire.error_message(body)
        if (moved := self._connection.redirect_error(url, answer, self._connection.route)) is not None:
            raise moved
        if chat_wire.is_moderation(status, body):
            return Completion(status="refused", finish_reason="content_filter")
        if status in {401, 403}:
            raise self._connection.key_error(url, status, body)
        if status == 402 or chat_wire.error_code(body) == "insufficient_quota":
            raise EngineError(
                f"{url} has no credit left ({status}: {self._connection.hide(message)})", "add credit to the account"
            )
        if status == 404:
            served = await _list_served(http, url, self._connection)
            fix = f"it serves {', '.join(served)}" if served else "check the base URL; it usually ends in /v1"
            raise EngineError(f"{url} does not know this model ({self._connection.hide(message)})", fix)
        if status in PASSING:
            return _Again(f"HTTP {status}: {message}", wait_asked(answer.headers, body))
        return Completion(status="error", error=self._connection.hide(f"HTTP {status}: {message}"))

    def _count_refusal(self, url: str, reason: str) -> None:
        """End the run where its first requests are all refused for one and the same reason: so would all others be.

        Raises:
            EngineError: `EQUAL_REFUSALS` requests were refused alike, and none was answered.
        """
        self._refusals[reason] += 1
        if not self._answered and self._refusals[reason] == EQUAL_REFUSALS == self._refusals.total():
            raise EngineError(
                f"{url} refuses every request ({reason})",
                'leave the field out with extra_body, as in {"top_p": null}, or set limit_field',
            )


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that the server asks to wait, from Retry-After in either of its forms; None when it does not ask."""
    text = headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - (time.time() if now is None else now))


def wait_asked(headers: Mapping[str, str], body: bytes) -> float | None:
    """Seconds that a server asks to wait, in any of the usual places: Retry-After, the body, or the reset of a spent quota."""
    if (delay := retry_after(headers)) is not None:
        return delay
    if (spoken := _WAIT_IN_BODY.search(body[:20_000].decode("utf-8", "replace"))) is not None:
        return _to_seconds(spoken["time"], spoken["unit"] or "s")
    for kind in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{kind}", "").strip() == "0":
            parts = _DURATION.findall(headers.get(f"x-ratelimit-reset-{kind}", ""))
            if parts:
                return sum(_to_seconds(amount, unit) for amount, unit in parts)
    return None


_WAIT_IN_BODY = re.compile(
    r"(?:retryDelay\W{1,6}|(?:retry|try again)\s+(?:in|after)\s+)(?P<time>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h)?\b",
    re.IGNORECASE,
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def _to_seconds(amount: str, unit: str) -> float:
    return float(amount) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}[unit.lower()]


async def _list_served(http: httpx.AsyncClient, url: str, connection: Connection) -> list[str]:
    """The names a server offers, empty when it does not say."""
    import httpx

    try:
        listed = parse_json(connection.unechoed((await http.get(f"{url}/models", timeout=10.0)).content), lax=True)
        return [str(entry["id"]) for entry in listed["data"]]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return []


def _first_error(error: BaseException) -> BaseException:
    """The first real error inside a task group's bundle."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
