"""Classification of MNIST from few labels, beside the paper's table.

    python -m reproduce.semi_supervised_mnist                       # skips what is on file
    python -m reproduce.semi_supervised_mnist --shares 0.01 --seeds 3
    python -m reproduce.semi_supervised_mnist --table               # prints what is on file

Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", 2020, sec. 4.3: of 45,000 training
images 10, 5 or 1 % have a label (as many of each class), 5,000 are for validation, all 10,000 test
images are scored. Training uses neither validation nor test images; defaults were chosen on the
former. The model is `SemiSupervisedVAE` with its defaults and K = 50.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from dirvae import SemiSupervisedVAE
from dirvae.data import mnist
from reproduce import record

FILE = record.RESULTS / "semi_supervised_mnist.jsonl"
SHARES = (0.01, 0.05, 0.1)
PAPER = {0.1: 4.60, 0.05: 5.05, 0.01: 7.00}
TRAIN, K = 45_000, 50


def labels(y: np.ndarray, share: float, rng: np.random.RandomState) -> np.ndarray:
    """Keep the labels of so many rows, as many of each class, and -1 for the others."""
    each = round(share * len(y) / 10)
    kept = np.full(len(y), -1)
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(y == digit))[:each]
        kept[rows] = digit
    return kept


def run(share: float, seed: int, epochs: int) -> dict[str, Any]:
    x, y = mnist("x_train").reshape(-1, 784) / np.float32(255), mnist("y_train").astype(int)
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(x))
    train, validation = order[:TRAIN], order[TRAIN : TRAIN + 5000]
    start = time.perf_counter()
    model = SemiSupervisedVAE(K, max_epochs=epochs, random_state=seed)
    model.fit(x[train], labels(y[train], share, rng))
    seconds = time.perf_counter() - start
    x_test = mnist("x_test").reshape(-1, 784) / np.float32(255)
    return {
        "share": share,
        "seed": seed,
        "epochs": epochs,
        "validation_error": 1 - model.score(x[validation], y[validation]),
        "test_error": 1 - model.score(x_test, mnist("y_test")),
        "elbo": model.history_[-1]["elbo"],
        "seconds": round(seconds),
    }


def table(runs: list[dict[str, Any]]) -> str:
    lines = ["labels: test error % of each seed, mean; the paper's DirVAE"]
    for share in sorted({r["share"] for r in runs}, reverse=True):
        errors = [100 * r["test_error"] for r in runs if r["share"] == share]
        each = " ".join(f"{error:.2f}" for error in errors)
        lines.append(f"{share:>5.0%}: {each}, {np.mean(errors):.2f}; {PAPER.get(share, '')}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=float, nargs="*", default=list(SHARES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--table", action="store_true", help="only print what is on file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for share in [] if options.table else options.shares:
        for seed in range(options.seeds):
            key = (share, seed, options.epochs)
            if any((r["share"], r["seed"], r["epochs"]) == key for r in record.done(FILE)):
                continue
            result = run(*key)
            record.add(FILE, result)
            print(result, flush=True)
    print(table(record.done(FILE)))


if __name__ == "__main__":
    main()
