"""Topics over time in abstracts of machine learning: three trends that were expected beforehand.

    python -m studies.abstract_trends              # fits, writes the result and draws the figure
    python -m studies.abstract_trends --figure     # only draws it again

Reads papers_abstracts.jsonl.gz, a line of {year, title, abstract} each, from the folder that
DIRVAE_DATA names. At most 250 abstracts of each year are drawn, so that early years count as much
as late ones. `EXPECTED` was written before any model was fitted to these texts: a topic is the one
that `find_topics` gives for some words, and its share was to rise or to fall at least so many times
between two years, by more than its 95 % intervals.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dirvae import TopicModel
from dirvae.writing import whole, write_text
from studies import RESULTS

FILE = RESULTS / "abstract_trends.json"
FIGURE = Path(__file__).parent.parent / "docs/images/abstract_trends.png"
A_YEAR, TOPICS, LEVEL = 250, 30, 0.95
COLORS = ("#3b6fb6", "#e08a2e", "#4c9f70")


class Trend(NamedTuple):
    """A trend that a reader of the field would expect.

    Attributes:
        name: In a figure.
        words: By which its topic is found.
        years: From when to when.
        times: The share in the second year is at least so many times that in the first; below 1, at
            most.
    """

    name: str
    words: str
    years: tuple[int, int]
    times: float


EXPECTED = (
    Trend("large language models", "language llms prompts", (2015, 2025), 3),
    Trend("kernels and support vector machines", "kernel svm", (2005, 2020), 0.5),
    Trend("generative models of images", "generative diffusion image", (2010, 2024), 2),
)


def abstracts() -> tuple[list[str], list[int]]:
    """Texts and years, at most 250 a year."""
    path = Path(os.environ["DIRVAE_DATA"], "papers_abstracts.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        papers = [json.loads(line) for line in file]
    years = np.array([paper["year"] for paper in papers])
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(years == year))[:A_YEAR] for year in np.unique(years)]
    chosen = np.sort(np.concatenate(rows))
    texts = [f"{papers[row]['title']}. {papers[row]['abstract']}" for row in chosen]
    return texts, years[chosen].tolist()


def run() -> dict[str, Any]:
    """Fit, and compare what came with what was expected."""
    start = time.process_time()
    texts, years = abstracts()
    told = {"year": years}
    model = TopicModel(TOPICS, random_state=0).fit(texts, covariates=told, smooth=["year"])
    found = model.trends(texts, years, level=LEVEL, covariates=told)
    words = model.top_words(8)
    trends = []
    for trend in EXPECTED:
        k = model.find_topics(trend.words, 1)["topic"][0]
        curve = {name: getattr(found, name)[:, k] for name in ("share", "lower", "upper")}
        told = {**trend._asdict(), "topic": k, "topic_words": words[k]}
        trends.append({**told, **compared(trend, found.at, curve)})
    return {
        "abstracts": len(texts),
        "topics": TOPICS,
        "cpu_seconds": round(time.process_time() - start),
        "level": LEVEL,
        "at": found.at,
        "trends": trends,
    }


def compared(trend: Trend, at: Any, curve: dict[str, Any]) -> dict[str, Any]:
    """A curve, its ends, and whether they are as expected."""
    first, last = (
        {name: float(np.interp(year, at, values)) for name, values in curve.items()}
        for year in trend.years
    )
    rises = trend.times > 1
    times = last["share"] / max(first["share"], 1e-12)
    low, high = (first, last) if rises else (last, first)
    is_so = times >= trend.times if rises else times <= trend.times
    came = is_so and low["upper"] < high["lower"]
    values = {name: np.round(part, 5).tolist() for name, part in curve.items()}
    return {**values, "first": first, "last": last, "came_times": times, "as_expected": bool(came)}


def draw(result: dict[str, Any]) -> None:
    """Draw the three curves with their bands."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    for axis, color, trend in zip(axes, COLORS, result["trends"], strict=True):
        parts = {name: 100 * np.array(trend[name]) for name in ("share", "lower", "upper")}
        band = {"color": color, "alpha": 0.25, "lw": 0}
        axis.fill_between(result["at"], parts["lower"], parts["upper"], **band)
        axis.plot(result["at"], parts["share"], color=color, lw=2)
        axis.set_title(f"{trend['name']}\n{', '.join(trend['topic_words'][:4])}", fontsize=10)
        axis.set(ylim=(0, None), xlim=(result["at"][0], result["at"][-1]))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("share of the abstracts")
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    with whole(FIGURE) as file:
        figure.savefig(file, dpi=150, format=FIGURE.suffix[1:])
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--figure", action="store_true", help="only draw the figure")
    if not parser.parse_args().figure:
        write_text(FILE, json.dumps(run(), indent=1) + "\n")
    draw(json.loads(FILE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
