"""The gradient laboratory: bias, spread and time of Dirichlet gradients, estimator by estimator.

    python -m benchmarks gradients             # minutes; writes results/gradients.json and pictures
    python -m benchmarks gradients --quick     # fewer draws; writes nothing
    python -m benchmarks gradients --figures   # only draws the pictures again

Each estimator draws z of K parts with float32 concentrations a, all alike, and gives the gradient
in a of f(z), for f = sum_k w_k z_k, sum_k w_k z_k^2 and sum_k w_k log z_k with weights w from -1 to
2. The truth is the gradient of E[f(z)] under the Dirichlet, known in closed form: laws that only
stand in for a Dirichlet are measured by it too. With g a gradient of one draw,

    bias = |mean g - truth| / |truth|,  with a standard error
    spread = sqrt(E|g - mean g|^2) / |truth|

where |.| is the Euclidean norm. A draw is lost if a log proportion or its gradient is not finite,
or if a proportion was clamped at the smallest float. Time is that of 256 draws and their gradient
of the first f. JAX and NumPyro are measured where they are installed (the extra "benchmarks").
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor

from benchmarks.gradient_figures import draw_figures
from dirvae.distributions import (
    Dirichlet,
    InverseCDFDirichlet,
    MVKumaraswamy,
    RejectionDirichlet,
    StickBreakingBeta,
    WeibullDirichlet,
    laplace_softmax_normal,
)
from dirvae.distributions.log_space import log_proportions
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "gradients.json"
CONCENTRATIONS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
SIZES = (2, 50, 1000)
BATCH = 256
PATIENCE = 3.0  # seconds of timing one case, after five turns
CHUNK = 500_000  # numbers drawn at a time, which bounds memory

Pull = Callable[[Tensor], Tensor]
Estimator = Callable[[Tensor], tuple[Tensor, Pull]]
"""From concentrations (N, K) to log z and to what maps d f / d log z to d f / d a, both (N, K)."""


class Function(NamedTuple):
    """f as a function of log z: its gradient there, and that of its mean in a, in float64."""

    slope: Callable[[Tensor, Tensor], Tensor]
    truth: Callable[[Tensor, Tensor], Tensor]


def _linear_truth(a: Tensor, w: Tensor) -> Tensor:
    return (w - (w * a).sum() / a.sum()) / a.sum()


def _square_truth(a: Tensor, w: Tensor) -> Tensor:
    total = a.sum()
    scale = total * (total + 1)
    return w * (2 * a + 1) / scale - (w * a * (a + 1)).sum() * (2 * total + 1) / scale**2


def _log_truth(a: Tensor, w: Tensor) -> Tensor:
    return w * torch.polygamma(1, a) - torch.polygamma(1, a.sum()) * w.sum()


FUNCTIONS = {
    "sum w z": Function(lambda log_z, w: w * log_z.exp(), _linear_truth),
    "sum w z^2": Function(lambda log_z, w: 2 * w * (2 * log_z).exp(), _square_truth),
    "sum w log z": Function(lambda log_z, w: w.expand_as(log_z), _log_truth),
}


def weights(size: int) -> Tensor:
    return torch.linspace(-1, 2, size)


# --- estimators -----------------------------------------------------------------------------------


def _by_torch(draw: Callable[[Tensor], Tensor]) -> Estimator:
    """An estimator from a differentiable draw of log z."""

    def estimator(a: Tensor) -> tuple[Tensor, Pull]:
        leaf = a.clone().requires_grad_()
        log_z = draw(leaf)

        def pull(grad: Tensor) -> Tensor:
            return torch.autograd.grad(log_z, leaf, grad, retain_graph=True)[0]

        return log_z.detach(), pull

    return estimator


def _of_torch(a: Tensor) -> Tensor:
    return torch.distributions.Dirichlet(a, validate_args=False).rsample().log()


def _sticks(a: Tensor) -> Tensor:
    """Beta sticks of concentrations a_k and sum_{j>k} a_j: a Dirichlet."""
    rest = a.flip(-1).cumsum(-1).flip(-1)
    return StickBreakingBeta(a[..., :-1], rest[..., 1:], validate_args=False).log().rsample()


def _weibull(a: Tensor) -> Tensor:
    """Weibulls whose logarithms have the mean and variance of the log-gammas."""
    shape = math.pi / (6 * torch.polygamma(1, a)).sqrt()
    scale = (torch.digamma(a) + np.euler_gamma / shape).exp()
    return WeibullDirichlet(scale, shape, validate_args=False).log().rsample()


@cache
def _jax_draw() -> Any:
    import jax

    def draw(a: Any, key: Any) -> Any:
        return jax.nn.log_softmax(jax.random.loggamma(key, a), axis=-1)

    return jax.jit(draw)


@cache
def _numpyro_draw() -> Any:
    import jax
    from numpyro.distributions import Dirichlet as NumPyroDirichlet

    def draw(a: Any, key: Any) -> Any:
        return jax.numpy.log(NumPyroDirichlet(a).rsample(key))

    return jax.jit(draw)


def _by_jax(make: Callable[[], Any]) -> Estimator:
    """An estimator from what makes a compiled draw of log z from concentrations and a key."""

    def estimator(a: Tensor) -> tuple[Tensor, Pull]:
        import jax

        key = jax.random.key(int(torch.randint(2**31, ())))
        log_z, vjp = jax.vjp(partial(make(), key=key), jax.numpy.asarray(a.numpy()))

        def pull(grad: Tensor) -> Tensor:
            return torch.from_numpy(np.array(vjp(jax.numpy.asarray(grad.numpy()))[0]))

        return torch.from_numpy(np.array(log_z)), pull

    return estimator


def estimators() -> dict[str, Estimator]:
    """Return every estimator by name; those that draw from another law say so."""
    found = {
        "Dirichlet": _by_torch(lambda a: Dirichlet(a).log().rsample()),
        "Dirichlet, 8 totals": _by_torch(lambda a: Dirichlet(a).log().rsample(totals=8)),
        "Beta sticks": _by_torch(_sticks),
        "rejection, boost 10": _by_torch(lambda a: RejectionDirichlet(a).log().rsample()),
        "torch": _by_torch(_of_torch),
        "inverse CDF (another law)": _by_torch(lambda a: InverseCDFDirichlet(a).log().rsample()),
        "Weibull (another law)": _by_torch(_weibull),
        "Laplace (another law)": _by_torch(
            lambda a: log_proportions(laplace_softmax_normal(a).rsample())
        ),
        "MV Kumaraswamy (another law)": _by_torch(
            lambda a: MVKumaraswamy(a, validate_args=False).log().rsample()
        ),
    }
    if find_spec("jax") is not None:
        found["JAX"] = _by_jax(_jax_draw)
    if find_spec("numpyro") is not None:
        found["NumPyro"] = _by_jax(_numpyro_draw)
    return found


# --- measuring ------------------------------------------------------------------------------------


class _Moments:
    """Running sums of gradients of single draws."""

    def __init__(self, size: int) -> None:
        self.count, self.lost = 0, 0
        self.sum, self.squares = torch.zeros(size, dtype=torch.float64), 0.0

    def add(self, grads: Tensor, kept: Tensor, reference: Tensor) -> None:
        """Count the ``kept`` ones of gradients (N, K), as differences to ``reference``, (K,)."""
        excess = grads[kept].double() - reference
        self.count, self.lost = self.count + len(excess), self.lost + int((~kept).sum())
        self.sum += excess.sum(0)
        self.squares += float(excess.square().sum())

    def summary(self, truth: Tensor) -> dict[str, float | None]:
        if self.count < 2:
            return {"bias": None, "bias_error": None, "spread": None}
        mean = self.sum / self.count
        spread = math.sqrt(max(0.0, self.squares / self.count - float(mean.square().sum())))
        norm = float(truth.norm())
        return {
            "bias": float(mean.norm()) / norm,
            "bias_error": spread / math.sqrt(self.count) / norm,
            "spread": spread / norm,
        }


def measure(estimator: Estimator, a: float, size: int, draws: int) -> dict[str, Any]:
    """Bias, its standard error and the spread for each function, and the share of lost draws."""
    w, concentration = weights(size), torch.full((size,), a)
    wide = concentration.double()
    truths = {name: function.truth(wide, w.double()) for name, function in FUNCTIONS.items()}
    moments = {name: _Moments(size) for name in FUNCTIONS}
    rows, clamped = max(1, CHUNK // size), math.log(torch.finfo(torch.float32).tiny)
    lost = 0
    for start in range(0, draws, rows):
        count = min(rows, draws - start)
        log_z, pull = estimator(concentration.expand(count, size))
        sound = (log_z.isfinite() & (log_z != clamped)).all(-1)
        lost += int((~sound).sum())
        for name, function in FUNCTIONS.items():
            grads = pull(function.slope(log_z, w).contiguous())
            moments[name].add(grads, grads.isfinite().all(-1), truths[name])
    found = {name: moments[name].summary(truths[name]) for name in FUNCTIONS}
    return {"functions": found, "lost_share": lost / draws}


def seconds(estimator: Estimator, a: float, size: int, repetitions: int) -> float:
    """Median time of a batch of draws and one gradient."""
    concentration, w = torch.full((BATCH, size), a), weights(size)
    times: list[float] = []
    while len(times) < repetitions + 2 and (len(times) < 5 or sum(times) < PATIENCE):
        start = time.perf_counter()
        log_z, pull = estimator(concentration)
        pull(FUNCTIONS["sum w z"].slope(log_z, w).contiguous())
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])  # the first ones compile and allocate


def laboratory(draws: int, repetitions: int) -> list[dict[str, Any]]:
    """Measure every estimator; ``draws`` is for K = 2 and falls to a fiftieth for K = 1000."""
    rows = []
    cases = [(size, a) for size in SIZES for a in CONCENTRATIONS]
    with Progress() as progress:
        task = progress.add_task("gradients", total=len(cases) * len(estimators()))
        for size, a in cases:
            for name, estimator in estimators().items():
                torch.manual_seed(0)
                count = max(draws // 50, min(draws, 10 * draws // size))
                row = {"estimator": name, "size": size, "concentration": a, "draws": count}
                row |= measure(estimator, a, size, count)
                rows.append(row | {"seconds": seconds(estimator, a, size, repetitions)})
                progress.advance(task)
    return rows


# --- reporting ------------------------------------------------------------------------------------


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print one line an estimator and case: bias ± its error and spread for each function."""
    for size in SIZES:
        for a in CONCENTRATIONS:
            print(f"\nK = {size}, a = {a:g}:  bias ± error (spread) of {', '.join(FUNCTIONS)}")
            for row in rows:
                if (row["size"], row["concentration"]) == (size, a):
                    cells = "  ".join(_cell(found) for found in row["functions"].values())
                    lost = f"lost {100 * row['lost_share']:.3g} %" if row["lost_share"] else ""
                    print(f"{row['estimator']:<30}{cells}  {1e6 * row['seconds']:7.0f} us  {lost}")


def _cell(found: dict[str, float | None]) -> str:
    if found["bias"] is None:
        return "none finite".ljust(26)
    return "{bias:8.2g} ± {bias_error:<7.1g}({spread:7.2g})".format(**found)


def _setting() -> dict[str, Any]:
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in ("jax", "numpyro") if find_spec(name)}
    return {
        "seed": 0,
        "batch_of_times": BATCH,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        **versions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Bias, spread and time of Dirichlet gradients.")
    parser.add_argument("--draws", type=int, default=50_000, help="for K = 2")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few draws, and no files")
    parser.add_argument("--figures", action="store_true", help="only draw what is on file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.quick:
        print_table(laboratory(2000, 2))
        return
    if not options.figures:
        rows = laboratory(options.draws, options.repetitions)
        RESULTS.parent.mkdir(exist_ok=True)
        write_text(RESULTS, json.dumps({**_setting(), "rows": rows}, indent=1) + "\n")
    rows = json.loads(RESULTS.read_text())["rows"]
    print_table(rows)
    draw_figures(rows)


if __name__ == "__main__":
    main()
