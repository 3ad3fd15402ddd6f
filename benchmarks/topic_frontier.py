"""Coherence against diversity, as a weight goes from 1 to 0: `python -m benchmarks topic_frontier`.

`top_words(frequency_weight=...)` draws a curve for each model: few common words that many topics
share at one end, rare words at the other. Every model has the same counts and seeds, and its words
are ranked by the same function with the same weights. Data are read from the folder that the
environment variable DIRVAE_DATA names; peers that are not installed are left out. No times are
measured. Runs on file are not made again. `--table` runs nothing: it draws what is on file, and
writes the table of docs/topics_measured.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.topic_peers import MODELS, Fitted, installed
from benchmarks.topics_shown import OUR_COLOR, OURS, REFERENCE, TITLES
from dirvae import evaluation
from dirvae.assessment import word_scores
from dirvae.evaluation.top_words import DOCUMENTS_WEIGHT
from dirvae.reproduce.bags import Bags, bags
from dirvae.reproduce.record import Run, add, done
from dirvae.writing import whole
from studies import choosing_tables

RESULTS = Path(__file__).parent / "results" / "topic_frontier.jsonl"
DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "topics_measured.md", DOCS / "images" / "topics_frontier.png"
WEIGHTS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
CORPORA = ("20news_nvdm2000", "reuters_modapte5000", "bbc_news", "ap")
SHOWN = {OURS: OUR_COLOR, REFERENCE: "#3b82c4", "scikit-learn NMF": "#8b949e"}

Curve = list[dict[str, float]]


def curve(fitted: Fitted, counts: Any, weights: Sequence[float] = WEIGHTS) -> Curve:
    """NPMI and TD25 of the words that each weight gives, on the documents that were fitted."""
    last = -1 if fitted.background else None
    theta = fitted.transform(counts)
    documents = evaluation.documents_of_words(theta, fitted.beta, counts)[:last]
    found = []
    for weight in weights:
        ranked = partial(
            evaluation.top_words_by_documents, documents, frequency_weight=float(weight)
        )
        words = word_scores(ranked, counts)
        found.append({"weight": weight, "npmi": words.npmi, "td25": words.diversity})
    return found


def mean_curve(runs: Sequence[Run]) -> Curve:
    """Means over the seeds of a model, weight by weight.

    >>> runs = [{"curve": [{"weight": 1.0, "npmi": n, "td25": 0.5}]} for n in (0.25, 0.5)]
    >>> mean_curve(runs)
    [{'weight': 1.0, 'npmi': 0.375, 'td25': 0.5}]
    """
    return [
        {
            "weight": points[0]["weight"],  # as it is: a mean of equal numbers may differ from it
            **{name: float(np.mean([p[name] for p in points])) for name in ("npmi", "td25")},
        }
        for points in zip(*(run["curve"] for run in runs), strict=True)
    ]


def beaten(ours: Curve, others: Curve) -> list[float]:
    """The weights of their curve at which some point of ours is better in both measures.

    >>> ours = [{"weight": 0.4, "npmi": 0.3, "td25": 0.9}]
    >>> theirs = [{"weight": w, "npmi": n, "td25": 0.8} for w, n in ((1.0, 0.2), (0.5, 0.4))]
    >>> beaten(ours, theirs)
    [1.0]
    """
    return [
        point["weight"]
        for point in others
        if any(p["npmi"] > point["npmi"] and p["td25"] > point["td25"] for p in ours)
    ]


def groups(runs: Sequence[Run]) -> dict[tuple[str, int], dict[str, list[Run]]]:
    """Runs by corpus and number of topics, and there by model."""
    found: dict[tuple[str, int], dict[str, list[Run]]] = {}
    for run in runs:
        models = found.setdefault((run["corpus"], run["topics"]), {})
        models.setdefault(run["model"], []).append(run)
    return found


def table(runs: Sequence[Run]) -> str:
    """Which of LDA's points are beaten by ours, and which of ours by LDA's."""
    header = ("", "K", "weights at which LDA is beaten", "weights at which we are beaten", "seeds")
    rows = []
    for (corpus, topics), models in groups(runs).items():
        if {OURS, REFERENCE} <= models.keys():
            ours, theirs = (mean_curve(models[name]) for name in (OURS, REFERENCE))
            cells = [_weights(beaten(ours, theirs)), _weights(beaten(theirs, ours))]
            cells.append(str(min(len(models[name]) for name in (OURS, REFERENCE))))
            rows.append([TITLES.get(corpus, corpus), str(topics), *cells])
    return choosing_tables.table(header, rows)


def _weights(found: Sequence[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in found) or "none"


def picture(runs: Sequence[Run], path: Path = PICTURE) -> None:
    """Draw a panel for each corpus and number of topics; seeds are thin, their mean is thick."""
    panels = groups(runs)
    across = min(2, len(panels))  # so that texts can be read at the width of a page
    down = -(-len(panels) // across)
    figure = Figure(figsize=(3.6 * across, 2.6 * down + 0.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis, ((corpus, topics), models) in zip(axes, panels.items(), strict=False):
        for name in SHOWN:
            if name in models:
                _curves(axis, name, models[name])
        axis.set_title(f"{TITLES.get(corpus, corpus)}, K = {topics}", fontsize=10)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("TD25: share of distinct words among the first 25 of all topics", fontsize=10)
    figure.supylabel("NPMI of the first ten words", fontsize=10)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        figure.savefig(file, format=path.suffix[1:])


def _curves(axis: Any, name: str, runs: Sequence[Run]) -> None:
    for run in runs:
        axis.plot(*_places(run["curve"]), color=SHOWN[name], lw=0.6, alpha=0.45)
    mean = mean_curve(runs)
    axis.plot(*_places(mean), "o-", color=SHOWN[name], lw=1.8, ms=3.5, label=name)
    default = [point for point in mean if point["weight"] == DOCUMENTS_WEIGHT]
    axis.plot(*_places(default), "o", color=SHOWN[name], ms=9, mec="white", mew=1.2, zorder=5)


def _places(points: Curve) -> tuple[list[float], list[float]]:
    return [p["td25"] for p in points], [p["npmi"] for p in points]


def run(model: str, data: Bags, topics: int, seed: int, threads: int) -> Run:
    fitted = MODELS[model][2](data.train, topics, seed, threads)
    return {"model": model, "topics": topics, "seed": seed, "curve": curve(fitted, data.train)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA))
    parser.add_argument("--topics", nargs="+", type=int, default=[20, 50])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--models", nargs="+", default=list(SHOWN), choices=list(SHOWN))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--table", action="store_true", help="run nothing, show what is on file")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    runs = done(options.output)
    if options.table:
        if not runs:
            parser.error(f"--output is {options.output}, which has no runs to show")
        picture(runs)
        choosing_tables.fill(PAGE, {"frontier": partial(table, runs)})
        return
    here = [name for name in options.models if not installed(MODELS[name][0])]
    made = {(run["corpus"], run["topics"], run["seed"], run["model"]) for run in runs}
    for corpus in options.corpora:
        data = bags(corpus)
        for topics in options.topics:
            for seed in options.seeds:
                for name in here:
                    if (corpus, topics, seed, name) in made:
                        continue
                    found = {"corpus": corpus, **run(name, data, topics, seed, options.threads)}
                    add(options.output, found)
                    print(corpus, topics, name, seed, found["curve"], flush=True)


if __name__ == "__main__":
    main()
