"""The laws that the conformance suite runs over, each with its exceptions and their reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributions
from torch.distributions import Distribution, Independent, Normal, constraints

from dirvae import distributions as dd

Parameters = Mapping[str, Tensor]


def t(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Case(NamedTuple):
    factory: Callable[..., Distribution]
    parameters: Parameters
    others: tuple[Distribution, ...] = ()
    extremes: tuple[Parameters, ...] = ()
    skip: Mapping[str, str] = {}


def concentrations(*values: float) -> tuple[Parameters, ...]:
    return tuple({"concentration": torch.full((5,), value)} for value in values)


def pairs(*values: tuple[float, float]) -> tuple[Parameters, ...]:
    names = ("concentration1", "concentration0")
    return tuple(
        {n: torch.full((5,), v) for n, v in zip(names, pair, strict=True)} for pair in values
    )


def gem(concentration: Tensor, validate_args: bool | None = None) -> Distribution:
    return dd.GEM(concentration, 3, validate_args)


def multinomial(logits: Tensor, validate_args: bool | None = None) -> Distribution:
    return dd.Multinomial(logits, 5, validate_args)


def dirichlet_multinomial(concentration: Tensor, validate_args: bool | None = None) -> Distribution:
    return dd.DirichletMultinomial(concentration, 5, validate_args)


def gammas(concentration: Tensor, rate: Tensor, validate_args: bool | None = None) -> Distribution:
    return Independent(dd.Gamma(concentration, rate, validate_args), 1, validate_args=validate_args)


Logistic = dd.from_transform(
    distributions.Uniform(0.0, 1.0),
    lambda u, loc, scale: loc + scale * torch.logit(u),
    loc=constraints.real,
    scale=constraints.positive,
)

LogisticByCDF = dd.from_cdf(
    lambda z, loc, scale: torch.sigmoid((z - loc) / scale),
    loc=constraints.real,
    scale=constraints.positive,
)


LogisticByQuantiles = dd.from_icdf(
    lambda u, loc, scale: loc + scale * torch.logit(u),
    loc=constraints.real,
    scale=constraints.positive,
)


def mixed_multinomial(weights: Tensor, validate_args: bool | None = None) -> Distribution:
    topics = weights.new_tensor([[0.7, 0.2, 0.1, 0.0], [0.1, 0.1, 0.2, 0.6]])
    return dd.MixedMultinomial(weights, topics, 5, validate_args)


def uniform_on_sphere(like: Tensor, validate_args: bool | None = None) -> Distribution:
    """It has no parameters: one of the batch shape stands in for them."""
    return dd.HyperSphericalUniform(3, validate_args).expand(like.shape)


def ordered_kumaraswamy(concentration: Tensor, validate_args: bool | None = None) -> Distribution:
    order = torch.arange(concentration.shape[-1]).roll(1)
    return dd.OrderedKumaraswamy(concentration, order, validate_args)


def rejection_dirichlet(concentration: Tensor, validate_args: bool | None = None) -> Distribution:
    return dd.RejectionDirichlet(concentration, 10, validate_args)


def two_gaussians(
    share: Tensor, left: Tensor, right: Tensor, validate_args: bool | None = None
) -> Distribution:
    weights = distributions.Categorical(torch.stack((share, 1 - share), -1), None, validate_args)
    loc = torch.stack((left, right), -1)
    parts = Normal(loc, loc.new_tensor([0.5, 1.0]), validate_args)
    return dd.ImplicitMixture(weights, parts, validate_args)


VECTORS = {"concentration": t([[2.0, 3.0, 1.5], [0.3, 0.5, 0.2]])}
STICKS = {"concentration1": t([[0.5, 3.0], [2.0, 1.0]]), "concentration0": t([2.0, 3.0])}
PAIR = {"concentration1": t([0.5, 3.0]), "concentration0": t([2.0, 3.0])}
GAMMA = {"concentration": t([0.5, 3.0]), "rate": t([2.0, 3.0])}
NORMAL = {"loc": t([0.0, 3.0]), "scale": t([1.0, 0.5])}
SOFTMAX = {"loc": t([0.5, -1.0, 0.2]), "scale": t([[1.0, 0.5, 0.7], [0.4, 0.8, 2.0]])}
SCALED = {**VECTORS, "loc": t([[0.5, -1.0, 0.2], [0.0, 2.0, -1.0]])}
COUNTS = {"mean": t([1.0, 4.0]), "concentration": t([0.5, 3.0])}
WEIBULL = {"scale": t([0.5, 3.0]), "concentration": t([1.5, 4.0])}
WEIBULLS = {
    "scale": t([0.5, 1.0, 3.0]),
    "concentration": t([[0.8, 3.0, 1.5]]),
}
SPREAD = tuple(
    {"scale": torch.full((5,), 2.0), "concentration": torch.tensor([low, high, low, high, 1.0])}
    for low, high in ((1e-4, 1e-4), (1e-4, 1e4), (1e4, 1e4))
)
DIRECTIONS = {"loc": t([[1.0, -0.5, 0.3], [-0.2, 0.1, 2.0]])}
NO_EMPTY_BATCH = {"batches (0,)": "torch's constraints of vectors take no empty batch"}
NO_COMPILE, NO_VMAP = (
    {check: f"torch {torch.__version__} cannot"} if torch.__version__.startswith("2.6.") else {}
    for check in ("compile", "vmap")
)
TORCHS_PATH = {"derivatives": "the second one of torch's draws is wrong, and does not raise"}
NO_BOXES = {"fit": "there are no boxes on a sphere; its own tests fit it in space"}
UNIFORM = dd.Dirichlet(torch.ones(3, dtype=torch.float64))
TINY_AND_HUGE = concentrations(1e-5, 1e5)
EDGES = pairs((1e-3, 1e-3), (1e3, 1e-3), (1e-3, 1e3), (1e4, 1e4))

OURS = {
    "LogGamma": Case(dd.LogGamma, GAMMA),
    "Gamma": Case(dd.Gamma, GAMMA),
    "independent Gammas": Case(gammas, GAMMA, skip=NO_EMPTY_BATCH),
    "LogDirichlet": Case(dd.LogDirichlet, VECTORS, extremes=TINY_AND_HUGE),
    "Dirichlet": Case(dd.Dirichlet, VECTORS, (dd.GEM(t(2.0), 3),)),
    "Beta": Case(dd.Beta, PAIR, (distributions.Beta(t(1.0), t(3.0)),)),
    "ScaledDirichlet": Case(dd.ScaledDirichlet, SCALED, (UNIFORM,)),
    "LogScaledDirichlet": Case(dd.LogScaledDirichlet, SCALED, (UNIFORM.log(),)),
    "StandardizedDirichlet": Case(
        dd.StandardizedDirichlet,
        {
            "place": t([[0.5, -1.0, 0.2]]),
            "certainty": t([[2.0, 0.8, 4.0]]),
            "reference": t([0.5] * 3),
        },
        (UNIFORM,),
    ),
    "InverseCDFDirichlet": Case(dd.InverseCDFDirichlet, VECTORS, extremes=TINY_AND_HUGE),
    "LogInverseCDFDirichlet": Case(dd.LogInverseCDFDirichlet, VECTORS, extremes=TINY_AND_HUGE),
    "Kumaraswamy": Case(dd.Kumaraswamy, PAIR, (dd.Beta(t(2.0), t(0.5)),), EDGES),
    "LogKumaraswamy": Case(dd.LogKumaraswamy, PAIR, extremes=EDGES),
    "StickBreakingKumaraswamy": Case(
        dd.StickBreakingKumaraswamy, STICKS, (dd.GEM(t(2.0), 3), UNIFORM), EDGES
    ),
    "StickBreakingBeta": Case(dd.StickBreakingBeta, STICKS, (dd.GEM(t(2.0), 3), UNIFORM), EDGES),
    "GEM": Case(gem, {"concentration": t([1.0, 5.0])}, (UNIFORM,), TINY_AND_HUGE),
    "SoftmaxNormal": Case(
        dd.SoftmaxNormal, SOFTMAX, (dd.SoftmaxNormal(t([0.0] * 3), t([1.0] * 3)),)
    ),
    "LogSoftmaxNormal": Case(dd.LogSoftmaxNormal, SOFTMAX),
    "from_transform": Case(Logistic, NORMAL, skip=NO_COMPILE | NO_VMAP),
    "from_icdf": Case(LogisticByQuantiles, NORMAL, skip=NO_COMPILE | NO_VMAP),
    "NegativeBinomial": Case(dd.NegativeBinomial, COUNTS),
    "ZeroInflatedNegativeBinomial": Case(
        dd.ZeroInflatedNegativeBinomial, COUNTS | {"gate_logits": t([0.0, -1.0])}
    ),
    "Weibull": Case(
        dd.Weibull, WEIBULL, (dd.Gamma(t(2.0), t(0.5)), dd.Weibull(t(2.0), t(1.5))), SPREAD
    ),
    "LogWeibull": Case(dd.LogWeibull, WEIBULL, (dd.LogGamma(t(2.0), t(0.5)),), SPREAD),
    "WeibullDirichlet": Case(dd.WeibullDirichlet, WEIBULLS, extremes=SPREAD),
    "PowerSpherical": Case(
        dd.PowerSpherical,
        DIRECTIONS | {"scale": t([0.5, 6.0])},
        (dd.HyperSphericalUniform(3),),
        tuple({"loc": torch.ones(3), "scale": torch.full((4,), v)} for v in (1e-5, 1e5)),
        skip=NO_BOXES | NO_COMPILE,
    ),
    "VonMisesFisher": Case(
        dd.VonMisesFisher,
        DIRECTIONS | {"concentration": t([0.5, 6.0])},
        (dd.HyperSphericalUniform(3),),
        tuple({"loc": torch.ones(3), "concentration": torch.full((4,), v)} for v in (1e-5, 1e5)),
        skip=NO_BOXES,
    ),
    "HyperSphericalUniform": Case(
        uniform_on_sphere,
        {"like": t([0.0, 0.0])},
        skip=NO_BOXES
        | NO_COMPILE
        | {"gradient": "it has no parameters", "dtype": "its draws are of the default type"},
    ),
    "from_cdf": Case(LogisticByCDF, NORMAL, skip=NO_COMPILE),
    "ImplicitMixture": Case(
        two_gaussians,
        {"share": t([0.3, 0.6]), "left": t([-1.0, 0.0]), "right": t([2.0, 1.0])},
    ),
    "OrderedKumaraswamy": Case(ordered_kumaraswamy, VECTORS, (UNIFORM,), concentrations(1e-3, 1e3)),
    "MVKumaraswamy": Case(
        dd.MVKumaraswamy, VECTORS, extremes=concentrations(1e-3, 1e3), skip=NO_COMPILE
    ),
    "RejectionDirichlet": Case(rejection_dirichlet, VECTORS, (UNIFORM,), concentrations(1e-5, 1e5)),
    "Multinomial": Case(multinomial, {"logits": t([0.0, 1.0, -1.0])}),
    "MixedMultinomial": Case(mixed_multinomial, {"weights": t([[0.3, 0.7], [0.6, 0.4]])}),
    "DirichletMultinomial": Case(dirichlet_multinomial, {"concentration": t([0.5, 1.0, 2.0])}),
}

# How many derivatives raise, of each law and of that of its logarithm: second ones of draws by an
# implicit path and of divergences, means and entropies by quadrature, and what torch has no
# forward mode for.
RAISES = {
    "LogGamma": 2,
    "Gamma": 4,
    "independent Gammas": 4,
    "LogDirichlet": 8,
    "Dirichlet": 16,
    "Beta": 10,
    "SoftmaxNormal": 9,
    "LogSoftmaxNormal": 6,
    "ScaledDirichlet": 29,
    "LogScaledDirichlet": 16,
    "StandardizedDirichlet": 29,
    "Kumaraswamy": 6,
    "LogKumaraswamy": 3,
    "StickBreakingKumaraswamy": 12,
    "StickBreakingBeta": 12,
    "GEM": 12,
    "MVKumaraswamy": 3,
    "from_transform": 6,
    "from_icdf": 6,
    "WeibullDirichlet": 4,
    "PowerSpherical": 2,
    "VonMisesFisher": 2,
    "from_cdf": 2,
    "ImplicitMixture": 2,
    "OrderedKumaraswamy": 12,
    "RejectionDirichlet": 18,
}

OTHER_NORMAL = (Normal(t(1.0), t(2.0)),)
TORCHS = {
    "Normal": Case(distributions.Normal, NORMAL, OTHER_NORMAL),
    "Laplace": Case(
        distributions.Laplace,
        NORMAL,
        OTHER_NORMAL,
        skip={"derivatives": "torch's KL has none of second order where both locations are one"},
    ),
    "Gumbel": Case(distributions.Gumbel, NORMAL, OTHER_NORMAL),
    "LogNormal": Case(distributions.LogNormal, {"loc": t([0.0]), "scale": t([0.3])}),
    "Exponential": Case(distributions.Exponential, {"rate": t([0.5, 2.0])}),
    "Gamma": Case(distributions.Gamma, GAMMA),
    "Beta": Case(distributions.Beta, PAIR, skip=NO_EMPTY_BATCH | TORCHS_PATH),
    "Weibull": Case(distributions.Weibull, {"scale": t([1.0]), "concentration": t([2.0])}),
    "StudentT": Case(distributions.StudentT, {"df": t([9.0])}, skip=NO_VMAP),
    "Dirichlet": Case(
        distributions.Dirichlet,
        VECTORS,
        skip=NO_EMPTY_BATCH | TORCHS_PATH | {"compile": "torch's sampler breaks the graph"},
    ),
    "MultivariateNormal": Case(
        distributions.MultivariateNormal,
        {"loc": t([1.0, -1.0]), "scale_tril": t([[1.0, 0.0], [0.5, 2.0]])},
        skip=NO_EMPTY_BATCH
        | {"vmap": "torch reads matrices by value", "gradient": "a lower triangle is no box"},
    ),
    "Poisson": Case(distributions.Poisson, {"rate": t([0.5, 4.0])}),
    "Geometric": Case(
        distributions.Geometric, {"probs": t([0.3, 0.8])}, skip={"vmap": "torch indexes by a mask"}
    ),
}
