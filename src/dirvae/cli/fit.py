"""``dirvae fit vae``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dirvae.cli.checkpoints import (
    CheckpointDir,
    Resume,
    fingerprint,
    place,
    resumable,
)
from dirvae.cli.errors import say
from dirvae.cli.inputs import ROWS, UTF8, Array, Encoding, IdColumn, as_read, read_data
from dirvae.cli.options import DEVICES, available, integer, number, one_of, words_of
from dirvae.cli.outputs import Force, Quiet, require_model_folder
from dirvae.cli.trainer import Logger, Precision, logged
from dirvae.words import LATENTS, LIKELIHOODS, named

if TYPE_CHECKING:
    from dirvae.data.files import Rows

__all__ = ["fit_vae"]


def fit_vae(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(help=f"Rows of numbers: {ROWS}."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Folder for the model.")
    ],
    latent: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            parser=one_of(LATENTS),
            help=f"Distribution of the latent: {words_of(LATENTS)}.",
            show_default="standardized-dirichlet; dirichlet if --prior-concentration is below 1",
        ),
    ] = None,
    likelihood: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            parser=one_of(LIKELIHOODS),
            help=f"Distribution of the data: {words_of(LIKELIHOODS)} "
            "(auto: bernoulli for values in [0, 1], gaussian for other values).",
        ),
    ] = "auto",
    components: Annotated[
        int, integer(1, "--components", "-k", help="Number K of components.")
    ] = 50,
    prior_concentration: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="Concentration of the prior: a positive number, the same for each component. With "
            "the word learn, the concentrations are estimated from the data.",
            show_default="10 for standardized-dirichlet, 5 for stick-breaking, 1 - 1/K for others",
        ),
    ] = None,
    prior_components: Annotated[
        int | None,
        integer(
            1,
            help="Use a prior that is a learned mixture of N distributions.",
            show_default="no mixture",
        ),
    ] = None,
    commitment: Annotated[
        float | None,
        number(
            help="Smallest concentration of a Dirichlet posterior, as a multiple of the prior's. A "
            "value above 1 keeps components in use.",
            show_default="1.5 for standardized-dirichlet with K up to 50, 0 for others",
        ),
    ] = None,
    hidden_sizes: Annotated[
        str, typer.Option(metavar="LIST", help="Widths of the hidden layers of the encoder.")
    ] = "500,500",
    decoder_hidden_sizes: Annotated[
        str, typer.Option(metavar="LIST", help="Widths of the hidden layers of the decoder.")
    ] = "500",
    num_samples: Annotated[
        int,
        integer(
            1,
            help="Draws of the latent for each row and step. With more than one, the "
            "importance-weighted bound is trained: a better likelihood, in more time.",
        ),
    ] = 1,
    max_epochs: Annotated[int, integer(1, help="Maximum number of passes over the data.")] = 150,
    batch_size: Annotated[int, integer(1, help="Rows per step.")] = 100,
    learning_rate: Annotated[
        float, number(help="Step size of Adam at the start. It falls to 0 during training.")
    ] = 4e-3,
    validation_fraction: Annotated[
        float, number(help="Share of rows held out for early stopping. With 0, no rows are.")
    ] = 0.1,
    patience: Annotated[
        int, integer(1, help="Stop after N epochs without a better bound of the held-out rows.")
    ] = 15,
    seed: Annotated[
        int, integer(0, help="Seed of the random numbers. The same seed gives the same model.")
    ] = 0,
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME", parser=one_of(DEVICES), help=f"Where to train: {words_of(DEVICES)}."
        ),
    ] = "auto",
    precision: Precision = "32-true",
    logger: Logger = None,
    checkpoint_dir: CheckpointDir = None,
    resume: Resume = False,
    force: Force = False,
    array: Array = None,
    id_column: IdColumn = None,
    encoding: Encoding = UTF8,
    quiet: Quiet = False,
) -> None:
    """Train a variational autoencoder and save it.

    Checkpoints are saved during training, so that an interrupted run can be continued with
    --resume.

    DATA can be the word mnist. Then the file mnist.npz is read from the folder that the environment
    variable DIRVAE_DATA names, or from your cache if the variable is not set. If the file is not in
    that folder, it is downloaded to it.
    """
    if components < 2:
        _require_no_parts(components, latent)
    require_model_folder(output, force or resume, [data])
    folder = place(output, checkpoint_dir, [data])
    trainer = logged(logger, output, [data])
    options = {
        "n_components": components,
        "prior_concentration": _concentration(prior_concentration),
        "prior_components": prior_components,
        "commitment": commitment,
        "hidden_sizes": _sizes("--hidden-sizes", hidden_sizes),
        "decoder_hidden_sizes": _sizes("--decoder-hidden-sizes", decoder_hidden_sizes),
        "num_samples": num_samples,
        "max_epochs": max_epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "validation_fraction": validation_fraction,
        "patience": patience,
        "random_state": seed,
    }
    rows = read_data(data, array, id_column, encoding)
    settings = {
        **options,
        "latent": latent,
        "likelihood": likelihood,
        "precision": precision,
        "shape": list(rows.x.shape),
        "data": fingerprint(rows.x, rows.columns),
    }
    keep = checkpoint_dir is not None
    with resumable(folder, settings, context.obj, resume=resume, keep=keep):
        model = _estimator(latent, likelihood, device, options, verbose=_show_progress(quiet))
        how = {"precision": precision, **trainer()}
        model.fit(_named(rows), checkpoint_dir=folder, resume=resume, trainer=how)
        model.save(output)
    _summarise(model, output, as_read(array, encoding, id_column=id_column))


def _require_no_parts(components: int, latent: str | None) -> None:
    from torch.distributions import constraints

    if latent is None or named(LATENTS, latent).support is constraints.simplex:
        raise ValueError(
            f"--components is {components}, must be 2 or more for a latent of proportions"
        )


def _estimator(
    latent: str | None, likelihood: str, device: str, options: Mapping[str, Any], verbose: bool
) -> Any:
    from dirvae.estimators import DirichletVAE

    return DirichletVAE(
        latent=None if latent is None else named(LATENTS, latent),
        likelihood=named(LIKELIHOODS, likelihood),
        device=available(device),
        verbose=verbose,
        **options,
    )


def _concentration(word: str | None) -> float | str | None:
    if word is None or word == "learn":
        return word
    try:
        return float(word)
    except ValueError:
        raise ValueError(
            f"--prior-concentration is {word!r}, must be a positive number or the word learn"
        ) from None


def _sizes(option: str, text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is {text!r}, must be whole numbers such as 500,500") from None


def _named(rows: Rows) -> Any:
    """Rows with the names of their columns, which the model keeps."""
    if rows.columns is None:
        return rows.x
    import pandas

    return pandas.DataFrame(rows.x, columns=rows.columns)


def _show_progress(quiet: bool) -> bool:
    return not quiet and sys.stdout.isatty()


def _summarise(model: Any, output: Path, how_read: str) -> None:
    kept = model.history_[model.best_epoch_]
    told = {"val_bound": "held-out bound", "val_elbo": "held-out ELBO", "elbo": "ELBO"}
    name = next(name for name in told if name in kept)
    say(f"{output}: {model.n_iter_} epochs, {told[name]} {kept[name]:.2f} nats a row")
    say(f"Next: dirvae transform {shlex.quote(str(output))} DATA{how_read} -o theta.csv")
