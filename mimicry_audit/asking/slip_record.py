"""How identity slips are searched for, what a search found, and its summary.

Promise: counts and the worst template with one example; nothing is asked here, and no rate is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mimicry_audit.identity import fuzz
from mimicry_audit.identity.attempts import Attempt
from mimicry_audit.records.asked import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipSearch:
    """How to search.

    Attributes:
        budget: attempts per model; None for as many as let the search adapt (`fuzz.enough`).
        questions: put into a template at each visit.
        seed: random seed.
        mutator: the model that changes templates; None for rules.
        languages: of the templates; empty for all that there are questions in.
        explore: MCTS-Explore; False draws seeds at random, which is what the search is measured against.
    """

    budget: int | None = None
    questions: int = fuzz.QUESTIONS
    seed: int = 0
    mutator: ModelSpec | None = None
    languages: tuple[str, ...] = ()
    explore: bool = True


class SlipRecord:
    """What a search came upon, in order."""

    def __init__(self) -> None:
        self.visits: list[fuzz.Found] = []
        self.attempts: list[Attempt] = []
        self.examples: dict[int, Attempt] = {}
        self.rejected: Counter[str] = Counter()
        self.repaired = 0
        self.first: int | None = None

    def add(self, visit: fuzz.Found, attempts: Sequence[Attempt], hits: Sequence[Attempt]) -> None:
        """Add one visit: what came of its template, its attempts, and those that were slips."""
        if hits and self.first is None:
            self.first = len(self.attempts) + 1 + next(n for n, a in enumerate(attempts) if a is hits[0])
        if hits:
            self.examples[visit.step] = hits[0]
        self.visits.append(visit)
        self.attempts += attempts

    def summary(
        self, seeds: int, budget: int, options: SlipSearch, nodes_added: int, warning: str | None
    ) -> dict[str, Any]:
        """As ``identity.json`` holds it.

        Args:
            seeds: number of seed templates.
            budget: attempts that were allowed.
            options: how was searched.
            nodes_added: templates that the search added to its tree.
            warning: that the budget was too small, None where it was not.
        """
        others = [c.maker for a in self.attempts if a.status == "ok" for c in _other_claims(a)]
        worst = fuzz.worst(self.visits)
        statuses = Counter(a.status for a in self.attempts)
        return {
            "budget": budget,
            "seed": options.seed,
            "questions": options.questions,
            "seeds": seeds,
            "mutator": options.mutator.source or options.mutator.name if options.mutator else None,
            "visits": len(self.visits),
            "asked": len(self.attempts),
            "statuses": {name: statuses[name] for name in ("ok", "refusal", "empty", "error")},
            "hits": sum(v.hits for v in self.visits),
            "first_hit": self.first,
            "kept": nodes_added,
            "repaired": self.repaired,
            "rejected": dict(sorted(self.rejected.items())),
            "claims": dict(fuzz.counted(others)),
            "worst": None if worst is None else self._worst_entry(worst),
            "adapts_from": fuzz.adapts_from(seeds, options.questions),
            "enough": fuzz.enough(seeds, options.questions),
            "warning": warning,
        }

    def _worst_entry(self, visit: fuzz.Found) -> dict[str, object]:
        example = self.examples[visit.step]
        return {
            "template": visit.text,
            "language": visit.language,
            "mutators": list(visit.mutators),
            "step": visit.step,
            "hits": visit.hits,
            "asked": visit.asked,
            "question": example.transcript.question,
            "answer": example.transcript.response,
            "claims": sorted({c.maker for c in _other_claims(example)}),
        }


def _other_claims(attempt: Attempt) -> list[Any]:
    """One claim for each maker named that is not the target's own."""
    return list({c.maker: c for c in attempt.claims if c.maker not in attempt.own.makers}.values())
