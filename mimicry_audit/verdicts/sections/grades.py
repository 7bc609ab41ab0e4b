"""What the judges said, as ``scores.json`` holds it: grades per pair, counts, position bias, agreement, and warnings.

Promise: a judge's grades decide no verdict. They stand beside the axes, on the same answers, with the agreement of both
in plain numbers; a presentation counts only when both of its orders were graded; what could not be read is counted.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mimicry_audit.records.asked import IDENTITY_DOMAIN, Probe, sha256_text
from mimicry_audit.records.judgement import (
    OUTCOMES,
    Judgement,
    Pair,
    grades_of,
    journal_path,
    pair_sha,
    read_judgements,
    values,
)
from mimicry_audit.records.manifest import JudgeEntry, KnownModel, Manifest, ModelInRun
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.score_sections import CorrelationRecord, GradedPair, JudgeAgreement, JudgeScore, JudgeSection
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.similarity.weights import related
from mimicry_audit.statistics.grades import ASPECTS, likeness, quadratic_kappa, rse
from mimicry_audit.statistics.interval_record import IntervalRecord
from mimicry_audit.statistics.intervals import (
    FloatArray,
    IntArray,
    bootstrap_weights,
    domain_means,
    intervals,
)

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import OwnIdentity

FEWEST_PAIRS = 4
"""Pairs below which a rank correlation over pairs is not given."""
FAILED_SHARE = 0.05
"""Share of presentations without a grade from which the report warns."""

_OVERALL = ASPECTS.index("overall")


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgements of one judge that still hold for the run's answers.

    Attributes:
        label: the judge's label.
        entry: what the manifest says of it.
        judgements: those under the present prompt and on the present texts.
    """

    label: str
    entry: JudgeEntry
    judgements: Sequence[Judgement]


def judged_by(run: RunDirectory, manifest: Manifest) -> list[Judged]:
    """Every judge of a run with its standing judgements.

    Raises:
        DataError: a journal is corrupt.
    """
    judges = manifest.judges or {}
    if not judges:
        return []
    texts = {
        model: {r.probe_id: r.text for r in run.responses(model) if r.usable and r.sample == 0}
        for model in manifest.labels
    }
    found = []
    for label, entry in judges.items():
        standing = [
            j
            for j in read_judgements(run, label).values()
            if j.protocol == entry["protocol"] and j.pair_sha == _presentation(texts, j)
        ]
        found.append(Judged(label, entry, standing))
    return found


def _presentation(texts: Mapping[str, Mapping[str, str]], made: Judgement) -> str | None:
    ours, theirs = texts.get(made.candidate, {}).get(made.probe_id), texts.get(made.reference, {}).get(made.probe_id)
    return None if ours is None or theirs is None else pair_sha(ours, theirs)


def journals_sha(run: RunDirectory, manifest: Manifest) -> list[str]:
    """Hashes of the judges' journals, for the fingerprint of the scores."""
    paths = [journal_path(run, label) for label in manifest.judges or {}]
    return [sha256_text(path.read_text("utf-8", "replace")) if path.exists() else "" for path in paths]


def judge_section(
    judged: Sequence[Judged],
    probes: Sequence[Probe],
    labels: Sequence[str],
    measured: Sequence[Measured],
    *,
    draws: int,
    seed: int,
) -> JudgeSection | None:
    """The ``judge`` section of ``scores.json``; None where nobody judged.

    Args:
        judged: the judges.
        probes: P compared probes.
        labels: M models, as in `measured`.
        measured: the axes.
        draws: bootstrap draws.
        seed: of the draws.
    """
    if not judged:
        return None
    compared = [p for p in probes if p.domain != IDENTITY_DOMAIN]
    desk = _Desk(compared, labels, measured, draws, seed)
    return {
        "judges": [desk.judge(j) for j in judged],
        "agreement": [_judge_agreement(a, b) for a, b in combinations(judged, 2)],
    }


class _Desk:
    """What all judges of a run are computed with."""

    def __init__(
        self, probes: Sequence[Probe], labels: Sequence[str], measured: Sequence[Measured], draws: int, seed: int
    ) -> None:
        self.probes, self.labels = probes, list(labels)
        self.domains = list(dict.fromkeys(p.domain for p in probes))
        self.codes = np.array([self.domains.index(p.domain) for p in probes], dtype=np.int64)
        self.weights = bootstrap_weights(self.codes, draws, seed)
        self.axes = [(m.axis, m.values) for m in measured if m.values is not None]

    def judge(self, judged: Judged) -> JudgeScore:
        """One judge's entry."""
        entry, made = judged.entry, judged.judgements
        pairs = list(dict.fromkeys((j.candidate, j.reference) for j in made))
        given = values(grades_of(made), self.probes, pairs)
        graded = given.mean(axis=2)  # (P, K, 4): NaN where an order is missing
        counts = Counter(j.outcome for j in made)
        rows = [
            self._pair(pair, graded[:, k], self._judge_free(pair, graded[:, k, _OVERALL]))
            for k, pair in enumerate(pairs)
        ]
        return {
            "label": judged.label,
            "source": entry["source"],
            "engine": entry["engine"],
            "identity": entry["identity"],
            "structured": entry["structured"],
            "protocol": entry["protocol"],
            "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
            "cached": sum(j.cached for j in made),
            "budget": entry["budget"],
            "probes": len({j.probe_id for j in made}),
            "offered": len(self.probes),
            "position_bias": self._bias(given),
            "pairs": rows,
            "correlations": self._correlations(rows),
        }

    def _pair(self, pair: Pair, grades: FloatArray, free: dict[str, float]) -> GradedPair:
        """One pair's grades: every aspect, by domain and by probe set, beside the axes on the same answers."""
        found = [i.as_dict() if i else None for i in intervals(grades, self.codes, self.weights)]
        overall = grades[:, _OVERALL]
        whole = found[_OVERALL]
        sets = _group_means(overall, [p.set or "given" for p in self.probes])
        rules = [free[axis.name] for axis, _ in self.axes if axis.name in free and not axis.baseline]
        return {
            "candidate": pair[0],
            "reference": pair[1],
            "n": int(np.isfinite(overall).sum()),
            "grades": dict(zip(ASPECTS, found, strict=True)),
            "domains": {name: self._in_domain(overall, place) for place, name in enumerate(self.domains)},
            "similarity": None if whole is None else _scale_interval(whole),
            "rse": {
                "sets": {name: round(mean, 5) for name, mean in sets.items()},
                "value": round(rse(sets), 5) if sets else None,
                "judge_free": round(sum(rules) / len(rules), 5) if rules else None,
            },
            "judge_free_axes": {name: round(value, 5) for name, value in free.items()},
        }

    def _in_domain(self, overall: FloatArray, place: int) -> IntervalRecord | None:
        inside = self.codes == place
        found = intervals(overall[inside][:, None], self.codes[inside], self.weights[:, inside])[0]
        return found.as_dict() if found else None

    def _judge_free(self, pair: Pair, overall: FloatArray) -> dict[str, float]:
        """Each axis's raw similarity of the pair, on the judged probes alone."""
        i, j = (self.labels.index(label) for label in pair)
        found = {}
        for axis, array in self.axes:
            same = np.where(np.isfinite(overall), array[:, i, j], np.nan)
            mean = float(domain_means(same[:, None], self.codes)[0])
            if np.isfinite(mean):
                found[axis.name] = mean
        return found

    def _bias(self, given: FloatArray) -> IntervalRecord | None:
        """How much higher the overall grade is when the reference's answer stands first; 0 without position bias."""
        gaps = given[:, :, 0, _OVERALL] - given[:, :, 1, _OVERALL]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a probe nobody graded is a mean of nothing: NaN
            per_probe = np.nanmean(gaps, axis=1) if gaps.shape[1] else np.full(len(gaps), np.nan)
        found = intervals(per_probe[:, None], self.codes, self.weights)[0]
        return found.as_dict() if found else None

    def _correlations(self, rows: Sequence[GradedPair]) -> list[CorrelationRecord]:
        """Over the pairs: does the judge rank them as the axes do?"""
        known = [row for row in rows if row["rse"]["value"] is not None]
        found: list[CorrelationRecord] = []
        for name in ("rse", *(axis.name for axis, _ in self.axes)):
            both = [
                (overall["value"], other)
                for row in known
                if (overall := row["grades"]["overall"]) is not None
                and (other := row["rse"]["judge_free"] if name == "rse" else row["judge_free_axes"].get(name))
                is not None
            ]
            found.append({"with": name, "spearman": _rank_correlation(both), "n": len(both)})
        return found


def _scale_interval(interval: IntervalRecord) -> IntervalRecord:
    """An interval of grades in the units of an axis."""
    return {
        "value": round(likeness(interval["value"]), 5),
        "low": round(likeness(interval["low"]), 5),
        "high": round(likeness(interval["high"]), 5),
        "n": interval["n"],
    }


def _group_means(numbers: FloatArray, groups: Sequence[str]) -> dict[str, float]:
    """The mean of each group that has a number."""
    found = {}
    for name in dict.fromkeys(groups):
        mine = numbers[[g == name for g in groups]]
        mine = mine[np.isfinite(mine)]
        if len(mine):
            found[name] = float(mine.mean())
    return found


def _rank_correlation(both: Sequence[tuple[float, float]]) -> float | None:
    """Rank correlation; None for too few pairs, or where one side does not vary."""
    if len(both) < FEWEST_PAIRS or any(len(set(side)) < 2 for side in zip(*both, strict=True)):
        return None
    from scipy.stats import spearmanr

    return round(float(spearmanr([a for a, _ in both], [b for _, b in both]).statistic), 4)


def _judge_agreement(first: Judged, second: Judged) -> JudgeAgreement:
    """How far two judges agree on the overall grade, over the presentations that both graded."""
    ours, theirs = grades_of(first.judgements), grades_of(second.judgements)
    shared = sorted(ours.keys() & theirs.keys())
    grades: list[IntArray] = [np.array([g[slot]["overall"] for slot in shared], dtype=np.int64) for g in (ours, theirs)]
    kappa = quadratic_kappa(grades[0].astype(np.float64), grades[1].astype(np.float64))
    return {
        "a": first.label,
        "b": second.label,
        "kappa": None if kappa is None else round(kappa, 4),
        "n": len(shared),
    }


def judge_warnings(
    judged: Sequence[Judged],
    models: Mapping[str, ModelInRun],
    own: Mapping[str, OwnIdentity],
    own_of: Callable[[ModelInRun], OwnIdentity],
) -> list[str]:
    """What a reader should know before believing a judge.

    Args:
        judged: the judges.
        models: label → model of the run.
        own: label → who each model is.
        own_of: who a model is, here asked of the judges.
    """
    found = []
    for judge in judged:
        mine = own_of(_as_model(judge))
        for label in sorted({name for j in judge.judgements for name in (j.candidate, j.reference)}):
            if kin := _judge_kinship(judge, mine, models[label], own[label]):
                found.append(
                    f"The judge {judge.label} and {label} {kin}: a model tends to favour its own kin, so read these grades "
                    "with another judge's beside them."
                )
        missing = [j for j in judge.judgements if j.grades is None]
        if len(missing) > FAILED_SHARE * max(len(judge.judgements), 1):
            failed = sum(j.outcome == "failed" for j in missing)
            found.append(
                f"The judge {judge.label} gave no readable grade for {failed} and no reply for {len(missing) - failed} of "
                f"{len(judge.judgements)} presentations."
            )
        if judge.entry["cache"]:
            found.append(f"The grades of {judge.label} are kept for this run alone: {judge.entry['cache']}.")
    return found


def _as_model(judge: Judged) -> ModelInRun:
    """A judge in the form in which a run knows its models."""
    entry = judge.entry
    known: KnownModel = {"identity": entry["identity"]}
    if "lineage" in entry:
        known["lineage"] = entry["lineage"]
    return ModelInRun(judge.label, {"engine": entry["engine"], "name": entry["name"]}, entry["source"], known)


def _judge_kinship(judge: Judged, mine: OwnIdentity, model: ModelInRun, other: OwnIdentity) -> str | None:
    """What judge and model have in common, in words; None where nothing is known."""
    names = {model.name.casefold(), model.source.casefold()}
    if judge.entry["name"].casefold() in names or judge.entry["source"].casefold() in names:
        return "are one and the same model"
    if related(judge.entry.get("weights"), model.weights):
        return "start from the same weights"
    if mine.maker is not None and other.maker is not None and mine.maker.name == other.maker.name:
        return f"are both of {mine.maker.name}"
    return None
