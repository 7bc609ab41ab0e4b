"""The records that travel between the steps: plain, frozen, and readable as JSON.

Promise: every arrow of the flow (collect → score → report) carries only what is defined here, so any
step can be run alone on what an earlier one wrote. Nothing here imports anything heavier than the
standard library.

Vocabulary: a *probe* is one prompt with a domain; an *arm* is one way of asking it (``default``: as the
model's template has it; ``neutral``: under a neutral system prompt); a *sample* is one of several answers
to the same probe in the same arm.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args

RESPONSE_SCHEMA = 1

DOMAINS = ("reasoning", "math", "instruction_following", "identity")
"""The domains shipped with the project; user sets may add others in snake_case."""
TEMPLATE_REFUSES = "the chat template refuses this conversation"
"""The error of a prompt that a model's template cannot render, such as one with a system turn."""
NOT_RECORDED = "no recorded answer"
"""How the error begins where a file of recorded answers holds none to a question."""
IDENTITY_DOMAIN = "identity"
"""Domain of questions about the model itself; their answers are not compared with other models'."""

Role = Literal["system", "user", "assistant"]
Status = Literal["ok", "empty", "truncated", "refused", "error"]
STATUSES: tuple[str, ...] = get_args(Status)

USABLE: frozenset[str] = frozenset({"ok", "truncated"})
"""Statuses whose text is evidence. Empty, refused and failed answers are counted, never compared."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One prompt put to every model.

    Attributes:
        id: unique in a run; ``SET/NAME``, with ``#ARM`` appended for any arm but the default.
        domain: snake_case; one of `DOMAINS` for shipped sets.
        messages: the conversation, last turn from the user.
        set: name of the probe set it comes from.
        check: how to recognise a right answer (see `mimicry_audit.probes.checks.check`), or None.
        arm: ``default``, ``neutral``, or for an identity question in a template ``templated`` or ``templated_neutral``.
        language: ISO 639-1 code.
        aspect: finer topic (for identity: team, cooperation, industry, technology, geography).
    """

    id: str
    domain: str
    messages: tuple[Message, ...]
    set: str = ""
    check: Mapping[str, object] | None = None
    arm: str = "default"
    language: str = "en"
    aspect: str | None = None

    @property
    def prompt(self) -> str:
        """The last user turn: what a reader needs to see."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Which model, through which engine.

    Attributes:
        label: short name used in tables and file names; unique in a run.
        engine: registry name of the engine (``vllm``, ``hf``, ``openai``, ``recorded``).
        name: Hub id, local folder, served model name, or model name inside a recorded file.
        revision: Hub revision, or None for the default.
        adapter: LoRA adapter (Hub id or folder) on top of `name`, or None.
        options: engine options (``base_url``, ``dtype``, ``tensor_parallel_size`` …), validated by the engine.
        source: the name exactly as the user wrote it.
    """

    label: str
    engine: str
    name: str
    revision: str | None = None
    adapter: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Every field that decides which text comes back; all are always sent, so that no model's own default applies.

    Attributes:
        temperature: 0 means greedy.
        top_p: nucleus mass in (0, 1].
        max_tokens: most tokens in one answer.
        seed: run seed; each request's own seed is derived from it (`request_seed`).
        samples: answers per probe.
        logprobs: number of top log-probabilities per generated token to keep, 0 for none.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int = 0
    samples: int = 1
    logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One answer wanted from one model.

    `missing` is False for requests whose answer is already journalled: an engine whose numerics depend on
    the batch (transformers) keeps them in their batch so that a resumed run repeats the same arithmetic,
    and every other engine leaves them out.

    `json_schema` is the JSON schema, as text, that the answer has to keep; an engine that cannot hold a model to one
    (`Engine.structured`) is never given any.
    """

    probe_id: str
    sample: int
    messages: tuple[Message, ...]
    seed: int
    missing: bool = True
    json_schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an engine gives back for one request. A failure is a status with `error`, never text."""

    status: str
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    attempt: int = 1
    error: str | None = None
    served_model: str | None = None
    logprobs: tuple[Mapping[str, float], ...] | None = None
    """Per generated token: token string → log-probability (nats), the chosen token first."""
    hidden: int | None = None
    """How often the endpoint's own key stood in the answer, where ``***`` stands now; None for an answer kept word for word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What pins a model down: enters every response key, so that no other model's answer is ever reused.

    Attributes:
        model: resolved name.
        revision: resolved commit of a Hub model, or ``sha256:…`` over a local folder's weights and tokenizer.
        template_sha: hash of the chat template, None where the endpoint hides it.
        dtype: numeric type of the weights as run.
        engine_version: engine and version, e.g. ``vllm 0.32.0``.
        extra: anything else that changes answers (adapter, quantisation, served model name).
    """

    model: str
    revision: str | None = None
    template_sha: str | None = None
    dtype: str | None = None
    engine_version: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Completion):
    """One line of a journal: a completion, and what it answers.

    Attributes:
        key: content key (`response_key`).
        model: label of the model.
        probe_id: what was asked.
        sample: which of several answers.
        prompt_sha: SHA-256 of the rendered prompt.
        time: when it landed, ISO 8601.
        schema: of this record.
    """

    key: str
    model: str
    probe_id: str
    sample: int
    prompt_sha: str | None = None
    time: str = ""
    schema: int = RESPONSE_SCHEMA

    @property
    def lasting(self) -> bool:
        """Whether asking again cannot help: the template of the model refuses the conversation, as it always will."""
        return self.status == "error" and self.error == TEMPLATE_REFUSES

    @property
    def absent(self) -> bool:
        """Whether the file of recorded answers holds no answer: it did not fail, and asking again cannot help."""
        return is_absent(self.status, self.error)

    @property
    def usable(self) -> bool:
        """Whether the text may be compared with another model's."""
        return self.status in USABLE and bool(self.text.strip())


def is_absent(status: str, error: str | None) -> bool:
    """Whether a completion says that a file of recorded answers holds none; see `Response.absent`."""
    return status == "error" and (error or "").startswith(NOT_RECORDED)


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text, and so equal hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_text(text: str) -> str:
    """Hex SHA-256 of the UTF-8 text; lone surrogates are kept apart rather than refused."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def shallow(record: Any) -> dict[str, Any]:
    """A flat record as a mapping, in the order of its fields; `dataclasses.asdict` copies deeply, at ten times the cost."""
    return {f.name: getattr(record, f.name) for f in fields(record)}


_COMPLETION_FIELDS = tuple(field.name for field in fields(Completion))


def completion_fields(completion: Completion) -> dict[str, Any]:
    """The fields of a completion by name, for a record that holds them too."""
    return {name: getattr(completion, name) for name in _COMPLETION_FIELDS}


def conversation_text(messages: Sequence[Message]) -> str:
    """A conversation as text: what a prompt is keyed by where no template is known."""
    return canonical_json([asdict(message) for message in messages])


def timestamp(timespec: str = "milliseconds") -> str:
    """Now in UTC, ISO 8601, as precise as `timespec` says."""
    return datetime.now(UTC).isoformat(timespec=timespec)


def response_key(identity: Identity, engine: str, rendered: str, sampling: Sampling, request: Request) -> str:
    """Content key of one answer: SHA-256 over everything that decides its text.

    Args:
        identity: the resolved model.
        engine: registry name of the engine.
        rendered: the prompt after the chat template, or the canonical JSON of the messages.
        sampling: all sampling fields.
        request: gives the request's seed and sample number, and its JSON schema where it has one.
    """
    sampling_fields = shallow(sampling)
    sampling_fields.pop("samples")  # asking for more answers leaves the earlier ones valid
    material = {
        "schema": RESPONSE_SCHEMA,
        "engine": engine,
        "identity": shallow(identity),
        "prompt": rendered,
        "sampling": sampling_fields,
        "seed": request.seed,
        "sample": request.sample,
    }
    if request.json_schema is not None:
        material["json_schema"] = request.json_schema
    return sha256_text(canonical_json(material))


def request_seed(run_seed: int, probe_id: str, sample: int) -> int:
    """A 31-bit seed for one request, a pure function of the run seed, the probe and the sample number."""
    return int(sha256_text(f"{run_seed}\0{probe_id}\0{sample}")[:8], 16) & 0x7FFFFFFF
