"""Time of a Dirichlet draw and its gradient, side by side: `python -m benchmarks.dirichlet_speed`.

Every candidate is timed in turn, round after round in one process, so that a busy machine slows
all of them alike. A round calls a candidate ten times and keeps the fastest; the figure is the
median of the rounds. Times are microseconds for one float32 draw, a weighted sum of it and the
backward pass.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet

SHAPES = ((256, 50), (1024, 200))
Draw = Callable[[Tensor, Tensor], Tensor]


def softmax_gaussian(location: Tensor, log_std: Tensor) -> Tensor:
    return torch.softmax(location + log_std.exp() * torch.randn_like(location), -1)


def candidates() -> dict[str, Draw]:
    """Each maps two raw encoder outputs to a draw; a concentration uses one of them."""

    def ours(raw: Tensor, _: Tensor) -> Tensor:
        return Dirichlet(raw, validate_args=False).rsample()

    def ours_log(raw: Tensor, _: Tensor) -> Tensor:
        return LogDirichlet(raw, validate_args=False).rsample()

    def theirs(raw: Tensor, _: Tensor) -> Tensor:
        return torch.distributions.Dirichlet(raw, validate_args=False).rsample()

    return {
        "torch Dirichlet": theirs,
        "softmax-Gaussian": softmax_gaussian,
        "softmax-Gaussian, compiled": torch.compile(softmax_gaussian, dynamic=False),
        "dirvae Dirichlet": ours,
        "dirvae Dirichlet, compiled": torch.compile(ours, fullgraph=True, dynamic=False),
        "dirvae LogDirichlet": ours_log,
        "dirvae LogDirichlet, compiled": torch.compile(ours_log, fullgraph=True, dynamic=False),
    }


def step(draw: Draw, inputs: tuple[Tensor, Tensor], weight: Tensor) -> float:
    for leaf in inputs:
        leaf.grad = None
    start = time.perf_counter()
    (draw(*inputs) * weight).sum().backward()
    if weight.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(shape: tuple[int, int], rounds: int, device: str) -> dict[str, float]:
    """Microseconds by candidate; concentrations are those of an encoder, from .05 to about 4."""
    torch._dynamo.reset()
    concentration = F.softplus(torch.randn(shape, device=device)) + 0.05
    inputs = (concentration.requires_grad_(), torch.zeros(shape, device=device, requires_grad=True))
    weight, draws = torch.randn(shape, device=device), candidates()
    times: dict[str, list[float]] = {name: [] for name in draws}
    for turn in range(rounds + 1):
        for name, draw in draws.items():
            fastest = min(step(draw, inputs, weight) for _ in range(10))
            if turn > 0:  # the first compiles
                times[name].append(fastest)
    return {name: 1e6 * statistics.median(values) for name, values in times.items()}


def report(shape: tuple[int, int], times: dict[str, float]) -> None:
    print(f"\n{shape}{'':>22} us   times as fast as torch   times the softmax-Gaussian")
    for name, value in times.items():
        faster, slower = times["torch Dirichlet"] / value, value / times["softmax-Gaussian"]
        print(f"{name:<30}{value:>8.0f}{faster:>18.2f}{slower:>26.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, python {platform.python_version()}, {platform.platform()}")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"{options.threads} threads, load {os.getloadavg()[0]:.1f}, device {options.device}")
    for shape in SHAPES:
        report(shape, measure(shape, options.rounds, options.device))


if __name__ == "__main__":
    main()
