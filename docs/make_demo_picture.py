"""Draw docs/images/demo.png from a run of the demo: python docs/make_demo_picture.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from dirvae.demo.digits import Plan, compare
from dirvae.report.figures import COLORS, GREY

TARGET = Path(__file__).parent / "images" / "demo.png"


def draw(results: dict[str, Any]) -> plt.Figure:
    plt.rcParams.update({"font.family": "sans-serif", "font.size": 9, "axes.titlesize": 10})
    figure = plt.figure(figsize=(10, 4.3), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(0.72, 1))
    models = results["models"]
    draw_components(upper, models[-1])
    upper.suptitle(
        "Dirichlet: each component decoded alone (top), and the mean of the 20 held-out images "
        "that use it most",
        fontsize=10,
        fontweight="bold",
        x=0.01,
        ha="left",
    )
    for axes, model, color in zip(lower.subplots(1, len(models)), models, COLORS, strict=False):
        draw_latent(axes, model, color)
    return figure


def draw_components(figure: Any, model: dict[str, Any]) -> None:
    axes = figure.subplots(2, len(model["corners"]))
    for row, images in enumerate((model["corners"], model["users"])):
        for number, (cell, image) in enumerate(zip(axes[row], images, strict=True)):
            cell.imshow(image, cmap="Greys", vmin=0, vmax=1)
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
            if row:
                cell.set_xlabel(str(number), fontsize=8, color="#5b636e")


def draw_latent(axes: Any, model: dict[str, Any], color: str) -> None:
    found = model["diagnosis"]
    numbers = np.arange(len(found.uses))
    line = {"fmt": "o", "markersize": 3.2, "elinewidth": 1.4}
    axes.errorbar(
        numbers + 0.17, found.prior_location, found.prior_spread, color=GREY, label="prior", **line
    )
    means = found.means
    axes.errorbar(
        numbers - 0.17, means.mean, means.std, color=color, label="posterior means", **line
    )
    error = f"{100 * model['knn_error']:.1f} %"
    axes.set_title(
        f"{model['name']}: NLL {model['nll']:.2f}, k-NN error {error}", loc="left", fontsize=9
    )
    axes.set_xlabel("component")
    axes.set_xticks(numbers[::5])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper right", borderaxespad=0)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.15 * (high - low))


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    draw(compare(Plan())[1]).savefig(TARGET, dpi=130, facecolor="white")
