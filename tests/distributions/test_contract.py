"""The contract of torch.distributions, law by law: the right value, or absent for a reason.

Each row of `contract.LAWS` is a law with what it lacks, and why. Moments, entropies and
modes are held against sums over a grid of the law's own density, whose total is 1; cdfs and
quantiles against SciPy. The densities themselves are held against others' in `test_oracles`.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.distributions import Distribution, constraints

from dirvae import distributions as dd
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.spherical import unit_sphere
from tests.distributions.contract import LAWS, ByCDF, ByMap, Falling, Grid, Law, counts, t

NAMES = ("cdf", "icdf", "mode", "entropy", "mean", "variance")
PROBABILITIES = torch.tensor([1e-9, 0.01, 0.3, 0.7, 0.999, 1 - 1e-9], dtype=torch.float64)


ROWS = pytest.mark.parametrize("row", LAWS.values(), ids=LAWS)
UNIVARIATE = {name: row for name, row in LAWS.items() if row.oracle is not None}


def test_every_exported_law_has_a_row() -> None:
    exported = [v for v in vars(dd).values() if isinstance(v, type) and issubclass(v, Distribution)]
    laws = [row.law() for row in LAWS.values()]
    assert len(exported) == 39
    for law in exported:
        assert any(law in (type(q), type(q).__base__) for q in laws), law


@pytest.mark.parametrize("name", NAMES)
@ROWS
def test_is_right_or_absent(row: Law, name: str) -> None:
    law = row.law()
    if name in row.absent:
        with pytest.raises(NotImplementedError):
            of(law, name, t(0.5))
    elif name in ("cdf", "icdf"):
        check_probabilities(row, name)
    else:
        CHECKS[name](law, row.grid())


def of(law: Distribution, name: str, *values: Tensor) -> Tensor:
    member = getattr(law, name)
    return member(*values) if name in ("cdf", "icdf") else member() if callable(member) else member


def check_probabilities(row: Law, name: str) -> None:
    law: Any = row.law()
    if name == "icdf":
        expected = row.oracle.ppf(PROBABILITIES.numpy())
        np.testing.assert_allclose(law.icdf(PROBABILITIES), expected, rtol=1e-7, atol=1e-12)
        return
    points = row.grid().points
    points = points[:: len(points) // 400]
    found, expected = law.cdf(points), row.oracle.cdf(points.numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


def masses(law: Distribution, grid: Grid) -> Tensor:
    mass = law.log_prob(grid.points).exp() * grid.weights
    torch.testing.assert_close(mass.sum(), t(1.0), rtol=0, atol=1e-8)
    return mass


def expected(law: Distribution, grid: Grid, values: Tensor) -> Tensor:
    return torch.tensordot(masses(law, grid), values, 1)


def check_mean(law: Distribution, grid: Grid) -> None:
    torch.testing.assert_close(law.mean.double(), expected(law, grid, grid.points), **CLOSE)


def check_variance(law: Distribution, grid: Grid) -> None:
    deviations = (grid.points - law.mean.double()) ** 2
    torch.testing.assert_close(law.variance.double(), expected(law, grid, deviations), **CLOSE)


def check_entropy(law: Distribution, grid: Grid) -> None:
    log_prob = law.log_prob(grid.points)
    surprise = torch.where(log_prob.isfinite(), -log_prob, 0.0)
    torch.testing.assert_close(law.entropy().double(), expected(law, grid, surprise), **CLOSE)


def check_mode(law: Distribution, grid: Grid) -> None:
    """No point of the grid is higher, nor any a thousandth of the way to one."""
    height, heights = law.log_prob(law.mode), law.log_prob(grid.points)
    gap = float(height - heights[grid.weights > 0].max())
    assert -1e-9 <= gap < 0.05
    if not law.support.is_discrete:
        points = grid.points[grid.weights > 0][::7]
        near = onto(law.support, law.mode + 1e-3 * (points - law.mode))
        assert float(law.log_prob(near).max() - height) < 1e-9


def onto(support: constraints.Constraint, z: Tensor) -> Tensor:
    if support is log_simplex:
        return torch.log_softmax(z, -1)
    return torch.nn.functional.normalize(z, dim=-1) if support is unit_sphere else z


CLOSE = {"rtol": 2e-6, "atol": 1e-7}
CHECKS = {
    "mean": check_mean,
    "variance": check_variance,
    "entropy": check_entropy,
    "mode": check_mode,
}


# --- derivatives ---


def function_of(row: Law, name: str) -> tuple[Callable[..., Tensor], list[Tensor]]:
    """The member ``name`` as a function of the law's parameters (and of two values), with these."""
    places = [
        i for i, v in enumerate(row.arguments) if torch.is_tensor(v) and v.dtype.is_floating_point
    ]
    values = [t(0.3, 0.8)] if name in ("cdf", "icdf") else []

    def function(*given: Tensor) -> Tensor:
        arguments = list(row.arguments)
        for place, leaf in zip(places, given, strict=False):
            arguments[place] = leaf
        return of(row.make(*arguments, validate_args=False), name, *given[len(places) :])

    leaves = [row.arguments[place] for place in places] + values
    return function, [leaf.clone().requires_grad_() for leaf in leaves]


@pytest.mark.parametrize("name", NAMES)
@ROWS
def test_gradients_are_right(row: Law, name: str) -> None:
    function, leaves = function_of(row, name)
    if leaves and name not in row.absent:
        assert gradcheck(function, leaves, rtol=1e-4, atol=1e-7, fast_mode=True)


@pytest.mark.parametrize("name", ["cdf", "icdf"])
@pytest.mark.parametrize("row", UNIVARIATE.values(), ids=UNIVARIATE)
def test_second_derivatives_are_right(row: Law, name: str) -> None:
    function, leaves = function_of(row, name)
    inverted = (
        isinstance(row.law(), dd.MonotoneTransform) and name == "cdf"
    )  # a first derivative only
    if name not in row.absent and not inverted:
        assert gradgradcheck(function, leaves, rtol=1e-4, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("name", ["SoftmaxNormal", "LogSoftmaxNormal"])
def test_a_second_derivative_that_is_not_there_raises(name: str) -> None:
    function, leaves = function_of(LAWS[name], "entropy")
    slopes = torch.autograd.grad(function(*leaves), leaves, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        torch.autograd.grad(slopes[0].sum(), leaves)


# --- numbers, shapes and ends ---


@pytest.mark.parametrize("row", UNIVARIATE.values(), ids=UNIVARIATE)
def test_takes_numbers(row: Law) -> None:
    law: Any = row.law()
    number = 2 if row.grid is counts else 0.3
    for name in {"log_prob", "cdf", "icdf"} - set(row.absent):
        method = getattr(law, name)
        value = 0.3 if name == "icdf" else number
        torch.testing.assert_close(method(value), method(t(value)), rtol=0, atol=0)
    single = row.make(*(v.float() if torch.is_tensor(v) else v for v in row.arguments))
    assert {single.log_prob(number).dtype, single.cdf(number).dtype} == {torch.float32}


@pytest.mark.parametrize("row", UNIVARIATE.values(), ids=UNIVARIATE)
def test_cdf_and_icdf_broadcast(row: Law) -> None:
    law: Any = row.law().expand([3])
    values = torch.ones(4, 1, dtype=torch.float64)
    for name in {"cdf", "icdf"} - set(row.absent):
        found = getattr(law, name)(values / 2 if name == "icdf" else values)
        assert found.shape == (4, 3)
        assert bool((found == found[0, 0]).all())


@pytest.mark.parametrize("row", UNIVARIATE.values(), ids=UNIVARIATE)
def test_ends_and_refusals(row: Law) -> None:
    law: Any = row.law()
    support = law.support
    if "icdf" in row.absent:
        return
    low, high = (getattr(support, f"{end}_bound", None) for end in ("lower", "upper"))
    ends = law.icdf(t(0.0, 1.0)).tolist()
    assert ends == [-math.inf if low is None else low, math.inf if high is None else high]
    for wrong in (1.5, -0.1, math.nan):
        with pytest.raises(
            ValueError, match=r"value contains .*, must be probabilities in \[0, 1\]"
        ):
            law.icdf(wrong)
    unchecked: Any = row.make(*row.arguments, validate_args=False)
    assert unchecked.icdf(t(1.5, -0.1, math.nan)).isnan().all()
    if low is not None:
        with pytest.raises(ValueError, match="within the support"):
            law.cdf(-1.0)


EXTREMES = {
    "Gamma": (
        dd.Gamma,
        lambda a, r: stats.gamma(a, scale=1 / r),
        [(a, 1.0) for a in (1e-3, 0.1, 1.0, 30.0, 1e4)],
    ),
    "Beta": (
        dd.Beta,
        stats.beta,
        [(0.01, 0.02), (0.3, 40.0), (1e-3, 5.0), (300.0, 0.5), (1e4, 3e4), (1.0, 1.0)],
    ),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_keep_their_digits_in_the_tails(name: str) -> None:
    make, oracle, parameters = EXTREMES[name]
    first, second = (t(column).unsqueeze(-1) for column in zip(*parameters, strict=True))
    u = t(1e-200, 1e-30, 1e-9, 0.2, 0.5, 0.9, 1 - 1e-6, 1 - 1e-12)
    law, theirs = make(first, second), oracle(first.numpy(), second.numpy())
    quantiles = theirs.ppf(u.numpy())
    near_zero = quantiles < 1e-280
    np.testing.assert_allclose(law.icdf(u)[~near_zero], quantiles[~near_zero], rtol=1e-9)
    np.testing.assert_allclose(law.cdf(torch.tensor(quantiles)), theirs.cdf(quantiles), rtol=1e-9)


def test_log_quantiles_do_not_underflow() -> None:
    """At a << 1 the cdf of a Gamma is x^a / Gamma(a + 1)."""
    law = dd.LogGamma(t(1e-3), t(2.0))
    y = law.icdf(1e-4)
    torch.testing.assert_close(y, (math.log(1e-4) + torch.lgamma(t(1.001))) / 1e-3 - math.log(2.0))
    torch.testing.assert_close(law.cdf(y), t(1e-4))


@pytest.mark.parametrize(
    ("law", "mode"),
    [
        (dd.Kumaraswamy(t(0.5), t(2.0)), 0.0),
        (dd.Kumaraswamy(t(2.0), t(0.5)), 1.0),
        (dd.Kumaraswamy(t(1.0), t(2.0)), 0.0),
        (dd.Kumaraswamy(t(2.0), t(1.0)), 1.0),
        (dd.Weibull(t(2.0), t(0.7)), 0.0),
        (dd.Weibull(t(2.0), t(1.0)), 0.0),
        (dd.NegativeBinomial(t(5.0), t(0.5)), 0.0),
        (dd.ZeroInflatedNegativeBinomial(t(9.0), t(5.0), t(-6.0)), 7.0),
        (dd.ZeroInflatedNegativeBinomial(t(9.0), t(5.0), t(0.0)), 0.0),
    ],
    ids=str,
)
def test_modes_at_an_end(law: Distribution, mode: float) -> None:
    assert float(law.mode) == mode


def test_modes_of_logs_at_an_end() -> None:
    assert dd.LogKumaraswamy(t(2.0), t(0.5)).mode.tolist() == [0.0, -math.inf]
    torch.testing.assert_close(dd.LogDirichlet(t(1.0, 3.0, 0.5)).mode.exp(), t(0.25, 0.75, 0.0))
    gem = dd.GEM(t(1.0), 3)
    assert gem.mode.tolist() == [1.0, 0.0, 0.0]


def test_sticks_of_a_dirichlet_have_its_mode_and_entropy() -> None:
    a = t(2.5, 1.8, 3.0, 1.4)
    sticks = dd.StickBreakingBeta(a[:-1], a.flip(-1).cumsum(-1).flip(-1)[1:])
    for ours, same in ((sticks, dd.Dirichlet(a)), (sticks.log(), dd.LogDirichlet(a))):
        for name in NAMES[2:]:
            torch.testing.assert_close(of(ours, name), of(same, name))


# --- counts ---


def test_entropies_of_counts_with_a_total_for_each_row() -> None:
    totals, logits = t(0.0, 1.0, 700.0), t([0.3, -1.0, 0.2], [0.0, 0.0, -math.inf], [2.0, 0.0, 1.0])
    found = dd.Multinomial(logits, totals).entropy()
    p = torch.softmax(logits, -1).numpy()
    exact = [stats.multinomial(int(n), row).entropy() for n, row in zip(totals, p, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-12)


def test_entropy_of_dirichlet_multinomial_counts() -> None:
    """With a = (1, 1) every count is as likely as any other; a huge a is a multinomial."""
    uniform = dd.DirichletMultinomial(t(1.0, 1.0), 600).entropy()
    torch.testing.assert_close(uniform, t(601.0).log())
    p = t(0.2, 0.5, 0.3)
    near = dd.DirichletMultinomial(1e9 * p, 40).entropy()
    torch.testing.assert_close(near, dd.Multinomial(p.log(), 40).entropy(), rtol=1e-6, atol=0)


# --- pickles ---


def by_lambda() -> type[Distribution]:
    return dd.from_icdf(lambda u, loc: loc + torch.logit(u), loc=constraints.real)


class Mine(ByMap):
    """A law that a user derives from one that was made."""


@ROWS
def test_pickles(row: Law) -> None:
    law = row.law()
    loaded = pickle.loads(pickle.dumps(law))
    draws = law.sample(torch.Size([3]))
    assert torch.equal(loaded.log_prob(draws), law.log_prob(draws))
    assert loaded._validate_args == law._validate_args
    assert (loaded.batch_shape, loaded.event_shape) == (law.batch_shape, law.event_shape)
    assert type(copy.deepcopy(law)) is type(copy.copy(law)) is type(law)


def test_a_made_law_is_made_anew_where_it_is_loaded() -> None:
    for law in (ByCDF, Falling, dd.from_cdf(torch.mul, support=constraints.unit_interval, **UNIT)):
        loaded = pickle.loads(pickle.dumps(law(*[t(1.0)] * len(law.arg_constraints))))
        assert type(loaded) is not law
        assert loaded.expand([2]).rsample().shape == (2,)
        assert (type(loaded).__name__, type(loaded).__doc__) == (law.__name__, law.__doc__)
    assert type(pickle.loads(pickle.dumps(Mine(0.0, 1.0)))) is Mine
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(by_lambda()(0.0))


UNIT = {"other": constraints.positive}
