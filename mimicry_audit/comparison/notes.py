"""What is said about a comparison as a whole: its title, its signature, its settings, its warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from mimicry_audit.comparison.inputs import CommonProbes
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.compared import ComparedSettings
from mimicry_audit.records.manifest import SamplingEntry
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.verdicts.findings import MINIMUM_EFFECT
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.verdicts.sections.notes import rounding_notes
from mimicry_audit.verdicts.sections.signature import (
    answers_hash,
    axes_parts,
    models_part,
    sampling_parts,
    short_hash,
)


def title(common: CommonProbes) -> str:
    """The question the comparison answers."""
    before, reference = common.sides[0].label, common.of("reference")[0].label
    after = [s.label for s in common.of("after")]
    after_name = after[0] if len(after) == 1 else f"{len(after)} checkpoints up to {after[-1]}"
    return f"What changed from {before} to {after_name}, seen from {reference}?"


def signature(common: CommonProbes, options: ScoringOptions, measurements: Sequence[Measured]) -> str:
    """One line that pins the numbers down."""
    sampling = common.sides[0].sampling
    sets = ",".join(f"{s['name']}@{s['version']}+{s['sha'][:8]}" for s in common.probe_sets)
    asked = short_hash([[p.id, [[m.role, m.content] for m in p.messages]] for p in common.compared])
    return " | ".join(
        (
            "compare",
            f"probes:{sets or 'given'}",
            f"n:{len(common.compared)}+{asked}",
            f"models:{models_part([replace(side.model, label=side.label) for side in common.sides])}",
            f"checkpoints:{len(common.of('after'))}",
            f"controls:{len(common.of('control'))}",
            *axes_parts(measurements, options),
            f"samples:{common.samples}",
            *(sampling_parts(sampling) if sampling else ["temp:unknown"]),
            f"answers:{answers_hash({side.label: side.responses for side in common.sides})}",
            f"stat-seed:{options.seed}",
            f"boot:{options.draws}",
            f"v:{__version__}",
        )
    )


def warnings(common: CommonProbes, measurements: Sequence[Measured]) -> list[str]:
    """What a reader should know before believing the numbers."""
    lines = [f"{m.axis.title} was not measured: {m.why_not}." for m in measurements if m.why_not]
    lines += [f"{m.axis.title}: {m.note}." for m in measurements if m.note]
    if not common.of("control"):
        lines.append(
            "No control was named: a movement toward the reference may be one toward every good model. Add --control."
        )
    if common.samples == 1:
        lines.append(
            "One sample per probe: whether a model's own answers became more similar (self-similarity) was not measured."
        )
    moving = [side.model for side in common.sides if side.role in ("before", "after")]
    sampling = common.sides[0].sampling
    if sampling is not None and (notes := rounding_notes(moving, sampling["temperature"])):
        lines += notes
        lines.append(
            "A single answer that changed may have changed by rounding alone; only movements over many probes, which are "
            "tested, tell of the training."
        )
    engines = list(dict.fromkeys(s.engine for s in common.sides if s.role in ("before", "after")))
    if len(engines) > 1:
        lines.append(f"Before and after were answered by different engines ({', '.join(engines)}).")
    return lines


def settings(common: CommonProbes, options: ScoringOptions) -> ComparedSettings:
    """What the numbers depend on apart from the answers."""
    return {
        "samples": common.samples,
        "sampling": common.sides[0].sampling or cast("SamplingEntry", {}),
        "axes": list(options.axes),
        "embedding_model": options.embedding_model,
        "draws": options.draws,
        "seed": options.seed,
        "minimum_effect": MINIMUM_EFFECT,
    }
