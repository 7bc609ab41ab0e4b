"""The one line that pins the scores down, after the manner of sacreBLEU (Post 2018).

Promise: everything that decides the numbers is in the line, in words or as a hash: other probes, models, roles, answers, axes
or seeds give another line; and the same answers scored in the same way give the same line, whenever and wherever they were
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import Probe, Response, canonical_json, sha256_text
from mimicry_audit.records.manifest import Manifest, ModelInRun
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.verdicts.roles import Roles

MOST_NAMED = 8
"""Up to so many models are named; of more the line holds their number and one hash."""
HASH = 8
"""Characters of a hash."""
DEFAULT_EMBEDDING = "all-MiniLM-L6-v2"


def signature(
    manifest: Manifest,
    probes: Sequence[Probe],
    options: ScoringOptions,
    measured: Sequence[Measured],
    responses: Mapping[str, Sequence[Response]],
) -> str:
    """The line.

    Args:
        manifest: of the run.
        probes: those that are compared.
        options: how was scored.
        measured: every axis, measured or not.
        responses: label → its standing responses.
    """
    sampling, likelihood = manifest.settings["sampling"], manifest.likelihood
    imported = manifest.settings["selection"].get("imported")
    sets = ",".join(f"{s['name']}@{s['version']}+{s['sha'][:8]}" for s in manifest.settings["probe_sets"])
    asked = ["temp:unknown"] if imported else sampling_parts(sampling)
    return " | ".join(
        (
            f"probes:{sets or imported or 'given'}",
            f"n:{len(probes)}+{short_hash(manifest.settings['probes_sha'])}",
            f"models:{models_part(list(manifest.models.values()))}",
            *_role_parts(options.roles),
            *[f"panel:{panel['name']}+{panel['sha'][:HASH]}" for panel in manifest.settings.get("panels", [])],
            *axes_parts(measured, options),
            *([f"likelihood:top{likelihood['top_k']}"] if likelihood else []),
            f"samples:{sampling['samples']}",
            *asked,
            f"answers:{answers_hash(responses)}",
            f"stat-seed:{options.seed}",
            f"boot:{options.draws}",
            f"cov:{options.min_coverage:g}",
            f"v:{__version__}",
        )
    )


def sampling_parts(sampling: Mapping[str, object]) -> list[str]:
    """Temperature, top-p, token limit and seed of the answers."""
    return [
        f"temp:{sampling['temperature']:g}",
        f"top-p:{sampling['top_p']:g}",
        f"tokens:{sampling['max_tokens']}",
        f"seed:{sampling['seed']}",
    ]


def models_part(models: Sequence[ModelInRun]) -> str:
    """Every model with what pins it: revision, or hash of its weights; one hash over all where there are many."""
    if len(models) <= MOST_NAMED:
        return "+".join(f"{model.label}@{_pin(model)}" for model in models)
    return f"{len(models)}+{short_hash([[model.label, model.engine, model.name, _pin(model)] for model in models])}"


def _pin(model: ModelInRun) -> str:
    """What tells one version of a model from another; of an endpoint, which tells none, a hash of its name and address."""
    identity = model.identity
    if not identity:
        return short_hash([model.engine, model.name, model.spec.get("revision"), model.spec.get("adapter")])
    # Engines differ in rounding, templates in the prompt: they are part of what answered.
    names = ("template_sha", "dtype", "engine_version", "extra")
    # A revision pins the weights wherever they lie; without one there is only the name.
    return short_hash([model.engine, identity.get("revision") or model.name, *(identity.get(name) for name in names)])


def axes_parts(measured: Sequence[Measured], options: ScoringOptions) -> list[str]:
    """The axes that were measured, and the embedding model where one of them uses it."""
    used = [m.axis.name for m in measured if m.values is not None]
    model = (options.embedding_model or DEFAULT_EMBEDDING).rstrip("/").split("/")[-1]
    return [f"axes:{'+'.join(used) or 'none'}", *([f"embed:{model}"] if "semantic" in used else [])]


def answers_hash(responses: Mapping[str, Sequence[Response]]) -> str:
    """Hash of what every model answered; when and how fast does not count."""
    rows = [
        [label, r.probe_id, r.sample, r.status, r.text]
        for label in sorted(responses)
        for r in sorted(responses[label], key=lambda r: (r.probe_id, r.sample))
    ]
    return short_hash(rows)


def short_hash(value: object) -> str:
    """The first characters of a hash of anything that JSON can hold."""
    return sha256_text(value if isinstance(value, str) else canonical_json(value))[:HASH]


def _role_parts(roles: Roles) -> list[str]:
    """Who was held against whom."""
    parts = []
    if roles.references:
        parts.append(f"ref:{'+'.join(roles.references)}")
    if roles.bases:
        parts.append("base:" + "+".join(b if c == "*" else f"{c}={b}" for c, b in roles.bases.items()))
    if roles.controls:
        parts.append(f"control:{'+'.join(roles.controls)}")
    if roles.students:
        parts.append("students:" + "+".join(f"{s}={t}" for s, t in roles.students.items()))
    return [_shortened(part) for part in parts]


def _shortened(part: str) -> str:
    """A part of many labels as their number and a hash."""
    name, _, labels = part.partition(":")
    listed = labels.split("+")
    return part if len(listed) <= MOST_NAMED else f"{name}:{len(listed)}+{short_hash(labels)}"
