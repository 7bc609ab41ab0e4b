"""What a student is asked to come near to: each objective a pure function of logits, one number a position.

Promise: every function takes the logits of N selected positions and gives back N numbers in nats, none negative but of the
sampled one, in the type of the student's logits (give it float32 or float64: in bfloat16 a divergence near convergence is
smaller than its rounding). No function reduces, masks or shifts: which positions count, and by what they are divided, is
decided in one place (`mimicry_audit.distill.training.loss`). Teachers are constants: no gradient reaches them.

Orientation, the same everywhere: *p* is the teacher, *q* the student. KL(p‖q) = Σ p ln(p/q) (S. Kullback, R. Leibler, 1951).
A token that both exclude (a logit of −∞, as padded vocabularies have) adds nothing and gets no gradient; a token that only the
right-hand side excludes makes the divergence +∞, as it is. Temperature: G. Hinton, O. Vinyals, J. Dean, *Distilling the
Knowledge in a Neural Network*, 2015, section 2: both sides are softened by T and the result is multiplied by T², so that the
gradient keeps its size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def hard(student: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the next token: −ln q(label). With a teacher's text, sequence-level distillation.

    Y. Kim, A. Rush, *Sequence-Level Knowledge Distillation*, 2016, section 3.2 (the teacher's answer stands for its mode).

    Args:
        student: ``(N, V)`` logits.
        labels: ``(N,)`` token ids.
    """
    return functional.cross_entropy(student, labels, reduction="none")


def forward_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """KL(p‖q)·T²: soft labels, covering everything the teacher may produce. Hinton et al. 2015, section 2.

    Args:
        student: ``(N, V)`` logits.
        teacher: ``(N, V)`` logits.
        temperature: T > 0.
    """
    log_p, log_q = _log_probabilities(student, teacher, temperature)
    return _kl_divergence(log_p, log_q) * temperature**2


def reverse_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """KL(q‖p)·T²: the student is kept from what the teacher would not produce.

    Y. Gu et al., *MiniLLM*, 2024, eq. 1, token by token (R. Agarwal et al., *GKD*, 2024, section 3).
    Arguments as `forward_kl`.
    """
    log_p, log_q = _log_probabilities(student, teacher, temperature)
    return _kl_divergence(log_q, log_p) * temperature**2


def jensen_shannon(student: Tensor, teacher: Tensor, beta: float = 0.5, temperature: float = 1.0) -> Tensor:
    """Generalised Jensen–Shannon: β KL(p‖m) + (1−β) KL(q‖m) with m = βp + (1−β)q, times T².

    R. Agarwal et al., *On-Policy Distillation of Language Models* (GKD), 2024, eq. 1. At most the entropy of (β, 1−β). Divided
    by β it tends to KL(p‖q) as β → 0; the limits themselves are `forward_kl` and `reverse_kl`.

    Raises:
        ValueError: β is not strictly between 0 and 1.
    """
    _check_inside(beta, "beta")
    log_p, log_q = _log_probabilities(student, teacher, temperature)
    log_m = _log_mixture(log_p, beta, log_q)
    return (beta * _kl_divergence(log_p, log_m) + (1 - beta) * _kl_divergence(log_q, log_m)) * temperature**2


def skew_kl(student: Tensor, teacher: Tensor, alpha: float = 0.1, temperature: float = 1.0) -> Tensor:
    """KL(p‖αp + (1−α)q)·T²: forward KL whose gradient stays bounded where the student has no mass.

    J. Ko et al., *DistiLLM*, 2024, eq. 3 (after L. Lee, 1999).

    Raises:
        ValueError: α is not strictly between 0 and 1.
    """
    _check_inside(alpha, "alpha")
    log_p, log_q = _log_probabilities(student, teacher, temperature)
    return _kl_divergence(log_p, _log_mixture(log_p, alpha, log_q)) * temperature**2


def skew_reverse_kl(student: Tensor, teacher: Tensor, alpha: float = 0.1, temperature: float = 1.0) -> Tensor:
    """KL(q‖αq + (1−α)p)·T², finite also where the teacher has no mass. J. Ko et al., *DistiLLM*, 2024, section 3.1.

    Raises:
        ValueError: α is not strictly between 0 and 1.
    """
    _check_inside(alpha, "alpha")
    log_p, log_q = _log_probabilities(student, teacher, temperature)
    return _kl_divergence(log_q, _log_mixture(log_q, alpha, log_p)) * temperature**2


def cells(student: Tensor, ids: Tensor, logs: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Student and teacher on K+1 cells, ``(N, K+1)`` log-probabilities: the teacher's K most probable tokens, and all others.

    Every objective but `uld` is an f-divergence of teacher and student, so on merged cells it is a lower bound of itself on the
    whole vocabulary at T = 1 (data-processing inequality; T. Cover, J. Thomas, *Elements of Information Theory*, 2nd ed., 2006,
    section 2.3), and equal to it when K = V. Unlike the top tokens alone the cells show the student how much mass belongs
    elsewhere: without the tail the teacher's estimate is biased (A. Anshumann et al., *Sparse Logit Sampling*, 2025, section
    3).

    Args:
        student: ``(N, V)`` logits.
        ids: ``(N, K)`` token ids, no id twice in a row; −1 fills up a shorter row.
        logs: ``(N, K)`` the teacher's log-probabilities.
        tail: ``(N,)`` natural logarithm of the teacher's mass on all other tokens; −∞ for none, as when K = V.
    """
    is_token = ids >= 0
    normaliser = student.logsumexp(dim=-1, keepdim=True)
    log_q = (student.gather(1, ids.clamp_min(0)) - normaliser).masked_fill(~is_token, -math.inf)
    log_p = logs.to(student.dtype).masked_fill(~is_token, -math.inf)
    tail_p = tail.to(student.dtype)
    least = torch.finfo(student.dtype).eps
    # A cell that holds no token must be empty on both sides; what rounding leaves in it is no mass.
    tail_q = (1.0 - log_q.exp().sum(dim=-1)).clamp_min(least).log().masked_fill(tail_p == -math.inf, -math.inf)
    return torch.cat([log_q, tail_q[:, None]], dim=1), torch.cat([log_p, tail_p[:, None]], dim=1)


def sampled_reverse_kl(student: Tensor, tokens: Tensor, teacher_logs: Tensor) -> Tensor:
    """KL(q‖p) estimated from one token a place that the student itself drew: ln q(x) − ln p(x), x ~ q.

    For teachers that tell the log-probability of a given token and no more. Both the value and the gradient, that of
    ln q(x)·[ln q(x) − ln p(x)] with the bracket held constant (R. Williams, *Simple Statistical Gradient-Following Algorithms*,
    1992), are unbiased for x drawn from q at temperature 1. The value's variance at a place is Σ q (ln q/p)² − KL(q‖p)²; a
    single place may be negative.

    Args:
        student: ``(N, V)`` logits.
        tokens: ``(N,)`` the tokens drawn.
        teacher_logs: ``(N,)`` the teacher's log-probabilities of them.
    """
    own = -functional.cross_entropy(student, tokens, reduction="none")
    advantage = own.detach() - teacher_logs.to(student.dtype)
    return advantage + advantage * (own - own.detach())


def uld(student: Tensor, teacher: Tensor) -> Tensor:
    """Σᵢ |p₍ᵢ₎ − q₍ᵢ₎| over both distributions sorted from large to small: for models of different tokenizers.

    N. Boizard et al., *Towards Cross-Tokenizer Distillation: the Universal Logit Distillation Loss*, 2024, eq. 6; the smaller
    vocabulary is filled up with zeros. In [0, 2]. It compares how sure the two are, never of what: zero for any permutation of
    the teacher. So it is not an objective by itself and is only ever added to `hard`.

    Args:
        student: ``(N, V)`` logits.
        teacher: ``(N, W)`` logits at the places where the same text stands before them.
    """
    q = student.softmax(dim=-1).sort(dim=-1, descending=True).values
    p = teacher.detach().to(student.dtype).softmax(dim=-1).sort(dim=-1, descending=True).values
    wide = max(p.shape[-1], q.shape[-1])
    p, q = (functional.pad(side, (0, wide - side.shape[-1])) for side in (p, q))
    return (p - q).abs().sum(dim=-1)


def soft(name: str, student: Tensor, teacher: Tensor, *, temperature: float, beta: float, alpha: float) -> Tensor:
    """The objective of a name on two sets of logits, ``(N,)``.

    Raises:
        ValueError: no such objective.
    """
    if name == "forward-kl":
        return forward_kl(student, teacher, temperature)
    if name == "reverse-kl":
        return reverse_kl(student, teacher, temperature)
    if name == "jsd":
        return jensen_shannon(student, teacher, beta, temperature)
    if name == "skew-kl":
        return skew_kl(student, teacher, alpha, temperature)
    if name == "skew-reverse-kl":
        return skew_reverse_kl(student, teacher, alpha, temperature)
    if name == "uld":
        return uld(student, teacher)
    raise ValueError(name)


def _log_probabilities(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of teacher and student at a temperature."""
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}")
    log_p = (teacher.detach().to(student.dtype) / temperature).log_softmax(dim=-1)
    return log_p, (student / temperature).log_softmax(dim=-1)


def _cell_terms(log_a: Tensor, log_b: Tensor) -> Tensor:
    """Give a ln(a/b) of each cell; a cell without mass in a is 0, with a gradient of 0, whatever b is."""
    has_mass = log_a > -math.inf
    # What a masked cell would have computed must not reach the gradient: 0 · ∞ is NaN.
    safe_a, safe_b = torch.where(has_mass, log_a, 0.0), torch.where(has_mass, log_b, 0.0)
    return torch.where(has_mass, safe_a.exp() * (safe_a - safe_b), 0.0)


def _kl_divergence(log_a: Tensor, log_b: Tensor) -> Tensor:
    """Σ a ln(a/b) over the last dimension."""
    return _cell_terms(log_a, log_b).sum(dim=-1)


def _log_mixture(log_a: Tensor, share: float, log_b: Tensor) -> Tensor:
    """ln(share·a + (1−share)·b) of each cell."""
    none = (log_a == -math.inf) & (log_b == -math.inf)
    safe_a, safe_b = torch.where(none, 0.0, log_a), torch.where(none, 0.0, log_b)
    mixed = torch.logaddexp(safe_a + math.log(share), safe_b + math.log1p(-share))
    return torch.where(none, -math.inf, mixed)


def _check_inside(value: float, name: str) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} {value} is not between 0 and 1")
