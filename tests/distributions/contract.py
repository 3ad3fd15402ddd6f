"""Every law of the library with what of torch.distributions' contract it lacks, and why."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal, Uniform, constraints

from dirvae import distributions as dd

__all__ = ["LAWS", "ByCDF", "ByMap", "Falling", "Grid", "Law", "counts", "t"]


def t(*values: Any) -> Tensor:
    return torch.tensor(values if len(values) > 1 else values[0], dtype=torch.float64)


# --- grids: points, and weights whose sum with the density is an integral over the support ---


class Grid(NamedTuple):
    points: Tensor
    weights: Tensor


def line(reach: float, count: int) -> tuple[Tensor, float]:
    return torch.linspace(-reach, reach, count, dtype=torch.float64), 2 * reach / (count - 1)


def real() -> Grid:
    s, step = line(6.0, 2401)
    return Grid(s.sinh(), step * s.cosh())


def positive() -> Grid:
    s, step = line(60.0, 6001)
    return Grid(s.clamp(max=6.0).exp(), step * s.exp() * (s < 6.0))


def unit() -> Grid:
    s, step = line(36.0, 3601)
    return Grid(s.sigmoid(), step * s.sigmoid() * (-s).sigmoid())


def log_pair() -> Grid:
    s, step = line(60.0, 6001)
    return Grid(torch.nn.functional.logsigmoid(torch.stack((s, -s), -1)), step * (-s).sigmoid())


def log_triples() -> Grid:
    s, step = line(48.0, 241)
    first, second = torch.cartesian_prod(s, s).unbind(-1)
    log_v, log_rest = (
        torch.nn.functional.logsigmoid(torch.stack((sign * first, sign * second), -1))
        for sign in (1, -1)
    )
    y = torch.stack((log_v[:, 0], log_v[:, 1] + log_rest[:, 0], log_rest.sum(-1)), -1)
    return Grid(y, step**2 * log_rest.sum(-1).exp())


def triples() -> Grid:
    y, weights = log_triples()
    return Grid(y.exp(), weights * y[:, :2].sum(-1).exp())


def sphere() -> Grid:
    nodes, weights = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(200))
    angles = torch.arange(64, dtype=torch.float64) * (2 * math.pi / 64)
    height, angle = torch.cartesian_prod(nodes, angles).unbind(-1)
    radius = (1 - height**2).sqrt()
    points = torch.stack((radius * angle.cos(), radius * angle.sin(), height), -1)
    return Grid(points, weights.repeat_interleave(64) * (2 * math.pi / 64))


def counts() -> Grid:
    x = torch.arange(400, dtype=torch.float64)
    return Grid(x, torch.ones_like(x))


def triples_of_five() -> Grid:
    rows = [x for x in itertools.product(range(6), repeat=3) if sum(x) == 5]
    return Grid(t(rows), torch.ones(len(rows), dtype=torch.float64))


# --- the laws ---


class Law(NamedTuple):
    make: Callable[..., Distribution]
    arguments: tuple[Any, ...]
    grid: Callable[[], Grid]
    absent: Mapping[str, str]
    oracle: Any = None

    def law(self) -> Distribution:
        return self.make(*self.arguments)


VECTORS = dict.fromkeys(("cdf", "icdf"), "there is no order of vectors")
MOMENTS = ("mean", "variance", "mode", "entropy")
NO_MODE = {"mode": "a root of an equation without a solution in closed form"}
SPREAD_OF_LOG_REST = {"variance": "that of log(1 - x), x Kumaraswamy, has no closed form"}
BY_SHIFTS = {"variance": "the integral over the total gives the mean of the logs alone"} | NO_MODE
NORMALISED = dict.fromkeys(
    MOMENTS, "each needs E[log sum of the parts] or more, without closed form"
)
GIVEN_BY_A_FUNCTION = dict.fromkeys(MOMENTS, "nothing but a map or a cdf is known")
OF_COUNTS = {
    "icdf": "torch gives its discrete laws none",
    "entropy": "an infinite series; torch has none either",
}
SEARCHED = {"mode": "found by a search only"}


def logistic_map(u: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return loc + scale * torch.logit(u)


def logistic_cdf(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return torch.sigmoid((z - loc) / scale)


def falling_map(e: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return loc - scale * e


LOC_SCALE = {"loc": constraints.real, "scale": constraints.positive}
ByMap = dd.from_transform(Uniform(0.0, 1.0), logistic_map, **LOC_SCALE)
Falling = dd.from_transform(Normal(0.0, 1.0), falling_map, **LOC_SCALE)
ByQuantiles = dd.from_icdf(logistic_map, **LOC_SCALE)
ByCDF = dd.from_cdf(logistic_cdf, **LOC_SCALE)


def mixture(
    weights: Tensor, loc: Tensor, scale: Tensor, validate_args: bool | None = None
) -> Distribution:
    parts = Normal(loc, scale, validate_args)
    return dd.ImplicitMixture(Categorical(weights, None, validate_args), parts, validate_args)


def log_sticks(law: Callable[..., Any]) -> Callable[..., Distribution]:
    def make(a: Tensor, b: Tensor, validate_args: bool | None = None) -> Distribution:
        log_law: Distribution = law(a, b, validate_args).log()
        return log_law

    return make


def kumaraswamy(a: float, b: float) -> Any:
    """Its a-th power is a Beta(1, b)."""
    power = stats.beta(1, b)
    return SimpleNamespace(cdf=lambda x: power.cdf(x**a), ppf=lambda u: power.ppf(u) ** (1 / a))


def zero_inflated(r: float, mean: float, gate: float) -> Any:
    law = stats.nbinom(r, r / (r + mean))
    return SimpleNamespace(cdf=lambda x: np.where(x >= 0, gate + (1 - gate) * law.cdf(x), 0.0))


HALVES = SimpleNamespace(
    cdf=lambda z: 0.3 * stats.norm(-1, 0.5).cdf(z) + 0.7 * stats.norm(2).cdf(z)
)
A3, MANY = t(1.7, 0.8, 2.5), t(2.5, 1.8, 3.0)
LOC3, SCALE3 = t(0.5, -1.0, 0.2), t(0.6, 0.9, 1.4)
STICKS = (t(1.7, 2.5), t(3.3, 1.6))
ORDER = torch.tensor([2, 0, 1])
UP = t(0.0, 0.6, 0.8)

LAWS = {
    "Gamma": Law(dd.Gamma, (t(2.7), t(1.4)), positive, {}, stats.gamma(2.7, scale=1 / 1.4)),
    "LogGamma": Law(dd.LogGamma, (t(0.7), t(1.4)), real, {}, stats.loggamma(0.7, -math.log(1.4))),
    "Beta": Law(dd.Beta, (t(1.7), t(2.4)), unit, {}, stats.beta(1.7, 2.4)),
    "Kumaraswamy": Law(dd.Kumaraswamy, (t(1.7), t(2.4)), unit, {}, kumaraswamy(1.7, 2.4)),
    "LogKumaraswamy": Law(
        dd.LogKumaraswamy, (t(0.7), t(2.4)), log_pair, VECTORS | SPREAD_OF_LOG_REST
    ),
    "Weibull": Law(dd.Weibull, (t(1.4), t(1.7)), positive, {}, stats.weibull_min(1.7, scale=1.4)),
    "LogWeibull": Law(
        dd.LogWeibull, (t(1.4), t(1.7)), real, {}, stats.gumbel_l(math.log(1.4), 1 / 1.7)
    ),
    "Dirichlet": Law(dd.Dirichlet, (MANY,), triples, VECTORS),
    "LogDirichlet": Law(dd.LogDirichlet, (A3,), log_triples, VECTORS),
    "RejectionDirichlet": Law(dd.RejectionDirichlet, (MANY,), triples, VECTORS),
    "LogRejectionDirichlet": Law(dd.LogRejectionDirichlet, (A3,), log_triples, VECTORS),
    "ScaledDirichlet": Law(dd.ScaledDirichlet, (A3, LOC3), triples, VECTORS | NO_MODE),
    "LogScaledDirichlet": Law(dd.LogScaledDirichlet, (A3, LOC3), log_triples, VECTORS | BY_SHIFTS),
    "StandardizedDirichlet": Law(
        dd.StandardizedDirichlet, (LOC3, A3, MANY), triples, VECTORS | NO_MODE
    ),
    "SoftmaxNormal": Law(
        dd.SoftmaxNormal,
        (LOC3, SCALE3),
        triples,
        VECTORS | NO_MODE | dict.fromkeys(("mean", "variance"), "no closed form: Monte Carlo"),
    ),
    "LogSoftmaxNormal": Law(dd.LogSoftmaxNormal, (LOC3, SCALE3), log_triples, VECTORS | BY_SHIFTS),
    "InverseCDFDirichlet": Law(dd.InverseCDFDirichlet, (A3,), triples, VECTORS | NORMALISED),
    "LogInverseCDFDirichlet": Law(
        dd.LogInverseCDFDirichlet, (A3,), log_triples, VECTORS | NORMALISED
    ),
    "WeibullDirichlet": Law(
        dd.WeibullDirichlet, (t(0.5, 1.0, 3.0), A3), triples, VECTORS | NORMALISED
    ),
    "LogWeibullDirichlet": Law(
        dd.LogWeibullDirichlet, (t(0.5, 1.0, 3.0), A3), log_triples, VECTORS | NORMALISED
    ),
    "StickBreakingBeta": Law(dd.StickBreakingBeta, STICKS, triples, VECTORS),
    "StickBreakingKumaraswamy": Law(
        dd.StickBreakingKumaraswamy, STICKS, triples, VECTORS | NO_MODE
    ),
    "GEM": Law(dd.GEM, (t(3.5), 3), triples, VECTORS),
    "LogStickBreaking of Betas": Law(
        log_sticks(dd.StickBreakingBeta), STICKS, log_triples, VECTORS
    ),
    "LogStickBreaking of Kumaraswamys": Law(
        log_sticks(dd.StickBreakingKumaraswamy), STICKS, log_triples, VECTORS | SPREAD_OF_LOG_REST
    ),
    "OrderedKumaraswamy": Law(dd.OrderedKumaraswamy, (A3, ORDER), triples, VECTORS | NO_MODE),
    "LogOrderedKumaraswamy": Law(
        dd.LogOrderedKumaraswamy, (A3, ORDER), log_triples, VECTORS | NO_MODE | SPREAD_OF_LOG_REST
    ),
    "MVKumaraswamy": Law(
        dd.MVKumaraswamy,
        (A3,),
        triples,
        VECTORS | NO_MODE | {"entropy": "that of a mixture has no closed form"},
    ),
    "LogMVKumaraswamy": Law(
        dd.LogMVKumaraswamy,
        (A3,),
        log_triples,
        VECTORS
        | NO_MODE
        | SPREAD_OF_LOG_REST
        | {"entropy": "that of a mixture has no closed form"},
    ),
    "PowerSpherical": Law(dd.PowerSpherical, (UP, t(4.0)), sphere, VECTORS),
    "VonMisesFisher": Law(dd.VonMisesFisher, (UP, t(4.0)), sphere, VECTORS),
    "HyperSphericalUniform": Law(
        dd.HyperSphericalUniform, (3,), sphere, VECTORS | {"mode": "all points are alike"}
    ),
    "from_transform": Law(
        ByMap, (t(1.0), t(0.5)), real, GIVEN_BY_A_FUNCTION, stats.logistic(1, 0.5)
    ),
    "from_transform, falling": Law(
        Falling, (t(1.0), t(0.5)), real, GIVEN_BY_A_FUNCTION, stats.norm(1, 0.5)
    ),
    "from_icdf": Law(
        ByQuantiles, (t(1.0), t(0.5)), real, GIVEN_BY_A_FUNCTION, stats.logistic(1, 0.5)
    ),
    "from_cdf": Law(ByCDF, (t(1.0), t(0.5)), real, GIVEN_BY_A_FUNCTION, stats.logistic(1, 0.5)),
    "ImplicitMixture": Law(
        mixture,
        (t(0.3, 0.7), t(-1.0, 2.0), t(0.5, 1.0)),
        real,
        dict.fromkeys(("icdf", "mode", "entropy"), "that of a mixture has no closed form"),
        HALVES,
    ),
    "NegativeBinomial": Law(
        dd.NegativeBinomial, (t(4.3), t(2.6)), counts, OF_COUNTS, stats.nbinom(2.6, 2.6 / 6.9)
    ),
    "ZeroInflatedNegativeBinomial": Law(
        dd.ZeroInflatedNegativeBinomial,
        (t(4.3), t(2.6), t(-1.0)),
        counts,
        OF_COUNTS,
        zero_inflated(2.6, 4.3, 1 / (1 + math.e)),
    ),
    "Multinomial": Law(dd.Multinomial, (LOC3, 5), triples_of_five, VECTORS | SEARCHED),
    "DirichletMultinomial": Law(
        dd.DirichletMultinomial, (A3, 5), triples_of_five, VECTORS | SEARCHED
    ),
    "MixedMultinomial": Law(
        dd.MixedMultinomial,
        (t(0.3, 0.7), t([0.5, 0.2, 0.3], [0.1, 0.1, 0.8]), 5),
        triples_of_five,
        VECTORS | SEARCHED,
    ),
}
