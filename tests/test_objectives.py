"""Objectives against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent, Normal, OneHotCategorical

from dirvae.distributions import Dirichlet
from dirvae.models.vae import VAE
from dirvae.models.zoo import dirichlet, gaussian
from dirvae.nn import Fixed
from dirvae.objectives import (
    Terms,
    constant,
    cyclical,
    doubly_reparameterized_bound,
    elbo,
    importance_weighted_bound,
    labelled_elbo,
    linear_warmup,
    log_likelihood,
)
from tests.magnitudes import EPS, EXAMPLES, magnitudes, reals


class LinearGaussian(torch.nn.Module):
    """p(x|z) = N(z, 1/4): with p(z) = N(0, 1) everything is known."""

    def forward(self, z: torch.Tensor) -> Normal:
        return Independent(Normal(z, 0.5), 1)


class LinearPosterior(torch.nn.Module):
    """q(z|x) = N(slope x, std^2); the exact posterior has slope 0.8 and std sqrt(0.2)."""

    def __init__(self, slope: float = 0.8, std: float = math.sqrt(0.2)) -> None:
        super().__init__()
        self.slope, self.std = slope, std

    def forward(self, x: torch.Tensor) -> Normal:
        return Independent(Normal(self.slope * x, self.std), 1)


def linear_gaussian(**posterior: float) -> VAE:
    prior = Fixed(Normal, loc=torch.zeros(3), scale=torch.ones(3))
    return VAE(LinearPosterior(**posterior), LinearGaussian(), prior)


def evidence(x: torch.Tensor) -> torch.Tensor:
    return Normal(0.0, math.sqrt(1.25)).log_prob(x).sum(-1)


X = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.1, -0.2]])


def test_exact_posterior_gives_the_evidence_with_one_sample():
    terms = linear_gaussian().terms(X, num_samples=1, importance=True)
    torch.testing.assert_close(importance_weighted_bound(terms), evidence(X))


def test_elbo_is_the_evidence_less_the_kl_to_the_posterior():
    terms = linear_gaussian(slope=0.5, std=1.0).terms(X, num_samples=200_000)
    exact = Independent(Normal(0.8 * X, math.sqrt(0.2)), 1)
    q = Independent(Normal(0.5 * X, torch.ones(2, 3)), 1)
    gap = torch.distributions.kl_divergence(q, exact)
    error = terms.log_likelihood.std(0) / math.sqrt(200_000)
    assert terms.kl_is_exact
    assert ((elbo(terms) - (evidence(X) - gap)).abs() < 5 * error).all()


def test_more_samples_raise_the_bound_towards_the_evidence():
    vae = linear_gaussian(slope=0.5, std=1.0)
    generator = torch.Generator().manual_seed(0)
    bounds = [
        importance_weighted_bound(
            vae.terms(X.repeat(2000, 1), num_samples=s, importance=True, generator=generator)
        ).mean()
        for s in (1, 5, 50)
    ]
    assert bounds[0] < bounds[1] < bounds[2] < evidence(X).mean() + 0.02
    assert bounds[2] > evidence(X).mean() - 0.1


def test_one_sample_bound_is_the_one_sample_elbo():
    vae = linear_gaussian(slope=0.5, std=1.0)
    terms = vae.terms(X, num_samples=1, importance=True)
    monte_carlo = terms.log_likelihood + terms.log_ratio
    torch.testing.assert_close(importance_weighted_bound(terms), monte_carlo[0])


def test_free_bits_hold_the_total_kl():
    terms = linear_gaussian().terms(X)
    free = float(terms.kl.max()) + 1
    expected = terms.log_likelihood.mean(0) - free
    torch.testing.assert_close(elbo(terms, free_bits=free), expected)


def test_bound_without_log_ratio_says_how_to_ask_for_it():
    with pytest.raises(ValueError, match="importance=True"):
        importance_weighted_bound(linear_gaussian().terms(X))


@pytest.mark.parametrize(
    ("schedule", "end"),
    [(constant(0.7), 0.7), (linear_warmup(7, final=0.3), 0.3), (cyclical(5, 3, final=1.7), 1.7)],
)
def test_schedules_end_at_exactly_the_weight_asked_for(schedule, end):
    weights = [schedule(step) for step in range(200)]
    assert weights[-1] == end
    assert max(weights) == end


def test_warmup_of_no_steps_is_constant():
    assert linear_warmup(0)(0) == 1.0


def test_schedules_of_no_length_are_refused():
    with pytest.raises(ValueError, match="steps is -1, must be 0 or more"):
        linear_warmup(-1)
    with pytest.raises(ValueError, match="period is 1, must be at least 2 steps"):
        cyclical(1, 3)


@pytest.mark.parametrize("num_samples", [1, 4])
def test_score_function_gradient_is_unbiased(num_samples):
    """The gradient for a discrete latent, against the sum over its values; 5 standard errors."""
    logits = torch.tensor([0.3, -0.2, 0.5], requires_grad=True)
    reward = torch.tensor([1.0, 3.0, -2.0])
    exact = torch.autograd.grad((logits.softmax(-1) * reward).sum(), logits)[0]
    q = Categorical(logits=logits.expand(50_000, 3))
    z = q.sample((num_samples,))
    terms = Terms(reward[z], torch.zeros(50_000), True, None, q.log_prob(z), q, z)
    bound = elbo(terms)
    torch.testing.assert_close(bound, reward[z].mean(0))
    found = torch.autograd.grad(bound.mean(), logits)[0]
    # Each row's gradient is at most reward's range times 1, so this bounds the standard error.
    assert ((found - exact).abs() < 5 * 5 / math.sqrt(50_000 * num_samples)).all()
    assert (exact.abs() > 0.1).any()


@pytest.mark.parametrize("free_bits", [0.0, 0.01, 100.0])
def test_score_function_gradient_counts_an_estimated_kl(free_bits):
    """That of log p(z) - log q(z|x), unless free bits hold all of it; 5 standard errors."""
    logits = torch.tensor([0.3, -0.2, 0.5], requires_grad=True)
    reward, log_p = torch.tensor([1.0, 3.0, -2.0]), torch.tensor([1.0, -4.0, 4.0]).log_softmax(-1)
    ratio = (log_p - logits.log_softmax(-1)) * (0.7 if free_bits < 100 else 0)
    exact = torch.autograd.grad((logits.softmax(-1) * (reward + ratio)).sum(), logits)[0]
    q = Categorical(logits=logits.expand(50_000, 3))
    z = q.sample((40,))
    log_q = q.log_prob(z)
    log_ratio = log_p[z] - log_q
    terms = Terms(reward[z], -log_ratio.mean(0), False, log_ratio, log_q, q, z)
    bound = elbo(terms, kl_weight=0.7, free_bits=free_bits).mean()
    found = torch.autograd.grad(bound, logits)[0]
    # The reward with its ratio ranges over less than 10.
    assert ((found - exact).abs() < 5 * 10 / math.sqrt(50_000 * 40)).all()
    without = torch.autograd.grad((logits.softmax(-1) * reward).sum(), logits)[0]
    assert (free_bits == 100) == ((exact - without).abs() < 0.2).all()


def test_score_function_compares_samples_of_the_same_row():
    """So the gradient of a row is that of the row alone, whatever else is in its batch."""
    logits = torch.tensor([[0.3, -0.2], [1.0, 0.0]], requires_grad=True)
    z = torch.tensor([[0, 1], [1, 0], [0, 0]])
    reward = torch.tensor([[1.0, -20.0], [3.0, 7.0], [-2.0, 90.0]])

    def first(rows):
        q = Categorical(logits=logits[:rows])
        parts = reward[:, :rows], torch.zeros(rows), True, None, q.log_prob(z[:, :rows])
        return torch.autograd.grad(elbo(Terms(*parts, q, z[:, :rows]))[0], logits)[0][0]

    torch.testing.assert_close(first(2), first(1))


class Fitted(torch.nn.Module):
    """One posterior for all rows, its parameters learned."""

    def __init__(self, Law, **parameters: torch.Tensor) -> None:
        super().__init__()
        self.Law = Law
        self.parameters_of_law = torch.nn.ParameterDict(parameters)

    def forward(self, x: torch.Tensor):
        values = {n: self.rows(p, len(x)) for n, p in self.parameters_of_law.items()}
        law = self.Law(**values)
        return law if law.event_shape else Independent(law, 1)

    def rows(self, parameter: torch.Tensor, count: int) -> torch.Tensor:
        """One for all rows, or of each batch its own, for as many rows as a batch has."""
        if parameter.dim() == 1:
            return parameter.expand(count, *parameter.shape)
        return parameter.repeat_interleave(count // len(parameter), 0)


class Linear(torch.nn.Module):
    def forward(self, z: torch.Tensor) -> Independent:
        return Independent(Normal(2 * z, 1.0), 1)


POSTERIORS = {
    "gaussian": (
        Fitted(Normal, loc=torch.tensor([0.3, -0.5]), scale=torch.tensor([0.7, 1.2])),
        Fixed(Normal, loc=torch.zeros(2), scale=torch.ones(2)),
    ),
    "dirichlet": (
        Fitted(Dirichlet, concentration=torch.tensor([1.5, 0.8])),
        Fixed(Dirichlet, concentration=torch.ones(2)),
    ),
}


@pytest.mark.parametrize("kl_weight", [1.0, 0.4])
@pytest.mark.parametrize("num_samples", [1, 3])
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_second_reparameterisation_leaves_the_mean_gradient(posterior, num_samples, kl_weight):
    """Against the gradient with the score; 5 standard errors of 200 independent batches."""
    one, prior = POSTERIORS[posterior]
    shared = {name: p.detach().expand(200, -1) for name, p in one.parameters_of_law.items()}
    encoder = Fitted(one.Law, **shared)
    vae = VAE(encoder, Linear(), prior)
    x = torch.tensor([[0.4, 1.0]]).expand(200 * 500, 2)
    both = []
    for bound in (importance_weighted_bound, doubly_reparameterized_bound):
        terms = vae.terms(x, num_samples=num_samples, importance=True)
        value = bound(terms, kl_weight=kl_weight)
        torch.testing.assert_close(value, importance_weighted_bound(terms, kl_weight=kl_weight))
        means = value.view(200, 500).mean(1)
        gradients = torch.autograd.grad(means.sum(), list(encoder.parameters()))
        both.append(torch.cat(gradients, -1))
    gaps = both[0] - both[1]
    assert (gaps.mean(0).abs() < 5 * gaps.std(0) / len(gaps) ** 0.5).all()
    assert (both[0][-1].abs() > 0.01).any()


def test_path_gradient_vanishes_at_the_true_posterior():
    # z ~ N(0, 1) and x | z ~ N(2 z, 1): z | x ~ N(2 x / 5, 1 / 5).
    x = torch.tensor([[1.0]])
    encoder = Fitted(Normal, loc=torch.tensor([0.4]), scale=torch.tensor([0.2**0.5]))
    vae = VAE(encoder, Linear(), Fixed(Normal, loc=torch.zeros(1), scale=torch.ones(1)))
    terms = vae.terms(x, num_samples=4, importance=True)
    doubly_reparameterized_bound(terms).sum().backward()
    for parameter in encoder.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros(1), rtol=0, atol=1e-5)


def test_second_reparameterisation_leaves_decoder_and_prior_alone():
    torch.manual_seed(0)
    model = gaussian(3, 2, hidden_sizes=(4,), decoder_hidden_sizes=(4,))
    gradients = []
    for bound in (importance_weighted_bound, doubly_reparameterized_bound):
        torch.manual_seed(1)
        terms = model.terms(X, num_samples=3, importance=True)
        decoder = list(model.decoder.parameters())
        gradients.append(torch.autograd.grad(bound(terms).mean(), decoder))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("make", [gaussian, dirichlet])
def test_second_reparameterisation_leaves_other_objectives_of_the_terms_alone(make):
    """What is computed from the same terms has the gradient that it has from terms of its own."""
    torch.manual_seed(0)
    prior = torch.ones(2) if make is dirichlet else 2
    model = make(3, prior, hidden_sizes=(4,), decoder_hidden_sizes=(4,))
    bounds = {
        "elbo": elbo,
        "bound": doubly_reparameterized_bound,
        "of z": lambda terms: terms.z.square().sum((0, 2)),
        "of the path": lambda terms: terms.path.square().sum((0, 2)),
    }

    def gradient(*names):
        torch.manual_seed(1)
        terms = model.terms(X, num_samples=3, importance=True)
        total = sum(bounds[name](terms).mean() for name in names[::-1])
        doubly_reparameterized_bound(terms, kl_weight=0.3)  # as for a log
        return gradient_of(total)

    def gradient_of(total):
        parts = torch.autograd.grad(total, list(model.parameters()), materialize_grads=True)
        return torch.cat([part.flatten() for part in parts])

    alone = {name: gradient(name) for name in bounds}
    torch.manual_seed(1)
    untouched = elbo(model.terms(X, num_samples=3, importance=True)).mean()
    torch.testing.assert_close(alone["elbo"], gradient_of(untouched))
    for other in ("elbo", "of z", "of the path", "bound"):
        torch.testing.assert_close(gradient("bound", other), alone["bound"] + alone[other])
    assert not torch.allclose(alone["bound"], alone["elbo"])


def test_second_reparameterisation_is_not_differentiated_again():
    model = gaussian(3, 2, hidden_sizes=(4,), decoder_hidden_sizes=(4,))
    bound = doubly_reparameterized_bound(model.terms(X, num_samples=3, importance=True)).sum()
    weight = model.encoder.projection.weight
    (first,) = torch.autograd.grad(bound, weight, create_graph=True)
    with pytest.raises(RuntimeError, match="bound cannot be differentiated twice"):
        torch.autograd.grad(first.square().sum(), weight)


def test_second_reparameterisation_needs_a_path():
    with pytest.raises(ValueError, match="path"):
        doubly_reparameterized_bound(gaussian(3, 2).terms(X)._replace(log_ratio=torch.zeros(1, 2)))


def test_discrete_latent_in_a_vae_has_a_gradient():
    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> OneHotCategorical:
            return OneHotCategorical(logits=self.net(x))

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(4, 3)

        def forward(self, z: torch.Tensor) -> Independent:
            return Independent(Normal(self.net(z), 1.0), 1)

    vae = VAE(Encoder(), Decoder(), Fixed(OneHotCategorical, logits=torch.zeros(4)))
    elbo(vae.terms(X, num_samples=2)).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in vae.parameters())


def test_mask_counts_only_what_was_observed():
    p = Independent(Bernoulli(logits=torch.tensor([[0.1, -0.4, 2.0]])), 1)
    x = torch.tensor([[1.0, 0.0, float("nan")]])
    mask = torch.tensor([[True, True, False]])
    expected = Bernoulli(logits=torch.tensor([0.1, -0.4])).log_prob(x[0, :2]).sum()
    assert float(log_likelihood(p, x, mask)[0]) == pytest.approx(float(expected))


def test_mask_leaves_finite_gradients():
    loc = torch.zeros(1, 2, requires_grad=True)
    p = Independent(Normal(loc, 1.0), 1)
    x = torch.tensor([[float("inf"), 1.0]])
    log_likelihood(p, x, torch.tensor([[False, True]])).sum().backward()
    torch.testing.assert_close(loc.grad, torch.tensor([[0.0, 1.0]]))


def test_mask_looks_into_nested_laws_and_may_be_numbers():
    loc, x = torch.arange(6.0).view(1, 2, 3), torch.ones(1, 2, 3)
    mask = torch.tensor([[[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]])
    right = log_likelihood(Independent(Normal(loc, 1.0), 2), x, mask.bool())
    expected = Normal(loc, 1.0).log_prob(x)[mask.bool()].sum()
    assert float(right[0]) == pytest.approx(float(expected))
    for p in (Independent(Normal(loc, 1.0), 2), Independent(Independent(Normal(loc, 1.0), 1), 1)):
        torch.testing.assert_close(log_likelihood(p, x, mask), right)


def test_mask_keeps_rows_of_numbers_apart():
    p, x = Independent(Normal(torch.zeros(2, 3), 1.0), 0), torch.ones(2, 3)
    found = log_likelihood(p, x, torch.eye(2, 3))
    torch.testing.assert_close(found, p.log_prob(x) * torch.eye(2, 3))


def test_mask_is_refused_where_a_part_is_a_vector():
    p = Independent(OneHotCategorical(logits=torch.zeros(1, 3, 4)), 1)
    x = torch.eye(4)[torch.zeros(1, 3).long()]
    with pytest.raises(TypeError, match="mask: OneHotCategorical gives no likelihood of a part"):
        log_likelihood(p, x, torch.ones(1, 3, 4, dtype=torch.bool))


def test_mask_is_refused_where_the_law_cannot_split():
    p = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    with pytest.raises(TypeError, match="mask"):
        log_likelihood(p, torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))


# --- identities, for any log likelihoods and log ratios ---

LOGS, WEIGHTS = reals(1000.0, 6).map(lambda v: v.view(3, 2)), st.floats(0.0, 10.0)


def terms_of(log_likelihood: torch.Tensor, log_ratio: torch.Tensor, **others: object) -> Terms:
    kl = -log_ratio.mean(0)
    terms = Terms(log_likelihood, kl, False, log_ratio, None, Normal(kl, 1.0), log_likelihood)
    return terms._replace(**others)


@EXAMPLES
@given(log_p=LOGS, kl=magnitudes(1e-6, 1e3, 2), weight=WEIGHTS, free=magnitudes(1e-6, 1e3, 1))
def test_elbo_is_its_formula(log_p, kl, weight, free):
    log_label = -kl.flip(0)
    terms = terms_of(log_p, log_p, kl=kl, log_label=log_label)
    mean = log_p.mean(0)
    torch.testing.assert_close(elbo(terms), mean - kl)
    torch.testing.assert_close(elbo(terms, kl_weight=weight), mean - weight * kl)
    held = torch.tensor([max(float(k), float(free)) for k in kl], dtype=torch.float64)
    found = elbo(terms, kl_weight=weight, free_bits=float(free))
    torch.testing.assert_close(found, mean - weight * held)
    found = labelled_elbo(terms, kl_weight=weight, label_weight=3.0)
    torch.testing.assert_close(found, mean - weight * kl + 3 * log_label)


@EXAMPLES
@given(log_p=LOGS, log_ratio=LOGS, weight=WEIGHTS)
def test_importance_weighted_bound_is_the_log_of_a_mean(log_p, log_ratio, weight):
    terms = terms_of(log_p, log_ratio, log_label=-log_p[0])
    found = importance_weighted_bound(terms, kl_weight=weight)
    logs = log_p + weight * log_ratio
    top = logs.max(0).values
    wanted = top + (logs - top).exp().mean(0).log()
    torch.testing.assert_close(found, wanted)
    options = {"kl_weight": weight, "label_weight": 3.0, "bound": importance_weighted_bound}
    torch.testing.assert_close(labelled_elbo(terms, **options), wanted - 3 * log_p[0])


@EXAMPLES
@given(log_p=LOGS, log_ratio=LOGS, weight=WEIGHTS)
def test_one_sample_makes_both_bounds_one(log_p, log_ratio, weight):
    terms = terms_of(log_p[:1], log_ratio[:1])
    found = importance_weighted_bound(terms, kl_weight=weight)
    torch.testing.assert_close(found, elbo(terms, kl_weight=weight))


@EXAMPLES
@given(log_p=LOGS, log_ratio=LOGS)
def test_a_bound_of_all_samples_is_at_least_the_mean_of_those_of_fewer(log_p, log_ratio):
    """Why it never falls in expectation: Burda et al. 2016, theorem 1."""

    def bound(samples):
        return importance_weighted_bound(terms_of(log_p[samples], log_ratio[samples]))

    means = [
        sum(bound(samples) for samples in subsets) / len(subsets)
        for subsets in ([[0], [1], [2]], [[0, 1], [0, 2], [1, 2]], [[0, 1, 2]])
    ]
    rounding = 64 * EPS * 2000
    assert (means[0] <= means[1] + rounding).all()
    assert (means[1] <= means[2] + rounding).all()
    assert (means[2] <= (log_p + log_ratio).max(0).values + rounding).all()
    torch.testing.assert_close(means[0], elbo(terms_of(log_p, log_ratio)))


def test_a_kl_below_the_free_bits_has_no_gradient():
    kl = torch.tensor([0.5, 3.0], requires_grad=True)
    terms = terms_of(torch.ones(1, 2), torch.ones(1, 2), kl=kl)
    (gradient,) = torch.autograd.grad(elbo(terms, kl_weight=0.7, free_bits=2.0).sum(), kl)
    assert gradient.tolist() == pytest.approx([0.0, -0.7])


def test_a_mask_takes_no_random_numbers_of_others():
    model = gaussian(3, 2, hidden_sizes=(4,), decoder_hidden_sizes=(4,))
    mask = torch.tensor([[True, False, True]]).expand(len(X), 3)
    before = torch.get_rng_state()
    model.terms(X, mask=mask, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
