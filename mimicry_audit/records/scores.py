"""What ``scores.json`` holds, field by field as in ``docs/formats.md``: types for whoever writes it, reads it or draws it.

Promise: the JSON is the record: nothing is converted on the way in or out, so what is read and written again is the same. A
field may be absent from scores of an earlier version, therefore none is required here; `mimicry_audit.verdicts.score` refuses
a file that lacks what every reader needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, cast

from mimicry_audit.ground.shapes import find_misfit
from mimicry_audit.records.manifest import (
    IdentityEntry,
    ProbeSetEntry,
    SamplingEntry,
    SelectionEntry,
    StatedTeacher,
    is_file_name,
)
from mimicry_audit.records.score_sections import IdentitySection, JudgeSection, LikelihoodSection
from mimicry_audit.records.verdict_parts import IndexRecord, MismatchRecord, MovementRecord, NullRecord, WhereRecord
from mimicry_audit.records.verdict_words import VerdictName
from mimicry_audit.statistics.interval_record import IntervalRecord

SCORES_SCHEMA = "mimicry_audit.scores/1"
REQUIRED_SCORES = (
    *("title", "created", "signature", "settings", "versions", "probe_sets", "domains", "models", "axes", "pairs"),
    *("verdicts", "combined", "attribution", "agreement", "identity", "limits", "warnings"),
)


class RolesRecord(TypedDict, total=False):
    """Which models were compared with which."""

    references: list[str]
    bases: dict[str, str]
    controls: list[str]
    panel: list[str]
    students: dict[str, str]


class ScoringRecord(TypedDict, total=False):
    """`mimicry_audit.verdicts.options.ScoringOptions` as stored."""

    roles: RolesRecord
    axes: list[str]
    embedding_model: str | None
    draws: int
    seed: int
    min_coverage: float


class SettingsRecord(TypedDict, total=False):
    """How was asked, from what was chosen, and how was scored; ``panels`` names the stored ones."""

    sampling: SamplingEntry
    selection: SelectionEntry
    panels: list[str]
    scoring: ScoringRecord


class AccuracyRecord(TypedDict, total=False):
    """Shares of right answers."""

    overall: IntervalRecord | None
    domains: dict[str, IntervalRecord]


class LineageRecord(TypedDict, total=False):
    """What a checkpoint states of its lineage, and where; ``teachers`` where there are several, the first being ``teacher``."""

    relation: str | None
    teacher: str | None
    teachers: list[StatedTeacher]
    base: str | None
    same_data_as: str | None
    source: str


class ServedName(TypedDict):
    """A name under which an endpoint served a model, and how many usable answers came from it."""

    name: str
    count: int


class AskedModel(TypedDict):
    """How a model was asked: its name as the user gave it, engine and options, and what pins it down."""

    label: str
    source: str
    engine: str
    options: dict[str, object]
    identity: IdentityEntry


class ModelScore(AskedModel, total=False):
    """One model: role, coverage, answers by status, accuracy, stated lineage."""

    role: str
    coverage: float
    statuses: dict[str, int]
    answers: int
    mean_words: float
    accuracy: AccuracyRecord | None
    lineage: LineageRecord | None
    injected_identity: str | None
    served: list[ServedName]


class AxisScore(TypedDict, total=False):
    """One axis, and why it was not measured."""

    name: str
    title: str
    family: str
    baseline: bool
    about: str
    measured: bool
    why_not: str | None


class SimilarityRecord(TypedDict, total=False):
    """Similarity, raw and centred."""

    raw: IntervalRecord | None
    centred: IntervalRecord | None


class AxisSimilarity(SimilarityRecord, total=False):
    """The same for one axis of a pair, also by domain."""

    domains: dict[str, SimilarityRecord]


class RatioRecord(TypedDict):
    """A combined score and its log likelihood ratio."""

    score: float
    log_likelihood_ratio: float


class PairScore(TypedDict, total=False):
    """One unordered pair of models."""

    a: str
    b: str
    n: int
    overall: AxisSimilarity | None
    axes: dict[str, AxisSimilarity]
    combined: dict[str, RatioRecord] | None


class EvidenceRecord(TypedDict, total=False):
    """One axis's say on a judged pair; ``closed`` for gains in likelihood alone."""

    axis: str
    family: str
    statistic: str
    unit: str
    estimate: IntervalRecord
    raw: IntervalRecord | None
    p: float
    p_holm: float | None
    positive: bool
    closed: float


class TruthRecord(TypedDict):
    """What both checkpoints state, and whether the verdict agrees."""

    relation: str
    source: str
    agrees: bool | None


class VerdictRecord(TypedDict, total=False):
    """One judged pair."""

    candidate: str
    reference: str
    base: str | None
    verdict: VerdictName
    confidence: str
    summary: str
    reasons: list[str]
    would_change: list[str]
    evidence: list[EvidenceRecord]
    length: EvidenceRecord | None
    controls: list[str]
    centred_on: list[str]
    family: list[str]
    coverage: float
    n: int
    truth: TruthRecord | None
    detailed: bool
    null: NullRecord | None
    index: IndexRecord | None
    mismatched: MismatchRecord | None
    where: WhereRecord | None
    movement: list[MovementRecord] | None


class PanelRecords(TypedDict):
    """The parts of a verdict that its panel gives; None where the pair is not reported in detail."""

    null: NullRecord | None
    index: IndexRecord | None
    mismatched: MismatchRecord | None


class HardProbe(TypedDict):
    """A checkable probe, and who answered it rightly."""

    probe: str
    domain: str
    right: list[str]
    wrong: list[str]


class CombinedRecord(TypedDict):
    """Which combined scores there are, or why none."""

    version: int
    questions: list[str]
    why_not: str | None


class RankedReference(TypedDict):
    """A possible teacher with its probability."""

    reference: str
    probability: float


class AttributionRecord(TypedDict):
    """The possible teachers of a candidate, likeliest first, and the probability of none of them."""

    candidate: str
    ranked: list[RankedReference]
    none: float
    prior_none: float


class ChanceRecord(TypedDict):
    """Agreement of results, observed and expected by chance."""

    observed: float
    expected: float
    kappa: IntervalRecord


class CombinedSections(TypedDict):
    """The two parts that combined scores give."""

    combined: CombinedRecord
    attribution: list[AttributionRecord]


class AgreementRecord(TypedDict, total=False):
    """Agreement of a judged pair on all results and on wrong ones."""

    candidate: str
    reference: str
    all: ChanceRecord
    wrong: ChanceRecord


class KnownStudentRecord(AskedModel):
    """A known student: how it was asked, whose it is, and how much it answered."""

    teacher: str
    answers: int


class Scores(TypedDict, total=False):
    """The content of ``scores.json``."""

    schema: str
    title: str
    created: str
    signature: str
    settings: SettingsRecord
    versions: dict[str, str]
    probe_sets: list[ProbeSetEntry]
    domains: list[str]
    models: list[ModelScore]
    students: list[KnownStudentRecord]
    axes: list[AxisScore]
    pairs: list[PairScore]
    agreement: list[AgreementRecord]
    centred_on: list[str]
    nearness_to: str
    nearness: dict[str, dict[str, float]]
    verdicts: list[VerdictRecord]
    hardest: list[HardProbe]
    combined: CombinedRecord
    attribution: list[AttributionRecord]
    identity: IdentitySection
    judge: JudgeSection | None
    likelihood: LikelihoodSection
    limits: list[str]
    warnings: list[str]
    answer_warnings: list[str]
    fingerprint: str


NEEDED_RECORDS: Mapping[type, Sequence[str]] = {
    Scores: REQUIRED_SCORES,
    ModelScore: ("label",),
    AxisScore: ("name",),
    PairScore: ("a", "b"),
    VerdictRecord: (
        "candidate",
        "reference",
        "verdict",
        "confidence",
        "summary",
        "reasons",
        "would_change",
        "evidence",
    ),
    EvidenceRecord: ("axis", "statistic", "estimate"),
    IntervalRecord: ("value", "low", "high"),
    RankedReference: ("reference", "probability"),
    AttributionRecord: ("candidate", "ranked", "none"),
}
"""What no reader can do without; other fields may be absent from scores of an earlier version."""


def find_damage(content: object) -> str | None:
    """What is wrong with a parsed ``scores.json``, in words; None where it can be shown.

    Labels name files that are written, so one that is no name of a file is damage as well.
    """
    if misfit := find_misfit(content, Scores, NEEDED_RECORDS):
        return misfit
    labels = [model["label"] for model in cast("Scores", content)["models"]]
    wrong = next((label for label in labels if not is_file_name(label)), None)
    return None if wrong is None else f"the label {wrong!r} is not a name of a file"


class SampleRecord(TypedDict, total=False):
    """One answer of one model, as the report shows it."""

    sample: int
    status: str
    text: str
    reasoning: str | None
    correct: bool | None


class AnsweredProbe(TypedDict, total=False):
    """One probe with every model's answers and their similarity to the reference's; ``conversation`` has all turns of it."""

    probe_id: str
    domain: str
    set: str
    prompt: str
    conversation: str
    expected: str | None
    answers: dict[str, list[SampleRecord]]
    similarity: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """One verdict with named attributes, for Python code.

    Attributes:
        candidate, reference, base: labels; base is None where none was declared.
        verdict: one of the six words.
        confidence: ``strong``, ``moderate``, ``weak`` or ``none``.
        summary, reasons, would_change: in words.
        evidence: one record per measured axis.
        coverage: share of the probes that both answered, `n` of them.
        truth: the lineage that both checkpoints state; None where they do not.
        record: the whole record of ``scores.json``.
    """

    candidate: str
    reference: str
    base: str | None
    verdict: VerdictName
    confidence: str
    summary: str
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    evidence: tuple[EvidenceRecord, ...] = ()
    coverage: float | None
    n: int | None
    truth: TruthRecord | None = None
    record: VerdictRecord = field(repr=False)

    @classmethod
    def from_record(cls, record: VerdictRecord) -> PairVerdict:
        """The verdict in a record of ``scores.json``."""
        return cls(
            candidate=record["candidate"],
            reference=record["reference"],
            base=record["base"],
            verdict=record["verdict"],
            confidence=record["confidence"],
            summary=record["summary"],
            reasons=tuple(record["reasons"]),
            would_change=tuple(record["would_change"]),
            evidence=tuple(record["evidence"]),
            coverage=record.get("coverage"),
            n=record.get("n"),
            truth=record.get("truth"),
            record=record,
        )

    def __getitem__(self, name: str) -> object:
        """A field of the record, as in ``scores.json``."""
        return cast("Mapping[str, object]", self.record)[name]
