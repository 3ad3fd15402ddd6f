"""Sections on collapse, for any report: what each component is used in, beside the prior's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.assessment import Diagnosis
from dirvae.evaluation import Use
from dirvae.report import figures
from dirvae.report.page import Panel, Section, Table

__all__ = ["collapse_sections", "collapse_table"]

Results = Mapping[str, Any]

_COLORS = {
    Use.BOTH: "#2a9d6f",
    Use.ENCODING: "#3b82c4",
    Use.DECODING: "#d9822b",
    Use.NEITHER: "#c4473b",
}


def collapse_sections(models: Sequence[Results]) -> list[Section]:
    """Return sections on the verdicts, marginal KLs, decoder weights and latents of models.

    Args:
        models: Each with its ``name`` and ``diagnosis``, an `assessment.Diagnosis`.

    Example:
        >>> import torch
        >>> from dirvae.assessment import diagnose
        >>> from dirvae.models.zoo import gaussian
        >>> model = {"name": "M", "diagnosis": diagnose(gaussian(4, 2), torch.eye(4))}
        >>> [section.heading for section in collapse_sections([model])][:2]
        ['Which components are used', 'Marginal KL']
    """
    sections = [_verdicts(models), _marginal_kl(models), _weight_norms(models), _latents(models)]
    return [section for section in sections if section.panels]


def collapse_table(models: Sequence[Results]) -> Table:
    """Return a table with one row a model: verdicts, moments and information.

    Example:
        >>> import torch
        >>> from dirvae.assessment import diagnose
        >>> from dirvae.models.zoo import gaussian
        >>> model = {"name": "M", "diagnosis": diagnose(gaussian(4, 2), torch.zeros(3, 4))}
        >>> collapse_table([model]).rows[0][:5]
        ['M', '0', '0', '0', '2']
    """
    header = (
        "Latent",
        "Both",
        "Encoding\nonly",
        "Decoding\nonly",
        "Neither",
        "Skewness\n(prior)",
        "Exc. kurtosis\n(prior)",
        "KL",
        "I(x; z)\n(most)",
    )
    return Table(header, [_texts(m["name"], m["diagnosis"]) for m in models])


def _texts(name: str, found: Diagnosis) -> list[str]:
    return [
        name,
        *(str(count) for count in found.counts.values()),
        f"{_mean(found.draws.skewness)} ({_mean(found.prior.skewness)})",
        f"{_mean(found.draws.kurtosis)} ({_mean(found.prior.kurtosis)})",
        f"{found.kl:.2f}",
        f"{found.information.value:.2f} ({found.information.bound:.2f})",
    ]


def _mean(values: NDArray[np.float64]) -> str:
    """Mean over components that vary; an absolute zero has no sign."""
    varying = values[~np.isnan(values)]
    return f"{round(float(varying.mean()), 2) + 0.0:.2f}" if len(varying) else "none"


def _verdicts(models: Sequence[Results]) -> Section:
    uses = {model["name"]: [str(use) for use in model["diagnosis"].uses] for model in models}
    figure = figures.verdicts(uses, {str(use): color for use, color in _COLORS.items()})
    rows = models[0]["diagnosis"].information.num_rows
    caption = (
        "A component's number is its column in what transform returns, counted from 0. It is used "
        "in encoding if its posterior mean varies between images by more than 1 % of the prior's "
        "variance. It is used in decoding if an image costs more than .01 nat without it. "
        "Skewness and excess kurtosis (0 for a Gaussian) are those of one posterior draw an "
        "image, the mean over components. In brackets are those of draws from the prior: a figure "
        "near the prior's says nothing about the model. KL is that of the posterior to the prior. "
        "I(x; z), in nats, is the part of it that tells images apart. The rest is how far all "
        f"posteriors together are from the prior. No {rows} images can show more than "
        "log of their number, in brackets. The prior alone has a KL and an I(x; z) of 0."
    )
    height = 90 + 36 * len(models)
    return Section(
        "Which components are used", caption, [Panel(figure, height=height)], collapse_table(models)
    )


def _marginal_kl(models: Sequence[Results]) -> Section:
    panels = []
    for color, model in zip(cycle(figures.COLORS), models, strict=False):
        found = model["diagnosis"].marginal_kl
        how = "adds up to the KL" if found.additive else "does not add up"
        figure = figures.bars(found.value, color=color, x_title="Component", y_title="Nats")
        panels.append(Panel(figure, f"{model['name']}: {how}"))
    caption = (
        "KL of each component's own posterior to its own prior, the mean over images; the prior's "
        "value is 0. It adds up to the whole KL only where components are independent. Shares of a "
        "whole are not: there each bar is at most the KL, and their sum may be more or less than "
        "it. Values without a closed form (of stick-breaking, say) are estimated from draws, to "
        "some hundredths of a nat."
    )
    return Section("Marginal KL", caption, panels, panel_width=280)


def _weight_norms(models: Sequence[Results]) -> Section:
    panels = []
    for color, model in zip(cycle(figures.COLORS), models, strict=False):
        norms = model["diagnosis"].weight_norms
        if norms is not None:
            figure = figures.bars(norms, color=color, x_title="Component", y_title="Norm")
            panels.append(Panel(figure, model["name"]))
    caption = (
        "Length of each component's column in the decoder's first weight matrix. A column near 0 "
        "belongs to a component that the decoder ignores; compare within a model, not between "
        "models. A column that is not near 0 may only have kept its initial weights: the direct "
        "test is above."
    )
    return Section("Decoder weights", caption, panels, panel_width=280)


def _latents(models: Sequence[Results]) -> Section:
    panels = []
    for color, model in zip(cycle(figures.COLORS), models, strict=False):
        found: Diagnosis = model["diagnosis"]
        figure = figures.means_and_spreads(
            found.means.mean,
            found.means.std,
            found.prior_location,
            found.prior_spread,
            color=color,
            x_title="Component",
            y_title="Value",
        )
        panels.append(Panel(figure, model["name"], height=290))
    caption = (
        "Posterior means over the held-out images (average, and one standard deviation either "
        "way) beside the prior's own mean and spread. A component whose coloured line has shrunk "
        "to a dot says nothing about the image: it has collapsed. The decay of a stick-breaking "
        "latent from left to right is in its prior already, which is why that is shown."
    )
    return Section("Latent means and spreads", caption, panels, panel_width=280)
