"""Beta and its pair (log x, log(1 - x))."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats as st
import torch
from torch.distributions import kl_divergence

from dirvae.distributions.beta import Beta
from tests.distributions.torch_releases import LOOKED_AT

A = torch.tensor([0.02, 0.8, 3.0, 60.0]).double()
B = torch.tensor([0.5, 0.01, 7.0, 2.0]).double()


class TestLaw:
    @pytest.mark.parametrize(("a", "b"), [(0.01, 0.01), (0.5, 3.0), (40.0, 7.0), (1.0, 1.0)])
    def test_kolmogorov_smirnov(self, a: float, b: float) -> None:
        """p > 1e-4 at a fixed seed; the half with x < 1/2 by log x, the other by log(1 - x)."""
        q = Beta(torch.tensor(a), torch.tensor(b))
        log_x, log_1mx = q.rsample_log((50_000,), generator=torch.Generator().manual_seed(0))
        low = np.log(0.5)
        for log_v, c, d in ((log_x, a, b), (log_1mx, b, a)):
            v = log_v.double().numpy()
            v = v[v < low]
            tail = np.exp(c * v + math.lgamma(c + d) - math.lgamma(c + 1) - math.lgamma(d))
            u = np.where(v < -50, tail, st.beta(c, d).cdf(np.exp(v))) / st.beta(c, d).cdf(0.5)
            if len(v) < 1000:
                continue  # almost no mass on this side of 1/2
            assert st.kstest(u, "uniform").pvalue > 1e-4

    def test_both_ends_keep_their_digits(self) -> None:
        q = Beta(torch.full((4000,), 0.01), torch.full((4000,), 0.01))
        log_x, log_1mx = q.rsample_log()
        assert (q.sample() == 1).float().mean() > 0.2  # plain float32 cannot hold these
        for v in (log_x, log_1mx):
            assert v.isfinite().all()
        assert torch.minimum(log_x, log_1mx).max() < 0
        torch.testing.assert_close(torch.logaddexp(log_x, log_1mx), torch.zeros(4000))

    def test_gradients_of_moments(self) -> None:
        """d E[x] / d a = b / (a + b)^2, and that of E[log x], within 5 standard errors."""
        n = 100_000
        a = torch.full((n,), 0.4, requires_grad=True)
        b = torch.full((n,), 1.5, requires_grad=True)
        log_x, _ = Beta(a, b).rsample_log((), generator=torch.Generator().manual_seed(0))
        trigamma = torch.polygamma(1, torch.tensor([0.4, 1.9]))
        cases = (
            (log_x.exp(), (1.5 / 1.9**2, -0.4 / 1.9**2)),
            (log_x, (trigamma[0] - trigamma[1], -trigamma[1])),
        )
        for value, exact in cases:
            grads = torch.autograd.grad(value.sum(), (a, b), retain_graph=True)
            for g, expected in zip(grads, exact, strict=True):
                assert abs(g.mean() - expected) < 5 * g.std() / math.sqrt(n)


class TestFormulas:
    def test_against_scipy(self) -> None:
        q, x = Beta(A, B), torch.tensor([1e-9, 0.999, 0.3, 0.9]).double()
        law = st.beta(A.numpy(), B.numpy())
        np.testing.assert_allclose(q.log_prob(x), law.logpdf(x.numpy()), rtol=1e-10)
        np.testing.assert_allclose(q.mean, law.mean(), rtol=1e-12)
        np.testing.assert_allclose(q.variance, law.var(), rtol=1e-12)
        np.testing.assert_allclose(q.entropy(), law.entropy(), rtol=1e-9)

    def test_mode(self) -> None:
        q = Beta(torch.tensor([3.0, 0.5, 0.5, 2.0]), torch.tensor([2.0, 0.2, 0.9, 0.5]))
        torch.testing.assert_close(q.mode, torch.tensor([2 / 3, 1.0, 0.0, 1.0]))

    def test_the_pair_has_the_right_density(self) -> None:
        log_x, log_1mx = Beta(A, B).rsample_log((5,))
        pair = torch.stack((log_x, log_1mx), -1)
        direct = A * log_x + (B - 1) * log_1mx - (A.lgamma() + B.lgamma() - (A + B).lgamma())
        torch.testing.assert_close(Beta(A, B).log().log_prob(pair), direct)

    def test_kl(self) -> None:
        p, q = Beta(A, B), Beta(A + 0.5, B * 2)
        theirs = torch.distributions.Beta(A, B), torch.distributions.Beta(A + 0.5, B * 2)
        expected = kl_divergence(*theirs)
        for pair in ((p, q), (p, theirs[1]), (theirs[0], q), (p.log(), q.log())):
            torch.testing.assert_close(kl_divergence(*pair), expected)
        assert kl_divergence(p, p).abs().max() < 1e-12

    def test_gradcheck(self) -> None:
        a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
        x = torch.tensor([0.1, 0.9, 0.3, 0.9]).double().requires_grad_()
        check = torch.autograd.gradcheck
        assert check(lambda *v: Beta(*v[:2]).log_prob(v[2]), (a, b, x))
        assert check(lambda *v: Beta(*v).entropy(), (a, b))
        assert check(lambda *v: kl_divergence(Beta(*v), Beta(A + 1, B + 1)), (a, b))


class TestTails:
    @pytest.mark.parametrize("a", [0.5, 1.0, 2.0])
    @pytest.mark.parametrize("of", ["cdf", "icdf"])
    def test_second_derivatives_where_both_parameters_are_equal(self, a: float, of: str) -> None:
        at = torch.tensor(0.3, dtype=torch.float64)
        both = torch.tensor([a, a], dtype=torch.float64)
        step = 1e-3 * torch.eye(2, dtype=torch.float64)

        def slope(values: torch.Tensor) -> torch.Tensor:
            values = values.detach().requires_grad_()
            return torch.autograd.grad(getattr(Beta(*values), of)(at), values)[0]

        # Beside equal parameters they are another branch of the formula.
        rough = torch.stack([(slope(both + h) - slope(both - h)) / 2e-3 for h in step])
        hessian = torch.autograd.functional.hessian(lambda v: getattr(Beta(*v), of)(at), both)
        torch.testing.assert_close(hessian, rough, rtol=1e-4, atol=1e-5)

    def test_a_second_derivative_in_closed_form(self) -> None:
        """I_x(a, 1) = x^a, so that its second derivative at a = 1 is x log(x)^2."""
        a = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        x = torch.tensor(0.5, dtype=torch.float64)
        (slope,) = torch.autograd.grad(Beta(a, torch.ones_like(a)).cdf(x), a, create_graph=True)
        (found,) = torch.autograd.grad(slope, a)
        torch.testing.assert_close(found, x * x.log() ** 2)


class TestCitizenship:
    def test_shapes_and_expand(self) -> None:
        q = Beta(torch.ones(3, 1), torch.ones(2)).expand((5, 3, 2))
        assert q.rsample((4,)).shape == (4, 5, 3, 2)
        assert q.log().event_shape == (2,)
        assert q.log_prob(torch.full((2,), 0.5)).shape == (5, 3, 2)

    def test_same_seed_same_sample(self) -> None:
        q = Beta(0.3, 0.4)
        one, two = (q.sample((5,), generator=torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(one, two)

    @pytest.mark.parametrize("checked", [LOOKED_AT, False])
    def test_vmap_and_meta(self, checked: bool | None) -> None:
        def drawn(a: torch.Tensor) -> torch.Tensor:
            return Beta(a, 2 * a, validate_args=checked).rsample().sum()

        def gradient(a: torch.Tensor) -> torch.Tensor:
            return torch.func.grad(drawn)(a)

        assert torch.func.vmap(gradient, randomness="different")(torch.rand(6, 3)).shape == (6, 3)
        a = torch.ones(3, device="meta")
        assert Beta(a, a, validate_args=False).rsample().is_meta

    def test_wrong_parameters_raise(self) -> None:
        with pytest.raises(ValueError, match="concentration0"):
            Beta(torch.tensor(1.0), torch.tensor(-1.0), validate_args=True)


class TestTotals:
    """More totals tend to the implicit gradient of x itself, which torch has."""

    N = 5_000

    def slopes(self, totals: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The draws, their path's derivative in a, and torch's at the same draws."""
        a = torch.full((self.N,), 1.5, dtype=torch.float64, requires_grad=True)
        b = torch.full((self.N,), 2.5, dtype=torch.float64)
        x = Beta(a, b).rsample(generator=torch.Generator().manual_seed(0), totals=totals)
        pair, total = torch.stack((a, b), -1).detach(), (a + b).detach().unsqueeze(-1)
        share = torch.stack((x, 1 - x), -1).detach()
        scaled = torch._dirichlet_grad(share, pair, total.expand_as(pair))
        theirs = scaled[..., 0] * (1 - x.detach())
        return x, torch.autograd.grad(x.sum(), a)[0], theirs

    def test_they_are_averages_of_the_same(self) -> None:
        draws = {totals: self.slopes(totals) for totals in (1, 32)}
        assert torch.equal(draws[1][0], draws[32][0])  # the draws are the same
        exact = 2.5 / 4.0**2
        for x, ours, theirs in draws.values():
            for slope in (ours, theirs):
                assert abs(slope.mean() - exact) < 5 * slope.std() / math.sqrt(len(x))
        rest = {totals: float((ours - theirs).var()) for totals, (_, ours, theirs) in draws.items()}
        assert 32 * rest[32] == pytest.approx(rest[1], rel=0.1)

    def test_their_variance_tends_to_torchs(self) -> None:
        (_, one, exact), (_, many, _) = self.slopes(1), self.slopes(32)
        assert one.var() > 1.5 * exact.var()
        assert float(many.var()) == pytest.approx(float(exact.var()), rel=0.05)

    def test_the_pair_has_them_too(self) -> None:
        a = torch.full((4,), 1.5, requires_grad=True)
        slopes = []
        for draw in ("rsample", "rsample_log"):
            source = torch.Generator().manual_seed(0)
            found = getattr(Beta(a, torch.full((4,), 2.5)), draw)(generator=source, totals=3)
            x = found if draw == "rsample" else found[0].exp()
            slopes.append(torch.autograd.grad(x.sum(), a)[0])
        torch.testing.assert_close(*slopes)

    def test_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="totals is 0, must be at least 1"):
            Beta(torch.ones(2), 1.0).rsample(totals=0)
