"""The objectives: against independent references in float64, and by their properties."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax
from scipy.stats import wasserstein_distance
from torch import Tensor
from torch.nn import functional

from mimicry_audit.distill.training import objectives as o
from tests.support.published import generalized_jsd_loss

Soft = Callable[[Tensor, Tensor], Tensor]
SOFT: dict[str, Soft] = {
    "forward-kl": o.forward_kl,
    "reverse-kl": o.reverse_kl,
    "jsd .3": lambda s, t: o.jensen_shannon(s, t, 0.3),
    "skew-kl": lambda s, t: o.skew_kl(s, t, 0.2),
    "skew-reverse-kl": lambda s, t: o.skew_reverse_kl(s, t, 0.2),
    "uld": o.uld,
}
NAMES = sorted(SOFT)
CELLS = ("forward-kl", "reverse-kl", "jsd", "skew-kl", "skew-reverse-kl")
STRICT = [name for name in NAMES if name != "uld"]
seeds = st.integers(0, 2**31)
quick = settings(max_examples=25, deadline=None)


def logits(seed: int, rows: int = 4, words: int = 9, spread: float = 3.0) -> Tensor:
    return torch.randn(rows, words, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * spread


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.asarray(rel_entr(p, q).sum(axis=-1))


def references(s: Tensor, t: Tensor) -> dict[str, np.ndarray]:
    """The same numbers from scipy."""
    q, p = softmax(s.numpy(), axis=-1), softmax(t.numpy(), axis=-1)
    m = 0.3 * p + 0.7 * q
    sorted_p, sorted_q = -np.sort(-p, axis=-1), -np.sort(-q, axis=-1)
    return {
        "forward-kl": kl(p, q),
        "reverse-kl": kl(q, p),
        "jsd .3": 0.3 * kl(p, m) + 0.7 * kl(q, m),
        "skew-kl": kl(p, 0.2 * p + 0.8 * q),
        "skew-reverse-kl": kl(q, 0.2 * q + 0.8 * p),
        "uld": np.abs(sorted_p - sorted_q).sum(axis=-1),
    }


@quick
@given(seeds)
def test_each_is_what_scipy_says(seed: int) -> None:
    s, t = logits(seed), logits(seed + 1)
    expected = references(s, t)
    for name in NAMES:
        np.testing.assert_allclose(SOFT[name](s, t), expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(o.hard(s, torch.arange(4)), -s.log_softmax(-1).diagonal(), rtol=1e-12)


@quick
@given(seeds)
def test_zero_at_equality_whatever_is_added_to_a_row_and_positive_elsewhere(seed: int) -> None:
    s, t = logits(seed), logits(seed + 1)
    for name in NAMES:
        same = SOFT[name](s, s + torch.randn(4, 1, dtype=torch.float64))  # softmax does not see a shift of its row
        assert same.abs().max() < 1e-10, name
        assert (SOFT[name](s, t) > 0).all(), name
        assert (SOFT[name](s, t) >= -1e-12).all(), name


@quick
@given(seeds)
def test_renaming_the_tokens_changes_nothing_and_renaming_one_side_does_but_for_uld(seed: int) -> None:
    s, t = logits(seed), logits(seed + 1)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    for name in NAMES:
        torch.testing.assert_close(SOFT[name](s[:, order], t[:, order]), SOFT[name](s, t), msg=name)
    shuffled = o.uld(s, s.roll(1, dims=1))
    assert shuffled.abs().max() < 1e-12  # blind to what is meant: why uld never goes alone
    for name in STRICT:
        assert (SOFT[name](s, s.roll(1, dims=1)) > 1e-6).all(), name


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences_and_none_reaches_the_teacher(name: str) -> None:
    s, t = logits(3).requires_grad_(), logits(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: SOFT[name](x, t.detach()), (s,))
    SOFT[name](s, t).sum().backward()
    assert s.grad is not None
    assert t.grad is None


@pytest.mark.parametrize("name", STRICT)
def test_the_gradient_is_zero_at_equality_and_points_toward_the_teacher(name: str) -> None:
    t = logits(5)
    s = t.clone().requires_grad_()
    SOFT[name](s, t).sum().backward()
    assert s.grad is not None
    assert s.grad.abs().max() < 1e-10
    s = logits(6).requires_grad_()
    before = SOFT[name](s, t).sum()
    before.backward()
    assert s.grad is not None
    assert SOFT[name](s.detach() - 1e-3 * s.grad, t).sum() < before


@quick
@given(seeds, st.integers(1, 7))
def test_tokens_that_both_exclude_count_for_nothing_and_stay_still(seed: int, padded: int) -> None:
    s, t = logits(seed), logits(seed + 1)
    wide_s, wide_t = (functional.pad(x, (0, padded), value=-math.inf) for x in (s, t))
    wide_s.requires_grad_()
    for name in NAMES:
        wide_s.grad = None
        found = SOFT[name](wide_s, wide_t)
        torch.testing.assert_close(found.detach(), SOFT[name](s, t), msg=name)
        found.sum().backward()
        assert wide_s.grad is not None
        assert torch.isfinite(wide_s.grad).all(), name
        assert (wide_s.grad[:, 9:] == 0).all(), name


def test_a_token_that_only_one_side_excludes() -> None:
    s, t = logits(1), logits(2)
    s[:, 0] = -math.inf
    s.requires_grad_()
    assert (o.forward_kl(s, t) == math.inf).all()  # as it is, not as one would like it
    for name in ("reverse-kl", "jsd .3", "skew-kl", "skew-reverse-kl", "uld"):
        s.grad = None
        found = SOFT[name](s, t)
        found.sum().backward()
        assert torch.isfinite(found).all(), name
        assert s.grad is not None
        assert torch.isfinite(s.grad).all(), name


@quick
@given(seeds, st.floats(0.5, 4.0))
def test_temperature_softens_both_and_keeps_the_size_of_the_gradient(seed: int, temperature: float) -> None:
    s, t = logits(seed), logits(seed + 1)
    for name, function in (("forward-kl", o.forward_kl), ("reverse-kl", o.reverse_kl)):
        expected = SOFT[name](s / temperature, t / temperature) * temperature**2
        torch.testing.assert_close(function(s, t, temperature), expected)
    # Hinton et al. 2015, eq. 4: at high temperature the gradient tends to (centred s − centred t)/V, whatever T is.
    x = s.clone().requires_grad_()
    o.forward_kl(x, t, 500.0).sum().backward()
    centred = [y - y.mean(dim=-1, keepdim=True) for y in (s, t)]
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (centred[0] - centred[1]) / 9, rtol=0.1, atol=5e-3)


def test_the_generalised_jensen_shannon_tends_to_the_two_divergences_and_is_bounded() -> None:
    s, t = logits(8), logits(9)
    torch.testing.assert_close(o.jensen_shannon(s, t, 1e-6) / 1e-6, o.forward_kl(s, t), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(o.jensen_shannon(s, t, 1 - 1e-6) / 1e-6, o.reverse_kl(s, t), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(o.jensen_shannon(s, t, 0.3), o.jensen_shannon(t, s, 0.7))
    far = torch.tensor([[60.0, 0.0]], dtype=torch.float64)
    assert float(o.jensen_shannon(far, far.flip(1), 0.5)) == pytest.approx(math.log(2))


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parity_with_the_loss_that_trl_publishes(beta: float, temperature: float, dtype: torch.dtype) -> None:
    """The value at every token, and the gradient of the mean over those that count."""
    s, t = logits(11, 32, 50).to(dtype).requires_grad_(), logits(12, 32, 50).to(dtype)
    theirs = generalized_jsd_loss()
    ours = {0.0: o.forward_kl, 1.0: o.reverse_kl}.get(beta, lambda a, b, at: o.jensen_shannon(a, b, beta, at))
    mine = ours(s, t, temperature) / temperature**2  # they leave gradients to shrink with the temperature
    torch.testing.assert_close(mine, theirs(s, t, None, beta, temperature, reduction="none").sum(-1))
    labels = torch.where(torch.arange(32) % 3 == 0, -100, 1)
    (own,) = torch.autograd.grad(mine[labels != -100].mean(), s)
    (published,) = torch.autograd.grad(theirs(s, t, labels, beta, temperature), s)
    torch.testing.assert_close(own, published)


def top_k(t: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    logs = t.log_softmax(-1)
    best = logs.topk(k, dim=-1)
    rest = logs.scatter(1, best.indices, -math.inf).logsumexp(-1)
    return best.indices, best.values, rest


def on_cells(name: str, s: Tensor, t: Tensor, k: int) -> Tensor:
    return o.soft(name, *o.cells(s, *top_k(t, k)), temperature=1.0, beta=0.3, alpha=0.2)


@quick
@given(seeds, st.sampled_from(CELLS))
def test_top_k_with_its_tail_bounds_every_divergence_from_below_and_meets_it_at_the_whole_vocabulary(
    seed: int, name: str
) -> None:
    s, t = logits(seed), logits(seed + 1)
    bounds = [on_cells(name, s, t, k) for k in range(1, 10)]
    for less, more in itertools.pairwise(bounds):
        assert (more >= less - 1e-9).all()
    torch.testing.assert_close(bounds[-1], o.soft(name, s, t, temperature=1.0, beta=0.3, alpha=0.2))
    assert on_cells(name, t, t, 3).abs().max() < 1e-9


def test_merged_cells_by_hand() -> None:
    s, t = logits(7), logits(8)
    for row in range(4):
        p, q = softmax(t[row].numpy()), softmax(s[row].numpy())
        best = np.argsort(-p)[:3]
        p_cells, q_cells = (np.append(x[best], 1 - x[best].sum()) for x in (p, q))
        assert float(on_cells("forward-kl", s, t, 3)[row]) == pytest.approx(float(kl(p_cells, q_cells)), rel=1e-9)
        assert float(on_cells("reverse-kl", s, t, 3)[row]) == pytest.approx(float(kl(q_cells, p_cells)), rel=1e-9)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_on_cells_and_rows_of_different_length(name: str) -> None:
    s, t = logits(20).requires_grad_(), logits(21)
    ids, logs, tail = top_k(t, 3)

    def loss(x: Tensor, ids: Tensor, logs: Tensor) -> Tensor:
        return o.soft(name, *o.cells(x, ids, logs, tail), temperature=1.0, beta=0.3, alpha=0.2)

    assert torch.autograd.gradcheck(lambda x: loss(x, ids, logs), (s,))
    filled = functional.pad(ids, (0, 2), value=-1), functional.pad(logs, (0, 2), value=-math.inf)
    torch.testing.assert_close(loss(s, *filled), loss(s, ids, logs))
    loss(s, *filled).sum().backward()
    assert s.grad is not None
    assert torch.isfinite(s.grad).all()


def test_the_sampled_reverse_divergence_is_unbiased_in_value_and_gradient_with_the_variance_that_it_states() -> None:
    """Over every token that the student may draw, weighted by how probable it is."""
    t = logits(31, 1)
    s = logits(30, 1).requires_grad_()
    exact = o.reverse_kl(s, t)
    (gradient,) = torch.autograd.grad(exact.sum(), s)
    tokens = torch.arange(s.shape[1])
    q = s.detach().softmax(-1)[0]
    log_p = t.log_softmax(-1)[0]
    each = o.sampled_reverse_kl(s.expand(len(tokens), -1), tokens, log_p)
    torch.testing.assert_close((q * each.detach()).sum(), exact.detach()[0])
    (estimate,) = torch.autograd.grad((q * each).sum(), s)
    torch.testing.assert_close(estimate, gradient)
    stated = (q * (q.log() - log_p) ** 2).sum() - exact.detach()[0] ** 2
    torch.testing.assert_close((q * (each.detach() - exact.detach()) ** 2).sum(), stated)


def test_uld_is_the_transport_cost_between_sorted_probabilities_of_unequal_vocabularies() -> None:
    s, t = logits(30, 3, 5), logits(31, 3, 8)
    found = o.uld(s, t)
    for row in range(3):
        q, p = np.pad(softmax(s[row].numpy()), (0, 3)), softmax(t[row].numpy())
        # With unit mass on each probability value, optimal transport in one dimension pairs sorted values.
        assert float(found[row]) == pytest.approx(wasserstein_distance(p, q) * 8)
    assert (found <= 2).all()


def test_float32_near_convergence_stays_true_where_bfloat16_would_not() -> None:
    t = logits(40, 64, 300, 2.0)
    s = t + 0.01 * logits(41, 64, 300, 1.0)
    exact = o.jensen_shannon(s, t, 0.5)
    single = o.jensen_shannon(s.float(), t.float(), 0.5)
    torch.testing.assert_close(single.double(), exact, rtol=0.05, atol=1e-7)
    assert (single > -1e-6).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, math.nan])
def test_mixtures_have_two_sides(value: float) -> None:
    s = logits(1)
    for call in (o.jensen_shannon, o.skew_kl, o.skew_reverse_kl):
        with pytest.raises(ValueError, match="between 0 and 1"):
            call(s, s, value)
    with pytest.raises(ValueError, match="temperature"):
        o.forward_kl(s, s, 0.0)


def test_the_names_lead_to_the_functions() -> None:
    s, t = logits(1), logits(2)
    for name, function in (
        ("forward-kl", o.forward_kl),
        ("reverse-kl", o.reverse_kl),
        ("jsd", o.jensen_shannon),
        ("skew-kl", o.skew_kl),
        ("skew-reverse-kl", o.skew_reverse_kl),
        ("uld", o.uld),
    ):
        assert torch.equal(o.soft(name, s, t, temperature=1.0, beta=0.5, alpha=0.1), function(s, t))
    with pytest.raises(ValueError, match="nonsense"):
        o.soft("nonsense", s, t, temperature=1.0, beta=0.5, alpha=0.1)
