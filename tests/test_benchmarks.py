"""The gradient laboratory finds what is known: exact gradients, and wrong ones."""

import mpmath
import pytest
import torch

from benchmarks.gradients import FUNCTIONS, estimators, measure, weights


def expectation(name: str, a: list[mpmath.mpf], w: list[float]) -> mpmath.mpf:
    """E[f(z)] from the moments of a Dirichlet."""
    total = mpmath.fsum(a)
    if name == "sum w z":
        parts = [x / total for x in a]
    elif name == "sum w z^2":
        parts = [x * (x + 1) / (total * (total + 1)) for x in a]
    else:
        parts = [mpmath.digamma(x) - mpmath.digamma(total) for x in a]
    return mpmath.fsum(c * part for c, part in zip(w, parts, strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("a", [[0.01, 0.3, 2.0], [1e3, 2e3, 5e3], [1e-3, 1e-3, 1e-3]])
def test_truth_is_the_derivative_of_the_mean(name: str, a: list[float]) -> None:
    w = weights(3).double()
    truth = FUNCTIONS[name].truth(torch.tensor(a, dtype=torch.float64), w)
    with mpmath.workdps(40):
        for k, found in enumerate(truth.tolist()):

            def mean(x: mpmath.mpf, k: int = k) -> mpmath.mpf:
                shifted = [x if j == k else mpmath.mpf(value) for j, value in enumerate(a)]
                return expectation(name, shifted, w.tolist())

            assert found == pytest.approx(float(mpmath.diff(mean, mpmath.mpf(a[k]))), rel=1e-9)


@pytest.mark.parametrize("a", [1e-3, 0.5, 100.0])
@pytest.mark.parametrize("name", [n for n in estimators() if n not in ("torch", "JAX", "NumPyro")])
def test_the_laboratory_tells_the_exact_from_the_approximate(name: str, a: float) -> None:
    torch.manual_seed(0)
    found = measure(estimators()[name], a, 2, 20_000)["functions"]["sum w log z"]
    if "another law" not in name:
        assert found["bias"] < 5 * found["bias_error"]  # fails once in 1e6 if nothing is wrong
    elif name.startswith(("Laplace", "MV")) or (name.startswith("inverse") and a > 0.1):
        assert found["bias"] > 5 * found["bias_error"]


def test_lost_draws_are_counted() -> None:
    torch.manual_seed(0)
    assert measure(estimators()["torch"], 1e-3, 2, 1000)["lost_share"] > 0.5
    assert measure(estimators()["Dirichlet"], 1e-3, 2, 1000)["lost_share"] == 0
