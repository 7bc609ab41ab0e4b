"""Scoring texts with a transformers model: one forward pass over prompt and text, no generation.

Promise: log-probabilities are taken in float32 whatever the weights' type; batches are cut the same way on every run; and
beside the model itself no more than `LOGITS_AT_ONCE` logits (or those of one text) are in memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from mimicry_audit.engines.likelihood import LEAST_LOG, TextRequest, TokenScores, encode
from mimicry_audit.engines.template import ChatTemplate
from mimicry_audit.ground.errors import EngineError

LOGITS_AT_ONCE = 2**27
"""Half a GiB in float32: a batch is cut smaller where its logits would be more."""

_Row = tuple[TextRequest, list[int], list[int]]
"""A request, the tokens of its prompt and those of its text."""


def score_texts(
    model: Any, template: ChatTemplate, requests: Sequence[TextRequest], batch_size: int
) -> Iterator[tuple[TextRequest, TokenScores]]:
    """Score the missing requests in fixed batches, sorted by length; a batch without a missing one is skipped."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    rows: list[_Row] = []
    for request in requests:
        encoded = encode(template, request, context)
        if not isinstance(encoded, TokenScores):
            rows.append((request, *encoded))
        elif request.missing:
            yield request, encoded
    rows.sort(key=lambda row: (len(row[1]) + len(row[2]), row[0].key))
    for batch in _make_batches(rows, batch_size, model.config.get_text_config().vocab_size):
        if any(request.missing for request, _, _ in batch):
            for (request, _, _), scores in zip(batch, _score_batch(model, batch), strict=True):
                if request.missing:
                    yield request, scores


def _make_batches(rows: Sequence[_Row], size: int, vocabulary: int) -> Iterator[list[_Row]]:
    """Consecutive rows, at most `size` of them and within the bound on logits, but at least one."""
    batch: list[_Row] = []
    for row in rows:
        extended = [*batch, row]
        if batch and (len(extended) > size or len(extended) * _count_positions(extended) * vocabulary > LOGITS_AT_ONCE):
            yield batch
            extended = [row]
        batch = extended
    if batch:
        yield batch


def _count_positions(rows: Sequence[_Row]) -> int:
    """How many of the last positions of a batch have logits that some row needs."""
    return max(len(p) + len(t) for _, p, t in rows) - min(len(p) for _, p, _ in rows) + 1


def _score_batch(model: Any, batch: Sequence[_Row]) -> list[TokenScores]:
    """One right-padded batch: what follows a row's text cannot be seen from it."""
    import torch

    width, positions = max(len(p) + len(t) for _, p, t in batch), _count_positions(batch)
    ids = torch.full((len(batch), width), model.generation_config.pad_token_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (_, prompt, tokens) in enumerate(batch):
        length = len(prompt) + len(tokens)
        ids[row, :length] = torch.tensor(prompt + tokens)
        mask[row, :length] = 1
    trims = "logits_to_keep" in inspect.signature(model.forward).parameters
    more = {"logits_to_keep": positions} if trims else {}
    device = model.device
    try:
        with torch.inference_mode():
            logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False, **more).logits
            first = width - logits.shape[1]
            return [_score_row(logits[row, len(p) - 1 - first :], t, r.top_k) for row, (r, p, t) in enumerate(batch)]
    except torch.OutOfMemoryError:
        raise EngineError(
            f"{device} ran out of memory on a batch of {len(batch)} texts", "lower it with batch_size=N"
        ) from None


def _score_row(logits: Any, tokens: list[int], top_k: int) -> TokenScores:
    """The scores of one text; `logits` begin at the position that predicts its first token."""
    import torch

    step = max(1, LOGITS_AT_ONCE // 8 // logits.shape[-1])
    own: list[float] = []
    top: list[tuple[tuple[int, float], ...]] = []
    for start in range(0, len(tokens), step):
        part = tokens[start : start + step]
        raw = logits[start : start + len(part)].float()
        total = raw.logsumexp(
            dim=-1, keepdim=True
        )  # the few logarithms wanted cost less than those of a whole vocabulary
        chosen = raw.gather(1, torch.tensor(part, device=raw.device)[:, None])
        own += (chosen - total).clamp_min(LEAST_LOG).squeeze(1).tolist()
        if top_k:
            best = raw.topk(min(top_k, raw.shape[-1]), dim=-1)
            values = (best.values - total).clamp_min(LEAST_LOG)
            pairs = zip(best.indices.tolist(), values.tolist(), strict=True)
            top += [tuple(zip(places, logs, strict=True)) for places, logs in pairs]
    return TokenScores(tokens=tuple(tokens), logprobs=tuple(own), top=tuple(top) if top_k else None)
