"""Right answers and claimed identities before and after, question by question.

Promise: accuracy is a share of the samples to each checkable probe, a missing answer counting as wrong where the model was
asked; identity claims are those that `mimicry_audit.identity` finds, counted per question, so that a question asked in two
arms is one question; where a model's own identity is unknown, claims of *another* identity are not counted but those of the
reference's maker still are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mimicry_audit.comparison.movement import Movement, mcnemar, moved
from mimicry_audit.identity.design import ARMS
from mimicry_audit.probes.checks.check import correct
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.compared import AccuracyMovement, IdentityMovement, MovementRecord
from mimicry_audit.records.score_sections import AttemptRecord
from mimicry_audit.statistics.intervals import FloatArray, IntArray

Row = AttemptRecord
GROUPS = ("plain", "templated")
KINDS = ("own", "other", "reference")


def right_shares(probes: Sequence[Probe], responses: Sequence[Response]) -> FloatArray:
    """``(P,)`` share of a model's answers to each checkable probe that are right; NaN where not asked or not checkable."""
    position = {probe.id: at for at, probe in enumerate(probes)}
    right_counts, answer_counts = np.zeros(len(probes)), np.zeros(len(probes))
    for response in responses:
        at = position.get(response.probe_id)
        check = probes[at].check if at is not None else None
        if at is None or check is None or response.status == "error":
            continue
        answer_counts[at] += 1
        right_counts[at] += bool(response.usable and correct(check, response.text))
    return np.asarray(np.divide(right_counts, answer_counts, out=np.full(len(probes), np.nan), where=answer_counts > 0))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Right answers before and after: the change, and on how many probes it was gained and lost (one sample only)."""

    change: Movement
    test: str
    gained: int | None
    lost: int | None

    def as_dict(self) -> AccuracyMovement:
        """For ``compare.json``."""
        return {**self.change.as_dict(), "test": self.test, "gained": self.gained, "lost": self.lost}


def accuracy(
    before: FloatArray, after: FloatArray, domains: IntArray, samples: int, *, draws: int, seed: int
) -> Accuracy | None:
    """Right answers before and after; None where no probe can be checked.

    Args:
        before: from `right_shares`.
        after: the same.
        domains: ``(P,)``.
        samples: with one, McNemar's exact test; with several, the permutation test.
        draws: of the interval.
        seed: of both.
    """
    movement = moved(before, after, None, domains, draws=draws, seed=seed)
    if movement is None:
        return None
    if samples > 1:
        return Accuracy(movement, "permutation", None, None)
    gained_count, lost_count, p = mcnemar(before, after)
    return Accuracy(replace(movement, p=p), "McNemar, exact", gained_count, lost_count)


@dataclass(frozen=True, slots=True)
class Selves:
    """Who a model says it is, before and after.

    Attributes:
        own: maker that before and after rightly name, as far as known: the later model's own, else the earlier's.
        reference: the reference's maker, None where unknown or where it is the model's own.
        groups: ``plain`` and ``templated`` → kind of claim (`KINDS`) → change in the share of questions.
        questions: group → clusters: questions when plain, templates when templated.
        claims: ``before`` and ``after`` → (identity, answers) of plain questions, the commonest first.
    """

    own: str | None
    reference: str | None
    groups: Mapping[str, Mapping[str, Movement | None]]
    questions: Mapping[str, int]
    claims: Mapping[str, Sequence[tuple[str, int]]]

    @property
    def leak(self) -> bool | None:
        """Whether plain questions draw more claims of another identity than before; None where that is unknown."""
        plain = self.groups["plain"]
        movement = plain["other"] or plain["reference"]
        return None if movement is None else movement.change.value > 0

    def as_dict(self) -> IdentityMovement:
        """For ``compare.json``."""
        return {
            "own": self.own,
            "reference": self.reference,
            "leak": self.leak,
            "questions": dict(self.questions),
            "plain": _movement_records(self.groups["plain"]),
            "templated": _movement_records(self.groups["templated"]),
            "claims": {
                when: [{"identity": name, "count": n} for name, n in counts] for when, counts in self.claims.items()
            },
        }


def _movement_records(movements: Mapping[str, Movement | None]) -> dict[str, MovementRecord | None]:
    return {kind: m.as_dict() if m else None for kind, m in movements.items()}


def selves(
    attempts: Sequence[Row], before: str, after: str, own: str | None, reference: str | None, *, draws: int, seed: int
) -> Selves | None:
    """Identity claims of two models on the same questions.

    Args:
        attempts: the ``attempts`` of `mimicry_audit.identity.scores.identity_scores`, with templates.
        before: label.
        after: label.
        own: maker that both rightly name, None where unknown.
        reference: maker of the reference, None where unknown.
        draws: of the intervals.
        seed: of intervals and permutations.

    Returns:
        None where no identity question was asked of both.
    """
    tests: dict[str, Callable[[str], bool] | None] = {
        "own": (lambda maker: maker == own) if own else None,
        "other": (lambda maker: maker != own) if own else None,
        "reference": (lambda maker: maker == reference) if reference and reference != own else None,
    }
    groups: dict[str, dict[str, Movement | None]] = {}
    questions = {}
    for group in GROUPS:
        rows = {
            label: [a for a in attempts if a["model"] == label and _question_group(a) == group]
            for label in (before, after)
        }
        if group == "plain" and not (rows[before] and rows[after]):
            return None
        clusters = list(dict.fromkeys(_cluster_key(a) for a in rows[before]))
        questions[group] = len(clusters)
        groups[group] = {
            kind: _claim_change(rows[before], rows[after], clusters, test, draws, seed) if test and clusters else None
            for kind, test in tests.items()
        }
    claims = {
        when: _count_claims([a for a in attempts if a["model"] == label and _question_group(a) == "plain"])
        for when, label in (("before", before), ("after", after))
    }
    return Selves(own, reference if reference != own else None, groups, questions, claims)


def _question_group(attempt: Row) -> str:
    return "templated" if attempt["arm"] in ARMS else "plain"


def _cluster_key(attempt: Row) -> str:
    """What answers hang together by: the question, or the template it was put into."""
    if _question_group(attempt) == "templated":
        return str(attempt.get("template"))
    return str(attempt["probe_id"]).partition("#")[0]


def _claimed_makers(attempt: Row) -> set[str]:
    """Who the answer says it is; in a template, a role that is merely played does not count."""
    voices = None if _question_group(attempt) == "plain" else {"own"}
    return {c["maker"] for c in attempt["claims"] if voices is None or c["voice"] in voices}


def _claim_change(
    before: Sequence[Row],
    after: Sequence[Row],
    clusters: Sequence[str],
    test: Callable[[str], bool],
    draws: int,
    seed: int,
) -> Movement | None:
    shares = [_claim_shares(rows, clusters, test) for rows in (before, after)]
    return moved(shares[0], shares[1], None, np.zeros(len(clusters), dtype=np.int64), draws=draws, seed=seed)


def _claim_shares(rows: Sequence[Row], clusters: Sequence[str], test: Callable[[str], bool]) -> FloatArray:
    """Per cluster, the share of answered attempts with such a claim; NaN where none was answered."""
    flags_by_cluster: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row["status"] in ("ok", "truncated"):
            flags_by_cluster[_cluster_key(row)].append(any(test(maker) for maker in _claimed_makers(row)))
    return np.array([np.mean(flags_by_cluster[c]) if flags_by_cluster.get(c) else np.nan for c in clusters])


def _count_claims(rows: Sequence[Row]) -> list[tuple[str, int]]:
    names = Counter(
        name for row in rows for name in {" · ".join(x for x in (c["maker"], c["model"]) if x) for c in row["claims"]}
    )
    return names.most_common(8)
