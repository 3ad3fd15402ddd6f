"""The rejection gradient: biased by little at a high boost, unbiased with its correction."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import kl_divergence

from dirvae.distributions.dirichlet import Dirichlet
from dirvae.distributions.rejection import RejectionDirichlet, _accepted

A, SIZE = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64), 100_000


def gradients(boost: int, corrected: bool) -> Tensor:
    """One gradient of z_0^2 in the concentration for each draw."""
    a = A.expand(SIZE, 3).clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    z, log_noise = RejectionDirichlet(a, boost).rsample_with_noise(generator=generator)
    f = z[:, 0] ** 2
    if corrected:
        f = f + (f - f.mean()).detach() * log_noise
    return torch.autograd.grad(f.sum(), a)[0]


def exact() -> Tensor:
    def moment(a: Tensor) -> Tensor:
        q = Dirichlet(a, validate_args=False)
        return q.variance[0] + q.mean[0] ** 2

    return torch.func.grad(moment)(A)


def z_scores(gradient: Tensor) -> Tensor:
    return (gradient.mean(0) - exact()).abs() / (gradient.std(0) / SIZE**0.5)


@pytest.mark.parametrize("boost", [1, 3, 10])
def test_corrected_gradient_is_unbiased(boost: int) -> None:
    assert float(z_scores(gradients(boost, corrected=True)).max()) < 5


def gradient_of_log_gamma(alpha: float, corrected: bool) -> tuple[float, float]:
    """Relative error of d E[log x] / d alpha, and its standard error."""
    leaf = torch.full((SIZE,), alpha, dtype=torch.float64, requires_grad=True)
    log_x, log_density = _accepted(leaf, torch.Generator().manual_seed(0))
    f = log_x
    if corrected:
        f = f + (f - f.mean()).detach() * log_density
    slope = torch.autograd.grad(f.sum(), leaf)[0] / torch.polygamma(1, leaf.detach())
    return float(slope.mean() - 1), float(slope.std() / SIZE**0.5)


def test_the_bias_of_the_path_alone_is_as_documented_and_is_corrected() -> None:
    for alpha, bias in ((1.001, 0.16), (2.0, 0.029), (11.0, 7e-4)):
        error, deviation = gradient_of_log_gamma(alpha, corrected=False)
        assert abs(error - bias) < 0.1 * bias + 5 * deviation
        error, deviation = gradient_of_log_gamma(alpha, corrected=True)
        assert abs(error) < 5 * deviation


@pytest.mark.parametrize("alpha", [1.2, 4.0, 1e3])
def test_noise_has_the_density_that_is_returned(alpha: float) -> None:
    """Its score has mean zero, and its law is nearly normal for large alpha."""
    leaf = torch.full((SIZE,), alpha, dtype=torch.float64, requires_grad=True)
    log_x, log_density = _accepted(leaf, torch.Generator().manual_seed(0))
    score = torch.autograd.grad(log_density.sum(), leaf)[0]
    assert abs(float(score.mean())) < 5 * float(score.std()) / SIZE**0.5
    assert stats.kstest(log_x[:5000].detach().exp().numpy(), stats.gamma(alpha).cdf).pvalue > 1e-4
    width = torch.rsqrt(9 * leaf.detach() - 3)
    noise = torch.expm1((log_x.detach() - (leaf.detach() - 1 / 3).log()) / 3) / width
    gap = log_density.detach() - torch.from_numpy(stats.norm.logpdf(noise.numpy()))
    assert float(gap.abs().median()) < 0.1 / alpha


def test_the_law_is_the_dirichlets() -> None:
    q, p = RejectionDirichlet(A, boost=2), Dirichlet(A)
    z = q.sample(torch.Size([5000]), torch.Generator().manual_seed(0))
    assert stats.kstest(z[:, 0].numpy(), stats.beta(0.3, 3.5).cdf).pvalue > 1e-4
    assert torch.equal(q.log_prob(z[:10]), p.log_prob(z[:10]))
    assert float(kl_divergence(q, p).abs()) < 1e-12
    assert q.expand(torch.Size([4])).log().boost == 2
    with pytest.raises(ValueError, match="boost"):
        RejectionDirichlet(A, boost=0)
    with pytest.raises(ValueError, match="totals"):
        q.rsample(totals=2)
