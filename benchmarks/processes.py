"""Two processes beside one: `python -m benchmarks processes`.

Topics of synthetic documents from a corpus on disk, and a VAE of synthetic rows like images, are
trained by one process of one thread, and by two. They take turns, each time with another seed.
Counted are rows a second, of the median epoch after the first. The bound after the last epoch
stands beside it. `--batch-size` is that of each process. Gradients are averaged over the processes
after each batch, so small batches cost more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.strategies import DDPStrategy

from benchmarks.corpus import write_documents
from dirvae import DirichletVAE, TopicModel
from dirvae.data import Corpus, documents_in
from dirvae.reproduce.record import add

RESULTS = Path(__file__).parent / "results" / "processes.jsonl"
BARS = {"topics": 1.6, "rows": 1.5}  # of two processes over one
VOCABULARY, TOPICS, COLUMNS, WORDS = 10_000, 50, 784, 50


class Size(NamedTuple):
    """How much is done."""

    documents: int
    rows: int
    epochs: int
    repetitions: int


FULL = Size(documents=20_000, rows=20_000, epochs=4, repetitions=5)
QUICK = Size(documents=400, rows=400, epochs=2, repetitions=1)


class Clock(lightning.Callback):
    """Seconds of each epoch, and those of the CPU of this process."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    def on_train_epoch_start(self, *_: Any) -> None:
        self.began, self.cpu_began = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, *_: Any) -> None:
        self.seconds.append(time.perf_counter() - self.began)
        self.cpu_seconds.append(time.process_time() - self.cpu_began)


def images(num_rows: int) -> Any:
    """Rows of shares of ink, of ten kinds."""
    rng = np.random.default_rng(0)
    kinds = rng.beta(0.2, 0.6, (10, COLUMNS))
    return rng.dirichlet(np.full(10, 0.3), num_rows) @ kinds


def topics(folder: Path, trainer: dict[str, Any], **settings: Any) -> Any:
    return TopicModel(TOPICS, **settings).fit(Corpus(folder / "corpus"), trainer=trainer)


def rows(folder: Path, trainer: dict[str, Any], **settings: Any) -> Any:
    x = np.load(folder / "rows.npy")
    return DirichletVAE(10, validation_fraction=0, **settings).fit(x, trainer=trainer)


TASKS: dict[str, Callable[..., Any]] = {task.__name__: task for task in (topics, rows)}


# --- in each process ------------------------------------------------------------------------------


def trained(
    name: str, folder: Path, strategy: dict[str, Any] | None, *, epochs: int, **settings: Any
) -> dict[str, Any]:
    """Seconds of each epoch after the first, and the bound of the last."""
    clock = Clock()
    trainer: dict[str, Any] = {"callbacks": [clock]}
    if strategy is not None:
        trainer |= {"strategy": DDPStrategy(**strategy), "devices": 2}
    model = TASKS[name](folder, trainer, max_epochs=epochs + 1, **settings)
    elbo = model.history_[-1]["elbo"]
    return {"seconds": clock.seconds[1:], "cpu_seconds": clock.cpu_seconds[1:], "elbo": elbo}


# --- around them ----------------------------------------------------------------------------------


def prepare(folder: Path, size: Size) -> None:
    write_documents(folder / "texts.jsonl", size.documents, WORDS)
    texts = documents_in(folder / "texts.jsonl", text_column="text")
    Corpus.build(folder / "corpus", texts, vocabulary_size=VOCABULARY)
    np.save(folder / "rows.npy", images(size.rows).astype(np.float32))


def run(name: str, folder: Path, seed: int, processes: int, options: Any) -> dict[str, Any]:
    """What one training tells, of its first process."""
    command = [sys.executable, "-m"]
    if processes > 1:
        command += ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["benchmarks.processes", "--task", name, "--inside", str(folder)]
    command += ["--seed", str(seed), "--processes", str(processes)]
    command += ["--strategy", options.strategy] + (["--quick"] if options.quick else [])
    command += ["--batch-size", str(options.batch_size)] if options.batch_size else []
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=alone, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(num_rows: int, runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Rows a second and bounds by the number of processes, and the ratio of two to one.

    On a machine with other work, the CPU seconds of an epoch in one process are less disturbed.
    """
    found: dict[str, Any] = {}
    for processes, those in runs.items():
        speeds = [num_rows / statistics.median(told["seconds"]) for told in those]
        found[processes] = {
            "rows_a_second": round(statistics.median(speeds)),
            "speeds": [round(speed) for speed in speeds],
            "cpu_seconds": [round(statistics.median(told["cpu_seconds"]), 3) for told in those],
            "elbo": [round(told["elbo"], 3) for told in those],
        }
    pairs = zip(*(found[processes]["speeds"] for processes in ("1", "2")), strict=True)
    ratios = [two / one for one, two in pairs]
    return {**found, "ratio": round(statistics.median(ratios), 3), "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, help="Each with another seed.")
    parser.add_argument("--seed", type=int, default=0, help="The first.")
    parser.add_argument("--quick", action="store_true", help="Small, to try whether it works.")
    parser.add_argument(
        "--batch-size", type=int, help="Of each process; each model's own by default."
    )
    parser.add_argument("--num-rows", type=int, help="Documents, or rows.")
    parser.add_argument("--strategy", default="{}", help="Options of DDPStrategy, as JSON.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--task", choices=list(TASKS), help="Only this one.")
    parser.add_argument("--processes", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    size = size._replace(repetitions=options.repetitions or size.repetitions)
    if options.num_rows:
        size = size._replace(documents=options.num_rows, rows=options.num_rows)
    if options.inside:
        torch.set_num_threads(1)
        strategy = None if options.processes == 1 else json.loads(options.strategy)
        settings = {"random_state": options.seed}
        settings |= {"batch_size": options.batch_size} if options.batch_size else {}
        told = trained(options.task, options.inside, strategy, epochs=size.epochs, **settings)
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps(told))
        return
    results: dict[str, Any] = {
        "load_before": round(os.getloadavg()[0], 1),
        "seed": options.seed,
        "batch_size": options.batch_size,
        "strategy": json.loads(options.strategy),
        "bars": BARS,
        **size._asdict(),
        "tasks": {},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, size)
        for task in [options.task] if options.task else TASKS:
            runs: dict[str, list[dict[str, Any]]] = {"1": [], "2": []}
            for turn in range(size.repetitions):
                for processes in (1, 2) if turn % 2 == 0 else (2, 1):
                    told = run(task, folder, options.seed + turn, processes, options)
                    print(task, processes, told, flush=True)
                    runs[str(processes)].append(told)
            num_rows = size.documents if task == "topics" else size.rows
            results["tasks"][task] = summary(num_rows, runs)
            print(task, results["tasks"][task])
    add(options.output, results)


if __name__ == "__main__":
    main()
