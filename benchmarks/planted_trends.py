"""Planted trends: `python -m benchmarks planted_trends`.

V 500, 10 topics whose expected shares follow smooth curves over 20 years, 2,000 documents of 40
words, five seeds. How often do intervals of `TopicModel.trends` hold the planted curve, with the
year as a smooth covariate of the prior ("in the prior") and without it ("not told")? Over all
places of all topics, which are matched to the planted ones by their words.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from dirvae import TopicModel
from dirvae.evaluation import match_topics
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "planted_trends.json"
LEVELS = (0.5, 0.8, 0.9, 0.95)
TOPICS, WORDS, YEARS = 10, 500, 20


def curves(rng: np.random.Generator) -> Any:
    """A function from years to the prior's concentrations: each rises or falls by a wave."""
    height, place = rng.uniform(-1, 1, TOPICS), rng.uniform(0, 1, TOPICS)

    def concentration(year: Any) -> Any:
        wave = np.sin(np.pi * (np.asarray(year)[:, None] / YEARS + place))
        return 0.1 * np.exp(height * wave)

    return concentration


def planted(seed: int, documents: int, length: int) -> Any:
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(WORDS, 0.05), TOPICS)
    concentration, year = curves(rng), rng.uniform(0, YEARS, documents)
    gamma = rng.standard_gamma(concentration(year)) + 1e-300
    theta = gamma / gamma.sum(1, keepdims=True)
    rows = [sparse.csr_matrix(rng.multinomial(length, p / p.sum())) for p in theta @ beta]
    return sparse.vstack(rows).tocsr().astype(float), year, beta, concentration


def run(seed: int, documents: int, length: int) -> dict[str, Any]:
    counts, year, beta, concentration = planted(seed, documents, length)
    held: dict[str, Any] = {}
    for kind, told in (("in the prior", {"year": year}), ("not told", None)):
        model = TopicModel(TOPICS, random_state=seed)
        model.fit(counts, covariates=told, smooth=["year"] if told else ())
        order = match_topics(beta, model.topic_word_).order
        held[kind] = {}
        for level in LEVELS:
            found = model.trends(counts, year, level=level, covariates=told)
            alpha = concentration(found.at)
            truth = alpha / alpha.sum(1, keepdims=True)
            inside = (found.lower[:, order] < truth) & (truth < found.upper[:, order])
            held[kind][str(level)] = float(inside.mean())
        held[kind]["mean error"] = float(np.abs(found.share[:, order] - truth).mean())
    return {"seed": seed, "documents": documents, "words": length, **held}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--words", type=int, default=40, help="of a document")
    options = parser.parse_args()
    found = []
    for seed in range(options.seeds):
        found.append(run(seed, options.documents, options.words))
        print(json.dumps(found[-1]), flush=True)
    write_text(RESULTS, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
