"""What a verdict rests on and what it says: the records that travel from the evidence to the report.

Promise: plain, frozen data; nothing here is computed from answers and nothing is decided, but the thresholds that decide
are here, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mimicry_audit.records.scores import EvidenceRecord, TruthRecord, VerdictRecord
from mimicry_audit.records.verdict_words import VerdictName
from mimicry_audit.statistics.intervals import Interval

ALPHA = 0.05
FEWEST_MODELS = 5
FEWEST_PROBES = 20
FEWEST_FAMILIES = 2
BEYOND_STYLE = frozenset({"answers", "passages"})
"""Kinds of evidence that a shared style does not raise. Every other kind, one from a new axis included, counts as what a style
can raise: two unrelated models that open alike and favour the same marks share words and style, lie nearer to each other in an
embedding, find each other's text likelier, and share nothing else. Three lab models that were taught the teacher's
manner in other sentences, with right answers, moved on wording, meaning, style and probability."""
AMONG_AUTHORS = "distance among authors"
"""The statistic that sets one reference against all other possible authors."""
AUTHORSHIP = "authorship"
"""The kind of that evidence where it comes from the answers. It is drawn from the same answers as wording and style, so it is
never a second kind beside them; it says that what they show singles the reference out. From likelihoods it is of their kind."""
FEWEST_AUTHORS = 8
"""Controls from which one author can be told from the others: with fewer, the spread among them is a guess."""
SINGLED_OUT = 0.01
"""Holm p of that evidence from which more than a style that good models share is assumed."""
AMONG_STUDENTS = "distance among students"
"""The statistic that holds the candidate against students of known teachers from its own base (`--calibration`)."""
FEWEST_STUDENTS = 4
"""Teachers with a student from which it is seen how much students of different teachers resemble each other."""
TELLING_RATIO = 10.0
"""Likelihood ratio from which the combined score is worth a sentence."""
CLOSED = 0.4
"""Share of what the base lacks in predicting the reference's text that training closed, beyond the controls, from which more
than a shared style is assumed: on the lab a style alone closes at most a quarter, a tenth of a teacher's answers a half."""
FEWEST_PER_AXIS = 10
"""An axis measured on fewer probes has no say: its interval is too rough to be one."""
FEWEST_CONTROLS_STRONG = 3
"""With fewer controls their median is one or two models' own movement, and no verdict on it is strong."""
MINIMUM_EFFECT = 0.03
"""Smallest adjusted movement, in units of similarity, that is called a movement: about the spread that two ordinary
fine-tunes of one base on unrelated text show toward a third model."""
MINIMUM_COPIED = 0.02
"""Smallest share of copied answers, beyond those copied from controls, that is called copying: of 836 triangles of public
models that are documented as unlinked none has its whole interval above 0.0175; a style alone copies nothing on the lab."""
MINIMUM_GAIN = 0.05
"""The same for the gain in likelihood, in bits per byte: the lab's ordinary fine-tune, on the text of four models
that it was not trained on, reaches it with no end of any interval; a distilled student exceeds it many times over."""
NEAR_EQUAL_JS = 0.001
"""Mean Jensen–Shannon divergence in nats below which two models predict nearly the same; rounding in bfloat16 stays below,
the lab's best student (0.009) does not reach it."""
VERBATIM_SHARE = 0.95
VERBATIM_FEWEST = 20
OPENING_CHARACTERS = 60
UNRELATED_OPENINGS, CHILD_OPENINGS = 0.065, 0.29
"""The largest share of answers with the same first `OPENING_CHARACTERS` characters among 406 unrelated pairs of public models,
and among 16 preference-tuned children and their parents."""
SAME_OPENINGS = 0.35
"""Share of such answers from which two names are probably one model, well above what a child of a model shares. 16-bit and
8-bit builds of one model of 135 M parameters, asked greedily, share .77 to 1.0. Its 5-bit and 4-bit builds share .0 to .2 and
are not found: rounding so coarse makes another model of so small a one. docs/validity.md has the figures of all relations."""


APART = 0.01
"""p-value of the two-sample test below which sampled answers are said to tell two models apart; it decides nothing."""
SAME_TOKENS = 0.05
"""Mean total variation distance of the next-token probabilities below which, with its whole interval, two names are probably
one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One axis's say on one pair.

    Attributes:
        axis: axis name.
        title: axis title.
        family: axes of one family count once.
        statistic: ``adjusted lift``, ``adjusted gain``, ``adjusted share``, ``distance among authors`` or
            ``distance among students`` (with a base) or ``excess`` (without: centred similarity).
        estimate: its interval.
        raw: the unadjusted lift, None without a base.
        p: one-sided; permutation p for a lift, rank among the panel for an excess.
        p_holm: after Holm's correction over the run.
        minimum_effect: what the estimate's lower end must exceed, in `unit`.
        unit: of the estimate: ``similarity``, ``bits per byte``, ``share of answers`` or ``standard errors``.
        closed: of a gain in likelihood, its lower end as a share of what the base lacks to the author itself; None for others.
    """

    axis: str
    title: str
    family: str
    statistic: str
    estimate: Interval
    p: float
    p_holm: float
    raw: Interval | None = None
    minimum_effect: float = MINIMUM_EFFECT
    unit: str = "similarity"
    closed: float | None = None

    @property
    def positive(self) -> bool:
        """Beyond the minimum effect with both the corrected test and the interval, and a movement at all.

        A model that moved away from all others has not moved toward the one it moved away from least.
        """
        moved = self.raw is None or self.raw.low > 0
        return self.speaks and moved and self.p_holm < ALPHA and self.estimate.low > self.minimum_effect

    @property
    def recognises(self) -> bool:
        """Whether known students show that the candidate is one more student of this teacher."""
        return self.statistic == AMONG_STUDENTS and self.positive

    @property
    def speaks(self) -> bool:
        """Whether it was measured on enough probes to count."""
        return self.estimate.n >= FEWEST_PER_AXIS

    def as_dict(self) -> EvidenceRecord:
        """For ``scores.json``."""
        record: EvidenceRecord = {
            "axis": self.axis,
            "family": self.family,
            "statistic": self.statistic,
            "unit": self.unit,
            "estimate": self.estimate.as_dict(),
            "raw": self.raw.as_dict() if self.raw else None,
            "p": round(self.p, 6),
            "p_holm": round(self.p_holm, 6),
            "positive": self.positive,
        }
        if self.closed is not None:
            record["closed"] = round(self.closed, 4)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFacts:
    """Everything a verdict on one pair may rest on.

    Attributes:
        candidate, reference, base: labels; base None when none was declared.
        base_weights: cosine between candidate and base weights; None when either is unavailable.
        base_contradicted: the weights show that the declared base is not the candidate's base.
        weights: cosine between candidate and reference weights, None when out of sight or of other shape.
        weights_related: whether candidate and reference share initial weights; None when out of sight.
        equal_weights: whether candidate and reference have the very same weights; None when out of sight.
        models: how many models answered in this run.
        controls: labels the movement was adjusted by.
        kin_controls: those of them that stand out toward the reference themselves.
        panel: the independent models of the run: the panel of this pair's null.
        family: known kin of the candidate or the reference, kept out of the panel.
        centred_on: the models that similarities were centred on; empty where kin were most of them and nothing was centred.
        n: probes both answered, of `asked` that were put to both.
        recorded: whether the answers of both were collected elsewhere, so that none can be asked for.
        min_coverage: least share that must be answered.
        verbatim: share of long answers that are word for word the same, among `long_answers`.
        same_openings: how many answers begin with the same `OPENING_CHARACTERS` characters, of how many that are so long.
        token_distance: mean distance of the next-token probabilities where both answers stand at the same place; None where
            the run kept none.
        token_places: at how many places.
        evidence: one entry per measured axis; baselines apart.
        length: the length baseline's entry.
        remarks: what else a reader should know, whatever the verdict; nothing rests on it.
        taught_by: other teachers whose known student the candidate resembles as one more student of theirs would.
        ratios: question → log likelihood ratio of the combined score; empty in a run of few models.
        claims: how often the candidate claimed to be the reference or from its maker, of how many identity answers.
    """

    candidate: str
    reference: str
    base: str | None
    base_weights: float | None = None
    base_contradicted: bool = False
    weights: float | None = None
    weights_related: bool | None = None
    equal_weights: bool | None = None
    models: int
    controls: Sequence[str] = ()
    kin_controls: Sequence[str] = ()
    panel: Sequence[str] = ()
    family: Sequence[str] = ()
    centred_on: Sequence[str] = ()
    n: int
    asked: int
    recorded: bool = False
    min_coverage: float = 0.95
    verbatim: float = 0.0
    long_answers: int = 0
    same_openings: tuple[int, int] = (0, 0)
    token_distance: Interval | None = None
    token_places: int = 0
    evidence: Sequence[Evidence] = ()
    length: Evidence | None = None
    claims: tuple[int, int] | None = None
    taught_by: Sequence[str] = ()
    ratios: Mapping[str, float] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def triangle(self) -> bool:
        """Whether movement from the base can be read."""
        return self.base is not None and not self.base_contradicted

    @property
    def coverage(self) -> float:
        """Share of the probes put to both that both answered."""
        return self.n / self.asked if self.asked else 0.0

    @property
    def only_family(self) -> bool:
        """Whether nothing was centred because hardly anything but kin could be centred on."""
        return bool(self.family) and not self.centred_on

    def families(self) -> list[str]:
        """Families with positive evidence, in order."""
        return list(dict.fromkeys(e.family for e in self.evidence if e.positive and e.family != AUTHORSHIP))

    @property
    def singled_out(self) -> bool:
        """Whether the candidate moved toward the reference out of all proportion to its movement toward any other author."""
        return any(e.statistic == AMONG_AUTHORS and e.positive and e.p_holm < SINGLED_OUT for e in self.evidence)

    @property
    def recognised(self) -> Evidence | None:
        """The evidence by which known students show that the candidate is one more student of the reference."""
        return next((e for e in self.evidence if e.recognises), None)

    @property
    def knows_it(self) -> bool:
        """Whether training closed more of what the base lacked in predicting the reference's text than a shared style would."""
        return any(e.positive and e.closed is not None and e.closed > CLOSED for e in self.evidence)

    def only_habits(self) -> bool:
        """Whether all that is positive may come from a shared style."""
        return not set(self.families()) & BEYOND_STYLE and not self.knows_it and not self.singled_out

    def measured_families(self) -> list[str]:
        """Families with a say at all, in order."""
        return list(dict.fromkeys(e.family for e in self.evidence if e.speaks and e.family != AUTHORSHIP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What two checkpoints' lineage manifests state of a pair.

    Attributes:
        relation: in words.
        right: the verdicts that agree with it.
        source: where it is stated.
    """

    relation: str
    right: tuple[VerdictName, ...]
    source: str = "the checkpoints' lineage manifests"

    def agrees(self, verdict: VerdictName) -> bool | None:
        """Whether a verdict agrees with the stated lineage; None where it leaves the question open, rightly or not."""
        return None if verdict == "inconclusive" else verdict in self.right

    def as_dict(self, verdict: VerdictName) -> TruthRecord:
        """For ``scores.json``."""
        return {"relation": self.relation, "source": self.source, "agrees": self.agrees(verdict)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence on one pair comes to.

    Attributes:
        facts: what the rules saw.
        verdict: one of the six words.
        confidence: ``strong``, ``moderate``, ``weak`` or ``none``.
        summary, reasons, would_change: in words.
        truth: what the checkpoints state of the pair, attached once the verdict stands: no rule can have read it.
    """

    facts: PairFacts
    verdict: VerdictName
    confidence: str
    summary: str
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    truth: Truth | None = None

    def as_dict(self) -> VerdictRecord:
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
            "length": {**facts.length.as_dict(), "p_holm": None, "positive": False} if facts.length else None,
            "controls": list(facts.controls),
            "centred_on": list(facts.centred_on),
            "family": list(facts.family),
            "coverage": round(facts.coverage, 4),
            "n": facts.n,
            "truth": self.truth.as_dict(self.verdict) if self.truth else None,
        }
