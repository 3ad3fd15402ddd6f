"""Every law of the library passes its own conformance suite, torch's too; wrong laws do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, distributions
from torch.distributions import Distribution, Independent, Normal, constraints, register_kl

from dirvae import distributions as dd
from dirvae.testing import ConformanceError, check_distribution, goodness_of_fit

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
NO_BOXES = {"fit": "there are no boxes on a sphere; its own tests fit it in space"}
UNIFORM = dd.Dirichlet(torch.ones(3, dtype=torch.float64))
TINY_AND_HUGE = concentrations(1e-5, 1e5)
EDGES = pairs((1e-3, 1e-3), (1e3, 1e-3), (1e-3, 1e3), (1e4, 1e4))

OURS = {
    "LogGamma": Case(dd.LogGamma, GAMMA),
    "Gamma": Case(dd.Gamma, GAMMA),
    "independent Gammas": Case(gammas, GAMMA),
    "LogDirichlet": Case(dd.LogDirichlet, VECTORS, extremes=TINY_AND_HUGE),
    "Dirichlet": Case(dd.Dirichlet, VECTORS, (dd.GEM(t(2.0), 3),)),
    "Beta": Case(dd.Beta, PAIR, (distributions.Beta(t(1.0), t(3.0)),)),
    "ScaledDirichlet": Case(dd.ScaledDirichlet, SCALED, (UNIFORM,)),
    "LogScaledDirichlet": Case(dd.LogScaledDirichlet, SCALED, (UNIFORM.log(),)),
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
    "from_transform": Case(Logistic, NORMAL),
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
        skip=NO_BOXES,
    ),
    "VonMisesFisher": Case(
        dd.VonMisesFisher,
        DIRECTIONS | {"concentration": t([0.5, 6.0])},
        (dd.HyperSphericalUniform(3),),
        tuple({"loc": torch.ones(3), "concentration": torch.full((4,), v)} for v in (1e-5, 1e5)),
        skip=NO_BOXES | {"compile": "its graph takes 10 s; its own slow tests compile it"},
    ),
    "from_cdf": Case(LogisticByCDF, NORMAL),
    "ImplicitMixture": Case(
        two_gaussians,
        {"share": t([0.3, 0.6]), "left": t([-1.0, 0.0]), "right": t([2.0, 1.0])},
    ),
    "OrderedKumaraswamy": Case(ordered_kumaraswamy, VECTORS, (UNIFORM,), concentrations(1e-3, 1e3)),
    "MVKumaraswamy": Case(dd.MVKumaraswamy, VECTORS, extremes=concentrations(1e-3, 1e3)),
    "RejectionDirichlet": Case(rejection_dirichlet, VECTORS, (UNIFORM,), concentrations(1e-5, 1e5)),
    "Multinomial": Case(multinomial, {"logits": t([0.0, 1.0, -1.0])}),
    "DirichletMultinomial": Case(dirichlet_multinomial, {"concentration": t([0.5, 1.0, 2.0])}),
}

OTHER_NORMAL = (Normal(t(1.0), t(2.0)),)
TORCHS = {
    "Normal": Case(distributions.Normal, NORMAL, OTHER_NORMAL),
    "Laplace": Case(distributions.Laplace, NORMAL, OTHER_NORMAL),
    "Gumbel": Case(distributions.Gumbel, NORMAL, OTHER_NORMAL),
    "LogNormal": Case(distributions.LogNormal, {"loc": t([0.0]), "scale": t([0.3])}),
    "Exponential": Case(distributions.Exponential, {"rate": t([0.5, 2.0])}),
    "Gamma": Case(distributions.Gamma, GAMMA),
    "Beta": Case(distributions.Beta, PAIR),
    "Weibull": Case(distributions.Weibull, {"scale": t([1.0]), "concentration": t([2.0])}),
    "StudentT": Case(distributions.StudentT, {"df": t([9.0])}),
    "Dirichlet": Case(
        distributions.Dirichlet, VECTORS, skip={"compile": "torch's sampler breaks the graph"}
    ),
    "MultivariateNormal": Case(
        distributions.MultivariateNormal,
        {"loc": t([1.0, -1.0]), "scale_tril": t([[1.0, 0.0], [0.5, 2.0]])},
        skip={"vmap": "torch reads matrices by value", "gradient": "a lower triangle is no box"},
    ),
    "Poisson": Case(distributions.Poisson, {"rate": t([0.5, 4.0])}),
    "Geometric": Case(
        distributions.Geometric, {"probs": t([0.3, 0.8])}, skip={"vmap": "torch indexes by a mask"}
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_our_laws_conform(name: str) -> None:
    case = OURS[name]
    checks = check_distribution(
        case.factory,
        case.parameters,
        others=case.others,
        extremes=case.extremes,
        skip=case.skip,
    )
    status = {check.name: check.status for check in checks}
    applied = {"shapes", "support", "fit", "dtype", "generator", "vmap"} - set(case.skip)
    assert {status[n] for n in applied} == {"passed"}


@pytest.mark.parametrize("name", TORCHS)
def test_torchs_laws_conform(name: str) -> None:
    case = TORCHS[name]
    check_distribution(case.factory, case.parameters, others=case.others, skip=case.skip)


# --- tests of the tests: each wrong in one way, caught by the check of that name ---


class WrongGradient(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        z = super().rsample(sample_shape)
        return z.detach() + 1.03 * (z - z.detach())


class NoPathInScale(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        noise = torch.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + self.scale.detach() * noise


class BiasedSampler(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.loc + 1.05 * (super().rsample(sample_shape) - self.loc)


class ClampedSampler(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.loc + (super().rsample(sample_shape) - self.loc).clamp(-self.scale, self.scale)


class Unnormalised(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + 0.1


class WrongEntropy(Normal):
    def entropy(self) -> Tensor:
        return super().entropy() + 0.05


class WrongVariance(Normal):
    @property
    def variance(self) -> Tensor:
        return 1.1 * super().variance


class WrongKL(Normal):
    pass


class Forgetful(Normal):
    """Draws with a generator of its own."""

    def rsample(self, sample_shape: Any = torch.Size(), generator: Any = None) -> Tensor:
        return super().rsample(sample_shape)


class NarrowDtype(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).float()


class TooWide(Normal):
    support = constraints.positive


class NanFarOut(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + 0 * (self.scale * 1e300).log1p() * (value.exp() * 1e300)


class BreaksGraph(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return super().log_prob(value)


class WrongShape(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).sum(-1)


@register_kl(WrongKL, WrongKL)
def _wrong_kl(q: WrongKL, p: WrongKL) -> Tensor:
    return distributions.kl._kl_normal_normal(q, p) * 1.05


WRONG = {
    WrongGradient: "gradient",
    NoPathInScale: "gradient",
    BiasedSampler: "fit",
    ClampedSampler: "fit",
    Unnormalised: "fit",
    WrongEntropy: "entropy",
    WrongVariance: "moments",
    WrongKL: "kl",
    Forgetful: "generator",
    NarrowDtype: "dtype",
    TooWide: "support",
    NanFarOut: "extremes",
    BreaksGraph: "compile",
    WrongShape: "shapes",
}


@pytest.mark.parametrize("law", WRONG, ids=lambda law: law.__name__)
def test_a_wrong_law_is_caught(law: type[Normal]) -> None:
    others = (law(t(1.0), t(2.0), validate_args=False),)
    extremes = ({"loc": t([800.0]), "scale": t([1.0])},)
    with pytest.raises(ConformanceError, match=f"(?m)^{WRONG[law]}: "):
        check_distribution(law, NORMAL, others=others, extremes=extremes)


class BiasedDirichlet(dd.Dirichlet):
    def rsample(self, sample_shape: Any = torch.Size(), generator: Any = None) -> Tensor:
        return (1.02 * self.log().rsample(sample_shape, generator)).softmax(-1)


class InverseCDFAsDirichlet(dd.InverseCDFDirichlet):
    """What the paper does: its approximate draws with the density of the exact law."""

    def log_prob(self, value: Tensor) -> Tensor:
        return dd.Dirichlet(self.concentration).log_prob(value)


@pytest.mark.parametrize("law", [BiasedDirichlet, InverseCDFAsDirichlet])
def test_a_biased_sampler_on_the_simplex_is_caught(law: type[Distribution]) -> None:
    q = law(t([2.0, 3.0, 1.5]))
    assert goodness_of_fit(q, 200_000, torch.Generator().manual_seed(0)) < 1e-5


def test_a_biased_count_is_caught() -> None:
    class Biased(distributions.Poisson):
        def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
            return super().sample(sample_shape) + (torch.rand((*sample_shape, 1)) < 0.1)

    assert goodness_of_fit(Biased(t([4.0])), 40_000, torch.Generator().manual_seed(0)) < 1e-5


def test_p_values_of_a_right_law_are_not_small() -> None:
    p = [
        goodness_of_fit(Normal(t(0.0), t(1.0)), 2000, torch.Generator().manual_seed(seed))
        for seed in range(200)
    ]
    # 20 expected below .1, standard deviation 4.2.
    assert 3 <= sum(value < 0.1 for value in p) <= 41


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="skip names"):
        check_distribution(Normal, NORMAL, skip={"colour": "none"})
    with pytest.raises(ValueError, match="num_samples"):
        goodness_of_fit(Normal(0.0, 1.0), 10, torch.Generator())


def test_skipped_checks_say_why() -> None:
    checks = check_distribution(Normal, NORMAL, skip={"compile": "slow"}, num_samples=1000)
    assert {check.detail for check in checks if check.name == "compile"} == {"slow"}
