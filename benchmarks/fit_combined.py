"""Fits ``mimicry_audit/similarity/combined.json``: which axes answer which question, and how sure a score makes one.

    python benchmarks/fit_combined.py --responses FILE --lineage FILE [--out combined.json]

Recipe. Every axis is measured on all answers. Two choices are made, each among the twelve rules of `RULES` (a set of axes
and a reading, all weights equal): one rule for the three questions of kinship (same model, version, shared base) and one for
`distilled`. A rule's quality is (AUC + share found at 1% false alarms) / 2, averaged over forty draws of 60% of the families
and 75% of the prompts, with everything normalised anew inside the draw as it would be in a run with other models. Families are
the connected components of the lineage file's relations other than ``none`` and ``distilled-from``. Fitted weights were tried
(an average over the best of 381 options, a non-negative logistic regression): they lost to equal weights on models that had
no part in fitting them.

The figures to go by come from cross-validation over whole families: five folds, each scored with the rules that were chosen
on the families of the other four.

The likelihood-ratio curve is a logistic regression on the resulting score over all draws, every draw weighing the same, and
related and unrelated pairs weighing the same within a draw. The curve that ranks teachers is fitted to the answer given
(which of these, or none), students without a documented teacher weighing as much as the prior says. The answers themselves
are not shipped.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from mimicry_audit.benchmark.lineage import measure_file, read_lineage
from mimicry_audit.similarity.combined import Curve, attribute, combine, read
from mimicry_audit.similarity.normalise import FEWEST_COHORT
from mimicry_audit.statistics.detection import auc, tpr_at_fpr
from mimicry_audit.verdicts.attribution import PRIOR_NONE

WORDING = ("lexical", "phrases", "characters")
SETS = (WORDING, (*WORDING, "style"), ("opening", "style"), (*WORDING, "early", "opening", "style", "structure"))
RULES = [(reading, axes) for axes in SETS for reading in ("rank", "value", "both")]
AXES = SETS[-1]
FITTED = {
    ("same_model", "version", "shared_base"): (
        "same-model-variant",
        "dpo-of",
        "same-family-version",
        "fine-tune-of-same-base",
    ),
    ("distilled",): ("distilled-from",),
}
"""Questions that share a rule → the relations whose pairs it should find."""
RELATIONS = {
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
    """Relation → AUC and share found, for pairs of families that had no part in choosing the rules.

    Whole families are dealt into folds. The rule of a fold is chosen as the shipped one is, on draws from the other
    families alone; its figures are those of all pairs with a model in the fold, read in the company of all models. The scores
    of all folds are pooled, so that a fold with two pairs does not weigh as much as one with fifty.
    """
    family = families(labels, pairs)
    fold = np.random.default_rng(0).permutation(np.arange(family.max() + 1) % FOLDS)[family]
    whole = read(values, domains)
    left_out = {}
    for k in range(FOLDS):
        others = np.unique(family[fold != k])
        held = list(draws(labels, domains, values, pairs, family, others, FOLD_DRAWS))
        mine = {relation: rows[(fold[rows] == k).any(axis=1)] for relation, rows in placed(labels, pairs).items()}
        for relations in FITTED.values():
            table = criterion(held, relations)
            if not np.isfinite(table).any():
                continue  # the other families hold too few such pairs to choose from
            matrix = scored(whole, chosen(table))
            for relation in relations:
                if len(mine.get(relation, ())):
                    left_out.setdefault(relation, []).append((at(matrix, mine[relation]), at(matrix, mine["none"])))
    return {r: two_pooled(rows) for r, rows in left_out.items()}


def two_pooled(rows):
    """AUC and share found at 1% false alarms over the scores of all folds."""
    positive, negative = map(np.concatenate, zip(*rows, strict=True))
    return [round(float(auc(positive, negative)), 3), round(float(tpr_at_fpr(positive, negative)), 3)]


def criterion(held, relations):
    """``(draws, rules)``: the quality of every rule in every draw."""
    return np.array([[quality(scored(r, rule), inside, relations) for rule in RULES] for r, inside in held])


def chosen(table):
    """The rule of the highest mean quality."""
    return RULES[int(np.nanargmax(np.nanmean(table, axis=0)))]


def weights_of(rule):
    """The equal weights of a rule, as ``combined.json`` has them."""
    reading, axes = rule
    readings = ("rank", "value") if reading == "both" else (reading,)
    shares = {form: dict.fromkeys(axes, round(1 / len(axes) / len(readings), 4)) for form in readings}
    return {"rank": {}, "value": {}} | shares


def scored(readings, rule):
    """The score matrix under one rule."""
    weights = weights_of(rule)
    return combine(readings, Curve(weights["rank"], weights["value"], 1.0, 0.0))


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


def curve(found):
    """Slope and intercept of the log likelihood ratio."""
    x = np.concatenate([np.concatenate(pair) for pair in found])
    y = np.concatenate([np.repeat([1.0, 0.0], [len(p), len(n)]) for p, n in found])
    w = np.concatenate([np.repeat([0.5 / len(p), 0.5 / len(n)], [len(p), len(n)]) for p, n in found]) / len(found)

    def loss(t):
        margin = (t[0] * x + t[1]) * (2 * y - 1)
        return float(w @ np.logaddexp(0, -margin) + RIDGE * t[0] ** 2)

    return minimize(loss, [1.0, -1.0]).x


def teacher_cases(matrices):
    """Per student of a draw: the scores of its possible teachers, which of them are documented, and the student's weight."""
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
                cases.append((np.array([matrix[s, t] for t in possible]), right, 1 / len(students) / len(matrices)))
    return cases


def teacher_curve(cases):
    """Slope and intercept under which the documented teachers, or none, are likeliest.

    Fitted to the answer that is given (which of these, or none), not to pairs: a student resembles its teacher's kin and
    rivals too, and ratios fitted pair by pair would promise too much. Students without a documented teacher weigh as much in
    all as `PRIOR_NONE` says, so that the promise holds under the prior that is stated with it.
    """
    total = {known: sum(w for _, right, w in cases if right.any() == known) for known in (True, False)}
    share = {True: (1 - PRIOR_NONE) / total[True], False: PRIOR_NONE / total[False]}

    def loss(t):
        value = RIDGE * t[0] ** 2
        for scores, right, weight in cases:
            promised = np.array(attribute([t[0] * s + t[1] for s in scores], PRIOR_NONE))
            value -= weight * share[right.any()] * math.log(promised[np.append(right, not right.any())].sum())
        return value

    return minimize(loss, [1.0, -1.0], method="Nelder-Mead").x


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
    questions: dict[str, Mapping[str, object]] = {}
    for names, chosen_on in FITTED.items():
        table = criterion(held, chosen_on)
        rule = chosen(table)
        for quality_of_rule, (reading, axes) in sorted(
            zip(np.nanmean(table, axis=0), RULES, strict=True), reverse=True
        ):
            print(f"   {quality_of_rule:.4f} {reading} {', '.join(axes)}")
        matrices = [(scored(r, rule), inside) for r, inside in held]
        for question in names:
            relations = RELATIONS[question]
            found = [
                (np.concatenate(positive), at(matrix, inside["none"]))
                for matrix, inside in matrices
                if (positive := [at(matrix, inside[x]) for x in relations if x in inside])
            ]
            slope, intercept = curve(found)
            questions[question] = {
                **weights_of(rule),
                "slope": round(float(slope), 4),
                "intercept": round(float(intercept), 4),
                "cross_validated": {x: unseen.get(x) for x in relations},
                "over_draws": {
                    x: [round(float(v), 3) for v in np.nanmean([two(m, i, x) for m, i in matrices], 0)]
                    for x in relations
                },
            }
            print(f"{question}: {questions[question]}")
    matrices = [(combine(r, Curve({}, {}, 1.0, 0.0, TEACHER)), inside) for r, inside in held]
    slope, intercept = teacher_curve(teacher_cases(matrices))
    attribution = {
        "rank": {},
        "value": {},
        "mean": TEACHER,
        "slope": round(float(slope), 4),
        "intercept": round(float(intercept), 4),
    }
    print(f"attribution: {attribution}")
    written = {
        "version": 2,
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
