"""What the paper claims, and whether it holds here: the first table of docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from dirvae.reproduce import paper
from dirvae.reproduce.record import Run
from dirvae.reproduce.tables import DASH, Table, latest, mean_of, values_of

__all__ = ["claims_table"]

Runs = Mapping[str, Sequence[Run]]
"""Runs by the name of their study."""


class Claim(NamedTuple):
    """That the paper's Dirichlet is better than another model in one figure.

    Attributes:
        text: The claim.
        theirs: The paper's figures of the Dirichlet and of the other.
        study: Whose runs have ours.
        rows: What tells the runs of the Dirichlet and of the other.
        value: The figure of a run.
        digits: Of the figure.
        lower: Whether lower is better.
    """

    text: str
    theirs: tuple[float, float]
    study: str
    rows: tuple[dict[str, Any], dict[str, Any]]
    value: Callable[[Run], Any]
    digits: int = 2
    lower: bool = True

    def cells(self, runs: Runs) -> list[str]:
        """A row of the table."""
        found = [latest(runs.get(self.study, ()), **row) for row in self.rows]
        paper_says = " / ".join(f"{value:.{self.digits}f}" for value in self.theirs)
        ours = [mean_of(part, self.value, self.digits) for part in found]
        here = DASH if DASH in ours else " / ".join(ours)
        return [self.text, paper_says, here, DASH if here == DASH else self.verdict(found)]

    def verdict(self, found: Sequence[Sequence[Run]]) -> str:
        """Whether the Dirichlet's mean is the better one, where both had as many epochs."""
        epochs = [{run.get("plan", {}).get("max_epochs") for run in part} for part in found]
        if epochs[0] != epochs[1]:
            told = " and ".join(str(number) for part in epochs for number in sorted(part))
            return f"not to be told: {told} epochs"
        values = [list(values_of(part, self.value)) for part in found]
        ours, other = (sum(part) / len(part) for part in values)
        return "yes" if (ours < other if self.lower else ours > other) else "no"


def _images(row: str) -> dict[str, Any]:
    return {"row": row, "setting": "paper", "pixels": "binarised"}


_PAIR = (_images("inverse_cdf_dirichlet"), _images("gaussian"))
_LEARNED = (_images("inverse_cdf_dirichlet_learned"), _images("inverse_cdf_dirichlet"))


def _density(data: str, first: str, second: str) -> tuple[float, float]:
    return paper.DENSITY[data][first][0], paper.DENSITY[data][second][0]


def _topics(model: str, name: str) -> Claim:
    own, _, dirichlet = paper.TOPICS["20news"][model]
    rows = {"row": f"{model}_inverse_cdf_dirichlet"}, {"row": f"{model}_own"}
    text = f"better topics of {name} than its own latent (20 Newsgroups, NPMI)"
    study = "topics-20news-v1995"
    return Claim(text, (dirichlet, own), study, rows, itemgetter("npmi"), 3, lower=False)


def _few_labels(has: str, data: str, ours: str | None = None, kind: str = "") -> Claim:
    theirs = paper.SEMI_SUPERVISED[data]
    return Claim(
        has,
        (theirs["dirichlet"][2], theirs["gaussian"][2]),
        f"semi-supervised-{ours or data}",
        tuple({"row": f"{row}{kind}", "share": 0.01} for row in ("dirichlet", "gaussian")),
        lambda run: 100 * run["test_error"],
    )


CLAIMS = (
    Claim(
        "a better likelihood than the Gaussian VAE (MNIST, NLL in nats)",
        _density("mnist", "inverse_cdf_dirichlet", "gaussian"),
        "density-mnist",
        _PAIR,
        itemgetter("nll"),
    ),
    Claim(
        "the same (OMNIGLOT)",
        _density("omniglot", "inverse_cdf_dirichlet", "gaussian"),
        "density-omniglot",
        _PAIR,
        itemgetter("nll"),
    ),
    Claim(
        "with a learned prior, a better likelihood than without (MNIST, NLL in nats)",
        _density("mnist", "inverse_cdf_dirichlet_learned", "inverse_cdf_dirichlet"),
        "density-mnist",
        _LEARNED,
        itemgetter("nll"),
    ),
    Claim(
        "more components in use than in the Gaussian VAE (MNIST, of 50)",
        (
            paper.ACTIVE_UNITS["mnist"]["inverse_cdf_dirichlet"],
            paper.ACTIVE_UNITS["mnist"]["gaussian"],
        ),
        "density-mnist",
        _PAIR,
        itemgetter("used_in_both"),
        0,
        lower=False,
    ),
    Claim(
        "nearer neighbours than in the Gaussian VAE (MNIST, error of 5 neighbours in %)",
        (paper.KNN["mnist"]["inverse_cdf_dirichlet"][1], paper.KNN["mnist"]["gaussian"][1]),
        "density-mnist",
        _PAIR,
        lambda run: 100 * run["knn_error"]["5"],
    ),
    _few_labels(
        "better classes from 1 % of the labels than the Gaussian VAE (MNIST, error in %)", "mnist"
    ),
    _few_labels("the same (MNIST, with rotated copies)", "mnist-rot"),
    _few_labels("the same (SVHN; here its test subset)", "svhn", "svhn-subset", "_not_smoothed"),
    *(_topics(*names) for names in (("prodlda", "ProdLDA"), ("nvdm", "NVDM"), ("gsm", "GSM"))),
)

NOTE = (
    "Each claim says that DirVAE is better than another model in one figure. Our models are "
    "trained as the paper says, with two exceptions: on OMNIGLOT our batches have 100 images "
    "where the paper's have 15, and our classifiers, but those of SVHN, have a smoothness term "
    "that the paper does not have. Our likelihoods are by the true density. The components in use "
    "are, for the paper, its active units; here, those that are used in encoding and in decoding. "
    "The last column says whether the mean of DirVAE is the better one here; a figure without ± "
    "is of one seed. The tables below have all models, and how the figures are made."
)


def claims_table(runs: Runs) -> Table:
    """The paper's claims, its figures and ours.

    Args:
        runs: Those of each study.

    Example:
        >>> claims_table({}).rows[0][1:]
        ['87.64 / 94.54', '-', '-']
    """
    header = ("DirVAE has", "the paper's figures", "ours", "holds here")
    rows = [claim.cells(runs) for claim in CLAIMS]
    return Table("The paper's claims, and what holds here", NOTE, header, rows)
