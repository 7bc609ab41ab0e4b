"""Asks the models: works out which answers are missing and has each journalled as it arrives.

Promise: every (model, probe, sample) is asked for until it has an answer; a failed request stays a failure in
the journal and is asked for again next time; every model is found before the first is asked, and before a new run writes
anything; a finished run asks for nothing and starts no engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from mimicry_audit.asking.panels import Panel, adopt, check_templates, record_of
from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.remembering import begin, changed_model, demand_same, other_settings, remember, section_of
from mimicry_audit.asking.session import EngineFactory, Session, expect_recorded, registered_engine
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.sketch import lineage_of, sketch_folder
from mimicry_audit.engines.template import injection
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.ground.redaction import redacted_deep
from mimicry_audit.records.asked import (
    ModelSpec,
    Probe,
    Request,
    Response,
    Sampling,
    canonical_json,
    request_seed,
    sha256_text,
)
from mimicry_audit.records.run import RunDirectory, read_journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides which answers a run holds.

    Attributes:
        models: resolved models, labels unique.
        probes: the probes as asked, arms expanded.
        sampling: the sampling fields.
        probe_sets: name, version, hash, licence and counts of the sets the probes came from.
        selection: how the probes were chosen from the sets (limit, domains, system prompt).
        panels: stored panels whose answers are copied; their models are among `models` and are never asked.
    """

    models: tuple[ModelSpec, ...]
    probes: tuple[Probe, ...]
    sampling: Sampling
    probe_sets: tuple[Mapping[str, object], ...] = ()
    selection: Mapping[str, object] | None = None
    panels: tuple[Panel, ...] = ()

    @property
    def stored(self) -> frozenset[str]:
        """The labels of the models that are answered for by a stored panel."""
        return frozenset(label for panel in self.panels for label in panel.labels)

    def settings(self) -> dict[str, Any]:
        """The settings as stored and compared on resume."""
        return {
            "models": {
                m.label: {k: v for k, v in asdict(m).items() if k not in ("label", "source")} for m in self.models
            },
            "probe_sets": [dict(s) for s in self.probe_sets],
            "probes_sha": sha256_text(canonical_json([asdict(p) for p in self.probes])),
            "selection": dict(self.selection or {}),
            "sampling": asdict(self.sampling),
            **({"panels": [record_of(panel, self.probes) for panel in self.panels]} if self.panels else {}),
        }


def collect(
    run: RunDirectory,
    plan: Plan,
    *,
    engine_for: EngineFactory = registered_engine,
    progress: Progress | None = None,
    notes: Mapping[str, object] | None = None,
    helpers: Sequence[ModelSpec] = (),
) -> int:
    """Ask for every missing answer of the plan and journal it; hold the directory meanwhile.

    Args:
        run: where answers go.
        plan: what to ask.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: notified of every answer.
        notes: further fields for the manifest (versions, roles); not compared on resume.
        helpers: models that will be asked later (judges, a mutator): a new run finds them too before it writes anything.

    Returns:
        How many answers were asked for now: 0 for a finished run.

    Raises:
        RunDirectoryError: made with other settings, held by another process, not writable, or a model changed.
        AuditError: an engine cannot start or continue. What was journalled is kept.
    """
    sessions = [
        Session(
            spec,
            engine_for=engine_for,
            journal=run.journal_path(spec.label),
            progress=progress,
            refuse=changed_model(run, spec),
        )
        for spec in plan.models
        if spec.label not in plan.stored
    ]
    if not run.exists():  # a mistyped name must not leave a folder behind
        for session in [*sessions, *(Session(spec, engine_for=engine_for) for spec in helpers)]:
            session.find()
    with run.locked():
        _begin_or_resume(run, plan, notes or {})
        expect_recorded(run, sessions)
        tasks = [(session, _build_requests(run, plan, session.spec.label)) for session in sessions]
        # Every model is found before the first is asked: a typo must not show after an hour.
        missing = (session for session, requests in tasks if any(request.missing for request in requests))
        identities = {session.spec.label: session.find() for session in missing}
        for panel in plan.panels:
            check_templates(panel, identities)
            adopt(run, panel, plan.probes)
        return sum(
            session.complete(requests, partial(_collect_answers, run, plan, session, requests))
            for session, requests in tasks
        )


def _begin_or_resume(run: RunDirectory, plan: Plan, notes: Mapping[str, object]) -> None:
    """Write the manifest of a new run, or check that the settings are those of the run that is there."""
    if run.exists():
        refuse = other_settings(run)
        remember(run, "settings", plan.settings(), refuse=lambda changed: refuse(_actionable_differences(changed)))
        return
    if orphans := run.orphans():
        raise RunDirectoryError(
            f"{run.path} holds answers ({orphans[0].name}) but no manifest.json that says what was asked",
            "restore manifest.json, or use another --out",
        )
    begin(run, plan.probes, redacted_deep(plan.settings()), notes)


def _actionable_differences(changed: Sequence[str]) -> Sequence[str]:
    """The differences a user can act on: hashes and counts that follow from another field are left out."""
    derived = re.compile(r"probes_sha|probe_sets\[\d+\]\.(n|domains)\b")
    return [text for text in changed if not derived.match(text)] or changed


def _must_be_asked(response: Response) -> bool:
    """Whether a journalled response is to be asked for again: it failed, and not for ever."""
    return response.status == "error" and not response.lasting


def missing_requests(run: RunDirectory, plan: Plan) -> dict[str, list[Request]]:
    """Label → the requests that `collect` would make now; nothing is asked or written.

    Raises:
        RunDirectoryError: the run was made with other settings, or cannot be read.
    """
    if run.exists():
        now = json.loads(json.dumps(redacted_deep(plan.settings())))
        refuse = other_settings(run)
        stored = section_of(run, "settings")
        demand_same(stored, now, lambda changed: refuse(_actionable_differences(changed)))
    return {
        spec.label: []
        if spec.label in plan.stored
        else [request for request in _build_requests(run, plan, spec.label) if request.missing]
        for spec in plan.models
    }


def _build_requests(run: RunDirectory, plan: Plan, label: str) -> list[Request]:
    """Every request of a model, in the order of the probes; those without an answer are missing."""
    response_by_slot, _ = read_journal(run.journal_path(label))
    return [
        Request(
            probe.id,
            sample,
            probe.messages,
            request_seed(plan.sampling.seed, probe.id, sample),
            missing=(probe.id, sample) not in response_by_slot or _must_be_asked(response_by_slot[probe.id, sample]),
        )
        for probe in plan.probes
        for sample in range(plan.sampling.samples)
    ]


def _collect_answers(
    run: RunDirectory, plan: Plan, session: Session, requests: Sequence[Request]
) -> Iterator[Response]:
    """One model's answers as they arrive; its identity is recorded before the first."""
    _put_on_record(run, session)
    for request, completion in session.ask(requests, plan.sampling):
        yield session.response(Response, request, completion, plan.sampling)


def _put_on_record(run: RunDirectory, session: Session) -> None:
    """Record what the model turned out to be, once, before its first answer."""
    spec = session.spec
    if spec.label in section_of(run, "resolved"):
        return
    added = injection(session.engine.render)
    entry = {
        "identity": asdict(session.identity),
        "injected_system_text": added.system,
        "injected_dates": list(added.dates),
        **checkpoint_facts(spec),
    }
    if notes := getattr(session.engine, "notes", ()):
        entry["notes"] = list(notes)
    remember(run, "resolved", {spec.label: entry}, refuse=changed_model(run, spec))


def checkpoint_facts(spec: ModelSpec) -> dict[str, Any]:
    """Weight sketch and lineage manifest, where the model's weights are on this machine and no adapter changes them."""
    if spec.engine not in ("hf", "vllm") or spec.adapter is not None:
        return {}
    folder = find_model(spec).file("config.json")
    if folder is None:
        return {}
    facts = {"weights": sketch_folder(folder.parent), "lineage": lineage_of(folder.parent)}
    return {k: v for k, v in facts.items() if v is not None}
