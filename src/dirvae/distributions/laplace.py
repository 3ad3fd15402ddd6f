"""The logistic-normal that approximates a Dirichlet, and a Dirichlet's KL from one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet as TorchDirichlet

from dirvae.distributions._kl import register_kl
from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from dirvae.distributions.precision import to_float64
from dirvae.distributions.softmax_normal import LogSoftmaxNormal, SoftmaxNormal

__all__ = ["laplace_softmax_normal"]


def laplace_softmax_normal(concentration: Tensor, diagonal: bool = False) -> SoftmaxNormal:
    r"""The Laplace approximation of Dirichlet(concentration) in the basis of the softmax.

    In this basis z = softmax(h), and the Dirichlet's mode is h = log a. Its precision matrix there
    is :math:`\mathrm{diag}(a) - a a^\top / \sum_k a_k`. The softmax does not change when all h_k
    shift by the same amount. Apart from such shifts, this matrix is the precision matrix of
    independent h_k with variances 1 / a_k. So the Laplace approximation is

    .. math:: z = \mathrm{softmax}(h), \quad h_k \sim N(\log a_k, 1 / a_k)

    This is the full approximation. The published one keeps only the diagonal of the covariance
    matrix of the centred h. This makes the variance smaller: by half at K = 2, by little at K = 50.
    The published variance is

    .. math:: \sigma_k^2 = \frac{1}{a_k} \Big(1 - \frac2K\Big) + \frac1{K^2} \sum_j \frac1{a_j}

    Args:
        concentration: a > 0, shape (..., K), K >= 2.
        diagonal: Whether to use the published variance, as the published topic models do.

    Returns:
        A distribution on the simplex with batch shape (...). In the softmax basis it has the mode
        of the Dirichlet, but not the same mean. It is close to the Dirichlet only for a >> 1.

    References:
        MacKay 1998; Hennig, Stern, Herbrich, Graepel, "Kernel topic models", 2012, eq. 4-6;
        Srivastava & Sutton, "Autoencoding variational inference for topic models", 2017, eq. 4.

    Example:
        >>> q = laplace_softmax_normal(torch.tensor([4.0, 4.0, 16.0]))
        >>> q.scale
        tensor([0.5000, 0.5000, 0.2500])
    """
    variance, log_a = 1 / concentration, concentration.log()
    size = concentration.shape[-1]
    if diagonal:
        variance = variance * (1 - 2 / size) + variance.mean(-1, keepdim=True) / size
        log_a = log_a - log_a.mean(-1, keepdim=True)
    return SoftmaxNormal(log_a, variance.sqrt())


def _kl_dirichlet_softmax_normal(q: Any, p: Any) -> Tensor:
    """KL(Dirichlet || SoftmaxNormal), whose log density is quadratic in log z: closed form."""
    a, loc, log_weight = (
        to_float64(q.concentration),
        to_float64(p.loc),
        -2 * to_float64(p.scale).log(),
    )
    total, share, size = a.sum(-1), torch.softmax(log_weight, -1), a.shape[-1]
    mean = torch.digamma(a) - torch.digamma(total).unsqueeze(-1)
    gap = mean - loc
    gap = gap - (share * gap).sum(-1, keepdim=True)
    spread = (log_weight.exp() * (gap**2 + (1 - share) * torch.polygamma(1, a))).sum(-1)
    constant = log_weight.sum(-1) - log_weight.logsumexp(-1) - (size - 1) * math.log(2 * math.pi)
    # Both densities have the factor 1 / prod(z), which cancels.
    log_q = torch.lgamma(total) - torch.lgamma(a).sum(-1) + (a * mean).sum(-1)
    kl = log_q - (constant - spread) / 2
    return kl.to(torch.promote_types(q.concentration.dtype, p.loc.dtype))


register_kl(LogDirichlet, LogSoftmaxNormal)(_kl_dirichlet_softmax_normal)
for _law in (Dirichlet, TorchDirichlet):
    register_kl(_law, SoftmaxNormal)(_kl_dirichlet_softmax_normal)
