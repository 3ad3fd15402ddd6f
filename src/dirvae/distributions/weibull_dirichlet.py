"""Normalised independent Weibulls: a distribution on the simplex."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from dirvae.distributions._quadrature import trapezoid_nodes
from dirvae.distributions._vectors import positive_vector
from dirvae.distributions.base import OfProportions, OnSimplex
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.precision import to_float64
from dirvae.distributions.weibull import log_weibull

__all__ = ["LogWeibullDirichlet", "WeibullDirichlet"]


class _Parameters(OfProportions):
    """The scale and concentration vectors that both distributions share."""

    arg_constraints = {"scale": positive_vector, "concentration": positive_vector}
    scale: Tensor
    concentration: Tensor

    def __init__(
        self, scale: Tensor, concentration: Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(scale, concentration, validate_args=validate_args)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw log z, shape ``sample_shape`` + (..., K)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        log_x = log_weibull(self.scale, self.concentration, shape, generator)
        return torch.log_softmax(log_x, -1)


class LogWeibullDirichlet(_Parameters):
    r"""Distribution of log z for z ~ `WeibullDirichlet`, which does not underflow.

    The density is with respect to Lebesgue measure on log z_1 .. log z_{K-1}. With
    :math:`t_k(s) = c_k (\log z_k + s - \log\lambda_k)`, where s stands for the log of the total,

    .. math:: \log q(\log z) = \sum_k \log c_k - \log z_K
              + \log \int \exp\Big(\sum_k t_k(s) - e^{t_k(s)}\Big) \, ds

    The integrand is log-concave and entire in s. The integral is computed by the trapezoid rule
    with 128 nodes, between the two points where the integrand is exp(-40) of its maximum. The
    relative error is below 1e-9 if the c_k that matter differ by a factor of at most 30. If all c_k
    equal c, the integral is :math:`\Gamma(K) c^{-1} e^{c\sum_k d_k} (\sum_k e^{c d_k})^{-K}`, with
    :math:`d_k = \log z_k - \log\lambda_k`.

    Args:
        scale: lambda, positive, shape (..., K), K >= 2.
        concentration: c, positive, broadcast against ``scale``.
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogWeibullDirichlet(torch.ones(4), torch.full((4,), 1e-3))
        >>> y = q.rsample(torch.Size([5]))
        >>> bool(q.log_prob(y).isfinite().all())
        True
    """

    support = log_simplex

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats."""
        value = self._checked(value)
        c, y = to_float64(self.concentration), to_float64(value)
        d, c = torch.broadcast_tensors(y - to_float64(self.scale).log(), c)
        log_prob = c.log().sum(-1) - y[..., -1] + _LogIntegral.apply(d, c)
        return log_prob.to(torch.promote_types(value.dtype, self.concentration.dtype))


class WeibullDirichlet(OnSimplex, _Parameters):
    r"""Normalised independent Weibulls: z = x / sum(x), x_k ~ Weibull(lambda_k, c_k).

    This is the posterior of a model whose latent is proportions and whose encoder gives Weibulls.
    It is not a Dirichlet, with one exception: with all c_k = 1 and equal scales it is uniform. Its
    density is a one-dimensional integral over the total sum(x), which the model divides out.
    `LogWeibullDirichlet` computes the density. The mean has no closed form.

    Args:
        scale: lambda, positive, shape (..., K), K >= 2.
        concentration: c, positive, broadcast against ``scale``.
        validate_args: Whether to check parameters and values.

    References:
        Zhang, Chen, Guo, Zhou, "WHAI", ICLR 2018; Joo, Lee, Park, Moon 2020 (comparison with it).

    Example:
        >>> q = WeibullDirichlet(torch.full((3,), 7.0), torch.ones(3))
        >>> round(float(q.log_prob(torch.tensor([0.2, 0.3, 0.5])).exp()), 4)
        2.0
    """

    support = constraints.simplex

    def log(self) -> LogWeibullDirichlet:
        """Return the distribution of log z."""
        return LogWeibullDirichlet(self.scale, self.concentration, validate_args=False)


class _LogIntegral(torch.autograd.Function):
    """Log of the integral over s of exp(sum_k t_k - exp(t_k)), t_k = c_k (d_k + s)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(d: Tensor, c: Tensor) -> Tensor:
        return _trapezoid(d, c)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        d, c = ctx.saved_tensors
        _, slope_d, slope_c = _trapezoid(d, c, slopes=True)
        return grad.unsqueeze(-1) * slope_d, grad.unsqueeze(-1) * slope_c


def _trapezoid(d: Tensor, c: Tensor, slopes: bool = False) -> tuple[Tensor, ...]:
    """The log integral and, if wanted, its derivatives in d and c; from right to left.

    From one node to the next each exp(t_k) changes by a factor of its own: a node costs products
    and no exponential. What is compiled takes all nodes at once, since its graph would have every
    node's operations, and the compiler makes loops of its own.
    """

    def log_density(s: Tensor) -> Tensor:
        t = c * (d + s.unsqueeze(-1))
        return (t - t.exp()).sum(-1)

    with torch.no_grad():  # the integral does not depend on the nodes
        mode = _mode(d, c)
        nodes, log_step = trapezoid_nodes(log_density, mode, 1 / c.sum(-1))
    ahead, total, step = d + mode.unsqueeze(-1), c.sum(-1), log_step.exp()
    height = (c * ahead).exp().sum(-1)
    if torch.compiler.is_compiling():
        sums = _sums_at_once((c * (d + nodes.unsqueeze(-1))).exp(), nodes - mode, total, height)
    else:
        last, factor = (c * (d + nodes[-1].unsqueeze(-1))).exp(), (-c * step.unsqueeze(-1)).exp()
        sums = _sums(last, factor, nodes - mode, total, height, slopes)
    mass, mean, mean_term, mean_product = sums
    value = (c * ahead).sum(-1) - height + mass.log() + log_step
    if not slopes:
        return (value,)
    mass, mean = mass.unsqueeze(-1), mean.unsqueeze(-1)
    less = 1 - mean_term / mass
    return value, c * less, ahead * less + (mean - mean_product) / mass


def _sums(
    terms: Tensor, factor: Tensor, offsets: Tensor, total: Tensor, height: Tensor, slopes: bool
) -> tuple[Tensor, ...]:
    """Sums over the nodes, node by node, of the weights and of what the slopes are made of."""
    mass, mean = torch.zeros_like(height), torch.zeros_like(height)
    mean_term, mean_product = torch.zeros_like(terms), torch.zeros_like(terms)
    multiply = Tensor.mul if torch.is_grad_enabled() else Tensor.mul_
    for offset in offsets.flip(0):
        weight = (total * offset + height - terms.sum(-1)).exp()
        mass += weight
        if slopes:
            weighted = weight.unsqueeze(-1) * terms
            mean += weight * offset
            mean_term += weighted
            mean_product += multiply(weighted, offset.unsqueeze(-1))
        terms = multiply(terms, factor)
    return mass, mean, mean_term, mean_product


def _sums_at_once(
    terms: Tensor, offsets: Tensor, total: Tensor, height: Tensor
) -> tuple[Tensor, ...]:
    """The same, of the terms of all nodes, shape (N, ..., K)."""
    weight = (total * offsets + height - terms.sum(-1)).exp()
    weighted, offset = weight.unsqueeze(-1) * terms, offsets.unsqueeze(-1)
    sums = (weight, weight * offsets, weighted, weighted * offset)
    return tuple(values.sum(0) for values in sums)


def _mode(d: Tensor, c: Tensor) -> Tensor:
    """The s where sum_k c_k exp(t_k) = sum_k c_k: Newton from its right on a convex function."""
    total = c.sum(-1)
    s = ((total.log().unsqueeze(-1) - c.log()) / c - d).amin(-1)
    for _ in range(8):
        terms = c * (c * (d + s.unsqueeze(-1))).exp()
        level = terms.sum(-1)
        s = s - (level / total).log() * level / (terms * c).sum(-1)
    return s
