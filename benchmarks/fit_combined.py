"""Fits ``mimicry_audit/similarity/combined.json``: which axes answer which question, and how sure a score makes one.

    python benchmarks/fit_combined.py --responses FILE --lineage FILE [--out combined.json]

Recipe. Every axis is measured on all answers. Families are the connected components of the lineage file's relations
other than ``none`` and ``distilled-from``. Forty times, 60% of the families and 75% of the prompts are drawn, and
everything is normalised anew inside the draw, as it would be in a run with other models. For each question every set
of axes and three readings (rank, value, both) are tried with equal weights. The criterion is the mean over draws of
(AUC + share found at 1% false alarms) / 2, and the weights are the average over all options within two standard errors
(of the paired difference) of the best: choosing a single winner among 381 would fit the noise. Weights from a logistic
regression (non-negative, fitted outside both families of each pair) were tried and did worse than equal ones.

How well that does is said by cross-validation over whole families: five folds, each scored with weights chosen on the
families of the other four.

The likelihood-ratio curve is a logistic regression on the resulting score over all draws, every draw weighing the same,
and related and unrelated pairs weighing the same within a draw. The answers themselves are not shipped.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping
from itertools import chain, combinations
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from mimicry_audit.benchmark.lineage import measure_file, read_lineage
from mimicry_audit.similarity.combined import Curve, combine, read
from mimicry_audit.similarity.normalise import FEWEST_COHORT
from mimicry_audit.statistics.detection import auc, tpr_at_fpr

AXES = ("lexical", "phrases", "characters", "early", "opening", "style", "structure")
FITTED = {
    "same_model": ("same-model-variant", "dpo-of"),
    "version": ("same-family-version",),
    "shared_base": ("fine-tune-of-same-base",),
    "distilled": ("distilled-from",),
}
DRAWS, MODELS, PROMPTS, FEWEST_POSITIVE = 40, 0.6, 0.75, 3
FOLDS, FOLD_DRAWS = 5, 15
RIDGE = 0.01
TEACHER = {"opening": 0.5, "style": 0.5}
"""Ranks possible teachers: the two axes that found teachers best one by one, not fitted further (41 pairs are too few)."""
SPREAD = 2.0
"""Standard errors within which options count as equally good."""
SMALLEST = 0.02
"""Averaged weights below this are dropped: they add nothing but a name."""


def families(labels, pairs):
    """Component of each model under the relations that make a family."""
    parent = {label: label for label in labels}

    def root(label):
        while parent[label] != label:
            label = parent[label]
        return label

    for pair in pairs:
        if pair.relation not in ("none", "distilled-from"):
            parent[root(pair.student)] = root(pair.teacher)
    names = sorted({root(label) for label in labels})
    return np.array([names.index(root(label)) for label in labels])


def draws(labels, domains, values, pairs, family=None, allowed=None, times=DRAWS):
    """Per draw: readings of every axis, and the pairs inside it by relation; only of the allowed families."""
    family = families(labels, pairs) if family is None else family
    allowed = np.unique(family) if allowed is None else allowed
    for seed in range(times):
        rng = np.random.default_rng(seed)
        kept = np.flatnonzero(np.isin(family, rng.permutation(allowed)[: round(MODELS * len(allowed))]))
        if len(kept) <= FEWEST_COHORT + 1:
            continue
        prompts = np.sort(rng.permutation(len(domains))[: round(PROMPTS * len(domains))])
        readings = read({a: v[np.ix_(prompts, kept, kept)] for a, v in values.items()}, domains[prompts])
        yield readings, placed([labels[m] for m in kept], pairs)


def placed(labels, pairs):
    """Relation → rows and columns of its pairs among these models."""
    place = {label: i for i, label in enumerate(labels)}
    inside = {}
    for p in pairs:
        if p.student in place and p.teacher in place:
            inside.setdefault(p.relation, []).append((place[p.student], place[p.teacher]))
    return {relation: np.array(found) for relation, found in inside.items()}


def cross_validated(labels, domains, values, pairs):
    """Relation → AUC and share found, for pairs of families that had no part in choosing the weights.

    Whole families are dealt into folds. The weights of a fold are chosen as the shipped ones are, on draws from the other
    families alone; its figures are those of all pairs with a model in the fold, read in the company of all models.
    """
    family = families(labels, pairs)
    fold = np.random.default_rng(0).permutation(np.arange(family.max() + 1) % FOLDS)[family]
    whole = read(values, domains)
    found = {}
    for k in range(FOLDS):
        others = np.unique(family[fold != k])
        held = list(draws(labels, domains, values, pairs, family, others, FOLD_DRAWS))
        mine = {relation: rows[(fold[rows] == k).any(axis=1)] for relation, rows in placed(labels, pairs).items()}
        for relations in FITTED.values():
            table = criterion(held, relations)
            if not np.isfinite(table).any():
                continue  # the other families hold too few such pairs to choose from
            weights, _ = average(table, options())
            for relation in relations:
                found.setdefault(relation, []).append(two(weighed(whole, weights), mine, relation))
    return {r: [round(float(v), 3) for v in np.nanmean(rows, axis=0)] for r, rows in found.items()}


def criterion(held, relations):
    """``(draws, options)``: the quality of every option in every draw."""
    return np.array([[quality(scored(r, o), inside, relations) for o in options()] for r, inside in held])


def options():
    """Every set of axes under every reading."""
    sets = chain.from_iterable(combinations(AXES, k) for k in range(1, len(AXES) + 1))
    return [(reading, axes) for axes in sets for reading in ("rank", "value", "both")]


def weighed(readings, weights):
    """The score matrix under averaged weights."""
    return combine(readings, Curve(weights["rank"], weights["value"], 1.0, 0.0))


def scored(readings, option):
    """The score matrix of one option."""
    reading, axes = option
    rank = np.mean([readings.rank[a] for a in axes], axis=0)
    value = np.mean([readings.value[a] for a in axes], axis=0)
    return {"rank": rank, "value": value, "both": (rank + value) / 2}[reading]


def quality(matrix, inside, relations):
    """The criterion in one draw, or NaN where it holds too few related pairs."""
    negative = at(matrix, inside["none"])
    found = []
    for relation in relations:
        if len(inside.get(relation, ())) >= FEWEST_POSITIVE:
            positive = at(matrix, inside[relation])
            found.append((auc(positive, negative) + tpr_at_fpr(positive, negative)) / 2)
    return np.mean(found) if found else math.nan


def at(matrix, pairs):
    return matrix[pairs[:, 0], pairs[:, 1]]


def average(table, tried):
    """Weights averaged over the options within `SPREAD` standard errors of the best, small ones dropped."""
    means = np.nanmean(table, axis=0)
    best = int(np.nanargmax(means))
    behind = table[:, [best]] - table
    n = np.isfinite(behind).sum(axis=0)
    error = np.nanstd(behind, axis=0) / np.sqrt(np.maximum(n, 1))
    within = np.flatnonzero(means[best] - means <= SPREAD * error + 1e-12)
    weights = {form: dict.fromkeys(AXES, 0.0) for form in ("rank", "value")}
    for i in within:
        reading, axes = tried[i]
        for form in weights if reading == "both" else (reading,):
            for axis in axes:
                weights[form][axis] += 1 / len(within) / len(axes) / (2 if reading == "both" else 1)
    kept = {form: {a: w for a, w in found.items() if w >= SMALLEST} for form, found in weights.items()}
    total = sum(w for found in kept.values() for w in found.values())
    shares = {form: {a: round(w / total, 4) for a, w in found.items()} for form, found in kept.items()}
    return shares, f"{len(within)} of {len(tried)} options; the best, {tried[best]}, reaches {means[best]:.4f}"


def curve(found):
    """Slope and intercept of the log likelihood ratio."""
    x = np.concatenate([np.concatenate(pair) for pair in found])
    y = np.concatenate([np.repeat([1.0, 0.0], [len(p), len(n)]) for p, n in found])
    w = np.concatenate([np.repeat([0.5 / len(p), 0.5 / len(n)], [len(p), len(n)]) for p, n in found]) / len(found)

    def loss(t):
        margin = (t[0] * x + t[1]) * (2 * y - 1)
        return float(w @ np.logaddexp(0, -margin) + RIDGE * t[0] ** 2)

    return minimize(loss, [1.0, -1.0]).x


def teacher_curve(matrices):
    """Slope and intercept under which the documented teachers, or none, are likeliest among all teachers of a draw.

    Fitted to the answer that is given (which of these, or none), not to pairs: a student resembles its teacher's kin and
    rivals too, and ratios fitted pair by pair would promise too much. A draw's cases together weigh as one draw.
    """
    cases = []
    for matrix, inside in matrices:
        taught = {tuple(p) for p in inside.get("distilled-from", ())}
        asked = taught | {tuple(p) for p in inside["none"]}
        kin = {frozenset(p) for r, ps in inside.items() if r not in ("none", "distilled-from") for p in map(tuple, ps)}
        teachers, students = {t for _, t in asked}, {s for s, _ in asked}
        for s in students:
            possible = [t for t in teachers if t != s and ((s, t) in taught or frozenset((s, t)) not in kin)]
            if possible:
                right = np.array([(s, t) in taught for t in possible])
                cases.append((np.array([matrix[s, t] for t in possible]), right, 1 / len(students)))

    def loss(t):
        total = 0.0
        for scores, right, weight in cases:
            logs = np.append(t[0] * scores + t[1] + math.log(0.5 / len(scores)), math.log(0.5))
            hit = np.append(right, not right.any())
            total -= weight * (np.logaddexp.reduce(logs[hit]) - np.logaddexp.reduce(logs))
        return total / len(matrices) + RIDGE * t[0] ** 2

    return minimize(loss, [1.0, -1.0]).x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--responses", required=True, type=Path)
    parser.add_argument("--lineage", required=True, type=Path)
    parser.add_argument("--out", type=Path, default=Path("mimicry_audit/similarity/combined.json"))
    arguments = parser.parse_args()
    pairs = read_lineage(arguments.lineage)
    run = measure_file(arguments.responses, AXES)
    values = {m.axis.name: m.values for m in run.measured}
    held = list(draws(run.labels, run.domains, values, pairs))
    unseen = cross_validated(run.labels, run.domains, values, pairs)
    tried = options()
    questions: dict[str, Mapping[str, object]] = {}
    for question, relations in FITTED.items():
        weights, note = average(criterion(held, relations), tried)
        matrices = [(weighed(r, weights), inside) for r, inside in held]
        found = [
            (np.concatenate(positive), at(matrix, inside["none"]))
            for matrix, inside in matrices
            if (positive := [at(matrix, inside[x]) for x in relations if x in inside])
        ]
        slope, intercept = curve(found)
        questions[question] = {
            **weights,
            "slope": round(float(slope), 4),
            "intercept": round(float(intercept), 4),
            "cross_validated": {x: unseen.get(x) for x in relations},
            "over_draws": {
                x: [round(float(v), 3) for v in np.nanmean([two(m, i, x) for m, i in matrices], 0)] for x in relations
            },
        }
        print(f"{question}: {note}")
        print(f"   {questions[question]}")
    matrices = [(combine(r, Curve({}, {}, 1.0, 0.0, TEACHER)), inside) for r, inside in held]
    slope, intercept = (float(x) for x in teacher_curve(matrices))
    attribution = {"rank": {}, "value": {}, "mean": TEACHER, "slope": round(slope, 4), "intercept": round(intercept, 4)}
    print(f"attribution: {attribution}")
    written = {
        "version": 1,
        "recipe": "benchmarks/fit_combined.py",
        "fitted_on": {
            "models": len(run.labels),
            "prompts": len(run.domains),
            "pairs": dict(sorted(Counter(p.relation for p in pairs).items())),
        },
        "questions": questions,
        "attribution": attribution,
    }
    arguments.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def two(matrix, inside, relation):
    """AUC and share found at 1% false alarms in one draw."""
    if len(inside.get(relation, ())) < FEWEST_POSITIVE:
        return math.nan, math.nan
    positive, negative = at(matrix, inside[relation]), at(matrix, inside["none"])
    return auc(positive, negative), tpr_at_fpr(positive, negative)


if __name__ == "__main__":
    main()
