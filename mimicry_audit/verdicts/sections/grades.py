"""What the judges said, as ``scores.json`` holds it: grades per pair, counts, position bias, agreement, and warnings.

Promise: a judge's grades never change a verdict. They are shown beside the axes, on the same answers, with the agreement of
both in plain numbers; a presentation counts only when both of its orders were graded; what could not be read is counted.
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
    bootstrap_resamples,
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
    judges_of_run = []
    for label, entry in judges.items():
        judgements = [
            j
            for j in read_judgements(run, label).values()
            if j.protocol == entry["protocol"] and j.pair_sha == _presentation(texts, j)
        ]
        judges_of_run.append(Judged(label, entry, judgements))
    return judges_of_run


def _presentation(texts: Mapping[str, Mapping[str, str]], judgement: Judgement) -> str | None:
    candidate_text, reference_text = (
        texts.get(judgement.candidate, {}).get(judgement.probe_id),
        texts.get(judgement.reference, {}).get(judgement.probe_id),
    )
    return None if candidate_text is None or reference_text is None else pair_sha(candidate_text, reference_text)


def journals_sha(run: RunDirectory, manifest: Manifest) -> list[str]:
    """Hashes of the judges' journals, for the fingerprint of the scores."""
    paths = [journal_path(run, label) for label in manifest.judges or {}]
    return [sha256_text(path.read_text("utf-8", "replace")) if path.exists() else "" for path in paths]


def judge_section(
    judges: Sequence[Judged],
    probes: Sequence[Probe],
    labels: Sequence[str],
    measurements: Sequence[Measured],
    *,
    draws: int,
    seed: int,
) -> JudgeSection | None:
    """The ``judge`` section of ``scores.json``; None if no model judged.

    Args:
        judges: the judges.
        probes: P compared probes.
        labels: M models, as in `measurements`.
        measurements: the axes.
        draws: bootstrap draws.
        seed: of the draws.
    """
    if not judges:
        return None
    compared = [p for p in probes if p.domain != IDENTITY_DOMAIN]
    desk = _GradeSummary(compared, labels, measurements, draws, seed)
    return {
        "judges": [desk.judge(j) for j in judges],
        "agreement": [_judge_agreement(a, b) for a, b in combinations(judges, 2)],
    }


class _GradeSummary:
    """What all judges of a run are computed with."""

    def __init__(
        self, probes: Sequence[Probe], labels: Sequence[str], measurements: Sequence[Measured], draws: int, seed: int
    ) -> None:
        self.probes, self.labels = probes, list(labels)
        self.domains = list(dict.fromkeys(p.domain for p in probes))
        self.codes = np.array([self.domains.index(p.domain) for p in probes], dtype=np.int64)
        self.weights = bootstrap_resamples(self.codes, draws, seed)
        self.axes = [(m.axis, m.values) for m in measurements if m.values is not None]

    def judge(self, grader: Judged) -> JudgeScore:
        """One judge's entry."""
        entry, judgements = grader.entry, grader.judgements
        # In the models' own order: the journal stands in the order in which a server happened to reply.
        pairs = sorted({(j.candidate, j.reference) for j in judgements}, key=self._place_of)
        grades = values(grades_of(judgements), self.probes, pairs)
        graded = grades.mean(axis=2)  # (P, K, 4): NaN where an order is missing
        counts = Counter(j.outcome for j in judgements)
        rows = [
            self._pair(pair, graded[:, k], self._judge_free(pair, graded[:, k, _OVERALL]))
            for k, pair in enumerate(pairs)
        ]
        return {
            "label": grader.label,
            "source": entry["source"],
            "engine": entry["engine"],
            "identity": entry["identity"],
            "structured": entry["structured"],
            "protocol": entry["protocol"],
            "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
            "cached": sum(j.cached for j in judgements),
            "budget": entry["budget"],
            "probes": len({j.probe_id for j in judgements}),
            "offered": len(self.probes),
            "position_bias": self._bias(grades),
            "pairs": rows,
            "correlations": self._correlations(rows),
        }

    def _place_of(self, pair: Pair) -> tuple[tuple[int, str], ...]:
        known = len(self.labels)
        return tuple((self.labels.index(label) if label in self.labels else known, label) for label in pair)

    def _pair(self, pair: Pair, grades: FloatArray, free: dict[str, float]) -> GradedPair:
        """One pair's grades: every aspect, by domain and by probe set, beside the axes on the same answers."""
        aspect_intervals = [i.as_dict() if i else None for i in intervals(grades, self.codes, self.weights)]
        overall = grades[:, _OVERALL]
        overall_interval = aspect_intervals[_OVERALL]
        sets = _group_means(overall, [p.set or "given" for p in self.probes])
        rules = [free[axis.name] for axis, _ in self.axes if axis.name in free and not axis.baseline]
        return {
            "candidate": pair[0],
            "reference": pair[1],
            "n": int(np.isfinite(overall).sum()),
            "grades": dict(zip(ASPECTS, aspect_intervals, strict=True)),
            "domains": {name: self._in_domain(overall, place) for place, name in enumerate(self.domains)},
            "similarity": None if overall_interval is None else _scale_interval(overall_interval),
            "rse": {
                "sets": {name: round(mean, 5) for name, mean in sets.items()},
                "value": round(rse(sets), 5) if sets else None,
                "judge_free": round(sum(rules) / len(rules), 5) if rules else None,
            },
            "judge_free_axes": {name: round(value, 5) for name, value in free.items()},
        }

    def _in_domain(self, overall: FloatArray, place: int) -> IntervalRecord | None:
        inside = self.codes == place
        interval = intervals(overall[inside][:, None], self.codes[inside], self.weights[:, inside])[0]
        return interval.as_dict() if interval else None

    def _judge_free(self, pair: Pair, overall: FloatArray) -> dict[str, float]:
        """Each axis's raw similarity of the pair, on the judged probes alone."""
        i, j = (self.labels.index(label) for label in pair)
        axis_means = {}
        for axis, array in self.axes:
            same = np.where(np.isfinite(overall), array[:, i, j], np.nan)
            mean = float(domain_means(same[:, None], self.codes)[0])
            if np.isfinite(mean):
                axis_means[axis.name] = mean
        return axis_means

    def _bias(self, grades: FloatArray) -> IntervalRecord | None:
        """How much higher the overall grade is when the reference's answer stands first; 0 without position bias."""
        gaps = grades[:, :, 0, _OVERALL] - grades[:, :, 1, _OVERALL]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an ungraded probe is a mean of nothing: NaN
            per_probe = np.nanmean(gaps, axis=1) if gaps.shape[1] else np.full(len(gaps), np.nan)
        interval = intervals(per_probe[:, None], self.codes, self.weights)[0]
        return interval.as_dict() if interval else None

    def _correlations(self, rows: Sequence[GradedPair]) -> list[CorrelationRecord]:
        """Over the pairs: does the judge rank them as the axes do?"""
        graded_rows = [row for row in rows if row["rse"]["value"] is not None]
        correlations: list[CorrelationRecord] = []
        for name in ("rse", *(axis.name for axis, _ in self.axes)):
            both = [
                (overall["value"], other)
                for row in graded_rows
                if (overall := row["grades"]["overall"]) is not None
                and (other := row["rse"]["judge_free"] if name == "rse" else row["judge_free_axes"].get(name))
                is not None
            ]
            correlations.append({"with": name, "spearman": _rank_correlation(both), "n": len(both)})
        return correlations


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
    means = {}
    for name in dict.fromkeys(groups):
        group_numbers = numbers[[g == name for g in groups]]
        group_numbers = group_numbers[np.isfinite(group_numbers)]
        if len(group_numbers):
            means[name] = float(group_numbers.mean())
    return means


def _rank_correlation(both: Sequence[tuple[float, float]]) -> float | None:
    """Rank correlation; None for too few pairs, or where one side does not vary."""
    if len(both) < FEWEST_PAIRS or any(len(set(side)) < 2 for side in zip(*both, strict=True)):
        return None
    from scipy.stats import spearmanr

    return round(float(spearmanr([a for a, _ in both], [b for _, b in both]).statistic), 4)


def _judge_agreement(first: Judged, second: Judged) -> JudgeAgreement:
    """How far two judges agree on the overall grade, over the presentations that both graded."""
    first_grades, second_grades = grades_of(first.judgements), grades_of(second.judgements)
    slots = sorted(first_grades.keys() & second_grades.keys())
    grades: list[IntArray] = [
        np.array([g[slot]["overall"] for slot in slots], dtype=np.int64) for g in (first_grades, second_grades)
    ]
    kappa = quadratic_kappa(grades[0].astype(np.float64), grades[1].astype(np.float64))
    return {
        "a": first.label,
        "b": second.label,
        "kappa": None if kappa is None else round(kappa, 4),
        "n": len(slots),
    }


def judge_warnings(
    judges: Sequence[Judged],
    models: Mapping[str, ModelInRun],
    own: Mapping[str, OwnIdentity],
    own_of: Callable[[ModelInRun], OwnIdentity],
) -> list[str]:
    """What a reader should know before believing a judge.

    Args:
        judges: the judges.
        models: label → model of the run.
        own: label → who each model is.
        own_of: who a model is, here asked of the judges.
    """
    messages = []
    for judge in judges:
        judge_identity = own_of(_as_model(judge))
        for label in sorted({name for j in judge.judgements for name in (j.candidate, j.reference)}):
            if kin := _judge_kinship(judge, judge_identity, models[label], own[label]):
                messages.append(
                    f"The judge {judge.label} and {label} {kin}: a model tends to favour its relatives, so read these grades "
                    "together with another judge's."
                )
        missing = [j for j in judge.judgements if j.grades is None]
        if len(missing) > FAILED_SHARE * max(len(judge.judgements), 1):
            failed = sum(j.outcome == "failed" for j in missing)
            messages.append(
                f"The judge {judge.label} gave no readable grade for {failed} and no reply for {len(missing) - failed} of "
                f"{len(judge.judgements)} presentations."
            )
        if judge.entry["cache"]:
            messages.append(f"The grades of {judge.label} are kept for this run alone: {judge.entry['cache']}.")
    return messages


def _as_model(judge: Judged) -> ModelInRun:
    """A judge in the form in which a run knows its models."""
    entry = judge.entry
    known_model: KnownModel = {"identity": entry["identity"]}
    if "lineage" in entry:
        known_model["lineage"] = entry["lineage"]
    return ModelInRun(judge.label, {"engine": entry["engine"], "name": entry["name"]}, entry["source"], known_model)


def _judge_kinship(judge: Judged, judge_identity: OwnIdentity, model: ModelInRun, other: OwnIdentity) -> str | None:
    """What judge and model have in common, in words; None where nothing is known."""
    names = {model.name.casefold(), model.source.casefold()}
    if judge.entry["name"].casefold() in names or judge.entry["source"].casefold() in names:
        return "are one and the same model"
    if related(judge.entry.get("weights"), model.weights):
        return "start from the same weights"
    if judge_identity.maker is not None and other.maker is not None and judge_identity.maker.name == other.maker.name:
        return f"are both made by {judge_identity.maker.name}"
    return None
