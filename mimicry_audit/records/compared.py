"""What ``compare.json`` holds, field by field as in ``docs/formats.md``.

Promise: as for `mimicry_audit.records.scores`: the JSON is the record, nothing is converted on the way in or out, and a field
may be absent from a comparison of an earlier version.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from mimicry_audit.records.manifest import IdentityEntry, ProbeSetEntry, SamplingEntry
from mimicry_audit.records.scores import AxisScore
from mimicry_audit.statistics.interval_record import IntervalRecord

COMPARED_SCHEMA = "mimicry_audit.compare/1"

Direction = Literal["up", "down", "relative", "unclear", "too few"]
Answer = Literal["yes", "no", "unclear", "not measured"]


class ComparedSettings(TypedDict, total=False):
    """What the numbers depend on apart from the answers; ``sampling`` is empty where it is unknown."""

    samples: int
    sampling: SamplingEntry
    axes: list[str]
    embedding_model: str | None
    draws: int
    seed: int
    minimum_effect: float


class MovementRecord(TypedDict):
    """A quantity before and after, its change, and the change beyond the controls."""

    before: IntervalRecord
    after: IntervalRecord
    change: IntervalRecord
    adjusted: IntervalRecord
    p: float
    p_holm: float | None
    direction: Direction


class AccuracyMovement(MovementRecord):
    """The same for right answers; ``gained`` and ``lost`` probes with one sample only."""

    test: str
    gained: int | None
    lost: int | None


class ClaimedIdentity(TypedDict):
    """An identity and how often it was claimed."""

    identity: str
    count: int


class IdentityMovement(TypedDict, total=False):
    """Claims of identity before and after, in plain questions and in templates; ``leak`` None where it is unknown."""

    own: str | None
    reference: str | None
    leak: bool | None
    questions: dict[str, int]
    plain: dict[str, MovementRecord | None]
    templated: dict[str, MovementRecord | None]
    claims: dict[str, list[ClaimedIdentity]]


class QuestionRecord(TypedDict):
    """One question and its answer in a sentence."""

    name: str
    question: str
    answer: Answer
    sentence: str


class CheckpointRecord(TypedDict, total=False):
    """What was found of one checkpoint."""

    label: str
    step: float | None
    questions: list[QuestionRecord]
    overall: MovementRecord | None
    axes: dict[str, MovementRecord | None]
    by_domain: dict[str, MovementRecord | None]
    toward_controls: dict[str, IntervalRecord | None]
    accuracy: AccuracyMovement | None
    identity: IdentityMovement | None
    diversity: dict[str, MovementRecord | None]


StepRecord = TypedDict("StepRecord", {"from": str, "to": str, "movement": MovementRecord | None})
"""The movement from one checkpoint (``from``) to the next (``to``)."""


class SideRecord(TypedDict, total=False):
    """Who takes part; ``distinct_N`` are shares of distinct runs of N words."""

    label: str
    role: str
    source: str
    name: str
    engine: str
    run: str
    step: float | None
    identity: IdentityEntry
    maker: str | None
    coverage: float
    samples: IntervalRecord | None
    words: IntervalRecord | None
    accuracy: IntervalRecord | None
    distinct_1: IntervalRecord | None
    distinct_2: IntervalRecord | None
    distinct_3: IntervalRecord | None
    corpus_distinct: dict[str, float | None]


class ShownAnswer(TypedDict):
    """An answer and what became of it."""

    status: str
    text: str


class MovedProbe(TypedDict):
    """A probe on which the last checkpoint moved, with the answers of before, after and reference."""

    probe_id: str
    domain: str
    prompt: str
    label: str
    before: float
    after: float
    change: float
    answers: dict[str, ShownAnswer | None]


class Compared(TypedDict, total=False):
    """The content of ``compare.json``."""

    schema: str
    title: str
    created: str
    signature: str
    settings: ComparedSettings
    versions: dict[str, str]
    probe_sets: list[ProbeSetEntry]
    before: str
    reference: str
    controls: list[str]
    sides: list[SideRecord]
    differences: list[str]
    n: int
    domains: list[str]
    axes: list[AxisScore]
    checkpoints: list[CheckpointRecord]
    steps: list[StepRecord]
    trajectory: str | None
    probes: list[MovedProbe]
    limits: list[str]
    warnings: list[str]
