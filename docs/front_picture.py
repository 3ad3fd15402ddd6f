"""The picture of the first page, light and dark: python docs/front_picture.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from dirvae import DirichletVAE

FOLDER = Path(__file__).parent / "images"
LOOKS = {
    "light": {"paper": "#ffffff", "ink": "#24292f", "bars": "#0b6e4f", "map": "Greys"},
    "dark": {"paper": "#14181e", "ink": "#ced6dd", "bars": "#3fb68b", "map": "Greys_r"},
}
K = 10
ROWS = (0, 1, 5, 8, 16)


def fitted() -> tuple[Any, Any, Any]:
    """Images, the components decoded alone, and the proportions of each image."""
    X = load_digits().data / 16
    model = DirichletVAE(K, prior_concentration=0.5, random_state=0).fit(X)
    return X, model.inverse_transform(np.eye(K)), model.transform(X)


def draw(X: Any, components: Any, theta: Any, look: dict[str, str]) -> plt.Figure:
    colors = dict.fromkeys(("text.color", "xtick.color", "axes.labelcolor"), look["ink"])
    with plt.rc_context({"font.size": 9, **colors}):
        figure = plt.figure(figsize=(9, 3.2), layout="constrained", facecolor=look["paper"])
        upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.15))
        for part in (upper, lower):
            part.set_facecolor(look["paper"])
        title = {"x": 0.01, "ha": "left", "fontsize": 10, "color": look["ink"]}
        upper.suptitle(f"What each of {K} components looks like", **title)
        for number, cell in enumerate(upper.subplots(1, K)):
            image(cell, components[number], look)
            cell.set_xlabel(str(number))
        lower.suptitle("Rows of the data, and how much of each component is in them", **title)
        cells = lower.subplots(1, 2 * len(ROWS), width_ratios=[1, 1.6] * len(ROWS))
        for place, row in enumerate(ROWS):
            image(cells[2 * place], X[row], look)
            bars(cells[2 * place + 1], theta[row], look)
    return figure


def image(cell: Any, values: Any, look: dict[str, str]) -> None:
    cell.imshow(values.reshape(8, 8), cmap=look["map"], vmin=0, vmax=1)
    cell.set(xticks=[], yticks=[])
    cell.spines[:].set_visible(False)


def bars(cell: Any, shares: Any, look: dict[str, str]) -> None:
    cell.bar(range(K), shares, color=look["bars"])
    cell.set(facecolor=look["paper"], xticks=range(0, K, 3), yticks=[], ylim=(0, 0.8))
    cell.spines[["top", "left", "right"]].set_visible(False)
    cell.spines["bottom"].set_color(look["ink"])


if __name__ == "__main__":
    found = fitted()
    for name, look in LOOKS.items():
        figure = draw(*found, look)
        figure.savefig(FOLDER / f"front_{name}.png", dpi=130, facecolor=look["paper"])
