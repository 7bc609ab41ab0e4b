"""Has a model judge identity answers beside the rules, and tells how far both agree.

Promise: equal answers to equal questions are put to a judge once, in this run or another; each judgement is journalled as it
lands in ``identity/JUDGE-NAME.jsonl``; a failed request is owed again and is never a label; the rules' labels stand as they
are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import EngineFactory, Progress, Silent
from mimicry_audit.asking.cache import Cache, default_root
from mimicry_audit.asking.prompts.identity import IdentityPrompt, Said, agreed, parse, schema
from mimicry_audit.asking.prompts.likeness import REPAIRS, SAMPLING
from mimicry_audit.asking.replies import Asker, Heard, plain
from mimicry_audit.ground.errors import ConfigError, EngineError
from mimicry_audit.identity.attempts import Attempt
from mimicry_audit.records.asked import (
    Completion,
    Message,
    ModelSpec,
    Response,
    canonical_json,
    response_key,
    sha256_text,
)
from mimicry_audit.records.judgement import OUTCOMES
from mimicry_audit.records.run import Journal, read_records

_COMPLETION = tuple(f.name for f in fields(Completion) if f.name != "attempt")
_KEPT = ("key", "outcome", "labels", "maker", "reason", "status", "text", "structured", "served_model", "attempt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Response):
    """One line of an identity judge's journal: a `Response` of the judge, and what was read in it.

    ``attempt`` counts how often this answer was put to the judge.

    Attributes:
        outcome: ``ok``, ``lenient``, ``repaired``, ``failed`` or ``error``.
        labels: ``loose`` and ``strict``; None for ``failed`` and ``error``.
        maker: whom the judge heard named.
        reason: the judge's sentence.
        structured: whether the reply was held to the JSON schema.
        cached: whether it was taken from an earlier run.
    """

    outcome: str
    labels: Mapping[str, bool] | None = None
    maker: str = ""
    reason: str = ""
    structured: bool = False
    cached: bool = False


def journal_path(folder: Path, label: str) -> Path:
    """Where one judge's labels lie."""
    return folder / "identity" / f"JUDGE-{label}.jsonl"


def judge_attempts(
    folder: Path,
    attempts: Sequence[Attempt],
    spec: ModelSpec,
    *,
    engine_for: EngineFactory | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Have a judge label every answered attempt whose target's own identity is known.

    Args:
        folder: the journal goes below it; nobody else may be writing there.
        attempts: as the rules judged them.
        spec: the judge.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: told of every judgement.
        cache: folder of the judgements that all runs share; the user's by default.

    Returns:
        The ``judge`` part of ``identity.json``: counts, and the agreement with the rules over all and by model.

    Raises:
        ConfigError: the judge cannot judge.
        DataError: the journal is corrupt.
        AuditError: the judge cannot start, or only ever fails. What was journalled stands.
    """
    if engine_for is None:
        from mimicry_audit.engines.registry import engine_for as registered

        engine_for = registered
    if spec.engine == "recorded":
        raise ConfigError(
            f"{spec.source or spec.name} cannot judge: its answers are recorded", "name a model that runs"
        )
    bench = _Bench(folder, spec, engine_for, progress or Silent(), cache or default_root())
    labels = bench.judge([a for a in attempts if a.status == "ok" and a.own.known])
    return bench.summary(labels)


class _Bench:
    """One judge at work."""

    def __init__(
        self, folder: Path, spec: ModelSpec, engine_for: EngineFactory, progress: Progress, cache_root: Path
    ) -> None:
        self.path, self.spec, self.progress = journal_path(folder, spec.label), spec, progress
        self.engine = engine_for(spec)
        self.identity = self.engine.identify()
        self.prompt = IdentityPrompt()
        held_to = schema(bounded=spec.engine == "vllm") if self.engine.structured else None
        self.asker: Asker[Said] = Asker(spec, self.engine, held_to, parse, self.prompt.repair, lambda: None, progress)
        self.protocol = sha256_text(canonical_json([self.prompt.sha, held_to, asdict(SAMPLING), REPAIRS]))
        name = sha256_text(canonical_json([spec.engine, asdict(self.identity), self.protocol]))[:24]
        self.cache = Cache(
            cache_root, f"identity-{name}", _KEPT, lambda record: _check(record["outcome"], record["labels"])
        )

    def judge(self, attempts: Sequence[Attempt]) -> list[tuple[Attempt, Label]]:
        """Each attempt with its label, asked for now where nobody has before."""
        label = f"judge {self.spec.label}"
        wanted: dict[str, tuple[Message, ...]] = {}
        keys = []
        for attempt in attempts:
            messages = self.prompt.messages(attempt.own, attempt.transcript.prompt, attempt.transcript.response)
            request = self.asker.request(messages, 0, self.asker.schema)
            key = response_key(self.identity, self.spec.engine, plain(messages), SAMPLING, request)
            wanted.setdefault(key, messages)
            keys.append(key)
        known = {key: line for key, line in _read(self.path).items() if key in wanted and line.outcome != "error"}
        self.progress.start(label, len(wanted), len(wanted) - len(known))
        made: list[Label] = []
        with ExitStack() as stack, Journal(self.path) as book:
            self.asker.stack = stack
            for line in self._owed({k: m for k, m in wanted.items() if k not in known}):
                book.append(line)
                self.progress.advance(label, line)
                made.append(line)
                known[line.key] = line
        self.progress.finish(label)
        if made and all(line.outcome == "error" for line in made):
            raise EngineError(
                f"the judge {self.spec.label} answered nothing ({made[0].error})", "mend the cause, and run again"
            )
        return [(attempt, known[key]) for attempt, key in zip(attempts, keys, strict=True)]

    def _owed(self, wanted: Mapping[str, tuple[Message, ...]]) -> Iterator[Label]:
        asking = []
        for key, messages in wanted.items():
            if (cached := self.cache.get(key)) is not None:
                yield self._label(**dict(cached) | {"cached": True})
            else:
                asking.append((key, messages))
        for key, heard in self.asker.ask(asking):
            line = self._heard(key, heard)
            self.cache.put(line)
            yield line

    def _heard(self, key: str, heard: Heard[Said]) -> Label:
        said = heard.reading
        return self._label(
            key=key,
            outcome=heard.outcome(said is not None and said.lenient),
            labels={"loose": said.loose, "strict": said.strict} if said else None,
            maker=said.maker if said else "",
            reason=said.reason if said else "",
            attempt=heard.repairs + 1,
            structured=heard.held,
            **{name: getattr(heard.done, name) for name in _COMPLETION},
        )

    def _label(self, **said: Any) -> Label:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Label(**said, model=self.spec.label, probe_id=said["key"][:16], sample=0, time=now)

    def summary(self, labelled: Sequence[tuple[Attempt, Label]]) -> dict[str, Any]:
        """As ``identity.json`` holds it."""
        counts = Counter({line.key: line.outcome for _, line in labelled}.values())
        models = dict.fromkeys(a.transcript.model for a, _ in labelled)
        return {
            "label": self.spec.label,
            "source": self.spec.source or self.spec.name,
            "structured": self.asker.structured,
            "protocol": self.protocol,
            "counts": {name: counts[name] for name in OUTCOMES},
            "agreement": _agreement(labelled),
            "models": {name: _agreement([x for x in labelled if x[0].transcript.model == name]) for name in models},
        }


def _agreement(labelled: Sequence[tuple[Attempt, Label]]) -> dict[str, Any]:
    return agreed(
        [
            ((line.labels["loose"], line.labels["strict"]), (bool(attempt.loose), bool(attempt.strict)))
            for attempt, line in labelled
            if line.labels is not None
        ]
    )


def _check(outcome: Any, labels: Any) -> None:
    if outcome not in OUTCOMES:
        raise ValueError(f"unknown outcome {outcome!r}")
    if outcome in ("failed", "error"):
        if labels is not None:
            raise ValueError(f"{outcome}, and yet labelled")
        return
    if not isinstance(labels, dict) or set(labels) != {"loose", "strict"}:
        raise ValueError("the labels are not loose and strict")
    if not all(isinstance(value, bool) for value in labels.values()):
        raise ValueError("a label is neither true nor false")


def _read(path: Path) -> dict[str, Label]:
    """Key → the last judgement under it."""
    return {line.key: line for line in read_records(path, Label, _label, "a judgement", "it asked for again")[0]}


def _label(record: dict[str, Any]) -> Label:
    line = Label(**record)
    if not isinstance(line.key, str):
        raise ValueError("its key is not text")
    _check(line.outcome, line.labels)
    return line
