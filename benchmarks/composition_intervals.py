"""How far intervals of proportions can be trusted: `python -m benchmarks composition_intervals`.

Samples of 5,000 reads of 30 taxa are mixtures of three planted components, theta ~ Dir(.5), beta ~
Dir(.3), with precision 50. The fit is that of the defaults. How often does a 90 % interval of a
proportion hold the truth? "one fit" are intervals of `CompositionModel.posterior`, "best of five"
those of the fit that predicts hidden features best, among five with different seeds, and "given
components" those of that model told the planted components, where inference alone is left to be
wrong.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dirvae import CompositionModel
from dirvae.evaluation import match_topics
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "composition_intervals.json"
FITS = 5
KINDS = ("one fit", "best of five", "given components")
TAXA, COMPONENTS, READS, PRECISION = 30, 3, 5_000, 50


def planted(samples: int, seed: int) -> Any:
    """Counts, theta and beta of one data set."""
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(TAXA, 0.3), COMPONENTS)
    theta = rng.dirichlet(np.full(COMPONENTS, 0.5), samples)
    probs = np.stack([rng.dirichlet(PRECISION * row) for row in theta @ beta])
    return rng.multinomial(READS, probs).astype(float), theta, beta


@torch.no_grad()
def told(model: CompositionModel, beta: Any, order: Any) -> CompositionModel:
    """The model with the planted components in place of those that match them."""
    knows = copy.deepcopy(model)
    vae: Any = knows.vae_
    vae.decoder.weight[order] = torch.tensor(np.maximum(beta, 1e-30)).log().float()
    return knows


def measured(samples: int, seed: int) -> dict[str, Any]:
    """Shares of intervals that hold the truth, with the least alike component and the precision."""
    counts, theta, beta = planted(samples, seed)
    fits = [CompositionModel(COMPONENTS, random_state=FITS * seed + i) for i in range(FITS)]
    nats = [float(model.fit(counts).completion_log_prob(counts).mean()) for model in fits]
    best = fits[int(np.argmax(nats))]
    found: dict[str, Any] = {"samples": samples, "seed": seed, "completion": nats}
    for kind, model in zip(KINDS, (fits[0], best, best), strict=True):
        matched = match_topics(beta, model.components_)
        asked = told(model, beta, matched.order) if kind == KINDS[-1] else model
        intervals = asked.posterior(counts)
        low, high = (part[:, matched.order] for part in (intervals.lower, intervals.upper))
        found[kind] = {
            "held": float(((low <= theta) & (theta <= high)).mean()),
            "cosine": float(matched.similarity.min()),
            "precision": model.precision_,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", nargs="+", type=int, default=[200, 2_000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    runs = [measured(n, seed) for n in options.samples for seed in range(options.seeds)]
    content = {
        "setting": {
            "threads": torch.get_num_threads(),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "versions": {p: version(p) for p in ("dirvae", "torch", "scikit-learn", "numpy")},
        },
        "runs": runs,
    }
    write_text(options.output, json.dumps(content, indent=1) + "\n")
    for samples in options.samples:
        for kind in KINDS:
            shares = [run[kind]["held"] for run in runs if run["samples"] == samples]
            print(samples, kind, f"{np.mean(shares):.3f}, {min(shares):.3f} to {max(shares):.3f}")


if __name__ == "__main__":
    main()
