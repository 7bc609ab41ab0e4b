"""Where a pair is similar: by domain and by probe set, and on which single probes the similarity is most distinctive.

Promise: everything here is shown and nothing here decides. A probe is distinctive where the candidate answers like the
reference and neither its base nor the unrelated models do: single probes chosen for standing out, so they come without an
interval.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from mimicry_audit.probes.checks.check import correct
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.scores import HardProbe
from mimicry_audit.records.verdict_parts import CopiedRecord, NearRecord, TellingProbe, WhereRecord
from mimicry_audit.records.verdict_words import ACCUSATIONS
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.passages import Passages
from mimicry_audit.statistics.intervals import FloatArray, intervals
from mimicry_audit.verdicts.findings import PairFacts
from mimicry_audit.verdicts.pairwise import mean_of

MOST_TELLING = 8
"""Single probes named for each pair, and at each end."""
MOST_HARD = 10
"""Hardest probes named."""

Pair = tuple[str, str]


def where_entries(
    facts: Sequence[PairFacts],
    labels: Sequence[str],
    measurements: Sequence[Measured],
    probes: Sequence[Probe],
    weights: FloatArray | None,
    kin: Mapping[str, frozenset[str]] = MappingProxyType({}),
    passages: Passages | None = None,
) -> dict[Pair, WhereRecord]:
    """For every judged pair the field ``where`` of its verdict.

    Args:
        facts: of the judged pairs; their panel is what distinctive probes are compared with.
        labels: M models.
        measurements: the axes; the mean over them, baselines left out, is what is shown.
        probes: P compared probes.
        weights: ``(B, P)`` bootstrap weights; None where nothing was compared.
        kin: reference → models found near it; they do not show what is usual.
        passages: of the answers; None where copied ones are not looked for.

    Returns:
        (candidate, reference) → ``domains`` and ``sets`` (name → candidate, base and others, each an interval of mean raw
        similarity to the reference), ``telling`` and ``against`` (single probes), and ``copied`` answers.
    """
    axis_values = [m.values for m in measurements if m.values is not None and not m.axis.baseline]
    if weights is None or not axis_values:
        return {}
    place = {label: at for at, label in enumerate(labels)}
    values = mean_of(axis_values)
    return {
        (f.candidate, f.reference): {
            **_where_entry(f, values[:, :, place[f.reference]], place, probes, weights, kin),
            "copied": _copied_entry(f, probes, passages),
        }
        for f in facts
    }


def _copied_entry(f: PairFacts, probes: Sequence[Probe], passages: Passages | None) -> CopiedRecord | None:
    """Which answers are copied from the reference, the first few by name; None where that was not looked for."""
    if passages is None or not f.triangle or not f.controls:
        return None
    copied_shares = passages.copied(f.candidate, (f.reference, *f.controls), f.base)[:, 0]
    copied_probes = [probes[at].id for at in np.flatnonzero(copied_shares > 0)]
    return {
        "count": len(copied_probes),
        "of": int(np.isfinite(copied_shares).sum()),
        "probes": copied_probes[:MOST_TELLING],
    }


def _where_entry(
    f: PairFacts,
    nearness: FloatArray,
    place: Mapping[str, int],
    probes: Sequence[Probe],
    weights: FloatArray,
    kin: Mapping[str, frozenset[str]],
) -> WhereRecord:
    excluded = {f.candidate, f.reference, f.base, *kin.get(f.reference, ())}
    compared = [label for label in f.panel if label not in excluded]
    others = [place[label] for label in compared]
    nothing = np.full(len(nearness), np.nan)
    # The last row is the middle of the unrelated models: a single one of them may be unknown kin.
    similarities = np.stack(
        [
            nearness[:, place[f.candidate]],
            nearness[:, place[f.base]] if f.base is not None else nothing,
            _median_rows(nearness[:, others]) if others else nothing,
        ]
    )
    domains, sets = [p.domain for p in probes], [p.set for p in probes]
    telling, against = _extreme_probes(similarities, probes)
    return {
        "compared": compared,
        "domains": _part_entries(similarities, domains, domains, weights),
        "sets": _part_entries(similarities, sets, domains, weights) if len(set(sets)) > 1 else {},
        "telling": telling,
        "against": against,
    }


def found_kin(facts: Sequence[PairFacts], verdicts: Sequence[str]) -> dict[str, frozenset[str]]:
    """Reference → the models that this run finds near it: by their own verdict, or as controls that stand out."""
    out: dict[str, set[str]] = {}
    for f, verdict in zip(facts, verdicts, strict=True):
        kin = out.setdefault(f.reference, set())
        kin.update(f.kin_controls)
        if verdict in ACCUSATIONS:
            kin.add(f.candidate)
    return {reference: frozenset(labels) for reference, labels in out.items()}


def _median_rows(values: FloatArray) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a probe that none of them answered has no median: NaN
        return np.asarray(np.nanmedian(values, axis=1))


def _part_entries(
    similarities: FloatArray, names: Sequence[str], domains: Sequence[str], weights: FloatArray
) -> dict[str, NearRecord]:
    """Name → candidate, base, others: intervals over the probes of that name."""
    codes = np.array([list(dict.fromkeys(domains)).index(domain) for domain in domains], dtype=np.int64)
    out = {}
    for name in dict.fromkeys(names):
        rows = np.array([other == name for other in names])
        part_intervals = intervals(similarities.T[rows], codes[rows], weights[:, rows])
        candidate, base, others = (part.as_dict() if part else None for part in part_intervals)
        out[name] = NearRecord(candidate=candidate, base=base, others=others)
    return out


def _extreme_probes(similarities: FloatArray, probes: Sequence[Probe]) -> tuple[list[TellingProbe], list[TellingProbe]]:
    """The probes on which the candidate stands out most, and those on which the others are nearer than it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # without base and others there is nothing to stand out from
        gap = similarities[0] - np.nanmax(similarities[1:], axis=0)
    finite_places = np.flatnonzero(np.isfinite(gap))
    order = finite_places[np.argsort(-gap[finite_places], kind="stable")]
    entries = [_probe_entry(probes[at], similarities[:, at], gap[at]) for at in order]
    return (
        [e for e in entries if e["gap"] > 0][:MOST_TELLING],
        [e for e in entries[::-1] if e["gap"] < 0][:MOST_TELLING],
    )


def _probe_entry(probe: Probe, similarities: FloatArray, gap: float) -> TellingProbe:
    candidate, base, others = (round(float(v), 4) if np.isfinite(v) else None for v in similarities)
    return {
        "probe": probe.id,
        "domain": probe.domain,
        "candidate": candidate,
        "base": base,
        "others": others,
        "gap": round(float(gap), 4),
    }


def hardest(probes: Sequence[Probe], responses: Mapping[str, Sequence[Response]]) -> list[HardProbe]:
    """The checkable probes that the fewest models got right, and which models did.

    Args:
        probes: the compared probes.
        responses: label → standing responses; the first sample counts.

    Returns:
        ``probe``, ``domain``, ``right`` and ``wrong`` (labels), hardest first; those that all got right are left out.
    """
    first = {
        (label, r.probe_id): r
        for label, model_responses in responses.items()
        for r in model_responses
        if r.usable and r.sample == 0
    }
    hard_probes: list[HardProbe] = []
    for probe in probes:
        if not probe.check:
            continue
        right: list[str] = []
        wrong: list[str] = []
        for label in responses:
            if (response := first.get((label, probe.id))) is not None:
                (right if correct(probe.check, response.text) else wrong).append(label)
        if wrong:
            hard_probes.append({"probe": probe.id, "domain": probe.domain, "right": right, "wrong": wrong})
    hard_probes.sort(key=lambda e: len(e["right"]) / (len(e["right"]) + len(e["wrong"])))
    return hard_probes[:MOST_HARD]
