"""Dirichlet and LogDirichlet against scipy, exact moments and float64."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.stats as st
import torch
from hypothesis import given
from torch.distributions import kl_divergence

from dirvae.distributions._log_gamma_gradient import log_gamma_gradient
from dirvae.distributions._log_gamma_sampler import sample_log_gamma
from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from tests.distributions.torch_releases import BACKENDS, LOOKED_AT, OF_THE_COMPILER
from tests.magnitudes import EXAMPLES, magnitudes

A = torch.tensor([0.3, 1.2, 4.0]).double()


def jacobian(concentration: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """d log z_j / d a_k of one draw, and the float64 value of the same at the same log gammas."""
    a = concentration.clone().requires_grad_()
    source = torch.Generator().manual_seed(seed)
    log_z = LogDirichlet(a).rsample((), generator=source)
    (got,) = torch.autograd.grad(log_z, a, torch.eye(len(a)), is_grads_batched=True)
    log_x = sample_log_gamma(concentration, torch.Generator().manual_seed(seed)).double()
    z = log_x.softmax(-1)
    rest = torch.stack([torch.cat((z[:k], z[k + 1 :])).sum() for k in range(len(z))])
    exact = torch.diag(rest) - (1 - torch.eye(len(z))) * z
    return got, exact * log_gamma_gradient(concentration.double(), log_x)


class TestGradient:
    @pytest.mark.parametrize("total", [0.5, 50.0, 5e3, 1e6])
    @pytest.mark.parametrize("uneven", [0.0, 1.0, 4.0])
    def test_elementwise(self, total: float, uneven: float) -> None:
        """K = 50; the last case has components that differ by e^20 and one near 1."""
        noise = torch.randn(50, generator=torch.Generator().manual_seed(2))
        a = total * torch.softmax(uneven * noise, -1) + 1e-6
        for seed in range(3):
            got, exact = jacobian(a, seed)
            normal = exact.abs() > 1e-35  # below, float32 has no digits left
            assert normal.any()
            assert (got / exact - 1)[normal].abs().max() < 1e-4
            assert (got[~normal].abs() < 1e-34).all()

    def test_gradients_of_moments(self) -> None:
        """d E[z_0^2] / d a and d E[log z_0] / d a, within 5 standard errors."""
        n = 100_000
        a = A.clone().requires_grad_()
        total = a.sum()
        exact = (
            a[0] * (a[0] + 1) / (total * (total + 1)),
            torch.digamma(a[0]) - torch.digamma(total),
        )
        leaf = A.float().expand(n, 3).clone().requires_grad_()
        log_z = LogDirichlet(leaf).rsample((), generator=torch.Generator().manual_seed(0))
        for value, moment in zip(((2 * log_z[:, 0]).exp(), log_z[:, 0]), exact, strict=True):
            (g,) = torch.autograd.grad(value.sum(), leaf, retain_graph=True)
            (expected,) = torch.autograd.grad(moment, a, retain_graph=True)
            error = (g.double().mean(0) - expected).abs()
            assert (error < 5 * g.double().std(0) / math.sqrt(n)).all()

    def test_more_totals_approach_the_beta_marginal_gradient(self) -> None:
        """Within 5 standard errors of torch's own, which is a Beta-marginal one, at fixed z."""
        a, n = torch.tensor([0.3, 0.5], dtype=torch.float64, requires_grad=True), 2000
        z = Dirichlet(a).rsample((), torch.Generator().manual_seed(0), totals=n)
        (got,) = torch.autograd.grad(z[0], a)
        marginal = torch._dirichlet_grad(z.detach(), a.detach(), a.detach().sum().expand(2))
        expected = marginal * torch.stack((1 - z[0], -z[0])).detach()
        spread = []
        for seed in range(200):
            again = torch.Generator().manual_seed(seed)
            log_t = sample_log_gamma(a.detach().sum(), again)
            log_x = z.detach().log() + log_t
            spread.append(log_gamma_gradient(a.detach(), log_x) * (z * (1 - z)).detach())
        error = torch.stack(spread).std(0) / math.sqrt(n)
        assert ((got - expected).abs() < 5 * error + 2e-3 * expected.abs()).all()

    def test_more_totals_lower_the_variance(self) -> None:
        variances, means = [], []
        for totals in (1, 8):
            a = torch.full((20_000, 2), 0.1).requires_grad_()
            z = Dirichlet(a).rsample((), torch.Generator().manual_seed(0), totals=totals)
            (g,) = torch.autograd.grad(z[:, 0].sum(), a)
            variances.append(g[:, 0].var())
            means.append(g[:, 0].mean())
        assert variances[1] < 0.7 * variances[0]
        standard_error = torch.stack(variances).sum().div(20_000).sqrt()
        assert abs(means[0] - means[1]) < 5 * standard_error

    def test_normalising_passes_gradcheck(self) -> None:
        from dirvae.distributions.dirichlet import _LogNormalize

        y = torch.tensor([[0.1, 2.0, -3.0], [40.0, 0.0, 1.0]]).double().requires_grad_()
        assert torch.autograd.gradcheck(_LogNormalize.apply, (y,))
        assert torch.autograd.gradgradcheck(_LogNormalize.apply, (y,))

    def test_a_second_derivative_raises(self) -> None:
        a = torch.rand(3, requires_grad=True)
        (g,) = torch.autograd.grad(Dirichlet(a).rsample()[0], a, create_graph=True)
        with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
            g.sum().backward()


class TestLaw:
    @pytest.mark.parametrize("a", [0.01, 0.98, 20.0])
    def test_each_proportion_is_a_beta(self, a: float) -> None:
        """KS at p > 1e-4 of log z_0 of 5, given z_0 < 1/2; z_0 is Beta(a, 4 a)."""
        q = LogDirichlet(torch.full((5,), a))
        y = q.sample((50_000,), generator=torch.Generator().manual_seed(0))[:, 0].double().numpy()
        y = y[y < np.log(0.5)]  # above, the plain cdf runs out of digits
        constant = math.lgamma(5 * a) - math.lgamma(a + 1) - math.lgamma(4 * a)
        law = st.beta(a, 4 * a)
        u = np.where(y < -50, np.exp(a * y + constant), law.cdf(np.exp(y))) / law.cdf(0.5)
        assert len(u) > 10_000
        assert st.kstest(u, "uniform").pvalue > 1e-4

    def test_sparse_draws_stay_finite_and_normalised(self) -> None:
        y = LogDirichlet(torch.full((50,), 1e-3)).sample((1000,))
        assert y.isfinite().all()
        assert (y <= 0).all()
        assert y.logsumexp(-1).abs().max() < 1e-6
        assert (y < -104).float().mean() > 0.8  # where exp would have given 0

    def test_log_z_keeps_digits_next_to_one(self) -> None:
        q = LogDirichlet(torch.tensor([1e4, 1e-2, 1e-2]))
        y = q.sample((2000,), generator=torch.Generator().manual_seed(0)).double()
        rest = y[:, 1:].logsumexp(-1)
        visible = rest > -80
        assert visible.sum() > 100
        torch.testing.assert_close(
            y[visible, 0], torch.log1p(-rest[visible].exp()), rtol=2e-5, atol=0
        )

    def test_plain_and_log_draws_agree(self) -> None:
        a = torch.tensor([0.3, 1.2, 4.0])
        z = Dirichlet(a).sample((6,), generator=torch.Generator().manual_seed(0))
        y = Dirichlet(a).log().sample((6,), generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(z, y.exp())


def _kl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return kl_divergence(Dirichlet(a, validate_args=False), Dirichlet(b, validate_args=False))


def _kl_by_mpmath(a: list[float], b: list[float]) -> float:
    with mpmath.workdps(40):
        mean = [mpmath.digamma(x) - mpmath.digamma(mpmath.fsum(a)) for x in a]
        normalizers = [
            mpmath.fsum(map(mpmath.loggamma, c)) - mpmath.loggamma(mpmath.fsum(c)) for c in (b, a)
        ]
        kernel = mpmath.fsum((x - y) * m for x, y, m in zip(a, b, mean, strict=True))
        return float(kernel + normalizers[0] - normalizers[1])


class TestFormulas:
    def test_against_scipy(self) -> None:
        q, z = Dirichlet(A), torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        law = st.dirichlet(A.numpy())
        np.testing.assert_allclose(q.log_prob(z), law.logpdf(z.numpy()), rtol=1e-12)
        np.testing.assert_allclose(q.entropy(), law.entropy(), rtol=1e-12)
        np.testing.assert_allclose(q.mean, law.mean(), rtol=1e-12)
        np.testing.assert_allclose(q.variance, law.var(), rtol=1e-12)

    def test_variance_beside_tiny_components_is_scipys(self) -> None:
        a = torch.tensor([1e6, 1e-3, 1e-8])
        oracle = st.beta(a.double(), a.double().sum() - a.double()).var()
        np.testing.assert_allclose(Dirichlet(a).variance, oracle, rtol=1e-6)

    def test_log_density_is_the_density_with_its_jacobian(self) -> None:
        y = LogDirichlet(A).sample((9,))
        plain = Dirichlet(A).log_prob(y.exp()) + y[:, :-1].sum(-1)
        torch.testing.assert_close(Dirichlet(A).log().log_prob(y), plain)

    def test_log_moments_and_entropy_against_monte_carlo(self) -> None:
        q, n = LogDirichlet(A), 200_000
        y = q.sample((n,), generator=torch.Generator().manual_seed(0))
        assert ((y.mean(0) - q.mean).abs() < 5 * y.std(0) / math.sqrt(n)).all()
        square = (y - q.mean).square()
        assert ((square.mean(0) - q.variance).abs() < 5 * square.std(0) / math.sqrt(n)).all()
        score = -q.log_prob(y)
        assert abs(score.mean() - q.entropy()) < 5 * score.std() / math.sqrt(n)

    @EXAMPLES
    @given(a=magnitudes(0.1, 1e4, 2))
    def test_log_ratios_have_the_moments_of_a_difference_of_log_gammas(
        self, a: torch.Tensor
    ) -> None:
        """By the trapezoid rule over the log ratio of two parts, from their joint density."""
        q, spread = LogDirichlet(a), torch.polygamma(1, a).sum()
        s = torch.linspace(-6, 6, 4001, dtype=torch.float64)
        ratio = (q.mean[0] - q.mean[1]) + spread.sqrt() * s.sinh()
        y = torch.nn.functional.logsigmoid(torch.stack((ratio, -ratio), -1))
        mass = (q.log_prob(y) + y[:, 1]).exp() * spread.sqrt() * s.cosh() * (s[1] - s[0])
        mean = (mass * ratio).sum()
        torch.testing.assert_close(mass.sum(), torch.tensor(1.0).double(), rtol=0, atol=1e-9)
        expected = torch.digamma(a[0]) - torch.digamma(a[1])
        torch.testing.assert_close(q.mean[0] - q.mean[1], expected)
        torch.testing.assert_close(mean, expected, rtol=1e-8, atol=1e-8)
        variance = (mass * (ratio - mean) ** 2).sum()
        torch.testing.assert_close(variance, spread, rtol=1e-8, atol=0)

    @pytest.mark.parametrize(
        ("a", "mode"),
        [
            ([2.0, 3.0, 4.0], [1 / 6, 2 / 6, 3 / 6]),
            ([0.5, 0.2, 0.9], [0.0, 0.0, 1.0]),
            ([0.5, 3.0, 2.0], [0.0, 2 / 3, 1 / 3]),
        ],
    )
    def test_mode(self, a: list[float], mode: list[float]) -> None:
        torch.testing.assert_close(Dirichlet(torch.tensor(a)).mode, torch.tensor(mode))

    @pytest.mark.parametrize("scale", [0.05, 1.0, 50.0])
    def test_kl_against_monte_carlo(self, scale: float) -> None:
        p, q = LogDirichlet(A * scale), LogDirichlet(A.flip(0) * 0.7 * scale + 0.1)
        y = p.sample((200_000,), generator=torch.Generator().manual_seed(0))
        ratio = p.log_prob(y) - q.log_prob(y)
        assert abs(ratio.mean() - kl_divergence(p, q)) < 5 * ratio.std() / math.sqrt(len(y))

    def test_kl_is_zero_at_itself_and_mixes_with_torch(self) -> None:
        p, q = Dirichlet(A), Dirichlet(A + 1)
        theirs = torch.distributions.Dirichlet(A), torch.distributions.Dirichlet(A + 1)
        assert kl_divergence(p, p).abs() < 1e-12
        large = Dirichlet(torch.full((50,), 300.0))
        assert kl_divergence(large, Dirichlet(torch.full((50,), 300.0))).abs() < 1e-6
        for pair in ((p, q), (p, theirs[1]), (theirs[0], q), (p.log(), q.log())):
            torch.testing.assert_close(kl_divergence(*pair), kl_divergence(*theirs))

    @pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
    @pytest.mark.parametrize("apart", [1.0, 1e-2])
    def test_kl_of_float32_keeps_the_digits_of_nearly_equal_laws(
        self, scale: float, apart: float
    ) -> None:
        a = scale * torch.tensor([0.3, 1.7, 0.9, 2.2])
        b = a * (1 + apart * torch.tensor([0.1, -0.3, 0.4, 0.8]))
        found = kl_divergence(Dirichlet(a), Dirichlet(b))
        exact = _kl_by_mpmath(a.tolist(), b.tolist())
        torch.testing.assert_close(found.item(), exact, rtol=2e-7, atol=0)
        slopes = torch.func.grad(_kl, (0, 1))
        single, double = slopes(a, b), slopes(a.double(), b.double())
        torch.testing.assert_close([v.double() for v in single], [*double], rtol=1e-6, atol=0)

    @pytest.mark.parametrize("weight", [0.0, 1e-4])
    def test_rows_of_little_weight_with_tiny_concentrations(self, weight: float) -> None:
        """The slope itself is beyond float32, the gradient is not."""
        a = torch.tensor([[1e-20, 1.0, 2.0], [0.5, 1.0, 2.0]], requires_grad=True)
        weights = torch.tensor([weight, 1.0])
        uniform = Dirichlet(torch.ones(3))
        for of_laws, sign in ((lambda q: kl_divergence(q, uniform), 1), (Dirichlet.entropy, -1)):
            (found,) = torch.autograd.grad((weights * of_laws(Dirichlet(a))).sum(), a)
            assert bool(found.isfinite().all())
            torch.testing.assert_close(found[0, 0].item(), -sign * weight * 1e40, rtol=1e-5, atol=0)

    def test_the_gradient_of_a_prior_of_many_rows_keeps_its_digits(self) -> None:
        """A sum over rows whose terms nearly cancel."""
        rows = torch.rand(20_000, 5, generator=torch.Generator().manual_seed(0)) + 0.1
        a, weights = torch.cat((rows, 1.0001 * rows)), torch.tensor([1.0, -1.0])
        slopes = torch.func.grad(lambda b, a: _kl(a, b) @ weights.repeat_interleave(20_000).to(b))
        b = torch.ones(5)
        found, exact = slopes(b, a), slopes(b.double(), a.double())
        torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=0)

    def test_kl_of_many_laws_from_one(self) -> None:
        """Gradients of what is broadcast are summed, each in its own precision."""
        a = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
        b = torch.tensor([0.7, 2.0, 1.2], requires_grad=True)
        a.requires_grad_()
        kl = kl_divergence(Dirichlet(a), Dirichlet(b))
        each = torch.stack([kl_divergence(Dirichlet(row), Dirichlet(b)) for row in a])
        assert (kl.dtype, kl.shape) == (torch.float64, (4,))
        torch.testing.assert_close(kl, each, rtol=1e-12, atol=0)
        weights = torch.arange(1.0, 5.0)
        for leaf in (a, b):
            found, expected = (
                torch.autograd.grad((weights * value).sum(), leaf, retain_graph=True)[0]
                for value in (kl, each)
            )
            assert (found.dtype, found.shape) == (leaf.dtype, leaf.shape)
            torch.testing.assert_close(found, expected)
        turned = kl_divergence(Dirichlet(b), Dirichlet(a))
        (found,) = torch.autograd.grad(turned.sum(), b)
        one = [torch.autograd.grad(kl_divergence(Dirichlet(b), Dirichlet(r)), b)[0] for r in a]
        torch.testing.assert_close(found, torch.stack(one).sum(0))

    def test_second_derivatives_and_batched_gradients_of_kl_and_entropy(self) -> None:
        a, b = A.clone().requires_grad_(), (A.flip(0) + 1).requires_grad_()

        assert torch.autograd.gradgradcheck(_kl, (a, b))
        assert torch.autograd.gradgradcheck(lambda a: Dirichlet(a).entropy(), (a,))
        rows = torch.stack((A, 2 * A, A.flip(0)))
        for arguments, dims in (((rows, A), (0, None)), ((A, rows), (None, 0))):
            found = torch.func.vmap(torch.func.grad(_kl), in_dims=dims)(*arguments)
            first, second = torch.broadcast_tensors(*arguments)
            one = [torch.func.grad(_kl)(x, y) for x, y in zip(first, second, strict=True)]
            torch.testing.assert_close(found, torch.stack(one))

    def test_gradcheck(self) -> None:
        a = A.clone().requires_grad_()
        z = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        y = z.log().requires_grad_()
        check = torch.autograd.gradcheck
        assert check(lambda a: Dirichlet(a).log_prob(z), (a,))
        assert check(lambda a, y: LogDirichlet(a, validate_args=False).log_prob(y), (a, y))
        assert check(lambda a: Dirichlet(a).entropy(), (a,))
        assert check(lambda a: LogDirichlet(a).entropy(), (a,))
        assert check(lambda a: kl_divergence(Dirichlet(a), Dirichlet(A + 1)), (a,))
        assert check(lambda a: kl_divergence(Dirichlet(A + 1), Dirichlet(a)), (a,))


class TestCitizenship:
    def test_shapes_and_expand(self) -> None:
        for family in (Dirichlet, LogDirichlet):
            q = family(torch.ones(4, 3)).expand((2, 4))
            assert (q.batch_shape, q.event_shape) == ((2, 4), (3,))
            draw = q.rsample((5,))
            assert draw.shape == (5, 2, 4, 3)
            assert q.log_prob(draw).shape == (5, 2, 4)

    @pytest.mark.parametrize("k", [2, 50, 5000])
    def test_draws_are_in_the_support(self, k: int) -> None:
        for family in (Dirichlet, LogDirichlet):
            q = family(torch.linspace(0.01, 3, k))
            assert q.support.check(q.sample((100,))).all()

    def test_wrong_arguments_raise(self) -> None:
        with pytest.raises(ValueError, match="scalar"):
            Dirichlet(torch.tensor(1.0))
        with pytest.raises(ValueError, match="concentration"):
            LogDirichlet(torch.tensor([1.0, -1.0]), validate_args=True)
        with pytest.raises(ValueError, match="support"):
            LogDirichlet(torch.ones(2), validate_args=True).log_prob(torch.zeros(2))

    def test_same_seed_same_sample(self) -> None:
        q = Dirichlet(torch.tensor([0.1, 2.0, 1.0]))
        one, two = (q.sample((5,), generator=torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(one, two)

    def test_half_precision_and_autocast(self) -> None:
        assert Dirichlet(torch.ones(3, dtype=torch.bfloat16)).sample().dtype == torch.float32
        a = torch.logspace(-2, 2, 8).requires_grad_()
        grads = []
        for enabled in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                y = LogDirichlet(a).rsample((), generator=torch.Generator().manual_seed(0))
                assert y.dtype == torch.float32
                grads.append(torch.autograd.grad(y[0], a)[0])
        torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-7)

    def test_meta_device(self) -> None:
        a = torch.ones(4, 3, device="meta", requires_grad=True)
        for family in (Dirichlet, LogDirichlet):
            z = family(a, validate_args=False).rsample((2,))
            assert z.shape == (2, 4, 3)
            assert torch.autograd.grad(z.sum(), a)[0].is_meta

    @pytest.mark.parametrize("family", [Dirichlet, LogDirichlet])
    @pytest.mark.parametrize("checked", [LOOKED_AT, False])
    def test_func_grad_and_vmap(
        self, family: type[Dirichlet] | type[LogDirichlet], checked: bool | None
    ) -> None:
        def loss(a: torch.Tensor) -> torch.Tensor:
            return (family(a, validate_args=checked).rsample() * torch.arange(1.0, 6.0)).sum()

        a = torch.rand(5, generator=torch.Generator().manual_seed(0)) + 0.1
        torch.manual_seed(0)
        functional = torch.func.grad(loss)(a)
        torch.manual_seed(0)
        leaf = a.clone().requires_grad_()
        torch.testing.assert_close(functional, torch.autograd.grad(loss(leaf), leaf)[0])
        many = torch.func.vmap(torch.func.grad(loss), randomness="different")(a.expand(7, 5))
        assert many.shape == (7, 5)
        assert many[:, 0].unique().numel() == 7

    @pytest.mark.compiled
    @pytest.mark.filterwarnings(*OF_THE_COMPILER)
    @BACKENDS
    def test_compile(self, backend: str) -> None:
        def step(a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            q, p = Dirichlet(a, validate_args=False), Dirichlet(torch.full_like(a, 0.98))
            y = q.log().rsample((2,))
            return q.rsample(), q.log().log_prob(y).mean(), kl_divergence(q, p)

        a = torch.logspace(-4, 4, 500).reshape(10, 50).requires_grad_()
        compiled = torch.compile(step, fullgraph=True, backend=backend)
        torch.manual_seed(0)
        z, log_prob, kl = compiled(a)
        (gradient,) = torch.autograd.grad(
            z[:, 0].sum() + log_prob + kl.mean(), a, retain_graph=True
        )
        assert gradient.isfinite().all()
        torch.testing.assert_close(z.sum(-1), torch.ones(10))
        eager = step(a)[2]
        torch.testing.assert_close(kl, eager, rtol=1e-6, atol=1e-6)
        gradients = [torch.autograd.grad(value.sum(), a)[0] for value in (kl, eager)]
        torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)
        torch.manual_seed(0)
        assert torch.equal(compiled(a)[0], z)


@pytest.mark.parametrize("a", [[1.5, 1e6], [1e-3, 1e6], [0.5, 1e4], [2.0, 3.0]])
def test_moments_of_logs_keep_their_digits_beside_a_dominant_part(a):
    q, exact = (LogDirichlet(torch.tensor(a, dtype=d)) for d in (torch.float32, torch.float64))
    for name in ("mean", "variance"):
        found = getattr(q, name)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), getattr(exact, name), rtol=1e-6, atol=0)
