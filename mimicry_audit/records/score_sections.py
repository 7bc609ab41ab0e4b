"""The parts of ``scores.json`` beside the verdicts: identity, judges, likelihood.

Promise: as for `mimicry_audit.records.scores`, of which these are parts.
"""

from __future__ import annotations

from typing import TypedDict

from mimicry_audit.records.manifest import IdentityEntry
from mimicry_audit.statistics.interval_record import IntervalRecord


class ClaimRecord(TypedDict):
    """A claim inside an answer, by its place in the text."""

    maker: str
    model: str | None
    start: int
    end: int
    voice: str
    own: bool | None


class AttemptRecord(TypedDict, total=False):
    """One answer to an identity question."""

    model: str
    probe_id: str
    arm: str
    language: str
    aspect: str | None
    question: str
    status: str
    text: str
    claims: list[ClaimRecord]
    template: str | None
    kind: str | None
    loose: bool | None
    strict: bool | None
    hard: bool | None


class OwnRecord(TypedDict):
    """Who a model is by its name."""

    maker: str | None
    model: str | None


class ClaimCount(TypedDict):
    """How often an identity was claimed."""

    identity: str
    count: int
    own: bool | None


class ArmRecord(TypedDict):
    """Plain identity questions in one arm."""

    n: int
    answered: int
    refused: int
    failed: int
    other_rate: IntervalRecord | None
    own_rate: IntervalRecord | None
    claims: list[ClaimCount]


class SlipRates(TypedDict, total=False):
    """Shares of answers that claim another's identity, by three measures."""

    loose: IntervalRecord | None
    strict: IntervalRecord | None
    hard: IntervalRecord | None


class ControlRates(SlipRates, total=False):
    """The same, averaged over unrelated models."""

    models: list[str]


class TemplateCount(TypedDict):
    """Slips in one template."""

    template: str
    kind: str
    n: int
    loose: int | None
    strict: int | None
    hard: int | None


class IdentityScore(SlipRates, total=False):
    """Who one model says it is."""

    own: OwnRecord | None
    arms: dict[str, ArmRecord]
    n: int
    answered: int
    statuses: dict[str, int]
    refusal: IntervalRecord | None
    failure: IntervalRecord | None
    plain: SlipRates
    control: ControlRates | None
    languages: dict[str, SlipRates]
    aspects: dict[str, SlipRates]
    kinds: dict[str, SlipRates]
    systems: dict[str, SlipRates]
    templates: list[TemplateCount]
    claims: dict[str, int]
    claimed_models: dict[str, int]
    voices: dict[str, int]


class IdentitySection(TypedDict, total=False):
    """Who the models say they are."""

    arms: list[str]
    models: dict[str, IdentityScore]
    attempts: list[AttemptRecord]


class GradedSets(TypedDict):
    """The mean overall grade of each probe set, their mean, and the axes' on the same answers."""

    sets: dict[str, float]
    value: float | None
    judge_free: float | None


class GradedPair(TypedDict, total=False):
    """One pair's grades by one judge."""

    candidate: str
    reference: str
    n: int
    grades: dict[str, IntervalRecord | None]
    domains: dict[str, IntervalRecord | None]
    similarity: IntervalRecord | None
    rse: GradedSets
    judge_free_axes: dict[str, float]


CorrelationRecord = TypedDict("CorrelationRecord", {"with": str, "spearman": float | None, "n": int})
"""Rank correlation of a judge with an axis (``with``) over the pairs."""


class JudgeScore(TypedDict, total=False):
    """What one judge said."""

    label: str
    source: str
    engine: str
    identity: IdentityEntry
    structured: bool
    protocol: str
    counts: dict[str, int]
    cached: int
    budget: float | None
    probes: int
    offered: int
    position_bias: IntervalRecord | None
    pairs: list[GradedPair]
    correlations: list[CorrelationRecord]


class JudgeAgreement(TypedDict):
    """How far two judges agree."""

    a: str
    b: str
    kappa: float | None
    n: int


class JudgeSection(TypedDict, total=False):
    """What the judges said."""

    judges: list[JudgeScore]
    agreement: list[JudgeAgreement]


class ScorerRecord(TypedDict):
    """One model as a scorer of given texts."""

    tokenizer: str | None
    scored: int
    failed: int
    why_not: str | None


class TextLikelihood(TypedDict):
    """How probable one model finds another's answers."""

    model: str
    author: str
    cross_entropy: IntervalRecord | None
    perplexity: IntervalRecord | None
    bits_per_byte: IntervalRecord | None


class DivergenceRecord(TypedDict, total=False):
    """How differently two models predict the reference's answers, in nats."""

    candidate: str
    reference: str
    kl_reference_candidate: IntervalRecord | None
    kl_candidate_reference: IntervalRecord | None
    js: IntervalRecord | None
    similarity: IntervalRecord | None
    why_not: str | None


class GainRecord(TypedDict):
    """The gain in likelihood of one judged pair, in bits per byte."""

    candidate: str
    reference: str
    base: str | None
    gain: IntervalRecord | None
    adjusted: IntervalRecord | None
    p: float | None
    p_holm: float | None
    positive: bool
    controls: list[str]
    why_not: str | None


class LikelihoodSection(TypedDict, total=False):
    """How probable the models find each other's answers."""

    top_k: int
    models: dict[str, ScorerRecord]
    texts: list[TextLikelihood]
    divergences: list[DivergenceRecord]
    gains: list[GainRecord]
