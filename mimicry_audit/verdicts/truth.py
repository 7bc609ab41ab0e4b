"""What the lineage manifests of two checkpoints say of them: ground truth to show beside a verdict, never evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mimicry_audit.records.manifest import ModelInRun, StatedLineage, shares_in_words
from mimicry_audit.records.verdict_words import VerdictName
from mimicry_audit.verdicts.findings import Truth, Verdict


def with_truth(verdict: Verdict, models: Mapping[str, ModelInRun]) -> Verdict:
    """The verdict, which stands, with what the checkpoints state of the pair beside it."""
    return replace(verdict, truth=stated_truth(verdict.facts.candidate, verdict.facts.reference, models))


def stated_truth(candidate: str, reference: str, models: Mapping[str, ModelInRun]) -> Truth | None:
    """What is truly known of a pair; None unless both checkpoints say, or one names the other as its parent."""
    candidate_lineage, reference_lineage = models[candidate].lineage, models[reference].lineage
    candidate_lineage, reference_lineage = (
        candidate_lineage or _parent_manifest(reference_lineage, models[candidate]),
        reference_lineage or _parent_manifest(candidate_lineage, models[reference]),
    )
    if not candidate_lineage or not reference_lineage:
        return None
    relation, right = _true_relation(candidate_lineage, reference_lineage)
    return Truth(relation=relation, right=right)


def _parent_manifest(child_lineage: StatedLineage | None, model: ModelInRun) -> StatedLineage | None:
    """What another model's manifest says of one that carries none: its name, where it is pinned as a parent there."""
    pin = model.identity.get("revision")
    parents = (child_lineage or {}).get("parents") or {}
    return next((StatedLineage(name=name) for name, of in parents.items() if pin is not None and of == pin), None)


def _true_relation(
    candidate_lineage: StatedLineage, reference_lineage: StatedLineage
) -> tuple[str, tuple[VerdictName, ...]]:
    """What the lineage manifests say of a pair, and the verdicts that agree with it."""
    me, other = candidate_lineage["name"], reference_lineage["name"]
    nothing: tuple[VerdictName, ...] = ("no evidence", "convergent")
    if me == other:
        return "same model", ("same model",)
    if other == candidate_lineage.get("same_data_as") or me == reference_lineage.get("same_data_as"):
        return "trained on the same data, never on its answers", (*nothing, "inconclusive")
    if words := _teachers(candidate_lineage).get(other):
        return f"distilled from {words}", ("distilled",)
    if words := _teachers(reference_lineage).get(me):
        return f"{other} was distilled from {'it' if words == me else words}", ("distilled", *nothing)
    if candidate_lineage.get("base") and candidate_lineage.get("base") in (reference_lineage.get("base"), other):
        return "fine-tuned from the same base", ("shared base", *nothing)
    taught = {name for name in (*_teachers(candidate_lineage), candidate_lineage.get("same_data_as")) if name}
    if taught & {*_teachers(reference_lineage), reference_lineage.get("same_data_as")}:
        return f"both learnt from what {' and '.join(sorted(taught))} knows", (*nothing, "inconclusive")
    return "unrelated", nothing


def _teachers(lineage: StatedLineage) -> dict[str, str]:
    """Whose answers a student was taught → how that is said: several with the share of each."""
    if several := lineage.get("teachers"):
        return {teacher["name"]: shares_in_words(several) for teacher in several}
    only = lineage.get("teacher")
    return {only: only} if only else {}
