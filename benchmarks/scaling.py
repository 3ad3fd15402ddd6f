"""What a billion documents would cost: `python -m benchmarks scaling`, and `--page` for the docs.

Measured are the CPU seconds of a training step of topics, by the number of words and by the
documents of a step; and the time in which two processes of this machine average numbers. From these
and from assumptions that stand in the page, the time of a step of k processes is computed: each
does its own part of the documents, and then gradients are averaged in a ring.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import distributed, multiprocessing

from benchmarks.topic_size import synthetic
from dirvae import TopicModel
from dirvae.reproduce.record import add, done
from studies.choosing_tables import fill, table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/scaling.jsonl"
PAGE = ROOT / "docs/scaling.md"

TOPICS, WIDTH = 50, 100  # of the model, and of its first layer
GRID = tuple((v, b) for v in (2_000, 50_000, 250_000, 1_000_000) for b in (200, 1_000, 5_000))
STEPS = 6  # of which the first is not counted
SIZES = (1_000_000, 10_000_000, 50_000_000)  # numbers that are averaged

# Assumed, and told in the page.
DOCUMENTS, WORDS = 1e9, 1e6
BANDWIDTH = 1.25e9  # bytes a second, ten gigabits
LATENCY = 1e-4  # seconds a message
PRICE = 0.04  # dollars an hour of a core
MACHINES = (1, 4, 16, 64, 256)
BATCHES = (1_000, 10_000, 100_000)


# --- measured -------------------------------------------------------------------------------------


class Clock(lightning.Callback):
    """CPU seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self.began = time.process_time()

    def on_train_batch_end(self, *_: Any) -> None:
        self.seconds.append(time.process_time() - self.began)


def step(words: int, batch: int, steps: int = STEPS) -> dict[str, Any]:
    """CPU seconds of a step with documents of 100 tokens, the median."""
    clock = Clock()
    model = TopicModel(TOPICS, batch_size=batch, max_epochs=1, random_state=0)
    model.fit(synthetic(steps * batch, words), trainer={"callbacks": [clock]})
    return {"words": words, "batch": batch, "seconds": statistics.median(clock.seconds[1:])}


def averaged(sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Seconds in which two processes of this machine average numbers, the median of seven."""
    context: Any = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:  # in which they meet
        args = tuple(sizes), f"file://{folder}/meeting", queue
        multiprocessing.spawn(_average, args, nprocs=2, join=True)
    found: list[dict[str, Any]] = queue.get()
    return found


def _average(rank: int, sizes: Sequence[int], meeting: str, queue: Any) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", meeting, rank=rank, world_size=2)
    found = []
    for size in sizes:
        values, taken = torch.ones(size), []
        for _ in range(7):
            distributed.barrier()
            began = time.perf_counter()
            distributed.all_reduce(values)
            taken.append(time.perf_counter() - began)
        found.append({"numbers": size, "seconds": statistics.median(taken)})
    if rank == 0:
        queue.put(found)
    distributed.barrier()


# --- computed -------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """Seconds of a step: ``fixed + of_words * V + of_documents * b``."""

    fixed: float
    of_words: float
    of_documents: float

    def step(self, words: float, batch: float) -> float:
        return self.fixed + self.of_words * words + self.of_documents * batch


def fitted(steps: Iterable[dict[str, Any]]) -> Cost:
    """By least squares of relative errors, none below 0."""
    from scipy.optimize import nnls

    rows = list(steps)
    seconds = np.array([row["seconds"] for row in rows])
    sides = np.array([[1.0, row["words"], row["batch"]] for row in rows])
    return Cost(*nnls(sides / seconds[:, None], np.ones(len(rows)))[0].tolist())


def weights(words: float) -> float:
    """Numbers that are trained: the first layer and the topics; the rest is small."""
    return words * (WIDTH + TOPICS)


def ring(numbers: float, processes: int) -> float:
    """Seconds in which processes on as many machines average numbers of four bytes, in a ring.

    Each sends and receives all but its share twice (Patarasuk & Yuan 2009).
    """
    if processes == 1:
        return 0.0
    sent = 2 * (processes - 1) / processes * 4 * numbers
    return sent / BANDWIDTH + 2 * (processes - 1) * LATENCY


def epoch(cost: Cost, processes: int, batch: int) -> dict[str, float]:
    """What an epoch of all documents takes: hours, dollars, bytes each sends, share of waiting."""
    num_steps = DOCUMENTS / (processes * batch)
    own, waiting = cost.step(WORDS, batch), ring(weights(WORDS), processes)
    hours = num_steps * (own + waiting) / 3600
    return {
        "hours": hours,
        "dollars": hours * processes * PRICE,
        "waiting": waiting / (own + waiting),
        "terabytes": num_steps * waiting * BANDWIDTH / 1e12,
    }


# --- the page -------------------------------------------------------------------------------------


def tables() -> dict[str, str]:
    run = done(RESULTS)[-1]
    cost = fitted(run["steps"])
    steps = table(
        ("words", *(f"{b:,} documents" for b in sorted({row["batch"] for row in run["steps"]}))),
        [
            [f"{words:,}", *(f"{1000 * row['seconds']:,.0f} ms" for row in of_words)]
            for words in sorted({row["words"] for row in run["steps"]})
            for of_words in [[row for row in run["steps"] if row["words"] == words]]
        ],
    )
    parts = table(
        ("part of a step", "CPU time"),
        [
            ["itself", f"{1e3 * cost.fixed:.1f} ms"],
            ["for each 1,000 words of the vocabulary", f"{1e6 * cost.of_words:.2f} ms"],
            ["for each document of 100 words", f"{1e6 * cost.of_documents:.0f} µs"],
        ],
    )
    epochs = table(
        ("documents of a process in a step", "processes", "steps", "hours", "dollars", "waiting"),
        [
            [
                f"{batch:,}",
                f"{processes:,}",
                f"{DOCUMENTS / (processes * batch):,.0f}",
                f"{found['hours']:,.2f}",
                f"{found['dollars']:,.2f}",
                f"{found['waiting']:.0%}",
            ]
            for batch in BATCHES
            for processes in MACHINES
            for found in [epoch(cost, processes, batch)]
        ],
    )
    return {"steps": steps, "parts": parts, "epochs": epochs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="store_true", help="Write the tables of the docs alone.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.page:
        made = {name: (lambda text=text: text) for name, text in tables().items()}
        fill(PAGE, made)
        return
    torch.set_num_threads(1)
    found: dict[str, Any] = {"steps": [], "averaged": averaged()}
    print(json.dumps(found["averaged"]), flush=True)
    for words, batch in GRID:
        found["steps"].append(step(words, batch))
        print(json.dumps(found["steps"][-1]), file=sys.stderr, flush=True)
    add(options.output, found)


if __name__ == "__main__":
    main()
