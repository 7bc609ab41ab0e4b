"""A chat-completions server on the standard library that answers plainly, or fails in the way it is told to.

Each POST takes the next fault from `FaultServer.faults`; when none is left it echoes. A fault is a function of the
handler that sends whatever it likes (or nothing) and so stands for the server's whole behaviour.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_GET(self) -> None:
        if self._refused() or self._moved():
            return
        if self.owner.lists:
            self.reply(200, {"object": "list", "data": [{"id": name} for name in self.owner.models]})
        else:
            self.reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.owner.lock:
            self.owner.seen.append((self.path, dict(self.headers), self.body))
            fault = self.owner.faults.popleft() if self.owner.faults else None
        if self._refused() or self._moved():
            return
        (fault or echo)(self)

    def reply(self, status: int, body: Any, headers: Mapping[str, str] = {}) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def _moved(self) -> bool:
        if self.owner.moved is None:
            return False
        self.reply(308, {"detail": "moved"}, {"Location": self.owner.moved})
        return True

    def _refused(self) -> bool:
        sent = self.headers.get("Authorization", "")
        if self.owner.key is None or sent == f"Bearer {self.owner.key}":
            return False
        self.reply(401, {"error": {"message": f"Incorrect API key provided: {sent.removeprefix('Bearer ')}"}})
        return True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


class FaultServer:
    """One server; `url` is its base URL."""

    def __init__(self) -> None:
        self.models = ["echo-1", "echo-2"]
        self.lists = True
        self.moved: str | None = None
        self.key: str | None = None
        self.faults: deque[Fault] = deque()
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.lock = threading.Lock()
        self.released = threading.Event()
        handler = type("BoundHandler", (Handler,), {"owner": self})
        self.server = Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    made = FaultServer()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def completion(text: str | None, *, finish: str = "stop", message: Mapping[str, Any] = {}) -> dict[str, Any]:
    words = (text or "").split()
    return {
        "model": "echo-1",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": len(words)},
    }


def echo(handler: Handler) -> None:
    """Repeat the prompt, one word a token; sampled answers end in the seed."""
    asked, prompt = handler.body, handler.body["messages"][-1]["content"]
    if asked["model"] not in handler.owner.models:
        handler.reply(404, {"error": {"message": f"The model {asked['model']} does not exist."}})
        return
    if "overlong" in prompt:
        handler.reply(400, {"error": {"message": "This model's maximum context length is 512 tokens."}})
        return
    words = f"{asked['model']} heard {prompt} and all of the rest".split()
    words = [f"s{asked['seed']}", *words] if asked["temperature"] > 0 else words
    cut = words[: asked["max_tokens"]]
    body = completion(" ".join(cut), finish="stop" if len(cut) == len(words) else "length")
    body["model"] = asked["model"]
    if asked.get("logprobs"):
        places = [{"token": word, "logprob": -0.5, "top_logprobs": [{"token": "x", "logprob": -2.0}]} for word in cut]
        body["choices"][0]["logprobs"] = {"content": places}
    handler.reply(200, body)


def status(code: int, message: str = "try later", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.reply(code, {"error": {"message": message}}, named)


def says(body: Any) -> Fault:
    return lambda handler: handler.reply(200, body)


def broken(handler: Handler) -> None:
    """Announce more than is sent, then hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hang(handler: Handler) -> None:
    """Answer only when the test is over."""
    handler.owner.released.wait(60)
    handler.close_connection = True
