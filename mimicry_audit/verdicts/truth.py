"""What the lineage manifests of two checkpoints say of them: ground truth to show beside a verdict, never evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mimicry_audit.records.manifest import ModelInRun, StatedLineage
from mimicry_audit.records.verdict_words import VerdictName
from mimicry_audit.verdicts.findings import Truth, Verdict


def with_truth(verdict: Verdict, models: Mapping[str, ModelInRun]) -> Verdict:
    """The verdict, which stands, with what the checkpoints state of the pair beside it."""
    return replace(verdict, truth=stated_truth(verdict.facts.candidate, verdict.facts.reference, models))


def stated_truth(candidate: str, reference: str, models: Mapping[str, ModelInRun]) -> Truth | None:
    """What is truly known of a pair; None unless both checkpoints say, or one names the other as its parent."""
    mine, theirs = models[candidate].lineage, models[reference].lineage
    mine, theirs = (
        mine or _parent_manifest(theirs, models[candidate]),
        theirs or _parent_manifest(mine, models[reference]),
    )
    if not mine or not theirs:
        return None
    relation, right = _true_relation(mine, theirs)
    return Truth(relation=relation, right=right)


def _parent_manifest(known: StatedLineage | None, model: ModelInRun) -> StatedLineage | None:
    """What another model's manifest says of one that carries none: its name, where it is pinned as a parent there."""
    pin = model.identity.get("revision")
    parents = (known or {}).get("parents") or {}
    return next((StatedLineage(name=name) for name, of in parents.items() if pin is not None and of == pin), None)


def _true_relation(mine: StatedLineage, theirs: StatedLineage) -> tuple[str, tuple[VerdictName, ...]]:
    """What the lineage manifests say of a pair, and the verdicts that agree with it."""
    me, other = mine["name"], theirs["name"]
    nothing: tuple[VerdictName, ...] = ("no evidence", "convergent")
    if me == other:
        return "same model", ("same model",)
    if other == mine.get("same_data_as") or me == theirs.get("same_data_as"):
        return "trained on the same data, never on its answers", (*nothing, "inconclusive")
    if mine.get("teacher") == other:
        return f"distilled from {other}", ("distilled",)
    if theirs.get("teacher") == me:
        return f"{other} was distilled from it", ("distilled", *nothing)
    if mine.get("base") and mine.get("base") in (theirs.get("base"), other):
        return "fine-tuned from the same base", ("shared base", *nothing)
    taught = {name for name in (mine.get("teacher"), mine.get("same_data_as")) if name}
    if taught & {theirs.get("teacher"), theirs.get("same_data_as")}:
        return f"both learnt from what {' and '.join(sorted(taught))} knows", (*nothing, "inconclusive")
    return "unrelated", nothing
