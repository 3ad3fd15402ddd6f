"""The paper's tables from runs on file: its numbers beside ours, a dash where nothing was run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from dirvae.reproduce import paper
from dirvae.reproduce.certificates import Amounts
from dirvae.reproduce.images import PIXELS
from dirvae.reproduce.record import Run
from dirvae.reproduce.rows import ROWS
from dirvae.reproduce.semi_supervised import ROWS as LABELLED_ROWS
from dirvae.reproduce.semi_supervised import labelled, shares_of
from dirvae.reproduce.settings import SETTINGS

__all__ = [
    "Table",
    "certificates_table",
    "collapse_table",
    "density_table",
    "knn_table",
    "latest",
    "mean_of",
    "seeds_of",
    "semi_supervised_table",
    "supervised_table",
    "values_of",
]

DASH = "-"
TITLES = {
    "mnist": "MNIST, K = 50",
    "mnist-60000": "MNIST, 60,000 training images, K = 50",
    "omniglot": "OMNIGLOT, K = 100",
    "mnist-few": "MNIST, numbers of labels",
    "mnist-rot": "MNIST+rot",
    "svhn": "SVHN",
    "svhn-subset": "SVHN test subset",
}

SUBSET = (
    "The data are the first 10,000 official test images: 7,000 train, 1,000 validate and 2,000 "
    "test. Each is 500 principal components, with a Gaussian likelihood of variance 1."
)
BURDA = (
    "There are no validation images. Burda, Grosse & Salakhutdinov 2016 have 86.76 for a Gaussian "
    "VAE, 85.54 with the importance-weighted bound of 5 draws, and 84.78 with 50 (5,000 draws)."
)
Value = Callable[[Run], Any]


class Table(NamedTuple):
    """Rows of text under a header.

    Attributes:
        title: What it is of.
        note: How to read it.
        header: One text a column.
        rows: Texts of each row.
    """

    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def latest(runs: Sequence[Run], **wanted: Any) -> list[Run]:
    """Return the runs that agree with ``wanted`` and were made and measured as the last of them.

    Example:
        >>> runs = [{"row": "a", "plan": 1}, {"row": "a", "plan": 2}, {"row": "b", "plan": 1}]
        >>> latest(runs, row="a")
        [{'row': 'a', 'plan': 2}]
    """
    found = [r for r in runs if all(r.get(name) == value for name, value in wanted.items())]
    return [r for r in found if _made(r) == _made(found[-1])]


def _made(run: Run) -> tuple[Any, Any]:
    return run.get("plan"), run.get("amounts")


def density_table(data: str, runs: Sequence[Run]) -> Table:
    """Likelihood and bound of every model."""

    def cells(name: str, found: list[Run]) -> list[str]:
        theirs = paper.DENSITY.get(data, {}).get(name)
        return [
            _joined(theirs, " / "),
            mean_of(found, lambda r: r["nll"]),
            mean_of(found, lambda r: r["negative_elbo"]),
            mean_of(found, lambda r: r["negative_elbo"] - r["kl"]),
            mean_of(found, lambda r: r["kl"]),
            _draws(found),
            mean_of(found, lambda r: 100 * r["nll_unreliable_share"], 1),
            _both(found, ("annealed_nll", "nll_of_annealed_images")),
            _both(found, ("doubtful_nll", "doubtful_negative_elbo")),
            seeds_of(found),
        ]

    header = ("the paper's NLL / -ELBO / reconstruction", "NLL", "-ELBO", "reconstruction", "KL")
    more = ("draws", "k̂ > .7, %", "annealed / sampled", "by the paper's estimators", "seeds")
    note = (
        "Values are nats per image; lower is better. NLL: negative log-likelihood, by importance "
        "sampling with the true density of what is sampled. Draws: how many draws each image has. "
        "k̂ > .7: the share of images whose Pareto shape is above .7. The NLL of such an image is "
        "unreliable: usually too high, and nearer the truth with more draws. Annealed / sampled: "
        "two estimates of the NLL of the first 100 images. The first is by annealed importance "
        "sampling, which needs no encoder, the second by importance sampling. By the paper's "
        "estimators: NLL / -ELBO as the paper computes them."
    )
    note = f"{note} {BURDA}" if data == "mnist-60000" else note
    return _table("Density", data, note, (*header, *more), runs, cells)


def certificates_table(data: str, runs: Sequence[Run]) -> Table:
    """Bounds of the likelihood from both sides."""
    given = ("NLL at least", "NLL at most", "gap", "NLL sampled")
    drawn = ("drawn images, at least", "at most", "number")
    header = (*given, *drawn, "temperatures", "chains begin at", "seeds")

    def cells(_: str, found: list[Run]) -> list[str]:
        if not found:
            return [DASH] * len(header)
        amounts = Amounts(**found[0]["amounts"])
        return [
            mean_of(found, lambda r: -r["below"] - r["gap"]),
            mean_of(found, lambda r: -r["below"]),
            mean_of(found, lambda r: r["gap"]),
            mean_of(found, lambda r: -r["sampled"]),
            mean_of(found, lambda r: -r["drawn_upper"]),
            mean_of(found, lambda r: -r["drawn_lower"]),
            f"{amounts.drawn_in_all:,}",
            f"{amounts.temperatures:,}",
            found[0].get("begin", "prior"),
            seeds_of(found),
        ]

    amounts = Amounts(**runs[-1]["amounts"]) if runs else Amounts()
    note = (
        f"Values are nats per image, of the first {amounts.images:,} test images. NLL at most: by "
        "annealed importance sampling through as many temperatures as the table says, with "
        f"{amounts.chains} chains an image. They begin at draws from the encoder, or from the "
        "prior, which takes many more steps. Gap: by how much that may be too high (bidirectional "
        "Monte Carlo). It is the distance between two bounds of the NLL of images that the model "
        "itself drew, with margins of three standard errors. NLL at least: NLL at most minus the "
        "gap. It holds if the test images are no harder for the chains than the drawn ones. NLL "
        f"sampled: by importance sampling with {amounts.samples:,} draws from the encoder, of the "
        "same images. Drawn images: those two bounds, and how many images were drawn."
    )
    table = _table("Bounds of the likelihood", data, note, header, runs, cells)
    return table._replace(rows=[row for row in table.rows if row[-1] != DASH])


def knn_table(data: str, runs: Sequence[Run]) -> Table:
    """Nearest neighbours on posterior means, as they are and as decoded, and on draws."""
    theirs = paper.KNN.get(data, {})

    def cells(name: str, found: list[Run]) -> list[str]:
        ours = (
            [mean_of(found, _percent(of, k)) for k in ("3", "5", "10")]
            for of in ("knn_error", "knn_error_as_decoded", "knn_error_of_samples")
        )
        return [
            _joined(theirs.get(name), " / "),
            *(" / ".join(c) if c != [DASH] * 3 else DASH for c in ours),
            seeds_of(found),
        ]

    ways = ("on posterior means", "on means as decoded", "on one draw of each posterior")
    header = ("the paper's", *ways, "seeds")
    raw = ""
    if theirs:
        raw = (
            f"For raw pixels the paper has {_joined(theirs['raw pixels'], ' / ')}. The paper does "
            "not say whether it uses posterior means or draws. "
        )
    note = (
        "Error in % of 3 / 5 / 10 nearest neighbours among all training images. "
        f"{raw}Means as decoded: the posterior means in the form in which the decoder takes them. "
        "That is in units of the prior, as log ratios for a scaled Dirichlet (Aitchison's "
        'distance), and unchanged in "paper" rows.'
    )
    return _table("Nearest neighbours", data, note, header, runs, cells)


def collapse_table(data: str, runs: Sequence[Run]) -> Table:
    """Which components are used, beside the prior's own values."""

    def cells(name: str, found: list[Run]) -> list[str]:
        theirs = paper.ACTIVE_UNITS.get(data, {}).get(name)
        shape = paper.SKEWNESS_KURTOSIS.get(name) if data == "mnist" else None
        return [
            DASH if theirs is None else f"{theirs:.1f}",
            _with_prior(found, lambda r: r["active"], lambda r: r["active_prior"]),
            mean_of(found, lambda r: r["used_in_encoding"], 1),
            mean_of(found, lambda r: r["used_in_decoding"], 1),
            mean_of(found, lambda r: r["used_in_both"], 1),
            mean_of(found, lambda r: r["mutual_information"], 1),
            _joined(shape, " / "),
            *(
                _with_prior(found, _over(moment), _over(f"prior_{moment}"), 2)
                for moment in ("skewness", "kurtosis")
            ),
            seeds_of(found),
        ]

    header = ("the paper's active units", "active units (prior's)", "used in encoding")
    more = ("in decoding", "in both", "I(x; z)", "the paper's skewness / kurtosis")
    note = (
        "Each count is a number of components. Active: the posterior mean has a variance over test "
        "images above the paper's absolute threshold. In brackets: the variance under the prior "
        "is above that threshold. Used in encoding: the posterior mean has a variance above 1 % of "
        "the prior's variance. Used in decoding: the reconstruction loses more than .01 nat "
        "without the component. In both: used in encoding and in decoding. I(x; z): an estimate of "
        "the mutual information in nats. The true value is 0 if the encoder returns the prior. The "
        "estimate is at most the logarithm of the number of images. Skewness and kurtosis: the "
        "skewness and excess kurtosis of one draw of each posterior, as means over components. The "
        "prior's own are in brackets."
    )
    columns = (*header, *more, "skewness (prior's)", "kurtosis (prior's)", "seeds")
    return _table("Components", data, note, columns, runs, cells)


def supervised_table(data: str, runs: Sequence[Run]) -> Table:
    """Classifiers on posterior means."""

    def cells(_: str, found: list[Run]) -> list[str]:
        measures = ("linear_probe_error", "svm_error")
        ours = [mean_of(found, _percent(name)) for name in measures]
        return [*ours, mean_of(found, _percent("knn_error", "5")), seeds_of(found)]

    header = ("linear probe", "SVM", "5 nearest neighbours", "seeds")
    note = (
        "Error in % of classifiers of posterior means. The linear probe is scikit-learn's "
        "LogisticRegression, and the SVM is its SVC (Gaussian kernel), both with their defaults. "
        "Both are trained on the standardized means of at most 10,000 training images. Nearest "
        "neighbours use all training images."
    )
    return _table("Supervised", data, note, header, runs, cells)


def semi_supervised_table(data: str, runs: Sequence[Run]) -> Table:
    """Classification from few labels."""
    rows = []
    theirs = paper.SEMI_SUPERVISED.get(data.removesuffix("-subset"), {})
    shares = shares_of(data)
    for name in _shown(runs):
        cells = [name.replace("_", " "), _joined(theirs.get(name), " / ")]
        counts, epochs = [], []
        for share in shares:
            found = latest(runs, row=name, share=share)
            cells.append(mean_of(found, lambda r: 100 * r["test_error"]))
            counts.append(f"{len(found)}")
            epochs.append(f"{found[0]['plan']['max_epochs']}" if found else DASH)
        rows.append(
            [*cells, *("/".join(c) if set(counts) != {"0"} else DASH for c in (epochs, counts))]
        )
    note = (
        "Test error in %. A column's name says how many training images have a label. Epochs and "
        "seeds are given for each column."
    )
    note = f"{note} {_of_labels(data, runs)}".strip()
    header = ("model", "the paper's, 10 / 5 / 1 %", *(labelled(data, share) for share in shares))
    return Table(f"Few labels, {TITLES[data]}", note, (*header, "epochs", "seeds"), rows)


def _shown(runs: Sequence[Run]) -> list[str]:
    """Models of the paper, and others that were run."""
    found = {run["row"] for run in runs} | set(paper.SEMI_SUPERVISED["mnist"])
    return [name for name in LABELLED_ROWS if name in found]


def _of_labels(data: str, runs: Sequence[Run]) -> str:
    parts = []
    if data == "svhn" and not runs:
        parts.append("These runs have not been made, because SVHN's data are not at hand.")
    if data == "omniglot":
        parts.append(
            "The classes are the 50 alphabets. To guess the largest is wrong for 96.6 %. The "
            "settings are those that were chosen on MNIST. The paper has no such table."
        )
    if data == "svhn-subset":
        parts.append(
            f"{SUBSET} The paper trains on 65,000 images and tests on 26,032. So its numbers are "
            "for other data."
        )
    if any(name.endswith("not_smoothed") for name in _shown(runs)):
        parts.append(
            "Rows that are not smoothed are without the smoothness term (virtual adversarial "
            "training). The paper's models do not have this term."
        )
    if "dirichlet_gently_smoothed" in _shown(runs):
        parts.append(
            "In the gently smoothed row, the smoothness term has the weight 30 in place of 200. "
            "Its changes have the size .04 in place of .275."
        )
    return " ".join(parts)


# --- cells ----------------------------------------------------------------------------------------


def _table(
    title: str,
    data: str,
    note: str,
    header: Sequence[str],
    runs: Sequence[Run],
    cells: Callable[[str, list[Run]], list[str]],
) -> Table:
    rows = []
    for name, setting, pixels in _groups(data, runs):
        found = latest(runs, row=name, setting=setting, pixels=pixels)
        training = f"{setting}, grey" if pixels == "grey" else setting
        rows.append([name.replace("_", " "), training, *cells(name, found)])
    note = f"{note} {SUBSET}" if data in PIXELS else note
    return Table(f"{title}, {TITLES[data]}", note, ("model", "training", *header), rows)


def _groups(data: str, runs: Sequence[Run]) -> Iterator[tuple[str, str, str]]:
    """What was run, and all of the paper's models as it trained them, run or not."""
    own = PIXELS.get(data, "binarised")
    known = {(r["row"], r["setting"], r.get("pixels", own)) for r in runs}
    if data in paper.DENSITY or data in PIXELS:
        known |= {(name, "paper", own) for name in paper.DENSITY["mnist"]}
    for name in ROWS:
        for setting in SETTINGS:
            for pixels in (own, "grey"):
                if (name, setting, pixels) in known:
                    yield name, setting, pixels


def values_of(found: Sequence[Run], value: Value) -> Iterator[float]:
    """Yield a value of the runs that have it: older ones lack what is measured since.

    Example:
        >>> list(values_of([{"nll": 1.5}, {"failed": "diverged"}], itemgetter("nll")))
        [1.5]
    """
    for run in found:
        try:
            number = value(run)
        except KeyError:
            continue
        if number is not None:
            yield number


def mean_of(found: Sequence[Run], value: Value, digits: int = 2) -> str:
    """Write mean ± standard deviation, the mean of one run alone, or a dash of none.

    Example:
        >>> mean_of([{"nll": 1.0}, {"nll": 3.0}], itemgetter("nll"))
        '2.00 ± 1.41'
    """
    values = np.array(list(values_of(found, value)))
    if not len(values):
        return DASH
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _percent(name: str, key: str | None = None) -> Value:
    return lambda run: 100 * (run[name] if key is None else run[name][key])


def _both(found: Sequence[Run], names: Sequence[str]) -> str:
    cells = [mean_of(found, itemgetter(name)) for name in names]
    return DASH if DASH in cells else " / ".join(cells)


def _with_prior(found: Sequence[Run], ours: Value, prior: Value, digits: int = 1) -> str:
    text = mean_of(found, ours, digits)
    return text if text == DASH else f"{text} ({mean_of(found, prior, digits)})"


def _draws(found: Sequence[Run]) -> str:
    """Draws of the latent for the likelihood; runs that do not say had 1,000."""
    return f"{found[0].get('amounts', {}).get('samples', 1000):,}" if found else DASH


def _over(moment: str) -> Value:
    """Mean over components of one of their moments."""

    def value(run: Run) -> float | None:
        known = [v for v in run["components"][moment] if v is not None]
        return math.fsum(known) / len(known) if known else None

    return value


def seeds_of(found: Sequence[Run]) -> str:
    """Write how many runs there are, and how many of them diverged.

    Example:
        >>> seeds_of([{"nll": 1.0}, {"failed": "the loss is nan"}])
        '2, 1 diverged'
    """
    if not found:
        return DASH
    failed = sum("failed" in run for run in found)
    return f"{len(found)}" + (f", {failed} diverged" if failed else "")


def _joined(values: Sequence[float] | None, separator: str) -> str:
    return DASH if values is None else separator.join(f"{v:.2f}" for v in values)
