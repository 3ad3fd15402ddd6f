"""Planted topics: `python -m benchmarks planted_topics`.

V 2,000, 10,000 documents of 100 tokens, theta ~ Dir(.1), beta ~ Dir(.05); K 10 and 50, the median
of five seeds. Are the topics found (cosine of matched topics), and how often does a credible
interval of theta hold the truth?
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from dirvae import TopicModel
from dirvae.evaluation import match_topics

RESULTS = Path(__file__).parent / "results" / "planted_topics.json"
LEVELS = (0.5, 0.8, 0.9, 0.95)


def planted(topics: int, seed: int, words: int = 2000, documents: int = 10_000) -> Any:
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(words, 0.05), topics)
    theta = rng.dirichlet(np.full(topics, 0.1), documents)
    rows = [sparse.csr_matrix(rng.multinomial(100, p / p.sum())) for p in theta @ beta]
    return sparse.vstack(rows).tocsr().astype(float), theta, beta


def run(topics: int, seed: int) -> dict[str, Any]:
    counts, theta, beta = planted(topics, seed)
    start = time.process_time()
    model = TopicModel(topics, random_state=seed).fit(counts)
    seconds = time.process_time() - start
    matched = match_topics(beta, model.topic_word_)
    found: dict[str, Any] = {
        "topics": topics,
        "seed": seed,
        "cpu_seconds": seconds,
        "cosine": float(matched.similarity.mean()),
    }
    part = slice(2000)
    for level in LEVELS:
        posterior = model.posterior(counts[part], level=level)
        lower, upper = posterior.lower[:, matched.order], posterior.upper[:, matched.order]
        held = (lower <= theta[part]) & (theta[part] <= upper)
        found[f"coverage_{level}"] = float(held.mean())
        found[f"coverage_{level}_above_.05"] = float(held[theta[part] > 0.05].mean())
    print(found, file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", nargs="+", type=int, default=[10, 50])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    runs = [run(k, seed) for k in options.topics for seed in options.seeds]
    for topics in options.topics:
        some = [r for r in runs if r["topics"] == topics]
        medians = {key: float(np.median([r[key] for r in some])) for key in some[0]}
        print({key: round(value, 3) for key, value in medians.items()})
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
