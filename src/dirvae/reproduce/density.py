"""Density estimation: each run trains one model and measures everything of it once.

The tables of density, nearest neighbours, collapse and supervised classification are views of
these runs. Pixels are drawn as 0 or 1, the grey value being the probability: anew at each step of
training, once for validation and test. Or they are grey, with a Bernoulli likelihood all the same,
as the paper probably had them.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dirvae.data import ArrayDataset
from dirvae.models.vae import VAE
from dirvae.persistence import load, save
from dirvae.reproduce.images import IMAGES, PIXELS, Images, drawn
from dirvae.reproduce.measures import Amounts, measure
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.record import Run
from dirvae.reproduce.rows import QUICK_ROWS, ROWS
from dirvae.reproduce.runs import make_missing, require_known
from dirvae.reproduce.settings import SETTINGS, USUAL, Setting, build, training_of
from dirvae.training import fit
from dirvae.training.callbacks import CommitmentRelease, MethodOfMoments
from dirvae.writing import write_text

__all__ = ["Job", "jobs", "run_all", "trained_model"]

QUICK_IMAGES = (4_000, 500, 500)
QUICK_AMOUNTS = Amounts(samples=100, annealed_images=10, annealed_temperatures=50, probe_rows=2_000)
QUICK_EPOCHS = 12


class Job(NamedTuple):
    """One run to be made.

    Attributes:
        data: Name of the data set.
        row: Name of the model.
        setting: Name of the training.
        seed: Of weights, order and noise.
        pixels: "binarised", "grey" or "components".
        plan: The `Setting` in numbers.
        amounts: How much is measured.
        images: Most images of training, validation and test; None for all.
    """

    data: str
    row: str
    setting: str
    seed: int
    pixels: str
    plan: Setting
    amounts: Amounts = Amounts()
    images: tuple[int | None, int | None, int | None] = (None, None, None)

    @property
    def key(self) -> Run:
        """What a run on file must agree with to be this one."""
        key: Run = json.loads(
            json.dumps(
                {
                    **self._asdict(),
                    "plan": self.plan.as_recorded() | {"row": ROWS[self.row].learning_rate},
                    "amounts": self.amounts._asdict(),
                }
            )
        )
        return key

    @property
    def name(self) -> str:
        """Name of the trained model's folder, another one for another plan of training."""
        trained = {name: value for name, value in self.key.items() if name != "amounts"}
        digest = hashlib.sha256(json.dumps(trained, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.data}-{self.row}-{self.setting}-{self.seed}-{self.pixels}-{digest}"


def jobs(
    data: str,
    *,
    rows: Sequence[str] | None = None,
    settings: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    pixels: str | None = None,
    epochs: int | None = None,
    samples: int | None = None,
    precision: str | None = None,
    quick: bool = False,
) -> Iterator[Job]:
    """Yield the runs of a study, all models of one seed before the next.

    Args:
        data: One of `images.IMAGES`.
        rows: Names in `rows.ROWS`; all by default, the four of `rows.QUICK_ROWS` for a quick study.
        settings: Names in `settings.SETTINGS`; those of `settings.USUAL` by default, "ours" for a
            quick study.
        seeds: One run each.
        pixels: "binarised" (the default) or "grey"; None if the data have no pixels.
        epochs: In place of the settings' own.
        samples: Draws for each image's likelihood, in place of the study's own.
        precision: Lightning's, in place of the settings' own.
        quick: Whether to take few images, epochs and draws.

    Raises:
        ValueError: If a row or a setting is not known, or ``pixels`` is given where there are none.

    Example:
        >>> [job.row for job in jobs("mnist", rows=["weibull"], settings=["ours"])]
        ['weibull']
    """
    rows = rows or (QUICK_ROWS if quick else tuple(ROWS))
    settings = settings or (("ours",) if quick else USUAL)
    require_known("rows", rows, ROWS)
    require_known("settings", settings, SETTINGS)
    if pixels is not None and data in PIXELS:
        raise ValueError(f"--pixels is for images of pixels, but {data} has {PIXELS[data]}")
    kind = PIXELS.get(data, pixels or "binarised")
    epochs = epochs or (QUICK_EPOCHS if quick else None)
    amounts = QUICK_AMOUNTS if quick else Amounts()
    amounts = amounts._replace(samples=samples) if samples else amounts
    images = QUICK_IMAGES if quick else (None, None, None)
    own: dict[str, Any] = {"epochs": epochs, "precision": precision}
    own = {name: value for name, value in own.items() if value is not None}
    for seed in seeds:
        for row in rows:
            for setting in settings:
                plan = SETTINGS[setting]._replace(**own)
                yield Job(data, row, setting, seed, kind, plan, amounts, images)


def run_all(wanted: Sequence[Job], file: Path, bars: Bars, device: str = "cpu") -> None:
    """Make the runs that are not on file; what was broken off is taken up again.

    Args:
        wanted: The runs, all of one data set.
        file: Where results are added; models and checkpoints are in the folder ``runs`` beside it.
        bars: Shows progress, and a line for each run that is done.
        device: "cpu" or "cuda".

    Raises:
        OSError: If the data are not there.
    """
    images = IMAGES[wanted[0].data]().first(*wanted[0].images)
    make_missing(
        wanted,
        file,
        bars,
        lambda job: run(job, images, file.parent / "runs" / job.name, bars, device),
        lambda _, result: _summary(result),
    )


def run(job: Job, images: Images, folder: Path, bars: Bars, device: str) -> Run:
    """Train and measure one model, or say why training failed."""
    try:
        vae, trained = trained_model(job, images, folder, bars, device)
    except FloatingPointError as error:
        return job.key | {"matrix": images.matrix, "failed": str(error)}
    start = time.perf_counter()
    x = drawn(images.test) if job.pixels == "binarised" else images.test
    multi_gamma = ROWS[job.row].as_multi_gamma
    with warnings.catch_warnings():
        # The paper scores grey values by the density of a Bernoulli.
        warnings.filterwarnings("ignore", "x has values between 0 and 1")
        figures = measure(vae, images, x, job.amounts, multi_gamma=multi_gamma, track=bars.track)
    seconds = round(time.perf_counter() - start)
    about = {"matrix": images.matrix, "train_images": len(images.train), "test_images": len(x)}
    return job.key | about | figures | trained | {"measuring_seconds": seconds}


def trained_model(
    job: Job, images: Images, folder: Path, bars: Bars, device: str
) -> tuple[VAE, dict[str, Any]]:
    """Return a run's model and facts of its training, which may have been done before.

    Args:
        job: The run.
        images: The data.
        folder: Where the model is, or a checkpoint of its training, or both will be.
        bars: Shows progress.
        device: "cpu" or "cuda".

    Raises:
        FloatingPointError: If training fails.
    """
    row, plan = ROWS[job.row], job.plan
    with torch.random.fork_rng():
        torch.manual_seed(job.seed)
        vae = build(row, plan, images.num_latent, images.train, images.likelihood)
    facts = folder / "training.json"
    if facts.is_file():
        return load(folder / "model", into=vae).to(device), json.loads(facts.read_text())
    start = time.perf_counter()
    checkpoints = folder / "checkpoints"
    steps = plan.epochs * math.ceil(len(images.train) / plan.batch_size)
    train, validation = _datasets(images, job.pixels)
    with bars.epochs(plan.epochs, f"{job.row}, {job.setting}, seed {job.seed}") as bar:
        history = fit(
            training_of(row, plan, vae, steps),
            train,
            validation=validation,
            max_epochs=plan.epochs,
            batch_size=plan.batch_size,
            patience=plan.patience,
            seed=job.seed,
            verbose=False,
            checkpoint_dir=checkpoints,
            resume=(checkpoints / "last.ckpt").is_file(),
            gradient_clip_val=plan.clip,
            precision=plan.precision,
            accelerator=device,
            callbacks=[
                bar,
                *([MethodOfMoments(plan.epochs)] if row.by_moments else []),
                *([CommitmentRelease()] if row.released else []),
            ],
        )
    trained = {"epochs": len(history), "training_seconds": round(time.perf_counter() - start)}
    save(vae, folder / "model")
    write_text(facts, json.dumps(trained))
    shutil.rmtree(checkpoints)
    return vae.to(device), trained


def _datasets(images: Images, pixels: str) -> tuple[ArrayDataset, Tensor | None]:
    train = ArrayDataset(images.train, binarize=pixels == "binarised")
    if not len(images.validation):
        return train, None
    return train, drawn(images.validation) if pixels == "binarised" else images.validation


def _summary(run: Run) -> str:
    what = f"{run['row']}, {run['setting']}, seed {run['seed']}"
    if "failed" in run:
        return f"{what}: {run['failed']}"
    return f"{what}: NLL {run['nll']:.2f}, negative ELBO {run['negative_elbo']:.2f}"
