"""Asks the models how probable they find each other's answers: what is owed, and a journal for each model that scores.

Promise: every (scoring model, author, probe) is asked for until it has numbers; numbers stand only for the very text that they
were computed on; a failure is journalled and owed again; a finished run asks nothing and starts no engine; and a model that
cannot score texts is on record with the reason, never with an invented number.

Layout: ``DIR/likelihood/MODEL.jsonl``, one `Likelihood` a line, in the order they landed; under the same discipline as the
answers (`mimicry_audit.records.run`). What was asked stands in the manifest under ``likelihood``; it is no part of the
settings that decide the answers, so a run can be given likelihoods after it was collected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from mimicry_audit.asking.answers import EngineFactory, Plan, Progress, Silent, check_unchanged
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.likelihood import Scorer, TextRequest, TokenScores, why_not
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.records.asked import Identity, ModelSpec, Probe, canonical_json, sha256_text
from mimicry_audit.records.likelihood import LIKELIHOOD_SCHEMA, Likelihood, likelihood_lines, likelihood_path, text_sha
from mimicry_audit.records.manifest import LikelihoodEntry, Manifest
from mimicry_audit.records.run import Journal, RunDirectory

IDENTITY_DOMAIN = "identity"
MOST_CONTROLS = 4
"""Controls whose answers are scored: three for every candidate, also for one that is itself among them."""
TOP_K = 20
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodPlan:
    """Whose answers are scored by all models of a run.

    Attributes:
        references: their answers are scored with the most probable tokens at each place.
        controls: their answers are scored without.
        top_k: how many of the most probable tokens to keep.
    """

    references: tuple[str, ...]
    controls: tuple[str, ...] = ()
    top_k: int = TOP_K


def plan_likelihood(labels: Sequence[str], references: Sequence[str], bases: Sequence[str], controls: Sequence[str],
                    top_k: int) -> LikelihoodPlan:  # fmt: skip
    """Whose answers to score: the references', and those of the first few controls in the order of their labels.

    Args:
        labels: the models.
        references: models that may have been mimicked.
        bases: models that are somebody's base.
        controls: models named as controls; empty for every other model.
        top_k: how many of the most probable tokens to keep.
    """
    free = sorted(k for k in (controls or labels) if k not in references and k not in bases)
    return LikelihoodPlan(references=tuple(references), controls=tuple(free[:MOST_CONTROLS]), top_k=top_k)


def collect_likelihoods(
    run: RunDirectory,
    plan: Plan,
    wanted: LikelihoodPlan,
    *,
    engine_for: EngineFactory | None = None,
    progress: Progress | None = None,
) -> int:
    """Have every model of the run score the wanted answers and journal the numbers; hold the directory meanwhile.

    Args:
        run: a run whose answers are collected.
        plan: the run's models and probes.
        wanted: whose answers to score.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: told of every scored text.

    Returns:
        How many texts were scored now: 0 for a finished run.

    Raises:
        RunDirectoryError: other settings, held by another process, not writable, or a model changed.
        AuditError: an engine cannot start or go on. What was journalled stands.
    """
    if engine_for is None:
        from mimicry_audit.engines.registry import engine_for as registered

        engine_for = registered
    progress = progress or Silent()
    with run.locked():
        manifest = run.manifest()
        _check_same(run, manifest, wanted)
        texts = _texts(run, plan, wanted)
        tasks = [task for spec in plan.models if (task := _task(run, manifest, spec, texts, engine_for)).owed]
        _note(run, manifest, plan, wanted, tasks)
        return sum(_score_model(run, task, progress) for task in tasks)


@dataclass(frozen=True, slots=True)
class _Task:
    """One model's texts, with the engine that scores them; without one where nothing is owed or nothing can be."""

    spec: ModelSpec
    requests: Sequence[TextRequest] = ()
    engine: Engine | None = None
    identity: Identity | None = None
    tokenizer: str | None = None
    why_not: str | None = None

    @property
    def owed(self) -> bool:
        return self.why_not is not None or any(r.owed for r in self.requests)


def _check_same(run: RunDirectory, manifest: Manifest, wanted: LikelihoodPlan) -> None:
    before = manifest.likelihood["top_k"] if manifest.likelihood else wanted.top_k
    if before != wanted.top_k:
        raise RunDirectoryError(
            f"{run.path} keeps the {before} most probable tokens, not {wanted.top_k}",
            f"use --likelihood-top-k {before}, or another --out",
        )


def _texts(run: RunDirectory, plan: Plan, wanted: LikelihoodPlan) -> list[tuple[str, Probe, str, int]]:
    """Author, probe, text and how many top tokens: each author's first usable answer to each compared probe."""
    found = []
    for author in dict.fromkeys((*wanted.references, *wanted.controls)):
        first = {r.probe_id: r.text for r in run.responses(author) if r.usable and r.sample == 0}
        top_k = wanted.top_k if author in wanted.references else 0
        for probe in plan.probes:
            if probe.domain != IDENTITY_DOMAIN and probe.id in first:
                found.append((author, probe, first[probe.id], top_k))
    return found


def _task(
    run: RunDirectory,
    manifest: Manifest,
    spec: ModelSpec,
    texts: Sequence[tuple[str, Probe, str, int]],
    engine_for: EngineFactory,
) -> _Task:
    known = manifest.likelihood["models"].get(spec.label) if manifest.likelihood else None
    if known and known["why_not"]:
        return _Task(spec)
    standing = {(r.author, r.probe_id): r for r in likelihood_lines(likelihood_path(run, spec.label))}
    requests = [TextRequest((author, probe.id), probe.messages, text, top_k) for author, probe, text, top_k in texts]
    requests = [replace(r, owed=not _stands(standing.get(r.key), r)) for r in requests]
    if not any(r.owed for r in requests):
        return _Task(spec, requests)
    engine = engine_for(spec)
    if not isinstance(engine, Scorer):
        return _Task(spec, why_not=why_not(spec.engine))
    identity = engine.identify()
    check_unchanged(run, manifest, spec, identity)
    return _Task(spec, requests, engine, identity, engine.tokenizer_sha())


def _stands(record: Likelihood | None, request: TextRequest) -> bool:
    """Whether a line holds all that a request asks for."""
    return (
        record is not None
        and record.status == "ok"
        and record.text_sha == text_sha(request.text)
        and (record.top is not None or not request.top_k)
    )


def _note(run: RunDirectory, manifest: Manifest, plan: Plan, wanted: LikelihoodPlan, tasks: Sequence[_Task]) -> None:
    """Put on record what is scored, and by whom it cannot be."""
    before: LikelihoodEntry = manifest.likelihood or {"top_k": 0, "references": [], "controls": [], "models": {}}
    entry: LikelihoodEntry = {
        "top_k": wanted.top_k,
        "references": list(dict.fromkeys([*before["references"], *wanted.references])),
        "controls": list(dict.fromkeys([*before["controls"], *wanted.controls])),
        "models": {
            **before["models"],
            **{t.spec.label: {"tokenizer": t.tokenizer, "why_not": t.why_not} for t in tasks},
        },
    }
    if entry != manifest.likelihood:
        manifest.likelihood = entry
        run.write_manifest(manifest)


def _score_model(run: RunDirectory, task: _Task, progress: Progress) -> int:
    spec, engine, identity = task.spec, task.engine, task.identity
    if engine is None or identity is None:
        return 0
    assert isinstance(engine, Scorer)
    owed = sum(r.owed for r in task.requests)
    title = f"{spec.label} (likelihood)"
    progress.start(title, len(task.requests), owed)
    progress.note(title, "loading")
    with engine, Journal(likelihood_path(run, spec.label)) as journal:
        for request, scores in engine.score_texts(task.requests):
            record = _line(spec, identity, engine.render(request.messages), request, scores)
            journal.append(record)
            progress.advance(title, record)
    progress.finish(title)
    return owed


def _line(
    spec: ModelSpec, identity: Identity, rendered: str | None, request: TextRequest, scores: TokenScores
) -> Likelihood:
    author, probe_id = request.key
    material = {
        "schema": LIKELIHOOD_SCHEMA,
        "engine": spec.engine,
        "identity": asdict(identity),
        "prompt": rendered,
        "text": request.text,
        "top_k": request.top_k,
    }
    return Likelihood(
        key=sha256_text(canonical_json(material)),
        model=spec.label,
        author=author,
        probe_id=probe_id,
        status="ok" if scores.error is None else "error",
        text_sha=text_sha(request.text),
        bytes=len(request.text.encode("utf-8", "surrogatepass")),
        tokens=scores.tokens,
        logprobs=[round(value, _DIGITS) for value in scores.logprobs],
        top=None if scores.top is None else [[(i, round(v, _DIGITS)) for i, v in place] for place in scores.top],
        error=scores.error,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
