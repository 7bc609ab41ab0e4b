"""Where the inputs of a round come from: the three strategies differ in this file and nowhere else.

* ``evolve``: the teacher reads right and wrong cases, writes down the weakness, and writes hard and easy inputs for it.
* ``static``: the teacher writes inputs from the task's description alone, all of them before the first round.
* ``random``: inputs are drawn from the pool.

Promise: what comes out is new: unlike every input before it, and unlike every row of the test set; what is dropped is
counted. All of it is labelled afterwards by the same teacher in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mimicry_audit.distill.evolve.data import Sample
from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.evolve.teacher import Teacher

Input = tuple[str, str]
"""Text, and what it is meant to be: ``hard``, ``easy`` or ``drawn``."""


@dataclass
class Sieve:
    """Lets an input pass once.

    Args:
        similar: likeness in (0, 1] from which two inputs are the same: rapidfuzz's ratio, case and spaces apart.
        test: texts of the test set.
        known: inputs that were there before.
    """

    similar: float
    test: Sequence[str]
    known: list[str]
    repeated: int = 0
    leaked: int = 0

    def __post_init__(self) -> None:
        self._test = [_plain_text(text) for text in self.test]
        self._known = [_plain_text(text) for text in self.known]

    def passes(self, text: str) -> bool:
        """Whether it is new; if it is, it is known from now on."""
        plain = _plain_text(text)
        if self._is_like(plain, self._test):
            self.leaked += 1
            return False
        if self._is_like(plain, self._known):
            self.repeated += 1
            return False
        self._known.append(plain)
        return True

    def _is_like(self, plain: str, others: Sequence[str]) -> bool:
        from rapidfuzz import fuzz, process

        return process.extractOne(plain, others, scorer=fuzz.ratio, score_cutoff=100 * self.similar) is not None


def _plain_text(text: str) -> str:
    return " ".join(text.casefold().split())


@dataclass
class Acquired:
    """The inputs of one round.

    Attributes:
        inputs: what will be labelled.
        pattern: the weakness pattern, where there is one.
        repeated: inputs dropped as repetitions.
        leaked: inputs dropped as likenesses of the test set.
    """

    inputs: list[Input] = field(default_factory=list)
    pattern: str | None = None
    repeated: int = 0
    leaked: int = 0


def acquire(
    s: EvolveSettings, teacher: Teacher, round_: int, most_inputs: int, cases: Sequence[tuple[Sample, str]],
    pool: Sequence[Sample], sieve: Sieve, used: Mapping[str, str],
) -> Acquired:  # fmt: skip
    """The inputs of one round.

    Args:
        s: the settings.
        teacher: writes.
        round_: from 1.
        most_inputs: most inputs, never more than the settings' hard and easy ones.
        cases: labelled rows with the student's answers, for ``evolve`` only.
        pool: for ``random`` only.
        sieve: knows the history and the test set.
        used: texts drawn or labelled before → where.
    """
    acquired = Acquired()
    if s.strategy == "random":
        for row in pool:
            if len(acquired.inputs) == most_inputs:
                break
            if row.text not in used and sieve.passes(row.text):
                acquired.inputs.append((row.text, "drawn"))
    elif s.strategy == "static":
        acquired.inputs = _plan_inputs(s, teacher, sieve, used, most_inputs)
    else:
        acquired.pattern = teacher.analyse(round_, cases)
        hard = round(most_inputs * s.hard / s.wanted)
        acquired.inputs = _write_inputs(s, teacher, round_, acquired.pattern, hard, most_inputs - hard, sieve)
    acquired.repeated, acquired.leaked = sieve.repeated, sieve.leaked
    return acquired


def _write_inputs(
    s: EvolveSettings, teacher: Teacher, round_: int, pattern: str | None, hard: int, easy: int, sieve: Sieve
) -> list[Input]:
    """Inputs for a pattern; asked for again while new ones are missing, `retries` times."""
    missing = {"hard": hard, "easy": easy}
    inputs: list[Input] = []
    for sample in range(s.retries + 1):
        if not any(missing.values()):
            break
        for text, kind in teacher.write(round_, pattern, missing["hard"], missing["easy"], sample):
            if missing[kind] > 0 and sieve.passes(text):
                inputs.append((text, kind))
                missing[kind] -= 1
    return inputs


def _plan_inputs(
    s: EvolveSettings, teacher: Teacher, sieve: Sieve, used: Mapping[str, str], most_inputs: int
) -> list[Input]:
    """A round's share of what was written before the first: calls of one round's size, all from the description alone.

    Every round asks for the whole again and gets it from the journal, so that it is the same after an interruption. Inputs
    that were used in an earlier round are passed over; the sieve knows those, and judges the others once more.
    """
    fresh: list[Input] = []
    own = Sieve(s.similar, sieve.test, [text for text, origin in used.items() if origin == "shot"])
    for sample in range((s.rounds) * (s.retries + 1)):
        if len(fresh) >= s.rounds * s.wanted:
            break
        fresh += [(t, kind) for t, kind in teacher.write(1, None, s.hard, s.easy, sample) if own.passes(t)]
    sieve.repeated, sieve.leaked = own.repeated, own.leaked
    return [(text, kind) for text, kind in fresh if text not in used][:most_inputs]
