"""Distributions on the simplex by stick breaking: K - 1 independent breaks."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import constraints, kl_divergence

from dirvae.distributions._kl import register_kl
from dirvae.distributions._vectors import positive_vector
from dirvae.distributions.base import OnSimplex, Reparameterized
from dirvae.distributions.beta import Beta
from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from dirvae.distributions.kumaraswamy import Kumaraswamy, LogKumaraswamy
from dirvae.distributions.log_space import log_odds_of_sticks, log_simplex
from dirvae.distributions.precision import to_float64

__all__ = ["GEM", "LogStickBreaking", "StickBreakingBeta", "StickBreakingKumaraswamy"]


class LogStickBreaking(Reparameterized):
    r"""Distribution of log z, where K - 1 independent sticks v_k make z.

    .. math:: \log z_k = \log v_k + \sum_{j<k} \log(1 - v_j), \quad v_K = 1

    The density is with respect to Lebesgue measure on log z_1 .. log z_{K-1}. It is the product of
    the densities of the :math:`\log v_k`, because the map from log v to log z has Jacobian 1.

    Args:
        log_sticks: Distribution of the pairs (log v, log(1 - v)), batch shape (..., K-1), event
            shape (2,). Its density is the density of log v.
        validate_args: Whether to check values.

    Example:
        >>> q = StickBreakingBeta(torch.ones(3), torch.tensor([3.0, 2.0, 1.0])).log()
        >>> q.rsample(torch.Size([2])).shape
        torch.Size([2, 4])
    """

    arg_constraints = {}
    batched = ("log_sticks",)
    support = log_simplex

    def __init__(
        self, log_sticks: LogDirichlet | LogKumaraswamy, validate_args: bool | None = None
    ) -> None:
        self.log_sticks = log_sticks
        *batch, sticks = log_sticks.batch_shape
        super().__init__(torch.Size(batch), torch.Size([sticks + 1]), validate_args)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw log z, shape ``sample_shape`` + (..., K)."""
        return _break_logs(self.log_sticks.rsample(sample_shape, generator))

    @property
    def mean(self) -> Tensor:
        """Mean E[log v_k] + sum_{j<k} E[log(1 - v_j)], shape (..., K)."""
        return _break_logs(self.log_sticks.mean)

    @property
    def variance(self) -> Tensor:
        """Variance of each component, shape (..., K); only for Beta sticks."""
        return _break_logs(self.log_sticks.variance)

    @property
    def mode(self) -> Tensor:
        """The log z whose sticks are each at the mode of log v_k, shape (..., K)."""
        return _break_logs(self.log_sticks.mode)

    def entropy(self) -> Tensor:
        """The sum of the entropies of log v_k, in nats."""
        return self.log_sticks.entropy().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats."""
        value = self._checked(value)
        odds = log_odds_of_sticks(value)
        pair = torch.stack((odds, -odds), -1)
        return self.log_sticks.log_prob(torch.nn.functional.logsigmoid(pair)).sum(-1)


class _StickBreaking(OnSimplex):
    """What stick breaking is whatever the sticks' law: ``sticks`` has batch shape (..., K-1)."""

    batched = ("sticks", "concentration1", "concentration0")
    sticks: Beta | Kumaraswamy

    def __init__(self, sticks: Beta | Kumaraswamy, validate_args: bool | None) -> None:
        if len(sticks.batch_shape) < 1:
            raise ValueError("concentration1 is a scalar, must have a last dimension of K-1 sticks")
        self.sticks = sticks
        self.concentration1, self.concentration0 = sticks.concentration1, sticks.concentration0
        *batch, count = sticks.batch_shape
        super().__init__(torch.Size(batch), torch.Size([count + 1]), validate_args)

    def log(self) -> LogStickBreaking:
        """Return the distribution of log z."""
        return LogStickBreaking(self.sticks.log(), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Mean E[v_k] prod_{j<k} E[1 - v_j], shape (..., K)."""
        return self._mean().to(self.concentration1.dtype)

    @property
    def variance(self) -> Tensor:
        """Variance of each component, shape (..., K)."""
        sticks = self._exact_sticks()
        spread, square_left = sticks.variance, self._mean_left() ** 2
        squares = _break(spread + sticks.mean**2, spread + square_left)
        variance = (squares - self._mean() ** 2).clamp_min(0)
        return variance.to(self.concentration1.dtype)

    def _mean(self) -> Tensor:
        return _break(self._exact_sticks().mean, self._mean_left())

    def _exact_sticks(self) -> Any:
        """The sticks in float64, where differences of moments near each other keep their digits."""
        parameters = to_float64(self.concentration1), to_float64(self.concentration0)
        return type(self.sticks)(*parameters, validate_args=False)

    def _mean_left(self) -> Tensor:
        """E[1 - v_k] in float64, shape (..., K-1)."""
        return 1 - self._exact_sticks().mean


class StickBreakingKumaraswamy(_StickBreaking):
    r"""Stick breaking with Kumaraswamy sticks: v_k ~ Kumaraswamy(a_k, b_k), independent.

    .. math:: z_k = v_k \prod_{j<k} (1 - v_j), \quad v_K = 1

    Args:
        concentration1: a, positive, shape (..., K-1).
        concentration0: b, positive, shape (..., K-1).
        validate_args: Whether to check parameters and values.

    References:
        Nalisnick & Smyth 2017, eq. 4-6.

    Example:
        >>> StickBreakingKumaraswamy(torch.ones(2), torch.tensor([2.0, 1.0])).mean
        tensor([0.3333, 0.3333, 0.3333])
    """

    arg_constraints = {"concentration1": positive_vector, "concentration0": positive_vector}

    def __init__(
        self, concentration1: Tensor, concentration0: Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(
            Kumaraswamy(concentration1, concentration0, validate_args=False), validate_args
        )


class _BetaSticks(_StickBreaking):
    """Both distributions whose sticks are Betas."""

    def _mean_left(self) -> Tensor:
        # 1 - v_k is a Beta, too; a difference from 1 would have no digits where v_k is near 1.
        a, b = to_float64(self.concentration1), to_float64(self.concentration0)
        return Beta(b, a, validate_args=False).mean

    @property
    def mode(self) -> Tensor:
        """The z whose sticks v_k are at the mode of Beta(a_k, b_k - K + 1 + k), shape (..., K).

        The reason: the density on the simplex has a factor 1 / (1 - v_k) for each stick after the
        k-th.
        """
        a, b = self.concentration1, self.concentration0
        later = torch.arange(a.shape[-1] - 1, -1, -1, dtype=a.dtype, device=a.device)
        stick = Beta(a, b - later, validate_args=False).mode
        return _break(stick, 1 - stick)


class StickBreakingBeta(_BetaSticks):
    r"""Stick breaking with Beta sticks: v_k ~ Beta(a_k, b_k), independent (generalised Dirichlet).

    With :math:`b_k = \sum_{j>k} a_j` it is a Dirichlet. Its concentrations are
    :math:`a_1, .., a_{K-1}, b_{K-1}`.

    Args:
        concentration1: a, positive, shape (..., K-1).
        concentration0: b, positive, shape (..., K-1).
        validate_args: Whether to check parameters and values.

    References:
        Connor & Mosimann 1969; Nalisnick & Smyth 2017, sec. 4.

    Example:
        >>> StickBreakingBeta(torch.ones(2), torch.tensor([2.0, 1.0])).mean
        tensor([0.3333, 0.3333, 0.3333])
    """

    arg_constraints = {"concentration1": positive_vector, "concentration0": positive_vector}

    def __init__(
        self, concentration1: Tensor, concentration0: Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(Beta(concentration1, concentration0, validate_args=False), validate_args)


class GEM(_BetaSticks):
    r"""Griffiths-Engen-McCloskey distribution of K parts: sticks v_k ~ Beta(1, c).

    The last part is the rest of the stick.

    Args:
        concentration: c, positive, shape (...).
        size: K >= 2, number of parts.
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If ``size`` is below 2.

    References:
        Nalisnick & Smyth 2017, sec. 2.2 (there with c = 5).

    Example:
        >>> GEM(torch.tensor(1.0), 3).mean
        tensor([0.5000, 0.2500, 0.2500])
    """

    arg_constraints = {"concentration": constraints.positive}

    def __init__(
        self, concentration: Tensor | float, size: int, validate_args: bool | None = None
    ) -> None:
        if size < 2:
            raise ValueError(f"size is {size}, must be at least 2 parts")
        concentration0 = torch.as_tensor(concentration).unsqueeze(-1)
        if not concentration0.is_floating_point():
            concentration0 = concentration0.to(torch.get_default_dtype())
        concentration0 = concentration0.expand(*concentration0.shape[:-1], size - 1)
        sticks = Beta(torch.ones_like(concentration0), concentration0, validate_args=False)
        super().__init__(sticks, validate_args)

    @property
    def concentration(self) -> Tensor:
        """Concentration c, shape (...)."""
        return self.concentration0[..., 0]


def _break_logs(pair: Tensor) -> Tensor:
    """Log parts from (log v, log(1 - v)) of the sticks, (..., K-1, 2) -> (..., K)."""
    part, rest = pair.unbind(-1)
    left = rest.cumsum(-1)
    return torch.cat((part[..., :1], part[..., 1:] + left[..., :-1], left[..., -1:]), -1)


def _break(part: Tensor, rest: Tensor) -> Tensor:
    """Expectations of the K parts from those of each stick and of what it leaves."""
    left = rest.cumprod(-1)
    return torch.cat((part[..., :1], part[..., 1:] * left[..., :-1], left[..., -1:]), -1)


def _sticks_of(law: Any) -> Any:
    """The independent sticks of ``law``; those of a Dirichlet are Beta(a_k, sum_{j>k} a_j)."""
    if not isinstance(law, Dirichlet | TorchDirichlet):
        return law.sticks
    tail = law.concentration.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    return Beta(law.concentration[..., :-1], tail, validate_args=False)


def _kl_stick_breaking(q: Any, p: Any) -> Tensor:
    return kl_divergence(_sticks_of(q), _sticks_of(p)).sum(-1)


_betas: tuple[Any, ...] = (StickBreakingBeta, GEM)
_dirichlets: tuple[Any, ...] = (Dirichlet, TorchDirichlet)
for _q, _p in (
    *product((StickBreakingKumaraswamy, *_betas), (*_betas, *_dirichlets)),
    *product(_dirichlets, _betas),
):
    register_kl(_q, _p)(_kl_stick_breaking)
