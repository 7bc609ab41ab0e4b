"""Any OpenAI-compatible chat-completions endpoint, at one or several base URLs.

Promise: what the endpoint serves is asked before anything is sent to it; an endpoint that is down, refuses the key
or does not know the model says so at once. Keys are read from the environment and are neither stored nor shown.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from mimicry_audit.engines import chat_wire
from mimicry_audit.engines.base import Availability, EngineBase
from mimicry_audit.engines.hardware import version_of
from mimicry_audit.engines.http_client import Connection, Retries, ask_all
from mimicry_audit.engines.options import Option, with_defaults
from mimicry_audit.engines.reading import refuse_overlong
from mimicry_audit.ground.errors import ConfigError, EngineError, PrerequisiteError
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.asked import Completion, Identity, Message, Request, Sampling

if TYPE_CHECKING:
    import httpx

OPENAI = "https://api.openai.com/v1"

ASKING = (
    Option(name="max_concurrency", kind="whole", above=0, help="maximum requests in flight at once"),
    Option(name="timeout", kind="number", above=0, help="time to wait for one answer, in seconds"),
    Option(name="max_attempts", kind="whole", default=6, above=0, help="maximum attempts per request"),
    Option(
        name="retry_wait",
        kind="number",
        default=0.5,
        above=0,
        help="first wait between attempts, in seconds; doubles each time",
    ),
    Option(name="retry_total", kind="number", default=600.0, above=0, help="maximum time per request, in seconds"),
    Option(name="extra_body", kind="json", help='more request fields, e.g. {"chat_template_kwargs": {…}}'),
)
"""Options of every engine that asks over HTTP."""

OPTIONS = (
    *ASKING,
    Option(name="base_url", kind="text", help="base URL, or several separated by |; usually ends in /v1"),
    Option(name="api_key_env", kind="text", help="environment variable that holds the key"),
    Option(
        name="limit_field",
        kind="text",
        default="max_tokens",
        choices=("max_tokens", "max_completion_tokens"),
        help="request field that limits an answer's length; newer OpenAI models need max_completion_tokens",
    ),
)


class EndpointEngine(EngineBase):
    """One model behind a chat-completions endpoint."""

    title: ClassVar[str] = "any OpenAI-compatible endpoint"
    seeded: ClassVar[bool] = False
    structured: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = OPTIONS

    _connection: Connection | None = None
    _listing: Mapping[str, object] | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Always here: httpx is a dependency."""
        return Availability(True, version_of("httpx"))

    def identify(self) -> Identity:
        """What the endpoint says it serves under this name."""
        listing = self._served_model()
        extra: dict[str, object] = {"endpoint": sorted(self._open_connection().urls)}
        # vLLM and its like report which weights stand behind a served name.
        extra |= {name: listing[name] for name in ("root", "parent") if listing.get(name)}
        if self.spec.options.get("extra_body"):
            extra["extra_body"] = self.spec.options["extra_body"]
        return Identity(model=self.spec.name, engine_version="chat-completions", extra=extra)

    def open(self) -> None:
        """Check that the endpoint is there and serves the model."""
        self._served_model()

    def render(self, messages: Sequence[Message]) -> str | None:
        """None: an endpoint keeps its template to itself."""
        return None

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Ask all missing requests at once, within the concurrency."""
        missing_requests = [request for request in requests if request.missing]
        if not missing_requests:
            return
        self.open()
        extra = dict(chat_wire.NEUTRAL_VLLM) if self._served_model().get("owned_by") == "vllm" else {}
        extra |= self.spec.options.get("extra_body") or {}
        field = with_defaults(OPTIONS, self.spec.options)["limit_field"]
        jobs = [
            (request, chat_wire.payload(self.spec.name, request, sampling, limit_field=field, extra=extra))
            for request in missing_requests
        ]
        context = self._served_model().get("max_model_len")  # vLLM and its like tell it
        for request, completion in ask_all(self._open_connection(), jobs):
            yield request, _refuse_cut_by_context(completion, sampling, context if isinstance(context, int) else None)

    def close(self) -> None:
        """Forget what the endpoint said."""
        self._listing = None

    def _open_connection(self) -> Connection:
        if self._connection is None:
            urls = base_urls(self.spec.options)
            key, source = _resolve_key(self.spec.options, urls)
            self._connection = connection(
                self.spec.options, urls, key=key, key_source=source, concurrency=16, timeout=300.0
            )
        return self._connection

    def _served_model(self) -> Mapping[str, object]:
        if self._listing is None:
            field = with_defaults(OPTIONS, self.spec.options)["limit_field"]
            served = served_model(self._open_connection(), self.spec.name, field)
            self._listing, self.notes = served.entry, served.notes
        return self._listing


def _refuse_cut_by_context(completion: Completion, sampling: Sampling, context: int | None) -> Completion:
    """The completion, or a failure where the context cut the answer off before the token limit did.

    A server shortens the limit to what its context has room for without a word; our own engines refuse such a request.
    """
    prompt, told = completion.prompt_tokens, completion.completion_tokens
    if completion.finish_reason != "length" or prompt is None or told is None or told >= sampling.max_tokens:
        return completion
    return refuse_overlong(prompt, sampling.max_tokens, context) or completion


def connection(
    options: Mapping[str, object], urls: Sequence[str], *, concurrency: int, timeout: float, **more: Any
) -> Connection:
    """A connection with the options that every HTTP engine shares; `concurrency` and `timeout` are its defaults."""
    values = with_defaults(ASKING, options)
    return Connection(
        urls=tuple(urls),
        concurrency=values["max_concurrency"] or concurrency,
        timeout=values["timeout"] or timeout,
        retries=Retries(attempts=values["max_attempts"], first_wait=values["retry_wait"], total=values["retry_total"]),
        **more,
    )


def base_urls(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The base URLs in effect: the option, else ``OPENAI_BASE_URL``, else OpenAI's own.

    Raises:
        ConfigError: one of them is not a URL, or contains a password.
    """
    text = options.get("base_url") or os.environ.get("OPENAI_BASE_URL") or OPENAI
    urls = tuple(dict.fromkeys(part.strip().rstrip("/") for part in str(text).split("|") if part.strip()))
    for url in urls:
        check_url(url)
    return urls


def check_url(url: str) -> None:
    """Refuse what is not a base URL."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{url} is not a base URL", "write it like http://host:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"the base URL of {parts.hostname} contains a password",
            "put the key into the environment (api_key_env=NAME)",
        )
    if parts.query or parts.fragment:
        raise ConfigError(f"the base URL {url} has a query string", "give the part before ? alone")


@dataclass(frozen=True, slots=True)
class Served:
    """What an endpoint says of a model before it is asked.

    Attributes:
        entry: its entry in the list of models; empty where there is none.
        notes: what a reader should know: addresses that do not answer, a name that the list does not have.
    """

    entry: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def served_model(connection: Connection, name: str, limit_field: str = "max_tokens") -> Served:
    """The endpoint's entry for a model, and what was noticed on the way.

    A name that the list does not have may be an alias: one short request tells whether the endpoint takes it.

    Raises:
        EngineError: no server answers, the key is refused, the address has moved, or there is no such model.
    """
    import httpx

    dead: dict[str, str] = {}
    entries: dict[str, Mapping[str, Any]] | None = None
    with httpx.Client(headers=connection.headers(), timeout=10.0, trust_env=connection.trust_env) as http:
        for url in connection.urls:
            try:
                answer = http.get(f"{url}/models")
            except (httpx.TransportError, httpx.DecodingError) as error:
                dead[url] = f"{url}: {error or type(error).__name__}"
                continue
            body = connection.unechoed(answer.content)
            if answer.status_code == 401:
                raise connection.key_error(url, answer.status_code, body)
            if (moved := connection.redirect_error(url, answer, "models")) is not None:
                raise moved
            if entries is None:
                living, entries = url, _read_entries(body) if answer.status_code == 200 else {}
        if entries is None:
            raise connection.down_error("; ".join(dead.values()))
        notes = [f"{reason}: no server answers there, the other addresses were asked." for reason in dead.values()]
        if entries and name not in entries:
            if not _takes_name(http, living, name, limit_field):
                raise _unknown_model(living, name, entries)
            notes.append(
                f"{living} does not list {name}, but takes the name: which model answers is not known from its list."
            )
    return Served(entries.get(name, {}), tuple(notes))


def _read_entries(body: bytes) -> dict[str, Mapping[str, object]]:
    """The list of models; empty if there is none: a wrong name will meet a 404."""
    try:
        return {str(entry["id"]): dict(entry) for entry in parse_json(body, lax=True)["data"]}
    except (ValueError, LookupError, TypeError):
        return {}


def _takes_name(http: httpx.Client, url: str, name: str, limit_field: str) -> bool:
    """Whether an endpoint takes a name that it does not list; what else is wrong will show when the probes are asked."""
    import httpx

    hello = {"model": name, "messages": [{"role": "user", "content": "Hello"}], limit_field: 1}
    try:
        answer = http.post(f"{url}/chat/completions", json=hello)
    except httpx.HTTPError:
        return True
    about_model = "model" in f"{chat_wire.error_code(answer.content)} {chat_wire.error_message(answer.content)}".lower()
    return answer.status_code != 404 and not (answer.status_code in {400, 422} and about_model)


def _unknown_model(url: str, name: str, entries: Mapping[str, Any]) -> EngineError:
    close_names = difflib.get_close_matches(name, entries, n=1)
    names = sorted(entries)
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    hint = f"did you mean {close_names[0]}? " if close_names else ""
    return EngineError(f"{url} does not serve the model {name}", f"{hint}It serves {listed}")


def _resolve_key(options: Mapping[str, object], urls: Sequence[str]) -> tuple[str | None, str]:
    source = str(options.get("api_key_env") or "OPENAI_API_KEY")
    key = os.environ.get(source, "").strip() or None
    if key is None and ("api_key_env" in options or OPENAI in urls):
        raise PrerequisiteError(f"the environment variable {source} contains no key", f"export {source}=…")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise PrerequisiteError(
            f"the key in {source} contains characters that are not allowed in a header", f"export {source}=… again"
        )
    return key, source
