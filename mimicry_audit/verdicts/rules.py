"""From evidence to a verdict, and why.

Promise: a verdict is a pure function of the evidence handed in; every verdict carries its reasons in plain words and what
would change it; and the words mean this:

=============== =====================================================================================
same model      equal weights, or, with weights unavailable, long answers that are nearly all word for word the same;
                ``moderate``: far more of them begin with the same characters than those of any child of the model
shared base     the weights share their origin without movement toward the reference's text
distilled       with its base known: moved toward the reference beyond its movement toward controls, on at least
                two independent kinds of evidence, Holm-corrected over the whole run; what a shared style
                raises counts only beside copied answers, answers in common, a large gain in likelihood, or a
                reference that is singled out among all other possible authors. Or, with known students of the
                same base: it resembles the reference's student as one more student of it would
convergent      moved toward the reference, but about as much toward other good models
no evidence     nothing stands out
inconclusive    too little to say; what to add is named
=============== =====================================================================================

``shared base`` is never concluded from text: on public fine-tunes text similarity follows the training data, not the
base. ``distilled`` is never concluded without the candidate's base: a close text alone may come from common training
data. And text cannot separate training on a reference's *outputs* from training on the reference's own private data.
"""

from __future__ import annotations

from mimicry_audit.records.verdict_words import VerdictName
from mimicry_audit.statistics.intervals import wilson
from mimicry_audit.verdicts.findings import (
    ALPHA,
    BEYOND_STYLE,
    CHILD_OPENINGS,
    FEWEST_AUTHORS,
    FEWEST_CONTROLS_STRONG,
    FEWEST_FAMILIES,
    FEWEST_MODELS,
    FEWEST_PROBES,
    MINIMUM_EFFECT,
    OPENING_CHARACTERS,
    SAME_OPENINGS,
    SAME_TOKENS,
    UNRELATED_OPENINGS,
    VERBATIM_FEWEST,
    VERBATIM_SHARE,
    Evidence,
    PairFacts,
    Verdict,
)
from mimicry_audit.verdicts.words import (
    beyond,
    cosine,
    interval,
    length_words,
    lift_words,
    listed,
    moved_words,
    stands_out,
)

__all__ = [
    "ALPHA",
    "FEWEST_FAMILIES",
    "FEWEST_MODELS",
    "FEWEST_PROBES",
    "MINIMUM_EFFECT",
    "Evidence",
    "PairFacts",
    "Verdict",
    "decide",
]


def decide(facts: PairFacts) -> Verdict:
    """The verdict on one pair."""
    for rule in (
        _equal_weights,
        _too_little,
        _verbatim_answers,
        _same_openings,
        _same_tokens,
        _recognised,
        _too_few_models,
        _only_family,
        _too_few_axes,
        _no_controls,
        _movement_from_base,
        _without_base,
    ):
        verdict = rule(facts)
        if verdict is not None:
            return verdict
    raise AssertionError("the last rule always decides")


def _make_verdict(
    facts: PairFacts, verdict: VerdictName, confidence: str, summary: str, reasons: list[str], would_change: list[str]
) -> Verdict:
    return Verdict(
        facts=facts,
        verdict=verdict,
        confidence=confidence,
        summary=summary,
        reasons=(*reasons, *_standing_reasons(facts, verdict)),
        would_change=tuple(would_change),
    )


def _standing_reasons(facts: PairFacts, verdict: VerdictName) -> list[str]:
    """What is worth saying whatever the verdict."""
    reasons = []
    if facts.weights_related and verdict not in ("same model", "shared base"):
        reasons.append(f"Their weights share an origin{cosine(facts.weights)}.")
    if facts.triangle and facts.kin_controls:
        many = len(facts.kin_controls) > 1
        reasons.append(
            f"Of the controls, {listed(facts.kin_controls)} {'stand' if many else 'stands'} out toward {facts.reference} "
            f"{'themselves' if many else 'itself'}, so movement toward {facts.reference} is measured against its own relatives "
            "and comes out too small."
        )
    if facts.base and facts.base_contradicted:
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
    if facts.ratios and (stands := stands_out(facts)):
        reasons.append(stands)
    return [*reasons, *facts.remarks]


def _too_little(facts: PairFacts) -> Verdict | None:
    who = f"{facts.candidate} and {facts.reference}"
    if facts.coverage < facts.min_coverage:
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{who} cannot be compared: too many answers are missing.",
            [f"Both answered {facts.n} of {facts.asked} probes; at least {facts.min_coverage:.0%} are needed."],
            ["Give files in which both answered more of the same prompts." if facts.recorded
             else "Run the same command again to collect the missing answers."],
        )  # fmt: skip
    if facts.n < FEWEST_PROBES:
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{who} cannot be compared: too few probes.",
            [f"{facts.n} probes were compared; a verdict needs at least {FEWEST_PROBES}."],
            ["Use more probes (a higher --limit, or more sets)."],
        )  # fmt: skip
    return None


def _equal_weights(facts: PairFacts) -> Verdict | None:
    """Equal weights settle it whatever was answered."""
    if not facts.equal_weights:
        return None
    return _make_verdict(
        facts, "same model", "strong",
        f"{facts.candidate} and {facts.reference} are the same model under two names.",
        ["Their weights are equal."], ["Different weights behind one of the names."],
    )  # fmt: skip


def _verbatim_answers(facts: PairFacts) -> Verdict | None:
    """The same long answers word for word, unless the weights are available and differ: a good student can do that too."""
    seen_to_differ = facts.equal_weights is False or facts.weights_related is False
    if seen_to_differ or facts.long_answers < VERBATIM_FEWEST or facts.verbatim < VERBATIM_SHARE:
        return None
    return _make_verdict(
        facts, "same model", "strong",
        f"{facts.candidate} and {facts.reference} answer as one model under two names.",
        [f"{facts.verbatim:.0%} of {facts.long_answers} long answers are word for word the same."],
        ["Different weights behind one of the names."],
    )  # fmt: skip


def _same_openings(facts: PairFacts) -> Verdict | None:
    """Answers that begin alike far more often than any child's: one model at two precisions, or behind two servers.

    Rounding and batching change a greedy answer at some token, and everything after it; up to there it is the same text. A
    candidate with a known base is left to the other rules: trained long enough, a student opens like its teacher.
    """
    same, long = facts.same_openings
    if facts.equal_weights is not None or facts.base or long < VERBATIM_FEWEST:
        return None
    share = wilson(same, long)
    if share is None or share.low < SAME_OPENINGS:
        return None
    return _make_verdict(
        facts, "same model", "moderate",
        f"{facts.candidate} and {facts.reference} are probably the same model, in another precision or build.",
        [
            *([_token_words(facts)] if facts.token_distance else []),
            f"{same} of {long} long answers begin with the same {OPENING_CHARACTERS} characters ({interval(share)}). Among "
            f"public models, unrelated pairs reach at most {UNRELATED_OPENINGS:.2f} and preference-tuned children "
            f"{CHILD_OPENINGS:.2f}.",
            f"Word for word the same: {facts.verbatim:.0%} of {facts.long_answers} long answers.",
            "A close release, or a service that passes on the other's answers, looks the same.",
        ],
        ["The weights behind both names, or log-probabilities of the same texts from both."],
    )  # fmt: skip


def _same_tokens(facts: PairFacts) -> Verdict | None:
    """Next-token probabilities that hardly differ: one model at two precisions, whether or not its answers part early."""
    distance = facts.token_distance
    if facts.equal_weights is not None or facts.base or distance is None:
        return None
    if distance.n < VERBATIM_FEWEST or distance.high >= SAME_TOKENS:
        return None
    return _make_verdict(
        facts, "same model", "moderate",
        f"{facts.candidate} and {facts.reference} are probably the same model, in another precision or build.",
        [_token_words(facts), "A model that was trained on little, or hardly moved, may look the same."],
        ["The weights behind both names."],
    )  # fmt: skip


def _token_words(facts: PairFacts) -> str:
    """The next-token distance in a sentence."""
    distance = facts.token_distance
    assert distance is not None
    return (
        f"At {facts.token_places:,} places that both reached by the same words, the probabilities of the next token differ by "
        f"{distance.value:.3f} [{distance.low:.3f}, {distance.high:.3f}] on average (total variation)."
    )


def _recognised(facts: PairFacts) -> Verdict | None:
    """Known students of the candidate's own base settle it, however many other models answered."""
    evidence = facts.recognised
    if not facts.triangle or evidence is None or facts.taught_by:
        return None
    moved = [e for e in facts.evidence if e.positive and e is not evidence]
    strong = len(facts.families()) >= FEWEST_FAMILIES and not facts.only_habits()
    return _make_verdict(
        facts, "distilled", "strong" if strong else "moderate",
        f"{facts.candidate} answers as one more student of {facts.reference}, begun as {facts.base}, would: evidence that it "
        f"was trained on {facts.reference}'s text.",
        [lift_words(evidence), *moved_words(moved)],
        [
            f"A known student of another model, of which {facts.candidate} is more like.",
            f"Showing that {facts.candidate} and {facts.reference} were trained on the same private data: text cannot separate "
            "that from training on its answers.",
        ],
    )  # fmt: skip


def _too_few_models(facts: PairFacts) -> Verdict | None:
    if facts.models >= FEWEST_MODELS:
        return None
    missing = FEWEST_MODELS - facts.models
    ask = [f"Add at least {missing} unrelated model{'s' if missing > 1 else ''} answering the same probes."]
    if facts.base is None:
        ask.append(f"Name the base of {facts.candidate} with --base, if it is known.")
    return _make_verdict(
        facts, "inconclusive", "none",
        f"{facts.candidate} and {facts.reference} were compared, but there are too few other models to judge the result.",
        [
            f"Only {facts.models} models answered. Unrelated chat models already look similar, so a similarity says "
            f"little until at least {FEWEST_MODELS} models show what is usual."
        ],
        ask,
    )  # fmt: skip


def _only_family(facts: PairFacts) -> Verdict | None:
    """Centred among siblings, a teacher's students look unrelated to it: their similarity is the mean."""
    if not facts.only_family or facts.triangle or facts.weights_related:
        return None
    members = f"only {listed(facts.panel)} {'are' if len(facts.panel) > 1 else 'is'}" if facts.panel else "none is"
    ask = ["Add unrelated models, at least three in all, to --models, or a stored panel of them with --panel."]
    if facts.base is None:
        ask.append(f"Name the base of {facts.candidate} with --base, if it is known.")
    return _make_verdict(
        facts, "inconclusive", "none",
        f"{facts.candidate} and {facts.reference} could only be compared with their own family.",
        [
            f"Of the other models, {listed(facts.family)} {'are' if len(facts.family) > 1 else 'is'} related to "
            f"{facts.candidate} or {facts.reference}, and {members} unrelated. Similarity beyond what such a family "
            "shares says nothing about copying, so it was not computed."
        ],
        ask,
    )  # fmt: skip


def _too_few_axes(facts: PairFacts) -> Verdict | None:
    if facts.weights_related and not facts.triangle:
        return None  # shared weights need no second kind of evidence
    families = facts.measured_families()
    if len(families) >= FEWEST_FAMILIES:
        return None
    families_text = f"only {families[0]}" if families else "no kind of evidence"
    return _make_verdict(
        facts, "inconclusive", "none",
        f"{facts.candidate} and {facts.reference} were compared in too few ways.",
        [f"On enough probes, {families_text} could be measured; a verdict needs {FEWEST_FAMILIES} independent kinds."],
        ["More axes (see the warnings for those that were not measured), or more probes with a checkable answer."],
    )  # fmt: skip


def _no_controls(facts: PairFacts) -> Verdict | None:
    if not facts.triangle or facts.controls:
        return None
    return _make_verdict(
        facts, "inconclusive", "none",
        f"{facts.candidate}'s movement from {facts.base} toward {facts.reference} cannot be compared with any control.",
        ["No model is left as a control, and any training that answers better moves toward every good model."],
        [f"Models that are unrelated to {facts.reference}, answering the same probes (--control)."],
    )  # fmt: skip


def _movement_from_base(facts: PairFacts) -> Verdict | None:
    if not facts.triangle:
        return None
    families, pair = facts.families(), f"{facts.candidate} moved from {facts.base} toward {facts.reference}"
    moved = moved_words([e for e in facts.evidence if e.positive])
    if families and facts.taught_by and not set(families) & BEYOND_STYLE:
        return _taught_by_another(facts, moved)
    if len(families) >= FEWEST_FAMILIES and facts.only_habits():
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{pair} in {listed(families)}, no further than a shared style explains.",
            [*moved, "Two models that were taught the same style look like this without either copying the other's answers."],
            [
                "Probes with a checkable answer, several samples per probe, or log-probabilities (--likelihood).",
                *_more_authors(facts),
            ],
        )  # fmt: skip
    if len(families) >= FEWEST_FAMILIES:
        sharp = all(e.p_holm < 0.01 for e in facts.evidence if e.positive)
        strong = len(families) > FEWEST_FAMILIES and sharp and len(facts.controls) >= FEWEST_CONTROLS_STRONG
        return _make_verdict(
            facts, "distilled", "strong" if strong else "moderate",
            f"{pair} in {listed(families)}, further than toward the controls: "
            f"evidence that it was trained on {facts.reference}'s text.",
            [*moved, *length_words(facts), f"Controls: {listed(facts.controls)}."],
            [
                f"Showing that {facts.candidate} and {facts.reference} were trained on the same private data: "
                "text cannot separate that from training on its answers.",
                f"Unrelated models that {facts.candidate} moved toward as far.",
            ],
        )  # fmt: skip
    if families and facts.knows_it:
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{facts.candidate} finds {facts.reference}'s text far likelier than {facts.base} does, "
            "but its answers do not show it.",
            [
                *moved,
                "More than a shared style, or a few of its answers in the training data: too few to show in the answers.",
                f"A positive verdict needs {FEWEST_FAMILIES} independent kinds.",
            ],
            ["More probes: with enough of them, even a few copied answers show."],
        )  # fmt: skip
    if families:
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{pair} on one kind of evidence only ({families[0]}).",
            [*moved, f"A positive verdict needs {FEWEST_FAMILIES} independent kinds."],
            ["More probes, several samples per probe, or log-probabilities (--likelihood)."],
        )  # fmt: skip
    if facts.weights_related:
        return _shared_base(facts)
    # A gain in likelihood is left out here: any training on answers in the chat format makes all such text more probable.
    similar = [e for e in facts.evidence if e.speaks and e.unit == "similarity"]
    general = [e for e in similar if e.raw is not None and e.raw.low > MINIMUM_EFFECT]
    if len({e.family for e in general}) >= FEWEST_FAMILIES:
        return _moved_like_others(facts, general)
    return _no_evidence(facts, f"{facts.candidate} did not move from {facts.base} toward {facts.reference}.")


def _taught_by_another(facts: PairFacts, moved: list[str]) -> Verdict:
    """What it shares with the reference, a student of somebody else shares too."""
    teachers = listed(facts.taught_by)
    return _make_verdict(
        facts, "convergent", "moderate",
        f"{facts.candidate} moved from {facts.base} toward {facts.reference}, as a student of {teachers} does.",
        [f"{facts.candidate} answers as one more student of {teachers} would (Holm p below {ALPHA:g}).", *moved],
        [f"Answers that only {facts.reference} gives, copied by {facts.candidate}."],
    )  # fmt: skip


def _more_authors(facts: PairFacts) -> list[str]:
    """The advice to name more controls, where they are too few to tell one author from all others."""
    if len(facts.controls) >= FEWEST_AUTHORS:
        return []
    return [
        f"At least {FEWEST_AUTHORS} controls (now {len(facts.controls)}): then a style can be shown to be one author's."
    ]


def _moved_like_others(facts: PairFacts, general: list[Evidence]) -> Verdict:
    """Moved toward the reference, but not beyond the controls."""
    summary = (
        f"{facts.candidate} moved from {facts.base} toward {facts.reference}, but about as much toward other models"
    )
    reasons = [
        *(
            f"{e.title}: moved {interval(e.raw)} toward it, {interval(e.estimate)} beyond the controls"
            f"{'' if e.p_holm < ALPHA else ' (not significant)'}."
            for e in general
        ),
        f"Controls: {listed(facts.controls)}.",
    ]
    if 2 * len(facts.kin_controls) >= len(facts.controls):
        clear = [k for k in facts.controls if k not in facts.kin_controls]
        examples = f", such as {listed(clear)}" if clear else ""
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{summary}, most of which are like {facts.reference} themselves.",
            reasons, [f"Controls that are unrelated to {facts.reference}{examples} (--control)."],
        )  # fmt: skip
    return _make_verdict(
        facts, "convergent", "moderate", f"{summary}: as any fine-tuning toward better answers does.",
        reasons, ["Controls that are certainly unrelated, if those named are themselves in doubt."],
    )  # fmt: skip


def _without_base(facts: PairFacts) -> Verdict:
    if facts.weights_related:
        return _shared_base(facts)
    close = [e for e in facts.evidence if e.speaks and e.estimate.low > MINIMUM_EFFECT]
    if len({e.family for e in close}) >= FEWEST_FAMILIES:
        base = "its own base" if facts.base_contradicted else "its base"
        return _make_verdict(
            facts, "inconclusive", "none",
            f"{facts.candidate} is closer to {facts.reference} than the models' general likeness explains, but without "
            f"{base} the reason cannot be determined.",
            [
                f"{e.title}: {interval(e.estimate)} closer than the models' general likeness explains." for e in close
            ] + ["Copying, a common ancestor and common training data all look like this."],
            [f"The model {facts.candidate} was fine-tuned from (--base {facts.candidate}=MODEL)."],
        )  # fmt: skip
    return _no_evidence(facts, f"{facts.candidate} is no closer to {facts.reference} than unrelated models are.")


def _shared_base(facts: PairFacts) -> Verdict:
    return _make_verdict(
        facts, "shared base", "strong",
        f"{facts.candidate} and {facts.reference} were trained from the same initial weights.",
        [f"Their weights share an origin{cosine(facts.weights)}."],
        ["Movement toward the reference's text, measured from the base (--base)."],
    )  # fmt: skip


def _no_evidence(facts: PairFacts, summary: str) -> Verdict:
    tight = [e for e in facts.evidence if e.speaks and e.estimate.high < 2 * e.minimum_effect]
    sure = len({e.family for e in tight}) >= FEWEST_FAMILIES
    return _make_verdict(
        facts, "no evidence", "moderate" if sure else "weak", summary,
        [f"{e.title}: {interval(e.estimate)} {beyond(e)}." for e in facts.evidence[:4]],
        ["More probes would show a smaller effect than these could."],
    )  # fmt: skip
