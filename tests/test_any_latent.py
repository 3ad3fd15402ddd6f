"""A VAE trains with any latent: every reparameterised law of torch, ours, and one of one's own."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
import torch.distributions as td
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributions import constraints

import dirvae.distributions as dd
from dirvae.data.arrays import ArrayDataset
from dirvae.models.vae import VAE
from dirvae.nn import MLP, ConvDecoder, ConvEncoder, Fixed, Head, Standardize
from dirvae.objectives import linear_warmup
from dirvae.training import Training, decaying_adam, fit

pytestmark = pytest.mark.learning

HELD_OUT, K, BATCH, CLIP = 297, 8, 150, 10.0


# Laws of torch that have a path and cannot be a latent, each with the reason: there is none.
EXCLUDED: dict[str, str] = {}


class Case(NamedTuple):
    """A latent law and its prior.

    Attributes:
        Law: Law of q(z|x), or a function that returns it.
        prior: Parameters of the prior; each number stands for K of them.
        Prior: Its law where that is not ``Law``.
        given: Parameters of q that are not learned.
        view: What the decoder sees of z; z standardized by the prior if None.
        size: K, the parts of the event.
        epochs: How long to train: longer where a law can say little with its few parameters.
        options: Further ones of the encoder's `Head`.
        batch: Rows a step: fewer where a component goes out of use otherwise.
    """

    Law: Callable[..., td.Distribution]
    prior: Mapping[str, Any]
    Prior: Callable[..., td.Distribution] | None = None
    given: Mapping[str, Any] = {}
    view: Callable[[Tensor], Tensor] | None = None
    size: int = K
    epochs: int = 20
    options: Mapping[str, Any] = {}
    batch: int = BATCH


def independent(loc: Tensor, scale: Tensor, validate_args: bool | None = None) -> td.Distribution:
    return td.Independent(td.Normal(loc, scale, validate_args), 1, validate_args)


def logistic(loc: Tensor, scale: Tensor, validate_args: bool | None = None) -> td.Distribution:
    noise = td.Uniform(torch.zeros_like(loc), torch.ones_like(loc), validate_args)
    maps = [td.SigmoidTransform().inv, td.AffineTransform(loc, scale)]
    return td.TransformedDistribution(noise, maps, validate_args)


# Torch's draws round to 1 in float32, or where concentration0 is small, and have then no density;
# `dirvae.distributions.Kumaraswamy` does without the precaution.
def kumaraswamy(
    concentration1: Tensor, concentration0: Tensor, validate_args: bool | None = None
) -> td.Distribution:
    return td.Kumaraswamy(concentration1.double(), concentration0.double(), validate_args)


# The gradient of torch's draws overflows at the zeros that few degrees of freedom give in float32.
def fisher_snedecor(df1: Tensor, df2: Tensor, validate_args: bool | None = None) -> td.Distribution:
    return td.FisherSnedecor(df1.double(), df2.double(), validate_args)


# Torch's check of draws is the wrong way round: it warns of those that are sound and draws them
# anew in place, which breaks their gradient. Its KL of two Wisharts is wrong for batches; between
# a subclass and Wishart there is none, so that Monte Carlo takes its place.
class Wishart(td.Wishart):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Singular sample")
            return super().rsample(sample_shape, max_try_correction=0)


LOC_SCALE = {"loc": constraints.real, "scale": constraints.positive}
independent.arg_constraints = logistic.arg_constraints = LOC_SCALE  # type: ignore[attr-defined]
kumaraswamy.arg_constraints = dict.fromkeys(  # type: ignore[attr-defined]
    ("concentration1", "concentration0"), constraints.greater_than(1.0)
)
fisher_snedecor.arg_constraints = dict.fromkeys(  # type: ignore[attr-defined]
    ("df1", "df2"), constraints.greater_than(0.5)
)

STANDARD = {"loc": 0.0, "scale": 1.0}
# Heavy tails: the decoder sees log z, or asinh or atan of z where it may be negative; else one draw
# in thousands outweighs all others together. Where q's support depends on its parameters it must
# lie within the prior's: Uniform has a Normal prior, Pareto a LogNormal one, GeneralizedPareto a
# given lower end. The wrappers, Independent and TransformedDistribution, wrap a Normal and noise.
TORCH = {
    "Beta": Case(td.Beta, {"concentration1": 1.0, "concentration0": 1.0}),
    "Cauchy": Case(td.Cauchy, STANDARD, view=torch.atan, size=4, epochs=60),
    "Chi2": Case(td.Chi2, {"df": 3.0}, epochs=45),
    "ContinuousBernoulli": Case(td.ContinuousBernoulli, {"logits": 0.0}),
    "Dirichlet": Case(td.Dirichlet, {"concentration": 1.0}),
    "Exponential": Case(td.Exponential, {"rate": 1.0}, epochs=45),
    "FisherSnedecor": Case(
        fisher_snedecor,
        {"df1": 1.0, "df2": 1.0},
        view=torch.log,
        size=16,
        epochs=45,
        options={"exponential": ("df1", "df2")},
    ),
    "Gamma": Case(td.Gamma, {"concentration": 2.0, "rate": 1.0}),
    "Gumbel": Case(td.Gumbel, STANDARD),
    "HalfCauchy": Case(td.HalfCauchy, {"scale": 1.0}, view=torch.log),
    "HalfNormal": Case(td.HalfNormal, {"scale": 1.0}, epochs=60),
    "Independent": Case(independent, STANDARD),
    "InverseGamma": Case(td.InverseGamma, {"concentration": 2.0, "rate": 1.0}, view=torch.log),
    "Kumaraswamy": Case(kumaraswamy, {"concentration1": 1.0, "concentration0": 1.0}, batch=100),
    "Laplace": Case(td.Laplace, STANDARD),
    "LogNormal": Case(td.LogNormal, STANDARD, view=torch.log),
    "LogisticNormal": Case(
        td.LogisticNormal, {"loc": torch.zeros(K - 1), "scale": torch.ones(K - 1)}
    ),
    "LowRankMultivariateNormal": Case(
        td.LowRankMultivariateNormal,
        {"loc": 0.0, "cov_factor": torch.zeros(K, 1), "cov_diag": 1.0},
    ),
    "MultivariateNormal": Case(td.MultivariateNormal, {"loc": 0.0, "scale_tril": torch.eye(K)}),
    "Normal": Case(td.Normal, STANDARD),
    "OneHotCategoricalStraightThrough": Case(
        td.OneHotCategoricalStraightThrough, {"logits": 0.0}, size=16, epochs=45
    ),
    "Pareto": Case(td.Pareto, STANDARD, td.LogNormal, view=torch.log, size=4),
    "RelaxedBernoulli": Case(
        td.RelaxedBernoulli,
        {"temperature": torch.tensor(1.0), "logits": 0.0},
        given={"temperature": 1.0},
        epochs=45,
    ),
    "RelaxedOneHotCategorical": Case(
        td.RelaxedOneHotCategorical,
        {"temperature": torch.tensor(1.0), "logits": 0.0},
        given={"temperature": 1.0},
        epochs=60,
    ),
    "StudentT": Case(td.StudentT, {"df": 4.0, **STANDARD}, view=torch.asinh),
    "TransformedDistribution": Case(logistic, STANDARD),
    "Uniform": Case(td.Uniform, STANDARD, td.Normal),
    "Weibull": Case(td.Weibull, {"scale": 1.0, "concentration": 1.5}),
    "Wishart": Case(
        Wishart,
        {"df": torch.tensor(5.0), "scale_tril": torch.eye(3) / math.sqrt(5)},
        td.Wishart,
        given={"df": 5.0},
        size=3,
    ),
}
if hasattr(td, "GeneralizedPareto"):  # not in torch 2.6
    TORCH["GeneralizedPareto"] = Case(
        td.GeneralizedPareto,
        {"loc": 0.0, "scale": 1.0, "concentration": 0.5},
        given={"loc": 0.0},
        view=torch.log1p,
    )


def reparameterised() -> set[str]:
    """Names of all laws of torch whose draws have a path."""
    laws = ((name, getattr(td, name)) for name in td.__all__)
    return {
        name
        for name, law in laws
        if inspect.isclass(law)
        and issubclass(law, td.Distribution)
        and inspect.getattr_static(law, "has_rsample") is not False
    }


class View(nn.Module):
    """What the decoder sees of a latent: a function of it, standardized, in one row."""

    def __init__(self, prior: td.Distribution, view: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.view = view
        if view is None:
            self.standardize = Standardize(*dd.location_and_spread(prior))
        else:
            z = view(dd.draw(prior, torch.Size([4096]), torch.Generator().manual_seed(0)))
            self.standardize = Standardize(z.mean(0), z.std(0))
        self.matrix = len(prior.event_shape) == 2

    def forward(self, z: Tensor) -> Tensor:
        seen = self.standardize(z if self.view is None else self.view(z)).float()
        return seen.flatten(-2) if self.matrix else seen


class Digits(NamedTuple):
    """Handwritten digits: pixels that are on with the probability of their grey."""

    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor
    constant: float

    @property
    def mean(self) -> Tensor:
        return self.train.mean(0).clamp(0.001, 0.999)


@pytest.fixture(scope="module")
def digits() -> Digits:
    """The test rows are drawn as 0 or 1 once; ``constant`` is the constant-pixel model's nats."""
    data = load_digits()
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(data.data), generator=generator)
    grey = torch.from_numpy(data.data).float()[order] / 16
    labels = torch.nn.functional.one_hot(torch.from_numpy(data.target)[order].long()).float()
    train, grey = grey[HELD_OUT:], grey[:HELD_OUT]
    test = torch.bernoulli(grey, generator=generator)
    constant = -td.Bernoulli(train.mean(0).clamp(0.001, 0.999)).log_prob(test).sum(1).mean()
    return Digits(train, test, labels[HELD_OUT:], labels[:HELD_OUT], float(constant))


class Result(NamedTuple):
    nelbo: float
    kl: float


def trained(
    vae: VAE,
    digits: Digits,
    *,
    conditional: bool = False,
    epochs: int = 20,
    batch: int = BATCH,
    learning_rate: float = 8e-3,
) -> Result:
    """Train and return the negative ELBO and the KL of the held-out rows, in nats."""
    steps = epochs * -(-len(digits.train) // batch)
    adam = decaying_adam(learning_rate, steps)
    training = Training(vae, kl_schedule=linear_warmup(steps // 3), optimizer=adam)
    told = digits.train_labels if conditional else None
    data = ArrayDataset(digits.train, told, binarize=True)
    quiet = partial(fit, seed=0, verbose=False, gradient_clip_val=CLIP)
    quiet(training, data, max_epochs=epochs, batch_size=batch)
    torch.manual_seed(1)
    with torch.no_grad():
        told = digits.test_labels if conditional else None
        terms = vae.terms(digits.test, told, num_samples=16)
    kl = float(terms.kl.mean())
    return Result(kl - float(terms.log_likelihood.mean()), kl)


def model(case: Case, digits: Digits, *, num_covariates: int = 0) -> VAE:
    vectors = {
        name: value if isinstance(value, Tensor) else torch.full((case.size,), value)
        for name, value in case.prior.items()
    }
    prior = Fixed(case.Prior or case.Law, **vectors)
    encoder = MLP(64 + num_covariates, (64,), layer_norm=True)
    q = Head(encoder, case.size, case.Law, **case.options, **case.given)
    size = prior().event_shape.numel() + num_covariates
    decoder = MLP(size, (64,), layer_norm=True, features=View(prior(), case.view))
    return VAE(q, Head(decoder, 64, td.Bernoulli, initial={"logits": digits.mean.logit()}), prior)


def require_learned(result: Result, digits: Digits) -> None:
    assert result.nelbo < digits.constant - 1
    assert result.kl > 0.5


def test_every_reparameterised_law_of_torch_is_a_latent_here():
    assert set(TORCH) | set(EXCLUDED) == reparameterised()
    assert not set(TORCH) & set(EXCLUDED)


# One of its 16 classes does die, and fit says so; of the other laws no component may.
DYING = {"OneHotCategoricalStraightThrough"}
TOLD = pytest.mark.filterwarnings("ignore::dirvae.training.callbacks.CollapseWarning")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=TOLD) if name in DYING else name for name in TORCH]
)
def test_vae_learns_with_each_law_of_torch(name, digits):
    case = TORCH[name]
    found = trained(model(case, digits), digits, epochs=case.epochs, batch=case.batch)
    require_learned(found, digits)


def skewed(u: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return loc + scale * torch.sinh(torch.special.ndtri(u) / 2 + u)


OWN = dd.from_transform(
    td.Uniform(0.0, 1.0), skewed, loc=constraints.real, scale=constraints.positive
)
UNIFORM = {"concentration1": 1.0, "concentration0": 1.0}
GEM = {"concentration": torch.tensor(5.0), "size": torch.tensor(K)}
OURS = {
    "Beta": Case(dd.Beta, UNIFORM),
    "Dirichlet": Case(dd.Dirichlet, {"concentration": 1.0}),
    "Gamma": Case(dd.Gamma, {"concentration": 2.0, "rate": 1.0}),
    "InverseCDFDirichlet": Case(dd.InverseCDFDirichlet, {"concentration": 1.0}, dd.Dirichlet),
    "Kumaraswamy": Case(dd.Kumaraswamy, UNIFORM),
    "LogGamma": Case(dd.LogGamma, {"concentration": 2.0, "rate": 1.0}),
    "ScaledDirichlet": Case(dd.ScaledDirichlet, {"concentration": 1.0}, dd.Dirichlet),
    "SoftmaxNormal": Case(dd.SoftmaxNormal, STANDARD),
    "StandardizedDirichlet": Case(dd.StandardizedDirichlet, {"concentration": 1.0}, dd.Dirichlet),
    "StickBreakingBeta": Case(dd.StickBreakingBeta, GEM, dd.GEM),
    "StickBreakingKumaraswamy": Case(dd.StickBreakingKumaraswamy, GEM, dd.GEM),
    "from_transform": Case(OWN, STANDARD),
}


@pytest.mark.parametrize("name", OURS)
def test_vae_learns_with_each_law_of_ours(name, digits):
    case = OURS[name]
    found = trained(model(case, digits), digits, epochs=case.epochs, batch=case.batch)
    require_learned(found, digits)


def test_convolutional_vae_learns(digits):
    shape = (1, 8, 8)
    images = digits._replace(train=digits.train.view(-1, *shape), test=digits.test.view(-1, *shape))
    prior = Fixed(dd.Dirichlet, concentration=torch.ones(K))
    view = Standardize(*dd.location_and_spread(prior()))
    decoder = ConvDecoder(K, shape, (16, 8), features=view)
    start = {"logits": images.mean.logit()}
    vae = VAE(
        Head(ConvEncoder(shape, (8, 16)), K, dd.Dirichlet, exponential=("concentration",)),
        Head(decoder, shape, td.Bernoulli, project=False, initial=start),
        prior,
    )
    require_learned(trained(vae, images, epochs=60, learning_rate=3e-3), digits)


def test_labels_as_covariates_save_nats(digits):
    told = trained(
        model(OURS["Dirichlet"], digits, num_covariates=10), digits, conditional=True, epochs=30
    )
    untold = trained(model(OURS["Dirichlet"], digits), digits, epochs=30)
    require_learned(told, digits)
    assert told.nelbo < untold.nelbo - 0.5
    assert told.kl < untold.kl
