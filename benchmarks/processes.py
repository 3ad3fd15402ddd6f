"""Two processes beside one: `python -m benchmarks processes`.

Topics of synthetic documents from a corpus on disk, and a VAE of synthetic rows like images, are
trained by one process of one thread, and by two. They take turns, each time with another seed.
Counted are rows a second, of the median epoch after the first. The bound after the last epoch
stands beside it. `batch_size` is that of each process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.strategies import DDPStrategy

from benchmarks.corpus import write_documents
from dirvae import DirichletVAE, TopicModel
from dirvae.data import Corpus, documents_in
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "processes.json"
BARS = {"topics": 1.6, "rows": 1.5}  # of two processes over one
VOCABULARY, TOPICS, COLUMNS, WORDS = 10_000, 50, 784, 50
PACKAGES = ("dirvae", "numpy", "scipy", "scikit-learn", "torch", "lightning")


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


def topics(folder: Path, seed: int, epochs: int, trainer: dict[str, Any]) -> Any:
    model = TopicModel(TOPICS, max_epochs=epochs, random_state=seed)
    return model.fit(Corpus(folder / "corpus"), trainer=trainer)


def rows(folder: Path, seed: int, epochs: int, trainer: dict[str, Any]) -> Any:
    x = np.load(folder / "rows.npy")
    model = DirichletVAE(10, max_epochs=epochs, validation_fraction=0, random_state=seed)
    return model.fit(x, trainer=trainer)


TASKS: dict[str, Callable[..., Any]] = {task.__name__: task for task in (topics, rows)}


# --- in each process ------------------------------------------------------------------------------


def trained(
    name: str, folder: Path, seed: int, epochs: int, strategy: dict[str, Any] | None
) -> dict[str, Any]:
    """Seconds of each epoch after the first, and the bound of the last."""
    clock = Clock()
    trainer: dict[str, Any] = {"callbacks": [clock]}
    if strategy is not None:
        trainer |= {"strategy": DDPStrategy(**strategy), "devices": 2}
    model = TASKS[name](folder, seed, epochs + 1, trainer)
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
    parser.add_argument("--strategy", default="{}", help="Options of DDPStrategy, as JSON.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--task", choices=list(TASKS), help="Only this one.")
    parser.add_argument("--processes", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    size = size._replace(repetitions=options.repetitions or size.repetitions)
    if options.inside:
        torch.set_num_threads(1)
        strategy = None if options.processes == 1 else json.loads(options.strategy)
        told = trained(options.task, options.inside, options.seed, size.epochs, strategy)
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps(told))
        return
    setting = {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "seed": options.seed,
        "strategy": json.loads(options.strategy),
        "bars": BARS,
        **size._asdict(),
    }
    results: dict[str, Any] = {**setting, "tasks": {}}
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
    options.output.parent.mkdir(exist_ok=True)
    write_text(options.output, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
