"""Verdicts with a base, on public models: what an audit concludes of a candidate, its documented predecessor and a reference.

A *triangle* is a pair of the lineage file that names a model and what it came from (`PREDECESSORS`), and a third model as the
reference, which is documented as a teacher of the first, as one whose answers it repeats (`LEARNT`), or as having nothing to
do with it. Each is judged by itself, as
`audit score` would, among controls that no documented pair links to any of the three.

Promise: which triangles and which controls are drawn is a function of the seed; every verdict is the package's own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from mimicry_audit.benchmark.files import TAUGHT, UNRELATED, MeasuredFile, Pair
from mimicry_audit.statistics.intervals import wilson
from mimicry_audit.verdicts.gather import gather_facts
from mimicry_audit.verdicts.material import Material
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import decide

PREDECESSORS = ("dpo-of", "post-edit-of", "same-family-version")
"""Relations whose second model is what the first came from, or an earlier release of its family."""
LEARNT = (TAUGHT, "verbatim-copies")
"""Relations whose second model's answers the first has seen."""
CONTROLS = 6
"""Unrelated models beside each triangle, as many as a careful auditor would ask."""
MOST_TRIANGLES = 200
"""Triangles judged of each relation, by default: about a second each."""


@dataclass(frozen=True, slots=True)
class Triangle:
    """One of them.

    Attributes:
        candidate, base, reference: labels.
        relation: of candidate and reference.
        controls: labels.
    """

    candidate: str
    base: str
    reference: str
    relation: str
    controls: tuple[str, ...]


def triangles(labels: Sequence[str], pairs: Sequence[Pair], most: int, seed: int) -> list[Triangle]:
    """Those that the pairs make among these models, at most `most` of each relation; those without enough controls left out.

    Args:
        labels: models with answers.
        pairs: documented lineage. ``none`` holds both ways round.
        most: of each relation; 0 for all.
        seed: of what is drawn.
    """
    answered_pairs = [p for p in pairs if {p.student, p.teacher} <= set(labels) and p.student != p.teacher]
    relatives: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, list[str]] = defaultdict(list)
    pairs_by_relation: dict[str, list[tuple[str, str]]] = {relation: [] for relation in (*LEARNT, UNRELATED)}
    for pair in answered_pairs:
        if pair.relation != UNRELATED:
            relatives[pair.student].add(pair.teacher)
            relatives[pair.teacher].add(pair.student)
        if pair.relation in PREDECESSORS:
            bases[pair.student].append(pair.teacher)
        if pair.relation in LEARNT:
            pairs_by_relation[pair.relation].append((pair.student, pair.teacher))
        if pair.relation == UNRELATED:
            pairs_by_relation[UNRELATED] += [(pair.student, pair.teacher), (pair.teacher, pair.student)]
    selection = []
    for relation, both in pairs_by_relation.items():
        candidates = [(c, b, r) for c, r in dict.fromkeys(both) for b in dict.fromkeys(bases[c]) if b not in (r, c)]
        candidates = [(c, b, r) for c, b, r in candidates if b not in relatives[r] or relation in LEARNT]
        rng = Random(f"{relation}/{seed}")  # noqa: S311 - repeatable, not secret
        rng.shuffle(candidates)
        for c, b, r in candidates[: most or None]:
            connected = {c, b, r}.union(*(relatives[label] for label in (c, b, r)))
            strangers = [label for label in labels if label not in connected]
            if len(strangers) >= CONTROLS:
                selection.append(Triangle(c, b, r, relation, tuple(rng.sample(strangers, CONTROLS))))
    return selection


def triangle_table(
    measured_file: MeasuredFile, pairs: Sequence[Pair], *, draws: int, seed: int, most: int = MOST_TRIANGLES
) -> dict[str, object]:
    """What is concluded with a known base, by the documented relation of candidate and reference.

    Args:
        measured_file: the measured answers.
        pairs: documented lineage.
        draws: of every bootstrap.
        seed: of the draws, and of which triangles and controls.
        most: triangles of each relation; 0 for all.

    Returns:
        ``confusion`` (relation → verdict → count); ``distilled_rate``, an interval of the share of the unrelated that is called
        distilled, None where there are none; and ``distilled``, every triangle that is, with its kinds of evidence.
    """
    confusion: dict[str, Counter[str]] = {}
    distilled_entries: list[Mapping[str, object]] = []
    for triangle in triangles(measured_file.labels, pairs, most, seed):
        company = [triangle.reference, triangle.base, triangle.candidate, *triangle.controls]
        roles = Roles(
            references=(triangle.reference,), bases={triangle.candidate: triangle.base}, panel=triangle.controls
        )
        (facts,) = gather_facts(among(measured_file.material, company), roles, draws=draws, seed=seed, min_coverage=0.5)
        verdict = decide(facts)
        confusion.setdefault(triangle.relation, Counter())[verdict.verdict] += 1
        if verdict.verdict == "distilled":
            description = {name: getattr(triangle, name) for name in ("candidate", "base", "reference", "relation")}
            distilled_entries.append({**description, "confidence": verdict.confidence, "families": facts.families()})
    strangers = confusion.get(UNRELATED, Counter())
    rate = wilson(strangers["distilled"], sum(strangers.values()))
    return {
        "confusion": {relation: dict(counts) for relation, counts in confusion.items()},
        "distilled_rate": rate.as_dict() if rate else None,
        "distilled": distilled_entries,
    }


def among(material: Material, labels: Sequence[str]) -> Material:
    """The material of some of its models alone."""
    at = [list(material.labels).index(label) for label in labels]
    return replace(
        material,
        labels=list(labels),
        measured=[
            m if m.values is None else replace(m, values=m.values[:, at][:, :, at], mismatched=None)
            for m in material.measured
        ],
        answered=np.asarray(material.answered)[:, at],
    )
