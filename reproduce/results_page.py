"""docs/results.md, from the result files: `python -m reproduce.results_page`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reproduce import density_mnist, record, semi_supervised_mnist

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
Run = dict[str, Any]

HEAD = """# The paper's tables, and ours

Made by `python -m reproduce.results_page` from `reproduce/results/`, where every run stands with
its seed, settings, versions and machine. The paper is Joo, Lee, Park & Moon, "Dirichlet Variational
Autoencoder", Pattern Recognition 107 (2020). A dash is a run that has not been made yet; so are
OMNIGLOT, rotated MNIST, SVHN (whose data are not at hand), the supervised table and the topic
models.
"""

DENSITY = """
## Density, binarised MNIST, K = 50

Negative log-likelihood by importance sampling with the true density of what is sampled (1,000
draws) / negative ELBO, in nats, on all 10,000 test images; mean and standard deviation over seeds
where there are several. Training is as the paper says, or with what trains best at the same network
size (`reproduce/density_mnist.py` has both). "Used": components that encoder and decoder both use,
of 50. k-NN: error of 3, 5 and 10 nearest neighbours on posterior means, 45,000 rows as reference
(the paper's DirVAE: 5.98, 5.29, 5.06; raw pixels: 3.00, 3.21, 3.44). "k-hat": share of images whose
Pareto k is above .7, where the likelihood is not to be trusted to the nat. What the paper's own
numbers owe to its estimator: [the paper's likelihood](paper_likelihood.md), which also tells why
its learned prior runs away.

| model | training | the paper's | ours | used | k-NN, % | k-hat | seeds |
|---|---|---|---|---|---|---|---|
"""

SEMI = """
## Classification of MNIST from few labels

Test error in %, of 45,000 training images with so many labels; `SemiSupervisedVAE` with its
defaults, K = 50.

| labels | the paper's DirVAE | ours, each seed |
|---|---|---|
"""


def density_rows(runs: list[Run]) -> list[str]:
    lines = []
    for name, row in density_mnist.ROWS.items():
        paper = "-" if row.paper is None else "{:.2f} / {:.2f}".format(*row.paper)
        for setting in density_mnist.SETTINGS:
            found = [r for r in runs if (r["row"], r["setting"]) == (name, setting)]
            cells = [name.replace("_", " "), setting, paper, *_density(found)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _density(found: list[Run]) -> list[str]:
    if not found:
        return ["-"] * 5
    neighbours = (_mean(found, lambda r, k=k: 100 * r["knn_error"][k]) for k in ("3", "5", "10"))
    return [
        f"{_mean(found, lambda r: r['nll'])} / {_mean(found, lambda r: r['negative_elbo'])}",
        _mean(found, lambda r: r["used_in_both"], digits=0),
        ", ".join(neighbours),
        _mean(found, lambda r: 100 * r["nll_unreliable_share"], digits=1) + " %",
        str(len(found)),
    ]


def _mean(found: list[Run], value: Callable[..., float], digits: int = 2) -> str:
    values = np.array([value(r) for r in found])
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def semi_supervised_rows(runs: list[Run]) -> list[str]:
    lines = []
    for share, paper in semi_supervised_mnist.PAPER.items():
        errors = [f"{100 * r['test_error']:.2f}" for r in runs if r["share"] == share]
        lines.append(f"| {share:.0%} | {paper:.2f} | {', '.join(errors) or '-'} |")
    return lines


def main() -> None:
    density = density_rows(record.done(density_mnist.FILE))
    semi = semi_supervised_rows(record.done(semi_supervised_mnist.FILE))
    text = HEAD + DENSITY + "\n".join(density) + "\n" + SEMI + "\n".join(semi) + "\n"
    partial = PAGE.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(PAGE)


if __name__ == "__main__":
    main()
