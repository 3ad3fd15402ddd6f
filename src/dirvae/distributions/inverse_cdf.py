"""The distribution that the Dirichlet sampler of Joo et al. really draws from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dirvae.distributions._vectors import positive_vector
from dirvae.distributions.base import OfProportions, OnSimplex
from dirvae.distributions.log_space import log_simplex, scaled_lgamma1p
from dirvae.distributions.noise import standard_exponential
from dirvae.distributions.precision import full_precision, to_float64

__all__ = ["InverseCDFDirichlet", "LogInverseCDFDirichlet", "multi_gamma_kl"]


class _Parameters(OfProportions):
    """The concentration that both distributions share."""

    arg_constraints = {"concentration": positive_vector}
    concentration: Tensor

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        super().__init__(concentration, validate_args=validate_args)


class LogInverseCDFDirichlet(_Parameters):
    r"""Distribution of log z for z ~ `InverseCDFDirichlet`, which does not underflow.

    With y = log z, :math:`r_k = \log\Gamma(a_k + 1) / a_k` and
    :math:`w_k = y_k - r_k - \max_j (y_j - r_j)`, the density with respect to Lebesgue measure on
    :math:`y_1, \dots, y_{K-1}` is

    .. math:: \log q(y) = \sum_k \log a_k - \log \sum_k a_k + \sum_k a_k w_k - y_K

    Args:
        concentration: a, positive, shape (..., K), K >= 2.
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogInverseCDFDirichlet(torch.full((3,), 1e-3))
        >>> bool(q.rsample(torch.Size([5])).isfinite().all())
        True
    """

    support = log_simplex

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw log z, shape ``sample_shape`` + (..., K).

        Gradients are taken at fixed uniform noise.
        """
        shape = self._extended_shape(torch.Size(sample_shape))
        minus_log_u = standard_exponential(shape, self.concentration, generator)
        log_v = scaled_lgamma1p(self.concentration) - minus_log_u / self.concentration
        return torch.log_softmax(log_v, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats."""
        value = self._checked(value)
        a, y = to_float64(self.concentration), to_float64(value)
        w = y - scaled_lgamma1p(a)
        w = w - w.amax(-1, keepdim=True)
        log_prob = a.log().sum(-1) - a.sum(-1).log() + (a * w).sum(-1) - y[..., -1]
        return log_prob.to(torch.promote_types(value.dtype, self.concentration.dtype))


class InverseCDFDirichlet(OnSimplex, _Parameters):
    r"""The distribution that the inverse Gamma CDF approximation of a Dirichlet draws from.

    The approximate sampler is

    .. math:: z = \mathrm{softmax}(\log v), \quad
              \log v_k = \frac{\log u_k + \log\Gamma(a_k + 1)}{a_k}, \quad u_k \sim U(0, 1)

    This is close to Dirichlet(a) only for a << 1. The variable v_k is a Beta(a_k, 1) variable,
    stretched to :math:`(0, \Gamma(a_k + 1)^{1/a_k})`. So v_k is bounded, while a Gamma variable is
    not. With :math:`A = \sum_k a_k` and :math:`S(z) = \min_k \Gamma(a_k + 1)^{1/a_k} / z_k` the
    exact density of z is

    .. math:: \log q(z) = \log \mathrm{Dir}(z; a) + A \log S(z) - \log\Gamma(A + 1)

    A likelihood estimate that weights these draws by the Dirichlet density is too high. The mean
    has no closed form.

    Args:
        concentration: a, positive, shape (..., K), K >= 2.
        validate_args: Whether to check parameters and values.

    References:
        Joo, Lee, Park & Moon 2020, eq. 5-7 (the sampler); Knowles 2015 (the approximation).

    Example:
        >>> q = InverseCDFDirichlet(torch.ones(4))
        >>> z = q.rsample(torch.Size([2]), torch.Generator().manual_seed(0))
        >>> z.shape, q.log_prob(z).shape
        (torch.Size([2, 4]), torch.Size([2]))
    """

    def log(self) -> LogInverseCDFDirichlet:
        """Return the distribution of log z."""
        return LogInverseCDFDirichlet(self.concentration, validate_args=False)


def multi_gamma_kl(q_concentration: Tensor, p_concentration: Tensor) -> Tensor:
    r"""KL of prod_k Gamma(a_k, 1) from prod_k Gamma(alpha_k, 1). This is NOT the Dirichlet KL.

    .. math:: \sum_k \log\Gamma(\alpha_k) - \log\Gamma(a_k) + (a_k - \alpha_k) \psi(a_k)
              = \mathrm{KL}(\mathrm{Dir}(a) \| \mathrm{Dir}(\alpha))
              + \mathrm{KL}(\Gamma(\textstyle\sum a) \| \Gamma(\sum \alpha))

    Joo et al. use it as the KL of their posterior. The second summand compares the sums of the
    Gamma variables, which the model divides out. For K = 50 and alpha = .98 the second summand is
    7 nats at :math:`\sum a = 80` and 16 nats at :math:`\sum a = 100`.

    Args:
        q_concentration: a, positive, shape (..., K).
        p_concentration: alpha, positive, shape (..., K).

    Returns:
        Shape (...), in nats.

    References:
        Joo, Lee, Park & Moon 2020, eq. 3.

    Example:
        >>> float(multi_gamma_kl(torch.ones(3), torch.ones(3)))
        0.0
    """
    q, p = full_precision(q_concentration), full_precision(p_concentration)
    a, b = to_float64(q), to_float64(p)
    kl = (torch.lgamma(b) - torch.lgamma(a) + (a - b) * torch.digamma(a)).sum(-1)
    return kl.to(torch.promote_types(q.dtype, p.dtype))
