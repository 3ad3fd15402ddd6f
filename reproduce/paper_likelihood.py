"""How many of the paper's nats come from its estimators: a picture and the numbers beside it.

    python -m reproduce.paper_likelihood

Reads `results/density-mnist.jsonl`, which `dirvae reproduce density-mnist` writes, and draws
docs/images/paper_likelihood.png. Then it prints what the method of moments makes of a prior when it
is fed with draws of that very prior, by the inverse-CDF sampler and exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from torch.distributions import Distribution

from dirvae.callbacks import concentration_by_moments
from dirvae.distributions import Dirichlet, InverseCDFDirichlet
from dirvae.reproduce import record
from dirvae.reproduce.paper import DENSITY
from dirvae.reproduce.tables import latest
from reproduce import RESULTS

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "paper_likelihood.png"
NAMES = {
    "gaussian": "Gaussian VAE",
    "inverse_cdf_dirichlet": "DirVAE",
}
ESTIMATES = {
    "paper": ("the paper", "#444444", "D"),
    "doubtful": ("ours, by the paper's estimators", "#e07b00", "o"),
    "honest": ("ours, by the true density", "#0b6e4f", "o"),
}


def figures(run: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """NLL and negative ELBO by each way of estimating."""
    found = {"honest": (run["nll"], run["negative_elbo"])}
    if run["row"] in DENSITY["mnist"]:
        found["paper"] = DENSITY["mnist"][run["row"]][:2]
    if "doubtful_nll" in run:
        found["doubtful"] = (run["doubtful_nll"], run["doubtful_negative_elbo"])
    return found


def draw(runs: list[dict[str, Any]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 1.2 + 0.75 * len(runs)), sharey=True)
    titles = ("negative log-likelihood, nats", "negative ELBO, nats")
    for place, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        for height, run in enumerate(reversed(runs)):
            found = figures(run)
            for offset, (name, (_, colour, marker)) in enumerate(ESTIMATES.items()):
                if name in found:
                    value, y = found[name][place], height + 0.22 * (1 - offset)
                    ax.plot(value, y, marker, color=colour, ms=7)
                    ax.annotate(f"{value:.1f}", (value, y), (7, -3), textcoords="offset points")
        ax.set_title(title, fontsize=11)
        ax.set_xlim(80, 123)
        ax.grid(axis="x", alpha=0.3)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
    axes[0].set_yticks(range(len(runs)), [NAMES[run["row"]] for run in reversed(runs)])
    axes[0].set_ylim(-0.5, len(runs) - 0.5)
    for name, colour, marker in ESTIMATES.values():
        axes[0].plot([], [], marker, color=colour, label=name)
    figure.legend(loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)


def moments(Law: type[Distribution], updates: int = 5) -> list[float]:
    """Concentrations of 50 parts, each from the moments of 100,000 draws at the one before."""
    torch.manual_seed(0)
    path = [1 - 1 / 50]
    for _ in range(updates):
        z = Law(torch.full((50,), path[-1])).sample(torch.Size([100_000])).double()
        path.append(float(concentration_by_moments(z.mean(0), z.square().mean(0)).mean()))
    return path


def main() -> None:
    runs = record.done(RESULTS / "density-mnist.jsonl")
    wanted = [
        latest(runs, row=name, setting="paper", seed=0, pixels="binarised")[-1] for name in NAMES
    ]
    for run in wanted:
        print(run["row"], {k: tuple(round(v, 2) for v in pair) for k, pair in figures(run).items()})
    draw(wanted)
    for Law in (InverseCDFDirichlet, Dirichlet):
        print(Law.__name__, " -> ".join(f"{a:.4g}" for a in moments(Law)))


if __name__ == "__main__":
    main()
