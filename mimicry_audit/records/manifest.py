"""What ``manifest.json`` holds: the settings of a run, who its models turned out to be, and what else was asked of it.

Promise: what is read and written again is the same JSON, fields of other versions included; nothing here touches the disk
(`mimicry_audit.records.run` does).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict, cast

from mimicry_audit.ground.shapes import find_misfit

HALF_PRECISION = ("bfloat16", "float16", "half")
"""Numeric types in which rounding changes a greedy answer: three of four answers of a model of 135 million parameters differ
with the probes that are asked beside them."""
MANIFEST_SCHEMA = "mimicry_audit.manifest/1"
LONGEST_LABEL = 240
"""Bytes of a label with which a name of a file can be made; those that are given here are shorter."""
_NO_FILE_NAME = re.compile("[/\\\\\x00-\x1f\x7f\ud800-\udfff]")
REQUIRED_SETTINGS = ("models", "probe_sets", "probes_sha", "selection", "sampling")


class ModelSettings(TypedDict):
    """How a model is asked: a `mimicry_audit.engines.names.ModelSpec` without its label and source."""

    engine: str
    name: str
    revision: NotRequired[str | None]
    adapter: NotRequired[str | None]
    options: NotRequired[dict[str, object]]


class SamplingEntry(TypedDict):
    """The fields of `mimicry_audit.records.asked.Sampling`."""

    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    samples: int
    logprobs: NotRequired[int]


class ProbeSetEntry(TypedDict):
    """One probe set, pinned by its hash; ``domains`` counts probes."""

    name: str
    version: str
    sha: str
    n: int
    licence: NotRequired[str]
    domains: NotRequired[dict[str, int]]


class SelectionEntry(TypedDict, total=False):
    """How the probes were chosen from the sets; ``imported`` names the file of answers collected elsewhere."""

    probes: list[str]
    domains: list[str]
    limit: int | None
    system_prompt: str | None
    identity_attempts: int
    imported: str
    repeated_rows: int
    """Rows of the imported files that say again what an earlier row says, and were left out."""
    matched_by_text: str
    """Why imported prompts were matched by their text: in what their ids do not match."""
    shard: str
    """Which part of the probes a run of ``--shard`` holds, such as ``2/8``."""
    left_out: dict[str, int]
    """Records of the imported files that hold no answer, by the reason."""
    unmatched_models: Sequence[str]
    """Imported models that share no prompt with another, and were left out."""
    lone_tasks: dict[str, str]
    """Domains of the imported files that were left out because one model alone answered them, with that model."""
    lone_prompts: int
    """Imported prompts that were left out because one model alone answered them."""
    cautions: list[str]
    """What the answers of an imported file are not, in sentences."""
    unshared_prompts: int
    """Imported prompts that only one model answered, in a run where no prompt has answers of two."""


class PanelEntry(TypedDict):
    """A stored panel whose answers were copied: its name, its labels, and a hash over the answers."""

    name: str
    models: list[str]
    sha: str


class RunSettings(TypedDict):
    """Everything that decides which answers a run holds; compared when the run is resumed."""

    models: dict[str, ModelSettings]
    probe_sets: list[ProbeSetEntry]
    probes_sha: str
    selection: SelectionEntry
    sampling: SamplingEntry
    panels: NotRequired[list[PanelEntry]]


class IdentityEntry(TypedDict, total=False):
    """The fields of `mimicry_audit.records.asked.Identity`; none where a model was never found."""

    model: str
    revision: str | None
    template_sha: str | None
    dtype: str | None
    engine_version: str | None
    extra: dict[str, object]


class WeightSketch(TypedDict, total=False):
    """A sketch of a checkpoint's weights: hash of the compared names and shapes, samples, hash over every tensor."""

    shapes: str
    values: Sequence[float]
    digest: str


class StatedIdentity(TypedDict, total=False):
    """Who a checkpoint's lineage manifest says the model is."""

    name: str
    maker: str


class StatedTeacher(TypedDict):
    """One of several teachers, and its share of the answers that were taught."""

    name: str
    share: float


def shares_in_words(teachers: Sequence[StatedTeacher]) -> str:
    """Such as ``60 % of aria and 40 % of boro``."""
    return " and ".join(f"{teacher['share'] * 100:.0f} % of {teacher['name']}" for teacher in teachers)


class StatedLineage(TypedDict, total=False):
    """What a checkpoint's lineage manifest states; other fields are kept."""

    name: str
    relation: str
    teacher: str | None
    teachers: list[StatedTeacher]
    base: str | None
    same_data_as: str | None
    parents: dict[str, str]
    identity: StatedIdentity


class PanelOrigin(TypedDict):
    """The stored panel that a model's answers came from."""

    name: str
    created: str | None


class CheckpointFacts(TypedDict, total=False):
    """What is read from a checkpoint's files; absent where they are not on this machine."""

    weights: WeightSketch
    lineage: StatedLineage


class KnownModel(CheckpointFacts, total=False):
    """What a model turned out to be before its first answer."""

    identity: IdentityEntry
    injected_system_text: str | None
    injected_dates: list[str]
    notes: list[str]
    panel: PanelOrigin


class JudgeEntry(CheckpointFacts):
    """A language model that graded the run, under which protocol, and how much of the deck it was given."""

    engine: str
    name: str
    source: str
    identity: IdentityEntry
    protocol: str
    structured: bool
    budget: float | None
    probes: int
    offered: int
    cache: str


class SearchEntry(TypedDict):
    """How identity slips were searched for."""

    seed: int
    questions: int
    seeds_sha: str
    seeds: int
    explore: bool
    mutator: dict[str, object] | None
    prompts_sha: str | None
    sampling: SamplingEntry


class ScorerEntry(TypedDict):
    """One model as a scorer of given texts: the hash of its tokenizer, or why it cannot score."""

    tokenizer: str | None
    why_not: str | None


class LikelihoodEntry(TypedDict):
    """Whose answers were scored for their likelihood, and by which models."""

    top_k: int
    references: list[str]
    controls: list[str]
    models: dict[str, ScorerEntry]


class Notes(TypedDict, total=False):
    """What a manifest keeps beside the settings, not compared on resume."""

    sources: dict[str, str]
    version: str
    students: dict[str, str]


@dataclass(frozen=True, slots=True)
class ModelInRun:
    """One model as a run knows it.

    Attributes:
        label: its label in the run.
        spec: how it is asked.
        source: the name that the user gave; empty where none was kept.
        known: what it turned out to be; empty before it was found.
    """

    label: str
    spec: ModelSettings
    source: str = ""
    known: KnownModel = field(default_factory=lambda: KnownModel())

    @property
    def engine(self) -> str:
        """Registry name of its engine."""
        return self.spec["engine"]

    @property
    def name(self) -> str:
        """Its name as the engine is given it."""
        return self.spec["name"]

    @property
    def given_name(self) -> str:
        """The name that the user gave, else the engine's."""
        return self.source or self.name

    @property
    def identity(self) -> IdentityEntry:
        """What pins it down; empty before it was found."""
        return self.known.get("identity") or IdentityEntry()

    @property
    def numeric_type(self) -> str | None:
        """The numeric type that it ran in, such as ``bfloat16``; None if unknown."""
        dtype = (self.identity.get("dtype") or "").removeprefix("auto(").removesuffix(")").removeprefix("torch.")
        return dtype if dtype not in ("", "auto", "unstated") else None

    @property
    def rounds_by_batch(self) -> bool:
        """Whether its greedy answers depend on the others computed beside them: sums in half precision round by their order."""
        invariant = (self.identity.get("extra") or {}).get("batch_invariant")
        return self.numeric_type in HALF_PRECISION and not invariant

    @property
    def weights(self) -> WeightSketch | None:
        """The sketch of its weights; None where they are not on this machine."""
        return self.known.get("weights")

    @property
    def lineage(self) -> StatedLineage | None:
        """What its checkpoint states of its lineage; None where it states nothing."""
        return self.known.get("lineage")

    @property
    def notes(self) -> Sequence[str]:
        """What was noticed when the model was found."""
        return self.known.get("notes") or ()

    @property
    def injected_system_text(self) -> str | None:
        """The system text that its chat template adds of its own."""
        return self.known.get("injected_system_text")


@dataclass(slots=True, kw_only=True)
class Manifest:
    """The manifest of a run.

    Attributes:
        settings: what decides the answers.
        resolved: label → what the model turned out to be; a label is absent until its model is found.
        created: when, ISO 8601.
        python, version: of the interpreter and of this package.
        sources: label → name that the user gave; None where none were kept.
        students: known student → its teacher; None where the run has none.
        judges: label → judge; None if no model judged.
        search: how slips were searched for, None where they were not.
        likelihood: what was scored for its likelihood, None for nothing.
        other: fields that this version does not know.
    """

    settings: RunSettings
    resolved: dict[str, KnownModel] = field(default_factory=dict)
    created: str | None = None
    python: str | None = None
    version: str | None = None
    sources: dict[str, str] | None = None
    students: dict[str, str] | None = None
    judges: dict[str, JudgeEntry] | None = None
    search: SearchEntry | None = None
    likelihood: LikelihoodEntry | None = None
    other: dict[str, object] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Manifest:
        """The manifest in a parsed ``manifest.json`` that has the required fields."""
        parts = {name: value for name, value in content.items() if name in _PARTS}
        other = {name: value for name, value in content.items() if name not in _PARTS and name != "schema"}
        return cls(**cast("_Parts", parts), other=other)

    def as_json(self) -> dict[str, object]:
        """What ``manifest.json`` holds; absent parts are left out."""
        parts = {name: getattr(self, name) for name in _PARTS}
        return {"schema": MANIFEST_SCHEMA, **{k: v for k, v in parts.items() if v is not None}, **self.other}

    @property
    def labels(self) -> list[str]:
        """The labels of the models, in the order they were named."""
        return list(self.settings["models"])

    @property
    def models(self) -> dict[str, ModelInRun]:
        """Label → model, in the order they were named."""
        return {label: self.model(label) for label in self.settings["models"]}

    def model(self, label: str) -> ModelInRun:
        """One model of the run.

        Raises:
            KeyError: the run has no model of this label.
        """
        source = (self.sources or {}).get(label) or ""
        known_model = self.resolved.get(label) or KnownModel()
        return ModelInRun(label, self.settings["models"][label], str(source), known_model)

    @property
    def imported(self) -> bool:
        """Whether the answers were collected elsewhere, so that how they were sampled is unknown."""
        return bool(self.settings["selection"].get("imported"))


class _Parts(TypedDict, total=False):
    created: str
    python: str
    settings: RunSettings
    resolved: dict[str, KnownModel]
    sources: dict[str, str]
    version: str
    students: dict[str, str]
    judges: dict[str, JudgeEntry]
    search: SearchEntry
    likelihood: LikelihoodEntry


NEEDED_RECORDS: Mapping[type, Sequence[str]] = {
    _Parts: ("settings", "resolved"),
    RunSettings: REQUIRED_SETTINGS,
    ModelSettings: ("engine", "name"),
    ProbeSetEntry: ("name", "version", "sha", "n"),
    PanelEntry: ("name", "models"),
    StatedTeacher: ("name", "share"),
    LikelihoodEntry: ("top_k", "references", "controls", "models"),
}
"""What no reader can do without; other fields may be absent from the manifest of an earlier version."""
_PARTS = tuple(_Parts.__annotations__)
"""The known fields, in the order they are written."""


def find_damage(content: object) -> str | None:
    """What is wrong with a parsed ``manifest.json``, in words; None where it can be read.

    Labels name files, so one that is no name of a file is damage as well.
    """
    if misfit := find_misfit(content, _Parts, NEEDED_RECORDS):
        return misfit
    parts = cast("_Parts", content)
    labels = (*parts["settings"]["models"], *parts["resolved"], *(parts.get("judges") or ()))
    wrong = next((label for label in labels if not is_file_name(label)), None)
    return None if wrong is None else f"the label {wrong!r} is not a name of a file"


def is_file_name(text: str) -> bool:
    """Whether a label can name a file in a folder, and leads nowhere else."""
    return (
        0 < len(text.encode("utf-8", "surrogatepass")) <= LONGEST_LABEL
        and not text.startswith(".")
        and _NO_FILE_NAME.search(text) is None
    )
