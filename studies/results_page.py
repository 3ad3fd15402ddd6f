"""docs/results.md and its picture, from the result files: `python -m studies.results_page`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import topics_shown
from dirvae.reproduce import tables
from dirvae.reproduce.record import Run, done
from dirvae.reproduce.tables import Table, latest
from dirvae.reproduce.topics_table import topics_table
from dirvae.writing import whole, write_text
from studies import RESULTS
from studies.claims import claims_table

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURE = DOCS / "results.md", DOCS / "images" / "components.png"
DENSITY = ("mnist", "mnist-60000", "omniglot", "svhn-subset")
SEMI_SUPERVISED = ("mnist", "mnist-few", "mnist-rot", "omniglot", "svhn", "svhn-subset")
ONLY_IF_RUN = ("mnist-60000", "mnist-few", "svhn", "svhn-subset")  # the paper or we have none
TOPICS = ("20news-v1995", "20news", "rcv1")
DRAWN = {
    "gaussian": "Gaussian",
    "stick_breaking_kumaraswamy": "stick-breaking",
    "inverse_cdf_dirichlet": "DirVAE",
    "dirichlet": "exact Dirichlet",
    "scaled_dirichlet": "scaled Dirichlet",
    "scaled_dirichlet_committed": "committed",
}

HEAD = """# The paper's tables, and ours

The paper is Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", Pattern Recognition 107
(2020). `dirvae reproduce NAME` makes our runs. In each pair of figures below, the first is of
DirVAE.
"""

READING = """## How to read the tables

A dash stands for a number that the paper does not give, or for a run that has not been made yet. A
row with several seeds gives mean ± standard deviation. `python -m studies.results_page` makes this
page from `studies/results/`, where each run is stored with its seed, settings, versions and
machine.

- **Training** is one of five. "paper": as the paper says (an encoder of 2 x 500 and a decoder of
  1 x 500 ReLU units, Xavier initialisation, Adam with a learning rate of 5e-4, or of 3e-4 for
  sticks, batches of 100, gradients clipped, early stopping). "paper-15": the same with batches of
  15, which the paper has for OMNIGLOT. "ours": what trains best at the same network size. "iwae":
  like "ours", but with the importance-weighted bound of five draws and the doubly reparameterised
  gradient, in bfloat16 (in float32 where the processor has no instructions for bfloat16).
  "iwae-200": like "iwae", with the networks of Burda et al. 2016 (2 x 200 tanh units in the encoder
  and in the decoder). `dirvae/reproduce/settings.py` has the details.
- **Scaled Dirichlet**: a posterior whose place and certainty are both free, under the Dirichlet
  prior ([the distributions](distributions.md)). "committed": the prior's concentration is 5, and
  each concentration of the posterior is at least 1.5 times that. So a component that is not used
  costs KL as well ([training](training.md)). "slightly committed": at least 1.25 times.
- **Mixture**: the prior is a learned mixture of 100 distributions, or of 500 where the name says
  so. In "mixture committed" none of them is more certain than the fixed prior that it starts from.
  In "released" the commitment falls to 0 in the second third of the epochs. In "with proportions"
  the decoder sees the proportions beside their log ratios.
- **MNIST**: K = 50, with 45,000 images to train, 5,000 to validate and 10,000 to test.
- **OMNIGLOT**: K = 100, with 22,095 images to train, 2,250 to validate and 8,115 to test. They are
  the official drawings, averaged over area to 28 x 28 pixels. The paper has 8,070 test images from
  another data file (the one of the IWAE paper). So the paper's numbers are for a similar setting,
  not for this one. The paper's batches also have 15 images; ours have 100, but in "paper-15".
- **Pixels** are drawn as 0 or 1, with the grey value as the probability of 1. They are drawn anew
  at each training step, and once for the test set. "grey" marks runs on the grey values. The
  components of the SVHN subset are real numbers, and are not drawn.
- [The paper's likelihood](paper_likelihood.md) says how much of the paper's likelihoods comes from
  their estimator, and why the concentration of its learned prior grows without bound.
- **Topics** are at the end, with our models and those of other libraries. `python -m benchmarks
  topics` measures them and writes `benchmarks/results/topics.json`. For our model, see
  [topic models, measured](topics_measured.md). Counts of microbes have
  [their own page](compositions.md).
"""


def page(
    files: Path = RESULTS, picture: bool = True, benchmark: Path = topics_shown.RESULTS
) -> str:
    """Markdown, from the result files of a folder, and from that of the benchmark of topics."""
    known = {path.stem: done(path) for path in sorted(files.glob("*.jsonl"))}

    def of(kind: str, names: Sequence[str], only_if_run: Sequence[str]) -> dict[str, list[Run]]:
        found = {name: known.get(f"{kind}-{name}", []) for name in names}
        return {name: runs for name, runs in found.items() if runs or name not in only_if_run}

    density = of("density", DENSITY, ONLY_IF_RUN)
    parts = [HEAD, markdown(claims_table(known), note_last=True), READING]
    for make in (
        tables.density_table,
        tables.knn_table,
        tables.collapse_table,
        tables.supervised_table,
    ):
        parts += [markdown(make(name, runs)) for name, runs in density.items()]
        if make is tables.density_table:
            bounded = of("certificates", DENSITY, DENSITY)
            parts += [markdown(tables.certificates_table(*one)) for one in bounded.items()]
        if make is tables.collapse_table and picture:
            parts.append(f"![Weights, means and spreads by component](images/{PICTURE.name})\n")
    few_labels = of("semi-supervised", SEMI_SUPERVISED, ONLY_IF_RUN)
    parts += [markdown(tables.semi_supervised_table(*one)) for one in few_labels.items()]
    parts += [markdown(topics_table(*one)) for one in of("topics", TOPICS, TOPICS).items()]
    if rows := topics_shown.on_file(benchmark):
        parts.append(f"## Topics\n\n{textwrap.fill(topics_shown.NOTE, 100)}\n")
        parts += [markdown(table, "###") for table in topics_shown.tables(rows)]
    return "\n".join(parts)


def markdown(table: Table, level: str = "##", *, note_last: bool = False) -> str:
    lines = [_line(table.header), "|---" * len(table.header) + "|", *map(_line, table.rows)]
    note = textwrap.fill(table.note, 100)
    shown = "\n".join(lines)
    parts = (shown, note) if note_last else (note, shown)
    return "\n\n".join([f"{level} {table.title}", *parts]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def draw(runs: Sequence[Run]) -> bool:
    """Draw decoder weights, and means and spreads beside the prior's; False if none are known."""
    chosen = [run for name in DRAWN if (run := _one(runs, name))]
    if not chosen:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shape = {"figsize": (3.2 * len(chosen), 4.8), "squeeze": False}
    figure, axes = plt.subplots(2, len(chosen), **shape)
    for (top, bottom), run in zip(axes.T, chosen, strict=True):
        _weights(top, run)
        _spreads(bottom, run)
    axes[0, 0].set_ylabel("decoder weights, length")
    axes[1, 0].set_ylabel("latent, mean ± std")
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="lower center", ncols=3)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    with whole(PICTURE) as file:
        figure.savefig(file, dpi=110, format=PICTURE.suffix[1:])
    plt.close(figure)
    return True


def _one(runs: Sequence[Run], name: str) -> Run | None:
    for setting in ("ours", "iwae", "paper"):
        found = latest(runs, row=name, setting=setting, pixels="binarised")
        for run in found:
            if "components" in run:
                return run
    return None


def _weights(ax: Any, run: Run) -> None:
    norms = np.array(run["components"]["weight_norms"])
    ax.bar(range(len(norms)), np.sort(norms)[::-1], color="#0b6e4f", width=1)
    ax.set_xlabel("rank by weight")
    ax.set_title(f"{DRAWN[run['row']]} ({run['setting']})", fontsize=10)
    _plain(ax)


def _spreads(ax: Any, run: Run) -> None:
    parts = {name: np.array(v, float) for name, v in run["components"].items()}
    places = np.arange(len(parts["mean"]))
    low, high = (parts["prior_mean"] + sign * parts["prior_std"] for sign in (-1, 1))
    ax.fill_between(places, low, high, color="#bbbbbb", lw=0, label="prior")
    ax.plot(places, parts["prior_mean"], color="#777777", lw=1)
    ax.errorbar(
        places, parts["mean"], parts["std"], fmt=".", color="#0b6e4f", lw=0.8, label="test images"
    )
    ax.set_xlabel("component")
    _plain(ax)


def _plain(ax: Any) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def main() -> None:
    drawn = draw(done(RESULTS / "density-mnist.jsonl"))
    write_text(PAGE, page(picture=drawn))


if __name__ == "__main__":
    main()
