"""From likelihood journals to figures.

How well each model predicts another's text, how far apart their distributions are, and how much nearer to a reference's text a
candidate's training brought it.

Promise: no figure without numbers in a journal that belong to exactly the answers of this run; where something was not
measured, the reason is given in its place. Distributions are compared only where the tokenizers map equally (the maps, not
their sizes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.likelihood import Likelihood, likelihood_lines, likelihood_path, text_sha
from mimicry_audit.records.manifest import LikelihoodEntry, ModelInRun
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.score_sections import (
    DivergenceRecord,
    GainRecord,
    LikelihoodSection,
    ScorerRecord,
    TextLikelihood,
)
from mimicry_audit.similarity.divergence import TopTokens, divergences, js_similarity, top_tokens
from mimicry_audit.similarity.perplexity import LN2, bits_per_byte, perplexity, pooled
from mimicry_audit.statistics.interval_record import IntervalRecord
from mimicry_audit.statistics.intervals import (
    FloatArray,
    IntArray,
    Interval,
    adjusted_lift,
    domain_means,
    intervals,
)
from mimicry_audit.verdicts.authors import authors_evidence
from mimicry_audit.verdicts.findings import MINIMUM_GAIN, NEAR_EQUAL_JS, Evidence, PairFacts, Verdict

AXIS = "likelihood"
AUTHORS_AXIS = "authors-likelihood"
FAMILY = "probability"
TITLE = "Likelihood of its text"
_MEASURED = ("nats", "tokens", "bytes", "apart")
_KINDS = ("kl_reference_candidate", "kl_candidate_reference", "js")


@dataclass(frozen=True, slots=True)
class _Scored:
    """One model on one author's answers: ``(P,)`` each, NaN where not measured.

    Attributes:
        nats: negative log-likelihood of each whole answer.
        tokens: its tokens.
        bytes: its bytes in UTF-8.
        apart: ``(P, 3)`` divergences from the author, mean over the answer's places, after `_KINDS`.
    """

    nats: FloatArray
    tokens: FloatArray
    bytes: FloatArray
    apart: FloatArray


_Own = Mapping[tuple[str, str], tuple[tuple[int, ...], TopTokens]]
"""(Reference, probe id) → the tokens of its answer, and its distributions along them."""


class Likelihoods:
    """All that the likelihood journals of a run say of the compared probes.

    Args:
        noted: the manifest's ``likelihood``.
        scored: model → author → numbers.
        errors: model → why each text failed that did.
        codes: ``(P,)`` domain of each probe.
        precisions: model → in which numbers it was computed (`_precision`); absent where nobody tells.
    """

    def __init__(
        self,
        noted: LikelihoodEntry,
        scores: Mapping[str, Mapping[str, _Scored]],
        errors: Mapping[str, Sequence[str]],
        codes: IntArray,
        precisions: Mapping[str, str],
    ) -> None:
        self._precisions = precisions
        self._noted = noted
        self._scored = scores
        self._errors = errors
        self._codes = codes

    def extension(self, draws: int, seed: int) -> Callable[[PairFacts], PairFacts]:
        """What `mimicry_audit.verdicts.gather` takes to add the gain, and what else is worth saying, to a pair's facts."""
        return partial(self._extend_facts, draws=draws, seed=seed)

    def section(self, verdicts: Sequence[Verdict], weights: FloatArray | None) -> LikelihoodSection:
        """The entry ``likelihood`` of ``scores.json``."""
        return {
            "top_k": self._noted["top_k"],
            "models": {label: self._model_entry(label) for label in self._scored},
            "texts": list(self._text_entries(weights)) if weights is not None else [],
            "divergences": list(self._divergence_entries(weights)) if weights is not None else [],
            "gains": [self._gain_entry(v.facts) for v in verdicts],
        }

    def _extend_facts(self, facts: PairFacts, *, draws: int, seed: int) -> PairFacts:
        found = (self._gain_evidence(facts, draws, seed), self._authors_evidence(facts, draws, seed))
        remark = self._equality_remark(facts)
        return replace(
            facts,
            evidence=(*facts.evidence, *(entry for entry in found if entry is not None)),
            remarks=(*facts.remarks, remark) if remark else facts.remarks,
        )

    def notes(self) -> list[str]:
        """A sentence where the models' likelihoods were computed in different numbers."""
        kinds: dict[str, list[str]] = {}
        for label in (label for label, by_author in self._scored.items() if by_author and label in self._precisions):
            kinds.setdefault(self._precisions[label], []).append(label)
        if len(kinds) < 2:
            return []
        parts = "; ".join(
            f"{', '.join(labels[:4])}{' …' if len(labels) > 4 else ''} in {k}" for k, labels in kinds.items()
        )
        return [
            f"The likelihoods were not computed in the same numbers ({parts}): rounding alone sets them apart by up to half a "
            "nat a token. Give all models one engine and one numeric type, such as -E dtype=float32."
        ]

    def _gain_evidence(self, facts: PairFacts, draws: int, seed: int) -> Evidence | None:
        """Bits per byte that the base needs more than the candidate: on the reference's text, less that on the controls'."""
        if self._why_no_gain(facts) is not None:
            return None
        test = adjusted_lift(
            self._saved_bits(facts, facts.reference),
            np.column_stack([self._saved_bits(facts, k) for k in self._scored_controls(facts)]),
            self._codes,
            minimum_effect=MINIMUM_GAIN,
            draws=draws,
            seed=seed,
        )
        if test is None:
            return None
        return Evidence(
            closed=self._closed_share(facts, test.adjusted.low),
            axis=AXIS,
            title=TITLE,
            family=FAMILY,
            statistic="adjusted gain",
            estimate=test.adjusted,
            p=test.p,
            p_holm=test.p,
            raw=test.lift,
            minimum_effect=MINIMUM_GAIN,
            unit="bits per byte",
        )

    def _authors_evidence(self, facts: PairFacts, draws: int, seed: int) -> Evidence | None:
        """Whether the candidate gained on the reference's text out of all proportion to what it gained on the controls'.

        Gains are taken as ratios (the logarithm of the base's bits over the candidate's): authors differ in how much there is
        to gain on their text.
        """
        if self._why_no_gain(facts) is not None:
            return None
        authors = (facts.reference, *self._scored_controls(facts))
        with np.errstate(divide="ignore", invalid="ignore"):
            gains = np.log(
                np.column_stack([self._bits_per_byte(str(facts.base), author) for author in authors])
                / np.column_stack([self._bits_per_byte(facts.candidate, author) for author in authors])
            )
        return authors_evidence(
            [gains],
            self._codes,
            axis=AUTHORS_AXIS,
            title="Likelihood against every other author",
            family=FAMILY,
            draws=draws,
            seed=seed,
        )

    def _closed_share(self, facts: PairFacts, gained: float) -> float | None:
        """A gain as a share of what the base lacks to the author itself, or where that is unknown, to certainty."""
        lacks = self._bits_per_byte(str(facts.base), facts.reference)
        if facts.reference in self._scored.get(facts.reference, {}):
            lacks = lacks - self._bits_per_byte(facts.reference, facts.reference)
        mean = float(domain_means(lacks[:, None], self._codes)[0])
        return gained / mean if mean > 0 else None

    def at(self, places: IntArray) -> Likelihoods:
        """The same on these probes alone, some of them more than once."""
        scores = {
            label: {
                author: replace(f, **{n: getattr(f, n)[places] for n in _MEASURED}) for author, f in by_author.items()
            }
            for label, by_author in self._scored.items()
        }
        return Likelihoods(self._noted, scores, self._errors, self._codes[places], self._precisions)

    def _saved_bits(self, facts: PairFacts, author: str) -> FloatArray:
        return self._bits_per_byte(str(facts.base), author) - self._bits_per_byte(facts.candidate, author)

    def _bits_per_byte(self, label: str, author: str) -> FloatArray:
        scores = self._scored[label][author]
        return bits_per_byte(scores.nats, scores.bytes)

    def _scored_controls(self, facts: PairFacts) -> list[str]:
        """The pair's controls whose answers both the candidate and its base have scored."""
        both = [self._scored.get(label, {}) for label in (facts.candidate, str(facts.base))]
        return [k for k in facts.controls if all(k in by_author for by_author in both)]

    def _why_no_gain(self, facts: PairFacts) -> str | None:
        if facts.base is None:
            return f"no base of {facts.candidate} was named"
        if facts.base_contradicted:
            return f"{facts.base} is not the base of {facts.candidate}"
        for label in (facts.candidate, facts.base):
            if why := self._why_not(label, facts.reference):
                return why
        if not self._scored_controls(facts):
            return "no control's answers were scored"
        own, base = (self._precisions.get(label) for label in (facts.candidate, facts.base))
        if own is not None and base is not None and own != base:
            return (
                f"{facts.candidate} was computed in {own} and {facts.base} in {base}, and rounding alone sets them apart: "
                "give both one engine and one numeric type, such as -E dtype=float32"
            )
        return None

    def _why_not(self, label: str, author: str) -> str | None:
        """Why a model has no numbers on an author's answers."""
        if author in self._scored.get(label, {}):
            return None
        if why := self._stated_reason(label):
            return f"{label}: {why}"
        if author not in (*self._noted["references"], *self._noted["controls"]):
            return f"the models were not asked to score {author}'s answers"
        return f"{label}: {next(iter(self._errors.get(label, ())), 'no answer was scored')}"

    def _stated_reason(self, label: str) -> str | None:
        """Why the model cannot score at all, as the manifest says."""
        scorer = self._noted["models"].get(label)
        return scorer["why_not"] if scorer else None

    def _tokenizer_of(self, label: str) -> str | None:
        scorer = self._noted["models"].get(label)
        return scorer["tokenizer"] if scorer else None

    def _why_no_divergence(self, label: str, reference: str) -> str | None:
        if why := self._why_not(reference, reference) or self._why_not(label, reference):
            return why
        if self._tokenizer_of(label) is None or self._tokenizer_of(label) != self._tokenizer_of(reference):
            return "their tokenizers differ"
        if not np.isfinite(self._scored[label][reference].apart).any():
            return "no answer gave both the same tokens"
        return None

    def _equality_remark(self, facts: PairFacts) -> str | None:
        """What nearly equal distributions suggest; no verdict rests on it."""
        if self._why_no_divergence(facts.candidate, facts.reference):
            return None
        js = self._scored[facts.candidate][facts.reference].apart[:, 2]
        if float(np.nanmean(js)) >= NEAR_EQUAL_JS:
            return None
        return (
            f"On {facts.reference}'s text the two predict nearly the same at every position (Jensen–Shannon "
            f"{float(np.nanmean(js)):.1g} nats), as one model under two names does, or a copy with little further training."
        )

    def _model_entry(self, label: str) -> ScorerRecord:
        errors = self._errors.get(label, ())
        scored_answers = sum(int(np.isfinite(scores.nats).sum()) for scores in self._scored[label].values())
        why = self._stated_reason(label)
        return {
            "tokenizer": self._tokenizer_of(label),
            "scored": scored_answers,
            "failed": len(errors),
            "why_not": why or (errors[0] if errors else None if scored_answers else "no answer was scored"),
        }

    def _text_entries(self, weights: FloatArray) -> Iterator[TextLikelihood]:
        authors = dict.fromkeys([*self._noted["references"], *self._noted["controls"]])
        for label, by_author in self._scored.items():
            for author in (a for a in authors if a in by_author):
                scores = by_author[author]
                entropy = pooled(scores.nats, scores.tokens, weights)
                yield {
                    "model": label,
                    "author": author,
                    "cross_entropy": _interval_dict(entropy),
                    "perplexity": _interval_dict(perplexity(entropy) if entropy else None),
                    "bits_per_byte": _interval_dict(pooled(scores.nats, LN2 * scores.bytes, weights)),
                }

    def _divergence_entries(self, weights: FloatArray) -> Iterator[DivergenceRecord]:
        for reference in (r for r in self._noted["references"] if r in self._scored):
            for label in (k for k in self._scored if k != reference):
                why = self._why_no_divergence(label, reference)
                divergence_intervals: list[Interval | None] = [None] * len(_KINDS)
                if why is None:
                    divergence_intervals = intervals(self._scored[label][reference].apart, self._codes, weights)
                yield {
                    "candidate": label,
                    "reference": reference,
                    "kl_reference_candidate": _interval_dict(divergence_intervals[0]),
                    "kl_candidate_reference": _interval_dict(divergence_intervals[1]),
                    "js": _interval_dict(divergence_intervals[2]),
                    "similarity": _interval_dict(_as_similarity(divergence_intervals[2])),
                    "why_not": why,
                }

    def _gain_entry(self, facts: PairFacts) -> GainRecord:
        gain = next((e for e in facts.evidence if e.axis == AXIS), None)
        why = None if gain else self._why_no_gain(facts) or "no probe was scored by both on every side"
        return {
            "candidate": facts.candidate,
            "reference": facts.reference,
            "base": facts.base,
            "gain": _interval_dict(gain.raw if gain else None),
            "adjusted": _interval_dict(gain.estimate if gain else None),
            "p": round(gain.p, 6) if gain else None,
            "p_holm": round(gain.p_holm, 6) if gain else None,
            "positive": gain.positive if gain else False,
            "controls": self._scored_controls(facts) if gain else [],
            "why_not": why,
        }


def load(
    run: RunDirectory,
    noted: LikelihoodEntry | None,
    labels: Sequence[str],
    compared: Sequence[Probe],
    codes: IntArray,
    responses: Mapping[str, Sequence[Response]],
) -> Likelihoods | None:
    """What the likelihood journals say; None for a run whose models were not asked.

    Raises:
        DataError: a journal holds a line that is not a likelihood.
    """
    if not noted:
        return None
    position = {probe.id: at for at, probe in enumerate(compared)}
    shas = {
        (label, r.probe_id): text_sha(r.text)
        for label in labels
        for r in responses[label]
        if r.usable and r.sample == 0 and r.probe_id in position
    }
    references = [r for r in noted["references"] if r in labels]
    own: dict[tuple[str, str], tuple[tuple[int, ...], TopTokens]] = {}
    for label in references:
        for record in _last_records(run, label, shas).values():
            if record.author == label and record.top is not None:
                own[label, record.probe_id] = tuple(record.tokens), _top_tokens(record)
    scores: dict[str, dict[str, _Scored]] = {}
    errors: dict[str, list[str]] = {}
    for label in labels:
        last_records = _last_records(run, label, shas)
        errors[label] = [str(r.error) for r in last_records.values() if r.status != "ok"]
        scores[label] = _fold_records([r for r in last_records.values() if r.status == "ok"], position, own)
    models = run.manifest().models
    precisions = {label: kind for label in labels if (kind := _precision(models[label])) is not None}
    return Likelihoods(noted, scores, errors, codes, precisions)


def _precision(model: ModelInRun) -> str | None:
    """In which numbers a model computes; None where nobody tells.

    Engines agree to 3e-5 nats a token in float32, and differ by up to 0.47 in bfloat16.
    """
    kind = model.numeric_type
    return kind if kind in (None, "float32") else f"{kind} under {model.engine}"


def _last_records(
    run: RunDirectory, label: str, shas: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], Likelihood]:
    """The last line for each answer, those left out that were computed on another text than the answer that stands."""
    last = {(r.author, r.probe_id): r for r in likelihood_lines(likelihood_path(run, label))}
    return {key: record for key, record in last.items() if shas.get(key) == record.text_sha}


def _fold_records(records: Sequence[Likelihood], position: Mapping[str, int], own: _Own) -> dict[str, _Scored]:
    scores_by_author: dict[str, _Scored] = {}
    n = len(position)
    for record in records:
        author_scores = scores_by_author.setdefault(
            record.author,
            _Scored(_unknown_array(n), _unknown_array(n), _unknown_array(n), _unknown_array(n, len(_KINDS))),
        )
        at = position[record.probe_id]
        author_scores.nats[at] = -sum(record.logprobs)
        author_scores.tokens[at] = len(record.tokens)
        author_scores.bytes[at] = record.bytes
        own_tokens = own.get((record.author, record.probe_id))
        if own_tokens is not None and record.top is not None and own_tokens[0] == tuple(record.tokens):
            divergence = divergences(own_tokens[1], _top_tokens(record))
            author_scores.apart[at] = divergence.kl_pq.mean(), divergence.kl_qp.mean(), divergence.js.mean()
    return scores_by_author


def _unknown_array(*shape: int) -> FloatArray:
    return np.full(shape, np.nan)


def _top_tokens(record: Likelihood) -> TopTokens:
    return top_tokens(record.tokens, record.logprobs, record.top or ())


def _as_similarity(js: Interval | None) -> Interval | None:
    if js is None:
        return None
    return Interval(js_similarity(js.value), js_similarity(js.high), js_similarity(js.low), js.n)


def _interval_dict(interval: Interval | None) -> IntervalRecord | None:
    return interval.as_dict() if interval else None
