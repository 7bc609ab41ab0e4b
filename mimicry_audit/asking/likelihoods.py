"""Asks the models how probable they find each other's answers: what is missing, and a journal for each model that scores.

Promise: every (scoring model, author, probe) is asked for until it has numbers; numbers count only for exactly the text that
they were computed on; a failure is journalled and asked again; a finished run asks nothing and starts no engine; and a model
that cannot score texts is recorded with the reason, never with an invented number.

Layout: ``DIR/likelihood/MODEL.jsonl``, one `Likelihood` a line, in the order of arrival; under the same rules as the
answers (`mimicry_audit.records.run`). What was asked is recorded in the manifest under ``likelihood``; it is not part of the
settings that decide the answers, so a run can be given likelihoods after it was collected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from mimicry_audit.asking.answers import Plan
from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.remembering import changed_model, remember, section_of
from mimicry_audit.asking.session import EngineFactory, Session, expect_recorded, registered_engine
from mimicry_audit.engines.likelihood import Scorer, TextRequest, TokenScores, why_not
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.records.asked import (
    IDENTITY_DOMAIN,
    Identity,
    ModelSpec,
    Probe,
    canonical_json,
    sha256_text,
    timestamp,
)
from mimicry_audit.records.likelihood import LIKELIHOOD_SCHEMA, Likelihood, likelihood_lines, likelihood_path, text_sha
from mimicry_audit.records.run import RunDirectory

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
    """Whose answers to score: the references', and every control's, for each of them may be the teacher.

    Args:
        labels: the models.
        references: models that may have been mimicked.
        bases: models that are the base of another.
        controls: models named as controls; empty for every other model.
        top_k: how many of the most probable tokens to keep.
    """
    others = tuple(k for k in dict.fromkeys(controls or labels) if k not in references and k not in bases)
    return LikelihoodPlan(references=tuple(references), controls=others, top_k=top_k)


def collect_likelihoods(
    run: RunDirectory,
    plan: Plan,
    likelihood_plan: LikelihoodPlan,
    *,
    engine_for: EngineFactory = registered_engine,
    progress: Progress | None = None,
) -> int:
    """Have every model of the run score the wanted answers and journal the numbers; hold the directory meanwhile.

    Args:
        run: a run whose answers are collected.
        plan: the run's models and probes.
        likelihood_plan: whose answers to score.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: notified of every scored text.

    Returns:
        How many texts were scored now: 0 for a finished run.

    Raises:
        RunDirectoryError: other settings, held by another process, not writable, or a model changed.
        AuditError: an engine cannot start or continue. What was journalled is kept.
    """
    with run.locked():
        likelihood_record = section_of(run, "likelihood")
        _check_top_k(run, likelihood_record, likelihood_plan)
        texts = _texts_to_score(run, plan, likelihood_plan)
        sessions = [
            Session(
                spec,
                engine_for=engine_for,
                journal=likelihood_path(run, spec.label),
                progress=progress,
                title=f"{spec.label} (likelihood)",
                refuse=changed_model(run, spec),
            )
            for spec in plan.models
            if not likelihood_record.get("models", {}).get(spec.label, {}).get("why_not")
        ]
        expect_recorded(run, sessions)
        tasks = [(session, _build_requests(run, session, texts)) for session in sessions]
        tasks = [(session, requests) for session, requests in tasks if any(request.missing for request in requests)]
        entry = {
            "top_k": likelihood_plan.top_k,
            "references": list(likelihood_plan.references),
            "controls": list(likelihood_plan.controls),
            "models": {session.spec.label: _scorer_entry(session) for session, _ in tasks},
        }
        remember(run, "likelihood", entry, may_grow=("references", "controls", "models"))
        return sum(
            session.complete(requests, partial(_score_texts, session, session.engine, requests))
            for session, requests in tasks
            if isinstance(session.engine, Scorer)
        )


def _check_top_k(run: RunDirectory, likelihood_record: Mapping[str, object], likelihood_plan: LikelihoodPlan) -> None:
    """Before any model is looked for: lines with fewer top tokens than others cannot be compared."""
    before = likelihood_record.get("top_k", likelihood_plan.top_k)
    if before != likelihood_plan.top_k:
        raise RunDirectoryError(
            f"{run.path} keeps the {before} most probable tokens, not {likelihood_plan.top_k}",
            f"use --likelihood-top-k {before}, or another --out",
        )


def _texts_to_score(
    run: RunDirectory, plan: Plan, likelihood_plan: LikelihoodPlan
) -> list[tuple[str, Probe, str, int]]:
    """Author, probe, text and how many top tokens: each author's first usable answer to each compared probe."""
    texts = []
    for author in dict.fromkeys((*likelihood_plan.references, *likelihood_plan.controls)):
        first = {r.probe_id: r.text for r in run.responses(author) if r.usable and r.sample == 0}
        top_k = likelihood_plan.top_k if author in likelihood_plan.references else 0
        for probe in plan.probes:
            if probe.domain != IDENTITY_DOMAIN and probe.id in first:
                texts.append((author, probe, first[probe.id], top_k))
    return texts


def _build_requests(
    run: RunDirectory, session: Session, texts: Sequence[tuple[str, Probe, str, int]]
) -> list[TextRequest]:
    """Every text for one model; those without numbers are missing."""
    line_by_key = {(r.author, r.probe_id): r for r in likelihood_lines(likelihood_path(run, session.spec.label))}
    requests = [TextRequest((author, probe.id), probe.messages, text, top_k) for author, probe, text, top_k in texts]
    return [replace(r, missing=not _is_complete(line_by_key.get(r.key), r)) for r in requests]


def _is_complete(record: Likelihood | None, request: TextRequest) -> bool:
    """Whether a line holds all that a request asks for."""
    return (
        record is not None
        and record.status == "ok"
        and record.text_sha == text_sha(request.text)
        and (record.top is not None or not request.top_k)
    )


def _scorer_entry(session: Session) -> dict[str, str | None]:
    """What the manifest keeps of a model that scores, found before any is loaded, or of why it cannot."""
    if not isinstance(session.engine, Scorer):
        return {"tokenizer": None, "why_not": why_not(session.spec.engine)}
    session.find()
    return {"tokenizer": session.engine.tokenizer_sha(), "why_not": None}


def _score_texts(session: Session, scorer: Scorer, requests: Sequence[TextRequest]) -> Iterator[Likelihood]:
    """One model's numbers as they arrive."""
    for request, scores in scorer.score_texts(requests):
        yield _build_line(session.spec, session.identity, session.engine.render(request.messages), request, scores)


def _build_line(
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
        time=timestamp(),
    )
