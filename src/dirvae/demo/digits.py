"""The demo: three latents on scikit-learn's handwritten digits, side by side, without a network."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from lightning.pytorch.callbacks import Callback
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dirvae.assessment import bound_of, diagnose, log_evidence, posterior_means
from dirvae.data import ArrayDataset
from dirvae.demo.images import Digits, digits, square
from dirvae.demo.pictures import pictures
from dirvae.evaluation import knn_error
from dirvae.models import zoo
from dirvae.models.latents import default_concentration
from dirvae.models.vae import VAE
from dirvae.objectives import linear_warmup
from dirvae.persistence import require_replaceable, save
from dirvae.report.comparison import comparison_page, comparison_table
from dirvae.text import literal
from dirvae.training import History, Training, adam, fit
from dirvae.training.callbacks import CollapseWarning
from dirvae.writing import try_writing, write_text

__all__ = ["FILES", "Plan", "compare", "run"]

FILES = {"report": "report.html", "model": "model"}  # in the output folder


class Plan(NamedTuple):
    """How all models are trained; chosen on the validation images.

    Attributes:
        num_latent: K.
        hidden: Width of the encoder's two layers and of the decoder's one.
        epochs: Passes over the data.
        batch_size: Rows a step.
        learning_rate: Adam's step size.
        warmup: Share of the steps over which the KL's weight rises from 0 to 1.
        num_samples: S, draws for each held-out image's likelihood.
    """

    num_latent: int = 16
    hidden: int = 200
    epochs: int = 160
    batch_size: int = 128
    learning_rate: float = 2e-3
    warmup: float = 0.2
    num_samples: int = 500


QUICK = Plan(epochs=25, num_samples=100)

TITLE = "Three latents on handwritten digits"
INTRODUCTION = (
    "Three variational autoencoders were trained on scikit-learn's handwritten digits. They have "
    "the same networks and the same training, but different distributions of the latent: a "
    "Gaussian, sticks broken one after the other (Kumaraswamy), or a Dirichlet. The last two "
    "describe each image by shares of components that sum to 1."
)


def run(output: Path, quick: bool = False) -> dict[str, Any]:
    """Train, compare, write ``report.html`` and save the Dirichlet model in the folder ``model``.

    A page and a model that were there are replaced.

    Args:
        output: Folder for both; made if it is not there.
        quick: Whether to train for few epochs, to see that all works.

    Returns:
        What `report.comparison.comparison_page` shows, and the paths as ``report`` and ``model``.

    Raises:
        OSError: If that cannot be written; found out before training.
    """
    console = Console()
    plan = QUICK if quick else Plan()
    output = Path(output)
    paths = {part: output / name for part, name in FILES.items()}
    try_writing(paths["report"])
    require_replaceable(paths["model"])
    output.mkdir(parents=True, exist_ok=True)
    vaes, results = compare(plan, console)
    write_text(paths["report"], comparison_page(results))
    save(vaes["Dirichlet"], paths["model"])
    console.print(_table(results))
    for line in (
        f"Report: {paths['report']}   Dirichlet model: {paths['model']}",
        f"Next: open {paths['report']} in a browser, then try your own data: "
        "dirvae fit vae YOUR.csv -k 20 -o my-model",
    ):
        console.print(literal(line), soft_wrap=True)
    return {**results, **paths}


def compare(plan: Plan, console: Console | None = None) -> tuple[dict[str, VAE], dict[str, Any]]:
    """Train a Gaussian, a stick-breaking and a Dirichlet VAE, and measure them on held-out images.

    Args:
        plan: How to train.
        console: Where the progress bar goes; the terminal if None.

    Returns:
        The models by name, and what `report.comparison.comparison_page` shows.
    """
    data = digits()
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vaes = _models(data.train.shape[1], plan)
        trained = _train_all(vaes, data, plan, console or Console())
        models = [
            {"name": name, "history": history, "seconds": seconds}
            | _measures(vaes[name], data, plan.num_samples)
            | pictures(vaes[name], data.test, data.test_drawn, data.test_labels)
            for name, (history, seconds) in trained.items()
        ]
    shown = {
        "title": TITLE,
        "introduction": INTRODUCTION,
        "classes": range(10),
        "class_name": "digit",
        "images": square(data.test[:16]),
        "drawn": square(data.test_drawn[:16]),
        "labels": data.test_labels,
    }
    return vaes, {"models": models, **shown, **_baselines(data), "settings": _settings(plan, data)}


# --- training -------------------------------------------------------------------------------------


def _models(num_features: int, plan: Plan) -> dict[str, VAE]:
    networks: dict[str, Any] = {
        "hidden_sizes": (plan.hidden, plan.hidden),
        "decoder_hidden_sizes": (plan.hidden,),
    }
    concentration = default_concentration(plan.num_latent)
    return {
        "Gaussian": zoo.gaussian(num_features, plan.num_latent, **networks),
        "Stick-breaking": zoo.stick_breaking(num_features, plan.num_latent, **networks),
        "Dirichlet": zoo.dirichlet(num_features, concentration, **networks),
    }


def _train_all(
    vaes: dict[str, VAE], data: Digits, plan: Plan, console: Console
) -> dict[str, tuple[History, float]]:
    """Train one after the other under one progress bar; history and seconds of each."""
    columns = (TextColumn("{task.description:<26}"), BarColumn(), TimeRemainingColumn())
    trained = {}
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(vaes) * plan.epochs)
        for number, (name, vae) in enumerate(vaes.items(), 1):
            progress.update(task, description=f"{number}/{len(vaes)} {name} VAE")
            start = perf_counter()
            history = _train(vae, data, plan, _Advance(progress, task))
            trained[name] = (history, perf_counter() - start)
    return trained


def _train(vae: VAE, data: Digits, plan: Plan, bar: Callback) -> History:
    steps = plan.epochs * -(-len(data.train) // plan.batch_size)
    training = Training(
        vae,
        kl_schedule=linear_warmup(int(plan.warmup * steps)),
        optimizer=partial(adam, learning_rate=plan.learning_rate),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)  # the page shows what has collapsed
        return fit(
            training,
            ArrayDataset(data.train, binarize=True),
            validation=data.validation_drawn,
            max_epochs=plan.epochs,
            batch_size=plan.batch_size,
            patience=plan.epochs,
            seed=0,
            verbose=False,
            callbacks=[bar],
        )


class _Advance(Callback):
    """Moves a progress bar on by one an epoch."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self.progress, self.task = progress, task

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.progress.advance(self.task)


# --- measuring ------------------------------------------------------------------------------------


def _measures(vae: VAE, data: Digits, num_samples: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    evidence = log_evidence(vae, data.test_drawn, num_samples, generator=generator)
    bound = bound_of(vae, data.test_drawn, num_samples=num_samples, generator=generator)
    train, test = (posterior_means(vae, x) for x in (data.train, data.test))
    diagnosis = diagnose(vae, data.test_drawn, generator=generator)
    # The literature's thresholds for K = 50 and K = 100 are both .25 / K^2.
    threshold = 0.25 / len(diagnosis.uses) ** 2
    return {
        "negative_elbo": -bound.mean,
        "nll": -evidence.mean,
        "nll_std_error": evidence.mean_std_error,
        "unreliable_share": evidence.unreliable_share,
        "knn_error": knn_error(train, data.train_labels, test, data.test_labels),
        "threshold": threshold,
        "active": diagnosis.active(threshold),
        "active_prior": diagnosis.active_prior(threshold),
        "diagnosis": diagnosis,
    }


def _baselines(data: Digits) -> dict[str, float]:
    """What pixel means alone cost, in nats, and the k-NN error on the pixels themselves."""
    mean = data.train.mean(0).clamp(1e-3, 1 - 1e-3)
    fit_of_means = torch.distributions.Bernoulli(mean).log_prob(data.test_drawn).sum(-1).mean()
    error = knn_error(data.train, data.train_labels, data.test, data.test_labels)
    return {"pixel_means_nats": -float(fit_of_means), "pixel_knn_error": error}


def _settings(plan: Plan, data: Digits) -> dict[str, str]:
    return {
        "Images": f"{len(data.train)} to train, {len(data.validation_drawn)} to choose settings "
        f"and the best epoch, {len(data.test)} to test; 8 by 8 pixels",
        "Pixels": "ink is the probability of a 1; drawn anew each epoch, held-out images once",
        "Networks": f"encoder 64-{plan.hidden}-{plan.hidden}, decoder {plan.hidden}-64, ReLU, "
        f"latent size {plan.num_latent}; the decoder sees the latent in units of the prior",
        "Priors": f"N(0, I); GEM(5); Dirichlet, each concentration {1 - 1 / plan.num_latent:.4g}",
        "Training": f"Adam {plan.learning_rate:g}, batches of {plan.batch_size}, {plan.epochs} "
        f"epochs, KL warmed up over the first {plan.warmup:.0%}; the best epoch's weights are kept",
        "Noise": "one seed: differences of a few tenths of a nat, or of a few k-NN errors "
        f"({100 / len(data.test):.1g} % an image), may turn with another",
    }


# --- showing --------------------------------------------------------------------------------------


def _table(results: dict[str, Any]) -> Table:
    """The same measures as on the page, which says what they mean at length."""
    size = len(results["models"][0]["diagnosis"].uses)
    note = (
        "Nats per image, lower is better; ± is the standard error of the sampling.\n"
        "k-NN: on posterior means. Active: components, of "
        f"{size}, whose posterior mean\nvaries (in brackets: the prior's value). "
        "Both/one/no: used by encoder and decoder, by one of them, by neither.\n"
        f"For scale: pixel means alone cost {results['pixel_means_nats']:.1f} nats."
    )
    table = Table(
        title="Handwritten digits, held-out images",
        caption=note,
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    compared = comparison_table(results)
    for number, name in enumerate(compared.header):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in compared.rows:
        table.add_row(*row)
    return table


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for a while: for networks this small, several only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
