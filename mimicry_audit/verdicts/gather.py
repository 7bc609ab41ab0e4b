"""Which pairs are judged, and the evidence on each: from measured axes to `PairFacts`.

Promise: everything numeric that a verdict rests on is computed here, once per run, with one Holm correction over all pairs
and axes of the run, and nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.similarity import weights
from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.similarity.equality import equality_test
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.tokens import token_distance
from mimicry_audit.statistics.intervals import Interval, adjusted_lift, bootstrap_resamples, holm, intervals
from mimicry_audit.verdicts.authors import AUTHOR_AXES, authors_evidence
from mimicry_audit.verdicts.basis import Excesses, Toward, basis_of
from mimicry_audit.verdicts.findings import (
    AMONG_AUTHORS,
    AMONG_STUDENTS,
    APART,
    FEWEST_FAMILIES,
    FEWEST_PER_AXIS,
    FEWEST_PROBES,
    MINIMUM_COPIED,
    MINIMUM_EFFECT,
    Evidence,
    PairFacts,
)
from mimicry_audit.verdicts.kinship import kin_of
from mimicry_audit.verdicts.material import Material, answering_models
from mimicry_audit.verdicts.pairwise import Overlaps, PairTables
from mimicry_audit.verdicts.roles import Roles

LONG_WORDS = 30
"""An answer this long that two models give word for word is not an accident of a short, templated reply."""


def judged_pairs(labels: Sequence[str], roles: Roles, material: Material) -> Iterator[tuple[str, str]]:
    """The (candidate, reference) pairs to judge.

    With references, every candidate against each. Without, every pair once, the model whose base is known as the
    candidate (both ways round when both have one), else the later named.
    """
    candidates = [label for label in labels if roles.role_of(label) == "candidate"]
    if roles.references:
        yield from ((c, r) for r in roles.references for c in candidates)
        return
    based = {c for c in candidates if (base := roles.base_of(c)) and _base_state(material, c, base)[1] is not False}
    for i, first in enumerate(candidates):
        for second in candidates[i + 1 :]:
            directed = [(c, r) for c, r in ((first, second), (second, first)) if c in based]
            yield from directed or [(second, first)]


def gather_facts(
    material: Material,
    roles: Roles,
    *,
    draws: int,
    seed: int,
    min_coverage: float,
    tables: PairTables | None = None,
    extend: Callable[[PairFacts], PairFacts] = lambda facts: facts,
) -> list[PairFacts]:
    """The facts on every judged pair, with p-values corrected over the run (Holm, lifts and excesses apart).

    `tables` (centred over all models) may be handed in where they are needed again; `extend` may add evidence that comes
    from elsewhere than the measured axes, and it is corrected with the rest.
    """
    weights_ = bootstrap_resamples(material.domains, draws, seed)
    if tables is None:
        tables = PairTables(material.labels, material.measured, material.domains, weights_)
    excesses = Excesses(material.labels, material.measured, material.domains, weights_)
    pairs = list(judged_pairs(material.labels, roles, material))
    answering = answering_models(material)
    overlaps = Overlaps(material.labels, material.texts, material.answered, LONG_WORDS, material.posed)
    states: dict[tuple[str, str | None], tuple[float | None, bool | None]] = {}
    kin = kin_of(material.labels, roles, material.models)
    kin_by_basis: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
    facts = []
    for candidate, reference in pairs:
        base = roles.base_of(candidate)
        base = None if base == reference else base
        if (candidate, base) not in states:
            states[candidate, base] = _base_state(material, candidate, base)
        cosine, confirmed = states[candidate, base]
        facts_of_pair = _pair_facts(material, overlaps, candidate, reference, base, min_coverage)
        distance, places = _token_distance(material, candidate, reference, weights_)
        facts_of_pair = replace(
            facts_of_pair,
            models=len(answering),
            base_weights=cosine,
            base_contradicted=confirmed is False,
            token_distance=distance,
            token_places=places,
            remarks=_sampling_remark(material, candidate, reference, seed),
        )
        controls = _choose_controls(material, roles, facts_of_pair, answering) if facts_of_pair.triangle else []
        basis = basis_of(candidate, reference, roles, kin, answering)
        centred = excesses.toward(reference, basis.panel) if basis.on_panel else None
        key = reference, basis.centred_on if basis.on_panel else ()
        if facts_of_pair.triangle and key not in kin_by_basis:
            kin_by_basis[key] = standing_out(
                material, reference, centred.all() if centred else tables.excesses(reference)
            )
        entries = [
            entry
            for m in material.measured
            if m.values is not None
            and (
                entry := _lift_evidence(m, material, facts_of_pair, controls, draws, seed)
                if facts_of_pair.triangle
                else None
                if basis.refused
                else _excess_on_panel(m, facts_of_pair, centred, basis.panel)
                if centred is not None
                else _excess_evidence(m, material, facts_of_pair, tables)
            )
        ]
        if facts_of_pair.triangle:
            further = (
                _copied_evidence(material, facts_of_pair, controls, draws, seed),
                _authors_evidence(material, facts_of_pair, controls, draws, seed),
            )
            entries += [entry for entry in further if entry is not None]
        baselines = {m.axis.name for m in material.measured if m.axis.baseline}
        facts.append(
            replace(
                facts_of_pair,
                controls=tuple(controls),
                kin_controls=tuple(k for k in controls if k in kin_by_basis[key]) if controls else (),
                panel=basis.panel,
                family=basis.family,
                centred_on=basis.centred_on,
                evidence=tuple(e for e in entries if e.axis not in baselines),
                length=next((e for e in entries if e.axis in baselines), None),
            )
        )
    return _apply_holm([extend(f) for f in facts])


def _choose_controls(material: Material, roles: Roles, facts: PairFacts, answering: Container[str]) -> list[str]:
    """The models that a movement from the base is adjusted by."""
    out = {facts.candidate, facts.reference, facts.base, *roles.bases.values()}
    return [k for k in (roles.declared_panel or material.labels) if k not in out and k in answering]


def _pair_facts(
    material: Material, overlaps: Overlaps, candidate: str, reference: str, base: str | None, min_coverage: float
) -> PairFacts:
    sketch = {k: material.models[k].weights for k in (candidate, reference)}
    verbatim, long = overlaps.verbatim(candidate, reference)
    return PairFacts(
        candidate=candidate,
        reference=reference,
        base=base,
        weights=weights.cosine(sketch[candidate], sketch[reference]),
        weights_related=weights.related(sketch[candidate], sketch[reference]),
        equal_weights=_equal_weights(material, candidate, reference),
        models=len(material.labels),
        n=overlaps.both(candidate, reference),
        asked=overlaps.posed(candidate, reference),
        recorded=all(material.models[label].engine == "recorded" for label in (candidate, reference)),
        min_coverage=min_coverage,
        verbatim=verbatim,
        long_answers=long,
        same_openings=overlaps.same_openings(candidate, reference),
        claims=material.claims.get((candidate, reference)),
    )


def _token_distance(material: Material, a: str, b: str, weights_: FloatArray) -> tuple[Interval | None, int]:
    """How far two models are apart at the next token, and at how many places that was seen."""
    first, second = (material.steps.get(label, {}) for label in (a, b))
    values, places = np.full((len(material.domains), 1), np.nan), 0
    for probe in first.keys() & second.keys():
        if (found := token_distance(first[probe], second[probe])) is not None:
            values[probe, 0] = found[0]
            places += found[1]
    return (intervals(values, material.domains, weights_)[0] if places else None), places


def _sampling_remark(material: Material, a: str, b: str, seed: int) -> tuple[str, ...]:
    """What a two-sample test says of two models that were sampled several times; no verdict rests on it."""
    first, second = (material.samples.get(label, {}) for label in (a, b))
    places = sorted(first.keys() & second.keys())
    if len(places) < FEWEST_PROBES:
        return ()
    found = equality_test([first[at] for at in places], [second[at] for at in places], seed=seed)
    if found is None:
        return ()
    size = f"{found.samples} sampled answers of each to {found.prompts} probes"
    if found.p < APART:
        return (f"A two-sample test on {size} tells the two apart (p = {found.p:.2g}).",)
    return (
        f"A two-sample test on {size} does not tell the two apart (p = {found.p:.2g}), as with one model under two names, or "
        "with two models of which so few answers show no difference.",
    )


_Excesses = Mapping[str, Sequence[Interval | None]]
"""Axis → centred similarity of every model of the run to one reference."""


def standing_out(material: Material, reference: str, excesses: _Excesses) -> frozenset[str]:
    """The models closer to the reference than general likeness explains, on independent kinds of evidence or by weights."""
    families: dict[str, set[str]] = {label: set() for label in material.labels}
    for measurement in material.measured:
        if measurement.values is None or measurement.axis.baseline:
            continue
        for label, interval in zip(material.labels, excesses[measurement.axis.name], strict=True):
            if interval and interval.n >= FEWEST_PER_AXIS and interval.low > MINIMUM_EFFECT:
                families[label].add(measurement.axis.family)
    sketches = {label: material.models[label].weights for label in material.labels}
    return frozenset(
        label
        for label in material.labels
        if label != reference
        and (len(families[label]) >= FEWEST_FAMILIES or weights.related(sketches[label], sketches[reference]))
    )


def _equal_weights(material: Material, a: str, b: str) -> bool | None:
    """Whether two models are the same checkpoint: one pin (commit, or hash over the folder) or one weight digest."""
    first, second = material.models[a], material.models[b]
    if (pin := _revision_pin(first)) is not None and pin == _revision_pin(second):
        return True
    return weights.equal(first.weights, second.weights)


def _revision_pin(model: ModelInRun) -> tuple[str, object, object] | None:
    identity = model.identity
    revision, engine = identity.get("revision"), identity.get("engine_version") or ""
    if not revision or engine.startswith("recorded"):  # the hash of a recorded file pins the file, not the model
        return None
    extra = identity.get("extra") or {}
    return revision, extra.get("adapter"), extra.get("adapter_revision")


def _base_state(material: Material, candidate: str, base: str | None) -> tuple[float | None, bool | None]:
    """Cosine of candidate and base weights, and whether they are related (None: out of sight)."""
    if base is None:
        return None, None
    candidate_weights = material.models[candidate].weights
    base_weights = material.models[base].weights
    return weights.cosine(candidate_weights, base_weights), weights.related(candidate_weights, base_weights)


def _lift_evidence(
    measurement: Measured, material: Material, facts: PairFacts, controls: Sequence[str], draws: int, seed: int
) -> Evidence | None:
    values = measurement.values
    assert values is not None
    assert facts.base is not None
    at = {label: i for i, label in enumerate(material.labels)}
    c, r, b, others = at[facts.candidate], at[facts.reference], at[facts.base], [at[k] for k in controls]
    test = adjusted_lift(
        values[:, c, r] - values[:, b, r],
        values[:, c, others] - values[:, b, others],
        material.domains,
        minimum_effect=MINIMUM_EFFECT,
        draws=draws,
        seed=seed,
    )
    return _build_evidence(measurement, "adjusted lift", test.adjusted, test.p, test.lift) if test else None


def _copied_evidence(
    material: Material, facts: PairFacts, controls: Sequence[str], draws: int, seed: int
) -> Evidence | None:
    """How many of the candidate's answers are the reference's own words, less how many are a control's.

    The p-value swaps the reference and the controls within each probe: for a candidate that copied from
    none of them, they are exchangeable.
    """
    if material.passages is None or not controls:
        return None
    copied = material.passages.copied(facts.candidate, [facts.reference, *controls], facts.base)
    test = adjusted_lift(copied[:, 0], copied[:, 1:], material.domains, draws=draws, seed=seed)
    if test is None:
        return None
    return Evidence(
        axis="copied",
        title="Copied answers",
        family="passages",
        statistic="adjusted share",
        estimate=test.adjusted,
        p=test.p,
        p_holm=test.p,
        raw=test.lift,
        minimum_effect=MINIMUM_COPIED,
        unit="share of answers",
    )


def _authors_evidence(
    material: Material, facts: PairFacts, controls: Sequence[str], draws: int, seed: int
) -> Evidence | None:
    """Whether the answers moved toward the reference out of all proportion to the controls, over all measures of wording."""
    at = material.labels.index
    c, b, others = at(facts.candidate), at(str(facts.base)), [at(label) for label in (facts.reference, *controls)]
    movements = [
        m.values[:, c, others] - m.values[:, b, others]
        for m in material.measured
        if m.values is not None and m.axis.name in AUTHOR_AXES
    ]
    return authors_evidence(
        movements, material.domains, axis="authors", title="Against every other author", draws=draws, seed=seed
    )


def _excess_evidence(
    measurement: Measured, material: Material, facts: PairFacts, tables: PairTables
) -> Evidence | None:
    """Centred similarity to the reference, with the candidate's rank among all other models for a p."""
    axis = measurement.axis.name
    estimate = tables.excess(axis, facts.candidate, facts.reference)
    if estimate is None:
        return None
    closer, others = tables.closer(axis, facts.candidate, facts.reference), len(material.labels) - 2
    return _build_evidence(measurement, "excess", estimate, (1 + closer) / (1 + others), None)


def _excess_on_panel(measurement: Measured, facts: PairFacts, centred: Toward, panel: Sequence[str]) -> Evidence | None:
    """Similarity centred on an independent panel, with the candidate's rank among the panel for a p."""
    axis = measurement.axis.name
    estimate = centred.interval(axis, facts.candidate)
    if estimate is None:
        return None
    closer = sum(centred.mean(axis, label) >= estimate.value for label in panel)
    return _build_evidence(measurement, "excess", estimate, (1 + closer) / (1 + len(panel)), None)


def _build_evidence(
    measurement: Measured, statistic: str, estimate: Interval, p: float, raw: Interval | None
) -> Evidence:
    axis = measurement.axis
    return Evidence(
        axis=axis.name,
        title=axis.title,
        family=axis.family,
        statistic=statistic,
        estimate=estimate,
        p=p,
        p_holm=p,
        raw=raw,
    )


def _apply_holm(facts: Sequence[PairFacts]) -> list[PairFacts]:
    """Holm over every p-value of one statistic in the run; baselines are shown, not tested."""
    adjusted: dict[tuple[int, int], float] = {}
    for statistics in (
        ("adjusted lift", "adjusted gain", "adjusted share"),
        (AMONG_AUTHORS,),
        (AMONG_STUDENTS,),
        ("excess",),
    ):
        places = [(i, j) for i, f in enumerate(facts) for j, e in enumerate(f.evidence) if e.statistic in statistics]
        if places:
            values = holm(np.array([facts[i].evidence[j].p for i, j in places]))
            adjusted.update(zip(places, map(float, values), strict=True))
    return [
        replace(f, evidence=tuple(replace(e, p_holm=adjusted[i, j]) for j, e in enumerate(f.evidence)))
        for i, f in enumerate(facts)
    ]
