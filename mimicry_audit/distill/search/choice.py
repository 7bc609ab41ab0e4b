"""Which trial is kept, and why every other one is not.

Promise: with targets, the smallest student that meets all of them on the validation part, and of several that small the one
furthest beyond the first target; without, the one whose held-out text costs the fewest bits per byte. Every other trial has
one line with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mimicry_audit.distill.search.study import Result
from mimicry_audit.distill.search.targets import DEFAULT, Target, figure, said

_WORST = 1e6
"""Stands for a figure that was not measured: the sampler wants numbers."""


def finished(results: Sequence[Result]) -> list[Result]:
    """The trials that came to their end under settings of their own."""
    return [r for r in results if r["outcome"] == "finished" and r["same_as"] is None]


def value(result: Result, targets: Sequence[Target]) -> float:
    """What a search makes small: the largest miss of a target, as a share of its bound; without targets bits per byte."""
    entry = result["validation"]
    loss = max(t.miss(entry) for t in targets) if targets else figure(entry, DEFAULT)
    return _WORST if loss is None or not math.isfinite(loss) else min(loss, _WORST)


def met(result: Result, targets: Sequence[Target]) -> bool:
    """Whether a finished trial reaches every target."""
    return all(t.met(result["validation"]) for t in targets)


def ranked(results: Sequence[Result], targets: Sequence[Target]) -> list[Result]:
    """The finished trials, the one to keep first; those that miss a target come after those that miss none, nearest first."""

    def order(result: Result) -> tuple[float, ...]:
        parameters = result["parameters"] or 0
        if not targets:
            return (0, value(result, targets), parameters, result["trial"])
        if not met(result, targets):
            return (1, value(result, targets), parameters, result["trial"])
        return (0, parameters, targets[0].miss(result["validation"]), result["trial"])

    return sorted(finished(results), key=order)


def chosen(results: Sequence[Result], targets: Sequence[Target]) -> Result | None:
    """The trial to keep, None where none meets the targets."""
    best = ranked(results, targets)
    return best[0] if best and met(best[0], targets) else None


def rule(targets: Sequence[Target]) -> str:
    """How the choice is made, in words."""
    if not targets:
        return f"the fewest {DEFAULT.replace('_', ' ')} on the validation part"
    bounds = ", ".join(map(str, targets))
    return f"the fewest parameters among those that meet {bounds} on the validation part, then {targets[0].metric}"


def misses(result: Result, targets: Sequence[Target]) -> list[str]:
    """One clause for each target that a finished trial misses."""
    clauses = []
    for target in targets:
        entry = result["validation"]
        if target.met(entry):
            continue
        have = figure(entry, target.metric)
        by = "" if have is None else f", {said(target.metric, abs(target.bound - have))} short"
        clauses.append(f"{target.metric} {said(target.metric, have)}{by} of {target.sign} {said(target.metric, target.bound)}"
                     if by else f"{target.metric} not measured")  # fmt: skip
    return clauses


def why(result: Result, best: Result | None, targets: Sequence[Target]) -> str:
    """Why a trial is not the one that is kept; empty for the one that is."""
    if result["same_as"] is not None or result["outcome"] != "finished":
        return result["why"]
    if missed := misses(result, targets):
        return "; ".join(missed)
    if best is None or result["trial"] == best["trial"]:
        return ""
    metric = targets[0].metric if targets else DEFAULT
    trial_figure, best_figure = figure(result["validation"], metric), figure(best["validation"], metric)
    own_size, best_size = result["parameters"] or 0, best["parameters"] or 0
    if targets and own_size > best_size:
        return f"larger than trial {best['trial'] + 1}: {own_size:,} parameters, not {best_size:,}"
    return f"{metric} {said(metric, trial_figure)}, where trial {best['trial'] + 1} has {said(metric, best_figure)}"
