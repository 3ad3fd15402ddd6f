"""How the time of topics grows: `python -m benchmarks growth`.

CPU seconds of an epoch on synthetic documents, as one of four sizes varies and the others stay:
documents, words of the vocabulary, topics, and words of a document. Batches have 1,000 documents.
The exponent of a size is the slope of a line through the logarithms.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.processes import Clock
from benchmarks.topic_size import synthetic
from dirvae import TopicModel
from dirvae.reproduce.record import add

RESULTS = Path(__file__).parent / "results" / "growth.jsonl"
BATCH, EPOCHS = 1000, 4  # of which the first is not counted
BASE = {"documents": 20_000, "vocabulary": 5_000, "topics": 50, "words": 100}
GRID = {
    "documents": (10_000, 20_000, 40_000, 80_000),
    "vocabulary": (2_000, 5_000, 20_000, 61_188),
    "topics": (10, 25, 50, 100, 200),
    "words": (25, 50, 100, 200, 400),
}
QUICK = {"documents": 400, "vocabulary": 50, "topics": 2, "words": 5}


def epoch(size: dict[str, int]) -> float:
    """CPU seconds, the median."""
    clock = Clock()
    x = synthetic(size["documents"], size["vocabulary"], tokens=size["words"])
    model = TopicModel(size["topics"], batch_size=BATCH, max_epochs=EPOCHS, random_state=0)
    model.fit(x, trainer={"callbacks": [clock]})
    return statistics.median(clock.cpu_seconds[1:])


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Of the power law that is nearest, by least squares of logarithms.

    >>> exponent([1, 2, 4], [3.0, 12.0, 48.0])
    2.0
    """
    return round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="Small, to try whether it works.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    base = QUICK if options.quick else BASE
    grid = {k: (v, 2 * v) for k, v in QUICK.items()} if options.quick else GRID
    found: dict[str, Any] = {}
    for name, sizes in grid.items():
        seconds = [epoch({**base, name: size}) for size in sizes]
        found[name] = {
            "sizes": list(sizes),
            "seconds": [round(value, 4) for value in seconds],
            "exponent": exponent(list(sizes), seconds),
        }
        print(name, json.dumps(found[name]), flush=True)
    add(options.output, {"threads": options.threads, "batch": BATCH, "base": base, "sizes": found})


if __name__ == "__main__":
    main()
