"""The von Mises-Fisher distribution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import constraints

from dirvae.distributions._cosine import Cosine
from dirvae.distributions._once import implicit_path
from dirvae.distributions._vectors import real_vector
from dirvae.distributions.precision import to_float64
from dirvae.distributions.spherical import Spherical, log_area

__all__ = ["VonMisesFisher"]


class VonMisesFisher(Spherical):
    r"""Von Mises-Fisher distribution on the unit sphere of R^D.

    The density p(x) is proportional to exp(kappa loc . x).

    The cosine w = loc . x has a density proportional to :math:`e^{\kappa w} (1 - w^2)^{(D-3)/2}`.
    It is drawn by rejection sampling. The gradient of a draw is the implicit derivative through the
    cdf of w, computed by quadrature:

    .. math:: \frac{dw}{d\kappa} = \frac{1}{p(w)} \int_w^1 (t - E[w]) \, p(t) \, dt

    If w is below its mean, the integral runs from -1 to w instead, with the sign changed. This
    gradient is right for every D and kappa. The derivative of the accepted proposal alone, which
    the first code for this distribution used, is not. The variable of all integrals is artanh(w).
    In this variable the integrand is analytic and decays exponentially for every kappa. No Bessel
    function is computed, so none can overflow.

    Args:
        loc: Direction, shape (..., D), D >= 2. Any vectors but 0; they are scaled to length 1.
        concentration: kappa > 0, shape (...).
        validate_args: Whether to check parameters and values.

    References:
        Davidson, Falorsi, De Cao, Kipf, Tomczak, "Hyperspherical variational auto-encoders", 2018;
        Wood 1994 (rejection sampling); Figurnov, Mohamed, Mnih 2018, section 4 (the gradient).

    Example:
        >>> q = VonMisesFisher(torch.tensor([0.0, 0.0, 2.0]), torch.tensor(10.0))
        >>> q.mean  # coth 10 - 1 / 10
        tensor([0.0000, 0.0000, 0.9000])
    """

    arg_constraints = {"loc": real_vector, "concentration": constraints.positive}
    spread_name = "concentration"
    concentration: Tensor

    def __init__(
        self, loc: Tensor, concentration: Tensor | float, validate_args: bool | None = None
    ) -> None:
        super().__init__(loc, concentration, validate_args)

    @property
    def _marginal(self) -> Cosine:
        return Cosine(to_float64(self.concentration), self.event_shape[0])

    def _cosine_moments(self) -> tuple[Tensor, Tensor, Tensor]:
        moments = self._marginal.moments()
        mean, variance, square_sine = (v.to(self.concentration.dtype) for v in moments)
        return mean, variance, square_sine

    def _rsample_cosine(
        self, shape: torch.Size, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        cosine = Cosine(to_float64(self.concentration).expand(shape), self.event_shape[0])
        with torch.no_grad():
            s = cosine.sample(generator)
            slope = cosine.slope(s, self._marginal.gap().expand(shape))
        s = implicit_path(s, cosine.concentration, slope)
        dtype = self.concentration.dtype
        return torch.tanh(s).to(dtype), (1 / torch.cosh(s)).to(dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at x with respect to the sphere's surface, (..., D) -> (...), in nats."""
        gap = self._one_minus_cosine(value)
        return -self.concentration * gap - self._log_normalizer()

    def entropy(self) -> Tensor:
        """Entropy with respect to the sphere's surface, in nats."""
        gap = self._marginal.gap().to(self.concentration.dtype)
        return self._log_normalizer() + self.concentration * gap

    def _log_normalizer(self) -> Tensor:
        """Log integral of exp(kappa (w - 1)) over the sphere."""
        log_integral = self._marginal.log_integral() + log_area(self.event_shape[0] - 1)
        return log_integral.to(self.concentration.dtype)
