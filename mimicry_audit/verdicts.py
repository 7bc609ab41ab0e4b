"""From evidence to a verdict, and why.

Promise: a verdict is a pure function of the evidence handed in; every verdict carries its reasons in plain words and what
would change it; and the words mean this:

=============== =====================================================================================
same model      equal weights, or long answers that are word for word the same nearly everywhere
shared base     the weights share their origin and there is no movement toward the reference's text
distilled       with its base at hand: moved toward the reference beyond its movement toward controls, on at least
                two independent kinds of evidence, Holm-corrected over the whole run
convergent      moved toward the reference, but about as much toward other good models
no evidence     nothing stands out
inconclusive    too little to say; what to add is named
=============== =====================================================================================

``shared base`` is never concluded from text: on public fine-tunes text similarity follows the training data, not the
base. ``distilled`` is never concluded without the candidate's base: a close text alone may come from common training
data. And no text tells training on a reference's *outputs* from training on the reference's own private data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mimicry_audit.statistics import Interval

VERDICTS = ("same model", "shared base", "distilled", "convergent", "no evidence", "inconclusive")

ALPHA = 0.05
FEWEST_MODELS = 5
FEWEST_PROBES = 20
FEWEST_FAMILIES = 2
MINIMUM_EFFECT = 0.03
"""Smallest adjusted movement, in units of similarity, that is called a movement: about the spread that two ordinary
fine-tunes of one base on unrelated text show toward a third model."""
VERBATIM_SHARE = 0.95
VERBATIM_FEWEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One axis's say on one pair.

    Attributes:
        axis: axis name.
        title: axis title.
        family: axes of one family count once.
        statistic: ``adjusted lift`` (with a base) or ``excess`` (without: centred similarity).
        estimate: its interval.
        raw: the unadjusted lift, None without a base.
        p: one-sided; permutation p for a lift, rank among the panel for an excess.
        p_holm: after Holm's correction over the run.
    """

    axis: str
    title: str
    family: str
    statistic: str
    estimate: Interval
    p: float
    p_holm: float
    raw: Interval | None = None

    @property
    def positive(self) -> bool:
        """Beyond the minimum effect with both the corrected test and the interval."""
        return self.p_holm < ALPHA and self.estimate.low > MINIMUM_EFFECT

    def as_dict(self) -> dict[str, Any]:
        """For ``scores.json``."""
        return {
            "axis": self.axis,
            "family": self.family,
            "statistic": self.statistic,
            "estimate": self.estimate.as_dict(),
            "raw": self.raw.as_dict() if self.raw else None,
            "p": round(self.p, 6),
            "p_holm": round(self.p_holm, 6),
            "positive": self.positive,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFacts:
    """Everything a verdict on one pair may rest on.

    Attributes:
        candidate, reference, base: labels; base None when none was declared.
        base_weights: cosine between candidate and base weights; None when either is out of sight.
        base_contradicted: the weights show that the declared base is not the candidate's base.
        weights: cosine between candidate and reference weights, None when out of sight or of other shape.
        weights_related: whether candidate and reference share initial weights; None when out of sight.
        models: how many models answered in this run.
        controls: labels the movement was adjusted by.
        n: probes both answered, `asked` of them.
        min_coverage: least share that must be answered.
        verbatim: share of long answers that are word for word the same, among `long_answers`.
        evidence: one entry per measured axis; baselines apart.
        length: the length baseline's entry.
        claims: how often the candidate claimed to be the reference or from its maker, of how many identity answers.
    """

    candidate: str
    reference: str
    base: str | None
    base_weights: float | None = None
    base_contradicted: bool = False
    weights: float | None = None
    weights_related: bool | None = None
    models: int
    controls: Sequence[str] = ()
    n: int
    asked: int
    min_coverage: float = 0.95
    verbatim: float = 0.0
    long_answers: int = 0
    evidence: Sequence[Evidence] = ()
    length: Evidence | None = None
    claims: tuple[int, int] | None = None
    truth: dict[str, Any] | None = field(default=None)

    @property
    def triangle(self) -> bool:
        """Whether movement from the base can be read."""
        return self.base is not None and not self.base_contradicted

    @property
    def coverage(self) -> float:
        """Share of probes that both answered."""
        return self.n / self.asked if self.asked else 0.0

    def families(self) -> list[str]:
        """Families with positive evidence, in order."""
        return list(dict.fromkeys(e.family for e in self.evidence if e.positive))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence on one pair comes to."""

    facts: PairFacts
    verdict: str
    confidence: str
    summary: str
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For ``scores.json``."""
        facts = self.facts
        return {
            "candidate": facts.candidate,
            "reference": facts.reference,
            "base": facts.base,
            "verdict": self.verdict,
            "confidence": self.confidence,
            "summary": self.summary,
            "reasons": list(self.reasons),
            "would_change": list(self.would_change),
            "evidence": [e.as_dict() for e in facts.evidence],
            "length": facts.length.as_dict() if facts.length else None,
            "controls": list(facts.controls),
            "coverage": round(facts.coverage, 4),
            "n": facts.n,
            "truth": facts.truth,
        }


def judge(facts: PairFacts) -> Verdict:
    """The verdict on one pair."""
    for rule in (_too_little, _same, _too_few_models, _triangle, _without_base):
        found = rule(facts)
        if found is not None:
            return found
    raise AssertionError("the last rule always decides")


def _say(
    facts: PairFacts, verdict: str, confidence: str, summary: str, reasons: list[str], would_change: list[str]
) -> Verdict:
    return Verdict(
        facts=facts,
        verdict=verdict,
        confidence=confidence,
        summary=summary,
        reasons=(*reasons, *_standing_reasons(facts)),
        would_change=tuple(would_change),
    )


def _standing_reasons(facts: PairFacts) -> list[str]:
    """What is worth saying whatever the verdict."""
    reasons = []
    if facts.base_contradicted:
        reasons.append(
            f"{facts.base} is not the base of {facts.candidate}: their weights do not share an origin"
            f"{f' (cosine {facts.base_weights:.2f})' if facts.base_weights is not None else ' (other shape)'}, "
            "so movement away from it means nothing."
        )
    elif facts.base and facts.base_weights is not None:
        reasons.append(
            f"The weights confirm {facts.base} as the base of {facts.candidate} (cosine {facts.base_weights:.2f})."
        )
    if facts.claims and facts.claims[0]:
        reasons.append(
            f"Asked who it is, {facts.candidate} claimed to be {facts.reference} or from its maker in "
            f"{facts.claims[0]} of {facts.claims[1]} answers (supporting evidence only)."
        )
    return reasons


def _too_little(facts: PairFacts) -> Verdict | None:
    who = f"{facts.candidate} and {facts.reference}"
    if facts.coverage < facts.min_coverage:
        return _say(
            facts, "inconclusive", "none",
            f"{who} cannot be compared: too many answers are missing.",
            [f"Both answered {facts.n} of {facts.asked} probes; at least {facts.min_coverage:.0%} are needed."],
            ["Run the same command again to collect the missing answers."],
        )  # fmt: skip
    if facts.n < FEWEST_PROBES:
        return _say(
            facts, "inconclusive", "none",
            f"{who} cannot be compared: too few probes.",
            [f"{facts.n} probes were compared; a verdict needs at least {FEWEST_PROBES}."],
            ["Use more probes (a higher --limit, or more sets)."],
        )  # fmt: skip
    return None


def _same(facts: PairFacts) -> Verdict | None:
    reasons = []
    if facts.weights is not None and facts.weights > 1 - 1e-6:
        reasons.append("Their weights are equal.")
    if facts.long_answers >= VERBATIM_FEWEST and facts.verbatim >= VERBATIM_SHARE:
        reasons.append(f"{facts.verbatim:.0%} of {facts.long_answers} long answers are word for word the same.")
    if not reasons:
        return None
    return _say(
        facts, "same model", "strong",
        f"{facts.candidate} and {facts.reference} are the same model under two names.",
        reasons, ["Different weights behind one of the names."],
    )  # fmt: skip


def _too_few_models(facts: PairFacts) -> Verdict | None:
    if facts.models >= FEWEST_MODELS:
        return None
    missing = FEWEST_MODELS - facts.models
    ask = [f"Add at least {missing} unrelated model{'s' if missing > 1 else ''} answering the same probes."]
    if facts.base is None:
        ask.append(f"Name the base of {facts.candidate} with --base, if it is known.")
    return _say(
        facts, "inconclusive", "none",
        f"{facts.candidate} and {facts.reference} were compared, but there is too little to hold the result against.",
        [
            f"Only {facts.models} models answered. Unrelated chat models already look alike, so a similarity means "
            f"nothing until at least {FEWEST_MODELS} models show what is usual."
        ],
        ask,
    )  # fmt: skip


def _triangle(facts: PairFacts) -> Verdict | None:
    if not facts.triangle:
        return None
    families, pair = facts.families(), f"{facts.candidate} moved from {facts.base} toward {facts.reference}"
    moved = [_lift_words(e) for e in facts.evidence if e.positive]
    if len(families) >= FEWEST_FAMILIES:
        strong = len(families) > FEWEST_FAMILIES and all(e.p_holm < 0.01 for e in facts.evidence if e.positive)
        return _say(
            facts, "distilled", "strong" if strong else "moderate",
            f"{pair} on {len(families)} independent kinds of evidence, beyond its movement toward the controls: "
            f"evidence that it was trained on {facts.reference}'s text.",
            [*moved, *_length_words(facts)],
            [
                f"Showing that {facts.candidate} and {facts.reference} were trained on the same private data: "
                "text cannot tell that from training on its answers.",
                "Controls that moved as far.",
            ],
        )  # fmt: skip
    general = [e for e in facts.evidence if e.raw is not None and e.raw.low > 0]
    if families:
        return _say(
            facts, "inconclusive", "none",
            f"{pair} on one kind of evidence only ({families[0]}).",
            [*moved, f"A positive verdict needs {FEWEST_FAMILIES} independent kinds."],
            ["More probes, several samples per probe, or log-probabilities."],
        )  # fmt: skip
    if facts.weights_related:
        return _shared_base(facts)
    if len({e.family for e in general}) >= FEWEST_FAMILIES:
        controls = ", ".join(facts.controls)
        return _say(
            facts, "convergent", "moderate",
            f"{pair}, but about as much toward other models: what any fine-tuning that answers better does.",
            [
                *(
                    f"{e.title}: moved {_interval(e.raw)} toward it, {_interval(e.estimate)} beyond the controls"
                    f"{'' if e.p_holm < ALPHA else ' (not significant)'}."
                    for e in general if e.raw is not None
                ),
                f"Controls: {controls}.",
            ],
            ["Controls that are surely unrelated, if those named are themselves under suspicion."],
        )  # fmt: skip
    return _nothing(facts, f"{facts.candidate} did not move from {facts.base} toward {facts.reference}.")


def _without_base(facts: PairFacts) -> Verdict:
    if facts.weights_related:
        return _shared_base(facts)
    close = [e for e in facts.evidence if e.estimate.low > MINIMUM_EFFECT]
    if len({e.family for e in close}) >= FEWEST_FAMILIES:
        base = "its own base" if facts.base_contradicted else "its base"
        return _say(
            facts, "inconclusive", "none",
            f"{facts.candidate} answers much like {facts.reference}, but without {base} nobody can say why.",
            [
                f"{e.title}: {_interval(e.estimate)} closer than the models' general likeness explains." for e in close
            ] + ["Copying, a common ancestor and common training data all look like this."],
            [f"The model {facts.candidate} was fine-tuned from (--base {facts.candidate}=MODEL)."],
        )  # fmt: skip
    return _nothing(facts, f"{facts.candidate} is no closer to {facts.reference} than unrelated models are.")


def _shared_base(facts: PairFacts) -> Verdict:
    value = "" if facts.weights is None else f" (cosine {facts.weights:.2f})"
    return _say(
        facts, "shared base", "strong",
        f"{facts.candidate} and {facts.reference} were trained from the same initial weights.",
        [f"Their weights share an origin{value}."],
        ["Movement toward the reference's text, measured from the base (--base)."],
    )  # fmt: skip


def _nothing(facts: PairFacts, summary: str) -> Verdict:
    tight = [e for e in facts.evidence if e.estimate.high < 2 * MINIMUM_EFFECT]
    sure = len({e.family for e in tight}) >= FEWEST_FAMILIES
    return _say(
        facts, "no evidence", "moderate" if sure else "weak", summary,
        [f"{e.title}: {_interval(e.estimate)} {_beyond(e)}." for e in facts.evidence[:4]],
        ["More probes would show a smaller effect than these could."],
    )  # fmt: skip


def _beyond(evidence: Evidence) -> str:
    return "beyond the controls" if evidence.statistic == "adjusted lift" else "beyond general likeness"


def _lift_words(evidence: Evidence) -> str:
    return (
        f"{evidence.title}: moved {_interval(evidence.raw)} toward it, {_interval(evidence.estimate)} more than toward "
        f"the controls (Holm p = {evidence.p_holm:.2g})."
    )


def _length_words(facts: PairFacts) -> list[str]:
    if facts.length is None:
        return []
    return [f"For comparison, length alone moved {_interval(facts.length.estimate)} beyond the controls."]


def _interval(value: Interval | None) -> str:
    return "—" if value is None else f"{value.value:+.2f} [{value.low:+.2f}, {value.high:+.2f}]"
