"""A teacher behind an engine, asked inside the training step for its probabilities on answers that the student just drew.

Promise: the teacher scores the very tokens that were drawn, never a text spelled anew from them; an answer that it cannot score
ends the training with one line, for a step that silently lacked its teacher would teach nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from mimicry_audit.distill.training.examples import ExampleRow
from mimicry_audit.distill.training.signal_store import Signal
from mimicry_audit.distill.training.signals import Keep, request_of, served
from mimicry_audit.engines.likelihood import Scorer, TokenScores, why_not
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import ConfigError, EngineError
from mimicry_audit.records.asked import ModelSpec

if TYPE_CHECKING:
    from mimicry_audit.engines.base import Engine


@dataclass(frozen=True, slots=True)
class ServedTeacherPlan:
    """Which teacher is asked, and for what.

    Attributes:
        spec: the fields of its `ModelSpec`.
        top_k: how many of its most probable tokens are asked for; 0 for the probability of the drawn token alone.
        tokens: token ids below this are the same token for teacher and student.
    """

    spec: Mapping[str, Any]
    top_k: int
    tokens: int


class ServedTeacher:
    """The teacher's probabilities on rows that a student drew.

    Args:
        plan: whom to ask for what.

    Raises:
        ConfigError: the engine gives no probabilities.
    """

    def __init__(self, plan: ServedTeacherPlan) -> None:
        spec = ModelSpec(**plan.spec)
        engine = engine_for(spec)
        if not isinstance(engine, Scorer):
            raise ConfigError(f"the teacher gives no signal: {why_not(spec.engine)}", "use hf or vllm")
        self._plan, self._engine = plan, engine

    def __enter__(self) -> ServedTeacher:
        """Start the engine."""
        engine: Engine = self._engine
        engine.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine."""
        engine: Engine = self._engine
        engine.close()

    def with_signals(self, rows: Sequence[ExampleRow]) -> list[ExampleRow]:
        """The rows with the teacher's signal; those without a teacher's side stay as they are.

        Raises:
            EngineError: an answer cannot be scored.
        """
        requests = [
            request_of(str(number), row["teacher_prompt"], row["teacher_answer"], self._plan.top_k)
            for number, row in enumerate(rows)
            if row["places"]
        ]
        signals = {int(request.key[0]): self._signal(scores) for request, scores in self._engine.score_texts(requests)}
        return [{**row, "signal": signals[number]} if number in signals else row for number, row in enumerate(rows)]

    def _signal(self, scores: TokenScores) -> Signal:
        if scores.error is not None:
            raise EngineError(f"the teacher cannot score an answer of the student: {scores.error}", "see its log")
        if not self._plan.top_k:
            ids = torch.tensor(scores.tokens, dtype=torch.int32)[:, None]
            logs = torch.tensor(scores.logprobs)[:, None]
            return ids, logs, torch.log1p(-logs[:, 0].exp().clamp_max(1 - 1e-7))
        assert scores.top is not None
        return served(scores.top, Keep(self._plan.top_k, self._plan.tokens), len(scores.tokens))
