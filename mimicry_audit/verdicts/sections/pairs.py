"""What is said of each axis and of every pair of models: raw and centred similarity with intervals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import numpy as np

from mimicry_audit.records.asked import Probe
from mimicry_audit.records.scores import AxisScore, PairScore, RatioRecord, SimilarityRecord, VerdictRecord
from mimicry_audit.records.verdict_words import ACCUSATIONS, rank_of
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.panel import FEWEST_PANEL
from mimicry_audit.statistics.intervals import IntArray, intervals
from mimicry_audit.verdicts.pairwise import OVERALL, PairTables, mean_of
from mimicry_audit.verdicts.roles import Roles

LARGE = 40
"""Models above which similarity by domain is kept only for the judged pairs that are `detailed`: a hundred models have
thousands of pairs, and their domains would be most of ``scores.json`` and most of the time."""

DETAILED = 60
"""Most judged pairs that are reported in detail."""


def axis_entry(measurement: Measured) -> AxisScore:
    """One axis's entry in ``scores.json``."""
    axis = measurement.axis
    return {
        "name": axis.name,
        "title": axis.title,
        "family": axis.family,
        "baseline": axis.baseline,
        "about": axis.about,
        "measured": measurement.values is not None,
        "why_not": measurement.why_not,
    }


def centred_on_panel(labels: Sequence[str], roles: Roles) -> list[str]:
    """The declared panel, where it is large enough to centre all pairs on; empty for none: then all models are centred on."""
    panel = [label for label in roles.declared_panel if label in labels and label not in roles.references]
    return panel if len(panel) >= FEWEST_PANEL else []


def pair_entries(
    tables: PairTables | None,
    domains: Sequence[str],
    detailed_pairs: Collection[frozenset[str]],
    combined: Callable[[str, str], dict[str, RatioRecord] | None],
) -> list[PairScore]:
    """Every unordered pair, every axis and their mean, raw and centred, overall and by domain.

    Args:
        tables: the similarities; None where nothing was compared.
        domains: the names behind the tables' domain numbers.
        detailed_pairs: the pairs whose domains are kept in a run of more than `LARGE` models.
        combined: of two labels, their combined score by question.
    """
    if tables is None:
        return []
    labels, upper = tables.labels, tables.upper
    split = np.array(
        [k for k, (i, j) in enumerate(zip(*upper, strict=True)) if frozenset((labels[i], labels[j])) in detailed_pairs]
        if len(labels) > LARGE
        else range(len(upper[0])),
        dtype=np.int64,
    )
    pairs: list[PairScore] = [
        {"a": labels[i], "b": labels[j], "n": 0, "overall": None, "axes": {}} for i, j in zip(*upper, strict=True)
    ]
    for name in tables.names:
        for pair in pairs:
            pair["axes"][name] = {"domains": {}}
        for kind in ("raw", "centred"):
            table = tables.table(name, kind)
            for k, pair in enumerate(pairs):
                interval = table.at(k)
                pair["axes"][name][kind] = interval.as_dict() if interval else None
            _add_domains([pairs[k] for k in split], tables, name, kind, split, domains)
    for pair in pairs:
        pair["overall"] = pair["axes"].pop(OVERALL, None)
        raw = (pair["overall"] or {}).get("raw")
        pair["n"] = raw["n"] if raw else 0
        pair["combined"] = combined(pair["a"], pair["b"])
    return pairs


def _add_domains(
    pairs: Sequence[PairScore],
    tables: PairTables,
    name: str,
    kind: Literal["raw", "centred"],
    places: IntArray,
    domains: Sequence[str],
) -> None:
    """Intervals by domain, written into the entries of the pairs at these places of the tables."""
    flat = tables.flat(name, kind)[:, places]
    for at, domain in enumerate(domains):
        rows = tables.domains == at
        for pair, part in zip(pairs, intervals(flat[rows], tables.domains[rows], tables.weights[:, rows]), strict=True):
            kinds: SimilarityRecord = pair["axes"][name]["domains"].setdefault(domain, {})
            kinds[kind] = part.as_dict() if part else None


def detailed(verdicts: Sequence[VerdictRecord], tables: PairTables | None) -> list[bool]:
    """Which judged pairs are reported in detail: all, or of more than `DETAILED` those that stand out.

    The gravest verdicts come first; within one verdict those with more positive axes, then those more alike than expected.

    Args:
        verdicts: as they stand in ``scores.json``, the gravest first.
        tables: the similarities.
    """
    if len(verdicts) <= DETAILED or tables is None:
        return [True] * len(verdicts)

    places = set(sorted(range(len(verdicts)), key=lambda at: _rank_verdict(verdicts[at], tables))[:DETAILED])
    return [at in places for at in range(len(verdicts))]


def leading(verdicts: Sequence[VerdictRecord], detail_flags: Sequence[bool], tables: PairTables | None) -> str | None:
    """The reference of the pair that stands out most, for a run in which none was named; None where nothing was judged."""
    detailed_verdicts = [v for v, is_detailed in zip(verdicts, detail_flags, strict=True) if is_detailed]
    if not detailed_verdicts or tables is None:
        return None
    first = min(detailed_verdicts, key=lambda v: _rank_verdict(v, tables))
    return str(first["reference"])


def _rank_verdict(verdict: VerdictRecord, tables: PairTables) -> tuple[int, int, float]:
    """For sorting: the pair that stands out most comes first."""
    excess = tables.excess(OVERALL, verdict["candidate"], verdict["reference"]) if OVERALL in tables.names else None
    place = min(rank_of(verdict["verdict"]), len(ACCUSATIONS))  # those that accuse come first, the others count alike
    return place, -sum(e["positive"] for e in verdict["evidence"]), -excess.value if excess else 0.0


def trimmed(verdict: VerdictRecord, is_detailed: bool) -> VerdictRecord:
    """A verdict as it is stored: where it is not reported in detail, without what its pair's entry says as well.

    Movements from a base stay, because they stand nowhere else; the names of their controls do not.
    """
    if is_detailed:
        return {**verdict, "detailed": True}
    evidence = [e for e in verdict["evidence"] if e["positive"] or e["statistic"] != "excess"]
    return {**verdict, "evidence": evidence, "controls": [], "detailed": False}


def nearness(
    labels: Sequence[str], reference: str, measurements: Sequence[Measured], probes: Sequence[Probe]
) -> dict[str, dict[str, float]]:
    """Per probe, how like the reference's answer each other model's is: mean raw similarity over the axes.

    Args:
        labels: the models.
        reference: one of them.
        measurements: the axes; baselines are left out.
        probes: the compared probes.

    Returns:
        Probe id → label → similarity in [0, 1]; pairs that no axis measured are left out.
    """
    place = list(labels).index(reference)
    axis_values = [m.values[:, :, place] for m in measurements if m.values is not None and not m.axis.baseline]
    if not axis_values:
        return {}
    means = mean_of(axis_values)
    return {
        probe.id: {label: round(float(v), 4) for label, v in zip(labels, row, strict=True) if np.isfinite(v)}
        for probe, row in zip(probes, means, strict=True)
    }
