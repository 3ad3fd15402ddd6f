"""The Dirichlet shifted on the simplex: gammas with different scales, normalised."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import Distribution, kl_divergence

from dirvae.distributions._kl import register_kl
from dirvae.distributions._once import once
from dirvae.distributions._vectors import is_true, positive_vector, real_vector, rows_for_all
from dirvae.distributions.base import OfProportions, OnSimplex
from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.precision import to_float64

__all__ = ["LogScaledDirichlet", "ScaledDirichlet"]


# Nodes on the line of s, where u = sinh(s) - log A: close together at the hump, and far out where
# a concentration below 1 leaves a long tail. There they are far apart too: see `ScaledDirichlet`.
_NODES = {torch.float32: (-3.6, 6.4, 40), torch.float64: (-4.4, 7.4, 320)}
LEAST = 1e-100  # of a sum of exponentials, whose inverse is squared in a second derivative


class _Line(NamedTuple):
    """An integral over u, from which every moment follows.

    X_k = e^loc_k G_k are scaled so that their sum T has mean A, and E is a standard exponential.
    Then phi(u) = P(log(E / T) > u) = prod_k (1 + e^(u + loc_k))^(-a_k).
    """

    base_u: Tensor  # (N, ..., 1)
    logits: Tensor  # u + loc, (N, ..., K)
    softplus: Tensor  # log(1 + e^logits), (N, ..., K)
    weight: Tensor  # du at each node, (N, ..., 1)
    phi: Tensor  # (N, ..., 1)


def _line(a: Tensor, loc: Tensor) -> _Line:
    low, high, count = _NODES[a.dtype]
    s = torch.linspace(low, high, count, dtype=a.dtype, device=a.device)
    s = s.view(-1, *[1] * a.dim())
    u = s.sinh() - a.sum(-1, keepdim=True).log()
    logits = u + (loc - _log_mean_scale(a, loc))
    softplus = F.softplus(logits)
    phi = (-(a * softplus).sum(-1, keepdim=True)).exp()
    return _Line(u, logits, softplus, s.cosh() * ((high - low) / (count - 1)), phi)


def _over_nodes(values: Tensor) -> Tensor:
    """Sum of (N, ..., K) over N, in the same order for each row wherever it is in a batch."""
    return values.movedim(0, -1).contiguous().sum(-1)


def _nodes(a: Tensor, loc: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the integral, (N, ..., 1), and sigmoid(u + loc), (N, ..., K)."""
    line = _line(a, loc)
    return line.weight * line.phi, line.logits.sigmoid()


def _log_mean_scale(a: Tensor, loc: Tensor) -> Tensor:
    """Log of the mean of e^loc under the base distribution's mean a / A, shape (..., 1)."""
    log_a = to_float64(a).log()  # a rounding here would be multiplied by A in the KL
    mean = (log_a + loc).logsumexp(-1, keepdim=True) - log_a.logsumexp(-1, keepdim=True)
    return mean.to(loc.dtype)


class _MeanLogScale(torch.autograd.Function):
    """E[log sum_k w_k e^loc_k] for w ~ Dir(a), and its gradients.

    Written out since autograd, on its own, would walk the nodes several times.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, loc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        line = _line(a, loc)
        base = F.softplus(line.base_u)
        base_phi = (-(a * base).sum(-1, keepdim=True)).exp()  # rounded as phi is: the gap is small
        gap = (line.weight * (base_phi - line.phi)).sum(0)
        phi = line.weight * line.phi
        of_a = (phi * line.softplus).sum(0) - (line.weight * base_phi * base).sum(0)
        of_loc = a * (phi * line.logits.sigmoid()).sum(0)
        return (_log_mean_scale(a, loc) + gap).squeeze(-1), of_a, of_loc

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        a, loc, *slopes = ctx.saved_tensors
        of_a, of_loc = (once(s, "a scaled Dirichlet's mean log scale", a, loc) for s in slopes)
        return grad.unsqueeze(-1) * of_a, grad.unsqueeze(-1) * of_loc


class _Parameters(OfProportions):
    """The concentration and the shifts that both distributions share."""

    arg_constraints = {"concentration": positive_vector, "loc": real_vector}
    concentration: Tensor
    loc: Tensor

    def __init__(
        self, concentration: Tensor, loc: Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(concentration, loc, validate_args=validate_args)


class LogScaledDirichlet(_Parameters):
    """Distribution of log z for z ~ `ScaledDirichlet`, which does not underflow.

    The density is with respect to Lebesgue measure on log z_1 .. log z_{K-1}.

    Args:
        concentration: Shape (..., K), positive, K >= 2.
        loc: Shape (..., K), real.
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogScaledDirichlet(torch.full((3,), 0.01), torch.tensor([0.0, 2.0, -2.0]))
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
        base = LogDirichlet(self.concentration, validate_args=False)
        return torch.log_softmax(base.rsample(sample_shape, generator) + self.loc, -1)

    @property
    def mean(self) -> Tensor:
        """Mean psi(a_k) - psi(A) + loc_k - E[log sum_k w_k e^loc_k], w ~ Dir(a), shape (..., K)."""
        a, loc = to_float64(self.concentration), to_float64(self.loc)
        moved = loc - _MeanLogScale.apply(a, loc)[0].unsqueeze(-1)
        return (LogDirichlet(a, validate_args=False).mean + moved).to(self.loc.dtype)

    def entropy(self) -> Tensor:
        """Entropy of log z_1 .. log z_{K-1}, in nats.

        The entropy of the log ratios is the same as for a Dirichlet.
        """
        base = LogDirichlet(self.concentration, validate_args=False)
        entropy: Tensor = base.entropy() - base.mean[..., -1] + self.mean[..., -1]
        return entropy

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log z = ``value``, shape (..., K) -> (...), in nats."""
        value = self._checked(value)
        log_probs = self._log_probs(value)
        if log_probs is not None:
            return log_probs
        base = LogDirichlet(self.concentration, validate_args=False)
        # Moving on the simplex adds constants to the log ratios, whose Jacobian is 1.
        moved = torch.log_softmax(value - self.loc, -1)
        log_prob: Tensor = base.log_prob(moved) + moved[..., -1] - value[..., -1]
        return log_prob

    def _log_probs(self, value: Tensor) -> Tensor | None:
        """Log densities at rows for each of J laws, if that is asked for and can be exact.

        Both sums over k in the formula of `ScaledDirichlet` are products of matrices.
        """
        rows = rows_for_all(value, self)
        if rows is None:
            return None
        a, c, y = (to_float64(v) for v in (self.concentration, self.loc, rows))
        c = c - c.detach().mean(-1, keepdim=True)  # a common shift changes nothing but digits
        least, most = c.detach().amin(-1, keepdim=True), y.detach().amax(-1, keepdim=True)
        total = (y - most).exp() @ (least - c).exp().t()
        if not is_true((total.detach() > LEAST).all()):
            return None
        sums = a.sum(-1, keepdim=True)
        constant = LogDirichlet(a, validate_args=False)._log_normalizer() + (a * c).sum(-1)
        # All that is linear in the rows is one product, so that (..., J) numbers are written once.
        of_law = torch.cat((a, -sums, -torch.ones_like(sums)), -1)
        of_row = torch.cat((y, most, y[..., -1:]), -1)
        log_probs = F.linear(of_row, of_law, (sums * least).squeeze(-1) - constant)
        log_probs = torch.addcmul(log_probs, total.log(), sums.squeeze(-1), value=-1)
        dtype = torch.promote_types(self.loc.dtype, self.concentration.dtype)
        return log_probs.to(torch.promote_types(value.dtype, dtype))


class ScaledDirichlet(OnSimplex, _Parameters):
    r"""Distribution of z with z_k proportional to e^{loc_k} G_k, G_k ~ Gamma(concentration_k).

    In a Dirichlet, one number sets both the location and the certainty of a component: large
    proportions are the certain ones. Here the log ratios of a Dirichlet draw are shifted by
    ``loc``, so that location and certainty are free. With ``loc`` = 0 this is the Dirichlet. Only
    the differences between the entries of ``loc`` matter. With :math:`c` = loc and
    :math:`A = \sum_k a_k`:

    .. math:: \log p(z) = \log\Gamma(A) - \sum_k \log\Gamma(a_k) - \sum_k a_k c_k
              + \sum_k (a_k - 1) \log z_k - A \log \sum_k z_k e^{-c_k}

    As a posterior for a Dirichlet prior, it corresponds to a Gaussian posterior with free means and
    variances for a Gaussian prior. The means, the variances and the KL from a Dirichlet come from
    one smooth integral over the real line, computed by the trapezoid rule. In float64 the error is
    about 1e-6 for shifts of up to 30 nats. Training uses float32. There the error is 1e-5 if the
    concentrations are above .1 and the shifts are a few nats. It is some hundredths if the
    concentrations are tiny and the shifts are tens of nats.

    Args:
        concentration: Shape (..., K), positive, K >= 2.
        loc: Shape (..., K), real: shifts of the log proportions.
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If there are fewer than two components, or a parameter is not valid.

    References:
        Aitchison 1986, "The statistical analysis of compositional data", sec. 13.3; Monti,
        Mateu-Figueras & Pawlowsky-Glahn 2011, "Notes on the scaled Dirichlet distribution".

    Example:
        >>> q = ScaledDirichlet(torch.ones(3), torch.tensor([0.0, 0.0, 5.0]))
        >>> q.mean
        tensor([0.0242, 0.0242, 0.9517])
    """

    def log(self) -> LogScaledDirichlet:
        """Return the distribution of log z."""
        return LogScaledDirichlet(self.concentration, self.loc, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """E[z_k] = a_k int sigmoid(u + loc_k) phi(u) du, shape (..., K).

        Here phi(u) = prod_k (1 + e^(u + loc_k))^(-a_k).
        """
        phi, share = _nodes(self.concentration, self.loc)
        mean = self.concentration * _over_nodes(phi * share)
        return mean / mean.sum(-1, keepdim=True)  # it is 1 but for rounding

    @property
    def variance(self) -> Tensor:
        """E[z_k^2] - E[z_k]^2, with phi as in `mean`, shape (..., K).

        E[z_k^2] = a_k (a_k + 1) int sigmoid(u + loc_k)^2 phi(u) du.
        """
        a = to_float64(self.concentration)  # of two moments that may be near each other
        phi, share = _nodes(a, to_float64(self.loc))
        mean = a * _over_nodes(phi * share)
        square = a * (a + 1) * _over_nodes(phi * share**2)
        total = mean.sum(-1, keepdim=True)
        variance = (square / total - (mean / total) ** 2).clamp(min=0)
        return variance.to(self.concentration.dtype)


def _kl(q: Any, p: Any) -> Tensor:
    """KL(Dir(a) || Dir(b)) - sum_k b_k c_k + B E[log sum_k w_k e^c_k] for w ~ Dir(a).

    With c = loc_q - loc_p: moving both distributions alike leaves the KL as it is and makes p a
    Dirichlet.
    """
    a, b = q.concentration, p.concentration
    loc = getattr(q, "loc", torch.zeros_like(a)) - getattr(p, "loc", torch.zeros_like(b))
    a = a.to(loc.dtype).expand(loc.shape)
    # Of the shifts that change nothing, the one by which no large numbers cancel.
    loc = loc - _log_mean_scale(a, loc).detach()
    mean_log_scale = _MeanLogScale.apply(a, loc)[0]
    base = kl_divergence(*(LogDirichlet(to_float64(c), validate_args=False) for c in (a, b)))
    return (base - (to_float64(b) * loc).sum(-1) + to_float64(b).sum(-1) * mean_log_scale).to(
        loc.dtype
    )


_LAWS: tuple[tuple[type[Distribution], tuple[type[Distribution], ...]], ...] = (
    (ScaledDirichlet, (Dirichlet, TorchDirichlet)),
    (LogScaledDirichlet, (LogDirichlet,)),
)
for _scaled, _dirichlets in _LAWS:
    register_kl(_scaled, _scaled)(_kl)
    for _dirichlet in _dirichlets:
        register_kl(_scaled, _dirichlet)(_kl)
        register_kl(_dirichlet, _scaled)(_kl)
