"""The picture of `python -m benchmarks compositions`: components, and people by group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dirvae import CompositionModel
from dirvae.writing import whole

COLORS = ("#3b6fb6", "#e08a2e", "#4c9f70", "#c2504d", "#8064a2", "#8c6d4f", "#d98cb3", "#7f7f7f")
WORDS = {
    "AAM": "African American",
    "AFR": "South African",
    "CentralEurope": "Central Europe",
    "SouthEurope": "South Europe",
    "UKIE": "UK, Ireland",
    "severeobese": "severely obese",
    "morbidobese": "morbidly obese",
}
TITLES = {
    "atlas1006": "Western adults (atlas1006), by body-mass group",
    "dietswap": "Two-week diet swap (dietswap), by nationality and body-mass group",
}
BY = {"atlas1006": ("bmi_group",), "dietswap": ("nationality", "bmi_group")}
ORDER = ("underweight", "lean", "overweight", "obese", "severeobese", "morbidobese")
TAXA = 6
SHOWN = 0.02  # least share in the mean sample of a component that is drawn


def picture(data: dict[str, Any], size: int, path: Path) -> None:
    """Draw components fitted to all samples of each data set."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(13, 5.2 * len(data)), layout="constrained")
    for part, (name, samples) in zip(
        np.atleast_1d(figure.subfigures(len(data), 1, hspace=0.04)), data.items(), strict=True
    ):
        model = CompositionModel(size, random_state=0).fit(samples.counts)
        theta, beta = model.transform(samples.counts), model.topic_word_
        order = np.argsort(-theta.mean(0))
        order = order[theta.mean(0)[order] > SHOWN]
        part.suptitle(TITLES[name], fontsize=13, fontweight="bold")
        top, bottom = part.subfigures(2, 1, height_ratios=(1, 1.05))
        _people(top.subplots(), theta[:, order], _groups(name, samples.covariates))
        _microbes(
            bottom.subplots(1, len(order), squeeze=False)[0],
            beta[order],
            theta.mean(0)[order],
            samples.taxa,
        )
    path.parent.mkdir(exist_ok=True)
    with whole(path) as file:
        figure.savefig(file, dpi=130, format=path.suffix[1:])
    plt.close(figure)


def _groups(name: str, frame: Any) -> dict[str, Any]:
    """Rows of each group, in an order that people know."""
    keys = [frame[column].astype(str) for column in BY[name]]
    label = np.array(["\n".join(words) for words in zip(*keys, strict=True)])
    ranked = sorted(
        (key.split("\n") for key in np.unique(label)), key=lambda w: (w[:-1], _rank(w[-1]))
    )
    names = ["\n".join(words) for words in ranked if words[-1] not in ("NA", "other")]
    return {key: np.flatnonzero(label == key) for key in names}


def _rank(word: str) -> int:
    return ORDER.index(word) if word in ORDER else len(ORDER)


def _people(axis: Any, theta: Any, groups: dict[str, Any]) -> None:
    """Each person one thin bar of proportions; groups equally wide, in order of the first parts."""
    for place, (name, rows) in enumerate(groups.items()):
        own = theta[rows]
        own = own[np.lexsort((-own[:, 1], -own[:, 0]))]
        edges = place + 0.94 * np.arange(len(own) + 1) / len(own)
        low = np.zeros(len(own))
        for k, share in enumerate(own.T):
            axis.stairs(
                low + share,
                edges,
                baseline=low,
                fill=True,
                color=COLORS[k],
                lw=0,
                antialiased=False,
            )
            low = low + share
        words = "\n".join(WORDS.get(word, word) for word in name.split("\n"))
        axis.text(place + 0.47, -0.04, f"{words}\n{len(own)} samples", ha="center", va="top")
    axis.set(xlim=(-0.03, len(groups) - 0.03), ylim=(0, 1), xticks=[], yticks=[0, 0.5, 1])
    axis.set_yticklabels(["0", "50 %", "100 %"])
    axis.set_ylabel("share of components")
    axis.spines[:].set_visible(False)


def _microbes(axes: Any, beta: Any, prevalence: Any, taxa: list[str]) -> None:
    """The commonest taxa of each component, and how much of them the mean person has (ticks)."""
    mean = prevalence @ beta
    for k, (axis, law) in enumerate(zip(axes, beta, strict=True)):
        ids = np.argsort(-law)[:TAXA]
        y = np.arange(TAXA)[::-1]
        axis.barh(y, law[ids], color=COLORS[k], height=0.42, align="edge")
        axis.plot(mean[ids], y + 0.21, "|", color="black", ms=9, mew=1.6)
        for at, taxon in zip(y, ids, strict=True):
            axis.text(0, at - 0.06, taxa[taxon].replace(" et rel.", ""), va="top", fontsize=8.5)
        title = f"{chr(65 + k)}: {100 * prevalence[k]:.0f} % of reads"
        axis.set_title(title, color=COLORS[k], fontsize=11, fontweight="bold")
        axis.set(
            yticks=[], ylim=(-0.6, TAXA - 0.4), xlim=(0, 1.08 * max(law.max(), mean[ids].max()))
        )
        axis.xaxis.set_major_formatter(lambda v, _: f"{100 * v:g} %")
        axis.locator_params(axis="x", nbins=3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_xlabel("bar: share in the component; tick: in the mean", fontsize=9)
