"""How many of the paper's nats come from its estimators: a picture and the numbers beside it.

    python -m studies.paper_likelihood

Reads `results/density-mnist.jsonl`, which `dirvae reproduce density-mnist` writes, and draws
docs/images/paper_likelihood.png. Then it prints what the method of moments makes of a prior when it
is fed with draws of that very prior, by the inverse-CDF sampler and exactly.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from torch.distributions import Distribution

from dirvae.distributions import Dirichlet, InverseCDFDirichlet
from dirvae.reproduce import record
from dirvae.reproduce.paper import DENSITY
from dirvae.reproduce.record import Run
from dirvae.reproduce.tables import latest
from dirvae.training.callbacks import concentration_by_moments
from dirvae.writing import whole
from studies import RESULTS

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


def figures(runs: list[Run]) -> dict[str, tuple[float, float]]:
    """NLL and negative ELBO by each way of estimating, means over seeds."""
    found = {"honest": _means(runs, "nll", "negative_elbo")}
    row = runs[0]["row"]
    if row in DENSITY["mnist"]:
        found["paper"] = DENSITY["mnist"][row][:2]
    if "doubtful_nll" in runs[0]:
        found["doubtful"] = _means(runs, "doubtful_nll", "doubtful_negative_elbo")
    return found


def _means(runs: list[Run], *names: str) -> tuple[float, float]:
    first, second = (fmean(run[name] for run in runs) for name in names)
    return first, second


def draw(models: dict[str, list[Run]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 1.2 + 0.75 * len(models)), sharey=True)
    titles = ("negative log-likelihood, nats", "negative ELBO, nats")
    names = list(reversed(models))
    for place, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        for height, row in enumerate(names):
            found = figures(models[row])
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
    axes[0].set_yticks(range(len(names)), [NAMES[row] for row in names])
    axes[0].set_ylim(-0.5, len(names) - 0.5)
    for name, colour, marker in ESTIMATES.values():
        axes[0].plot([], [], marker, color=colour, label=name)
    figure.legend(loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    with whole(PICTURE) as file:
        figure.savefig(file, dpi=110, format=PICTURE.suffix[1:])
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
    models = {row: latest(runs, row=row, setting="paper", pixels="binarised") for row in NAMES}
    for row, found in models.items():
        means = {k: tuple(round(v, 2) for v in pair) for k, pair in figures(found).items()}
        print(row, len(found), "seeds", means)
    draw(models)
    for Law in (InverseCDFDirichlet, Dirichlet):
        print(Law.__name__, " -> ".join(f"{a:.4g}" for a in moments(Law)))


if __name__ == "__main__":
    main()
