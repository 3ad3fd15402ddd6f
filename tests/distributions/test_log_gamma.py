"""LogGamma and Gamma: the law, the implicit gradient, and torch's transformations."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special as sp
import scipy.stats as st
import torch
from hypothesis import given
from torch import Tensor
from torch.distributions import kl_divergence

from dirvae.distributions._log_gamma_gradient import log_gamma_gradient, rsample_log_gamma
from dirvae.distributions._log_gamma_sampler import sample_log_gamma
from dirvae.distributions.log_gamma import Gamma, LogGamma
from tests.distributions.torch_releases import BACKENDS, LOOKED_AT, OF_THE_COMPILER
from tests.magnitudes import EXAMPLES, magnitudes

# Rows (a, log x, d log x / d a): concentrations 1e-6..1e6 at quantiles 1e-12..1 - 1e-12, both
# rounded to float32 first; the gradient by `exact_gradient` below.
TABLE = np.array(json.loads(Path(__file__).with_name("log_gamma_gradient.json").read_text()))
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}


def exact_gradient(a: float, log_x: float) -> mpmath.mpf:
    """sum_n x^n / (a)_{n+1} (digamma(a + n + 1) - log x), to 40 digits after cancellation."""
    lost = max(0.0, math.exp(log_x) - a) if log_x > math.log(a) else 0.0
    with mpmath.workdps(90 + min(int(lost), 300)):
        a, log_x = mpmath.mpf(a), mpmath.mpf(log_x)
        x, term, n, total = mpmath.exp(log_x), 1 / a, 0, mpmath.mpf(0)
        digamma, tiny = mpmath.digamma(a + 1), mpmath.mpf(10) ** (-mpmath.mp.dps)
        while True:
            step = term * (digamma - log_x)
            total += step
            n += 1
            term, digamma = term * x / (a + n), digamma + 1 / (a + n)
            if a + n > x and abs(step) < tiny * abs(total) * (1 - x / (a + n)):
                return +total


def relative_error(dtype: torch.dtype) -> torch.Tensor:
    a, log_x, exact = torch.tensor(TABLE).unbind(-1)
    return (log_gamma_gradient(a.to(dtype), log_x.to(dtype)).double() / exact - 1).abs()


def cdf(a: float, log_x: np.ndarray) -> np.ndarray:
    """P(log X < log x), which for tiny x is x^a / Gamma(a + 1)."""
    tail = np.exp(a * np.minimum(log_x, -30.0) - sp.gammaln(a + 1))
    return np.where(log_x < -30, tail, sp.gammainc(a, np.exp(np.maximum(log_x, -30.0))))


def draws(a: float, n: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return sample_log_gamma(torch.full((n,), a, dtype=dtype), source)


class TestGradient:
    def test_the_table_is_what_mpmath_says(self) -> None:
        for a, log_x, stored in TABLE[TABLE[:, 0] < 200][::25]:
            assert abs(exact_gradient(a, log_x) / mpmath.mpf(stored) - 1) < 1e-15

    def test_the_table_covers_the_range(self) -> None:
        a, log_x, _ = TABLE.T
        assert len(TABLE) > 500
        assert a.min() < 1.1e-6
        assert a.max() > 9e5
        assert log_x.min() < -9e5

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_accuracy(self, dtype: torch.dtype) -> None:
        assert relative_error(dtype).max() < TOLERANCE[dtype]

    def test_float64_at_points_that_float32_cannot_hold(self) -> None:
        random = np.random.default_rng(0)
        a = 10 ** random.uniform(-3, 2, 60)
        log_x = np.log(sp.gammaincinv(a, random.uniform(0.01, 0.99, 60)) + 1e-300)
        exact = [exact_gradient(*row) for row in zip(a, log_x, strict=True)]
        error = (
            log_gamma_gradient(torch.tensor(a), torch.tensor(log_x))
            / torch.tensor([float(e) for e in exact], dtype=torch.float64)
            - 1
        )
        assert error.abs().max() < 1e-9

    @EXAMPLES
    @given(a=magnitudes(1e-4, 1e4, 1), share=magnitudes(1e-300, 1e-3, 1))
    def test_of_small_x_it_is_that_of_the_first_power(self, a: Tensor, share: Tensor) -> None:
        """(digamma(a + 1) - log x) / a; the relative error is of order x / (a + 1)."""
        log_x = share.log() + (a + 1).log()
        limit = (torch.digamma(a + 1) - log_x) / a
        assert float((log_gamma_gradient(a, log_x) / limit - 1).abs()) < 2 * float(share) + 1e-10

    def test_reduced_precision_matrix_products_do_not_reach_it(self) -> None:
        torch.set_float32_matmul_precision("medium")
        try:
            assert relative_error(torch.float32).max() < 1e-5
        finally:
            torch.set_float32_matmul_precision("highest")
        with torch.autocast("cpu", torch.bfloat16):
            assert relative_error(torch.float32).max() < 1e-5

    def test_far_beyond_the_table_it_stays_finite_and_positive(self) -> None:
        a = torch.logspace(-12, 12, 49)
        gradient = log_gamma_gradient(a, sample_log_gamma(a, torch.Generator().manual_seed(0)))
        assert gradient.isfinite().all()
        assert (gradient > 0).all()

    @pytest.mark.parametrize(("size", "dtype"), [(300_001, torch.float32), (50_001, torch.float64)])
    def test_blocks_do_not_change_it(self, size: int, dtype: torch.dtype) -> None:
        a = torch.rand(size, dtype=dtype) + 0.1
        log_x = sample_log_gamma(a, torch.Generator().manual_seed(0))
        whole = log_gamma_gradient(a, log_x)
        assert whole.shape == a.shape
        torch.testing.assert_close(whole[-100:], log_gamma_gradient(a[-100:], log_x[-100:]))

    @pytest.mark.parametrize("a", [0.02, 0.7, 5.0, 300.0])
    def test_gradients_of_moments(self, a: float) -> None:
        """d E[log X] / d a = trigamma(a) and d E[X] / d a = 1, within 5 standard errors."""
        n, source = 200_000, torch.Generator().manual_seed(1)
        concentration = torch.full((n,), a, requires_grad=True)
        log_x = rsample_log_gamma(concentration, source)
        for value, exact in ((log_x, float(sp.polygamma(1, a))), (log_x.exp(), 1.0)):
            (g,) = torch.autograd.grad(value.sum(), concentration, retain_graph=True)
            g = g.double()
            assert abs(g.mean() - exact) < 5 * g.std() / math.sqrt(n) + 1e-5 * exact

    def test_a_second_derivative_raises(self) -> None:
        a = torch.rand(3, requires_grad=True)
        (g,) = torch.autograd.grad(LogGamma(a).rsample().sum(), a, create_graph=True)
        with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
            g.sum().backward()
        inner = torch.func.grad(lambda a: LogGamma(a).rsample().sum())
        with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
            torch.func.grad(lambda a: inner(a).sum())(a.detach())


class TestLaw:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("a", [1e-4, 0.03, 0.6, 1.0, 3.0, 40.0, 1e4])
    def test_kolmogorov_smirnov(self, a: float, dtype: torch.dtype) -> None:
        """Fails for a right sampler with probability 1e-4, over seeds; the seed is fixed."""
        log_x = draws(a, 100_000, 0, dtype)
        assert log_x.isfinite().all()
        a_rounded = float(torch.tensor(a, dtype=dtype))
        assert st.kstest(cdf(a_rounded, log_x.double().numpy()), "uniform").pvalue > 1e-4

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    def test_kolmogorov_smirnov_at_a_million_draws(self) -> None:
        p_values = []
        for a in torch.logspace(-4, 5, 19).tolist():
            for seed in range(10):
                log_x = draws(a, 1_000_000, seed)
                assert log_x.isfinite().all()
                p_values.append(st.kstest(cdf(a, log_x.double().numpy()), "uniform").pvalue)
        assert sum(p < 1e-3 for p in p_values) <= 1

    @pytest.mark.parametrize("a", [1e-4, 0.1, 1.0, 1e3])
    def test_no_atoms(self, a: float) -> None:
        exact = draws(a, 1_000_000, 1, torch.float64).float().unique().numel()
        assert draws(a, 1_000_000, 0).unique().numel() > 0.98 * exact

    def test_the_quantile_map_is_the_gamma_quantile(self) -> None:
        from dirvae.distributions._log_gamma_sampler import _quantile_of_normal

        shape, z = np.meshgrid([1.0, 1.01, 1.5, 3.0, 10.0, 200.0], np.linspace(-4, 4, 33))
        exact = np.log(sp.gammaincinv(shape, sp.ndtr(z)))
        got = _quantile_of_normal(torch.tensor(shape).float(), torch.tensor(z).float())
        # In units of probability: density of log x times the error.
        x = np.exp(exact)
        density = np.exp(shape * exact - x - sp.gammaln(shape))
        assert (np.abs(got.double().numpy() - exact) * density).max() < 3e-6

    def test_it_reaches_the_ends_of_the_normal(self) -> None:
        """The map rises over every normal that float32 generators can give, |z| < 6.7."""
        from dirvae.distributions._log_gamma_sampler import _quantile_of_normal

        z = torch.linspace(-6.7, 6.7, 200).double()[:, None]
        shape, z = torch.broadcast_tensors(1 + torch.logspace(-6, 6, 40).double(), z)
        log_x = _quantile_of_normal(shape, z)
        assert (log_x.diff(dim=0) > 0).all()

    def test_same_seed_same_sample(self) -> None:
        q = LogGamma(torch.tensor([0.1, 2.0]))
        one, two = (q.sample((5,), generator=torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(one, two)
        torch.manual_seed(3)
        three = q.sample((5,))
        torch.manual_seed(3)
        assert torch.equal(three, q.sample((5,)))
        assert not torch.equal(three, q.sample((5,)))


A, R = torch.tensor([0.05, 0.7, 3.0, 250.0]).double(), torch.tensor([1.0, 0.2, 5.0, 2.0]).double()


class TestFormulas:
    def test_log_gamma_against_scipy(self) -> None:
        q, y = LogGamma(A, R), torch.tensor([-30.0, -1.0, 0.3, 4.9]).double()
        law = st.loggamma(A.numpy(), loc=-np.log(R.numpy()))
        np.testing.assert_allclose(q.log_prob(y), law.logpdf(y.numpy()), rtol=1e-10)
        np.testing.assert_allclose(q.mean, law.mean(), rtol=1e-10)
        np.testing.assert_allclose(q.variance, law.var(), rtol=1e-8)  # torch.polygamma's own error
        np.testing.assert_allclose(q.stddev, law.std(), rtol=1e-8)
        torch.testing.assert_close(q.mode, torch.log(A / R))

    def test_gamma_against_scipy(self) -> None:
        q, x = Gamma(A, R), torch.tensor([1e-9, 0.3, 0.8, 120.0]).double()
        law = st.gamma(A.numpy(), scale=1 / R.numpy())
        np.testing.assert_allclose(q.log_prob(x), law.logpdf(x.numpy()), rtol=1e-10)
        np.testing.assert_allclose(q.mean, law.mean(), rtol=1e-10)
        np.testing.assert_allclose(q.variance, law.var(), rtol=1e-10)
        np.testing.assert_allclose(q.entropy(), law.entropy(), rtol=1e-9)

    @pytest.mark.parametrize("a", [1e-4, 1.0, 1e6])
    def test_entropies_in_float32_are_scipys(self, a: float) -> None:
        q = Gamma(torch.tensor(a), torch.tensor(2.0))
        assert float(q.entropy()) == pytest.approx(st.gamma(a, scale=0.5).entropy(), rel=1e-6)
        exact = st.loggamma(a).entropy()
        if exact == 0:
            pytest.skip("this SciPy's loggamma has no entropy there")
        assert float(q.log().entropy()) == pytest.approx(exact, rel=1e-6)

    def test_entropies_differ_by_the_mean_of_the_log(self) -> None:
        difference = Gamma(A, R).entropy() - Gamma(A, R).log().entropy()
        torch.testing.assert_close(difference, LogGamma(A, R).mean)

    def test_log_density_is_the_density_with_its_jacobian(self) -> None:
        y = LogGamma(A[1:], R[1:]).sample((7,))
        plain = Gamma(A[1:], R[1:]).log_prob(y.exp()) + y
        torch.testing.assert_close(Gamma(A[1:], R[1:]).log().log_prob(y), plain)

    def test_kl_against_monte_carlo(self) -> None:
        p, q = LogGamma(A, R), LogGamma(A.flip(0) * 0.5 + A, R * 1.5)
        y = p.sample((200_000,), generator=torch.Generator().manual_seed(0))
        ratio = p.log_prob(y) - q.log_prob(y)
        error = (ratio.mean(0) - kl_divergence(p, q)).abs()
        assert (error < 5 * ratio.std(0) / math.sqrt(len(y))).all()

    def test_kl_is_zero_at_itself_and_mixes_with_torch(self) -> None:
        p, q = Gamma(A, R), Gamma(A + 1, R * 2)
        assert kl_divergence(p, p).abs().max() < 1e-12
        theirs = torch.distributions.Gamma(A, R), torch.distributions.Gamma(A + 1, R * 2)
        expected = kl_divergence(*theirs)
        torch.testing.assert_close(kl_divergence(p, q), expected)
        torch.testing.assert_close(kl_divergence(p, theirs[1]), expected)
        torch.testing.assert_close(kl_divergence(theirs[0], q), expected)
        torch.testing.assert_close(kl_divergence(p.log(), q.log()), expected)

    def test_gradcheck(self) -> None:
        a, r = A.clone().requires_grad_(), R.clone().requires_grad_()
        y = torch.tensor([-3.0, -1.0, 0.3, 4.9]).double().requires_grad_()
        assert torch.autograd.gradcheck(lambda *v: LogGamma(*v[:2]).log_prob(v[2]), (a, r, y))
        assert torch.autograd.gradcheck(lambda *v: Gamma(*v).entropy(), (a, r))
        assert torch.autograd.gradcheck(lambda *v: LogGamma(*v).entropy(), (a, r))
        other = LogGamma(A + 1, R)
        assert torch.autograd.gradcheck(lambda *v: kl_divergence(LogGamma(*v), other), (a, r))
        assert torch.autograd.gradcheck(lambda *v: kl_divergence(other, LogGamma(*v)), (a, r))

    def test_the_rate_scales_and_carries_a_gradient(self) -> None:
        rate = torch.tensor(4.0, requires_grad=True)
        one = Gamma(3.0, rate).rsample((9,), generator=torch.Generator().manual_seed(0))
        two = Gamma(3.0, 1.0).rsample((9,), generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(one, two / 4)
        (g,) = torch.autograd.grad(one.sum(), rate)
        torch.testing.assert_close(g, -one.sum().detach() / 4)


class TestCitizenship:
    def test_shapes_and_expand(self) -> None:
        for family in (Gamma, LogGamma):
            q = family(torch.ones(3, 1), torch.ones(2)).expand((5, 3, 2))
            assert q.batch_shape == (5, 3, 2)
            assert q.rsample((4,)).shape == (4, 5, 3, 2)
            assert q.log_prob(torch.ones(2)).shape == (5, 3, 2)

    def test_wrong_parameters_and_values_raise(self) -> None:
        with pytest.raises(ValueError, match="concentration"):
            LogGamma(torch.tensor(-1.0), validate_args=True)
        with pytest.raises(ValueError, match="rate"):
            Gamma(1.0, torch.tensor(0.0), validate_args=True)
        with pytest.raises(ValueError, match="support"):
            Gamma(1.0, 1.0, validate_args=True).log_prob(torch.tensor(-1.0))

    def test_half_precision_and_integers_become_float32(self) -> None:
        for dtype in (torch.float16, torch.bfloat16, torch.int64):
            assert LogGamma(torch.ones(2, dtype=dtype)).sample().dtype == torch.float32

    def test_autocast_does_not_touch_the_sample(self) -> None:
        a = torch.logspace(-3, 3, 50)
        plain = LogGamma(a).sample((), generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16):
            cast = LogGamma(a).sample((), generator=torch.Generator().manual_seed(0))
            assert cast.dtype == LogGamma(a).log_prob(cast).dtype == torch.float32
        torch.testing.assert_close(plain, cast, rtol=1e-5, atol=1e-6)

    def test_meta_device(self) -> None:
        a = torch.ones(3, 2, device="meta", requires_grad=True)
        for family in (Gamma, LogGamma):
            y = family(a, validate_args=False).rsample((4,))
            assert y.is_meta
            assert torch.autograd.grad(y.sum(), a)[0].shape == (3, 2)

    @pytest.mark.parametrize("checked", [LOOKED_AT, False])
    def test_func_grad_and_vmap(self, checked: bool | None) -> None:
        def loss(a: torch.Tensor) -> torch.Tensor:
            return (LogGamma(a, validate_args=checked).rsample() * torch.arange(1.0, 6.0)).sum()

        a = torch.rand(5, generator=torch.Generator().manual_seed(0)) + 0.1
        torch.manual_seed(0)
        functional = torch.func.grad(loss)(a)
        torch.manual_seed(0)
        leaf = a.clone().requires_grad_()
        torch.testing.assert_close(functional, torch.autograd.grad(loss(leaf), leaf)[0])
        many = torch.func.vmap(torch.func.grad(loss), randomness="different")(a.expand(7, 5))
        assert many.shape == (7, 5)
        assert many[:, 0].unique().numel() == 7

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_vmap_over_the_gradient_is_exact(self, dtype: torch.dtype) -> None:
        a, log_x, exact = (v.to(dtype).view(10, -1) for v in torch.tensor(TABLE).T[:, :540])
        error = torch.func.vmap(log_gamma_gradient)(a, log_x) / exact - 1
        assert error.abs().max() < TOLERANCE[dtype] * 1.1

    @pytest.mark.compiled
    @pytest.mark.filterwarnings(*OF_THE_COMPILER)
    @BACKENDS
    def test_compile(self, backend: str) -> None:
        def step(a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            q = LogGamma(a)
            y = q.rsample((2,))
            return y, q.log_prob(y).sum() + q.entropy().sum() + kl_divergence(q, q).sum()

        a = torch.logspace(-5, 5, 400).requires_grad_()
        y, total = torch.compile(step, fullgraph=True, backend=backend)(a)
        assert y.isfinite().all()
        assert total.isfinite()
        (gradient,) = torch.autograd.grad(y.sum(), a)
        exact = log_gamma_gradient(a.detach().double().expand(2, -1), y.detach().double()).sum(0)
        assert (gradient / exact - 1).abs().max() < 1e-5


def test_a_compiled_draw_that_is_repeated_is_refused() -> None:
    like = torch.ones(3, 2)
    found, _ = torch.vmap(torch.ops.dirvae.noise, randomness="different")(like)
    assert len(found.flatten().unique()) == 6
    with pytest.raises(RuntimeError, match="vmap over a compiled draw needs randomness='diff"):
        torch.vmap(torch.ops.dirvae.noise, randomness="same")(like)
