"""``dirvae fit``."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.errors import EXPECTED, INTERRUPTED, Stop, say, sentence
from dirvae.cli.outputs import require_model_folder, require_writable

__all__ = ["Device", "fit_vae"]

SETTINGS, LAST, BEST = "settings.json", "last.ckpt", "best.ckpt"


class Latent(str, Enum):
    """Words for `distributions` of the latent."""

    DIRICHLET = "dirichlet"
    INVERSE_CDF = "inverse-cdf"
    STICK_BREAKING = "stick-breaking"
    SOFTMAX_GAUSSIAN = "softmax-gaussian"
    GAUSSIAN = "gaussian"


class Likelihood(str, Enum):
    """Words for laws of the data."""

    AUTO = "auto"
    BERNOULLI = "bernoulli"
    GAUSSIAN = "gaussian"
    MULTINOMIAL = "multinomial"
    DIRICHLET_MULTINOMIAL = "dirichlet-multinomial"
    NEGATIVE_BINOMIAL = "negative-binomial"
    ZERO_INFLATED_NEGATIVE_BINOMIAL = "zero-inflated-negative-binomial"


class Device(str, Enum):
    """Where to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def fit_vae(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(help=".npy, .npz, .csv, .parquet, a folder of .png or .jpg, or mnist."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the model.")],
    latent: Annotated[Latent, typer.Option(help="Law of the latent.")] = Latent.DIRICHLET,
    likelihood: Annotated[
        Likelihood,
        typer.Option(help="Law of the data; auto: Bernoulli for values in [0, 1], else Gaussian."),
    ] = Likelihood.AUTO,
    components: Annotated[
        int, typer.Option("--components", "-k", min=1, help="Size of the latent.")
    ] = 50,
    prior_concentration: Annotated[
        str | None,
        typer.Option(
            help="A positive number, or learn.", show_default="1 - 1/K; 5 for stick-breaking"
        ),
    ] = None,
    hidden_sizes: Annotated[str, typer.Option(help="Widths of the encoder's layers.")] = "500,500",
    decoder_hidden_sizes: Annotated[
        str, typer.Option(help="Widths of the decoder's layers.")
    ] = "500",
    max_epochs: Annotated[int, typer.Option(min=1, help="Most passes over the data.")] = 100,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows a step.")] = 200,
    learning_rate: Annotated[float, typer.Option(help="Adam's step size.")] = 1e-3,
    validation_fraction: Annotated[
        float, typer.Option(help="Share of rows held out to stop early; 0 for none.")
    ] = 0.1,
    patience: Annotated[
        int, typer.Option(min=1, help="Epochs without a better held-out ELBO before training stops.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same model.")] = 0,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.AUTO,
    checkpoint_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder for checkpoints, which are then kept after success too.",
            show_default="OUTPUT.checkpoints",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted run.")
    ] = False,
    array: Annotated[
        str | None, typer.Option(help="Which array of an .npz file or of mnist.")
    ] = None,
    id_column: Annotated[
        list[str] | None, typer.Option(help="Column that is no data; give it again for more.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train a variational autoencoder and save it.

    Checkpoints are kept during training, so that a run that was cut off can go on.
    """
    from dirvae.data.files import read_rows

    require_model_folder(output)
    folder = checkpoint_dir or _beside(output)
    options = {
        "n_components": components,
        "prior_concentration": _concentration(prior_concentration),
        "hidden_sizes": _sizes("--hidden-sizes", hidden_sizes),
        "decoder_hidden_sizes": _sizes("--decoder-hidden-sizes", decoder_hidden_sizes),
        "max_epochs": max_epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "validation_fraction": validation_fraction,
        "patience": patience,
        "random_state": seed,
    }
    rows = read_rows(data, array=array, id_columns=id_column or ())
    for note in rows.notes:
        say(f"{data}: {note}")
    settings = {
        **options,
        "latent": latent.value,
        "likelihood": likelihood.value,
        "shape": list(rows.x.shape),
    }
    _open(folder, settings, resume)
    with _resumable(folder, context.obj):
        model = _estimator(latent, likelihood, device, options, verbose=_show_progress(quiet))
        model.fit(rows.x, checkpoint_dir=folder, resume=resume)
        model.save(output)
    if checkpoint_dir is None:
        _remove(folder)
    _summarise(model, output)


def _estimator(
    latent: Latent, likelihood: Likelihood, device: Device, options: Mapping[str, Any], verbose: bool
) -> Any:
    """Turn words into constructors."""
    from torch.distributions import Bernoulli, Normal

    from dirvae import distributions
    from dirvae.estimators import DirichletVAE

    latents = {
        Latent.DIRICHLET: distributions.Dirichlet,
        Latent.INVERSE_CDF: distributions.InverseCDFDirichlet,
        Latent.STICK_BREAKING: distributions.StickBreakingKumaraswamy,
        Latent.SOFTMAX_GAUSSIAN: distributions.SoftmaxNormal,
        Latent.GAUSSIAN: Normal,
    }
    likelihoods = {
        Likelihood.AUTO: None,
        Likelihood.BERNOULLI: Bernoulli,
        Likelihood.GAUSSIAN: Normal,
        Likelihood.MULTINOMIAL: distributions.Multinomial,
        Likelihood.DIRICHLET_MULTINOMIAL: distributions.DirichletMultinomial,
        Likelihood.NEGATIVE_BINOMIAL: distributions.NegativeBinomial,
        Likelihood.ZERO_INFLATED_NEGATIVE_BINOMIAL: distributions.ZeroInflatedNegativeBinomial,
    }
    return DirichletVAE(
        latent=latents[latent],
        likelihood=likelihoods[likelihood],
        device=_available(device),
        verbose=verbose,
        **options,
    )


def _available(device: Device) -> str:
    import torch

    there = {Device.CUDA: torch.cuda.is_available, Device.MPS: torch.backends.mps.is_available}
    if device in there and not there[device]():
        raise ValueError(f"--device {device.value} is not available to PyTorch on this machine")
    return device.value


def _concentration(word: str | None) -> float | str | None:
    if word is None or word == "learn":
        return word
    try:
        return float(word)
    except ValueError:
        raise ValueError(
            f"--prior-concentration is {word!r}, must be a positive number or learn"
        ) from None


def _sizes(option: str, text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is {text!r}, must be whole numbers such as 500,500") from None


def _show_progress(quiet: bool) -> bool:
    return not quiet and sys.stdout.isatty()


def _summarise(model: Any, output: Path) -> None:
    last = model.history_[-1]
    held_out = "held-out " if "val_elbo" in last else ""
    elbo = max(epoch.get("val_elbo", epoch["elbo"]) for epoch in model.history_)
    say(f"{output}: {model.n_iter_} epochs, {held_out}ELBO {elbo:.2f} nats a row")
    say(f"Next: dirvae transform {shlex.quote(str(output))} DATA -o theta.csv")


# --- checkpoints ---------------------------------------------------------------------------------


def _beside(output: Path) -> Path:
    output = output.resolve()
    return output.with_name(f"{output.name}.checkpoints")


def _open(folder: Path, settings: dict[str, Any], resume: bool) -> None:
    """Make the folder, or compare what its run was started with."""
    kept = (folder / LAST).is_file()
    if resume and not kept:
        raise ValueError(f"--resume: {folder} holds no checkpoint to go on from")
    if kept and not resume:
        raise ValueError(
            f"{folder} holds the checkpoint of an earlier run: go on from it with --resume, or delete "
            "the folder to start anew"
        )
    if resume:
        _compare(folder, settings)
    require_writable(folder)
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")


def _compare(folder: Path, settings: dict[str, Any]) -> None:
    import torch

    try:
        before = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        torch.load(folder / LAST, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, from a damaged file
        raise ValueError(f"--resume: the checkpoint in {folder} is damaged; delete it") from error
    for name, value in settings.items():
        if name != "max_epochs" and before.get(name) != value:
            raise ValueError(
                f"--resume: the interrupted run had {name} {before.get(name)}, not {value}; give the "
                f"same data and options, or delete {folder}"
            )


@contextmanager
def _resumable(folder: Path, arguments: list[str]) -> Iterator[None]:
    """Say how to go on if the run is cut off; clear up if there is nothing to go on from."""
    try:
        yield
    except (KeyboardInterrupt, *EXPECTED) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        message = "interrupted" if interrupted else sentence(error)
        if (folder / LAST).is_file():
            again = arguments if "--resume" in arguments else [*arguments, "--resume"]
            message += f"; the checkpoint is kept, go on with: {shlex.join(['dirvae', *again])}"
        else:
            _remove(folder)
            message += " before the first epoch ended; nothing is kept" if interrupted else ""
        raise Stop(message, INTERRUPTED if interrupted else 2) from error


def _remove(folder: Path) -> None:
    """Delete our checkpoints, and the folder if nothing else is in it."""
    for name in (LAST, BEST, SETTINGS):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
