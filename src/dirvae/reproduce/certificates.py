"""Certificates of the density study's models: bounds of their likelihood from both sides."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dirvae.assessment import Certificate, certify, log_evidence
from dirvae.evaluation import Evidence
from dirvae.models.vae import VAE
from dirvae.reproduce import density
from dirvae.reproduce.images import IMAGES, Images, drawn
from dirvae.reproduce.progress import Bars, Track, silent
from dirvae.reproduce.record import Run
from dirvae.reproduce.runs import make_missing

__all__ = ["Amounts", "Job", "certificate", "jobs", "run_all"]

ROWS = 100  # at a time


class Amounts(NamedTuple):
    """How much is drawn; all of it is recorded with a run.

    Attributes:
        images: Test images, the first of all.
        drawn: Images that the model draws, for each hundred of these.
        chains: Markov chains for each image.
        temperatures: Steps from encoder to posterior.
        samples: Draws of the latent an image for the estimate beside the bounds.
    """

    images: int = 1000
    drawn: int = 30
    chains: int = 2
    temperatures: int = 300
    samples: int = 1000

    @property
    def drawn_in_all(self) -> int:
        """Images that the model draws for all of the test images."""
        return self.drawn * math.ceil(self.images / ROWS)


QUICK_AMOUNTS = Amounts(images=10, drawn=5, chains=2, temperatures=20, samples=100)


class Job(NamedTuple):
    """One run to be made.

    Attributes:
        model: The run of the density study that trains the model.
        amounts: How much is drawn.
    """

    model: density.Job
    amounts: Amounts = Amounts()

    @property
    def key(self) -> Run:
        """What a run on file must agree with to be this one."""
        amounts: Run = json.loads(json.dumps(self.amounts._asdict()))
        return self.model.key | {"amounts": amounts}


def jobs(
    data: str,
    *,
    rows: Sequence[str] | None = None,
    settings: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    epochs: int | None = None,
    temperatures: int | None = None,
    quick: bool = False,
) -> Iterator[Job]:
    """Yield the runs of a study, all models of one seed before the next.

    Args:
        data: "mnist" or "omniglot".
        rows: As in `density.jobs`, as are all others.
        settings: Ways of training.
        seeds: One run each.
        epochs: In place of the settings' own.
        temperatures: Steps from encoder to posterior, in place of the study's own.
        quick: Whether to take few images, epochs and draws.

    Raises:
        ValueError: If a row or a setting is not known.

    Example:
        >>> [job.model.row for job in jobs("mnist", rows=["weibull"], settings=["ours"])]
        ['weibull']
    """
    amounts = QUICK_AMOUNTS if quick else Amounts()
    amounts = amounts._replace(temperatures=temperatures) if temperatures else amounts
    how = {"rows": rows, "settings": settings, "seeds": seeds, "epochs": epochs, "quick": quick}
    for model in density.jobs(data, **how):  # type: ignore[arg-type]
        yield Job(model, amounts)


def run_all(wanted: Sequence[Job], file: Path, bars: Bars, device: str = "cpu") -> None:
    """Make the runs that are not on file, of models that the density study has trained there.

    A model that is not there is trained first.

    Args:
        wanted: The runs, all of one data set.
        file: Where results are added; models are in the folder ``runs`` beside it.
        bars: Shows progress, and a line for each run that is done.
        device: "cpu" or "cuda".

    Raises:
        OSError: If the data are not there.
    """
    images = IMAGES[wanted[0].model.data]().first(*wanted[0].model.images)
    make_missing(
        wanted,
        file,
        bars,
        lambda job: run(job, images, file.parent / "runs" / job.model.name, bars, device),
        lambda _, result: _summary(result),
    )


def run(job: Job, images: Images, folder: Path, bars: Bars, device: str) -> Run:
    """Train a model, if it is not there, and bound its likelihood, or say why training failed."""
    about = job.key | {"matrix": images.matrix}
    try:
        vae, trained = density.trained_model(job.model, images, folder, bars, device)
    except FloatingPointError as error:
        return about | {"failed": str(error)}
    start = time.perf_counter()
    x = drawn(images.test)[: job.amounts.images].to(device)
    figures = certificate(vae.eval(), x, job.amounts, bars.track)
    seconds = round(time.perf_counter() - start)
    return about | {"test_images": len(x)} | figures | trained | {"certifying_seconds": seconds}


def certificate(vae: VAE, x: Tensor, amounts: Amounts, track: Track = silent) -> Run:
    """Bound a model's likelihood; the same model gives the same figures.

    Args:
        vae: The model.
        x: Images drawn as 0 and 1, shape (N, D).
        amounts: How much is drawn.
        track: Shows progress.

    Returns:
        Nats an image: ``below`` and ``sampled`` are estimates of log p(x) of the given images, and
        ``gap`` says by how much ``below`` may be too low; ``drawn_lower`` and ``drawn_upper`` bound
        log p(x) of images that the model draws. ``begin`` says where the chains do.
    """
    generator = torch.Generator(x.device).manual_seed(0)
    parts, sampled = [], []
    for rows in track(x.split(ROWS), f"certificate, {amounts.temperatures} temperatures"):
        parts.append(
            certify(
                vae,
                rows,
                num_drawn=amounts.drawn,
                num_chains=amounts.chains,
                num_temperatures=amounts.temperatures,
                generator=generator,
            )
        )
        sampled.append(log_evidence(vae, rows, amounts.samples, generator=generator))
    found, beside = Certificate.concatenate(parts), Evidence.concatenate(sampled)
    return {
        "below": found.rows.mean,
        "below_std_error": found.rows.mean_std_error,
        "sampled": beside.mean,
        "sampled_std_error": beside.mean_std_error,
        "drawn_lower": found.lower,
        "drawn_upper": found.upper,
        "gap": found.gap,
        "begin": "encoder",
    }


def _summary(run: Run) -> str:
    what = f"{run['row']}, {run['setting']}, seed {run['seed']}"
    if "failed" in run:
        return f"{what}: {run['failed']}"
    return f"{what}: NLL at most {-run['below']:.2f}, gap {run['gap']:.2f}"
