"""All answers of a run, tokenised once for every axis that wants words.

Promise: an axis may be handed any sequence of answers; `corpus_of` gives it words as numbers, and axes that are handed the
same `Corpus` share one tokenisation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from mimicry_audit.ground.words import split_words
from mimicry_audit.similarity.axes.base import Answer, IntArray

WORD_LIMIT = 2**21 - 2
"""Most distinct words, so that three word numbers fit in one 64-bit code; a run with more shares the last number."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Numbers of all answers end to end.

    Attributes:
        flat: ``(N,)`` numbers from 1 on.
        starts: ``(A + 1,)``; answer a owns ``flat[starts[a]:starts[a + 1]]``.
    """

    flat: IntArray
    starts: IntArray

    def of(self, answer: int) -> IntArray:
        """The numbers of one answer."""
        return self.flat[self.starts[answer] : self.starts[answer + 1]]

    def head(self, most: int) -> Runs:
        """The first `most` numbers of each answer."""
        lengths = np.minimum(np.diff(self.starts), most)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.starts[:-1] - starts[:-1], lengths) + np.arange(starts[-1])
        return Runs(self.flat[places], starts)


class Corpus(Sequence[Answer]):
    """Answers with their words."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers

    @overload
    def __getitem__(self, at: int) -> Answer: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Answer]: ...
    def __getitem__(self, at: int | slice) -> Answer | Sequence[Answer]:
        """One answer, or several."""
        return self._answers[at]

    def __len__(self) -> int:
        """How many answers."""
        return len(self._answers)

    def __iter__(self) -> Iterator[Answer]:
        """One after the other."""
        return iter(self._answers)

    @cached_property
    def words(self) -> Runs:
        """Lower-cased words and marks, numbered in order of appearance."""
        number_by_word = dict[str, int]()
        pieces, starts = [], [0]
        for answer in self._answers:
            numbers = [number_by_word.setdefault(w, len(number_by_word) + 1) for w in split_words(answer.text.lower())]
            pieces.append(np.array(numbers, dtype=np.int64))
            starts.append(starts[-1] + len(numbers))
        flat = np.concatenate([np.zeros(0, dtype=np.int64), *pieces])
        return Runs(np.minimum(flat, WORD_LIMIT), np.array(starts, dtype=np.int64))

    @cached_property
    def probes(self) -> list[IntArray]:
        """The answers of each probe, as row numbers."""
        rows: dict[str, list[int]] = {}
        for row, answer in enumerate(self._answers):
            rows.setdefault(answer.probe.id, []).append(row)
        return [np.array(probe_rows, dtype=np.int64) for probe_rows in rows.values()]


def corpus_of(answers: Sequence[Answer]) -> Corpus:
    """The answers as a `Corpus`; one that is a corpus already is returned as it is."""
    return answers if isinstance(answers, Corpus) else Corpus(answers)
