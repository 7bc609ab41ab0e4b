"""What is said of each axis and of every pair of models: raw and centred similarity with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mimicry_audit.evidence import Roles
from mimicry_audit.records import Probe
from mimicry_audit.similarity import Measured
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.nulls import FEWEST_PANEL, effects
from mimicry_audit.statistics import FloatArray, IntArray, intervals


def axis_entry(measured: Measured) -> dict[str, Any]:
    """One axis's entry in ``scores.json``."""
    axis = measured.axis
    return {
        "name": axis.name,
        "title": axis.title,
        "family": axis.family,
        "baseline": axis.baseline,
        "about": axis.about,
        "measured": measured.values is not None,
        "why_not": measured.why_not,
    }


def centred_on_panel(labels: Sequence[str], roles: Roles) -> list[str]:
    """The declared panel, where it is large enough to centre all pairs on; empty for none: then all models are centred on."""
    panel = [label for label in roles.declared_panel if label in labels and label not in roles.references]
    return panel if len(panel) >= FEWEST_PANEL else []


def _centred(values: FloatArray, labels: Sequence[str], panel: Sequence[str]) -> FloatArray:
    if not panel:
        return centre(values)
    effect = effects(values, [list(labels).index(label) for label in panel])
    residual = values - effect[:, :, None] - effect[:, None, :]
    residual[:, np.arange(len(labels)), np.arange(len(labels))] = np.nan
    return np.asarray(residual)


def pair_entries(
    labels: Sequence[str],
    measured: Sequence[Measured],
    probes: Sequence[Probe],
    codes: IntArray,
    domains: Sequence[str],
    weights: FloatArray | None,
    centred_on: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Every unordered pair, every axis and their mean, raw and centred, overall and by domain."""
    if weights is None:
        return []
    upper = np.triu_indices(len(labels), 1)
    known = [(m.axis.name, m.values) for m in measured if m.values is not None]
    counted = [m.values for m in measured if m.values is not None and not m.axis.baseline]
    if counted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a probe that no axis measured is a mean of nothing: NaN
            known.append(("overall", np.nanmean(np.stack(counted), axis=0)))
    pairs: list[dict[str, Any]] = [
        {"a": labels[i], "b": labels[j], "n": 0, "overall": None, "axes": {}} for i, j in zip(*upper, strict=True)
    ]
    for name, values in known:
        for kind, array in (("raw", values), ("centred", _centred(values, labels, centred_on))):
            flat = array[:, upper[0], upper[1]]
            overall = intervals(flat, codes, weights)
            inside = [codes == i for i in range(len(domains))]
            split = {
                d: intervals(flat[rows], codes[rows], weights[:, rows]) for d, rows in zip(domains, inside, strict=True)
            }
            for place, pair in enumerate(pairs):
                whole = overall[place]
                target = pair["axes"].setdefault(name, {"domains": {d: {} for d in domains}})
                target[kind] = whole.as_dict() if whole else None
                for d in domains:
                    part = split[d][place]
                    target["domains"][d][kind] = part.as_dict() if part else None
    for pair in pairs:
        pair["overall"] = pair["axes"].pop("overall", None)
        pair["n"] = (
            (pair["overall"] or {}).get("raw", {"n": 0})["n"] if pair["overall"] and pair["overall"]["raw"] else 0
        )
    return pairs


def nearness(
    labels: Sequence[str], references: Sequence[str], measured: Sequence[Measured], probes: Sequence[Probe]
) -> dict[str, dict[str, float]]:
    """Per probe, how like the reference's answer each other model's is: mean raw similarity over the axes.

    Args:
        labels: the models.
        references: the first of these is meant; without one, the first model.
        measured: the axes; baselines are left out.
        probes: the compared probes.

    Returns:
        Probe id → label → similarity in [0, 1]; pairs that no axis measured are left out.
    """
    reference = list(labels).index(references[0]) if references else 0
    counted = [m.values[:, :, reference] for m in measured if m.values is not None and not m.axis.baseline]
    if not counted:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # as above: a mean of nothing
        means = np.nanmean(np.stack(counted), axis=0)
    return {
        probe.id: {label: round(float(v), 4) for label, v in zip(labels, row, strict=True) if np.isfinite(v)}
        for probe, row in zip(probes, means, strict=True)
    }
