"""A training step of the Dirichlet VAE over the Gaussian's: `python -m benchmarks training_step`.

Networks, data sizes and Adam are those of `dirvae.models.zoo` on MNIST: 784 pixels, K = 50. Only
the latent differs. The models take turns in one process, a step at a time. Which of the two is made
first can move the ratio by a tenth, so both orders are measured, several times, each with models
made anew; the figure is the geometric mean of the ratios of medians. The bar is 1.10.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dirvae.models import zoo
from dirvae.models.vae import VAE
from dirvae.objectives import elbo
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "training_step.json"
BAR, D, K = 1.10, 784, 50
BATCHES = (100, 500)
WARM_UP = 20  # steps: the first compiles
Step = Callable[[Tensor], None]


def models() -> dict[str, VAE]:
    torch.manual_seed(0)
    prior = torch.full((K,), 1 - 1 / K)
    return {"gaussian": zoo.gaussian(D, K), "dirichlet": zoo.dirichlet(D, prior)}


def training_step(vae: VAE, compiled: bool) -> Step:
    adam = torch.optim.Adam(vae.parameters(), lr=1e-3)

    def loss(x: Tensor) -> Tensor:
        return -elbo(vae.terms(x)).mean()

    run = torch.compile(loss, dynamic=False) if compiled else loss

    def step(x: Tensor) -> None:
        adam.zero_grad()
        run(x).backward()
        adam.step()

    return step


def measure(batch: int, compiled: bool, rounds: int, device: str, first: str) -> dict[str, float]:
    """Milliseconds a step by model, the one named ``first`` made and run first."""
    torch._dynamo.reset()
    made = models()
    order = sorted(made, key=lambda name: name != first)
    steps = {name: training_step(made[name].to(device), compiled) for name in order}
    x = torch.bernoulli(torch.rand(batch, D)).to(device)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step(x)
            if x.is_cuda:
                torch.cuda.synchronize()
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=4, help="of each order")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    load = os.getloadavg()[0]
    found: list[dict[str, Any]] = []
    for batch in BATCHES:
        for compiled in (False, True):
            turns = [
                measure(batch, compiled, options.rounds, options.device, first)
                for first in ("gaussian", "dirichlet") * options.repeats
            ]
            ratios = [times["dirichlet"] / times["gaussian"] for times in turns]
            ratio = statistics.geometric_mean(ratios)
            times = {name: statistics.median(t[name] for t in turns) for name in turns[0]}
            how = "compiled" if compiled else "eager"
            found.append(
                {
                    "batch": batch,
                    "how": how,
                    "milliseconds": times,
                    "ratio": ratio,
                    "ratios_gaussian_first": ratios[::2],
                    "ratios_dirichlet_first": ratios[1::2],
                }
            )
            figures = ", ".join(f"{name} {value:.2f} ms" for name, value in times.items())
            spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
            print(f"batch {batch:>4} {how:<9} {figures}, ratio {ratio:.3f} ({spread})", flush=True)
    setting = {
        "bar": BAR,
        "threads": options.threads,
        "cores": os.cpu_count(),
        "device": options.device,
        "load_before": round(load, 1),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    options.output.parent.mkdir(exist_ok=True)
    write_text(options.output, json.dumps({**setting, "steps": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
