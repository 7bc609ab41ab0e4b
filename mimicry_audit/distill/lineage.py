"""The lineage manifest of a distilled checkpoint: how it came to be, in the form that an audit reads.

Promise: ``lineage.json`` names the teacher and the base as their own manifests do where they have one, pins both by what they
weigh and not by what they are called, and holds no path of this machine. It is written last: a checkpoint with one is whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.engines.fingerprint import Weights
from mimicry_audit.engines.hardware import version_of
from mimicry_audit.engines.sketch import lineage_of
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import Identity, canonical_json, sha256_text
from mimicry_audit.records.run import write_json

MANIFEST = "lineage.json"
SCHEMA = 1
"""The same as the lab's manifests: every field of theirs has its meaning here."""

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft")

_WORDS = {
    "hard": "next token of the teacher's answers (hard labels)",
    "forward-kl": "forward Kullback–Leibler to the teacher's next-token distribution",
    "reverse-kl": "reverse Kullback–Leibler to the teacher's next-token distribution",
    "jsd": "generalised Jensen–Shannon to the teacher's next-token distribution",
    "skew-kl": "skewed Kullback–Leibler to the teacher's next-token distribution",
    "skew-reverse-kl": "skewed reverse Kullback–Leibler to the teacher's next-token distribution",
    "uld": "universal logit distillation beside hard labels",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageInputs:
    """What happened, as far as the manifest tells it.

    Attributes:
        settings: what was asked for.
        teacher: the teacher's identity, None where the dose was 0 and none was asked.
        teacher_folder: where the teacher's weights lie, None where they are elsewhere.
        base: the weights that the student started from.
        data: name, hash and counts of the data.
        answers_sha: hash over what the student was taught.
        examples: how many answers that was.
        rounds: what came of each round of training.
        tokenizers: hashes of both tokenizers' maps, where they were compared.
    """

    settings: DistillSettings
    teacher: Identity | None
    teacher_folder: Path | None
    base: Weights
    data: Mapping[str, Any]
    answers_sha: str
    examples: int
    rounds: Sequence[Mapping[str, Any]]
    tokenizers: Mapping[str, Any] | None


def own_name(folder: Path | None, fallback: str) -> str:
    """What a checkpoint calls itself in its manifest, else the fallback without the way to it."""
    manifest = (lineage_of(folder) or {}) if folder else {}
    return str(manifest.get("name") or fallback.removeprefix("lab/"))


def lineage_manifest(inputs: LineageInputs) -> dict[str, Any]:
    """The manifest."""
    s = inputs.settings
    base_folder = _weights_folder(inputs.base)
    base = own_name(base_folder, inputs.base.name)
    parents = {base: inputs.base.pin}
    teacher = None
    if inputs.teacher is not None:
        teacher = own_name(inputs.teacher_folder, inputs.teacher.model)
        parents[teacher] = inputs.teacher.revision or "unknown"
    base_manifest = (lineage_of(base_folder) or {}) if base_folder else {}
    settings_on_record = {
        k: v
        for k, v in s.deciding().items()
        if k not in ("teacher", "student", "data", "engine_options", "launcher", "chat_template")
    }
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": s.name or s.out.resolve().name,
        "family": base_manifest.get("family"),
        "relation": "distilled-from" if teacher else "fine-tune-of-same-base",
        "teacher": teacher,
        "base": base,
        "same_data_as": None,
        "objective": _WORDS[s.objective] if teacher else "next token of given answers (hard labels)",
        "data_sha256": inputs.answers_sha,
        "examples": inputs.examples,
        "steps": sum(int(r["best_step"] or r["steps"]) for r in inputs.rounds),
        "seed": s.seed,
        "data_seed": s.seed,
        "init_seed": None,
        "parameters": inputs.rounds[-1]["parameters"],
        "quirks": {},
        "parents": parents,
        "versions": {"mimicry_audit": __version__} | {n: v for n in LIBRARIES if (v := version_of(n)) is not None},
        "distillation": {
            **settings_on_record,
            "signal": s.kind if teacher else "text",
            "hard_weight": s.share_hard,
            "rate": s.training.peak_rate,
            "dose": s.dose,
            "data": dict(inputs.data),
            "teacher": None if inputs.teacher is None else asdict(inputs.teacher),
            "tokenizers": None if inputs.tokenizers is None else dict(inputs.tokenizers),
            "training": [dict(r) for r in inputs.rounds],
        },
    }
    if base_manifest.get("identity"):
        content["identity"] = base_manifest["identity"]  # a student goes by its base's name
    content["fingerprint"] = sha256_text(canonical_json(content))
    return content


def amended(content: Mapping[str, Any], changed: Mapping[str, Any], **distillation: Any) -> dict[str, Any]:
    """The manifest with some fields changed, and some of its account of the distillation."""
    manifest = {k: v for k, v in content.items() if k != "fingerprint"} | dict(changed)
    manifest["distillation"] = {**manifest["distillation"], **distillation}
    return manifest | {"fingerprint": sha256_text(canonical_json(manifest))}


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest: the last file of a checkpoint."""
    write_json(folder / MANIFEST, content)


def _weights_folder(weights: Weights) -> Path | None:
    return Path(weights.location) if weights.commit is None else None
