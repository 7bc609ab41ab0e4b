"""Do two models draw their answers from one distribution? A two-sample test on sampled answers.

The statistic is the maximum mean discrepancy under a Hamming kernel on the answers' first characters, with a permutation of the
answers within each prompt (Gao, Liang & Guestrin 2024, "Model Equality Testing", arXiv 2410.20247, section 3; the unbiased
estimate is equation 3 of Gretton et al. 2012, "A Kernel Two-Sample Test").

Promise: prompts are never mixed; under equal distributions the p-value is exact, whatever the prompts and answers are. A large
p-value shows only that so many samples could not tell the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mimicry_audit.similarity.axes.base import FloatArray

CHARACTERS = 1000
"""Of an answer, so many are compared, as in the paper."""
PERMUTATIONS = 999
_AT_ONCE = 100
"""Relabellings held at a time, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class Equality:
    """A two-sample test.

    Attributes:
        mmd: squared maximum mean discrepancy, mean over the prompts; 0 is expected of one distribution.
        p: one-sided, by permutation.
        prompts: how many were compared.
        samples: of each model, for each prompt.
    """

    mmd: float
    p: float
    prompts: int
    samples: int


def equality_test(
    first: Sequence[Sequence[str]], second: Sequence[Sequence[str]], *, permutations: int = PERMUTATIONS, seed: int = 0
) -> Equality | None:
    """Test whether two models' sampled answers come from one distribution.

    Args:
        first: for each prompt, one model's sampled answers.
        second: the other model's, prompts in the same order.
        permutations: random relabellings of the answers.
        seed: of the relabellings.

    Returns:
        None where no prompt has two answers of each.
    """
    samples = min((min(len(one), len(other)) for one, other in zip(first, second, strict=True)), default=0)
    if samples < 2:
        return None
    kernels = np.stack([_kernel([*one[:samples], *other[:samples]]) for one, other in zip(first, second, strict=True)])
    groups = np.repeat([1.0, -1.0], samples)
    observed = _discrepancy(kernels, np.broadcast_to(groups, (1, len(kernels), 2 * samples)))[0]
    rng = np.random.default_rng(seed)
    beyond = 0
    for begun in range(0, permutations, _AT_ONCE):
        shape = (min(_AT_ONCE, permutations - begun), len(kernels), 2 * samples)
        relabelled = rng.permuted(np.broadcast_to(groups, shape), axis=-1)
        beyond += int((_discrepancy(kernels, relabelled) >= observed - 1e-12).sum())
    return Equality(float(observed), (1 + beyond) / (1 + permutations), len(kernels), samples)


def _kernel(texts: Sequence[str]) -> FloatArray:
    """``(S, S)`` shares of the characters that two texts have at the same place, the shorter one padded; no diagonal."""
    width = max(1, min(CHARACTERS, max(map(len, texts))))
    codes = np.full((len(texts), width), -1, dtype=np.int64)
    for row, text in enumerate(texts):
        codes[row, : min(len(text), width)] = [ord(character) for character in text[:width]]
    same: FloatArray = np.asarray((codes[:, None] == codes[None]).mean(axis=-1))
    np.fill_diagonal(same, 0.0)
    return same


def _discrepancy(kernels: FloatArray, groups: FloatArray) -> FloatArray:
    """Unbiased squared discrepancy for each labelling, mean over the prompts.

    Args:
        kernels: ``(P, 2S, 2S)`` without diagonals.
        groups: ``(B, P, 2S)``: 1 for answers of the first model, -1 for those of the second.
    """
    size = kernels.shape[-1] // 2
    within, across = 1 / (size * (size - 1)), 1 / size**2
    product = np.einsum("bpi,pij,bpj->bp", groups, kernels, groups, optimize=True)
    total = kernels.sum(axis=(1, 2))
    values: FloatArray = (total * (within - across) / 2 + product * (within + across) / 2).mean(axis=1)
    return values
