"""The search for `TopicModel`'s defaults: `python -m benchmarks topic_search`.

On 20 Newsgroups (V 2,000) with a fifth of the *training* documents held out; no test document is
read. Every line of settings is one fit; coherence, diversity and document frequency are of the
documents fitted to, the rest of those held out. Rankings of words are compared on the same fits.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from dirvae import TopicModel
from dirvae.assessment import word_scores
from dirvae.evaluation import normalized_mutual_information, top_word_ids
from dirvae.topics.decoders import MixtureDecoder

SETTINGS = [
    f"--background {background} --max_epochs {epochs} --ratio {ratio} --hidden {hidden}"
    for background in (0, 1)
    for epochs in (10, 15)
    for ratio in (11, 20, 30, 40)
    for hidden in (100, 200)
]


def held_out(name: str = "20news_nvdm2000") -> tuple[Any, ...]:
    folder = Path(os.environ["DIRVAE_DATA"])
    with np.load(folder / f"{name}.npz", allow_pickle=False) as z:
        parts = (z["train_data"].astype(np.float64), z["train_indices"].astype(np.int32))
        x = sparse.csr_matrix((*parts, z["train_indptr"]), shape=tuple(z["train_shape"]))
        y = z["train_y"]
    order = np.random.default_rng(1).permutation(np.flatnonzero(np.diff(x.indptr)))
    cut = len(order) * 4 // 5
    return x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]]


def ranked(model: TopicModel, x: Any) -> dict[str, list[float]]:
    found, beta = {}, model.topic_word_
    documents = model.word_documents_[: len(beta)].astype(np.float64)
    shares = (documents + 1e-3) / (documents + 1e-3).sum(1, keepdims=True)
    frequency = documents.sum(0) / documents.sum()
    rankings: dict[str, tuple[Any, dict[str, Any]]] = {
        "probability": (beta, {"by": "probability"}),
        "frex": (beta, {"by": "frex"}),
        **{
            f"relevance{w}": (
                shares,
                {"by": "relevance", "frequency_weight": w, "frequency": frequency},
            )
            for w in (0.1, 0.2, 0.3, 0.4, 0.5)
        },
    }
    for name, (topics, options) in rankings.items():
        words = word_scores(partial(top_word_ids, topics, **options), x)
        found[name] = [
            round(words.npmi, 4),
            round(words.diversity, 3),
            round(words.document_frequency),
        ]
    return found


def run(options: argparse.Namespace, data: tuple[Any, ...]) -> dict[str, Any]:
    x, y, x_held, y_held = data
    MixtureDecoder.step_size = options.ratio
    prior = "learn" if options.prior == "learn" else float(options.prior)
    model = TopicModel(
        options.topics,
        prior_concentration=prior,
        background=bool(options.background),
        label_weight=options.label_weight,
        hidden_sizes=(options.hidden,) * options.layers,
        max_epochs=options.max_epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        random_state=options.seed,
    )
    cpu, wall = time.process_time(), time.perf_counter()
    model.fit(x, y)  # labels of no weight are left out
    seconds = [round(time.process_time() - cpu, 1), round(time.perf_counter() - wall, 1)]
    steps = {}
    for number in (1, 2, 4):
        model.vae_.num_steps = number
        theta, theta_held = model.transform(x), model.transform(x_held)
        probe = LogisticRegression(C=1, max_iter=1000).fit(theta, y)
        steps[number] = {
            "perplexity": round(model.perplexity(x_held), 1),
            "nmi": round(normalized_mutual_information(theta_held, y_held), 3),
            "probe": round(float(probe.score(theta_held, y_held)), 3),
        }
        if options.label_weight:
            hits = model.predict(x_held) == y_held
            steps[number]["predicted"] = round(float(hits.mean()), 3)
    last = model.history_[-1]
    ranks = ranked(model, x)
    if options.keep:
        np.save(options.keep, model.topic_word_)
    return {
        "cpu, wall": seconds,
        "elbo": last["elbo"],
        "kl": last["kl"],
        **ranks,
        "steps": steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, help="settings, a line each, in place of the grid")
    own = argparse.ArgumentParser()
    for name, value in {
        "topics": 50,
        "seed": 0,
        "background": 1,
        "label_weight": 0.0,
        "max_epochs": 15,
        "batch_size": 200,
        "learning_rate": 5e-3,
        "ratio": 40.0,
        "hidden": 100,
        "layers": 2,
        "prior": "learn",
        "keep": "",
    }.items():
        own.add_argument(f"--{name}", type=type(value), default=value)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = held_out()
    lines = options.lines.read_text().splitlines() if options.lines else SETTINGS
    for line in filter(None, lines):
        print(line, json.dumps(run(own.parse_args(shlex.split(line)), data)), flush=True)
    print("done", file=sys.stderr)


if __name__ == "__main__":
    main()
