"""Planted topics: `python -m benchmarks planted_topics`.

V 2,000, 10,000 documents of 100 tokens, theta ~ Dir(.1), beta ~ Dir(.05); K 10 and 50, five seeds.
Are the topics found (cosine of matched topics), and how often does a credible interval of theta
hold the truth? Three kinds of interval: of variational Bayes as it is ("mean field"), of
`TopicModel.posterior` ("fitted"), and of the same model given the planted topics ("given beta"),
where inference alone is left to be wrong.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch
from scipy import sparse, stats

from dirvae import TopicModel
from dirvae.data.counts import sparse_rows
from dirvae.evaluation import match_topics
from dirvae.topics.posterior import credible_intervals
from dirvae.writing import whole, write_text

RESULTS = Path(__file__).parent / "results" / "planted_topics.json"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "topics_calibration.png"
LEVELS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.99)
SCORED = 1000  # documents
NONE = -12.0  # log concentration of what documents have nothing of
KINDS = {"mean field": "#999999", "fitted": "#d9822b", "given beta": "#3b82c4"}
PARTS = {
    "all": "all topics of all documents",
    "mean_above_.05": "posterior mean above .05",
    "truth_above_.05": "true theta above .05",
}


def planted(topics: int, seed: int, words: int = 2000, documents: int = 10_000) -> Any:
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(words, 0.05), topics)
    theta = rng.dirichlet(np.full(topics, 0.1), documents)
    rows = [sparse.csr_matrix(rng.multinomial(100, p / p.sum())) for p in theta @ beta]
    return sparse.vstack(rows).tocsr().astype(float), theta, beta


@torch.no_grad()
def told(model: TopicModel, beta: Any, order: Any) -> TopicModel:
    """The model with the planted topics in place of those that match them, and no background."""
    knows = copy.deepcopy(model)
    vae: Any = knows.vae_
    vae.decoder.weight[order] = torch.tensor(np.maximum(beta, 1e-30)).log().float()
    vae.prior.log_concentration[-1] = NONE
    return knows


@torch.no_grad()
def mean_field(model: TopicModel, counts: Any, level: float) -> tuple[Any, Any]:
    """Equal tails of the Dirichlet that variational Bayes ends with."""
    q = copy.deepcopy(model.vae_).double().infer(sparse_rows(counts, torch.float64))
    gamma = q.concentration.numpy()[:, : model.n_components]
    law = stats.beta(gamma, gamma.sum(1, keepdims=True) - gamma)
    return law.ppf((1 - level) / 2), law.ppf((1 + level) / 2)


def run(topics: int, seed: int, documents: int) -> dict[str, Any]:
    counts, theta, beta = planted(topics, seed, documents=documents)
    start = time.process_time()
    model = TopicModel(topics, random_state=seed).fit(counts)
    seconds = time.process_time() - start
    matched = match_topics(beta, model.topic_word_)
    counts, theta = counts[:SCORED], theta[:SCORED, np.argsort(matched.order)]
    models = {"fitted": model, "given beta": told(model, beta, matched.order)}
    start = time.process_time()
    posteriors = {kind: knows.posterior(counts) for kind, knows in models.items()}
    found: dict[str, Any] = {
        "topics": topics,
        "seed": seed,
        "cpu_seconds": seconds,
        "cosine": float(matched.similarity.mean()),
        "cosine_lowest": np.sort(matched.similarity)[:3].round(3).tolist(),
        "posterior_documents_per_cpu_second": 2 * len(theta) / (time.process_time() - start),
        "coverage": {kind: {part: [] for part in PARTS} for kind in KINDS},
    }
    for kind, posterior in posteriors.items():
        found[f"error_of_mean, {kind}"] = float(np.abs(posterior.mean - theta).mean())
    for level in LEVELS:
        for kind in KINDS:
            posterior = posteriors.get(kind, posteriors["fitted"])
            lower, upper = (
                mean_field(model, counts, level)
                if kind == "mean field"
                else credible_intervals(posterior.mean, posterior.concentration, level)
            )
            held = (lower <= theta) & (theta <= upper)
            of = {
                "all": held,
                "mean_above_.05": held[posterior.mean > 0.05],
                "truth_above_.05": held[theta > 0.05],
            }
            for part, which in of.items():
                found["coverage"][kind][part].append(float(which.mean()))
    print(found, file=sys.stderr, flush=True)
    return found


def coverage(runs: list[dict[str, Any]], topics: int, kind: str, part: str) -> Any:
    """Median over seeds, one number a level."""
    some = [r["coverage"][kind][part] for r in runs if r["topics"] == topics]
    return np.median(some, axis=0)


def table(runs: list[dict[str, Any]]) -> str:
    lines = [
        "| K | intervals | of | " + " | ".join(f"{level:g}" for level in LEVELS) + " |",
        "|" + "---|" * (3 + len(LEVELS)),
    ]
    for topics in sorted({r["topics"] for r in runs}):
        for kind in KINDS:
            for part, words in PARTS.items():
                values = (f"{value:.3f}" for value in coverage(runs, topics, kind, part))
                lines.append(f"| {topics} | {kind} | {words} | {' | '.join(values)} |")
    return "\n".join(lines)


def picture(runs: list[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    sizes = sorted({r["topics"] for r in runs})
    figure, axes = plt.subplots(
        len(sizes),
        len(PARTS),
        figsize=(11, 3.7 * len(sizes)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, topics in zip(axes, sizes, strict=True):
        for axis, (part, words) in zip(row, PARTS.items(), strict=True):
            axis.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
            for kind, color in KINDS.items():
                values = coverage(runs, topics, kind, part)
                axis.plot(LEVELS, values, "o-", color=color, label=kind, markersize=4)
            axis.set(title=f"K = {topics}: {words}", xlim=(0, 1), ylim=(0, 1))
            axis.grid(alpha=0.25)
        row[0].set_ylabel("share of intervals that hold the truth")
    for axis in axes[-1]:
        axis.set_xlabel("nominal level")
    axes[0, 0].legend(loc="upper left")
    path.parent.mkdir(exist_ok=True)
    with whole(path) as file:
        figure.savefig(file, dpi=110, format=path.suffix[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", nargs="+", type=int, default=[10, 50])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    setting = {
        "documents": options.documents,
        "documents_scored": SCORED,
        "levels": LEVELS,
        "threads": options.threads,
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }
    options.output.parent.mkdir(exist_ok=True)
    runs = []
    for seed in options.seeds:
        for topics in options.topics:
            runs.append(run(topics, seed, options.documents))
            write_text(options.output, json.dumps({**setting, "runs": runs}, indent=1) + "\n")
    for topics in options.topics:
        some = [r for r in runs if r["topics"] == topics]
        numbers = [key for key, value in some[0].items() if isinstance(value, float)]
        medians = {key: round(float(np.median([r[key] for r in some])), 4) for key in numbers}
        print(topics, medians)
    print(table(runs))
    picture(runs, options.picture)


if __name__ == "__main__":
    main()
