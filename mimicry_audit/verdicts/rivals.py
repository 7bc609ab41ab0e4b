"""Several teachers for one student: which of them does the text point to?

Promise: a candidate that came out as distilled from several references is judged once more. Copying one teacher moves a
student toward all the teacher's kin too, so a reference that another one explains is not counted as a teacher: it becomes
``convergent`` with the name of the one that explains it. Where the text cannot separate two of them, both verdicts stand,
weakly, and each names the other. Every comparison is paired by probe and Holm-corrected over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.statistics.intervals import LiftTest, adjusted_lift, holm
from mimicry_audit.verdicts.findings import ALPHA, FEWEST_FAMILIES, FEWEST_PER_AXIS, MINIMUM_EFFECT, Verdict
from mimicry_audit.verdicts.material import Material


@dataclass(frozen=True, slots=True)
class _Contest:
    """One axis's say on two references of one candidate.

    Attributes:
        family: of the axis.
        ahead: movement toward the first reference minus movement toward the second.
        p_holm: one-sided for ``ahead > 0``, corrected over all contests of the run.
        own: how much closer the candidate is to the second reference than the first reference is to it; what it shows
            beyond zero the first reference does not explain.
    """

    family: str
    ahead: LiftTest
    p_holm: float
    own: LiftTest | None


def settle_rivals(verdicts: Sequence[Verdict], material: Material, *, draws: int, seed: int) -> list[Verdict]:
    """The verdicts with those of rival references settled; all others as they were, in the order given."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.verdict == "distilled" and verdict.facts.base:  # without a base there is no movement to compare
            groups.setdefault(verdict.facts.candidate, []).append(verdict)
    rivals = {
        candidate: candidate_verdicts for candidate, candidate_verdicts in groups.items() if len(candidate_verdicts) > 1
    }
    contests = _hold_contests(rivals, material, draws, seed)
    settled: dict[tuple[str, str], Verdict] = {}
    for candidate, candidate_verdicts in rivals.items():
        for verdict in _settle_one(candidate, candidate_verdicts, contests):
            settled[candidate, verdict.facts.reference] = verdict
    return [settled.get((v.facts.candidate, v.facts.reference), v) for v in verdicts]


_Key = tuple[str, str, str]
"""Candidate, first reference, second reference."""


def _hold_contests(
    rivals: dict[str, list[Verdict]], material: Material, draws: int, seed: int
) -> dict[_Key, list[_Contest]]:
    raw = [
        (key, family, ahead, own)
        for candidate, candidate_verdicts in rivals.items()
        for first in candidate_verdicts
        for second in candidate_verdicts
        if first is not second
        for key in [(candidate, first.facts.reference, second.facts.reference)]
        for family, ahead, own in _compare_movements(first, second, material, draws, seed)
    ]
    adjusted = holm(np.array([ahead.p for _, _, ahead, _ in raw]))
    contests: dict[_Key, list[_Contest]] = {}
    for (key, family, ahead, own), p in zip(raw, adjusted, strict=True):
        contests.setdefault(key, []).append(_Contest(family, ahead, float(p), own))
    return contests


def _compare_movements(
    first: Verdict, second: Verdict, material: Material, draws: int, seed: int
) -> Iterator[tuple[str, LiftTest, LiftTest | None]]:
    at = material.labels.index
    c, one, two = at(first.facts.candidate), at(first.facts.reference), at(second.facts.reference)
    b = at(str(first.facts.base))

    def test(values: FloatArray) -> LiftTest | None:
        return adjusted_lift(values, np.zeros((len(values), 0)), material.domains, draws=draws, seed=seed)

    for measurement in material.measured:
        s = measurement.values
        if s is None or measurement.axis.baseline:
            continue
        ahead = test((s[:, c, one] - s[:, b, one]) - (s[:, c, two] - s[:, b, two]))
        if ahead is not None and ahead.lift.n >= FEWEST_PER_AXIS:
            yield measurement.axis.family, ahead, test(s[:, c, two] - s[:, one, two])


def _settle_one(
    candidate: str, candidate_verdicts: Sequence[Verdict], contests: dict[_Key, list[_Contest]]
) -> Iterator[Verdict]:
    def lift(verdict: Verdict) -> float:
        return float(np.mean([e.estimate.value for e in verdict.facts.evidence if e.unit == "similarity"]))

    undefeated: list[Verdict] = []
    rivals: dict[str, list[str]] = {}
    for verdict in sorted(candidate_verdicts, key=lift, reverse=True):
        me = verdict.facts.reference
        winner = None
        for other in undefeated:
            own_contests = contests.get((candidate, other.facts.reference, me), [])
            back = contests.get((candidate, me, other.facts.reference), [])
            if not _is_ahead(own_contests, back):
                rivals.setdefault(me, []).append(other.facts.reference)
                rivals.setdefault(other.facts.reference, []).append(me)
            elif _is_explained(own_contests):
                winner = other.facts.reference
                break
        if winner is not None:
            for names in rivals.values():
                if me in names:
                    names.remove(me)
            yield _explained_away(verdict, winner)
        else:
            undefeated.append(verdict)
    for verdict in undefeated:
        rival_names = rivals.get(verdict.facts.reference)
        yield _weaken_verdict(verdict, rival_names) if rival_names else verdict


def _is_ahead(own_contests: Sequence[_Contest], back: Sequence[_Contest]) -> bool:
    """Ahead on two independent kinds of evidence, behind on none."""
    families = {c.family for c in own_contests if _is_significant(c)}
    return len(families) >= FEWEST_FAMILIES and not any(_is_significant(c) for c in back)


def _is_significant(contest: _Contest) -> bool:
    return contest.p_holm < ALPHA and contest.ahead.lift.low > 0


def _is_explained(contests: Sequence[_Contest]) -> bool:
    """Whether the candidate is no closer to the second reference than the first reference itself is."""
    closer = {c.family for c in contests if c.own is not None and c.own.lift.low > MINIMUM_EFFECT}
    return len(closer) < FEWEST_FAMILIES


def _explained_away(verdict: Verdict, winner: str) -> Verdict:
    facts = verdict.facts
    return replace(
        verdict,
        verdict="convergent",
        confidence="moderate",
        summary=f"{facts.candidate} moved from {facts.base} toward {facts.reference}, which is explained by its likeness to "
        f"{winner}.",
        reasons=(
            f"The movement toward {facts.reference} is explained by its likeness to {winner}: {facts.candidate} moved "
            f"significantly further toward {winner}, and is no closer to {facts.reference} than {winner} itself is.",
            *verdict.reasons,
        ),
        would_change=(
            f"Probes that {facts.reference} and {winner} answer differently, answered as {facts.reference} does.",
        ),
    )


def _weaken_verdict(verdict: Verdict, names: Sequence[str]) -> Verdict:
    facts, rivals = verdict.facts, " and ".join(dict.fromkeys(names))
    return replace(
        verdict,
        confidence="weak",
        reasons=(
            f"{facts.candidate} moved about as far toward {rivals}: text cannot show which of them it was trained on.",
            *verdict.reasons,
        ),
        would_change=(f"More probes that {facts.reference} and {rivals} answer differently.", *verdict.would_change),
    )
