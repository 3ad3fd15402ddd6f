"""Everything beside what people would use instead: `python -m benchmarks all`.

Each other library gets an environment of its own, which this makes in a folder: its packages come
before those of the environment that this runs in. A part that fails is named at the end, and the
others go on. `--report` then makes the page of the docs and its pictures from the result files.
`--only` takes names of environments.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import dirichlet_speed, growth, images, topics_shown, training_step
from dirvae.reproduce.record import done
from dirvae.writing import whole, write_text
from studies.choosing_tables import fill, table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "side_by_side.md"
PICTURES = ROOT / "docs" / "images"
HERE = "here"  # the environment that this runs in
CORPORA = ("20news_nvdm2000", "m10")


class Part(NamedTuple):
    """A benchmark, with options of its own, in an environment."""

    environment: str
    module: str
    options: tuple[str, ...] = ()


def _topics(environment: str, *models: str, seeds: Sequence[str] = ("0", "1", "2")) -> Part:
    options = ("--models", *models, "--seeds", *seeds, "--corpora", *CORPORA)
    return Part(environment, "topics", options)


PACKAGES: dict[str, tuple[str, ...]] = {
    "tomotopy": ("tomotopy",),
    "gensim": ("gensim",),
    "topica": ("topica",),
    "topmost": ("topmost",),
    "pythae": ("pythae",),
}
"""What is installed in each environment."""
UNUSED = ("torchvision",)  # TopMost asks for it, and it may not fit our torch

PARTS = (
    Part(HERE, "dirichlet_speed"),
    Part(HERE, "training_step"),
    Part(HERE, "growth"),
    _topics(HERE, "dirvae", "dirvae, product", "scikit-learn LDA", "scikit-learn NMF"),
    Part("pythae", "images"),
    _topics("tomotopy", "tomotopy LDA", "tomotopy LDA, 200 sweeps"),
    _topics("gensim", "gensim LDA"),
    _topics("topica", "topica ProdLDA", seeds=("0",)),
    _topics("topmost", "TopMost ProdLDA", seeds=("0",)),
)
QUICK = {
    "dirichlet_speed": ("--rounds", "1"),
    "training_step": ("--rounds", "1", "--repeats", "1"),
    "growth": ("--quick",),
    "images": ("--rows", "400", "--epochs", "1", "--repetitions", "1"),
    "topics": ("--documents", "300", "--seeds", "0"),
}


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """Python of an environment with these packages, which is made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        own = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = f"{sysconfig.get_path('purelib')}\n{ROOT / 'src'}\n"
        write_text(Path(own.stdout.strip()) / "ours.pth", ours)
    pip: list[str | Path] = [python, "-m", "pip"]
    install = [*pip, "install", "-q", *packages, "-c", ROOT / "constraints.txt"]
    for command in (install, [*pip, "uninstall", "-q", "-y", *UNUSED]):
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return python


def run(part: Part, folder: Path, results: Path | None, quick: bool) -> bool:
    """Whether a part ran to its end."""
    python = Path(sys.executable)
    try:
        if part.environment != HERE:
            python = environment(folder / part.environment, PACKAGES[part.environment])
        command: list[str | Path] = [python, "-m", "benchmarks", part.module, *part.options]
        command += QUICK[part.module] if quick else ()
        if results is not None:
            command += ["--output", results / f"{part.module}.json"]
        if results is not None and part.module == "topics":
            command += ["--picture", results / "topics.png"]
        subprocess.run(command, check=True, cwd=ROOT)
    except subprocess.CalledProcessError:
        return False
    return True


# --- the page -------------------------------------------------------------------------------------


def topics(corpus: str) -> str:
    """Models by seconds, and what those bring."""
    shown = [row for row in topics_shown.on_file(topics_shown.RESULTS) if row["corpus"] == corpus]
    rows = []
    for row in sorted((row for row in shown if row["topics"] == 50), key=_seconds):
        mean, ours = row["mean"], row["model"].startswith(topics_shown.OURS)
        npmi, td25 = (
            " / ".join(f"{mean[f'{measure}_{by}']:.3f}" for by in topics_shown.RANKINGS)
            for measure in ("npmi", "td25")
        )
        labels = f"{mean['nmi']:.3f}" if "nmi" in mean else "-"
        perplexity = f"{mean['perplexity']:,.0f}" if "perplexity" in mean else "-"
        rows.append(
            [
                f"**{row['model']}**" if ours else row["model"],
                topics_shown.spread([one["seconds"] for one in row["runs"]]),
                f"{mean['documents_a_second']:,.0f}",
                *(perplexity, npmi, td25, labels),
            ]
        )
    header = ("model", "seconds", "documents/s", "perplexity", "NPMI", "TD25", "NMI")
    return table(header, rows)


def _seconds(row: dict[str, Any]) -> float:
    return float(row["mean"]["seconds"])


def of_images() -> str:
    ways = done(images.RESULTS)[-1]["ways"]
    ratio = ways.pop("times_as_fast")
    rows = [[name, f"{way['seconds']:.1f}", _range(way["runs"])] for name, way in ways.items()]
    rows.append(["pythae over ours, both Gaussian", f"{ratio:.2f} times", ""])
    return table(("VAE", "seconds", "smallest to largest"), rows)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}"


TERMS = {
    "draw": "draw",
    "kl": "KL",
    "entropy": "entropy",
    "together": "draw, density and KL together",
}


def of_terms() -> str:
    rows = []
    for found in done(dirichlet_speed.RESULTS)[-1]["shapes"]:
        own, shape = found["terms"], " x ".join(f"{size:,}" for size in found["shape"])
        for term, name in TERMS.items():
            ours, theirs = own[f"{term}, dirvae"], own[f"{term}, torch"]
            rows.append([shape, name, *_beside(ours, theirs)])
        ours, theirs = (
            found["draws"][name] for name in ("dirvae Dirichlet, compiled", "torch Dirichlet")
        )
        rows.append([shape, "draw, ours compiled", *_beside(ours, theirs)])
    return table(("shape", "with its gradient", "dirvae, µs", "torch, µs", "times as fast"), rows)


def _beside(ours: float, theirs: float) -> list[str]:
    return [f"{ours:,.0f}", f"{theirs:,.0f}", f"{theirs / ours:.2f}"]


def of_steps() -> str:
    found = json.loads(training_step.RESULTS.read_text(encoding="utf-8"))["steps"]
    rows = [
        [
            str(row["batch"]),
            row["how"],
            *(f"{row['milliseconds'][name]:.2f}" for name in ("dirichlet", "gaussian")),
            f"{row['ratio']:.2f}",
        ]
        for row in found
    ]
    return table(("rows", "how", "Dirichlet, ms", "Gaussian, ms", "ratio"), rows)


SIZES = {
    "documents": "documents",
    "vocabulary": "words of the vocabulary",
    "topics": "topics",
    "words": "words of a document",
}


def of_growth() -> str:
    rows = [
        [
            SIZES[name],
            f"{found['sizes'][0]:,} to {found['sizes'][-1]:,}",
            f"{found['seconds'][0]:.2f} to {found['seconds'][-1]:.2f}",
            f"{found['exponent']:.2f}",
        ]
        for name, found in done(growth.RESULTS)[-1]["sizes"].items()
    ]
    return table(("what grows", "from", "CPU seconds of an epoch", "exponent"), rows)


def growth_picture(path: Path) -> None:
    """A panel for each size, on axes of logarithms, with the line of its exponent."""
    found = done(growth.RESULTS)[-1]["sizes"]
    figure = Figure(figsize=(11, 3.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(found), sharey=True)
    for axis, (name, row) in zip(axes, found.items(), strict=True):
        sizes, seconds = row["sizes"], row["seconds"]
        middle = statistics.geometric_mean(sizes), statistics.geometric_mean(seconds)
        line = [middle[1] * (size / middle[0]) ** row["exponent"] for size in sizes]
        axis.plot(sizes, line, color="#999999", lw=1)
        axis.plot(sizes, seconds, "o", color=topics_shown.OUR_COLOR)
        axis.set(xscale="log", yscale="log", xlabel=SIZES[name])
        axis.set_title(f"exponent {row['exponent']:.2f}", fontsize=10)
        axis.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=8)
        axis.minorticks_off()
        axis.grid(alpha=0.25)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_ylabel("CPU seconds of an epoch")
    axes[0].set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    with whole(path) as file:
        figure.savefig(file, format=path.suffix[1:])


TABLES: dict[str, Callable[[], str]] = {
    "documents": lambda: topics(CORPORA[0]),
    "short": lambda: topics(CORPORA[1]),
    "images": of_images,
    "terms": of_terms,
    "steps": of_steps,
    "growth": of_growth,
}


def report() -> None:
    fill(PAGE, TABLES)
    growth_picture(PICTURES / "growth.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="Run nothing; make the page.")
    parser.add_argument("--only", nargs="+", choices=[HERE, *PACKAGES], help="Environments.")
    parser.add_argument("--environments", type=Path, default=ROOT / "build" / "environments")
    parser.add_argument("--results", type=Path, help="Folder for results, in place of our own.")
    parser.add_argument("--quick", action="store_true", help="Small, to try whether it works.")
    options = parser.parse_args()
    if options.report:
        report()
        return
    if options.quick and options.results is None:
        parser.error("--quick needs --results, since its results say nothing")
    results = None if options.results is None else options.results.resolve()
    parts = [part for part in PARTS if not options.only or part.environment in options.only]
    os.environ.pop("PYTHONPATH", None)
    folder = options.environments.resolve()
    failed = [part for part in parts if not run(part, folder, results, options.quick)]
    for part in failed:
        print(f"failed: {part.module} in {part.environment}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
