"""Classification from few labels: the paper's splits, by `SemiSupervisedVAE`.

Of the training images 10, 5 or 1 % have a label, or as many as the field takes of MNIST, and as
many of each class. Training uses neither validation nor test images.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch.distributions import Normal

from dirvae.data import mnist, omniglot, rotated_mnist, svhn
from dirvae.distributions import Dirichlet, StickBreakingKumaraswamy
from dirvae.estimators import SemiSupervisedVAE
from dirvae.models.likelihoods import unit_normal
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.record import Run
from dirvae.reproduce.runs import make_missing, require_known

__all__ = ["DATA", "ROWS", "Job", "Labelled", "jobs", "labelled", "labels", "run_all", "shares_of"]

SHARES = (0.1, 0.05, 0.01)
VALIDATION = {"mnist": (45_000, 5_000), "mnist-rot": (70_000, 10_000), "svhn": (65_000, 8_257)}
VALIDATION |= {"omniglot": (22_095, 2_250), "svhn-subset": (7_000, 1_000)}
VALIDATION["mnist-few"] = VALIDATION["mnist"]
NUMBERS = {"mnist-few": (1_000, 600, 100)}  # of labels
SUBSET = "svhn_test10k.npz"  # the first 10,000 of SVHN's official test images
COMPONENTS = 500  # of SVHN's pixels
QUICK_TRAIN, QUICK_TEST, QUICK_EPOCHS = 2_000, 1_000, 5

Rows = NDArray[np.float32]
Classes = NDArray[np.int64]

ROWS: dict[str, dict[str, Any]] = {
    "gaussian": {"latent": Normal, "label_in_encoder": True},
    "stick_breaking_kumaraswamy": {"latent": StickBreakingKumaraswamy, "label_in_encoder": True},
    "dirichlet": {"latent": Dirichlet},
}
ROWS |= {f"{name}_not_smoothed": {**row, "smoothness": 0.0} for name, row in ROWS.items()}
ROWS["dirichlet_gently_smoothed"] = {
    **ROWS["dirichlet"],
    "smoothness": 30.0,
    "perturbation": 0.04,
}
"""Arguments of the estimator: Kingma's M2, the same with sticks, and the paper's model.

Each is with the smoothness term, which no latent has a part in, and without it. One is with less of
it, for about ten labels of a class.
"""


class Labelled(NamedTuple):
    """Rows and classes: all that may train or validate, and the test set."""

    x: Rows
    y: Classes
    x_test: Rows
    y_test: Classes


class Job(NamedTuple):
    """One run to be made.

    Attributes:
        data: Name of the data set.
        row: Name of the model.
        share: Of training rows, how many have a label.
        seed: Of the split, the labels and the model.
        epochs: In place of the estimator's own.
        quick: Whether to take few rows.
    """

    data: str
    row: str
    share: float
    seed: int
    epochs: int | None = None
    quick: bool = False

    def estimator(self, device: str = "cpu", verbose: bool = False) -> SemiSupervisedVAE:
        """Return the model, unfitted."""
        options: dict[str, Any] = {"random_state": self.seed, "device": device, "verbose": verbose}
        if self.epochs:
            options["max_epochs"] = self.epochs
        if self.data.startswith("svhn"):
            options["likelihood"] = unit_normal
        num_latent = 100 if self.data == "omniglot" else 50
        return SemiSupervisedVAE(num_latent, **ROWS[self.row], **options)

    @property
    def key(self) -> Run:
        """What a run on file must agree with to be this one: the estimator's arguments too."""
        plan = {
            name: getattr(value, "__name__", value)
            for name, value in self.estimator().get_params().items()
            if name not in ("device", "verbose", "random_state")
        }
        key: Run = json.loads(json.dumps({**self._asdict(), "plan": plan}))
        return key


def labels(y: Classes, share: float, rng: np.random.RandomState) -> Classes:
    """Keep the labels of a share of rows, as many of each class, and -1 for the others.

    Args:
        y: Classes, shape (N,).
        share: In (0, 1]; each class keeps one label at least.
        rng: Chooses the rows.

    Returns:
        Shape (N,).

    Example:
        >>> labels(np.array([0, 0, 1, 1]), 0.5, np.random.RandomState(0)).tolist()
        [-1, 0, 1, -1]
    """
    classes = np.unique(y)
    each = max(1, round(share * len(y) / len(classes)))
    kept = np.full(len(y), -1)
    for label in classes:
        rows = rng.permutation(np.flatnonzero(y == label))[:each]
        kept[rows] = label
    return kept


def shares_of(data: str) -> tuple[float, ...]:
    """The shares of labels that a data set is shown with.

    Example:
        >>> shares_of("mnist")
        (0.1, 0.05, 0.01)
    """
    return tuple(n / VALIDATION[data][0] for n in NUMBERS[data]) if data in NUMBERS else SHARES


def labelled(data: str, share: float) -> str:
    """How a share of labels is called: by their number where the field does.

    Example:
        >>> labelled("mnist", 0.05), labelled("mnist-few", 100 / 45_000)
        ('5 %', '100')
    """
    return f"{share * VALIDATION[data][0]:,.0f}" if data in NUMBERS else f"{100 * share:g} %"


def jobs(
    data: str,
    *,
    rows: Sequence[str] | None = None,
    shares: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    epochs: int | None = None,
    quick: bool = False,
) -> Iterator[Job]:
    """Yield the runs of a study, all of one seed before the next.

    Args:
        data: One of `DATA`.
        rows: Names in `ROWS`; all by default.
        shares: Of labels; those of `shares_of` by default, 10 % for a quick study.
        seeds: One run each.
        epochs: In place of the estimator's own.
        quick: Whether to take few rows and epochs.

    Raises:
        ValueError: If a row is not known or a share is not in (0, 1].

    Example:
        >>> [job.share for job in jobs("mnist", rows=["dirichlet"])]
        [0.1, 0.05, 0.01]
    """
    for share in shares or ():
        if not 0 < share <= 1:
            raise ValueError(f"--shares has {share}, must be above 0 and at most 1")
    require_known("rows", rows or (), ROWS)
    shares = shares or ((0.1,) if quick else shares_of(data))
    epochs = epochs or (QUICK_EPOCHS if quick else None)
    for seed in seeds:
        for row in rows or ROWS:
            for share in shares:
                yield Job(data, row, share, seed, epochs, quick)


def run_all(wanted: Sequence[Job], file: Path, bars: Bars, device: str = "cpu") -> None:
    """Make the runs that are not on file.

    Args:
        wanted: The runs, all of one data set.
        file: Where results are added.
        bars: Shows progress, and a line for each run that is done.
        device: "cpu" or "cuda".

    Raises:
        OSError: If the data are not there.
    """
    data = DATA[wanted[0].data]()

    def make(job: Job) -> Run:
        with bars.aside() as verbose:
            return run(job, data, device, verbose)

    def told(job: Job, result: Run) -> str:
        return f"{job.row}, {labelled(job.data, job.share)}, seed {job.seed}: {_outcome(result)}"

    make_missing(wanted, file, bars, make, told)


def _outcome(result: Run) -> str:
    failed: str | None = result.get("failed")
    return failed or f"test error {100 * result['test_error']:.2f} %"


def run(job: Job, data: Labelled, device: str = "cpu", verbose: bool = False) -> Run:
    """Train and score one model, or say why training failed."""
    rng = np.random.RandomState(job.seed)
    order = rng.permutation(len(data.x))
    train, validation = _sizes(job, len(order))
    held_out = order[train : train + validation]
    kept = order[:train]
    test = slice(QUICK_TEST if job.quick else None)
    start = time.perf_counter()
    y = labels(data.y[kept], job.share, rng)
    try:
        model = job.estimator(device, verbose).fit(data.x[kept], y)
    except FloatingPointError as error:
        return job.key | {"failed": str(error)}
    seconds = time.perf_counter() - start
    return job.key | {
        "train_rows": train,
        "validation_error": 1 - model.score(data.x[held_out], data.y[held_out]),
        "test_error": 1 - model.score(data.x_test[test], data.y_test[test]),
        "elbo": model.history_[-1]["elbo"],
        "seconds": round(seconds),
    }


def _sizes(job: Job, rows: int) -> tuple[int, int]:
    train, validation = VALIDATION[job.data]
    if job.quick:
        train, validation = QUICK_TRAIN, QUICK_TRAIN // 4
    if train + validation > rows:
        raise ValueError(f"{job.data} has {rows:,} training rows, must have {train + validation:,}")
    return train, validation


# --- data -----------------------------------------------------------------------------------------


def _images(load: Callable[..., Any]) -> Callable[[], Labelled]:
    def labelled() -> Labelled:
        (x, y), (x_test, y_test) = (
            (_scaled(load(f"x_{part}")), load(f"y_{part}").astype(np.int64))
            for part in ("train", "test")
        )
        return Labelled(x, y, x_test, y_test)

    return labelled


def _svhn() -> Labelled:
    return _reduced(_images(svhn)())


def _svhn_subset() -> Labelled:
    """Of 10,000 images of the official test set the first 8,000 train and validate."""
    path = Path(os.environ.get("DIRVAE_DATA", ""), SUBSET)
    if not path.is_file():
        raise OSError(
            f"{SUBSET} cannot be downloaded: put it into a folder and set DIRVAE_DATA to it"
        )
    with np.load(path, allow_pickle=False) as file:
        x, y = _scaled(file["x"]), file["y"].astype(np.int64)
    known = sum(VALIDATION["svhn-subset"])
    return _reduced(Labelled(x[:known], y[:known], x[known:], y[known:]))


def _reduced(data: Labelled) -> Labelled:
    """Principal components of the colours, as the paper has them; found on the training images."""
    pca = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(data.x)
    x, x_test = (pca.transform(part).astype(np.float32) for part in (data.x, data.x_test))
    return data._replace(x=x, x_test=x_test)


def _scaled(pixels: NDArray[np.uint8]) -> Rows:
    return np.divide(pixels.reshape(len(pixels), -1), 255, dtype=np.float32)


DATA: dict[str, Callable[[], Labelled]] = {
    "mnist": _images(mnist),
    "mnist-few": _images(mnist),
    "mnist-rot": _images(rotated_mnist),
    "omniglot": _images(omniglot),
    "svhn": _svhn,
    "svhn-subset": _svhn_subset,
}
"""From the name of a data set to what loads it."""
