"""The lineage manifest of a distilled checkpoint: how it came to be, in the form that an audit reads.

Promise: ``lineage.json`` names the teacher and the base as their own manifests do where they have one, pins both by what they
weigh and not by what they are called, and holds no path of this machine. It is written last: a checkpoint with one is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.engines.fingerprint import Weights
from mimicry_audit.engines.hardware import version_of
from mimicry_audit.engines.sketch import lineage_of
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import Identity, canonical_json, sha256_text
from mimicry_audit.records.manifest import StatedIdentity, StatedTeacher
from mimicry_audit.records.run import write_json

MANIFEST = "lineage.json"
SCHEMA = 1
"""The same as the lab's manifests: every field of theirs has its meaning here."""

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft")

OBJECTIVES = {
    "hard": "next token of the teacher's answers (hard labels)",
    "forward-kl": "forward Kullback–Leibler to the teacher's next-token distribution",
    "reverse-kl": "reverse Kullback–Leibler to the teacher's next-token distribution",
    "jsd": "generalised Jensen–Shannon to the teacher's next-token distribution",
    "skew-kl": "skewed Kullback–Leibler to the teacher's next-token distribution",
    "skew-reverse-kl": "skewed reverse Kullback–Leibler to the teacher's next-token distribution",
    "span-kl": "forward Kullback–Leibler to the teacher's probabilities of the same text, across tokenizers",
    "uld": "universal logit distillation beside hard labels",
}
"""What an objective minimises, in words."""

_PATHS = ("teacher", "student", "data", "engine_options", "launcher", "chat_template", "prompt_template")
"""Settings that may hold a path and are left out of the manifest."""


class Lineage(TypedDict):
    """What ``lineage.json`` holds; ``distillation`` has the settings and what came of them.

    ``teacher`` is the only teacher, or of ``teachers`` the one with the largest share.
    """

    schema: int
    name: str
    family: object
    relation: str
    teacher: str | None
    teachers: NotRequired[list[StatedTeacher]]
    base: str
    same_data_as: None
    objective: str
    data_sha256: str
    examples: int
    steps: int
    seed: int
    data_seed: int
    init_seed: None
    parameters: int
    quirks: dict[str, object]
    parents: dict[str, str]
    versions: dict[str, str]
    distillation: dict[str, object]
    identity: NotRequired[StatedIdentity]
    fingerprint: NotRequired[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """One teacher of a student.

    Attributes:
        identity: as it was when it answered.
        folder: where its weights lie, None where they are elsewhere.
        share: of the taught answers.
    """

    identity: Identity
    folder: Path | None
    share: float

    @property
    def name(self) -> str:
        """What it calls itself in its own manifest."""
        return own_name(self.folder, self.identity.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageInputs:
    """What happened, as far as the manifest states it.

    Attributes:
        settings: what was asked for.
        teachers: whose answers were taught; none where no teacher was asked.
        base: the weights that the student started from.
        objective: what was minimised, in words.
        data_sha: hash over what the student was taught.
        examples: how many answers that was.
        steps: of all rounds together.
        parameters: of the student.
        distillation: what the manifest states beside the settings, in this order.
    """

    settings: DistillSettings | EvolveSettings
    teachers: tuple[Teacher, ...]
    base: Weights
    objective: str
    data_sha: str
    examples: int
    steps: int
    parameters: int
    distillation: Mapping[str, object]


def own_name(folder: Path | None, fallback: str) -> str:
    """What a checkpoint calls itself in its manifest, else the fallback without the way to it."""
    manifest = (lineage_of(folder) or {}) if folder else {}
    return str(manifest.get("name") or fallback.removeprefix("lab/"))


def lineage_manifest(inputs: LineageInputs) -> Lineage:
    """The manifest."""
    s = inputs.settings
    base_folder = weights_folder(inputs.base)
    base = own_name(base_folder, inputs.base.name)
    parents = {base: inputs.base.pin}
    ranked = sorted(inputs.teachers, key=lambda teacher: -teacher.share)
    parents |= {teacher.name: teacher.identity.revision or "unknown" for teacher in ranked}
    teacher = ranked[0].name if ranked else None
    base_manifest = (lineage_of(base_folder) or {}) if base_folder else {}
    content: Lineage = {
        "schema": SCHEMA,
        "name": s.name or s.out.resolve().name,
        "family": base_manifest.get("family"),
        "relation": "distilled-from" if teacher else "fine-tune-of-same-base",
        "teacher": teacher,
        "base": base,
        "same_data_as": None,
        "objective": inputs.objective,
        "data_sha256": inputs.data_sha,
        "examples": inputs.examples,
        "steps": inputs.steps,
        "seed": s.seed,
        "data_seed": s.seed,
        "init_seed": None,
        "parameters": inputs.parameters,
        "quirks": {},
        "parents": parents,
        "versions": {"mimicry_audit": __version__} | {n: v for n in LIBRARIES if (v := version_of(n)) is not None},
        "distillation": {
            **{name: value for name, value in s.deciding().items() if name not in _PATHS},
            **inputs.distillation,
        },
    }
    if len(ranked) > 1:
        content["teachers"] = [{"name": teacher.name, "share": round(teacher.share, 4)} for teacher in ranked]
    if base_manifest.get("identity"):
        content["identity"] = base_manifest["identity"]  # a student goes by its base's name
    content["fingerprint"] = sha256_text(canonical_json(content))
    return content


def amended(content: Lineage, **distillation: object) -> Lineage:
    """The manifest with some of its account of the distillation changed."""
    manifest = content.copy()
    manifest.pop("fingerprint", None)
    manifest["distillation"] = {**manifest["distillation"], **distillation}
    manifest["fingerprint"] = sha256_text(canonical_json(manifest))
    return manifest


def read(folder: Path) -> Lineage:
    """The manifest that `write` left in a folder.

    Raises:
        OSError: there is none.
        ValueError: it is not JSON.
    """
    content: Lineage = json.loads((folder / MANIFEST).read_text("utf-8"))
    return content


def write(folder: Path, content: Lineage) -> None:
    """Write the manifest: the last file of a checkpoint."""
    write_json(folder / MANIFEST, content)


def weights_folder(weights: Weights) -> Path | None:
    """Where weights lie, None where they come from the Hub."""
    return Path(weights.location) if weights.commit is None else None
