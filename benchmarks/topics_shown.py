"""The table and the picture of `python -m benchmarks topics`, from its results file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "topics.json"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "topics_quality.png"
RANKINGS = ("relevance", "probability")
RANKED = {"relevance": "ranked by documents, our default", "probability": "ranked by probability"}
COLUMNS = {
    "NPMI": ("npmi_relevance", "npmi_probability"),
    "TD25": ("td25_relevance", "td25_probability"),
    "document frequency": ("frequency_relevance", "frequency_probability"),
    "NMI": ("nmi",),
    "purity": ("purity",),
    "probe": ("probe",),
    "perplexity": ("perplexity",),
    "seconds": ("seconds",),
    "documents/s": ("documents_a_second",),
}
HEADER = ("model", *COLUMNS, "stability", "seeds", "threads")
DASH = "-"

Row = dict[str, Any]


def on_file(path: Path) -> list[Row]:
    """Every row of a results file; none if it is not there."""
    return json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else []


def cells(row: Row) -> list[str]:
    """A row under `HEADER`: mean ± standard deviation over seeds, of both rankings."""
    measured = [
        " / ".join(_spread([run[name] for run in row["runs"] if name in run]) for name in names)
        for names in COLUMNS.values()
    ]
    stability = row["mean"].get("stability")
    shown = DASH if stability is None else f"{stability:.3f}"
    return [row["model"], *measured, shown, str(len(row["runs"])), str(row["setting"]["threads"])]


def table(rows: Sequence[Row]) -> str:
    """All rows, and then each seed of them."""
    header = ("corpus", "K", *HEADER)
    lines = [_line([row["corpus"], str(row["topics"]), *cells(row)]) for row in rows]
    each = [
        _line([row["corpus"], str(row["topics"]), *cells({**row, "mean": {}, "runs": [run]})])
        for row in rows
        for run in row["runs"]
    ]
    rule = "|---" * len(header) + "|"
    return "\n".join(
        [_line(header), rule, *lines, "", "Each seed:", "", _line(header), rule, *each]
    )


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return DASH
    mean, digits = float(np.mean(values)), 3
    if mean >= 2:
        digits = 1 if mean < 100 else 0
    spread = f" ± {np.std(values, ddof=1):,.{digits}f}" if len(values) > 1 else ""
    return f"{mean:,.{digits}f}{spread}"


def picture(rows: Sequence[Row], path: Path) -> None:
    """Draw quality against seconds, of the first corpus and its first number of topics."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    first = rows[0]["corpus"], rows[0]["topics"]
    shown = [row for row in rows if (row["corpus"], row["topics"]) == first]
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True, layout="constrained")
    quality = {
        by: [row["mean"][f"npmi_{by}"] * row["mean"][f"td25_{by}"] for row in shown]
        for by in RANKINGS
    }
    top = 1.15 * max(map(max, quality.values()))
    low = min(0.0, 1.15 * min(map(min, quality.values())))
    for axis, by in zip(axes, RANKINGS, strict=True):
        _panel(axis, shown, quality[by], (low, top))
        axis.set(title=f"words {RANKED[by]}", xlabel="seconds a fit")
    axes[0].set_ylabel("NPMI x TD25: coherent and distinct")
    figure.suptitle(f"{first[0]}, K = {first[1]}: up and to the left is better")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _panel(axis: Any, rows: Sequence[Row], quality: Sequence[float], limits: Any) -> None:
    seconds = [row["mean"]["seconds"] for row in rows]
    low, high = limits
    axis.set(xscale="log", ylim=limits, xlim=(min(seconds) / 1.6, max(seconds) * 1.6))
    # Labels stand in a column beside the points, in their order and never nearer than a line.
    order = np.argsort(quality)
    heights = _apart(np.sort(quality), (high - low) / 17, low, high)
    for place, height in zip(order, heights, strict=True):
        ours = rows[place]["model"].startswith("dirvae")
        color = "#d9822b" if ours else "#3b82c4"
        axis.scatter(seconds[place], quality[place], s=60, color=color, zorder=3)
        axis.annotate(
            f"{rows[place]['model']}  {quality[place]:.3f}",
            (seconds[place], quality[place]),
            xytext=(1.03, (height - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            fontweight="bold" if ours else "normal",
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "alpha": 0.6},
        )
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if _inside(t, axis.get_xlim())]
    axis.set_xticks(ticks, ticks)
    axis.minorticks_off()
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _inside(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _apart(values: Any, gap: float, low: float, high: float) -> list[float]:
    """Rising values moved so that neighbours are a gap apart, all between two limits."""
    placed: list[float] = []
    for value in values:
        placed.append(max(value, placed[-1] + gap if placed else low + gap / 2))
    over = placed[-1] - (high - gap / 2)
    for i in range(len(placed) - 1, -1, -1):
        ceiling = placed[i + 1] - gap if i + 1 < len(placed) else placed[i] - max(over, 0.0)
        placed[i] = min(placed[i], ceiling)
    return placed
