"""The softmax of a Gaussian (logistic-normal in K dimensions), as a distribution on the simplex."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dirvae.distributions._kl import register_kl
from dirvae.distributions._log_sum_of_log_normals import mean_log_sum
from dirvae.distributions._vectors import (
    centred,
    positive_vector,
    real_vector,
    rows_for_all,
    squares,
)
from dirvae.distributions.base import OfProportions, OnSimplex
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.noise import standard_normal
from dirvae.distributions.precision import to_float64

__all__ = ["LogSoftmaxNormal", "SoftmaxNormal"]


class _Parameters(OfProportions):
    """The means and standard deviations that both distributions share."""

    arg_constraints = {"loc": real_vector, "scale": positive_vector}
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Tensor, scale: Tensor, validate_args: bool | None = None) -> None:
        super().__init__(loc, scale, validate_args=validate_args)


class LogSoftmaxNormal(_Parameters):
    r"""Distribution of log z for z ~ `SoftmaxNormal`, which does not underflow.

    The density is with respect to Lebesgue measure on log z_1 .. log z_{K-1}.

    Args:
        loc: Shape (..., K), K >= 2.
        scale: Standard deviations, positive, shape (..., K).
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogSoftmaxNormal(torch.zeros(3), torch.ones(3))
        >>> y = q.rsample(torch.Size([2]), torch.Generator().manual_seed(0))
        >>> q.log_prob(y).shape
        torch.Size([2])
    """

    support = log_simplex

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw log z, shape ``sample_shape`` + (..., K)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = standard_normal(shape, self.loc, generator)
        return torch.log_softmax(self.loc + self.scale * noise, -1)

    @property
    def mean(self) -> Tensor:
        """Mean loc_k - E[log sum_j exp(n_j)], shape (..., K), by quadrature."""
        loc = to_float64(self.loc)
        total = mean_log_sum(loc, to_float64(self.scale)).unsqueeze(-1)
        return (loc - total).to(self.loc.dtype)

    def entropy(self) -> Tensor:
        """Entropy of log z_1 .. log z_{K-1}, in nats: the log ratios' entropy plus E[log z_K]."""
        log_weight, size = -2 * self.scale.log(), self.event_shape[0]
        log_det = log_weight.logsumexp(-1) - log_weight.sum(-1)
        ratios = (log_det + (size - 1) * (1 + math.log(2 * math.pi))) / 2
        entropy: Tensor = ratios + self.mean[..., -1]
        return entropy

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats."""
        value = self._checked(value)
        log_weight = -2 * self.scale.log()
        size = self.event_shape[0]
        constant = (
            log_weight.sum(-1) - log_weight.logsumexp(-1) - (size - 1) * math.log(2 * math.pi)
        )
        spread = self._spreads(value)
        if spread is None:
            spread = _spread(value - self.loc, log_weight)
        log_prob: Tensor = (constant - spread) / 2 - value[..., -1]
        return log_prob.to(torch.promote_types(value.dtype, self.loc.dtype))

    def _spreads(self, value: Tensor) -> Tensor | None:
        """`_spread` of rows about each of J laws, if that is asked for and can be exact."""
        rows = rows_for_all(value, self)
        if rows is None:
            return None
        weight = to_float64(self.scale).square().reciprocal()
        rows, loc = to_float64(rows), to_float64(self.loc)
        rows, loc = (v - v.detach().mean(-1, keepdim=True) for v in (rows, loc))
        parts = centred(rows, loc, weight)  # no common shift changes what follows
        if parts is None:
            return None
        y, c = parts
        total = weight.sum(-1, keepdim=True)
        share = weight * total.rsqrt()
        along = F.linear(y, share, -(share * c).sum(-1))
        return squares(y, c, weight) - along.square()


class SoftmaxNormal(OnSimplex, _Parameters):
    r"""Distribution of softmax(n) for n ~ N(loc, diag(scale^2)) in K dimensions; exact density.

    The softmax does not change when all n_k shift by the same amount. The integral over this shift
    is Gaussian, so the density is exact. With :math:`\mu` = loc, s = scale,
    :math:`w_k = 1 / s_k^2`, :math:`W = \sum_k w_k` and :math:`d_k = \log z_k - \mu_k`:

    .. math:: \log p(z) = -\sum_k \log z_k - \tfrac12 \sum_k \log 2\pi s_k^2
              + \tfrac12 \log \frac{2\pi}{W}
              - \tfrac12 \Big[\sum_k w_k d_k^2 - \frac{(\sum_k w_k d_k)^2}{W}\Big]

    The KL between two such distributions has a closed form too. The mean has none. (torch's
    ``LogisticNormal`` is a different distribution: it has K - 1 Gaussians, and its last logit is
    0.)

    Args:
        loc: Shape (..., K), K >= 2.
        scale: Standard deviations, positive, shape (..., K).
        validate_args: Whether to check parameters and values.

    References:
        Aitchison & Shen 1980; Srivastava & Sutton 2017, eq. 4 (as a replacement for a Dirichlet).

    Example:
        >>> q = SoftmaxNormal(torch.zeros(3), torch.ones(3))
        >>> abs(float(torch.distributions.kl_divergence(q, q))) < 1e-6
        True
    """

    def log(self) -> LogSoftmaxNormal:
        """Return the distribution of log z."""
        return LogSoftmaxNormal(self.loc, self.scale, validate_args=False)


def _spread(d: Tensor, log_weight: Tensor) -> Tensor:
    """Weighted sum of squares of ``d`` about its weighted mean; no subtraction of large squares."""
    center = (torch.softmax(log_weight, -1) * d).sum(-1, keepdim=True)
    spread: Tensor = (log_weight.exp() * (d - center) ** 2).sum(-1)
    return spread


def _kl_softmax_normal(
    q: SoftmaxNormal | LogSoftmaxNormal, p: SoftmaxNormal | LogSoftmaxNormal
) -> Tensor:
    log_wq, log_wp = -2 * q.scale.log(), -2 * p.scale.log()
    log_dets = (log_wq.sum(-1) - log_wq.logsumexp(-1)) - (log_wp.sum(-1) - log_wp.logsumexp(-1))
    share = torch.softmax(log_wp, -1)
    trace = ((log_wp - log_wq).exp() * (1 - share)).sum(-1)
    shift = _spread(q.loc - p.loc, log_wp)
    divergence: Tensor = (log_dets - (q.event_shape[0] - 1) + trace + shift) / 2
    return divergence


for _law in (SoftmaxNormal, LogSoftmaxNormal):
    register_kl(_law, _law)(_kl_softmax_normal)
