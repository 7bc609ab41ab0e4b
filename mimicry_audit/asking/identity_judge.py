"""Has a model judge identity answers beside the rules, and reports how far both agree.

Promise: equal answers to equal questions are put to a judge once, in this run or another; each judgement is journalled as it
arrives in ``identity/JUDGE-NAME.jsonl``; a failed request is asked again and is never a label; the rules' labels stay as they
are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.prompts.identity import IdentityPrompt, Said, agreed, parse, schema
from mimicry_audit.asking.replies import Asker, JudgeTask
from mimicry_audit.asking.session import EngineFactory, registered_engine
from mimicry_audit.identity.attempts import Attempt
from mimicry_audit.records.asked import Message, ModelSpec, Response, timestamp
from mimicry_audit.records.judgement import OUTCOMES
from mimicry_audit.records.run import journal_name, read_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Response):
    """One line of an identity judge's journal: a `Response` of the judge, and what was read in it.

    ``attempt`` counts how often this answer was put to the judge.

    Attributes:
        outcome: ``ok``, ``lenient``, ``repaired``, ``failed`` or ``error``.
        labels: ``loose`` and ``strict``; None for ``failed`` and ``error``.
        maker: the maker that the judge found named.
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
    """Where one judge's labels are stored."""
    return folder / "identity" / f"JUDGE-{journal_name(label)}"


def judge_attempts(
    folder: Path,
    attempts: Sequence[Attempt],
    spec: ModelSpec,
    *,
    engine_for: EngineFactory = registered_engine,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Have a judge label every answered attempt whose target's own identity is known.

    Args:
        folder: the journal goes below it; no other process may be writing there.
        attempts: as the rules judged them.
        spec: the judge.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: notified of every judgement.
        cache: folder of the judgements that all runs share; the user's by default.

    Returns:
        The ``judge`` part of ``identity.json``: counts, and the agreement with the rules over all and by model.

    Raises:
        ConfigError: the judge cannot judge.
        DataError: the journal is corrupt.
        AuditError: the judge cannot start, or only ever fails. What was journalled is kept.
    """
    prompt, journal = IdentityPrompt(), journal_path(folder, spec.label)
    asker = Asker(
        spec, identity_task(prompt), engine_for=engine_for, journal=journal, progress=progress, cache_root=cache
    )
    asker.session.find()
    answered_attempts = [a for a in attempts if a.status == "ok" and a.own.known]
    questions = [prompt.messages(a.own, a.transcript.prompt, a.transcript.response) for a in answered_attempts]
    keys = [asker.key(messages) for messages in questions]
    labels = _label_attempts(asker, dict(zip(keys, questions, strict=True)), journal)
    return _summarise_labels(
        asker, [(attempt, labels[key]) for attempt, key in zip(answered_attempts, keys, strict=True)]
    )


def identity_task(prompt: IdentityPrompt) -> JudgeTask[Said]:
    """How identity answers are judged with this prompt."""
    return JudgeTask(
        prompt=prompt,
        schema=schema,
        read=parse,
        fields=lambda reading: {
            "labels": {"loose": reading.loose, "strict": reading.strict} if reading else None,
            "maker": reading.maker if reading else "",
        },
        check=lambda record: _check_outcome(record["outcome"], record["labels"]),
        cache_prefix="identity-",
    )


def _label_attempts(
    asker: Asker[Said], questions: Mapping[str, tuple[Message, ...]], journal: Path
) -> dict[str, Label]:
    """Key → its label, asked for now where there has been none before."""
    session = asker.session
    label_by_key = {
        key: line for key, line in _read_labels(journal).items() if key in questions and line.outcome != "error"
    }
    missing = {key: messages for key, messages in questions.items() if key not in label_by_key}
    session.start(len(questions), len(missing))
    with session:
        for fields in asker.judgements(missing):
            key = fields["key"]
            label_by_key[key] = Label(**fields, model=asker.spec.label, probe_id=key[:16], sample=0, time=timestamp())
            session.keep(label_by_key[key])
    session.finish()
    session.end_turn([label_by_key[key] for key in missing])
    return label_by_key


def _summarise_labels(asker: Asker[Said], labelled: Sequence[tuple[Attempt, Label]]) -> dict[str, object]:
    """As ``identity.json`` holds it."""
    counts = Counter({line.key: line.outcome for _, line in labelled}.values())
    models = dict.fromkeys(a.transcript.model for a, _ in labelled)
    return {
        "label": asker.spec.label,
        "source": asker.spec.source or asker.spec.name,
        "structured": asker.structured,
        "protocol": asker.protocol,
        "counts": {name: counts[name] for name in OUTCOMES},
        "agreement": _rule_agreement(labelled),
        "models": {name: _rule_agreement([x for x in labelled if x[0].transcript.model == name]) for name in models},
    }


def _rule_agreement(labelled: Sequence[tuple[Attempt, Label]]) -> dict[str, object]:
    return agreed(
        [
            ((line.labels["loose"], line.labels["strict"]), (bool(attempt.loose), bool(attempt.strict)))
            for attempt, line in labelled
            if line.labels is not None
        ]
    )


def _check_outcome(outcome: object, labels: object) -> None:
    if outcome not in OUTCOMES:
        raise ValueError(f"unknown outcome {outcome!r}")
    if outcome in ("failed", "error"):
        if labels is not None:
            raise ValueError(f"outcome {outcome} must not have labels")
        return
    if not isinstance(labels, dict) or set(labels) != {"loose", "strict"}:
        raise ValueError("the labels must be loose and strict")
    if not all(isinstance(value, bool) for value in labels.values()):
        raise ValueError("a label is neither true nor false")


def _read_labels(path: Path) -> dict[str, Label]:
    """Key → the last judgement under it."""
    return {line.key: line for line in read_records(path, Label, _parse_label, "a judgement", "it asked for again")[0]}


def _parse_label(record: dict[str, Any]) -> Label:
    line = Label(**record)
    if not isinstance(line.key, str):
        raise ValueError("its key is not text")
    _check_outcome(line.outcome, line.labels)
    return line
