"""What `dirvae.fit` costs beyond its steps: `python -m benchmarks.fit_overhead`.

Wall time of `fit` over that of a bare PyTorch loop that takes the very same steps (and ends with
the same weights, to the bit): MNIST, drawn as 0 or 1 anew each epoch, batches of 100, the default
Dirichlet VAE with 50 components, Adam. The ways take turns, repetition after repetition, each time
in another order; the figure is the median over repetitions of the ratio within one. The bar is
1.15, without and with the progress bar.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor

from dirvae.data import ArrayDataset, mnist
from dirvae.models import zoo
from dirvae.models.vae import VAE
from dirvae.training import adam, fit
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "fit_overhead.json"
BAR, BATCH, K = 1.15, 100, 50


def pixels(num_rows: int) -> tuple[Tensor, str]:
    """MNIST where it is at hand, else random pixels of its shape."""
    try:
        x, name = torch.from_numpy(mnist()).flatten(1).float() / 255, "mnist"
    except (ImportError, OSError):
        x, name = torch.rand(60_000, 784), "random pixels"
    return x[:num_rows], name


def bare(vae: VAE, x: Tensor, epochs: int) -> None:
    optimizer = adam(vae.parameters())
    vae.train()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        torch.empty((), dtype=torch.int64).random_()  # as a DataLoader does, to seed workers
        for rows in order.split(BATCH):
            terms = vae.terms(torch.bernoulli(x[rows]))
            loss = -(terms.log_likelihood.mean(0) - terms.kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def quiet(vae: VAE, x: Tensor, epochs: int) -> None:
    data = ArrayDataset(x, binarize=True)
    fit(vae, data, max_epochs=epochs, batch_size=BATCH, verbose=False)


def with_bar(vae: VAE, x: Tensor, epochs: int) -> None:
    """As a user sees it; where there is no terminal the bar is drawn into nothing, as often."""
    data = ArrayDataset(x, binarize=True)
    seen = sys.stdout.isatty()
    with open(os.devnull, "w") as nothing, nullcontext() if seen else redirect_stdout(nothing):
        fit(vae, data, max_epochs=epochs, batch_size=BATCH, verbose=True)


WAYS: dict[str, Callable[[VAE, Tensor, int], None]] = {
    "bare loop": bare,
    "fit, verbose=False": quiet,
    "fit, verbose=True": with_bar,
}


def timed(way: Callable[[VAE, Tensor, int], None], x: Tensor, epochs: int) -> tuple[float, Tensor]:
    """Seconds, and the weights at the end."""
    torch.manual_seed(0)
    vae = zoo.dirichlet(x.shape[1], torch.full((K,), 1 - 1 / K))
    start = time.perf_counter()
    way(vae, x, epochs)
    seconds = time.perf_counter() - start
    return seconds, torch.cat([p.detach().flatten() for p in vae.parameters()])


def measure(x: Tensor, epochs: int, repetitions: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for way in WAYS.values():  # imports and first allocations are nobody's overhead
        timed(way, x[: 20 * BATCH], 1)
    for turn in range(repetitions):
        names = [*WAYS][turn % len(WAYS) :] + [*WAYS][: turn % len(WAYS)]
        ends = {}
        for name in names:
            spent, ends[name] = timed(WAYS[name], x, epochs)
            seconds[name].append(spent)
        if not all(torch.equal(end, ends["bare loop"]) for end in ends.values()):
            raise AssertionError("the ways ended with different weights: not the same steps")
        print(turn, *(f"{values[-1]:.2f} s" for values in seconds.values()), file=sys.stderr)
    return seconds


def summary(seconds: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(values, seconds["bare loop"], strict=True)]
        found[name] = {
            "seconds": statistics.median(values),
            "ratio": statistics.median(ratios),
            "ratios": [round(ratio, 4) for ratio in ratios],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.environ.setdefault("FORCE_COLOR", "1")  # rich draws the bar, terminal or not
    x, data = pixels(options.rows)
    load = os.getloadavg()[0]
    found = summary(measure(x, options.epochs, options.repetitions))
    setting = {
        "data": f"{data}, {len(x)} x {x.shape[1]}",
        "epochs": options.epochs,
        "steps": options.epochs * -(-len(x) // BATCH),
        "threads": options.threads,
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
    }
    print(", ".join(f"{name} {value}" for name, value in setting.items()))
    for name, values in found.items():
        print(f"{name:<20}{values['seconds']:>8.2f} s   ratio {values['ratio']:.3f}")
    options.output.parent.mkdir(exist_ok=True)
    write_text(options.output, json.dumps({**setting, "bar": BAR, "ways": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
