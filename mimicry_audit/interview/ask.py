"""Identity questions alone: models asked, judged, searched, counted, and written as ``identity.json``.

Promise: the same questions in the same templates for every model; the same command again completes what is missing and asks
nothing that is known; the directory is a run like any other, so that it can be scored and reported too; and a wrong
setting is refused before any model is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import Plan, collect, missing_requests
from mimicry_audit.asking.identity_judge import judge_attempts
from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.slip_record import SlipSearch
from mimicry_audit.asking.slips import attempts_left, search_run, seeds_of, too_small
from mimicry_audit.engines.names import parse_models
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.ground.version import __version__
from mimicry_audit.identity.asked import Asked, attempts_of, entry, own_identity_of, with_controls
from mimicry_audit.identity.attempts import IdentityRules
from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.design import template_of
from mimicry_audit.identity.facts import Facts, load_facts
from mimicry_audit.identity.own import Own, read_identities
from mimicry_audit.identity.templates import SPLITS, load_templates
from mimicry_audit.interview.transcripts import NOTES, SCHEMA, line_of, quoted_slips
from mimicry_audit.records.asked import ModelSpec, Probe, canonical_json, sha256_text
from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.measure import own_in_run
from mimicry_audit.workflow.estimate import Cost, cost_of, journal_of
from mimicry_audit.workflow.settings import Prices, Settings, only_lab, prices_of, probes_for, sampling_of

ASKED_NOTES = (
    *NOTES,
    "The rates are over held-out templates, the same for every model; a search reports only the worst case that it found.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interview:
    """What each model is asked.

    Attributes:
        plan: models, questions and sampling.
        out: the run directory.
        search: how to search; None for no search.
        judge: the judge model; None for the rules alone.
        given: label → own makers, as the user says; ``""`` for every model.
        facts: makers and models, the user's included.
        prices: label → what its tokens cost, where it is known.
    """

    plan: Plan
    out: Path
    search: SlipSearch | None
    judge: ModelSpec | None
    given: Mapping[str, Own]
    facts: Facts
    prices: Mapping[str, Prices] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """What the user should know before the first question."""
        if self.search is None:
            return []
        small = too_small(len(seeds_of(self.plan.probes, self.search.languages)), self.search)
        return [small] if small else []


def plan_interview(
    settings: Settings,
    *,
    out: Path,
    identities: Sequence[str] = (),
    facts: Path | None = None,
    search: SlipSearch | None = None,
    mutator: str | None = None,
    judge: str | None = None,
) -> Interview:
    """Settings made concrete; no model is touched.

    Args:
        settings: models, probes, sampling and the like, as for an audit.
        out: the run directory.
        identities: ``[LABEL=]TEXT``, who the models rightly are; their names and checkpoints decide otherwise.
        facts: the user's own makers and models.
        search: how to search; its mutator is named by `mutator`.
        mutator: a model that changes templates; rules where None.
        judge: a model that judges beside the rules.

    Raises:
        AuditError: whatever is wrong.
    """
    if not settings.models:
        raise ConfigError("no models were given", "name models like --models a,b, or give a file with --transcripts")
    specs = parse_models(settings.models, default_engine=settings.engine, options=settings.engine_options)
    probe_names = settings.probes or (("lab/identity",) if only_lab(specs) else ("identity",))
    settings = replace(settings, probes=probe_names, domains=("identity",))
    probes, sets, selection = probes_for(settings, specs)
    own_identities, maker_facts = read_identities(identities, [s.label for s in specs], load_facts(facts))
    others = [_helper_spec(name, settings) for name in (mutator, judge) if name]
    if mutator:
        if search is None:
            raise ConfigError("--mutator changes templates in a search, but no search was requested", "add --search")
        search = replace(search, mutator=others[0])
    return Interview(
        plan=Plan(models=specs, probes=probes, sampling=sampling_of(settings), probe_sets=sets, selection=selection),
        out=out,
        search=search,
        judge=others[-1] if judge else None,
        given=own_identities,
        facts=maker_facts,
        prices=prices_of(settings.price, specs),
    )


def _helper_spec(name: str, settings: Settings) -> ModelSpec:
    """A helper model, with those of the engine options that its engine knows."""
    from mimicry_audit.engines.registry import engine_class

    (spec,) = parse_models([name], default_engine=settings.engine)
    option_names = {option.name for option in engine_class(spec.engine).options}
    helper_options = {key: value for key, value in settings.engine_options.items() if key in option_names}
    (spec,) = parse_models([name], default_engine=settings.engine, options=helper_options)
    if spec.engine == "recorded":
        raise ConfigError(f"{spec.source} cannot be asked: its answers are recorded", "name a model that runs")
    return spec


def interview_costs(options: Interview) -> list[Cost]:
    """What each model would still be asked, search included, and what that costs; nothing is asked or written.

    Raises:
        RunDirectoryError: the directory holds another run, or cannot be read.
    """
    run, plan, search = RunDirectory(options.out), options.plan, options.search
    missing = missing_requests(run, plan)
    seeds = seeds_of(plan.probes, search.languages) if search else []
    # An attempt is a question in a template.
    length = sum(len(p.prompt) for p in plan.probes) // max(1, len(plan.probes))
    length += sum(len(text) for _, text in seeds) // max(1, len(seeds))
    return [
        cost_of(
            spec,
            missing[spec.label],
            plan.sampling.max_tokens,
            journal_of(run, spec.label),
            options.prices.get(spec.label),
            more=attempts_left(run, spec.label, len(seeds), search) if search else 0,
            length=length,
        )
        for spec in plan.models
    ]


def interview(options: Interview, progress: Progress | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ask, judge, search and count.

    Args:
        options: what each model is asked.
        progress: notified of every answer.

    Returns:
        The document of ``identity.json``, and the lines of ``attempts.jsonl``.

    Raises:
        DataError: nothing was answered.
        AuditError: an engine cannot start or continue, the directory holds another run … What was journalled is kept.
    """
    plan = options.plan
    run = RunDirectory(options.out)
    sources = {s.label: s.source or s.name for s in plan.models}
    helpers = [spec for spec in (options.search and options.search.mutator, options.judge) if spec]
    collect(run, plan, progress=progress, notes={"sources": sources, "version": __version__}, helpers=helpers)
    rules = IdentityRules(ClaimFinder(options.facts))
    manifest = run.manifest()
    owns = {s.label: _own_identity(s, sources[s.label], manifest.model(s.label), options) for s in plan.models}
    probes = [p for p in run.probes() if p.domain == "identity"]
    attempts_by_model = {
        s.label: attempts_of(s.label, probes, run.responses(s.label), owns[s.label], rules) for s in plan.models
    }
    if not any(
        a.attempt.status in ("ok", "refusal") for model_attempts in attempts_by_model.values() for a in model_attempts
    ):
        failed = next((r.error for s in plan.models for r in run.responses(s.label) if r.error), None)
        raise DataError(
            f"{run.path} holds no answers{f' (first failure: {failed})' if failed else ''}", "fix the cause, run again"
        )
    document = _build_document(attempts_by_model, owns, plan)
    for label, model_attempts in attempts_by_model.items():
        times = {(r.probe_id, r.sample): r.time for r in run.responses(label)}
        when = {at: times.get((a.probe.id, 0), "") for at, a in enumerate(model_attempts)}
        document["models"][label]["slips"] = quoted_slips([a.attempt for a in model_attempts], when)
    if options.search is not None:
        summaries = search_run(
            run, plan.models, options.search, sampling=plan.sampling, owns=owns, judge=rules, progress=progress
        )
        for label, summary in summaries.items():
            document["models"][label]["search"] = summary
        document["notes"] += sorted({s["warning"] for s in summaries.values() if s["warning"]})
    if options.judge is not None:
        everything = [a.attempt for model_attempts in attempts_by_model.values() for a in model_attempts]
        with run.locked():
            document["judge"] = judge_attempts(run.path, everything, options.judge, progress=progress)
    return document, [_attempt_line(a) for model_attempts in attempts_by_model.values() for a in model_attempts]


def _attempt_line(record: Asked) -> dict[str, object]:
    """A line of ``attempts.jsonl``, with what was asked."""
    line = line_of(record.attempt, template_of(record.probe))
    return line | {
        "probe_id": record.probe.id,
        "aspect": record.probe.aspect,
        "kind": record.kind,
        "system": record.system,
    }


def _own_identity(spec: ModelSpec, source: str, model: ModelInRun, options: Interview) -> Own:
    stated_identity = options.given.get(spec.label) or options.given.get("")
    if stated_identity is not None:
        return stated_identity
    return own_identity_of(source, own_in_run(model, options.facts), options.facts)


def _build_document(
    attempts_by_model: Mapping[str, Sequence[Asked]], owns: Mapping[str, Own], plan: Plan
) -> dict[str, Any]:
    seed = plan.sampling.seed
    models = {label: entry(model_attempts, seed=seed) for label, model_attempts in attempts_by_model.items()}
    for label, model_entry in models.items():
        own = owns[label]
        model_entry["own"] = {"makers": sorted(own.makers), "model": own.model} if own.known else None
    with_controls(models, ())
    unknown = [
        f"Cannot tell from its name who made {label}, so its slips are not counted: name its maker with "
        f'--identity "{label}=a model named X made by Y".'
        for label, own in owns.items()
        if not own.known
    ]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "definitions": "own",
        "seed": seed,
        "asked": _settings_entry(plan.probes),
        "models": models,
        "notes": [*ASKED_NOTES, *unknown],
    }


def _settings_entry(probes: Sequence[Probe]) -> dict[str, object]:
    """What was asked, as far as it decides the rates."""
    held_out_templates = [t for t in load_templates() if t.split == SPLITS[1]]
    return {
        "plain": sum(template_of(p) is None for p in probes),
        "templated": sum(template_of(p) is not None for p in probes),
        "templates": len({template_of(p) for p in probes} - {None}),
        "templates_sha": sha256_text(canonical_json([[t.id, dict(t.texts)] for t in held_out_templates])),
    }
