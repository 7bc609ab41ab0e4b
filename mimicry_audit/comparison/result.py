"""A comparison, computed: from sides on common ground to the content of ``compare.json``.

Promise: the same answers, settings and version give the same numbers; every p-value is corrected by Holm's method within its
family (the questions, the axes, the domains, the variety measures, the steps; each over all checkpoints); and nothing here
asks a model or writes a file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from mimicry_audit.comparison import notes, words
from mimicry_audit.comparison.inputs import CommonProbes, Side
from mimicry_audit.comparison.movement import Likeness, Movement, Rows, corrected, likeness, moved, together
from mimicry_audit.comparison.selves import Accuracy, Selves, accuracy, right_shares, selves
from mimicry_audit.comparison.variety import LENGTHS, Variety, question_pairs, variety
from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.asked import Response
from mimicry_audit.records.compared import (
    COMPARED_SCHEMA,
    CheckpointRecord,
    Compared,
    MovedProbe,
    MovementRecord,
    SideRecord,
    StepRecord,
)
from mimicry_audit.statistics.interval_record import IntervalRecord
from mimicry_audit.statistics.intervals import FloatArray, IntArray, bootstrap_resamples, intervals
from mimicry_audit.verdicts.findings import MINIMUM_EFFECT
from mimicry_audit.verdicts.measure import Measurements, measure_run
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.sections.notes import versions
from mimicry_audit.verdicts.sections.pairs import axis_entry

MOST_TOWARD, MOST_AWAY = 8, 4
"""Probes shown with their answers: those that moved most toward the reference, and those that moved away."""
VARIETY = ("samples", "questions", "words", *(f"distinct_{n}" for n in LENGTHS))


@dataclass(frozen=True, slots=True)
class ComparisonData:
    """What every part of the result is computed from: models are placed before, checkpoints, reference, controls."""

    common: CommonProbes
    found: Measurements
    axes: Mapping[str, Likeness]
    overall: Likeness | None
    kinds: Mapping[str, Variety]
    draws: int
    seed: int

    @property
    def domains(self) -> IntArray:
        """``(P,)``."""
        return self.found.material.domains

    @property
    def checkpoints(self) -> list[Side]:
        """In order."""
        return self.common.of("after")


@dataclass(slots=True)
class _Tests:
    """Everything tested on one checkpoint."""

    overall: Movement | None
    axes: dict[str, Movement | None]
    domains: dict[str, Movement | None]
    step: Movement | None
    accuracy: Accuracy | None
    selves: Selves | None
    variety: dict[str, Movement | None]


def compute(
    common: CommonProbes, options: ScoringOptions, *, progress: Callable[[str], None] = lambda _: None
) -> Compared:
    """The content of ``compare.json``.

    Args:
        common: sides on common ground.
        options: axes, embedding model, draws and seed; the roles follow from the sides.
        progress: called with what is being computed.

    Raises:
        DataError: no axis can compare the answers.
    """
    data = _measure_sides(common, options, progress)
    progress("Movement")
    tests = [_test_checkpoint(data, at) for at in range(1, len(data.checkpoints) + 1)]
    _apply_holm(tests, [m.axis.name for m in data.found.material.measured if m.axis.baseline])
    reference = common.of("reference")[0].label
    last = data.checkpoints[-1].label
    checkpoints = [_checkpoint_entry(data, at, one) for at, one in enumerate(tests, 1)]
    steps = _step_entries(data, tests)
    return {
        "schema": COMPARED_SCHEMA,
        "title": notes.title(common),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "signature": notes.signature(common, options, data.found.material.measured),
        "settings": notes.settings(common, options),
        "versions": versions(sys.version.split()[0]),
        "probe_sets": list(common.probe_sets),
        "before": common.sides[0].label,
        "reference": reference,
        "controls": [s.label for s in common.of("control")],
        "sides": [_side_entry(data, place, side) for place, side in enumerate(common.sides)],
        "differences": list(common.differences),
        "n": len(common.compared),
        "domains": list(data.found.domains),
        "axes": [axis_entry(m) for m in data.found.material.measured],
        "checkpoints": checkpoints,
        "steps": steps,
        "trajectory": words.trajectory(steps, reference),
        "probes": _probe_entries(data, last),
        "limits": list(words.LIMITS),
        "warnings": notes.warnings(common, data.found.material.measured),
    }


def _measure_sides(common: CommonProbes, options: ScoringOptions, progress: Callable[[str], None]) -> ComparisonData:
    labels = [s.label for s in common.sides]
    responses: dict[str, Sequence[Response]] = {s.label: s.responses for s in common.sides}
    reference = common.of("reference")[0].label
    roles = Roles(references=(reference,), controls=tuple(s.label for s in common.of("control")))
    measurement = measure_run(
        {s.label: s.model for s in common.sides},
        (*common.compared, *common.selves),
        responses,
        replace(options, roles=roles),
        progress,
    )
    models = [at for at, s in enumerate(common.sides) if s.role in ("before", "after")]
    controls = [at for at, s in enumerate(common.sides) if s.role == "control"]
    axes = {
        m.axis.name: likeness(m.values, models, labels.index(reference), controls)
        for m in measurement.material.measured
        if m.values is not None
    }
    likenesses = [
        axes[m.axis.name] for m in measurement.material.measured if m.values is not None and not m.axis.baseline
    ]
    overall = together(likenesses) if likenesses else None
    if overall is None or not np.isfinite(overall.to_reference).any():
        raise DataError(
            "no axis can compare these answers with the reference's", "collect more answers, or name other --axes"
        )
    pairs = question_pairs(measurement.material.domains)
    kinds = {
        side.label: variety(at, measurement.material.measured, common.compared, side.responses, len(pairs))
        for at, side in enumerate(common.sides)
    }
    return ComparisonData(common, measurement, axes, overall, kinds, options.draws, options.seed)


def _test_checkpoint(data: ComparisonData, at: int) -> _Tests:
    """Everything on the checkpoint at this place of the trajectory; 0 is before."""
    draws, seed, domains = data.draws, data.seed, data.domains
    assert data.overall is not None

    def of(
        axis_likeness: Likeness, start: int = 0, minimum: float = MINIMUM_EFFECT, rows: Rows = slice(None)
    ) -> Movement | None:
        return axis_likeness.rows(rows).movement(start, at, domains[rows], minimum=minimum, draws=draws, seed=seed)

    before, after = data.common.sides[0], data.checkpoints[at - 1]
    shares = [right_shares(data.common.compared, s.responses) for s in (before, after)]
    facts = data.found.own
    own = facts[after.label].maker or facts[before.label].maker
    reference_maker = facts[data.common.of("reference")[0].label].maker
    return _Tests(
        overall=of(data.overall),
        axes={name: of(axis_likeness) for name, axis_likeness in data.axes.items()},
        domains={
            name: of(data.overall, rows=domains == d) for d, name in enumerate(data.found.domains)
        },
        step=of(data.overall, start=at - 1, minimum=0.0),
        accuracy=accuracy(shares[0], shares[1], domains, data.common.samples, draws=draws, seed=seed),
        selves=selves(
            data.found.identity["attempts"], before.label, after.label,
            own.name if own else None, reference_maker.name if reference_maker else None, draws=draws, seed=seed,
        ),
        variety=_variety_movements(data, before.label, after.label),
    )  # fmt: skip


def _variety_movements(data: ComparisonData, before: str, after: str) -> dict[str, Movement | None]:
    one, two = data.kinds[before], data.kinds[after]
    crossed = data.domains[[first for first, _ in question_pairs(data.domains)]]

    def change(a: FloatArray, b: FloatArray, domains: IntArray, minimum: float = 0.0) -> Movement | None:
        if not len(domains):
            return None
        return moved(a, b, None, domains, minimum=minimum, draws=data.draws, seed=data.seed)

    return {
        "samples": change(one.samples, two.samples, data.domains, MINIMUM_EFFECT),
        "questions": change(one.questions, two.questions, crossed),
        "words": change(one.words, two.words, data.domains),
        **{f"distinct_{n}": change(one.distinct[n], two.distinct[n], data.domains) for n in LENGTHS},
    }


def _apply_holm(tests: Sequence[_Tests], baselines: Sequence[str]) -> None:
    """Holm within each family, over all checkpoints; baselines (the length of answers) are shown and not tested."""
    questions = corrected(
        [
            m
            for t in tests
            for m in (t.overall, t.accuracy.change if t.accuracy else None, _main_claim(t.selves), t.variety["samples"])
        ]
    )
    for at, t in enumerate(tests):
        overall, right, claim, samples_movement = questions[4 * at : 4 * at + 4]
        t.overall = overall
        t.variety["samples"] = samples_movement
        if t.accuracy and right:
            t.accuracy = replace(t.accuracy, change=right)
        if t.selves and claim:
            kind = "other" if t.selves.groups["plain"]["other"] else "reference"
            plain = {**t.selves.groups["plain"], kind: claim}
            t.selves = replace(t.selves, groups={**t.selves.groups, "plain": plain})
    axes = [name for name in tests[0].axes if name not in baselines]
    _correct_family([t.axes for t in tests], axes)
    _correct_family([t.domains for t in tests], list(tests[0].domains))
    _correct_family([t.variety for t in tests], [name for name in VARIETY if name != "samples"])
    for t, step in zip(tests, corrected([t.step for t in tests]), strict=True):
        t.step = step


def _main_claim(identity: Selves | None) -> Movement | None:
    return (identity.groups["plain"]["other"] or identity.groups["plain"]["reference"]) if identity else None


def _correct_family(parts: Sequence[dict[str, Movement | None]], names: Sequence[str]) -> None:
    movements = iter(corrected([part[name] for part in parts for name in names]))
    for part in parts:
        for name in names:
            part[name] = next(movements)


def _checkpoint_entry(data: ComparisonData, at: int, t: _Tests) -> CheckpointRecord:
    side = data.checkpoints[at - 1]
    reference, controls = data.common.of("reference")[0].label, data.common.of("control")
    answers = (
        words.toward(t.overall, side.label, reference, len(controls)),
        words.identity(t.selves, side.label, reference),
        words.accuracy(t.accuracy, side.label),
        words.diversity(t.variety, side.label, data.common.samples),
    )
    return {
        "label": side.label,
        "step": side.step,
        "questions": [s.as_dict() for s in answers],
        "overall": _movement_dict(t.overall),
        "axes": {name: _movement_dict(m) for name, m in t.axes.items()},
        "by_domain": {name: _movement_dict(m) for name, m in t.domains.items()},
        "toward_controls": _control_movements(data, at),
        "accuracy": t.accuracy.as_dict() if t.accuracy else None,
        "identity": t.selves.as_dict() if t.selves else None,
        "diversity": {name: _movement_dict(m) for name, m in t.variety.items()},
    }


def _movement_dict(movement: Movement | None) -> MovementRecord | None:
    return movement.as_dict() if movement else None


def _control_movements(data: ComparisonData, at: int) -> dict[str, IntervalRecord | None]:
    """The movement toward each control, unadjusted."""
    assert data.overall is not None
    change = data.overall.to_controls[:, at] - data.overall.to_controls[:, 0]
    labels = [s.label for s in data.common.of("control")]
    if not labels:
        return {}
    changes = intervals(change, data.domains, bootstrap_resamples(data.domains, data.draws, data.seed))
    return {label: one.as_dict() if one else None for label, one in zip(labels, changes, strict=True)}


def _step_entries(data: ComparisonData, tests: Sequence[_Tests]) -> list[StepRecord]:
    """From each checkpoint to the next, beyond the controls."""
    labels = [data.common.sides[0].label, *(s.label for s in data.checkpoints)]
    return [
        {"from": start, "to": end, "movement": _movement_dict(t.step)}
        for start, end, t in zip(labels, labels[1:], tests, strict=False)
    ]


def _side_entry(data: ComparisonData, place: int, side: Side) -> SideRecord:
    """Who takes part, with what stands for itself: coverage, accuracy, variety."""
    own, kind = data.found.own[side.label], data.kinds[side.label]
    ids = {p.id for p in data.common.compared}
    usable = sum(r.usable for r in side.responses if r.probe_id in ids)
    columns = [kind.samples, kind.words, right_shares(data.common.compared, side.responses), *kind.distinct.values()]
    weights = bootstrap_resamples(data.domains, data.draws, data.seed)
    measures = [i.as_dict() if i else None for i in intervals(np.column_stack(columns), data.domains, weights)]
    return {
        "label": side.label,
        "role": side.role,
        "source": side.source,
        "name": side.name,
        "engine": side.engine,
        "run": str(side.run),
        "step": side.step,
        "identity": side.model.identity,
        "maker": own.maker.name if own.maker else None,
        "coverage": round(usable / (len(ids) * data.common.samples), 4),
        "samples": measures[0],
        "words": measures[1],
        "accuracy": measures[2],
        "distinct_1": measures[3],
        "distinct_2": measures[4],
        "distinct_3": measures[5],
        "corpus_distinct": {str(n): None if (v := kind.corpus[n]) is None else round(v, 5) for n in LENGTHS},
    }


def _probe_entries(data: ComparisonData, last: str) -> list[MovedProbe]:
    """The probes on which the last checkpoint moved most, with the answers of before, after and reference."""
    assert data.overall is not None
    similarities = data.overall.to_reference
    lift = similarities[:, -1] - similarities[:, 0]
    comparable_places = np.flatnonzero(np.isfinite(lift))
    order = comparable_places[np.argsort(-lift[comparable_places], kind="stable")]
    toward = [int(p) for p in order[:MOST_TOWARD] if lift[p] > 0]
    away = [int(p) for p in order[::-1][:MOST_AWAY] if lift[p] < 0]
    sides_by_role = {
        "before": data.common.sides[0],
        "after": data.checkpoints[-1],
        "reference": data.common.of("reference")[0],
    }
    texts = {
        role: {r.probe_id: r for r in sorted(side.responses, key=lambda r: -r.sample)}
        for role, side in sides_by_role.items()
    }
    return [
        {
            "probe_id": probe.id,
            "domain": probe.domain,
            "prompt": probe.prompt,
            "label": last,
            "before": round(float(similarities[p, 0]), 4),
            "after": round(float(similarities[p, -1]), 4),
            "change": round(float(lift[p]), 4),
            "answers": {
                role: {"status": r.status, "text": r.text} if (r := responses_by_probe.get(probe.id)) else None
                for role, responses_by_probe in texts.items()
            },
        }
        for p in (*toward, *away)
        for probe in (data.common.compared[p],)
    ]
