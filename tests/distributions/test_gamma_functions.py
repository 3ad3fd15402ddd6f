"""log Gamma and its derivatives by series, against mpmath."""

import mpmath
import pytest
import torch

from dirvae.distributions._gamma_functions import _by_series, lgamma_and_digamma, trigamma


def test_series_agrees_with_mpmath() -> None:
    a = torch.cat([torch.logspace(-12, 12, 200), torch.linspace(0.5, 9, 100)]).double()
    with mpmath.workdps(40):
        exact = [
            [float(f(mpmath.mpf(float(x)))) for x in a]
            for f in (mpmath.loggamma, mpmath.digamma, lambda x: mpmath.psi(1, x))
        ]
    truths = torch.tensor(exact, dtype=torch.float64)
    for found, truth in zip(_by_series(a)[:2], truths[:2], strict=True):
        assert ((found - truth).abs() <= 1e-14 * truth.abs().clamp(min=1)).all()
    assert ((_by_series(a)[2] - truths[2]).abs() <= 1e-14 * truths[2]).all()


@pytest.mark.compiled
def test_compiled_is_the_series_and_eager_is_torch() -> None:
    a = torch.logspace(-3, 3, 20).double()
    assert torch.equal(lgamma_and_digamma(a)[0], torch.lgamma(a))

    def functions(a: torch.Tensor) -> torch.Tensor:
        return torch.stack([*lgamma_and_digamma(a), trigamma(a)])

    compiled = torch.compile(functions, fullgraph=True, backend="aot_eager")(a)
    torch.testing.assert_close(compiled, torch.stack(_by_series(a)), rtol=0, atol=0)
