"""The page that puts models side by side: how well each fits, and which components it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dirvae.report import figures
from dirvae.report.page import Panel, Section, Table, render

__all__ = ["comparison_page", "comparison_table", "table_note"]

Results = Mapping[str, Any]


def comparison_page(results: Results) -> str:
    """Return one HTML page.

    Args:
        results: What `dirvae.report.demo.compare` returns: a dict with ``models`` (a dict each:
            measures, history, pictures), images, baselines and settings.

    Example:
        >>> from rich.console import Console
        >>> from dirvae.report.demo import Plan, compare
        >>> _, results = compare(Plan(epochs=1, num_samples=2), Console(quiet=True))
        >>> "<h2>What each component means</h2>" in comparison_page(results)
        True
    """
    models = results["models"]
    sections = [
        _scores(results),
        _training(models),
        _reconstructions(results),
        _samples(models),
        _components(models),
        _weight_norms(models),
        _latents(models),
        _settings(results["settings"]),
    ]
    return render("Three latents on handwritten digits", _INTRODUCTION, sections)


def comparison_table(results: Results) -> Table:
    """Return a table with one row a model: the measures, and the prior's value where it has one.

    Example:
        >>> measured = {"name": "M", "negative_elbo": 2.0, "nll": 1.0, "nll_std_error": 0.1}
        >>> measured |= {"unreliable_share": 0.02}
        >>> measured |= {"knn_error": 0.5, "active": 1, "active_prior": 2}
        >>> used = {"encoding": np.array([True, True]), "decoding": np.array([True, False])}
        >>> comparison_table({"models": [measured | used]}).rows
        [['M', '2.00', '1.00 ± 0.100', '2.0 %', '50.0 %', '1 (2)', '2 / 1']]
    """
    header = (
        "Latent",
        "Negative\nELBO",
        "NLL",
        "k-hat\n> .7",
        "k-NN\nerror",
        "Active\n(prior)",
        "Used:\nenc. / dec.",
    )
    return Table(header, [_texts(model) for model in results["models"]])


def table_note(results: Results) -> str:
    """Return what the columns of `comparison_table` mean, and what no model at all would reach."""
    models = results["models"]
    size = len(models[0]["mean"])
    return (
        "Negative ELBO and NLL in nats per held-out image, lower is better; the NLL is by "
        "importance sampling, ± the standard error of the sampling; k-hat > .7: the share of "
        "images whose weights have too heavy a tail for that to be trusted (Pareto smoothed "
        "importance sampling). k-NN: error of 5 nearest "
        f"neighbours on posterior means. Active: of {size} components, those whose posterior "
        f"mean has a variance above {models[0]['threshold']:.2g} (.25 / K²); in brackets, how many "
        "have it under the prior alone. Used by the encoder: that variance is above 1 % of the "
        "prior's; by the decoder: replacing the component by its mean costs more than .01 nat. "
        f"For scale: pixel means alone cost {results['pixel_means_nats']:.1f} nats; k-NN on the "
        f"pixels themselves errs on {100 * results['pixel_knn_error']:.1f} %."
    )


_INTRODUCTION = (
    "Three variational autoencoders were trained on scikit-learn's handwritten digits. They have "
    "the same networks and the same training, and differ in the law of the latent: a Gaussian, "
    "sticks broken one after the other (Kumaraswamy), or a Dirichlet. The last two describe each "
    "image by shares of components that sum to 1."
)


def _texts(model: Results) -> list[str]:
    encoding, decoding = np.asarray(model["encoding"]), np.asarray(model["decoding"])
    return [
        model["name"],
        f"{model['negative_elbo']:.2f}",
        f"{model['nll']:.2f} ± {model['nll_std_error']:.3f}",
        "" if np.isnan(model["unreliable_share"]) else f"{100 * model['unreliable_share']:.1f} %",
        f"{100 * model['knn_error']:.1f} %",
        f"{model['active']} ({model['active_prior']})",
        f"{encoding.sum()} / {decoding.sum()}",
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
    best = min(-m["elbo"] for model in models for m in model["history"])
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
        "Sixteen held-out images, the 0s and 1s that were drawn from them, and what each model "
        "makes of those: the pixel probabilities at the posterior mean. Where the drawing has lost "
        "a stroke, the model has to guess it."
    )
    return Section("Reconstructions", caption, [_strip(label, images) for label, images in rows])


def _samples(models: Sequence[Results]) -> Section:
    panels = [_strip(m["name"], m["samples"], columns=8) for m in models]
    caption = (
        "Pixel probabilities for latents drawn from each prior, not selected. Where they look like "
        "no digit, the prior puts mass where the training images have none."
    )
    return Section("Samples", caption, panels, panel_width=260)


def _components(models: Sequence[Results]) -> Section:
    panels = []
    for color, model in zip(figures.COLORS, models, strict=False):
        if "corners" in model:
            panels += _corners(model, color)
    caption = (
        "A corner of the simplex is a latent that is all one component. Few images lie there, so "
        "the decoder extrapolates; the images that use a component most show what it stands for in "
        "the data. Trust a corner where both rows agree."
    )
    return Section("What each component means", caption, panels)


def _corners(model: Results, color: str) -> list[Panel]:
    name, numbers = model["name"], [str(k + 1) for k in range(len(model["corners"]))]
    shares = figures.heatmap(
        model["theta_by_class"],
        range(10),
        numbers,
        color=color,
        x_title="Component",
        y_title="Digit",
    )
    return [
        _strip(f"{name}: decoded corners", model["corners"]),
        _strip("Mean of the 20 held-out images with most of it", model["users"], ticks=numbers),
        Panel(shares, "Mean share of each component in the images of each digit", height=320),
    ]


def _weight_norms(models: Sequence[Results]) -> Section:
    panels = []
    for color, model in zip(figures.COLORS, models, strict=False):
        figure = figures.bars(
            model["weight_norms"], color=color, x_title="Component", y_title="Norm"
        )
        panels.append(Panel(figure, model["name"]))
    unused = "; ".join(f"{m['name']} {_count(~np.asarray(m['decoding']))}" for m in models)
    caption = (
        "Length of each component's column in the decoder's first weight matrix, with the latent "
        "in units of the prior's standard deviation. A column near 0 belongs to a component that "
        "the decoder ignores; compare within a model, not between models. Not used by the decoder, "
        f"by the table's direct test: {unused}."
    )
    return Section("Decoder weights", caption, panels, panel_width=280)


def _latents(models: Sequence[Results]) -> Section:
    panels = []
    for color, model in zip(figures.COLORS, models, strict=False):
        figure = figures.means_and_spreads(
            model["mean"],
            model["std"],
            model["prior_mean"],
            model["prior_std"],
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


def _settings(settings: Mapping[str, str]) -> Section:
    rows = [list(pair) for pair in settings.items()]
    caption = "The same for all models."
    return Section("Settings", caption, table=Table((), rows, numbers=False))


def _strip(label: str, images: Any, *, columns: int = 16, ticks: Sequence[str] = ()) -> Panel:
    count, height, width = np.shape(images)
    columns = min(columns, count)
    rows = -(-count // columns)
    aspect = (columns * (width + 1) - 1) / (rows * (height + 1) - 1)
    return Panel(figures.image_strip(images, columns), label, aspect=aspect, ticks=ticks)


def _count(flags: Any) -> str:
    return f"{int(np.sum(flags))} of {len(flags)}"
