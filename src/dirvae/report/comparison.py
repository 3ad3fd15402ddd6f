"""The page that puts models of images side by side: how each fits, which components it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from dirvae.evaluation import Use
from dirvae.report import figures
from dirvae.report.collapse import collapse_sections
from dirvae.report.page import Panel, Section, Table, render

__all__ = ["comparison_page", "comparison_table", "table_note"]

Results = Mapping[str, Any]


def comparison_page(results: Results) -> str:
    """Return one HTML page.

    Args:
        results: As `dirvae.demo.digits.compare` returns them. ``title``, ``introduction`` and
            ``settings`` are shown as they are. ``images`` and ``drawn`` are the rows, and the same
            as models see them. ``labels`` are their classes, ``classes`` the names of these, and
            ``class_name`` what a class is, such as "digit". ``pixel_means_nats`` and
            ``pixel_knn_error`` are what pixels alone reach. Each of ``models`` is a dict of its
            name, measures, history of training and pictures.
    """
    models = results["models"]
    sections = [
        _scores(results),
        _training(models),
        _reconstructions(results),
        _samples(results),
        _components(results),
        _edges(models),
        _map(results),
        *collapse_sections(models),
        _settings(results["settings"]),
    ]
    return render(results["title"], results["introduction"], sections)


def comparison_table(results: Results) -> Table:
    """Return a table with one row a model: the measures, and the prior's value where it has one.

    Example:
        >>> import torch
        >>> from dirvae.assessment import diagnose
        >>> from dirvae.models.zoo import gaussian
        >>> measured = {"name": "M", "negative_elbo": 2.0, "nll": 1.0, "nll_std_error": 0.1}
        >>> measured |= {"unreliable_share": 0.02}
        >>> measured |= {"knn_error": 0.5, "active": 1, "active_prior": 2}
        >>> measured["diagnosis"] = diagnose(gaussian(4, 3), torch.zeros(2, 4))
        >>> comparison_table({"models": [measured]}).rows
        [['M', '2.00', '1.00 ± 0.100', '2.0 %', '50.0 %', '1 (2)', '0/0/3']]
    """
    header = (
        "Latent",
        "Negative\nELBO",
        "NLL",
        "k-hat\n> .7",
        "k-NN\nerror",
        "Active\n(prior)",
        "Both/\none/no",
    )
    return Table(header, [_texts(model) for model in results["models"]])


def table_note(results: Results) -> str:
    """Return what the columns of `comparison_table` mean, and what no model at all would reach."""
    models = results["models"]
    size = len(models[0]["diagnosis"].uses)
    return (
        "Negative ELBO and NLL in nats per held-out image, lower is better. The NLL is by "
        "importance sampling, ± the standard error of the sampling. k-hat > .7: the share of "
        "images whose weights have too heavy a tail for that to be trusted (Pareto smoothed "
        "importance sampling). k-NN: error of 5 nearest "
        f"neighbours on posterior means. Active: of {size} components, those whose posterior "
        f"mean has a variance above {models[0]['threshold']:.2g} (.25 / K²). In brackets, how many "
        "have it under the prior alone. Both/one/no: components that encoder and decoder use "
        "both, that one of them uses, that neither does. The encoder uses one if that variance is "
        "above 1 % of the prior's. The decoder uses one if an image costs more than .01 nat "
        "with the component's mean in its place. "
        f"For scale: pixel means alone cost {results['pixel_means_nats']:.1f} nats; k-NN on the "
        f"pixels themselves errs on {100 * results['pixel_knn_error']:.1f} %."
    )


def _texts(model: Results) -> list[str]:
    counts = model["diagnosis"].counts
    one = counts[Use.ENCODING] + counts[Use.DECODING]
    return [
        model["name"],
        f"{model['negative_elbo']:.2f}",
        f"{model['nll']:.2f} ± {model['nll_std_error']:.3f}",
        "" if np.isnan(model["unreliable_share"]) else f"{100 * model['unreliable_share']:.1f} %",
        f"{100 * model['knn_error']:.1f} %",
        f"{model['active']} ({model['active_prior']})",
        f"{counts[Use.BOTH]}/{one}/{counts[Use.NEITHER]}",
    ]


def _scores(results: Results) -> Section:
    return Section("How well each fits", table_note(results), table=comparison_table(results))


def _training(models: Sequence[Results]) -> Section:
    series = {}
    for model in models:
        history = model["history"]
        epochs = [metrics["epoch"] + 1 for metrics in history]
        for key, name in (("val_elbo", model["name"]), ("elbo", f"{model['name']}, training *")):
            series[name] = (epochs, [-metrics[key] for metrics in history])
    last = [-history[-1]["val_elbo"] for history in (model["history"] for model in models)]
    best = min(min(y) for _, y in series.values())
    figure = figures.curves(
        series,
        x_title="Epoch",
        y_title="Negative ELBO (nats)",
        y_range=(best - 0.5, max(last) + 6),
    )
    caption = (
        "Negative ELBO with the KL at full weight: on validation images (solid), and on the "
        "training images while they were trained on (dotted). Dotted lines that go on falling "
        "while solid ones rise would be overfitting."
    )
    return Section("Training", caption, [Panel(figure, height=380)])


def _reconstructions(results: Results) -> Section:
    rows = [("Image", results["images"]), ("As drawn: what the models see", results["drawn"])]
    rows += [(model["name"], model["reconstructions"]) for model in results["models"]]
    caption = (
        "Sixteen held-out images, and the 0s and 1s that were drawn from them. What each model "
        "makes of those are pixel probabilities at the posterior mean. Where the drawing has lost "
        "a stroke, the model has to guess it."
    )
    return Section("Reconstructions", caption, [_strip(label, images) for label, images in rows])


def _samples(results: Results) -> Section:
    panels = [_strip(m["name"], m["samples"], columns=8) for m in results["models"]]
    caption = (
        "Pixel probabilities for latents drawn from each prior, not selected. Where they look like "
        f"no {results['class_name']}, the prior puts mass where the training images have none."
    )
    return Section("Samples", caption, panels, panel_width=260)


def _components(results: Results) -> Section:
    panels = []
    for color, model in zip(cycle(figures.COLORS), results["models"], strict=False):
        if "corners" in model:
            panels += _corners(model, color, results["classes"], results["class_name"])
    caption = (
        "A corner of the simplex is a latent that is all one component. Few images lie there, so "
        "the decoder extrapolates; the images that use a component most show what it stands for in "
        "the data. Trust a corner where both rows agree."
    )
    return Section("What each component means", caption, panels)


def _corners(model: Results, color: str, classes: Sequence[Any], class_name: str) -> list[Panel]:
    name, numbers = model["name"], [str(k) for k in range(len(model["corners"]))]
    shares = figures.heatmap(
        model["theta_by_class"],
        classes,
        numbers,
        color=color,
        x_title="Component",
        y_title=class_name.capitalize(),
    )
    return [
        _strip(f"{name}: decoded corners", model["corners"]),
        _strip("Mean of the 20 held-out images with most of it", model["users"], ticks=numbers),
        Panel(
            shares, f"Mean share of each component in the images of each {class_name}", height=320
        ),
    ]


def _edges(models: Sequence[Results]) -> Section:
    panels = []
    for model in models:
        if "edges" in model:
            names = [f"{i} to {j}" for i, j in model["edges"]]
            columns = len(model["edge_images"]) // len(names)
            panel = _strip(model["name"], model["edge_images"], columns=columns, rows=names)
            panels.append(panel)
    caption = (
        "From one corner of the simplex to another in equal steps. These are pixel probabilities "
        "of mixtures of two components, of the pairs that the held-out images mix most."
    )
    return Section("Along the edges of the simplex", caption, panels, panel_width=420)


def _map(results: Results) -> Section:
    labels = np.asarray(results["labels"])
    panels = [
        Panel(figures.classes(m["map"], labels[: len(m["map"])]), m["name"], aspect=1.0)
        for m in results["models"]
    ]
    caption = (
        "Posterior means of the held-out images in the plane (t-SNE), coloured by "
        f"{results['class_name']}, which no model was told. Neighbours stay neighbours; distances "
        "between groups mean little."
    )
    return Section("Where the images lie", caption, panels, panel_width=280)


def _settings(settings: Mapping[str, str]) -> Section:
    rows = [list(pair) for pair in settings.items()]
    caption = "The same for all models."
    return Section("Settings", caption, table=Table((), rows, numbers=False))


def _strip(
    label: str,
    images: Any,
    *,
    columns: int = 16,
    ticks: Sequence[str] = (),
    rows: Sequence[str] = (),
) -> Panel:
    count, height, width = np.shape(images)
    columns = min(columns, count)
    lines = -(-count // columns)
    aspect = (columns * (width + 1) - 1) / (lines * (height + 1) - 1)
    figure = figures.image_strip(images, columns, row_names=rows)
    return Panel(figure, label, aspect=aspect, ticks=ticks)
