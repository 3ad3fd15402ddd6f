"""Laws on the unit sphere: power spherical, von Mises-Fisher and uniform."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints, register_kl

from dirvae.distributions._cosine import Cosine
from dirvae.distributions._once import implicit_path
from dirvae.distributions._vectors import real_vector
from dirvae.distributions.base import Reparameterized
from dirvae.distributions.beta import Beta
from dirvae.distributions.noise import standard_normal
from dirvae.distributions.precision import full_precision, to_float64, validate_if_eager, validates

__all__ = ["HyperSphericalUniform", "PowerSpherical", "VonMisesFisher", "unit_sphere"]


class _UnitSphere(constraints.Constraint):
    """Vectors of Euclidean length 1."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        tolerance = max(1e-6, 16 * torch.finfo(value.dtype).eps * math.sqrt(value.shape[-1]))
        return (value.norm(dim=-1) - 1).abs() < tolerance


unit_sphere = _UnitSphere()


class _Spherical(Reparameterized):
    """A law of x that depends on the cosine w between x and a direction alone."""

    support = unit_sphere
    spread_name: str

    def __init__(self, loc: Tensor, spread: Tensor | float, validate_args: bool | None) -> None:
        if loc.dim() < 1 or loc.shape[-1] < 2:
            raise ValueError(
                f"loc has shape {tuple(loc.shape)}, must have a last dimension of at least 2"
            )
        loc, spread = full_precision(loc), torch.as_tensor(spread, device=loc.device)
        spread = full_precision(spread.to(loc.dtype) if spread.dim() == 0 else spread)
        batch_shape = torch.broadcast_shapes(loc.shape[:-1], spread.shape)
        unit = torch.nn.functional.normalize(loc, dim=-1, eps=torch.finfo(loc.dtype).tiny)
        if validates(validate_args):
            _require_direction(unit)
        self.loc: Tensor = unit.expand(batch_shape + loc.shape[-1:])
        self.__dict__[self.spread_name] = spread.expand(batch_shape)
        super().__init__(
            batch_shape, loc.shape[-1:], validate_args=validate_if_eager(validate_args)
        )

    @property
    def _spread(self) -> Tensor:
        spread: Tensor = self.__dict__[self.spread_name]
        return spread

    @property
    def mean(self) -> Tensor:
        """Mean E[w] loc, shape (..., D)."""
        return self._cosine_moments()[0].unsqueeze(-1) * self.loc

    @property
    def variance(self) -> Tensor:
        """Variance of each coordinate, shape (..., D)."""
        _, variance, square_sine = self._cosine_moments()
        across = square_sine / (self.event_shape[0] - 1)
        squared = self.loc**2
        return variance.unsqueeze(-1) * squared + across.unsqueeze(-1) * (1 - squared)

    @property
    def mode(self) -> Tensor:
        """The direction ``loc``, of length 1."""
        return self.loc

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x, shape S + (..., D); the path goes through the cosine and a reflection."""
        shape = self._extended_shape(torch.Size(sample_shape))
        cosine, sine = self._rsample_cosine(shape[:-1], generator)
        noise = standard_normal(torch.Size((*shape[:-1], shape[-1] - 1)), self.loc, generator)
        across = noise / noise.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(noise.dtype).tiny)
        tangent = _reflect(self.loc, across)
        return cosine.unsqueeze(-1) * self.loc + sine.unsqueeze(-1) * tangent

    def _one_minus_cosine(self, value: Tensor) -> Tensor:
        """1 - w to full precision near the direction, shape (..., D) -> (...)."""
        value = self._checked(value)
        return ((value - self.loc) ** 2).sum(-1) / 2

    def _cosine_moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """E[w], var(w) and E[1 - w^2]."""
        raise NotImplementedError

    def _rsample_cosine(
        self, shape: torch.Size, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Draw w and sqrt(1 - w^2)."""
        raise NotImplementedError


class PowerSpherical(_Spherical):
    r"""Power spherical law on the unit sphere of R^D: p(x) proportional to (1 + loc . x)^scale.

    With :math:`\beta = (D-1)/2` and :math:`\alpha = \beta + \kappa`, (1 + loc . x) / 2 is
    Beta(alpha, beta), and

    .. math:: \log p(x) = \kappa \log(1 + \mu \cdot x) - (\alpha + \beta) \log 2 - \beta \log\pi
              - \log\Gamma(\alpha) + \log\Gamma(\alpha + \beta)

    It is as concentrated as a von Mises-Fisher law, without Bessel functions or rejections.

    Args:
        loc: Direction, any vectors but 0: they are scaled to length 1 here. Shape (..., D), D >= 2.
        scale: kappa > 0, shape (...).
        validate_args: Whether to check parameters and values.

    References:
        De Cao & Aziz, "The power spherical distribution", 2020, eq. 8-14.

    Example:
        >>> q = PowerSpherical(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(1.0))
        >>> q.mean
        tensor([0.0000, 0.0000, 0.3333])
    """

    arg_constraints = {"loc": real_vector, "scale": constraints.positive}
    spread_name = "scale"
    scale: Tensor

    def __init__(
        self, loc: Tensor, scale: Tensor | float, validate_args: bool | None = None
    ) -> None:
        super().__init__(loc, scale, validate_args)

    @property
    def _base(self) -> Beta:
        beta = (self.event_shape[0] - 1) / 2
        return Beta(self.scale + beta, torch.full_like(self.scale, beta), validate_args=False)

    def _cosine_moments(self) -> tuple[Tensor, Tensor, Tensor]:
        law = self._base
        mean, variance = law.mean, 4 * law.variance
        return 2 * mean - 1, variance, 4 * mean * (1 - mean) - variance

    def _rsample_cosine(
        self, shape: torch.Size, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        log_half = self._base.expand(shape).rsample_log(generator=generator)
        near, far = (v.exp() for v in log_half)
        return near - far, 2 * ((log_half[0] + log_half[1]) / 2).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at x with respect to the sphere's surface, (..., D) -> (...), in nats."""
        half_gap = (self._one_minus_cosine(value) / 2).clamp(max=1 - torch.finfo(value.dtype).eps)
        return self.scale * torch.log1p(-half_gap) - self._log_normalizer()

    def entropy(self) -> Tensor:
        """Entropy with respect to the sphere's surface, in nats."""
        law = self._base
        a, b = to_float64(law.concentration1), to_float64(law.concentration0)
        mean_log = (torch.digamma(a) - torch.digamma(a + b)).to(self.scale.dtype)
        return self._log_normalizer() - self.scale * mean_log

    def _log_normalizer(self) -> Tensor:
        """Log integral of ((1 + w) / 2)^kappa over the sphere."""
        a, b = to_float64(self._base.concentration1), to_float64(self._base.concentration0)
        log_normalizer = torch.lgamma(a) - torch.lgamma(a + b) + b * math.log(4 * math.pi)
        return log_normalizer.to(self.scale.dtype)


class VonMisesFisher(_Spherical):
    r"""Von Mises-Fisher law on the unit sphere of R^D: p(x) proportional to exp(kappa loc . x).

    The cosine w = loc . x has a density proportional to :math:`e^{\kappa w} (1 - w^2)^{(D-3)/2}`.
    It is drawn by rejection, and its path is the implicit derivative of that marginal,

    .. math:: \frac{dw}{d\kappa} = \frac{1}{p(w)} \int_w^1 (t - E[w]) \, p(t) \, dt

    by quadrature (from -1 to w, the sign turned, below the mean), which is right for every D and
    kappa: the derivative of the accepted proposal alone, as in the first code for this law, is not.
    All integrals are over artanh(w), in which the integrand is analytic and decays
    exponentially whatever kappa: no Bessel function can overflow.

    Args:
        loc: Direction, any vectors but 0: they are scaled to length 1 here. Shape (..., D), D >= 2.
        concentration: kappa > 0, shape (...).
        validate_args: Whether to check parameters and values.

    References:
        Davidson, Falorsi, De Cao, Kipf, Tomczak, "Hyperspherical variational auto-encoders", 2018;
        Wood 1994 (the rejections); Figurnov, Mohamed, Mnih 2018, section 4 (the implicit path).

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
        log_integral = self._marginal.log_integral() + _log_area(self.event_shape[0] - 1)
        return log_integral.to(self.concentration.dtype)


class HyperSphericalUniform(Reparameterized):
    """Uniform law on the unit sphere of R^dim: the prior of spherical latents.

    Args:
        dim: D >= 2; the sphere itself has D - 1 dimensions.
        validate_args: Whether to check values.

    Example:
        >>> q = HyperSphericalUniform(3)
        >>> round(float(q.entropy()), 4)  # log 4 pi
        2.531
    """

    arg_constraints = {}
    support = unit_sphere

    def __init__(self, dim: int | Tensor, validate_args: bool | None = None) -> None:
        if int(dim) < 2:
            raise ValueError(f"dim is {int(dim)}, must be at least 2")
        self.dim = int(dim)
        super().__init__(torch.Size(), torch.Size([self.dim]), validate_args)

    @property
    def mean(self) -> Tensor:
        """Mean 0, shape (..., D)."""
        return torch.zeros(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Tensor:
        """Variance 1 / D of each coordinate, shape (..., D)."""
        return torch.full(self.batch_shape + self.event_shape, 1 / self.dim)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x of the default type, shape S + (..., D); there is nothing to have a path to."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = standard_normal(shape, torch.empty(0), generator)
        return noise / noise.norm(dim=-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the log of the sphere's area, (..., D) -> (...)."""
        value = self._checked(value)
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        return value.new_full(shape, -_log_area(self.dim))

    def entropy(self) -> Tensor:
        """Log of the sphere's area, batch shape."""
        return torch.full(self.batch_shape, _log_area(self.dim))


def _reflect(loc: Tensor, across: Tensor) -> Tensor:
    """Carry unit vectors across the first axis to ones across ``loc``, by a reflection.

    Of the axis's two ends it is the far one that is reflected, so that nothing cancels.
    """
    sign = torch.where(loc[..., :1] >= 0, 1.0, -1.0).to(loc.dtype)
    first, rest = loc[..., :1] + sign, loc[..., 1:]
    scale = (rest * across).sum(-1, keepdim=True) / (1 + loc[..., :1].abs())
    return torch.cat((-scale * first, across - scale * rest), -1)


def _require_direction(unit: Tensor) -> None:
    # Not a number passes here: the constraint of loc names it.
    if bool((unit.norm(dim=-1) < 0.5).any()):
        raise ValueError(
            "loc has a vector that gives no direction: its length must be above 0 and finite"
        )


def _log_area(dim: int) -> float:
    """Log of the surface of the unit sphere of R^dim; that of R^1 has two points."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def _kl_to_uniform(q: PowerSpherical | VonMisesFisher, p: HyperSphericalUniform) -> Tensor:
    if q.event_shape != p.event_shape:
        raise ValueError(f"q lies in R^{q.event_shape[0]}, p in R^{p.dim}: must be the same sphere")
    batch_shape = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
    return (_log_area(p.dim) - q.entropy()).expand(batch_shape)


for _law in (PowerSpherical, VonMisesFisher):
    register_kl(_law, HyperSphericalUniform)(_kl_to_uniform)


@register_kl(HyperSphericalUniform, HyperSphericalUniform)
def _kl_uniform(q: HyperSphericalUniform, p: HyperSphericalUniform) -> Tensor:
    return torch.zeros(torch.broadcast_shapes(q.batch_shape, p.batch_shape))
