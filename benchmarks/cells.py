"""Many cells: memory and speed of a `CompositionModel`: `python -m benchmarks cells`.

A sparse matrix of 100,000 cells by 20,000 genes is made (10 types, some 1,000 genes a cell), put
into AnnData, fitted and transformed. What is asked is that nothing becomes dense: the whole matrix
would take 8 GB in single precision.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from dirvae import CompositionModel
from dirvae.anndata import fit, transform
from dirvae.topics import OverdispersedDecoder
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "cells.json"
AT_ONCE = 1000


def cells(num_cells: int, num_genes: int, molecules: int, seed: int) -> sparse.csr_matrix:
    """Counts of mixtures of ten types, where a molecule that is there is read several times."""
    rng = np.random.default_rng(seed)
    types = np.cumsum(rng.dirichlet(np.full(num_genes, 0.2), 10), axis=1)
    parts = []
    for start in range(0, num_cells, AT_ONCE):
        size = min(AT_ONCE, num_cells - start)
        theta = np.cumsum(rng.dirichlet(np.full(10, 0.2), size), axis=1)
        kind = (rng.random((size, molecules, 1)) > theta[:, None, :-1]).sum(-1)
        gene = np.empty(kind.shape, dtype=np.int32)
        for number, law in enumerate(types):
            own = kind == number
            gene[own] = np.searchsorted(law[:-1], rng.random(int(own.sum())))
        row = np.repeat(np.arange(size, dtype=np.int32), molecules)
        entries = np.ones(row.size, np.float32), (row, gene.ravel())
        part = sparse.csr_matrix(entries, shape=(size, num_genes))
        part.data *= 1 + rng.poisson(1, part.nnz).astype(np.float32)
        parts.append(part)
    return sparse.vstack(parts, "csr")


class Peak(threading.Thread):
    """Watches how much memory this process holds, from when it is started, in GB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.done = 0.0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.05):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.most = max(self.most, pages * resource.getpagesize() / 1e9)


@contextmanager
def clocked(result: dict[str, Any], name: str, count: int) -> Iterator[None]:
    """Note seconds, those of the processors, and cells a second of the latter."""
    wall, own = time.perf_counter(), time.process_time()
    yield
    result[f"{name}_seconds"] = time.perf_counter() - wall
    result[f"{name}_processor_seconds"] = time.process_time() - own
    result[f"{name}_cells_a_processor_second"] = count / result[f"{name}_processor_seconds"]
    print(name, result, file=sys.stderr, flush=True)


def main() -> None:
    from anndata import AnnData

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--molecules", type=int, default=1_200)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--max-epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--steps", type=int, help="Of inference; one needs as much memory as more.")
    parser.add_argument("--transformed", type=int, default=10_000, help="Cells, afterwards.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    counts = cells(options.cells, options.genes, options.molecules, options.seed)
    adata = AnnData(counts)
    result: dict[str, Any] = {
        "setting": {name: value for name, value in vars(options).items() if name != "output"}
        | {
            "entries": int(counts.nnz),
            "cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 1),
            "platform": platform.platform(),
            "versions": {p: version(p) for p in ("anndata", "torch", "scipy", "numpy")},
        },
        "gb_of_counts": (counts.data.nbytes + counts.indices.nbytes) / 1e9,
    }
    peak = Peak()
    peak.start()
    if options.steps:
        OverdispersedDecoder.num_steps, OverdispersedDecoder.more_steps = options.steps, 1
    told = {name: getattr(options, name) for name in ("max_epochs", "batch_size")}
    model = CompositionModel(options.components, random_state=options.seed, **told)
    with clocked(result, "fit", options.cells):
        fitted = fit(adata, model)
    some = adata[: options.transformed].copy()
    with clocked(result, "transform", some.n_obs):
        transform(some, fitted)
    peak.done.set()
    peak.join()
    result["peak_gb"] = peak.most
    result["quality"] = adata.uns["dirvae"]["quality"]
    write_text(options.output, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
