"""Pictures of the gradient laboratory: bias, spread and time over concentrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from dirvae.writing import whole

FOLDER = Path(__file__).parent.parent / "docs" / "images"
FLOOR = 1e-5  # below it a bias is drawn on the edge
STYLES = {  # ours in colour, other libraries dark, other laws dashed
    "Dirichlet": ("#0b6e4f", "-", "o"),
    "Dirichlet, 8 totals": ("#57b894", "-", "s"),
    "Beta sticks": ("#3d5a98", "-", "^"),
    "rejection, boost 10": ("#8fa8dc", "-", "v"),
    "torch": ("#c1121f", "-", "x"),
    "JAX": ("#333333", "-", "+"),
    "NumPyro": ("#8a6d5a", "-", "1"),
    "inverse CDF (another law)": ("#e07b00", "--", "o"),
    "Weibull (another law)": ("#b79c00", "--", "s"),
    "Laplace (another law)": ("#8e5aa8", "--", "^"),
    "MV Kumaraswamy (another law)": ("#999999", "--", "v"),
}

Row = dict[str, Any]


def draw_figures(rows: list[Row]) -> None:
    """Write gradients_bias.png, gradients_spread.png and gradients_time.png."""
    names = [name for name in STYLES if any(row["estimator"] == name for row in rows)]
    functions = list(rows[0]["functions"])
    _grid(rows, names, functions, "bias", "bias / |gradient|")
    _grid(rows, names, functions, "spread", "spread of one draw / |gradient|")
    _time(rows, names)


def _grid(rows: list[Row], names: list[str], functions: list[str], what: str, label: str) -> None:
    sizes = sorted({row["size"] for row in rows})
    figure, axes = plt.subplots(
        len(functions), len(sizes), figsize=(12, 9.5), sharex=True, sharey="row", squeeze=False
    )
    for line, function in zip(axes, functions, strict=True):
        for ax, size in zip(line, sizes, strict=True):
            for name in names:
                _curve(ax, _of(rows, name, size), name, function, what)
            ax.set(xscale="log", yscale="log")
            if what == "bias":
                ax.set_ylim(FLOOR, 300)
            ax.set_title(f"f = {function.replace('sum', 'Σ')},  K = {size}", fontsize=10)
            ax.grid(alpha=0.25)
        line[0].set_ylabel(label)
    for ax in axes[-1]:
        ax.set_xlabel("concentration of each part")
    _finish(figure, axes, f"gradients_{what}.png")


def _curve(ax: Any, found: list[Row], name: str, function: str, what: str) -> None:
    """One estimator's line; of a bias within three standard errors only a faint upper limit."""
    colour, dash, marker = STYLES[name]
    points = [(row["concentration"], row["functions"][function]) for row in found]
    points = [(a, values) for a, values in points if values[what] is not None]
    style = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 4, "label": name}
    if what != "bias":
        ax.plot([a for a, _ in points], [values[what] for _, values in points], **style)
        return
    seen = [(a, v["bias"]) for a, v in points if v["bias"] > 3 * v["bias_error"]]
    unseen = [(a, v["bias_error"]) for a, v in points if v["bias"] <= 3 * v["bias_error"]]
    ax.plot([a for a, _ in seen], [max(FLOOR, bias) for _, bias in seen], **style)
    ax.plot([a for a, _ in unseen], [e for _, e in unseen], marker, color=colour, alpha=0.25, ms=4)


def _time(rows: list[Row], names: list[str]) -> None:
    sizes = sorted({row["size"] for row in rows})
    figure, axes = plt.subplots(1, len(sizes), figsize=(12, 4.2), sharex=True, squeeze=False)
    for ax, size in zip(axes[0], sizes, strict=True):
        for name in names:
            colour, dash, marker = STYLES[name]
            found = _of(rows, name, size)
            times = [1e3 * row["seconds"] for row in found]
            ax.plot(
                [row["concentration"] for row in found],
                times,
                color=colour,
                linestyle=dash,
                marker=marker,
                markersize=4,
                label=name,
            )
        ax.set(xscale="log", yscale="log", xlabel="concentration of each part")
        ax.set_title(f"K = {size}", fontsize=10)
        ax.grid(alpha=0.25)
    axes[0, 0].set_ylabel("ms for 256 draws and a gradient")
    _finish(figure, axes, "gradients_time.png")


def _of(rows: list[Row], name: str, size: int) -> list[Row]:
    found = [row for row in rows if (row["estimator"], row["size"]) == (name, size)]
    return sorted(found, key=lambda row: row["concentration"])


def _finish(figure: Any, axes: Any, name: str) -> None:
    handles, labels = axes[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=6, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.16 / figure.get_figheight() * 4.5, 1, 1))
    with whole(FOLDER / name) as file:
        figure.savefig(file, dpi=110, format=Path(name).suffix[1:])
    plt.close(figure)
