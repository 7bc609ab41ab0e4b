"""Copied answers: those that repeat a passage which, of all models compared, only one author uses.

Average similarity is raised by a shared style as well as by copying: whoever is taught another's greetings, favourite words and
layout comes a little nearer everywhere. Copying is uneven: most answers stay as they were, and some are the other's own words.
So what is looked for here are *own passages*: runs of five words that an author says in answer to a probe, that the question
does not say, that the author says in answer to hardly any other probe (else they are habit), and that neither the base nor more
than a quarter of the other models say there (else they are common knowledge). An answer is *copied* where it holds a quarter of
an author's own passages, or where they make up a quarter of it.

Promise: pure functions of texts; nothing here knows an engine or a verdict. Runs are exact (no hashing), every model is looked
at in the same way as the reference, and what is found for one pair does not depend on models outside its company. The measure
is the containment of A. Broder, *On the resemblance and containment of documents*, 1997, of the shorter answer's runs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mimicry_audit.ground.words import plain_words
from mimicry_audit.similarity.axes.base import FloatArray, IntArray

if TYPE_CHECKING:
    from mimicry_audit.records.asked import Probe, Response

WORDS = 5
"""Words in a run."""
COPIED = 0.25
"""Share of own passages from which an answer counts as copied: between public models that have nothing to do with each other
hardly one answer in a hundred reaches it."""
FEWEST_RUNS = 3
"""An answer of fewer runs is taken to have that many: a single one is soon shared by chance."""
HABIT_PROBES, HABIT_SHARE = 3, 0.01
"""A run that its author says in answer to more probes than this number and this share of them is a habit."""
KEPT = 4
"""Companies whose own passages are kept: one candidate after the other has the same."""
OTHERS = 0.25
"""Share of the other models that may say it too: a minority of kin among them must not hide a copy."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one model says: sorted, distinct ``probe · kinds + run`` numbers.

    Attributes:
        all: over all samples.
        samples: of each sample.
        answered: ``(S, P)`` whether there is a usable answer.
        habits: runs, sorted.
    """

    all: IntArray
    samples: Sequence[IntArray]
    answered: FloatArray
    habits: IntArray


class Passages:
    """The passages of a run's answers; nothing is read before it is first asked for.

    Args:
        probes: P probes.
        responses: label → its standing responses; unusable ones and those to other probes are left out.
    """

    def __init__(self, probes: Sequence[Probe], responses: Mapping[str, Sequence[Response]]) -> None:
        self._probes, self._responses = probes, responses
        self._owned: dict[tuple[str, ...], list[IntArray]] = {}
        self._found: dict[tuple[str, ...], FloatArray] = {}
        self._places: IntArray | None = None

    def at(self, places: IntArray) -> Passages:
        """The same passages, with answers to these probes alone counted, to some of them more than once.

        What is an author's own is still decided on all probes.
        """
        view = copy.copy(self)  # and what either finds serves both
        view._places = places
        return view

    def copied(self, candidate: str, authors: Sequence[str], base: str | None) -> FloatArray:
        """Which of a candidate's answers are copied from which author.

        Args:
            candidate: whose answers are looked at.
            authors: A labels; a passage is an author's own among these.
            base: what this model says counts as no model's own.

        Returns:
            ``(P, A)``: the share of the candidate's samples that are copied from the author, 0 or 1 where there is one; NaN
            where either gave no usable answer.
        """
        key = (candidate, *authors, *_base_key(base))
        if key not in self._found:
            self._found[key] = self._copied_shares(candidate, authors, base)
        shares = self._found[key]
        return shares if self._places is None else shares[self._places]

    def _copied_shares(self, candidate: str, authors: Sequence[str], base: str | None) -> FloatArray:
        kinds, runs_by_model = self._runs_by_model
        candidate_runs, out = runs_by_model[candidate], np.full((len(self._probes), len(authors)), np.nan)
        for column, (author, own) in enumerate(zip(authors, self._own_runs(tuple(authors), base), strict=True)):
            author_runs = runs_by_model[author]
            copies = np.array([
                np.max([_shared_shares(text, np.intersect1d(own, sample, assume_unique=True), kinds, len(out))
                        for sample in author_runs.samples], axis=0) >= COPIED
                for text in candidate_runs.samples
            ])  # fmt: skip
            count = candidate_runs.answered.sum(axis=0)
            comparable = (count > 0) & author_runs.answered.any(axis=0)
            share = np.where(candidate_runs.answered > 0, copies, 0.0).sum(axis=0) / np.maximum(count, 1)
            out[:, column] = np.where(comparable, share, np.nan)
        return out

    def _own_runs(self, authors: tuple[str, ...], base: str | None) -> list[IntArray]:
        """Each author's own passages, sorted."""
        key = (*authors, *_base_key(base))
        if key not in self._owned:
            kinds, runs_by_model = self._runs_by_model
            runs, by = np.unique(np.concatenate([runs_by_model[a].all for a in authors]), return_counts=True)
            excluded = runs_by_model[base].all if base is not None else np.zeros(0, dtype=np.int64)
            few = 1 + int(OTHERS * (len(authors) - 1))
            rare = np.setdiff1d(runs[by <= few], excluded, assume_unique=True)
            own = [np.intersect1d(runs_by_model[a].all, rare, assume_unique=True) for a in authors]
            if len(self._owned) >= KEPT:
                del self._owned[next(iter(self._owned))]
            self._owned[key] = [
                r[~np.isin(r % kinds, runs_by_model[a].habits)] for a, r in zip(authors, own, strict=True)
            ]
        return self._owned[key]

    @cached_property
    def _runs_by_model(self) -> tuple[int, dict[str, _Said]]:
        """How many kinds of runs there are, and what every model says."""
        place = {probe.id: p for p, probe in enumerate(self._probes)}
        answers = [
            (label, r.sample, place[r.probe_id], r.text)
            for label, in_answer in self._responses.items()
            for r in in_answer
            if r.usable and r.probe_id in place
        ]
        questions = ["\n".join(m.content for m in probe.messages) for probe in self._probes]
        text, run = _distinct_runs([*questions, *(answer[3] for answer in answers)])
        kinds = int(run.max(initial=0)) + 1
        in_question = text < len(questions)
        probe = np.array([*range(len(questions)), *(answer[2] for answer in answers)], dtype=np.int64)[text]
        keys = probe * kinds + run
        in_answer = ~in_question & ~np.isin(keys, keys[in_question])
        answer_keys, owner = keys[in_answer], text[in_answer] - len(questions)
        ends = np.searchsorted(owner, np.arange(len(answers) + 1))
        parts = [answer_keys[a:b] for a, b in pairwise(ends.tolist())]
        numbers_by_sample: dict[str, dict[int, list[int]]] = {label: {} for label in self._responses}
        for number, (label, sample, _, _) in enumerate(answers):
            numbers_by_sample[label].setdefault(sample, []).append(number)
        return kinds, {
            label: self._model_runs(
                [
                    [(answers[n][2], parts[n]) for n in numbers_by_sample[label][s]]
                    for s in sorted(numbers_by_sample[label])
                ],
                kinds,
            )
            for label in numbers_by_sample
        }

    def _model_runs(self, samples: Sequence[Sequence[tuple[int, IntArray]]], kinds: int) -> _Said:
        none: IntArray = np.zeros(0, dtype=np.int64)
        answer_mask = np.zeros((max(1, len(samples)), len(self._probes)))
        each = [none] if not samples else []
        for number, sample in enumerate(samples):
            each.append(np.unique(np.concatenate([none, *(part for _, part in sample)])))
            answer_mask[number, [probe for probe, _ in sample]] = 1.0
        everything = np.unique(np.concatenate(each))
        runs, run_counts = np.unique(everything % kinds, return_counts=True)
        habits = runs[run_counts > max(HABIT_PROBES, HABIT_SHARE * len(self._probes))]
        return _Said(everything, each, answer_mask, habits)


def _base_key(base: str | None) -> tuple[str, ...]:
    """A base as the end of a key; no label holds this sign."""
    return () if base is None else ("\0", base)


def _shared_shares(text: IntArray, own: IntArray, kinds: int, probes: int) -> FloatArray:
    """``(P,)``: how much of the shorter of both sets of runs they have in common."""
    common_runs = np.intersect1d(text, own, assume_unique=True)
    count = [np.bincount(keys // kinds, minlength=probes) for keys in (common_runs, text, own)]
    return np.asarray(count[0] / np.maximum(np.minimum(count[1], count[2]), FEWEST_RUNS))


def _distinct_runs(texts: Iterable[str]) -> tuple[IntArray, IntArray]:
    """The distinct runs of every text: ``(N,)`` texts, rising, and ``(N,)`` numbers of runs, rising within a text."""
    number_by_word = dict[str, int]()
    pieces = [
        np.array(
            [number_by_word.setdefault(word, len(number_by_word)) for word in plain_words(text.lower())],
            dtype=np.int64,
        )
        for text in texts
    ]
    flat = np.concatenate([np.zeros(0, dtype=np.int64), *pieces])
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    number = flat
    for size in range(2, WORDS + 1):  # a run of `size` is a shorter one and its last word
        number = number[: len(flat) - size + 1] * (len(number_by_word) + 1) + flat[size - 1 :]
        number = np.unique(number, return_inverse=True)[1]
    at = np.arange(len(number))
    at = at[owner[at] == owner[at + WORDS - 1]]
    kinds = int(number.max(initial=0)) + 1
    text, run = np.divmod(np.unique(owner[at] * kinds + number[at]), kinds)
    return text, run
