"""What a GPU makes of this library, in at most eight minutes: `python -m benchmarks gpu`.

Sections, each with its time and the most memory that the card held:
accuracy    gradients of log-gamma draws in single precision, ours and torch's, against float64
tests       the tests that need a GPU
images      epochs a second of `DirichletVAE.fit` on random images of the size of MNIST
topics      documents a second of `TopicModel.fit` and `transform` on synthetic counts
steps       milliseconds of a training step, Dirichlet over Gaussian: eager, in bfloat16, compiled,
            and compiled into CUDA graphs
draws       microseconds of a Dirichlet draw with its gradient, beside torch's kernels

A section that fails is noted with its error, and one that time did not allow with that; the others
go on. `--device cpu --quick` runs the same lines small, so that they are known to work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks import dirichlet_speed
from benchmarks.topic_size import synthetic
from benchmarks.training_step import models
from dirvae import DirichletVAE, TopicModel
from dirvae.distributions._log_gamma_gradient import log_gamma_gradient
from dirvae.objectives import elbo
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "gpu.json"
ROOT = Path(__file__).parents[1]
Rows = list[dict[str, Any]]


class Size(NamedTuple):
    """How much each section does."""

    draws: int
    rounds: int
    shapes: tuple[tuple[int, int], ...]
    batch: int
    images: int
    epochs: int
    documents: int
    words: int


FULL = Size(
    draws=100_000,
    rounds=20,
    shapes=((256, 50), (8192, 200)),
    batch=500,
    images=60_000,
    epochs=3,
    documents=50_000,
    words=10_000,
)
QUICK = Size(200, 1, ((8, 5),), 4, 40, 1, 60, 30)
WARM_UP = 5  # steps: the first compiles
CONCENTRATIONS = (1e-2, 1e-1, 1.0, 10.0, 1e3)


def accuracy(size: Size, device: str) -> Rows:
    """Relative errors of d log x / d a at the same x, in single precision on the device."""
    rows = []
    for a in CONCENTRATIONS:
        torch.manual_seed(0)
        exact = torch.full((size.draws,), a, dtype=torch.float64)
        x = (
            torch.distributions.Gamma(exact, torch.ones_like(exact))
            .sample()
            .float()
            .clamp_min(1e-30)
        )
        truth = log_gamma_gradient(exact, x.double().log())
        single = exact.float().to(device)
        ours = log_gamma_gradient(single, x.to(device).log())
        theirs = torch._standard_gamma_grad(single, x.to(device)) / x.to(device)
        for name, found in (("dirvae", ours), ("torch", theirs)):
            error = (found.double().cpu() / truth - 1).abs()
            rows.append(
                {
                    "concentration": a,
                    "gradient": name,
                    "median_error": float(error.median()),
                    "largest_error": float(error.max()),
                }
            )
    return rows


def draws(size: Size, device: str) -> Rows:
    rows = []
    for shape in size.shapes:
        for name, value in dirichlet_speed.measure(shape, size.rounds, device).items():
            rows.append({"shape": list(shape), "draw": name, "microseconds": value})
    return rows


WAYS: dict[str, dict[str, Any] | None] = {
    "eager": None,
    "bfloat16": None,
    "compiled": {"dynamic": False},
    "CUDA graphs": {"dynamic": False, "mode": "reduce-overhead"},
}


def steps(size: Size, device: str) -> Rows:
    """Medians of steps that the two models take in turns."""
    rows = []
    x = torch.bernoulli(torch.rand(size.batch, 784)).to(device)
    for way, options in WAYS.items():
        torch._dynamo.reset()
        taken = {name: _step(vae.to(device), way, options) for name, vae in models().items()}
        times: dict[str, list[float]] = {name: [] for name in taken}
        for turn in range(WARM_UP + size.rounds):
            for name, step in taken.items():
                start = time.perf_counter()
                step(x)
                _wait(device)
                if turn >= WARM_UP:
                    times[name].append(1e3 * (time.perf_counter() - start))
        found = {name: statistics.median(values) for name, values in times.items()}
        ratio = found["dirichlet"] / found["gaussian"]
        rows.append({"batch": size.batch, "way": way, "milliseconds": found, "ratio": ratio})
    return rows


def _step(vae: Any, way: str, options: dict[str, Any] | None) -> Callable[[Tensor], None]:
    adam = torch.optim.Adam(vae.parameters(), lr=1e-3)

    def loss(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=way == "bfloat16"):
            return -elbo(vae.terms(x)).mean()

    run = loss if options is None else torch.compile(loss, **options)

    def step(x: Tensor) -> None:
        adam.zero_grad()
        run(x).backward()
        adam.step()

    return step


def images(size: Size, device: str) -> Rows:
    x = (np.random.default_rng(0).random((size.images, 784)) < 0.2).astype(np.float32)
    rows = []
    for batch in (200, 2000):
        options = {
            "batch_size": batch,
            "device": device,
            "validation_fraction": 0,
            "random_state": 0,
        }
        DirichletVAE(50, max_epochs=1, **options).fit(x[: 2 * batch])
        start = time.perf_counter()
        DirichletVAE(50, max_epochs=size.epochs, **options).fit(x)
        seconds = time.perf_counter() - start
        rows.append({"batch": batch, "images": len(x), "epochs_a_second": size.epochs / seconds})
    return rows


def topics(size: Size, device: str) -> Rows:
    counts = synthetic(size.documents, size.words)
    options = {"max_epochs": size.epochs, "device": device, "random_state": 0}
    TopicModel(5, **options).fit(counts[: min(400, size.documents)])
    start = time.perf_counter()
    model = TopicModel(20, **options).fit(counts)
    fitted = time.perf_counter()
    model.transform(counts)
    done = time.perf_counter()
    return [
        {
            "documents": counts.shape[0],
            "words": counts.shape[1],
            "tokens": int(counts.sum()),
            "fit_documents_a_second": size.epochs * counts.shape[0] / (fitted - start),
            "transform_documents_a_second": counts.shape[0] / (done - fitted),
        }
    ]


def tests(size: Size, device: str) -> Rows:
    marker = "gpu" if device == "cuda" else "not gpu"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-m",
        marker,
        "tests/test_accelerator.py",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = run.stdout.strip().splitlines() or run.stderr.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return [{"returncode": run.returncode, "said": lines[-1] if lines else "", "failed": failed}]


SECTIONS = (accuracy, tests, images, topics, steps, draws)


def measure(size: Size, device: str, minutes: float) -> dict[str, Any]:
    """Rows of each section, or why there are none."""
    begun, found = time.perf_counter(), {}
    for section in SECTIONS:
        name, start = section.__name__, time.perf_counter()
        if start - begun > 60 * minutes:
            found[name] = {"left_out": f"{minutes:g} minutes were over"}
            continue
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        try:
            told: dict[str, Any] = {"rows": section(size, device)}
        except Exception as error:  # of whatever kind: the others go on
            told = {"error": f"{type(error).__name__}: {error}"}
        told["seconds"] = time.perf_counter() - start
        if device == "cuda":
            told["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
        found[name] = told
        print(name, json.dumps(told), file=sys.stderr, flush=True)
    return found


def page(result: dict[str, Any]) -> str:
    """The result as Markdown, a table a section."""
    setting = ", ".join(f"{name} {value}" for name, value in result["setting"].items())
    parts = [f"# On an accelerator\n\n{setting}\n"]
    for name, told in result["sections"].items():
        parts.append(f"\n## {name}\n")
        if "rows" not in told:
            parts.append(f"\n{told.get('error') or told['left_out']}\n")
            continue
        columns = list(told["rows"][0])
        lines = [columns, ["---"] * len(columns)]
        lines += [[_shown(row[column]) for column in columns] for row in told["rows"]]
        parts.append("\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
        memory = f", at most {told['memory_gb']:.2f} GB" if "memory_gb" in told else ""
        parts.append(f"\n{told['seconds']:.1f} s{memory}\n")
    return "".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " x ".join(map(_shown, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--minutes", type=float, default=5.0, help="after which none is begun")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no GPU that PyTorch can use: --device cpu --quick tries the script")
    card = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    result = {
        "setting": {
            "device": card,
            "cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 1),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "seed": 0,
            "quick": options.quick,
        },
        "sections": measure(QUICK if options.quick else FULL, options.device, options.minutes),
    }
    options.output.parent.mkdir(exist_ok=True)
    write_text(options.output, json.dumps(result, indent=1) + "\n")
    write_text(options.output.with_suffix(".md"), page(result))
    print(page(result))
    sys.exit(any("error" in told for told in result["sections"].values()))


if __name__ == "__main__":
    main()
