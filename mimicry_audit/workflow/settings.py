"""What a user asks for, from the command line, a YAML file or Python: one record, checked field by field.

Promise: an unknown or ill-typed setting is refused by name before any model is touched; and `resolve` turns the settings
into a `Plan` (what to ask), `ScoringOptions` (how to score) and a run directory whose default name depends only on the
settings, so that the same command finds its own run again.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import check_fields, fields_of, flat_values, from_flat
from mimicry_audit.lab.smollm2 import is_tiny
from mimicry_audit.records.asked import Message, ModelSpec, Probe, Sampling, canonical_json, sha256_text
from mimicry_audit.workflow.audit_settings import DEFAULT_PROBES, LAB_PROBES
from mimicry_audit.workflow.audit_settings import Settings as Settings

if TYPE_CHECKING:
    from mimicry_audit.asking.answers import Plan
    from mimicry_audit.asking.judge import Judging
    from mimicry_audit.asking.likelihoods import LikelihoodPlan
    from mimicry_audit.verdicts.roles import Roles
    from mimicry_audit.verdicts.score import ScoringOptions


Prices = tuple[float, float]
"""Of a million prompt tokens and of a million answer tokens, in any currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Settings made concrete.

    Attributes:
        plan: what to ask.
        scoring: how to score.
        out: the run directory.
        sources: label → the model as the user wrote it.
        judging: who judges, None without a judge.
        likelihood: whose answers all models score; None when that was not asked for.
        prices: label → what its tokens cost, where it is known.
    """

    plan: Plan
    scoring: ScoringOptions
    out: Path
    sources: Mapping[str, str]
    judging: Judging | None = None
    likelihood: LikelihoodPlan | None = None
    prices: Mapping[str, Prices] = field(default_factory=dict)


def settings_from(values: Mapping[str, object], where: str) -> Settings:
    """Settings from a mapping such as a YAML file.

    Args:
        values: field name → value; a single string stands for a list of one, and commas separate.
        where: named in errors.

    Raises:
        ConfigError: an unknown field, a value of the wrong type or out of range.
    """
    return check_ranges(_typed_settings(values, where))


def _typed_settings(values: Mapping[str, object], where: str) -> Settings:
    """Settings of the right types, ranges not yet checked."""
    fields_by_name = {setting.name: setting for setting in fields_of(Settings)}
    typed_values = {}
    for name, value in values.items():
        key = str(name).replace("-", "_")
        if key not in fields_by_name:
            close = difflib.get_close_matches(key, fields_by_name, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the settings are {', '.join(fields_by_name)}"
            raise ConfigError(f"{where}: unknown setting {name!r}", hint)
        typed_values[key] = fields_by_name[key].read_value(value, where)
    return from_flat(Settings, typed_values)


def read_config(path: Path) -> dict[str, object]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: it cannot be read, is not YAML, or holds no mapping.
    """
    import yaml

    from mimicry_audit.ground.yaml_text import load_yaml

    try:
        loaded = load_yaml(path.read_text("utf-8"), yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "check --config") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or a date such as 2026-02-31
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}, is not YAML", "fix it, or check --config") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds no settings", "write them as `name: value` lines")
    return loaded


def merged(file: Path | None, overrides: Mapping[str, object]) -> Settings:
    """Settings from a file, overridden by those given on the command line (None and empty mean: not given)."""
    values = dict(read_config(file)) if file else {}
    # Ranges are checked once both are known: `samples: 3` in the file may go with a --temperature given here.
    base = _typed_settings(values, str(file)) if file else Settings()
    over = {k: v for k, v in overrides.items() if v not in (None, (), {})}
    if isinstance(options := over.get("engine_options"), Mapping):
        over["engine_options"] = {**base.engine_options, **options}
    return check_ranges(from_flat(Settings, flat_values(base) | over))


def check_ranges(settings: Settings) -> Settings:
    """Refuse values outside their range.

    Raises:
        ConfigError: names the option and the range.
    """
    check_fields(settings)
    if "\0" in (settings.out or ""):
        raise ConfigError("--out contains a NUL character, which a path cannot", "remove it")
    from mimicry_audit.probes.schema import UNSENDABLE

    if UNSENDABLE.search(settings.system_prompt or ""):
        raise ConfigError("--system-prompt contains a NUL or an incomplete character", "give it as UTF-8 text")
    if settings.samples > 1 and settings.temperature == 0:
        raise ConfigError(
            f"--samples {settings.samples} at --temperature 0 would give the same answer each time",
            "set --temperature above 0, or ask for one sample",
        )
    return settings


def resolve(settings: Settings) -> Resolved:
    """Make settings concrete: parse model names, load probes, check roles.

    Raises:
        AuditError: whatever is wrong, before any model is touched.
    """
    from mimicry_audit.asking.answers import Plan
    from mimicry_audit.asking.panels import check_same_protocol, find_panel
    from mimicry_audit.engines.names import parse_models
    from mimicry_audit.similarity.measure import AXES, axis_class
    from mimicry_audit.workflow.calibrate import students_of
    from mimicry_audit.workflow.gates import parse_gates
    from mimicry_audit.workflow.recorded import refuse_other_prompts

    panels = [find_panel(name) for name in dict.fromkeys(settings.panel)]
    if not settings.models or len(settings.models) + sum(len(p.labels) for p in panels) < 2:
        names = f"only {settings.models[0]} was given" if settings.models else "none were given"
        raise ConfigError(f"An audit needs at least two models, but {names}", "name them like --models a,b")
    for axis in settings.axes:
        axis_class(axis)
    parse_gates(settings.fail_on)
    specs = parse_models(settings.models, default_engine=settings.engine, options=settings.engine_options)
    probes, sets, selection = probes_for(settings, specs)
    if not settings.probes:
        refuse_other_prompts(specs, probes, selection["probes"])
    sampling = sampling_of(settings)
    for panel in panels:
        check_same_protocol(panel, specs, probes, sampling)
        specs = (*specs, *panel.specs)
    taught: dict[str, str] = {}
    if settings.calibration:
        students, taught = students_of(Path(settings.calibration), specs, settings.engine, settings.engine_options)
        specs = (*specs, *students)
    plan = Plan(
        models=specs, probes=probes, sampling=sampling, probe_sets=sets, selection=selection, panels=tuple(panels)
    )
    scoring = scoring_options(
        settings, specs, AXES.own, panel=tuple(s for p in panels for s in p.labels), students=taught
    )
    out = Path(settings.out) if settings.out else default_out(plan)
    sources = {s.label: s.source or s.name for s in specs}
    compared = [label for label in sources if label not in scoring.roles.students]
    judging = judging_options(settings, scoring.roles.references, compared)
    likelihood = _likelihood_plan(settings, compared, scoring.roles)
    return Resolved(
        plan=plan,
        scoring=scoring,
        out=out,
        sources=sources,
        judging=judging,
        likelihood=likelihood,
        prices=prices_of(settings.price, specs),
    )


def prices_of(texts: Sequence[str], specs: Sequence[ModelSpec]) -> dict[str, Prices]:
    """Label → prices per million tokens; a text without a label is for all models behind endpoints.

    Raises:
        ConfigError: a text is not ``[LABEL=]IN/OUT``, or names no model of the run.
    """
    prices: dict[str, Prices] = {}
    for text in sorted(texts, key=lambda text: "=" in text):  # a model's own price wins
        label, equals, amounts = text.rpartition("=")
        parts = amounts.split("/")
        try:
            prompt, answer = (float(part) for part in parts)
        except ValueError:
            prompt = answer = -1.0
        if not (0 <= prompt < float("inf") and 0 <= answer < float("inf")):
            raise ConfigError(
                f"--price {text} is not [A=]IN/OUT", "give prices per million tokens, such as 2.5/10 or teacher=2.5/10"
            )
        labels = [_resolve_label(label, specs)] if equals else [spec.label for spec in specs if spec.engine == "openai"]
        if unknown := set(labels) - {spec.label for spec in specs}:
            names = ", ".join(spec.label for spec in specs)
            raise ConfigError(f"--price {unknown.pop()} is not among the models", f"choose from {names}")
        prices |= dict.fromkeys(labels, (prompt, answer))
    return prices


def judging_options(settings: Settings, references: Sequence[str], labels: Sequence[str]) -> Judging | None:
    """The judging part of the settings; None without a judge.

    Args:
        settings: gives the judges, the budget, the seed and the engine options, of which each judge takes those it knows.
        references: labels of the references.
        labels: of all models of the run.

    Raises:
        ConfigError: a judge's name is wrong, a budget without a judge, or no reference among several models.
    """
    if not settings.judge:
        if settings.judge_budget is not None:
            raise ConfigError("--judge-budget needs a judge, but none was given", "name one with --judge")
        return None
    from mimicry_audit.asking.judge import Judging
    from mimicry_audit.engines.names import parse_models
    from mimicry_audit.engines.registry import engine_class

    specs = parse_models(settings.judge, default_engine=settings.engine)
    option_names = {option.name for spec in specs for option in engine_class(spec.engine).options}
    judge_options = {name: value for name, value in settings.engine_options.items() if name in option_names}
    specs = parse_models(settings.judge, default_engine=settings.engine, options=judge_options)
    if recorded := [spec.source for spec in specs if spec.engine == "recorded"]:
        raise ConfigError(f"{recorded[0]} cannot judge: its answers are recorded", "name a model that can be asked")
    judging = Judging(judges=specs, references=tuple(references), budget=settings.judge_budget, seed=settings.seed)
    judging.pairs(labels)
    return judging


def _likelihood_plan(settings: Settings, labels: Sequence[str], roles: Roles) -> LikelihoodPlan | None:
    """Whose answers all models are to score, when that is asked for."""
    from mimicry_audit.asking.likelihoods import plan_likelihood

    if not settings.likelihood:
        return None
    if not roles.references:
        raise ConfigError(
            "--likelihood needs a reference, because its answers are what the models score",
            "name it with --reference, or with `reference:` in the --config file",
        )
    bases = list(roles.bases.values())
    return plan_likelihood(labels, roles.references, bases, roles.controls, settings.likelihood_top_k)


def scoring_options(
    settings: Settings,
    specs: Sequence[ModelSpec],
    axes: tuple[str, ...],
    panel: tuple[str, ...] = (),
    students: Mapping[str, str] = MappingProxyType({}),
) -> ScoringOptions:
    """The scoring part of the settings, with model names turned into labels.

    Args:
        settings: what the user asked for.
        specs: the models of the run.
        axes: measured where the settings name none.
        panel: models of stored panels.
        students: known student → its teacher, beside those of the settings.

    Raises:
        ConfigError: a role names a model that is not in the run.
    """
    from mimicry_audit.verdicts.roles import Roles
    from mimicry_audit.verdicts.score import ScoringOptions

    bases: dict[str, str] = {}
    for text in settings.base:
        head, equals, tail = text.partition("=")
        candidate, base = (_resolve_label(head, specs), tail) if equals else ("*", text)
        if bases.setdefault(candidate, _resolve_label(base, specs)) != _resolve_label(base, specs):
            raise ConfigError(
                f"--base names two bases: {bases[candidate]} and {base}",
                "give each its candidate: --base CANDIDATE=BASE",
            )
    roles = Roles(
        references=tuple(dict.fromkeys(_resolve_label(r, specs) for r in settings.reference)),
        bases=bases,
        controls=tuple(dict.fromkeys(_resolve_label(c, specs) for c in settings.control)),
        panel=panel,
        students={**students, **_known_students(settings.student, specs)},
    )
    roles.check([s.label for s in specs])
    return ScoringOptions(
        roles=roles,
        axes=settings.axes or axes,
        embedding_model=settings.embedding_model,
        seed=settings.seed,
        min_coverage=settings.min_coverage,
    )


def _known_students(texts: Sequence[str], specs: Sequence[ModelSpec]) -> dict[str, str]:
    """Student → teacher, from ``STUDENT=TEACHER``."""
    students: dict[str, str] = {}
    for text in texts:
        student, equals, teacher = text.partition("=")
        if not (student and equals and teacher):
            raise ConfigError(f"--student {text} is not STUDENT=TEACHER", "name whose student it is: --student s=aria")
        label = _resolve_label(student, specs)
        if students.setdefault(label, _resolve_label(teacher, specs)) != _resolve_label(teacher, specs):
            raise ConfigError(f"--student names two teachers of {label}", "a known student has one")
    return students


def _resolve_label(name: str, specs: Sequence[ModelSpec]) -> str:
    """The label a model goes by, given its label or the name the user wrote for it.

    Raises:
        ConfigError: what is one model's label is another's name, or several models have the name.
    """
    fitting = _fitting_specs(name, specs)
    if len(fitting) > 1:
        other_names = [
            next((n for n in (s.label, s.name, s.source) if len(_fitting_specs(n, specs)) == 1), s.label)
            for s in fitting
        ]
        raise ConfigError(f"{name} is the name or label of {len(fitting)} models", f"write {' or '.join(other_names)}")
    if fitting:
        return fitting[0].label
    return name  # the roles' own check names what can be chosen


def _fitting_specs(name: str, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """The models that a name may mean; a label wins over further models of the same name."""
    labelled = [spec for spec in specs if spec.label == name]
    named = [spec for spec in specs if name in (spec.name, spec.source)]
    if any(name in (spec.name, spec.source) for spec in labelled):
        return labelled
    return list({spec.label: spec for spec in (*labelled, *named)}.values())


def sampling_of(settings: Settings) -> Sampling:
    """The sampling fields of the settings."""
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        samples=settings.samples,
        logprobs=settings.logprobs,
    )


def probes_for(
    settings: Settings, specs: Sequence[ModelSpec]
) -> tuple[tuple[Probe, ...], tuple[Mapping[str, Any], ...], dict[str, Any]]:
    """The probes of a run, arms expanded and identity questions put into templates; the sets they come from; the selection.

    Raises:
        AuditError: a set cannot be used, or nothing is left of it.
    """
    from mimicry_audit.identity.design import templated
    from mimicry_audit.probes import expand_identity_arms, load, select

    names = settings.probes or (LAB_PROBES if only_lab(specs) else DEFAULT_PROBES)
    selected_probes = select(
        load(names), domains=list(settings.domains) or None, limit=settings.limit, seed=settings.seed
    )
    probes = expand_identity_arms(selected_probes.probes)
    attempts = settings.identity_attempts
    if attempts is None and any(s.engine == "recorded" for s in specs):
        attempts = 0  # answers that were recorded before cannot be had in our templates
    framed = templated(probes, attempts, seed=settings.seed)
    probes += framed
    if settings.system_prompt:
        probes = tuple(_with_system(p, settings.system_prompt) for p in probes)
    sets = tuple(
        {"name": s.name, "version": s.version, "sha": s.sha, "licence": s.licence, "n": s.n, "domains": dict(s.domains)}
        for s in selected_probes.sets
    )
    selection = {
        "probes": list(names),
        "domains": list(settings.domains),
        "limit": settings.limit,
        "system_prompt": settings.system_prompt,
        "identity_attempts": len(framed),
    }
    return probes, sets, selection


def only_lab(specs: Sequence[ModelSpec]) -> bool:
    """Whether all of these are the tiny models of the lab, which have their own probe set."""
    sources = [(s.source or s.name).split("=")[-1].removeprefix("vllm/").removeprefix("hf/") for s in specs]
    return all(map(is_tiny, sources))


def _with_system(probe: Probe, text: str) -> Probe:
    """The probe under the run's system prompt, unless it brings one of its own."""
    if probe.messages[0].role == "system":
        return probe
    return replace(probe, messages=(Message("system", text), *probe.messages))


def default_out(plan: Plan) -> Path:
    """``reports/FIRST-vs-SECOND-…-HASH``: the same settings give the same directory."""
    labels = [m.label for m in plan.models]
    name_part = "-vs-".join(labels) if len(labels) <= 2 else f"{labels[0]}-and-{len(labels) - 1}-others"
    sha = sha256_text(canonical_json([plan.settings(), [asdict(m) for m in plan.models]]))[:8]
    return Path("reports") / f"{name_part[:60]}-{sha}"


SETTING_NAMES = tuple(found.name for found in fields_of(Settings))
