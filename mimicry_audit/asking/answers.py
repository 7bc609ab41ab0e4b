"""Asks the models: works out which answers are owed, drives an engine, and journals each answer as it lands.

Promise: every (model, probe, sample) is asked for until it has an answer; a failed request stays a failure in
the journal and is owed again next time; every model is found before the first is asked; a finished run asks for
nothing and starts no engine; and a model whose weights, template or revision changed since the run began is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from mimicry_audit.asking.panels import Panel, adopt, check_templates, record_of
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.sketch import lineage_of, sketch_folder
from mimicry_audit.engines.template import injection
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.ground.redaction import redacted_deep
from mimicry_audit.records.asked import (
    Completion,
    Identity,
    ModelSpec,
    Probe,
    Request,
    Response,
    Sampling,
    canonical_json,
    request_seed,
    response_key,
    sha256_text,
)
from mimicry_audit.records.manifest import (
    CheckpointFacts,
    IdentityEntry,
    KnownModel,
    Manifest,
    ModelSettings,
    Notes,
    ProbeSetEntry,
    RunSettings,
    SamplingEntry,
    SelectionEntry,
)
from mimicry_audit.records.run import RunDirectory, differences, read_journal


class Landed(Protocol):
    """What has been journalled, as far as progress goes."""

    @property
    def status(self) -> str:
        """How it went."""


class Progress(Protocol):
    """Who wants to know how far collecting has come."""

    def start(self, label: str, total: int, owed: int) -> None:
        """Collecting from a model begins; `owed` of `total` answers are still to be asked for."""

    def note(self, label: str, text: str) -> None:
        """Something slow is going on (a server starting)."""

    def advance(self, label: str, response: Landed) -> None:
        """One answer has been journalled."""

    def finish(self, label: str) -> None:
        """The model is done."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, label: str, total: int, owed: int) -> None: ...  # noqa: D102
    def note(self, label: str, text: str) -> None: ...  # noqa: D102
    def advance(self, label: str, response: Landed) -> None: ...  # noqa: D102
    def finish(self, label: str) -> None: ...  # noqa: D102


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
    probe_sets: tuple[Mapping[str, Any], ...] = ()
    selection: Mapping[str, Any] | None = None
    panels: tuple[Panel, ...] = ()

    @property
    def stored(self) -> frozenset[str]:
        """The labels of the models that are answered for by a stored panel."""
        return frozenset(label for panel in self.panels for label in panel.labels)

    def settings(self) -> RunSettings:
        """The settings as stored and compared on resume."""
        settings: RunSettings = {
            "models": {m.label: model_settings(m) for m in self.models},
            "probe_sets": [cast("ProbeSetEntry", dict(s)) for s in self.probe_sets],
            "probes_sha": sha256_text(canonical_json([asdict(p) for p in self.probes])),
            "selection": cast("SelectionEntry", dict(self.selection or {})),
            "sampling": cast("SamplingEntry", asdict(self.sampling)),
        }
        if self.panels:
            settings["panels"] = [record_of(panel, self.probes) for panel in self.panels]
        return settings


def model_settings(spec: ModelSpec) -> ModelSettings:
    """How a model is asked, as a manifest keeps it."""
    return cast("ModelSettings", {k: v for k, v in asdict(spec).items() if k not in ("label", "source")})


EngineFactory = Callable[[ModelSpec], Engine]


def collect(
    run: RunDirectory,
    plan: Plan,
    *,
    engine_for: EngineFactory | None = None,
    progress: Progress | None = None,
    notes: Notes | None = None,
) -> int:
    """Ask for every owed answer of the plan and journal it; hold the directory meanwhile.

    Args:
        run: where answers go.
        plan: what to ask.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: told of every answer.
        notes: further fields for the manifest (versions, roles); not compared on resume.

    Returns:
        How many answers were asked for now: 0 for a finished run.

    Raises:
        RunDirectoryError: made with other settings, held by another process, not writable, or a model changed.
        AuditError: an engine cannot start or go on. What was journalled stands.
    """
    if engine_for is None:
        from mimicry_audit.engines.registry import engine_for as registered

        engine_for = registered
    progress = progress or Silent()
    with run.locked():
        manifest = _open_manifest(run, plan, notes or Notes())
        tasks = [_task(run, manifest, plan, spec, engine_for) for spec in plan.models if spec.label not in plan.stored]
        for panel in plan.panels:
            check_templates(panel, {t.spec.label: t.identity for t in tasks if t.identity})
            adopt(run, manifest, panel, plan.probes)
        return sum(_collect_model(run, manifest, plan, task, progress) for task in tasks)


@dataclass(frozen=True, slots=True)
class _Task:
    """One model's requests, with the engine and the identity that answer them; without both where nothing is owed."""

    spec: ModelSpec
    requests: Sequence[Request]
    engine: Engine | None = None
    identity: Identity | None = None

    @property
    def owed(self) -> int:
        return sum(r.owed for r in self.requests)


def _open_manifest(run: RunDirectory, plan: Plan, notes: Notes) -> Manifest:
    settings: RunSettings = redacted_deep(plan.settings())  # as they are stored
    if run.exists():
        manifest = run.manifest()
        if changed := _told(differences(manifest.settings, settings)):
            raise RunDirectoryError(
                f"{run.path} was made with other settings ({'; '.join(changed)})",
                "use the same settings to finish it, or another --out",
            )
        return manifest
    if orphans := run.orphans():
        raise RunDirectoryError(
            f"{run.path} holds answers ({orphans[0].name}) but no manifest.json that says what was asked",
            "restore manifest.json, or use another --out",
        )
    manifest = Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        python=sys.version.split()[0],
        settings=settings,
        **notes,
    )
    run.write_probes(plan.probes)
    run.write_manifest(manifest)
    return manifest


def _told(changed: list[str]) -> list[str]:
    """The differences a user can act on: hashes and counts that follow from another field are left out."""
    derived = re.compile(r"probes_sha|probe_sets\[\d+\]\.(n|domains)\b")
    return [text for text in changed if not derived.match(text)] or changed


def _task(run: RunDirectory, manifest: Manifest, plan: Plan, spec: ModelSpec, engine_for: EngineFactory) -> _Task:
    """What is owed of a model. Every model is found before the first is asked: a typo must not show after an hour."""
    standing, _ = read_journal(run.journal_path(spec.label))
    requests = [
        Request(
            probe.id,
            sample,
            probe.messages,
            request_seed(plan.sampling.seed, probe.id, sample),
            owed=(probe.id, sample) not in standing or standing[probe.id, sample].status == "error",
        )
        for probe in plan.probes
        for sample in range(plan.sampling.samples)
    ]
    if not any(r.owed for r in requests):
        return _Task(spec, requests)
    engine = engine_for(spec)
    identity = engine.identify()
    check_unchanged(run, manifest, spec, identity)
    return _Task(spec, requests, engine, identity)


def _collect_model(run: RunDirectory, manifest: Manifest, plan: Plan, task: _Task, progress: Progress) -> int:
    spec, engine, identity = task.spec, task.engine, task.identity
    progress.start(spec.label, len(task.requests), task.owed)
    if engine is not None and identity is not None:
        progress.note(spec.label, "loading")
        with engine:
            _resolve(run, manifest, spec, engine, identity)
            _journal_answers(run, plan, spec, engine, identity, task.requests, progress)
    progress.finish(spec.label)
    return task.owed


def check_unchanged(run: RunDirectory, manifest: Manifest, spec: ModelSpec, identity: Identity) -> None:
    """Raises RunDirectoryError when a model is not the one that the run began with."""
    before = manifest.resolved.get(spec.label)
    if before and (changed := differences(before["identity"], asdict(identity))):
        raise RunDirectoryError(
            f"model {spec.label} is not the one this run began with ({'; '.join(changed)})",
            f"restore it, or use another --out than {run.path}",
        )


def _resolve(run: RunDirectory, manifest: Manifest, spec: ModelSpec, engine: Engine, identity: Identity) -> None:
    """Record what the model turned out to be, once, before its first answer."""
    if spec.label in manifest.resolved:
        return
    added = injection(engine.render)
    manifest.resolved[spec.label] = {
        "identity": cast("IdentityEntry", asdict(identity)),
        "injected_system_text": added.system,
        "injected_dates": list(added.dates),
    }
    manifest.resolved[spec.label] |= cast("KnownModel", checkpoint_facts(spec))
    run.write_manifest(manifest)


def checkpoint_facts(spec: ModelSpec) -> CheckpointFacts:
    """Weight sketch and lineage manifest, where the model's weights are on this machine and no adapter changes them."""
    if spec.engine not in ("hf", "vllm") or spec.adapter is not None:
        return {}
    folder = find_model(spec).file("config.json")
    if folder is None:
        return {}
    facts: CheckpointFacts = {}
    if (weights := sketch_folder(folder.parent)) is not None:
        facts["weights"] = weights
    if (lineage := lineage_of(folder.parent)) is not None:
        facts["lineage"] = lineage
    return facts


def _journal_answers(
    run: RunDirectory,
    plan: Plan,
    spec: ModelSpec,
    engine: Engine,
    identity: Identity,
    requests: Sequence[Request],
    progress: Progress,
) -> None:
    rendered: dict[str, str] = {}
    for request in requests:
        if request.owed and request.probe_id not in rendered:
            text = engine.render(request.messages)
            rendered[request.probe_id] = canonical_json([asdict(m) for m in request.messages]) if text is None else text
    with run.journal(spec.label) as journal:
        for request, completion in engine.generate(requests, plan.sampling):
            prompt = rendered[request.probe_id]
            response = Response(
                key=response_key(identity, spec.engine, prompt, plan.sampling, request),
                model=spec.label,
                probe_id=request.probe_id,
                sample=request.sample,
                prompt_sha=sha256_text(prompt),
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                **{k: getattr(completion, k) for k in _COMPLETION_FIELDS},
            )
            journal.append(response)
            progress.advance(spec.label, response)


_COMPLETION_FIELDS = tuple(f.name for f in fields(Completion))
