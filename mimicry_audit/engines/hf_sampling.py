"""Choosing the next token for each row of a batch by itself.

Promise: a row's tokens depend on its own seed and never on its neighbours' (up to the arithmetic of the batch), and
nothing but temperature and top-p shapes them. The log-probabilities kept are the model's own, before temperature,
as vLLM and the endpoints report them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mimicry_audit.records.asked import Sampling

if TYPE_CHECKING:
    import torch


class RowSampler:
    """A logits processor that picks each row's token and leaves no other one possible.

    Picking here, and letting transformers take the arg-max of what is left, is what gives every row its own random
    stream: transformers itself draws a whole batch from one.

    Args:
        sampling: temperature, top-p and how many log-probabilities to keep.
        seeds: one per row.
        device: where the logits live.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int], device: torch.device) -> None:
        import torch

        self._sampling = sampling
        self._streams = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]
        self._kept: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Called by ``generate`` at every step with the last position's logits."""
        import torch

        logits = scores.float()
        tokens = logits.argmax(dim=-1) if self._sampling.temperature == 0 else self._draw_tokens(logits)
        if self._sampling.logprobs:
            logs = torch.log_softmax(logits, dim=-1)
            top = logs.topk(min(self._sampling.logprobs, logs.shape[-1]), dim=-1)
            own = logs.gather(1, tokens[:, None]).squeeze(1)
            self._kept.append((tokens.cpu(), own.cpu(), top.indices.cpu(), top.values.cpu()))
        forced = torch.full_like(scores, float("-inf"))
        return forced.scatter_(1, tokens[:, None], 0.0)

    def _draw_tokens(self, logits: torch.Tensor) -> torch.Tensor:
        """One token per row: with exponential noise E, the arg-max of p/E is distributed as p."""
        import torch

        chances = torch.softmax(logits / self._sampling.temperature, dim=-1)
        if self._sampling.top_p < 1:
            ordered, places = chances.sort(dim=-1, descending=True)
            outside = ordered.cumsum(dim=-1) - ordered >= self._sampling.top_p
            chances = chances.scatter(1, places, ordered.masked_fill(outside, 0.0))
        noise = torch.empty_like(chances)
        for row, stream in enumerate(self._streams):
            noise[row].exponential_(generator=stream)
        return (chances / noise).argmax(dim=-1)

    def logprobs(self, row: int, length: int, name: Callable[[int], str]) -> tuple[Mapping[str, float], ...] | None:
        """The kept log-probabilities of one row's first `length` tokens, the chosen token first in each."""
        if not self._sampling.logprobs:
            return None
        steps = []
        for tokens, own, places, values in self._kept[:length]:
            step = {name(int(tokens[row])): float(own[row])}
            for place, value in zip(places[row].tolist(), values[row].tolist(), strict=True):
                step.setdefault(name(place), value)
            steps.append(step)
        return tuple(steps)
