"""Draws, log ratios and divergences of any pair of laws."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Exponential,
    Gumbel,
    Independent,
    LogNormal,
    MixtureSameFamily,
    Normal,
    StudentT,
    kl_divergence,
)

from dirvae import distributions as dd
from dirvae.distributions.draws import formula_of_kl

G = torch.Generator


def t(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return G().manual_seed(seed)


def mixture() -> MixtureSameFamily:
    weights = Categorical(torch.tensor([0.3, 0.7]).double())
    return MixtureSameFamily(weights, dd.Dirichlet(torch.tensor([[1.0, 2, 3], [3, 2, 1]]).double()))


SIMPLEX: list[Distribution] = [
    dd.Dirichlet(t(0.5, 1.5, 2.0, 1.0)),
    dd.Dirichlet(t(4.0, 3.0, 5.0, 2.0)),
    dd.GEM(t(1.5)[0], 4),
    dd.StickBreakingBeta(t(0.8, 1.5, 3.0), t(2.0, 1.0, 1.5)),
    dd.StickBreakingKumaraswamy(t(0.8, 1.5, 3.0), t(2.0, 1.0, 1.5)),
    dd.ScaledDirichlet(t(0.5, 1.5, 2.0, 1.0), t(1.0, -1.0, 0.0, 0.5)),
    dd.ScaledDirichlet(t(8.0, 0.2, 5.0, 2.0), t(-1.0, 1.5, 0.0, 2.0)),
    dd.SoftmaxNormal(t(0.5, -0.5, 0.0, 0.2), t(0.5, 1.0, 0.8, 0.6)),
    dd.SoftmaxNormal(t(0.0, 0.3, 0.0, -0.2), t(1.0, 1.0, 1.2, 0.9)),
    torch.distributions.Dirichlet(t(0.9, 1.5, 2.0, 1.2)),
]


def registered(q: Distribution, p: Distribution) -> bool:
    try:
        kl_divergence(q, p)
    except NotImplementedError:
        return False
    return True


PAIRS = [(q, p) for q, p in itertools.product(SIMPLEX, SIMPLEX) if registered(q, p)]


def test_enough_pairs_are_closed_form() -> None:
    assert len(PAIRS) == 56


@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_closed_form_is_monte_carlo(index: int) -> None:
    # 5 standard errors of 40,000 draws: a right KL fails once in 2 million seeds.
    q, p = PAIRS[index]
    log_ratio = dd.draw_with_log_ratio(q, p, torch.Size([40_000]), seeded(index)).log_ratio
    exact, terms = kl_divergence(q, p), -log_ratio
    gap = (terms.mean(0) - exact).abs()
    assert float(exact) > -1e-9
    assert float(gap) <= 5 * float(terms.std(0)) / 200 + 1e-9


@pytest.mark.parametrize("law", [*SIMPLEX[:4], *SIMPLEX[5:]], ids=lambda law: type(law).__name__)
def test_kl_to_itself_is_zero(law: Distribution) -> None:
    assert abs(float(kl_divergence(law, law))) < 1e-6


@pytest.mark.parametrize(
    ("q", "p"),
    [
        (dd.Dirichlet(t(1, 2, 3)), dd.Dirichlet(t(2))),
        (torch.distributions.Dirichlet(t(1, 2, 3)), dd.Dirichlet(t(2))),
        (dd.ScaledDirichlet(t(1, 2, 3), t(0, 1, 2)), dd.Dirichlet(t(2))),
        (dd.StickBreakingBeta(t(1, 2, 3), t(2, 1, 1)), dd.GEM(t(1.5)[0], 2)),
        (dd.StickBreakingKumaraswamy(t(1, 2, 3), t(2, 1, 1)), dd.Dirichlet(t(2, 1))),
        (dd.SoftmaxNormal(t(0, 1, 2), t(1, 1, 1)), dd.SoftmaxNormal(t(0, 1), t(1, 1))),
        (dd.HyperSphericalUniform(3), dd.HyperSphericalUniform(2)),
    ],
)
def test_kl_of_different_events_is_refused(q: Distribution, p: Distribution) -> None:
    """One component would else be broadcast to three, and give a number."""
    for divergence in (kl_divergence, dd.kl):
        with pytest.raises(ValueError, match=r"events of shape \([34],\) and p of \([12],\)"):
            divergence(q, p)


def test_kl_of_torch_laws_of_different_events_is_refused() -> None:
    q, p = (torch.distributions.Dirichlet(t(*a)) for a in ((1, 2, 3), (2,)))
    with pytest.raises(ValueError, match=r"of shape \(3,\) and p of \(1,\)"):
        dd.kl(q, p)
    with pytest.raises(ValueError, match="q has 3 categories and p has 1, must be the same"):
        dd.kl(Categorical(torch.ones(3)), Categorical(torch.ones(1)))


@pytest.mark.parametrize(
    ("q", "parameters"),
    [
        (dd.SoftmaxNormal, (t(0.5, -0.5, 0.0), t(0.5, 1.0, 0.8))),
        (dd.StickBreakingKumaraswamy, (t(0.8, 1.5), t(2.0, 1.0))),
        (dd.StickBreakingBeta, (t(0.8, 1.5), t(2.0, 1.0))),
    ],
)
def test_kl_passes_gradcheck(q: type[Distribution], parameters: tuple[Tensor, ...]) -> None:
    p = dd.SoftmaxNormal(t(0, 1, 0), t(1, 2, 1)) if q is dd.SoftmaxNormal else dd.GEM(t(2)[0], 3)
    leaves = tuple(value.clone().requires_grad_() for value in parameters)
    assert torch.autograd.gradcheck(lambda *args: kl_divergence(q(*args), p), leaves)


def test_kl_says_which_it_is() -> None:
    exact = dd.kl(Normal(0.0, 1.0), Normal(1.0, 1.0))
    assert exact.exact
    assert exact.std_error is None
    assert float(exact.value) == 0.5
    q = dd.InverseCDFDirichlet(torch.ones(4, 3))
    one = dd.kl(q, dd.Dirichlet(torch.ones(3)))
    assert not one.exact
    assert one.std_error is None
    assert one.value.shape == (4,)
    many = dd.kl(q, dd.Dirichlet(torch.ones(3)), num_samples=10)
    assert many.std_error is not None
    assert many.std_error.shape == (4,)


def test_monte_carlo_kl_is_reproducible_and_within_its_error() -> None:
    q, p = StudentT(5.0), Normal(0.0, 1.0)
    a, b = (dd.kl(q, p, num_samples=20_000, generator=seeded()) for _ in range(2))
    assert torch.equal(a.value, b.value)
    assert a.std_error is not None
    x = torch.linspace(-60, 60, 400_001, dtype=torch.float64)
    density = q.log_prob(x).exp()
    exact = torch.trapezoid(density * (q.log_prob(x) - p.log_prob(x)), x)
    assert float((a.value - exact).abs()) < 5 * float(a.std_error)


def test_monte_carlo_gradient_is_unbiased_without_a_path() -> None:
    # An integer-shifted prior hides that both are Bernoulli, so that no closed form applies.
    class Hidden(Bernoulli):
        pass

    class Other(Distribution):
        event_shape, batch_shape, arg_constraints = torch.Size(), torch.Size(), {}

        def log_prob(self, value: Tensor) -> Tensor:
            return Bernoulli(0.3).log_prob(value)

    logits = torch.tensor(0.7, requires_grad=True)
    value = dd.kl(Hidden(logits=logits), Other(validate_args=False), num_samples=100_000).value
    estimate = torch.autograd.grad(value, logits)[0]
    exact = torch.autograd.grad(
        kl_divergence(Bernoulli(logits=logits), Bernoulli(torch.tensor(0.3))), logits
    )[0]
    assert abs(float(estimate - exact)) < 0.01


def test_ratio_is_finite_where_plain_densities_are_not() -> None:
    q = dd.Dirichlet(torch.full((8, 20), 0.01))
    p = dd.InverseCDFDirichlet(torch.full((20,), 0.02))
    z, log_ratio, log_q, _ = dd.draw_with_log_ratio(q, p, torch.Size([50]), seeded())
    assert z.shape == (50, 8, 20)
    assert log_ratio.shape == log_q.shape == (50, 8)
    assert bool((z == 0).any())
    assert bool(log_ratio.isfinite().all())


def test_log_law_looks_inside_wrappers() -> None:
    sticks = Independent(dd.Kumaraswamy(torch.full((2, 3), 0.01), torch.full((2, 3), 0.01)), 1)
    prior = Independent(dd.Beta(torch.full((3,), 0.5), torch.full((3,), 0.5)), 1)
    z, log_ratio, *_ = dd.draw_with_log_ratio(sticks, prior, torch.Size([100]), seeded())
    assert z.shape == (100, 2, 3)
    assert bool(log_ratio.isfinite().all())
    assert isinstance(dd.log_law(mixture()), MixtureSameFamily)
    assert dd.log_law(Normal(0.0, 1.0)) is None


def test_log_ratio_of_a_mixture_prior_agrees_with_plain_space() -> None:
    q = dd.Dirichlet(t(2.0, 3.0, 4.0))
    z, log_ratio, *_ = dd.draw_with_log_ratio(q, mixture(), torch.Size([20]), seeded())
    torch.testing.assert_close(log_ratio, mixture().log_prob(z) - q.log_prob(z))


LAWS: list[Distribution] = [
    *SIMPLEX,
    mixture(),
    Normal(torch.zeros(3), 1.0),
    Independent(dd.Gamma(torch.ones(3), 1.0), 1),
    Independent(Normal(torch.zeros(3), 1.0), 1),
    LogNormal(torch.zeros(2), 1.0),
    Categorical(torch.ones(10)),
    dd.InverseCDFDirichlet(torch.ones(3)),
    dd.Kumaraswamy(torch.ones(3), 2.0),
    dd.NegativeBinomial(torch.full((3,), 5.0), 2.0),
    dd.ZeroInflatedNegativeBinomial(torch.full((3,), 5.0), 2.0, 0.0),
    dd.Multinomial(torch.zeros(3), 10),
    dd.DirichletMultinomial(torch.ones(3), 10),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_draw_honours_the_generator(law: Distribution) -> None:
    before = torch.get_rng_state()
    first, again, other = (dd.draw(law, torch.Size([50]), seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())
    generator = seeded(1)
    assert not torch.equal(
        dd.draw(law, torch.Size([50]), generator), dd.draw(law, torch.Size([50]), generator)
    )


def test_draw_of_a_wrapper_is_the_draw_of_what_it_wraps() -> None:
    law = dd.Gamma(torch.ones(3), 1.0)
    a = dd.draw(Independent(law, 1), torch.Size([2]), seeded())
    assert torch.equal(a, dd.draw(law, torch.Size([2]), seeded()))


def test_draw_keeps_the_path() -> None:
    loc = torch.zeros(3, requires_grad=True)
    for generator in (None, seeded()):
        z = dd.draw(Normal(loc, 1.0), torch.Size([2]), generator)
        torch.testing.assert_close(torch.autograd.grad(z.sum(), loc)[0], torch.full((3,), 2.0))


def test_draw_without_generator_is_torch_itself() -> None:
    torch.manual_seed(3)
    a = dd.draw(Gumbel(0.0, 1.0), torch.Size([4]))
    torch.manual_seed(3)
    assert torch.equal(a, Gumbel(0.0, 1.0).rsample(torch.Size([4])))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="q has events of shape"):
        dd.draw_with_log_ratio(dd.Dirichlet(torch.ones(3)), dd.Dirichlet(torch.ones(4)))
    with pytest.raises(ValueError, match="num_samples"):
        dd.kl(Normal(0.0, 1.0), Gumbel(0.0, 1.0), num_samples=0)
    broken = Normal(math.nan, 1.0, validate_args=False)
    with pytest.raises(ValueError, match="NaN"):
        dd.draw_with_log_ratio(broken, Exponential(1.0, validate_args=False))


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_closed_form_is_monte_carlo_to_a_thousandth(index: int) -> None:
    """As above, with a standard error of at most .001 max(1, KL)."""
    q, p = PAIRS[index]
    exact = float(kl_divergence(q, p))
    total, squares, count, error = 0.0, 0.0, 0, math.inf
    generator = seeded(index)
    while error > 1e-3 * max(1.0, exact):
        terms = -dd.draw_with_log_ratio(q, p, torch.Size([250_000]), generator)[1]
        total, squares = total + float(terms.sum()), squares + float((terms**2).sum())
        count += len(terms)
        error = max(squares / count - (total / count) ** 2, 0.0) ** 0.5 / count**0.5
    assert abs(total / count - exact) <= 5 * error + 1e-9


def test_the_standard_error_is_the_spread_of_the_values() -> None:
    q = Normal(torch.zeros(2000), torch.ones(2000))
    found = dd.kl(q, StudentT(5.0), num_samples=50, generator=torch.Generator().manual_seed(0))
    spread = found.value.std()  # of 2,000 values, which is known to 2 %
    told = found.std_error.square().mean().sqrt()
    assert float(told) == pytest.approx(float(spread), rel=0.1)


def test_many_draws_of_a_mixture_are_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Normal(torch.tensor([-5.0, 5.0]), 1.0)
    law = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75])), parts)
    monkeypatch.setattr("dirvae.distributions.draws.MOST_AT_ONCE", 2_000)
    sizes, sample = [], MixtureSameFamily.sample
    monkeypatch.setattr(
        MixtureSameFamily,
        "sample",
        lambda self, shape: sizes.append(shape.numel()) or sample(self, shape),
    )
    found = [dd.draw(law, torch.Size([30, 101]), seeded()) for _ in range(2)]
    assert sizes == [1000, 1000, 1000, 30] * 2
    assert torch.equal(*found)
    assert found[0].shape == (30, 101)
    assert found[0].unique().numel() > 3000  # no part is the same as another
    share = float((found[0] > 0).double().mean())
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / 3030) ** 0.5


def test_formulas_that_index_by_masks_have_the_shape_of_both():
    """torch's of two Bernoullis fails, or takes rows for columns, where one has fewer axes."""
    probs = torch.tensor([[0.3, 0.0], [0.6, 0.5]])
    q, p = Bernoulli(probs), Bernoulli(torch.tensor([0.5, 0.0]))
    expected = (probs * (probs / 0.5)[:, :1].log() + (1 - probs) * ((1 - probs) / 0.5).log())[:, 0]
    for found in (formula_of_kl(q, p), dd.kl(q, p).value):
        torch.testing.assert_close(found[:, 0], expected)
        assert found[:, 1].tolist() == [0.0, math.inf]
    found = formula_of_kl(Independent(q, 1), Independent(Bernoulli(torch.full((2,), 0.5)), 1))
    by_hand = Independent(Bernoulli(torch.full((2, 2), 0.5)), 1)
    torch.testing.assert_close(found, kl_divergence(Independent(q, 1), by_hand))
