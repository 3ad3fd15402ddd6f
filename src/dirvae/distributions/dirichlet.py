"""Dirichlet distributions in log space: normalised log-gammas, exact for every concentration."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import constraints

from dirvae.distributions._gamma_functions import (
    digamma,
    lgamma,
    lgamma_and_digamma,
    trigamma,
)
from dirvae.distributions._kl import register_kl
from dirvae.distributions._log_gamma_gradient import attach_gradient
from dirvae.distributions._log_gamma_sampler import sample_log_gamma
from dirvae.distributions._vectors import positive_vector, rows_for_all
from dirvae.distributions.base import Reparameterized
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.precision import full_precision, to_float64, validate_if_eager

__all__ = ["Dirichlet", "LogDirichlet"]


class _LogNormalize(torch.autograd.Function):
    """log_softmax that keeps log z and 1 - z to full relative precision as z goes to 1."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor) -> Tensor:
        largest, position = y.max(-1, keepdim=True)
        rest = y.scatter(-1, position, -torch.inf).logsumexp(-1, keepdim=True)
        return (y - largest) - F.softplus(rest - largest)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        log_z: Tensor = ctx.saved_tensors[0]
        others = grad.sum(-1, keepdim=True) - grad
        return -grad * torch.expm1(log_z) - log_z.exp() * others


class _LogNormalizer(torch.autograd.Function):
    """n(a) = sum_k log Gamma(a_k) - log Gamma(A), and its gradient E[log z].

    As one function since autograd, on its own, would evaluate every digamma twice.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor) -> tuple[Tensor, Tensor]:
        total = a.sum(-1, keepdim=True)
        parts, mean_parts = lgamma_and_digamma(a)
        whole, mean_whole = lgamma_and_digamma(total)
        return parts.sum(-1) - whole.squeeze(-1), mean_parts - mean_whole

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.set_materialize_grads(False)  # a density has no use for E[log z], nor its derivative
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, grad_mean: Tensor | None) -> Tensor | None:
        a, mean_log = ctx.saved_tensors
        slope = None if grad is None else grad.unsqueeze(-1) * mean_log
        if grad_mean is None:
            return slope
        total = a.sum(-1, keepdim=True)
        curvature: Tensor = grad_mean * trigamma(a)
        curvature = curvature - grad_mean.sum(-1, keepdim=True) * trigamma(total)
        return curvature if slope is None else slope + curvature


class _Divergence(torch.autograd.Function):
    """KL(Dir(a) || Dir(b)) and its gradients in closed form, computed in float64.

    The gradient in a is (a - b) trigamma(a) - (A - B) trigamma(A): the digammas in the gradients
    of the single terms cancel.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        dtype = torch.promote_types(a.dtype, b.dtype)
        a, b = to_float64(a), to_float64(b)
        total, other = a.sum(-1), b.sum(-1)
        parts, means = lgamma_and_digamma(a)
        whole, mean_whole = lgamma_and_digamma(total)
        of_b = lgamma(b).sum(-1) - lgamma(other)
        parts = (a - b).mul_(means).sub_(parts).sum(-1)
        whole = (total - other) * mean_whole - whole
        return (parts - whole + of_b).to(dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        given, against = ctx.saved_tensors
        a, b = to_float64(given), to_float64(against)
        grad = to_float64(grad).unsqueeze(-1)  # a slope may be too large for float32, its share not
        total, other = a.sum(-1, keepdim=True), b.sum(-1, keepdim=True)
        of_a = of_b = None
        if ctx.needs_input_grad[0]:
            slope = torch.addcmul((other - total) * trigamma(total), a - b, trigamma(a))
            of_a = (slope * grad).sum_to_size(given.shape).to(given.dtype)
        if ctx.needs_input_grad[1]:
            slope = (digamma(b) - digamma(other)) - (digamma(a) - digamma(total))
            of_b = (slope * grad).sum_to_size(against.shape).to(against.dtype)
        return of_a, of_b


def _normalizer_and_mean_log(concentration: Tensor) -> tuple[Tensor, Tensor]:
    """In float64, since the terms grow like A log A and cancel those of the density."""
    log_normalizer, mean_log = _LogNormalizer.apply(to_float64(concentration))
    return log_normalizer, mean_log


def log_gammas_up_to_total(
    a: Tensor, generator: torch.Generator | None, totals: int, dim: int = -1
) -> Tensor:
    """Draw log X, X ~ Gamma(a), of which only the ratios along ``dim`` are used.

    Their total is independent of the ratios: the gradient is averaged over ``totals`` of them.
    """
    if totals < 1:
        raise ValueError(f"totals is {totals}, must be at least 1")
    log_x = sample_log_gamma(a, generator)
    if totals == 1:
        return attach_gradient(a, log_x)
    own = log_x.logsumexp(dim, keepdim=True)
    total = a.detach().sum(dim, keepdim=True).expand(totals - 1, *own.shape)
    others = sample_log_gamma(total, generator) - own
    return attach_gradient(a, log_x, torch.cat((torch.zeros_like(own)[None], others)))


class _DirichletParameters(Reparameterized):
    """The concentration that both distributions share, and what follows from it alone."""

    arg_constraints = {"concentration": positive_vector}

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError(
                "concentration must have at least one dimension, (..., K); it is a scalar"
            )
        self.concentration: Tensor = full_precision(concentration)
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_if_eager(validate_args))

    def _rsample_log_gamma(
        self, sample_shape: Any, generator: torch.Generator | None, totals: int
    ) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        return log_gammas_up_to_total(self.concentration.expand(shape), generator, totals)

    def _log_normalizer(self) -> Tensor:
        return _normalizer_and_mean_log(self.concentration)[0]


class LogDirichlet(_DirichletParameters):
    r"""The distribution of log z for z ~ Dirichlet(concentration).

    An event is the vector y = log z of K log proportions. The density is with respect to Lebesgue
    measure on the first K - 1 of them. With A = sum_k a_k,
    log p(y) = log Gamma(A) - sum_k log Gamma(a_k) + sum_k a_k y_k - y_K.

    Args:
        concentration: a > 0, (..., K); half precision is raised to float32.
        validate_args: as in `torch.distributions`.

    Raises:
        ValueError: when `concentration` is a scalar or not positive.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.

    Example:
        >>> import torch
        >>> y = LogDirichlet(torch.full((3, 50), 0.01)).sample()
        >>> bool(y.isfinite().all()), y.shape
        (True, torch.Size([3, 50]))
    """

    support = log_simplex

    @property
    def mean(self) -> Tensor:
        a = to_float64(self.concentration)  # of two numbers that are near each other
        mean = torch.digamma(a) - torch.digamma(a.sum(-1, keepdim=True))
        return mean.to(self.concentration.dtype)

    @property
    def variance(self) -> Tensor:
        a = to_float64(self.concentration)
        variance = torch.polygamma(1, a) - torch.polygamma(1, a.sum(-1, keepdim=True))
        return variance.to(self.concentration.dtype)

    @property
    def mode(self) -> Tensor:
        """Log of b / sum(b), where b is a with its last entry reduced by 1.

        The last component is -inf if a_K is at most 1.
        """
        a = self.concentration
        excess = torch.cat((a[..., :-1], (a[..., -1:] - 1).clamp(min=0)), -1)
        return excess.log() - excess.sum(-1, keepdim=True).log()

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
        totals: int = 1,
    ) -> Tensor:
        """Draw log z; the arguments are those of `Dirichlet.rsample`."""
        return _LogNormalize.apply(self._rsample_log_gamma(sample_shape, generator, totals))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        a, rows = to_float64(self.concentration), rows_for_all(value, self)
        kernel = (a * value).sum(-1) if rows is None else to_float64(rows) @ a.t()
        kernel = kernel - value[..., -1]
        log_prob = kernel - self._log_normalizer()
        return log_prob.to(torch.promote_types(value.dtype, self.concentration.dtype))

    def entropy(self) -> Tensor:
        a = to_float64(self.concentration)
        log_normalizer, mean = _normalizer_and_mean_log(a)
        entropy = log_normalizer + mean[..., -1] - (a * mean).sum(-1)
        return entropy.to(self.concentration.dtype)


class Dirichlet(_DirichletParameters):
    r"""Dirichlet(concentration), drawn in log space.

    log p(z) = log Gamma(A) - sum_k log Gamma(a_k) + sum_k (a_k - 1) log z_k, A = sum_k a_k.

    A draw is exp of a `LogDirichlet` draw. Proportions that are too small for the float type become
    0. To compute the density of a draw, use `log()`: the density of log z stays finite.

    Args:
        concentration: a > 0, (..., K); half precision is raised to float32.
        validate_args: as in `torch.distributions`.

    Raises:
        ValueError: when `concentration` is a scalar or not positive.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.

    Example:
        >>> import torch
        >>> q = Dirichlet(torch.tensor([1.0, 1.0, 2.0]))
        >>> q.mean
        tensor([0.2500, 0.2500, 0.5000])
        >>> q.log().rsample((7,)).shape
        torch.Size([7, 3])
    """

    support = constraints.simplex

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        a = to_float64(self.concentration)  # where one component has nearly all, 1 - mean is small
        total = a.sum(-1, keepdim=True)
        variance = (a / total) * ((total - a) / total) / (total + 1)
        return variance.to(self.concentration.dtype)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / (A - K), after entries of a below 1 are raised to 1; A is their sum.

        If no entry is above 1, the mode is the vertex of the largest entry.
        """
        excess = (self.concentration - 1).clamp(min=0)
        total = excess.sum(-1, keepdim=True)
        vertex = torch.zeros_like(excess).scatter(
            -1, self.concentration.argmax(-1, keepdim=True), 1.0
        )
        return torch.where(total > 0, excess / torch.where(total > 0, total, 1.0), vertex)

    def log(self) -> LogDirichlet:
        """Return the distribution of log z, whose densities and importance weights stay finite."""
        return LogDirichlet(self.concentration, validate_args=self._validate_args)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
        totals: int = 1,
    ) -> Tensor:
        """Draw z = X / T from independent gammas X with total T; the gradient is unbiased.

        The gradient is pathwise. T is independent of z, so the gradient may be averaged over
        several draws of T for one z. As their number ``totals`` grows, this average becomes the
        Beta-marginal gradient, which has the least variance. Compare its variance with that of the
        gradient with one total. At K = 50 it is 2 % less if a = 1, and a third less if a = .01. At
        K = 2 it is half.

        Args:
            sample_shape: Shape of the draw, before batch and event.
            generator: Source of randomness; the global one if None.
            totals: Number of totals to average the gradient over. The cost is proportional to it.

        Returns:
            Draws, sample_shape + batch_shape + (K,).

        References:
            Jankowiak, Obermeyer, "Pathwise derivatives beyond the reparameterization trick",
            ICML 2018, section 5.2, for the Beta-marginal gradient.
        """
        return self._rsample_log_gamma(sample_shape, generator, totals).softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        kernel = torch.xlogy(to_float64(self.concentration) - 1, value).sum(-1)
        log_prob = kernel - self._log_normalizer()
        return log_prob.to(torch.promote_types(value.dtype, self.concentration.dtype))

    def entropy(self) -> Tensor:
        a = self.concentration
        from_uniform: Tensor = _Divergence.apply(a, a.new_ones(a.shape[-1]))
        return -math.lgamma(a.shape[-1]) - from_uniform  # the uniform density is Gamma(K)


def _kl_dirichlet(p: Any, q: Any) -> Tensor:
    """KL(Dir(a) || Dir(b)); the same for their logarithms, a bijection of both."""
    kl: Tensor = _Divergence.apply(p.concentration, q.concentration)
    return kl


for _pair in (
    (LogDirichlet, LogDirichlet),
    (Dirichlet, Dirichlet),
    (Dirichlet, TorchDirichlet),
    (TorchDirichlet, Dirichlet),
):
    register_kl(*_pair)(_kl_dirichlet)
