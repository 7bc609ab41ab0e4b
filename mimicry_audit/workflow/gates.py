"""``--fail-on``: conditions that turn a finished audit into exit code 3, for use in CI.

A gate is a verdict (``distilled``, ``same-model``, ``inconclusive`` …), ``identity_leak`` (any judged candidate claims another
identity), ``several_models`` (an endpoint served one model under several names), or a comparison on a judged pair:
``rse>0.8`` (mean raw similarity), ``rse_lift>0.05`` (mean adjusted lift), or an axis name such as ``answers>0.9``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.scores import Scores, VerdictRecord
from mimicry_audit.records.verdict_words import VERDICTS
from mimicry_audit.similarity.measure import AXES

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_CONDITIONS = ("identity_leak", "several_models")
_METRICS = ("rse", "rse_lift", *AXES)


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition, as written and taken apart."""

    text: str
    name: str
    sign: str | None = None
    bound: float = 0.0


def parse_gates(texts: Sequence[str]) -> list[Gate]:
    """Take conditions apart.

    Raises:
        ConfigError: a condition that is none.
    """
    return [_parse_gate(text) for text in texts]


def _parse_gate(text: str) -> Gate:
    name = text.strip().replace("-", " ")
    if name in VERDICTS or name in _CONDITIONS:
        return Gate(text, name)
    if (bound := bounded(text, _METRICS)) is not None:
        return bound
    raise ConfigError(
        f"--fail-on {text!r} is not a condition",
        f"give a verdict ({', '.join(v.replace(' ', '-') for v in VERDICTS)}), {', '.join(_CONDITIONS)}, or METRIC>NUMBER "
        f"with METRIC one of {', '.join(_METRICS)}",
    )


def bounded(text: str, metrics: Collection[str]) -> Gate | None:
    """A condition of the form ``METRIC>NUMBER``; None where it is none, or the metric is not one of these."""
    match = re.fullmatch(r"\s*(\w+)\s*(>=|<=|>|<)\s*([-+]?\d*\.?\d+)\s*", text)
    return Gate(text, match[1], match[2], float(match[3])) if match and match[1] in metrics else None


def tripped(gates: Sequence[Gate], scores: Scores) -> list[str]:
    """The conditions that hold, in words."""
    return [words for gate in gates for words in _gate_holds(gate, scores)]


def _gate_holds(gate: Gate, scores: Scores) -> Iterator[str]:
    if gate.name == "identity_leak":
        candidates = {v["candidate"] for v in scores["verdicts"]}
        for label, entry in scores["identity"]["models"].items():
            others = sum(c["count"] for arm in entry["arms"].values() for c in arm["claims"] if c["own"] is False)
            if label in candidates and entry["own"] and others:
                yield f"{gate.text}: {label} claimed another identity {others} times"
        return
    if gate.name == "several_models":
        for model in scores["models"]:
            if len(served := model.get("served") or []) > 1:
                names = ", ".join(f"{entry['name']} ({entry['count']})" for entry in served)
                yield f"{gate.text}: {model['label']} was answered by {names}"
        return
    for verdict in scores["verdicts"]:
        pair = f"{verdict['candidate']} → {verdict['reference']}"
        if gate.sign is None:
            if verdict["verdict"] == gate.name:
                yield f"{gate.text}: {pair}"
            continue
        value = _metric_value(gate.name, verdict, scores)
        if value is not None and COMPARE[gate.sign](value, gate.bound):
            yield f"{gate.text}: {pair} has {gate.name} = {value:.3f}"


def _metric_value(metric: str, verdict: VerdictRecord, scores: Scores) -> float | None:
    if metric == "rse_lift":
        lifts = [e["estimate"]["value"] for e in verdict["evidence"] if e["statistic"] == "adjusted lift"]
        return sum(lifts) / len(lifts) if lifts else None
    labels = {verdict["candidate"], verdict["reference"]}
    pair = next((p for p in scores["pairs"] if {p["a"], p["b"]} == labels), None)
    if pair is None:
        return None
    similarity = pair["overall"] if metric == "rse" else pair["axes"].get(metric)
    raw = (similarity or {}).get("raw")
    return raw["value"] if raw else None
