"""Time of a Dirichlet's draw, KL and entropy: `python -m benchmarks dirichlet_speed`.

Every candidate is timed in turn, round after round in one process, so that a busy machine slows
all of them alike. A round calls a candidate ten times and keeps the fastest; the figure is the
median of the rounds. Times are microseconds in float32, with the backward pass. Draws are summed
with weights first. Terms are what a training step asks of the latent, ours beside torch's.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from dirvae.reproduce.record import add

RESULTS = Path(__file__).parent / "results" / "dirichlet_speed.jsonl"
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


LAWS: dict[str, Callable[..., Distribution]] = {
    "dirvae": Dirichlet,
    "torch": torch.distributions.Dirichlet,
}


def terms() -> dict[str, Draw]:
    """Each maps a concentration to numbers, by ours and by torch's distribution."""
    return {
        f"{term.__name__}, {name}": term for name, law in LAWS.items() for term in _terms_of(law)
    }


def _terms_of(law: Callable[..., Distribution]) -> tuple[Draw, ...]:
    def made(raw: Tensor) -> Any:
        return law(raw, validate_args=False)

    def kl(raw: Tensor, _: Tensor) -> Tensor:
        return kl_divergence(made(raw), made(torch.full_like(raw[0], 0.98)))

    def entropy(raw: Tensor, _: Tensor) -> Tensor:
        found: Tensor = made(raw).entropy()
        return found

    def draw(raw: Tensor, _: Tensor) -> Tensor:
        found: Tensor = made(raw).rsample()
        return found

    def together(raw: Tensor, _: Tensor) -> Tensor:
        q = made(raw)
        z: Tensor = q.rsample()
        divergence = kl_divergence(q, made(torch.full_like(raw[0], 0.98)))
        return z + (q.log_prob(z) + divergence).unsqueeze(-1)

    return kl, entropy, draw, together


def step(draw: Draw, inputs: tuple[Tensor, Tensor], weight: Tensor) -> float:
    for leaf in inputs:
        leaf.grad = None
    start = time.perf_counter()
    found = draw(*inputs)
    (found * weight if found.dim() > 1 else found).sum().backward()
    if weight.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(
    shape: tuple[int, int],
    rounds: int,
    device: str,
    made: Callable[[], dict[str, Draw]] = candidates,
) -> dict[str, float]:
    """Microseconds by candidate; concentrations are those of an encoder, from .05 to about 4."""
    torch._dynamo.reset()
    concentration = F.softplus(torch.randn(shape, device=device)) + 0.05
    inputs = (concentration.requires_grad_(), torch.zeros(shape, device=device, requires_grad=True))
    weight, draws = torch.randn(shape, device=device), made()
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
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, python {platform.python_version()}, {platform.platform()}")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"{options.threads} threads, load {os.getloadavg()[0]:.1f}, device {options.device}")
    found: list[dict[str, Any]] = []
    for shape in SHAPES:
        draws = measure(shape, options.rounds, options.device)
        report(shape, draws)
        own = measure(shape, options.rounds, options.device, terms)
        for term in dict.fromkeys(name.partition(",")[0] for name in own):
            ours, theirs = own[f"{term}, dirvae"], own[f"{term}, torch"]
            print(f"{term:<30}{ours:>8.0f}{theirs / ours:>18.2f}")
        found.append({"shape": list(shape), "draws": draws, "terms": own})
    setting = {"threads": options.threads, "device": options.device, "rounds": options.rounds}
    add(options.output, {**setting, "shapes": found})


if __name__ == "__main__":
    main()
