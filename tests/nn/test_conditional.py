"""Heads: raw outputs to valid parameters."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.distributions as td
from torch import nn

from dirvae.distributions import PowerSpherical, VonMisesFisher
from dirvae.nn import MLP, ConvDecoder, ConvEncoder, Fixed, Head, Learned, inverse_softplus

HALF = torch.tensor(0.5)
LAWS = [
    (td.Beta, {}),
    (td.Cauchy, {}),
    (td.Chi2, {}),
    (td.ContinuousBernoulli, {}),
    (td.Dirichlet, {}),
    (td.Exponential, {}),
    (td.FisherSnedecor, {}),
    (td.Gamma, {}),
    *([(td.GeneralizedPareto, {})] if hasattr(td, "GeneralizedPareto") else []),  # not in torch 2.6
    (td.Gumbel, {}),
    (td.HalfCauchy, {}),
    (td.HalfNormal, {}),
    (td.InverseGamma, {}),
    (td.Kumaraswamy, {}),
    (td.Laplace, {}),
    (td.LogNormal, {}),
    (td.LogisticNormal, {}),
    (td.LowRankMultivariateNormal, {}),
    (td.MultivariateNormal, {}),
    (td.Normal, {}),
    (td.OneHotCategoricalStraightThrough, {}),
    (td.Pareto, {}),
    (td.RelaxedBernoulli, {"temperature": HALF}),
    (td.RelaxedOneHotCategorical, {"temperature": HALF}),
    (td.StudentT, {}),
    (td.Uniform, {}),
    (td.Weibull, {}),
    (PowerSpherical, {}),  # one scale for all of a vector
    (VonMisesFisher, {}),
]


@pytest.mark.parametrize(("Law", "given"), LAWS, ids=lambda v: getattr(v, "__name__", ""))
@pytest.mark.parametrize("scale", [0.0, 30.0])
def test_every_reparameterised_law_gets_valid_parameters(Law, given, scale):
    torch.manual_seed(0)
    head = Head(nn.Linear(4, 8), 3, Law, **given)
    raw = scale * torch.randn(5, head.num_raw)
    law = head.law(raw)
    base = law.base_dist if isinstance(law, td.Independent) else law
    for name, constraint in base.arg_constraints.items():
        if name in base.__dict__ and not td.constraints.is_dependent(constraint):
            assert constraint.check(getattr(base, name)).all(), name
    z = law.rsample((2,))
    assert z.shape == (2, 5, 3)
    assert law.batch_shape == (5,)


def test_initial_is_the_value_at_raw_zero():
    head = Head(nn.Linear(4, 8), 3, td.Normal, initial={"scale": 0.25, "loc": 2.0})
    law = head.law(torch.zeros(1, 6)).base_dist
    torch.testing.assert_close(law.scale, torch.full((1, 3), 0.25))
    torch.testing.assert_close(law.loc, torch.full((1, 3), 2.0))


def test_a_parameter_stays_above_its_least_value():
    options = {"least": {"concentration": torch.tensor([0.5, 1.0, 2.0])}}
    head = Head(nn.Linear(4, 8), 3, td.Dirichlet, exponential=("concentration",), **options)
    least = torch.tensor([0.5, 1.0, 2.0])
    torch.testing.assert_close(head.law(torch.full((3,), -50.0)).concentration, least + 1e-4)
    start = Head(nn.Linear(4, 8), 3, td.Dirichlet, initial={"concentration": 3.0}, **options)
    torch.testing.assert_close(start.law(torch.zeros(1, 3)).concentration, torch.full((1, 3), 3.0))


def test_shared_parameters_do_not_depend_on_the_context():
    head = Head(nn.Linear(4, 8), 3, td.Normal, shared=("scale",))
    law = head(torch.randn(6, 4)).base_dist
    assert (law.scale == law.scale[0]).all()
    assert not (law.loc == law.loc[0]).all()
    law.scale.sum().backward()
    assert head.shared_scale.grad.abs().sum() > 0


def test_two_positive_parameters_have_gradients_everywhere():
    head = Head(nn.Linear(4, 8), 3, td.Gamma)
    head(torch.randn(2, 4)).rsample().log().sum().backward()
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_half_precision_outputs_are_raised():
    head = Head(nn.Linear(4, 8), 3, td.Normal)
    with torch.autocast("cpu", torch.bfloat16):
        assert head(torch.randn(2, 4)).base_dist.loc.dtype == torch.float32


def test_net_of_unknown_width_is_found_at_the_first_call():
    class Double(nn.Module):
        def forward(self, x):
            return torch.cat([x, x], -1)

    head = Head(Double(), 3, td.Normal)
    assert head(torch.randn(2, 4)).event_shape == (3,)


def test_net_may_give_the_raw_outputs_itself():
    shape = (3, 10, 12)
    decoder = ConvDecoder(5, shape, (8, 4), num_parameters=2)
    law = Head(decoder, shape, td.Normal, project=False)(torch.randn(7, 2, 5))
    assert law.batch_shape == (7, 2)
    assert law.event_shape == shape


def test_conv_encoder_takes_flat_rows_images_and_covariates():
    torch.manual_seed(0)
    net = ConvEncoder((1, 6, 6), (4,), num_covariates=2)
    x, c = torch.randn(3, 36), torch.randn(3, 2)
    torch.testing.assert_close(net(x, c), net(x.unflatten(1, (1, 6, 6)), c))
    assert net(x, c).shape == (3, net.out_features)


def test_mlp_joins_inputs_and_broadcasts_samples():
    net = MLP(5, (7,))
    assert net(torch.randn(4, 3, 3), torch.randn(3, 2)).shape == (4, 3, 7)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="initial names"):
        Head(nn.Linear(4, 8), 3, td.Normal, initial={"variance": 1.0})
    for name in ("variance", "loc"):
        with pytest.raises(ValueError, match="least names"):
            Head(nn.Linear(4, 8), 3, td.Normal, least={name: 1.0})


def test_what_starts_below_its_least_value_is_refused():
    with pytest.raises(ValueError, match="initial scale must be above"):
        Head(nn.Linear(4, 8), 3, td.Normal, least={"scale": 1.0}, initial={"scale": 0.5})


def test_law_that_does_not_fit_is_refused_with_its_name():
    with pytest.raises(ValueError, match="RelaxedOneHotCategorical"):
        Head(nn.Linear(4, 8), 3, td.RelaxedOneHotCategorical)


def test_fixed_refuses_invalid_parameters():
    with pytest.raises(ValueError, match="scale"):
        Fixed(td.Normal, loc=torch.zeros(2), scale=torch.tensor([1.0, -1.0]))


def test_fixed_moves_with_the_module():
    assert (
        Fixed(td.Normal, loc=torch.zeros(2), scale=torch.ones(2)).double()().mean.dtype
        == torch.float64
    )


def test_learned_starts_at_its_parameters_and_finds_others():
    start = torch.tensor([0.5, 1.0, 3.0])
    prior = Learned(td.Dirichlet, concentration=start)
    torch.testing.assert_close(prior().concentration, start, rtol=1e-2, atol=0)
    # Maximum likelihood from draws: the score is the gradient that torch's law has.
    z = td.Dirichlet(torch.tensor([2.0, 1.0, 0.5])).sample((20_000,))
    adam = torch.optim.Adam(prior.parameters(), lr=0.05)
    for _ in range(300):
        adam.zero_grad()
        (-prior().log_prob(z).mean()).backward()
        adam.step()
    found = prior().concentration.detach()
    torch.testing.assert_close(found, torch.tensor([2.0, 1.0, 0.5]), rtol=0.05, atol=0)


def test_learned_refuses_invalid_parameters():
    with pytest.raises(ValueError, match="concentration"):
        Learned(td.Dirichlet, concentration=torch.tensor([1.0, -1.0]))


def test_inverse_softplus_at_extremes():
    x = torch.tensor([1e-4, 1.0, 50.0])
    torch.testing.assert_close(
        torch.nn.functional.softplus(inverse_softplus(x)), x, rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("Law", [partial(td.Binomial, 16), lambda logits: td.Binomial(16, logits)])
def test_a_function_without_constraints_is_refused(Law) -> None:
    with pytest.raises(ValueError, match="function with an attribute arg_constraints"):
        Head(nn.Linear(2, 3), 4, Law)


def test_an_exponential_parameter_goes_on_along_its_tangent_above_e_to_the_5():
    head = Head(nn.Linear(4, 8), 4, td.Dirichlet, exponential=("concentration",))
    raw = torch.tensor([-8.0, 1.0, 4.999, 5.001, 9.0, 1e3, -2.0, 0.0], dtype=torch.float64)
    found = head.double().law(raw.view(2, 4)).concentration.flatten()
    expected = torch.where(raw < 5, raw.exp(), math.exp(5) * (1 + raw - 5)) + 1e-4
    torch.testing.assert_close(found, expected)


def test_what_is_learned_starts_where_it_is_told():
    for start in (1.5e-4, 1e-3, 7.0):
        found = Learned(td.Dirichlet, concentration=torch.full((3,), start))().concentration
        torch.testing.assert_close(found, torch.full((3,), start), rtol=1e-3, atol=0)
    assert float(Learned(td.Poisson, rate=torch.zeros(1))().mean.detach()) < 2e-4
    with pytest.raises(ValueError, match=r"concentration is 1e-05, must be above 0\.0001"):
        Learned(td.Dirichlet, concentration=torch.tensor([1.0, 1e-5]))
