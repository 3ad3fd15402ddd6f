"""Fit the polynomial tables of `dirvae.distributions._log_gamma_tables`.

Run `python -m benchmarks.log_gamma_tables > src/dirvae/distributions/_log_gamma_tables.py`.
Two functions are fitted in the maximum norm (Lawson's reweighted least squares), in float64:

- the normal-to-gamma quantile map of shape a + 1 (see `QUANTILE` in the output), and
- the implicit gradient of a log-gamma draw (see `GRADIENT`).

Their values come from the integrals in `dirvae.distributions._log_gamma_gradient`, by
Gauss-Legendre quadrature; the test suite checks the result against mpmath.
"""

from __future__ import annotations

import numpy as np
import scipy.special as sp
from numpy.polynomial import chebyshev

Array = np.ndarray

NODES, WEIGHTS = (v / 2 for v in np.polynomial.legendre.leggauss(40))
NODES = NODES + 0.5
CUTOFF = 34.0


def width(c: Array, x: Array, sign: Array) -> Array:
    """The signed w beyond which exp(c w - x expm1(w)) is below exp(-CUTOFF)."""
    slope = np.maximum(sign * (x - c), 0)
    w = sign * 2 * CUTOFF / (slope + np.sqrt(slope**2 + 2 * CUTOFF * x))
    for _ in range(4):
        w = w - (x * np.expm1(w) - c * w - CUTOFF) / (x * np.exp(w) - c)
    return w


def tail_integral(c: Array, x: Array, sign: Array, offset: Array | float, slope: float) -> Array:
    """The integral of exp(c w - x expm1(w)) (offset + slope |w|) over the side of `sign`."""
    w = width(c, x, sign)
    total = 0.0
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        v = w * node
        total = total + weight * np.exp(c * v - x * np.expm1(v)) * (offset + slope * np.abs(v))
    return total * np.abs(w)


def scaled_gradient(a: Array, y: Array) -> Array:
    """The gradient a d log x / d a."""
    mean, x = sp.digamma(a + 1), np.exp(y)
    above = y >= mean
    c, sign = np.where(above, a, a + 1), np.where(above, 1.0, -1.0)
    offset = np.where(above, y - mean + 1 / a, mean - y)
    integral = tail_integral(c, x, sign, offset, 1.0)
    return np.where(above, a * integral, mean - y + x * integral)


def log_tail(a: Array, mu: Array, sign: Array) -> tuple[Array, Array]:
    """Log probability beyond x = a e^mu on one side, and that probability over x f(x)."""
    mills = tail_integral(a, a * np.exp(mu), sign, 1.0, 0.0)
    b = 1 / np.maximum(a, 20.0)
    series = -(b / 12 - b**3 / 360 + b**5 / 1260 - b**7 / 1680)
    direct = a * np.log(a) - a + 0.5 * np.log(2 * np.pi / a) - sp.gammaln(a)
    tiny = np.where(np.abs(mu) < 0.05, mu, 0.0)
    horner = 1.0
    for k in range(8, 2, -1):
        horner = 1 + tiny / k * horner
    excess = np.where(np.abs(mu) < 0.05, tiny**2 / 2 * horner, np.expm1(mu) - mu)
    log_density = np.where(a > 20, series, direct) + 0.5 * np.log(a / (2 * np.pi)) - a * excess
    return np.log(mills) + log_density, mills


def quantile(a: Array, z: Array) -> Array:
    """log(x / a) with P(Gamma(a) < x) = Phi(z), by Newton's method in log space."""
    sign, tail = np.where(z > 0, 1.0, -1.0), sp.ndtr(-np.abs(z))
    mu = np.log(np.where(z > 0, sp.gammainccinv(a, tail), sp.gammaincinv(a, tail)) / a)
    for _ in range(6):
        log_p, mills = log_tail(a, mu, sign)
        mu = mu + sign * mills * (log_p - sp.log_ndtr(-np.abs(z)))
    return mu


def minimax(basis: Array, target: Array, weight: Array, rounds: int = 30) -> Array:
    """Coefficients that nearly minimise max |weight (basis c - target)|."""
    w, best, best_error = weight.copy(), np.empty(0), np.inf
    for _ in range(rounds):
        scale = np.linalg.norm(basis * w[:, None], axis=0)
        c = np.linalg.lstsq(basis * w[:, None] / scale, target * w, rcond=1e-13)[0] / scale
        error = np.abs(basis @ c - target) * weight
        if error.max() < best_error:
            best, best_error = c, error.max()
        w = w * (error / error.max() + 0.02) ** 0.7
        w /= w.max()
    print(f"# weighted maximum error of the fit below: {best_error:.1e}")
    return best


def monomials(c: Array) -> Array:
    """Chebyshev to monomial coefficients, along the last two axes."""
    c = np.apply_along_axis(chebyshev.cheb2poly, -1, c)
    return np.apply_along_axis(chebyshev.cheb2poly, -2, c)


def product_basis(r: Array, t: Array, degrees: tuple[int, int]) -> Array:
    rows, columns = (chebyshev.chebvander(v, n) for v, n in zip((r, t), degrees, strict=True))
    return (rows[:, :, None] * columns[:, None, :]).reshape(len(r), -1)


def fit_quantile(degrees: tuple[int, int] = (7, 5), bound: float = 6.7) -> Array:
    kappa = np.concatenate([np.geomspace(3e-4, 0.05, 20), np.linspace(0.051, 1, 120)])
    z = -bound * np.cos(np.pi * np.arange(121) / 120)
    kappa, z = (v.ravel() for v in np.meshgrid(kappa, z, indexing="ij"))
    target = quantile(kappa**-2, z) / kappa
    basis = product_basis(2 * (z / bound) ** 2 - 1, 2 * kappa**2 - 1, degrees)
    both = np.concatenate([basis * z[:, None], basis * kappa[:, None]], 1)
    # The floor keeps the map rising to the last normal that a float32 generator can give.
    c = minimax(both, target, np.maximum(np.exp(-0.25 * z**2), 4e-4))
    return monomials(c.reshape(2, degrees[0] + 1, degrees[1] + 1))


def fit_gradient(degrees: tuple[int, int] = (9, 7)) -> Array:
    exponents = np.concatenate(
        [np.linspace(-6, -2, 12), np.linspace(-1.9, 2, 90), np.linspace(2.1, 7, 25)]
    )
    a = 10 ** np.repeat(exponents, 90)
    low = np.maximum(np.log(np.maximum(sp.gammaincinv(a, 1e-13), 1e-300)), -17.0)
    high = np.maximum(np.log(np.maximum(sp.gammainccinv(a, 1e-13), 1e-3)), 0.5 * (a < 1e-3) - 9)
    position = np.tile((1 - np.cos(np.pi * np.arange(90) / 89)) / 2, len(exponents))
    y = low + (high - low) * position
    gradient = scaled_gradient(a, y)
    v = np.where(gradient > 30, -gradient, -np.log(np.expm1(np.minimum(gradient, 31.0))))
    m = y - np.log(a + 0.5)
    basis = product_basis(np.tanh((m - 1) / 6), (1 - a) / (1 + a), degrees)
    c = minimax(basis, v - m, 1 / (1 + np.exp(v)) / gradient)
    return monomials(c.reshape(degrees[0] + 1, degrees[1] + 1))


def literal(name: str, table: Array) -> str:
    """The table as a nested tuple: powers of r by outputs by powers of t."""
    nested = tuple(tuple(tuple(float(f"{c:.9g}") for c in row) for row in rows) for rows in table)
    return f"{name} = {nested}\n"


HEADER = '''"""Polynomials for float32 log-gamma draws, written by `benchmarks/log_gamma_tables.py`.

Entry [i][c][j] multiplies r^i t^j in output c, with t = (1 - a) / (1 + a), in [-1, 1].

QUANTILE: with z standard normal, k = (a + 1)^(-1/2) and r = 2 z^2 / 6.7^2 - 1, the quantile of
Gamma(a + 1) at Phi(z) is (a + 1) exp(k (z P(r, t) + k Q(r, t))); P and Q are the outputs. As in a
Cornish-Fisher expansion, the exponent over k is odd in (k, z) jointly.

GRADIENT: with m = log x - log(a + 1/2) and r = tanh((m - 1) / 6), the implicit gradient of log x is
d log x / d a = softplus(-m - D(r, t)) / a, exact in both limits of x.
"""

from __future__ import annotations
'''

if __name__ == "__main__":
    print(HEADER)
    print(literal("QUANTILE", fit_quantile().swapaxes(0, 1)))
    print(literal("GRADIENT", fit_gradient()[:, None]), end="")
