"""What a run holds, measured: the one place where journals become arrays.

Promise: every answer is compared along every axis and every identity answer is read, once; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mimicry_audit.records.asked import IDENTITY_DOMAIN, Probe, Response
from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.records.score_sections import AttemptRecord, IdentitySection
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.similarity.passages import Passages
from mimicry_audit.statistics.intervals import FloatArray, IntArray, bootstrap_resamples
from mimicry_audit.verdicts.material import Material

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, OwnIdentity
    from mimicry_audit.verdicts.options import ScoringOptions


@dataclass(frozen=True, slots=True)
class Measurements:
    """A run, measured.

    Attributes:
        probes: all of them.
        compared: those that are not identity probes.
        domains: of the compared probes, in order.
        facts: makers and models.
        own: label → who the model is.
        identity: the ``identity`` part of ``scores.json``.
        material: what the evidence is drawn from.
        weights: ``(B, P)`` bootstrap weights of the compared probes; None where there are none.
    """

    probes: Sequence[Probe]
    compared: Sequence[Probe]
    domains: Sequence[str]
    facts: Facts
    own: Mapping[str, OwnIdentity]
    identity: IdentitySection
    material: Material
    weights: FloatArray | None


def measure_run(
    models: Mapping[str, ModelInRun],
    probes: Sequence[Probe],
    responses: Mapping[str, Sequence[Response]],
    options: ScoringOptions,
    progress: Callable[[str], None],
    *,
    imported: bool = False,
) -> Measurements:
    """Measure a run's answers.

    Args:
        models: label → model of the run.
        probes: of the run.
        responses: label → standing responses.
        options: axes, embedding model, draws and seed.
        progress: called with what is being computed.
        imported: whether the probes are whatever the files of the answers hold, so that a model was not asked what its file
            does not hold; where probes were chosen, an answer that a file lacks is a gap.
    """
    from mimicry_audit.identity.asked import own_identity_of, templated_scores
    from mimicry_audit.identity.facts import load_facts
    from mimicry_audit.identity.scores import identity_scores

    labels, facts, roles = list(responses), load_facts(), options.roles
    own = {label: own_in_run(models[label], facts) for label in labels}
    compared = [p for p in probes if p.domain != IDENTITY_DOMAIN]
    progress("Identity")
    selves = [p for p in probes if p.domain == IDENTITY_DOMAIN]
    identity = identity_scores(selves, responses, own, facts)
    templated_scores(
        identity,
        selves,
        responses,
        {label: own_identity_of(models[label].given_name, own[label], facts) for label in labels},
        facts,
        controls=(*roles.controls, *roles.panel),
        set_aside=(*roles.references, *roles.bases.values()),
        draws=options.draws,
        seed=options.seed,
    )
    semantic = {"semantic": {"model": options.embedding_model}} if options.embedding_model else {}
    axis_values = measure_axes(compared, labels, responses, axes=options.axes, options=semantic, progress=progress)
    domains = list(dict.fromkeys(p.domain for p in compared))
    codes = _answer_codes(compared, domains)
    material = Material(
        labels=labels,
        domains=codes,
        measured=axis_values,
        texts={label: _first_texts(responses[label]) for label in labels},
        answered=_answered_matrix(compared, labels, responses),
        models=models,
        claims=_count_claims(identity, labels, own),
        passages=Passages(compared, responses),
        steps=_kept_steps(compared, responses),
        samples=_sampled_answers(compared, responses),
        posed=_posed_matrix(compared, labels, responses) if imported else None,
    )
    weights = bootstrap_resamples(codes, options.draws, options.seed) if compared else None
    return Measurements(probes, compared, domains, facts, own, identity, material, weights)


def _sampled_answers(
    compared: Sequence[Probe], responses: Mapping[str, Sequence[Response]]
) -> dict[str, dict[int, list[str]]]:
    """The answers of models that gave several to a probe, by the probe's place."""
    place = {probe.id: at for at, probe in enumerate(compared)}
    found: dict[str, dict[int, list[str]]] = {}
    for label, own in responses.items():
        for response in sorted(own, key=lambda r: r.sample):
            if response.usable and response.probe_id in place:
                found.setdefault(label, {}).setdefault(place[response.probe_id], []).append(response.text)
    return {
        label: several
        for label, by_place in found.items()
        if (several := {at: texts for at, texts in by_place.items() if len(texts) > 1})
    }


def _kept_steps(
    compared: Sequence[Probe], responses: Mapping[str, Sequence[Response]]
) -> dict[str, dict[int, Sequence[Mapping[str, float]]]]:
    """Log-probabilities along the first answers, of the models that have some."""
    place = {probe.id: at for at, probe in enumerate(compared)}
    steps: dict[str, dict[int, Sequence[Mapping[str, float]]]] = {
        label: {
            place[r.probe_id]: r.logprobs
            for r in own
            if r.usable and not r.sample and r.logprobs and r.probe_id in place
        }
        for label, own in responses.items()
    }
    return {label: found for label, found in steps.items() if found}


def own_in_run(model: ModelInRun, facts: Facts) -> OwnIdentity:
    """Who a model is: by the name the user gave for it, else by the checkpoint's lineage manifest."""
    from mimicry_audit.identity.facts import OwnIdentity, own_identity

    named_identity = own_identity(model.given_name, facts)
    if named_identity.maker is None:
        stated_identity = (model.lineage or {}).get("identity") or {}
        maker = facts.maker(str(stated_identity.get("maker") or ""))
        if maker is not None:
            stated_model = next((m for m in maker.models if stated_identity.get("name") in m.names), None)
            return OwnIdentity(maker, stated_model)
    return named_identity


def _count_claims(
    identity: IdentitySection, labels: Sequence[str], own: Mapping[str, OwnIdentity]
) -> dict[tuple[str, str], tuple[int, int] | None]:
    """(candidate, reference) → identity claims. Only the reference's maker matters, so each is counted once."""
    from mimicry_audit.identity.scores import claims_of

    attempts: dict[str, list[AttemptRecord]] = {label: [] for label in labels}
    for attempt in identity["attempts"]:
        attempts[attempt["model"]].append(attempt)
    claims_by_maker: dict[tuple[str, str | None], tuple[int, int] | None] = {}
    claims_by_pair = {}
    for candidate in labels:
        candidate_identity: IdentitySection = {**identity, "attempts": attempts[candidate]}
        for reference in labels:
            if candidate != reference:
                maker = own[reference].maker
                key = candidate, maker.name if maker else None
                if key not in claims_by_maker:
                    claims_by_maker[key] = claims_of(candidate_identity, candidate, own[reference])
                claims_by_pair[candidate, reference] = claims_by_maker[key]
    return claims_by_pair


def _answer_codes(probes: Sequence[Probe], domains: Sequence[str]) -> IntArray:
    import numpy as np

    return np.array([domains.index(p.domain) for p in probes], dtype=np.int64)


def _first_texts(responses: Sequence[Response]) -> dict[str, str]:
    return {r.probe_id: r.text for r in responses if r.usable and r.sample == 0}


def _answered_matrix(
    probes: Sequence[Probe], labels: Sequence[str], responses: Mapping[str, Sequence[Response]]
) -> FloatArray:
    import numpy as np

    usable = {label: {r.probe_id for r in responses[label] if r.usable} for label in labels}
    return np.array([[float(p.id in usable[label]) for label in labels] for p in probes]).reshape(-1, len(labels))


def _posed_matrix(
    probes: Sequence[Probe], labels: Sequence[str], responses: Mapping[str, Sequence[Response]]
) -> FloatArray:
    """See `Material.posed`: a probe was put to a model if any of its samples is more than absent from the file."""
    import numpy as np

    absent = {
        label: {r.probe_id for r in responses[label] if r.absent}
        - {r.probe_id for r in responses[label] if not r.absent}
        for label in labels
    }
    return np.array([[float(p.id not in absent[label]) for label in labels] for p in probes]).reshape(-1, len(labels))
