"""Training objectives: functions of the `Terms` that a VAE returns, the same for every model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from dirvae.distributions import draw, log_law
from dirvae.distributions._once import once

__all__ = [
    "KLSchedule",
    "Terms",
    "constant",
    "cyclical",
    "doubly_reparameterized_bound",
    "elbo",
    "importance_weighted_bound",
    "labelled_elbo",
    "linear_warmup",
    "log_likelihood",
]

KLSchedule = Callable[[int], float]
"""Function from the number of optimiser steps so far to the weight of the KL."""


class Terms(NamedTuple):
    """What a VAE computes for B examples, with S samples of the latent for each; in nats.

    Attributes:
        log_likelihood: log p(x|z), shape (S, B).
        kl: KL(q(z|x) || p(z)), shape (B,).
        kl_is_exact: Whether ``kl`` is a closed form. If not, it is the mean over the S samples.
        log_ratio: log p(z) - log q(z|x), shape (S, B); None if it was not computed.
        log_q: log q(z|x), shape (S, B), for the score-function gradient of latents that are not
            reparameterised. None for reparameterised latents.
        q: The posterior, batch shape (B,).
        z: The samples, shape (S, B, ...).
        path: The tensor that was drawn: z or log z. Pathwise gradients go through it. None if
            ``log_ratio`` is None.
        log_label: log q(y|x) of each known class y, shape (B,), and 0 for unknown classes. None for
            models without classes.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> terms = gaussian(4, 2).terms(torch.zeros(3, 4), num_samples=5)
        >>> terms.z.shape, terms.kl.shape, terms.kl_is_exact
        (torch.Size([5, 3, 2]), torch.Size([3]), True)
    """

    log_likelihood: Tensor
    kl: Tensor
    kl_is_exact: bool
    log_ratio: Tensor | None
    log_q: Tensor | None
    q: Distribution
    z: Tensor
    path: Tensor | None = None
    log_label: Tensor | None = None


def elbo(terms: Terms, *, kl_weight: float = 1.0, free_bits: float = 0.0) -> Tensor:
    r"""Evidence lower bound of each example, in nats.

    .. math:: \frac1S \sum_s \log p(x|z_s) - w \, \max(\mathrm{KL}(q(z|x) \| p(z)), \lambda)

    If the latent is not reparameterised, the score-function gradient is added; the value does not
    change. The baseline of this gradient is the mean over the other samples or, with one sample,
    over the other examples.

    Args:
        terms: Terms of B examples.
        kl_weight: w >= 0. The result is a lower bound only for w >= 1.
        free_bits: lambda >= 0, in nats. A KL below lambda counts as lambda and has no gradient.
            lambda applies to the total KL, because a Dirichlet's KL is not a sum over components.

    Returns:
        Shape (B,).

    References:
        Kingma & Welling 2014, eq. 3; Kingma et al. 2016, sec. C.8 (free bits for each group);
        Mnih & Rezende 2016, eq. 8 (leave-one-out baseline).

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> elbo(gaussian(4, 2).terms(torch.zeros(3, 4)), kl_weight=0.5).shape
        torch.Size([3])
    """
    kl = terms.kl.clamp(min=free_bits) if free_bits else terms.kl
    bound = terms.log_likelihood.mean(0) - kl_weight * kl
    if terms.log_q is None:
        return bound
    reward = terms.log_likelihood
    if not terms.kl_is_exact and terms.log_ratio is not None:
        counted = kl_weight * (terms.kl > free_bits) if free_bits else kl_weight
        reward = reward + counted * terms.log_ratio
    return bound + _score_function(reward, terms.log_q)


def labelled_elbo(
    terms: Terms,
    *,
    kl_weight: float = 1.0,
    label_weight: float = 1.0,
    bound: Callable[..., Tensor] = elbo,
) -> Tensor:
    r"""Evidence lower bound of each example, plus a weight times log q(y|x) if y is known.

    Without the second term the classifier would learn only from the unlabelled examples.

    Args:
        terms: Terms with ``log_label``, such as those of a `LabelledVAE`.
        kl_weight: As in `elbo`.
        label_weight: Weight of log q(y|x), 0 or more.
        bound: Another bound of terms and ``kl_weight`` in place of the ELBO, such as
            `importance_weighted_bound`.

    Returns:
        Shape (B,).

    Raises:
        ValueError: If ``terms.log_label`` is None.

    References:
        Kingma et al. 2014, eq. 9.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> labelled_elbo(gaussian(4, 2).terms(torch.zeros(3, 4)))
        Traceback (most recent call last):
        ValueError: terms has no log_label: it is no LabelledVAE's
    """
    if terms.log_label is None:
        raise ValueError("terms has no log_label: it is no LabelledVAE's")
    return bound(terms, kl_weight=kl_weight) + label_weight * terms.log_label


def importance_weighted_bound(terms: Terms, *, kl_weight: float = 1.0) -> Tensor:
    r"""Importance-weighted bound of each example, in nats.

    .. math:: \log \frac1S \sum_s p(x|z_s) \left( \frac{p(z_s)}{q(z_s|x)} \right)^w

    With one sample it is the ELBO of that sample. In expectation it never falls as S grows.

    Args:
        terms: Terms with ``log_ratio``, from ``vae.terms(x, num_samples=S, importance=True)``.
        kl_weight: w. The result is a lower bound only for w = 1.

    Returns:
        Shape (B,).

    Raises:
        ValueError: If ``terms.log_ratio`` is None.

    References:
        Burda, Grosse & Salakhutdinov 2016, eq. 8.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> terms = gaussian(4, 2).terms(torch.zeros(3, 4), num_samples=5, importance=True)
        >>> importance_weighted_bound(terms).shape
        torch.Size([3])
    """
    if terms.log_ratio is None:
        raise ValueError("terms has no log_ratio: ask for it by vae.terms(..., importance=True)")
    log_weights = terms.log_likelihood + kl_weight * terms.log_ratio
    bound = log_weights.logsumexp(0) - math.log(len(log_weights))
    if terms.log_q is None:
        return bound
    return bound + ((terms.log_q - terms.log_q.detach()) * bound.detach()).sum(0)


def doubly_reparameterized_bound(terms: Terms, *, kl_weight: float = 1.0) -> Tensor:
    r"""The importance-weighted bound, with a gradient of less variance for the encoder.

    The parameters of q also enter the bound directly, at a fixed z. This part of the gradient is a
    score function. A second reparameterisation replaces it by a pathwise gradient of the same mean.
    With :math:`\bar w_s` = (p(x|z_s) p(z_s)^w / q(z_s|x)^w) and v_s the normalised
    :math:`\bar w_s`:

    .. math:: \nabla_\phi \approx \sum_s ((1 - w) v_s + w v_s^2)
              \frac{\partial \log \bar w_s}{\partial z_s} \frac{\partial z_s}{\partial \phi}

    With one sample this is the pathwise gradient of the ELBO ("sticking the landing"). It vanishes
    as q becomes the true posterior. The gradient goes through the decoder once more than that of
    `importance_weighted_bound`, and a second derivative raises.

    Args:
        terms: Terms with ``log_ratio``, from ``vae.terms(x, num_samples=S, importance=True)``.
        kl_weight: w. The result is a lower bound only for w = 1.

    Returns:
        Shape (B,). The value, and the gradients of decoder and prior, are those of
        `importance_weighted_bound`.

    Raises:
        ValueError: If ``terms.path`` is None, or the latent has no ``rsample``.

    References:
        Tucker, Lawson, Gu & Maddison, "Doubly reparameterized gradient estimators for Monte Carlo
        objectives", ICLR 2019, eq. 8; Roeder, Wu & Duvenaud 2017 for one sample.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> terms = gaussian(4, 2).terms(torch.zeros(3, 4), num_samples=5, importance=True)
        >>> doubly_reparameterized_bound(terms).shape
        torch.Size([3])
    """
    bound = importance_weighted_bound(terms, kl_weight=kl_weight)
    path = terms.path
    if path is None or terms.log_q is not None:
        raise ValueError("terms has no path to reparameterise twice: the latent must have rsample")
    log_weights = terms.log_likelihood + kl_weight * cast(Tensor, terms.log_ratio)
    share = log_weights.detach().softmax(0)
    law = terms.q if path is terms.z else cast(Distribution, log_law(terms.q))
    score = law.log_prob(path.detach())
    surrogate = (share * (log_weights + kl_weight * score)).sum(0)
    if path.requires_grad and torch.is_grad_enabled():
        # Not by a hook on the path, which other objectives of the same terms would meet, too.
        (grad,) = torch.autograd.grad(surrogate.sum(), path, retain_graph=True)
        direction = _beside(kl_weight * (share - 1), grad) * grad
        surrogate = surrogate + _Along.apply(path, direction)  # type: ignore[no-untyped-call]
    return surrogate + (bound - surrogate).detach()


class _Along(torch.autograd.Function):
    """Zeros, shape (B,), whose gradient is a given direction of the path, shape (S, B, ...)."""

    @staticmethod
    def forward(ctx: Any, path: Tensor, direction: Tensor) -> Tensor:
        ctx.save_for_backward(path, direction)
        return direction.new_zeros(direction.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        path, direction = ctx.saved_tensors
        told = once(direction, "the doubly reparameterised bound", path)
        return told * _beside(grad, direction), None


def _beside(weight: Tensor, path: Tensor) -> Tensor:
    """Weights of rows, shape (..., B), so that they multiply (S, B, ...) of the same type."""
    return weight.reshape(*weight.shape, *[1] * (path.dim() - 2)).to(path.dtype)


def _score_function(reward: Tensor, log_q: Tensor) -> Tensor:
    """A term of value zero whose gradient is that of E_q[reward] through q; shape (B,)."""
    dim = 0 if len(reward) > 1 else 1
    count = reward.shape[dim]
    others = (reward.sum(dim, keepdim=True) - reward) / max(count - 1, 1)
    advantage = (reward - others if count > 1 else reward).detach()
    return (advantage * (log_q - log_q.detach())).mean(0)


def log_likelihood(p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Log-likelihood of each example, for the observed values only.

    Args:
        p: Distribution of x, batch shape (..., B).
        x: Shape (B, D...). Values where ``mask`` is False are ignored.
        mask: Shape of x, True where x was observed; None if all values were.

    Returns:
        Shape (..., B), in nats. For counts with a total (multinomial, Dirichlet-multinomial), the
        log probability of the observed counts given the total of the observed counts.

    Raises:
        TypeError: If a mask is given and the distribution has no likelihood of a part of x.

    Example:
        >>> p = Independent(torch.distributions.Bernoulli(torch.full((1, 3), 0.5)), 1)
        >>> log_likelihood(p, torch.ones(1, 3), torch.tensor([[True, False, False]]))
        tensor([-0.6931])
    """
    if mask is None:
        return p.log_prob(x)
    mask = mask.bool()
    if isinstance(p, Independent):
        base, size = p, 0
        while isinstance(base, Independent):
            base, size = base.base_dist, size + base.reinterpreted_batch_ndims
        if base.event_shape:
            raise TypeError(f"mask: {type(base).__name__} gives no likelihood of a part of x")
        filled = torch.where(mask, x, _inside(base, x))
        log_probs = torch.where(mask, base.log_prob(filled), 0.0)
        return log_probs.sum(tuple(range(-size, 0))) if size else log_probs
    if not hasattr(p, "masked_log_prob"):
        raise TypeError(f"mask: {type(p).__name__} gives no likelihood of a part of x")
    partial: Tensor = p.masked_log_prob(x, mask)
    return partial


def _inside(p: Distribution, x: Tensor) -> Tensor:
    """Values in the support of ``p``, so that what is masked out cannot make a NaN gradient."""
    with torch.no_grad():
        fixed = draw(p, torch.Size(), torch.Generator(x.device).manual_seed(0))
    return fixed.to(x.dtype).expand(torch.broadcast_shapes(p.batch_shape, x.shape))


def constant(weight: float = 1.0) -> KLSchedule:
    """The same weight at every step.

    Example:
        >>> constant(0.5)(10)
        0.5
    """
    return lambda step: weight


def linear_warmup(steps: int, final: float = 1.0, start: float = 0.0) -> KLSchedule:
    """Rise linearly from ``start`` at step 0 to exactly ``final`` at ``steps``, then stay there.

    References:
        Bowman et al. 2016, sec. 3.1; Sonderby et al. 2016.

    Example:
        >>> schedule = linear_warmup(4, final=2.0)
        >>> [schedule(step) for step in (0, 1, 4, 100)]
        [0.0, 0.5, 2.0, 2.0]
    """
    _require(steps >= 0, f"steps is {steps}, must be 0 or more")
    return lambda step: final if step >= steps else start + (final - start) * step / steps


def cyclical(period: int, cycles: int, final: float = 1.0) -> KLSchedule:
    """Rise from 0 to ``final`` in the first half of each of ``cycles`` periods.

    A period has ``period`` steps. The weight is ``final`` in the second half of each period, and
    after the last period.

    References:
        Fu et al. 2019, eq. 6-7.

    Example:
        >>> schedule = cyclical(4, cycles=2)
        >>> [schedule(step) for step in range(9)]
        [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 1.0]
    """
    _require(period >= 2, f"period is {period}, must be at least 2 steps")
    half = period / 2
    return lambda step: (
        final if step >= period * cycles else final * min(1.0, (step % period) / half)
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
