"""The table and the picture of `python -m benchmarks topics`, from its results file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from dirvae.reproduce.tables import Table
from dirvae.writing import whole

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
TITLES = {
    "20news_nvdm2000": "20 Newsgroups (V 2,000)",
    "20news_full61188": "20 Newsgroups (V 61,188)",
    "reuters_modapte5000": "Reuters-21578 (V 5,000)",
    "bbc_news": "BBC News",
    "m10": "M10",
    "ap": "Associated Press",
}
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
OUR_COLOR = "#d9822b"
OURS, REFERENCE = "dirvae", "tomotopy LDA"
NOTE = (
    "`dirvae` is `TopicModel` with its defaults. `dirvae, product` is `TopicModel` with ProdLDA's "
    "decoder. All models have the same counts, seeds and cores. Where a cell has two numbers, "
    "the words of a topic are ranked in two ways: for the first number by documents, as "
    "`top_words` ranks them, and for the second by probability. This is so for every model. ± is "
    "the standard deviation over seeds. NPMI: of the ten first words of each topic, over whole "
    "training documents. TD25: share of distinct words among the first 25 of all topics. Document "
    "frequency: in how many training documents a word is, as a mean over the ten first words of "
    "all topics. NMI and purity compare the largest topic of each test document with the "
    "document's label. Probe: the accuracy on test documents of a logistic regression that "
    "predicts the label from theta. Perplexity: of half of each test document given the other "
    "half, by the model's own distribution of words (topica does not give this distribution). "
    "Stability: the mean cosine of matched topics of two seeds; flat topics are stable as well. "
    "Seconds: the time of one fit."
)

Row = dict[str, Any]


def on_file(path: Path) -> list[Row]:
    """Every row of a results file; none if it is not there."""
    return json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else []


def cells(row: Row) -> list[str]:
    """A row under `HEADER`: mean ± standard deviation over seeds, of both rankings."""
    measured = [
        " / ".join(spread([run[name] for run in row["runs"] if name in run]) for name in names)
        for names in COLUMNS.values()
    ]
    stability = row["mean"].get("stability")
    shown = DASH if stability is None else f"{stability:.3f}"
    return [row["model"], *measured, shown, str(len(row["runs"])), str(row["setting"]["threads"])]


def tables(rows: Sequence[Row]) -> list[Table]:
    """One for each corpus and number of topics; what its note says is found in the rows."""
    found = []
    for corpus, topics in dict.fromkeys((row["corpus"], row["topics"]) for row in rows):
        chosen = [row for row in rows if (row["corpus"], row["topics"]) == (corpus, topics)]
        title = f"{TITLES.get(corpus, corpus)}, K = {topics}"
        found.append(Table(title, _note(chosen), HEADER, [cells(row) for row in chosen]))
    return found


def _note(rows: Sequence[Row]) -> str:
    """Ours against the reference under both rankings, and on what they ran."""
    by_name = {row["model"]: row["mean"] for row in rows}
    known = [row["setting"] for row in rows]
    cores = " or ".join(sorted({str(setting["cores"]) for setting in known}))
    load = max(setting["load_before"] for setting in known)
    where = (
        f"These runs used {cores} cores. The load of the machine before a run was at most {load}."
    )
    if not {OURS, REFERENCE} <= set(by_name):
        return where
    changes = {
        by: [by_name[OURS][f"{m}_{by}"] - by_name[REFERENCE][f"{m}_{by}"] for m in ("npmi", "td25")]
        for by in RANKINGS
    }
    parts = [
        f"with words ranked by {name}, {npmi:+.3f} in NPMI and {td25:+.3f} in TD25"
        for name, (npmi, td25) in zip(("documents", "probability"), changes.values(), strict=True)
    ]
    better = sum(min(change) > 0 for change in changes.values())
    return (
        f"`{OURS}` minus {REFERENCE}: {'; '.join(parts)}. Number of rankings under which `{OURS}` "
        f"is above in both measures: {better} of 2. {where}"
    )


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


def spread(values: Sequence[float]) -> str:
    if not values:
        return DASH
    mean, digits = float(np.mean(values)), 3
    if mean >= 2:
        digits = 1 if mean < 100 else 0
    spread = f" ± {np.std(values, ddof=1):,.{digits}f}" if len(values) > 1 else ""
    return f"{mean:,.{digits}f}{spread}"


def picture(rows: Sequence[Row], path: Path) -> None:
    """Draw quality against seconds, of the first corpus and its first number of topics."""
    first = rows[0]["corpus"], rows[0]["topics"]
    shown = [row for row in rows if (row["corpus"], row["topics"]) == first]
    figure = Figure(figsize=(11, 4.8), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.11, top=0.85, wspace=0.05)
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
    name = TITLES.get(first[0], first[0])
    figure.suptitle(f"{name}, K = {first[1]}: up and to the left is better")
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        figure.savefig(file, format=path.suffix[1:])


def _panel(axis: Any, rows: Sequence[Row], quality: Sequence[float], limits: Any) -> None:
    seconds = [row["mean"]["seconds"] for row in rows]
    axis.set(xscale="log", ylim=limits, xlim=(min(seconds) / 2, max(seconds) * 2))
    ticks = [t for t in TICKS if axis.get_xlim()[0] <= t <= axis.get_xlim()[1]]
    axis.set_xticks(ticks, ticks)
    axis.minorticks_off()
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    colors = [OUR_COLOR if row["model"].startswith(OURS) else "#3b82c4" for row in rows]
    axis.scatter(seconds, quality, s=60, c=colors, zorder=3)
    axis.figure.canvas.draw()  # lays out, so that what is on the screen where is known
    points = axis.transData.transform(list(zip(seconds, quality, strict=True)))
    taken = [Bbox.from_bounds(x - 7, y - 7, 14, 14) for x, y in points]
    for i in np.argsort(quality)[::-1]:
        others = np.delete(points, i, axis=0)
        place = (seconds[i], quality[i])
        taken.append(_label(axis, rows[i]["model"], place, colors[i], taken, points[i], others))


def _label(
    axis: Any, text: str, place: Any, color: str, taken: Sequence[Bbox], own: Any, others: Any
) -> Bbox:
    """Write a name where nothing else is and no other point is nearer, as near as that allows."""
    line = {"arrowstyle": "-", "color": color, "lw": 0.7}
    bold = "bold" if color == OUR_COLOR else "normal"
    for distance in range(9, 120, 6):
        for angle in range(0, 360, 30):
            x, y = distance * np.cos(np.radians(angle)), distance * np.sin(np.radians(angle))
            note = axis.annotate(
                text,
                place,
                xytext=(x, y),
                textcoords="offset points",
                ha="left" if x > 1 else "right" if x < -1 else "center",
                va="center",
                fontsize=9,
                fontweight=bold,
                color=color,
                arrowprops=line if distance > 15 else None,
            )
            note.update_positions(axis.figure.canvas.get_renderer())
            box = Text.get_window_extent(note).padded(2)
            inside = axis.bbox.contains(*box.min) and axis.bbox.contains(*box.max)
            near = all(_gap(box, own) < 0.8 * _gap(box, other) for other in others)
            free = inside and not box.count_overlaps(taken)
            if free and (near or distance > 15):
                return box
            note.remove()
    raise ValueError(f"the picture has no room for the label {text!r}")


def _gap(box: Bbox, point: Any) -> float:
    """Distance of a point from the nearest of a box."""
    return float(np.hypot(*(point - np.clip(point, box.min, box.max))))
