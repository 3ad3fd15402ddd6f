"""Size of topic models: `python -m benchmarks topic_size`.

Seconds an epoch at V 2,000 and V 61,188 with equal tokens a document and batches of 1,000; peak
memory of a fit with V 61,188; an epoch over many synthetic documents of 100 tokens; documents a
second of `transform`. Each is a process of its own, so that peaks are its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from dirvae import TopicModel
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "topic_size.json"


def synthetic(documents: int, words: int, seed: int = 0, tokens: int = 100) -> sparse.csr_matrix:
    """Documents of so many tokens, words by Zipf's law, made in pieces."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(10, words + 10)
    edges = np.cumsum(share / share.sum())
    edges[-1] = 1.0
    parts = []
    for start in range(0, documents, 20_000):
        rows = min(20_000, documents - start)
        columns = np.searchsorted(edges, rng.random(tokens * rows)).astype(np.int32)
        ones = np.ones(len(columns), np.float32)
        part = sparse.csr_matrix(
            (ones, columns, np.arange(0, len(columns) + 1, tokens)), (rows, words)
        )
        part.sum_duplicates()
        parts.append(part)
    return sparse.vstack(parts, format="csr")


def epochs(documents: int, words: int, more: int) -> dict[str, Any]:
    """A fit of one epoch, and what each of some more adds to it."""
    x = synthetic(documents, words)

    def fit(number: int) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        TopicModel(50, batch_size=1000, max_epochs=number, random_state=0).fit(x)
        return time.process_time() - cpu, time.perf_counter() - wall

    cpu, wall = fit(1)
    found = {"documents": documents, "words": words, "fit_one_epoch": wall}
    if more:
        later = fit(1 + more)
        found |= {"cpu": (later[0] - cpu) / more, "wall": (later[1] - wall) / more}
    return found


def full() -> dict[str, Any]:
    from dirvae.reproduce.bags import bags

    data = bags("20news_full61188")
    start = time.perf_counter()
    model = TopicModel(50, random_state=0).fit(data.train)
    return {"seconds": time.perf_counter() - start, "perplexity": model.perplexity(data.test)}


def inference() -> dict[str, Any]:
    x = synthetic(40_000, 2000)
    model = TopicModel(50, max_epochs=1, random_state=0).fit(x[:5000])
    model.transform(x[:5000])
    cpu, wall = time.process_time(), time.perf_counter()
    model.transform(x)
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {f"documents_a_second_{key}": 40_000 / value for key, value in spent.items()}


TASKS: dict[str, Any] = {
    "epoch, V 2,000": lambda: epochs(20_000, 2000, 4),
    "epoch, V 61,188": lambda: epochs(20_000, 61_188, 4),
    "20news, V 61,188": full,
    "a million documents": lambda: epochs(1_000_000, 2000, 0),
    "transform, V 2,000": inference,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.inside:
        torch.set_num_threads(options.threads)
        found = TASKS[options.tasks[0]]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**found, "peak_gib": round(peak, 2)}))
        return
    results: dict[str, Any] = {"threads": options.threads, "cores": os.cpu_count()}
    for task in options.tasks:
        command = [sys.executable, "-m", "benchmarks.topic_size", "--inside", "--tasks", task]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results[task] = json.loads(done.stdout.splitlines()[-1])
        print(task, results[task], flush=True)
        options.output.parent.mkdir(exist_ok=True)
        write_text(options.output, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
