"""How many models and probes a verdict needs, for those who plan: the thresholds of the rules, in words and as a check.

Promise: the plan, the dry run and the README say what the rules (`mimicry_audit.verdicts.rules`) demand, from the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from mimicry_audit.statistics.power import DEFAULT_SPREAD, level, smallest_effect
from mimicry_audit.verdicts.findings import (
    ALPHA,
    FEWEST_CONTROLS_STRONG,
    FEWEST_MODELS,
    FEWEST_PROBES,
    MINIMUM_EFFECT,
)
from mimicry_audit.verdicts.roles import Roles

STRONG_MODELS = 3 + FEWEST_CONTROLS_STRONG
"""Models of a strong verdict of distillation: candidate, reference, base and the controls."""
POWER = 0.8
"""Chance of seeing an effect, where nothing else is asked for."""

NEEDS = (
    f"A verdict needs at least {FEWEST_MODELS} models that answer and {FEWEST_PROBES} probes that both models of a pair "
    f"answered. `distilled` also needs the candidate's base; a strong one needs {FEWEST_CONTROLS_STRONG} controls, so "
    f"{STRONG_MODELS} models."
)
"""What no number of probes can make up for."""


def judged(labels: Sequence[str], roles: Roles) -> int:
    """Pairs that a run of these models judges."""
    candidates = [label for label in labels if roles.role_of(label) == "candidate"]
    references = roles.references or tuple(candidates)
    return sum(c != r for c in candidates for r in references)


def shortfalls(labels: Sequence[str], roles: Roles, probes: int) -> list[str]:
    """What a run of these models and compared probes lacks for a verdict, a sentence each; empty where it lacks nothing."""
    found = []
    models = len(set(labels) - set(roles.students))
    if models < FEWEST_MODELS and not roles.students:
        found.append(
            f"Too few models: {models}, and a verdict needs {FEWEST_MODELS}; fewer give `inconclusive`. Add unrelated "
            "models."
        )
    if probes < FEWEST_PROBES:
        found.append(
            f"Too few probes: {probes} are compared, and a verdict needs {FEWEST_PROBES}; fewer give `inconclusive`."
        )
    candidates = [label for label in labels if roles.role_of(label) == "candidate"]
    if baseless := [label for label in candidates if roles.base_of(label) is None]:
        found.append(
            f"No base is named for {_listed(baseless)}: without it no verdict is `distilled`, however many probes are asked."
        )
    # Of a pair, candidate and reference are no controls, nor is any base.
    out = {*roles.bases.values(), *roles.students}
    controls = len(roles.declared_panel) or max(0, len(set(labels) - out) - 2)
    if len(baseless) < len(candidates) and controls < FEWEST_CONTROLS_STRONG:
        found.append(
            f"Too few controls for a strong verdict: {controls}, and it needs {FEWEST_CONTROLS_STRONG}"
            f"{'; without any, every verdict is `inconclusive`' if controls < 1 else ''}."
        )
    return found


def visible_effects(probes: int, tests: int) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """The axes that see the smallest and the largest effect as small as they can with so many probes, each with that effect.

    Spreads are those of lifts on the lab models; None for fewer than two probes.
    """
    effects = []
    for axis, sd in DEFAULT_SPREAD.items():
        effect = smallest_effect(probes, sd, level(ALPHA, tests), POWER)
        if effect is not None:
            effects.append((effect + MINIMUM_EFFECT, axis))
    if not effects:
        return None
    (least, finest), (most, coarsest) = min(effects), max(effects)
    return (finest, least), (coarsest, most)


def visible_words(probes: int, tests: int) -> str:
    """What so many probes can show, in a sentence."""
    found = visible_effects(probes, tests)
    if found is None:
        return f"{probes} probes show no effect of any size."
    (finest, least), (coarsest, most) = found
    return (
        f"{probes} probes show an adjusted lift from {least:.2f} ({finest}) to {most:.2f} ({coarsest}) with power {POWER:.0%}, "
        f"corrected for {tests} tests."
    )


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:6]) + (f" and {len(labels) - 6} more" if len(labels) > 6 else "")
