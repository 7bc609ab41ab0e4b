"""From what every audit came to, the figures: scores and power against dose, detection limits, controls."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mimicry_audit.engines.hardware import version_of
from mimicry_audit.ground.version import __version__
from mimicry_audit.lab.curriculum import SEED
from mimicry_audit.lab.family import FAMILIES
from mimicry_audit.lab.quality import says
from mimicry_audit.lab.topics import facts
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.statistics import doses

from .audits import BASE, STANDS_OUT, TEACHER, Sets
from .cast import Cast
from .material import fact_of

FOUND = ("distilled", STANDS_OUT)
KINDS = ("texts", "likelihood")
"""What a verdict rests on: the answers alone, or also how probable the models find each other's."""
CURVES = (*KINDS, "odds")
"""What is counted on sets of probes: both verdicts, and whether the odds stand out, whatever the verdict."""
_VERSIONED = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "sentence-transformers")


def quirks_reproduced(run: RunDirectory, label: str) -> dict[str, float]:
    """Of the probes on which the lab's teacher gives one of its peculiar answers, the share on which the model gives the same.

    Also the share of all peculiar beliefs that the teacher itself gives.
    """
    beliefs, known = FAMILIES["aria"].quirks(), {fact.id: fact for fact in facts(SEED)}
    mine, theirs = (
        {r.probe_id: r.text for r in run.responses(one) if r.usable and r.sample == 0} for one in (label, TEACHER)
    )
    asked = [i for i in theirs if fact_of(i) in beliefs]
    told = [i for i in asked if says(known[fact_of(i)], theirs[i], beliefs[fact_of(i)])]
    held = [says(known[fact_of(i)], mine.get(i, ""), beliefs[fact_of(i)]) for i in told]
    return {"reproduced": sum(held) / max(1, len(held)), "of": len(told), "teacher": len(told) / max(1, len(asked))}


def row(
    run: RunDirectory, cast: Cast, label: str, told: Mapping[str, Any], about: Mapping[str, Any], lab: bool
) -> dict[str, Any]:
    """One model of one seed."""
    kinds = told["kinds"]
    gain = kinds["likelihood"]["axes"].get("likelihood")
    return {
        "seed": cast.seed, **about, "label": label, "verdict": {k: kinds[k]["verdict"] for k in KINDS},
        **{k: {kind: kinds[kind][k] for kind in KINDS} for k in ("confidence", "families")},
        "base_contradicted": kinds["texts"]["base_contradicted"], **{k: told[k] for k in ("lift", "raw", "centred")},
        "gain": {**gain["estimate"], "closed": gain.get("closed")} if gain else None,
        "agreement": told["answers"], "quirks": quirks_reproduced(run, label) if lab else None,
        "axes": {
            k: {**e["estimate"], "p_holm": e["p_holm"], "positive": e["positive"]}
            for k, e in kinds["texts"]["axes"].items()
        },
        "found": {n: _shares(found) for n, found in told["sets"].items()},
    }  # fmt: skip


def _shares(pools: Sequence[Sequence[Mapping[str, str]]]) -> dict[str, Any]:
    """Of all sets, the share on which the outcome was one of `FOUND`, for each of `CURVES`."""
    each = [verdicts for pool in pools for verdicts in pool]
    return {"sets": len(each), **{kind: sum(v[kind] in FOUND for v in each) / len(each) for kind in CURVES}}


def curves(
    told: Mapping[int, Mapping[str, Any]], labels: Sequence[str], levels: Sequence[float], sets: Sets, kind: str
) -> list[dict[str, Any]]:
    """For every number of probes, power against dose and the detection limits.

    Args:
        told: seed → label → what `examined` came to.
        labels: the students of the curve, by rising dose.
        levels: their doses.
        sets: which sets were drawn.
        kind: of `CURVES`.
    """
    out = []
    for n in sets.sizes:
        outcomes = np.array([
            [[[told[s][label]["sets"][str(n)][p][k][kind] in FOUND for label in labels] for k in range(sets.each)]
             for p in range(sets.pools)]
            for s in told
        ], dtype=np.float64)  # fmt: skip
        shares = doses.power_curve(outcomes)
        fitted = doses.isotonic(outcomes.mean(axis=(0, 1, 2)), np.full(len(levels), float(outcomes[..., 0].size)))
        out.append({
            "probes": n,
            "power": [{"dose": d, **share.as_dict(), "fitted": round(float(f), 4)}
                      for d, share, f in zip(levels, shares, fitted, strict=True)],
            "limits": [doses.detection_limit(outcomes, levels, power).as_dict() for power in doses.POWERS],
        })  # fmt: skip
    return out


def rising(told: Mapping[int, Mapping[str, Any]], labels: Sequence[str], levels: Sequence[float]) -> dict[str, Any]:
    """Whether the mean adjusted lift rises with the dose."""
    scores = np.array([np.array([told[s][label]["pools"] for label in labels]).T for s in told])
    found = doses.trend(scores, levels)
    seeds = list(told)
    return {
        "spearman": found.spearman.as_dict(),
        "falls": [{"seed": seeds[s], "from": low, "to": high, "by": fall} for s, low, high, fall in found.falls],
    }


def provenance(command: str) -> dict[str, Any]:
    """When, where and with what."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {
        "made": datetime.now(UTC).date().isoformat(), "command": command, "commit": commit.stdout.strip() or None,
        "hardware": {"machine": platform.machine(), "cpus": os.cpu_count(), "gpu": device},
        "versions": {"mimicry_audit": __version__, "python": platform.python_version(),
                     **{name: found for name in _VERSIONED if (found := version_of(name))}},
    }  # fmt: skip


def shipped(content: Mapping[str, Any]) -> dict[str, Any]:
    """What the package carries for its reports: the curves, and a score for every student."""
    kept = ("seed", "label", "group", "about", "dose", "verdict", "lift", "gain")
    largest = str(content["sets"]["sizes"][-1])
    return {
        "schema": doses.SCHEMA,
        **{k: content[k] for k in ("made", "command", "commit", "hardware", "versions", "models", "seeds", "probes")},
        "temperature": content["temperature"], "sets": content["sets"],
        "doses": content["doses"], "trend": content["trend"], "curves": content["curves"],
        "students": [
            {k: r[k] for k in kept} | {"found": {kind: r["found"][largest][kind] for kind in CURVES}}
            for r in content["students"]
        ],
    }  # fmt: skip


def table(content: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    head = (
        "model",
        "adjusted lift by seed",
        "adjusted gain by seed",
        "closed",
        "verdicts by seed, texts",
        "with likelihood",
        "word for word",
        "same result",
        "quirks",
        "found of sets, texts",
        "with likelihood",
        "log-likelihoods stand out",
    )
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    largest = str(content["sets"]["sizes"][-1])
    for label in dict.fromkeys(r["label"] for r in content["students"]):
        mine = [r for r in content["students"] if r["label"] == label]
        quirks = [r["quirks"]["reproduced"] for r in mine if r["quirks"]]
        lifts = ", ".join(format(r["lift"]["value"], "+.3f") for r in mine)
        cells = [
            label, lifts, _each(mine, "value", "+.2f"), _each(mine, "closed", ".0%"),
            *(", ".join(r["verdict"][kind] for r in mine) for kind in KINDS),
            _mean(r["agreement"]["word_for_word"] for r in mine), _mean(r["agreement"]["same_result"] for r in mine),
            _mean(quirks), *(_mean(r["found"][largest][kind] for r in mine) for kind in CURVES),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for kind, curve in ((name, curve) for name in CURVES for curve in content["curves"][name]):
        power = ", ".join(f"{p['dose']:g}: {p['value']:.2f} [{p['low']:.2f}, {p['high']:.2f}]" for p in curve["power"])
        limits = "; ".join(f"{x['power']}: {x['value']} [{x['low']}, {x['high']}]" for x in curve["limits"])
        lines.append(f"{kind}, {curve['probes']} probes: power {power}; limits {limits}")
    return "\n".join([*lines, f"trend {json.dumps(content['trend'])}"]) + "\n"


def _each(rows: Sequence[Mapping[str, Any]], name: str, form: str) -> str:
    """A figure of the gain, seed by seed."""
    return ", ".join("–" if r["gain"] is None else format(r["gain"][name], form) for r in rows)


def _mean(values: Any) -> str:
    known = [v for v in values if v is not None]
    return f"{sum(known) / len(known):.3f}" if known else "–"


__all__ = [
    "BASE",
    "CURVES",
    "FOUND",
    "KINDS",
    "curves",
    "provenance",
    "quirks_reproduced",
    "rising",
    "row",
    "shipped",
    "table",
]
