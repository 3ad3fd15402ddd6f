"""The multivariate Kumaraswamy of Stirn et al., for one order of its sticks or a random one."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import kl_divergence

from dirvae.distributions._kl import register_kl
from dirvae.distributions._vectors import positive_vector
from dirvae.distributions.base import OfProportions, OnSimplex, require_parts
from dirvae.distributions.dirichlet import Dirichlet
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.stick_breaking import StickBreakingKumaraswamy

__all__ = [
    "LogMVKumaraswamy",
    "LogOrderedKumaraswamy",
    "MVKumaraswamy",
    "OrderedKumaraswamy",
]

_MOST_PARTS = 6


class _Parameters(OfProportions):
    """The concentration of all four distributions."""

    arg_constraints = {"concentration": positive_vector}
    concentration: Tensor


class _Ordered(_Parameters):
    """Both distributions that are given the order."""

    batched = ("concentration", "ordering")

    def __init__(
        self, concentration: Tensor, ordering: Tensor, validate_args: bool | None = None
    ) -> None:
        require_parts(concentration.shape, "concentration")
        concentration, self.ordering = torch.broadcast_tensors(concentration, ordering)
        super().__init__(concentration, validate_args=validate_args)


class _Mixed(_Parameters):
    """Both distributions that mix all orders."""

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        super().__init__(concentration, validate_args=validate_args)


class _Log(_Parameters):
    """Both distributions of log z."""

    support = log_simplex

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw log z, shape ``sample_shape`` + (..., K); gradients are taken at a fixed order."""
        shape = self._extended_shape(torch.Size(sample_shape))
        order = self._orders(shape, generator)
        sticks = _sticks(self.concentration.expand(shape), order)
        return sticks.log().rsample(generator=generator).gather(-1, order.argsort(-1))

    def _orders(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """The order of each draw."""
        return _random_orders(self.concentration, shape, generator)


class LogOrderedKumaraswamy(_Log, _Ordered):
    """Distribution of log z for z ~ `OrderedKumaraswamy`.

    The density is with respect to Lebesgue measure on log z_1 .. log z_{K-1}.

    Args:
        concentration: a > 0, (..., K), K >= 2.
        ordering: Permutations of 0 .. K-1, (..., K).
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogOrderedKumaraswamy(torch.full((3,), 1e-3), torch.tensor([2, 0, 1]))
        >>> bool(q.rsample(torch.Size([5])).isfinite().all())
        True
    """

    @property
    def mean(self) -> Tensor:
        """Mean of each log proportion, shape (..., K)."""
        return self._sticks.log().mean.gather(-1, self.ordering.argsort(-1))

    def entropy(self) -> Tensor:
        """Entropy of log z_1 .. log z_{K-1}, in nats."""
        return self._sticks.entropy() - self.mean[..., :-1].sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats."""
        return _log_prob_given(self.concentration, self.ordering, self._checked(value))

    def _orders(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        super()._orders(shape, generator)  # the noise is taken all the same: seeds stay as they are
        return self.ordering.expand(shape)

    @property
    def _sticks(self) -> StickBreakingKumaraswamy:
        return _sticks(self.concentration, self.ordering)


class OrderedKumaraswamy(OnSimplex, _Ordered):
    r"""Multivariate Kumaraswamy given the order o in which its sticks are broken.

    .. math:: z_{o_i} = v_i \prod_{j<i} (1 - v_j), \quad
              v_i \sim \mathrm{Kumaraswamy}\Big(a_{o_i}, \sum_{j>i} a_{o_j}\Big), \quad v_K = 1

    With Beta sticks of the same parameters this would be Dirichlet(a) for every order. With
    Kumaraswamy sticks the order matters. Density, mean, variance and KL from a Dirichlet are exact.
    So a posterior whose order is drawn at random for each row gives a valid ELBO.

    Args:
        concentration: a > 0, (..., K), K >= 2.
        ordering: Permutations of 0 .. K-1, (..., K).
        validate_args: Whether to check parameters and values.

    References:
        Stirn, Jebara, Knowles, "A new distribution on the simplex with auto-encoding
        applications", NeurIPS 2019, algorithm 1.

    Example:
        >>> q = OrderedKumaraswamy(torch.ones(3), torch.tensor([2, 0, 1]))
        >>> z = q.rsample(torch.Size([2]), torch.Generator().manual_seed(0))
        >>> z.shape, q.log_prob(z).shape
        (torch.Size([2, 3]), torch.Size([2]))
    """

    @property
    def sticks(self) -> StickBreakingKumaraswamy:
        """The distribution of z in the order of the sticks."""
        return _sticks(self.concentration, self.ordering)

    @property
    def mean(self) -> Tensor:
        """Mean, shape (..., K)."""
        return self.sticks.mean.gather(-1, self.ordering.argsort(-1))

    @property
    def variance(self) -> Tensor:
        """Variance of each component, shape (..., K)."""
        return self.sticks.variance.gather(-1, self.ordering.argsort(-1))

    def entropy(self) -> Tensor:
        """Entropy on the simplex, in nats."""
        return self.sticks.entropy()

    def log(self) -> LogOrderedKumaraswamy:
        """Return the distribution of log z."""
        return LogOrderedKumaraswamy(self.concentration, self.ordering, validate_args=False)


class LogMVKumaraswamy(_Log, _Mixed):
    """Distribution of log z for z ~ `MVKumaraswamy`.

    The density is with respect to Lebesgue measure on log z_1 .. log z_{K-1}.

    Args:
        concentration: a > 0, (..., K), K >= 2.
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogMVKumaraswamy(torch.full((3,), 1e-3))
        >>> bool(q.log_prob(q.rsample(torch.Size([5]))).isfinite().all())
        True
    """

    @property
    def mean(self) -> Tensor:
        """Mean over all orders, shape (..., K); for K <= 6."""
        given = MVKumaraswamy(self.concentration, validate_args=False)._given_all()
        return given.log().mean.mean(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats; K <= 6."""
        y = self._checked(value)
        orders = _all_orders(y, max(y.dim(), self.concentration.dim()))
        mixture = _log_prob_given(self.concentration, orders, y).logsumexp(0)
        return mixture - math.lgamma(y.shape[-1] + 1)


class MVKumaraswamy(OnSimplex, _Mixed):
    r"""Multivariate Kumaraswamy: `OrderedKumaraswamy` with a new random order for each draw.

    .. math:: q(z) = \frac{1}{K!} \sum_o q(z \mid o)

    It treats all components alike, unlike stick breaking in one fixed order. It is close to
    Dirichlet(a), and its reparameterised draw is one line of code. The density is the sum above, so
    it is only computed for K <= 6. For more components use `given_ordering`, and average
    KL(q(z | o) || p) over random orders o. As the KL is convex, this gives an ELBO too. This ELBO
    is only a little below the ELBO of the mixture.

    Args:
        concentration: a > 0, (..., K), K >= 2.
        validate_args: Whether to check parameters and values.

    References:
        Stirn, Jebara, Knowles, "A new distribution on the simplex with auto-encoding
        applications", NeurIPS 2019, eq. 5 and algorithm 1.

    Example:
        >>> q = MVKumaraswamy(torch.ones(3))
        >>> [round(share, 4) for share in q.mean.tolist()]
        [0.3333, 0.3333, 0.3333]
    """

    def given_ordering(self, generator: torch.Generator | None = None) -> OrderedKumaraswamy:
        """Draw an order for each member of the batch; return the distribution with these orders."""
        a = self.concentration
        order = _random_orders(a, a.shape, generator)
        return OrderedKumaraswamy(a, order, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Mean over all orders, shape (..., K); for K <= 6."""
        return self._given_all().mean.mean(0)

    @property
    def variance(self) -> Tensor:
        """Variance of each component, shape (..., K); for K <= 6."""
        law = self._given_all()
        return law.variance.mean(0) + (law.mean - law.mean.mean(0)).square().mean(0)

    def _given_all(self) -> OrderedKumaraswamy:
        a = self.concentration
        return OrderedKumaraswamy(a, _all_orders(a, a.dim()), validate_args=False)

    def log(self) -> LogMVKumaraswamy:
        """Return the distribution of log z."""
        return LogMVKumaraswamy(self.concentration, validate_args=False)


def _random_orders(like: Tensor, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
    noise = torch.rand(shape, dtype=torch.float32, device=like.device, generator=generator)
    return noise.argsort(-1)


def _all_orders(like: Tensor, dims: int) -> Tensor:
    """All permutations, (K!, 1, ..., 1, K), before a batch of vectors with ``dims`` dimensions."""
    size = like.shape[-1]
    if size > _MOST_PARTS:
        raise NotImplementedError(
            f"the sum over all orders of K = {size} components is too long, K must be at most "
            f"{_MOST_PARTS}: use given_ordering(), whose density is exact for any K"
        )
    orders = torch.tensor(list(permutations(range(size))), device=like.device)
    return orders.view(-1, *[1] * (dims - 1), size)


def _sticks(a: Tensor, order: Tensor) -> StickBreakingKumaraswamy:
    a, order = torch.broadcast_tensors(a, order)
    a = a.gather(-1, order)
    rest = a.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    return StickBreakingKumaraswamy(a[..., :-1], rest, validate_args=False)


def _log_prob_given(a: Tensor, order: Tensor, y: Tensor) -> Tensor:
    """Log density of y given the order; the last in the order is not among its coordinates."""
    shape = torch.broadcast_shapes(order.shape, y.shape)
    in_order = y.expand(shape).gather(-1, order.expand(shape))
    return _sticks(a, order).log().log_prob(in_order) + in_order[..., -1] - y[..., -1]


def _kl_to_dirichlet(q: OrderedKumaraswamy, p: Any) -> Tensor:
    """A Dirichlet's components may be put in any order."""
    a, order = torch.broadcast_tensors(p.concentration, q.ordering)
    return kl_divergence(q.sticks, Dirichlet(a.gather(-1, order), validate_args=False))


for _law in (Dirichlet, TorchDirichlet):
    register_kl(OrderedKumaraswamy, _law)(_kl_to_dirichlet)
