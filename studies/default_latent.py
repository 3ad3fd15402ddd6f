"""Which latent, prior and commitment `DirichletVAE` should have by default, on validation data.

    python -m studies.default_latent mnist            # runs of a data set, skipping those on file
    python -m studies.default_latent mnist --quick    # two epochs of few rows, not kept

Each run fits the estimator to the rows below and measures it on others that are no test set:
mnist      binarised; 50,000 images; the last 10,000 of the training set; 10 epochs, batch 200, K 50
omniglot   binarised; 22,095 images; 2,250 of the same drawers; 20 epochs, batch 200, K 100
digits     scikit-learn's; 1,200 images and 300, with the last 297 untouched; K 10, stopped early
svhn       SVHN test subset, grey and 32 x 32 as Gaussian rows; 7,000 images and 1,000; 20 epochs
counts     20 Newsgroups, V 2,000; 9,000 documents and the next 1,000; multinomial, 20 epochs
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.datasets import load_digits
from torch.distributions import Bernoulli, Distribution, Normal

from dirvae import DirichletVAE
from dirvae.assessment import decoding_use, encoding_use, posterior_means
from dirvae.data import mnist, omniglot
from dirvae.distributions import Dirichlet, Multinomial, ScaledDirichlet, StandardizedDirichlet
from dirvae.evaluation import knn_errors
from dirvae.reproduce import record
from dirvae.training import CommitmentRelease
from studies import RESULTS

FILE = RESULTS / "default_latent.jsonl"
MEASURED = 2_000  # rows by which the use of components is judged

NEAR_ONE = "1 - 1/K"  # the prior's concentration that stands for the Gaussian's (MacKay 1998)
RELEASED = "standardized, prior 10.0, commitment 1.5, released"  # that falls to 0 in training
STANDARDIZED = {"latent": StandardizedDirichlet, "prior_concentration": NEAR_ONE, "commitment": 0.0}
VARIANTS: dict[str, dict[str, Any]] = {
    "gaussian": {"latent": Normal},
    "dirichlet": {"latent": Dirichlet},
    "scaled": {"latent": ScaledDirichlet},
    "standardized": STANDARDIZED,
    **{
        f"standardized, prior {prior}, commitment {commitment}": {
            **STANDARDIZED,
            "prior_concentration": prior,
            "commitment": commitment,
        }
        for prior in (1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
        for commitment in (0.0, 0.5, 1.0, 1.5, 1.75, 2.0, 3.0)
    },
    "standardized, commitment 1.0": {**STANDARDIZED, "commitment": 1.0},
    "standardized, commitment 1.5": {**STANDARDIZED, "commitment": 1.5},
    RELEASED: {**STANDARDIZED, "prior_concentration": 10.0, "commitment": 1.5},
    "gaussian, mixture prior": {"latent": Normal, "prior_components": 100},
    "standardized, mixture prior": {**STANDARDIZED, "prior_components": 100},
}
CHOSEN = "standardized, prior 10.0, commitment 1.5"  # what `DirichletVAE()` has for K up to 50
CHOSEN_ABOVE = "standardized, prior 10.0, commitment 0.0"


class Data(NamedTuple):
    """Rows to fit and rows to measure, each with labels, and how the estimator is to be run."""

    x: Any
    y: NDArray[Any]
    validation: Any
    labels: NDArray[Any]
    likelihood: Callable[..., Distribution]
    options: dict[str, Any]

    def first(self, train: int, validation: int) -> Data:
        """The same, of so many rows and two epochs."""
        return self._replace(
            x=self.x[:train],
            y=self.y[:train],
            validation=self.validation[:validation],
            labels=self.labels[:validation],
            options={**self.options, "max_epochs": 2},
        )


def _mnist() -> Data:
    x, y = mnist("x_train").reshape(-1, 784) / np.float32(255), mnist("y_train")
    options = {"n_components": 50, "max_epochs": 10, "batch_size": 200}
    return Data(x[:50_000], y[:50_000], x[50_000:], y[50_000:], Bernoulli, options)


def _omniglot() -> Data:
    order = np.random.RandomState(0).permutation(len(omniglot("y_train")))
    x = omniglot("x_train")[order].reshape(-1, 784) / np.float32(255)
    y = omniglot("y_train")[order]
    options = {"n_components": 100, "max_epochs": 20, "batch_size": 200}
    return Data(x[2_250:], y[2_250:], x[:2_250], y[:2_250], Bernoulli, options)


def _digits() -> Data:
    order = np.random.default_rng(0).permutation(1797)
    bunch: Any = load_digits()
    x, y = (bunch.data[order] / 16).astype(np.float32), bunch.target[order]
    options = {"n_components": 10}
    return Data(x[:1200], y[:1200], x[1200:1500], y[1200:1500], Bernoulli, options)


def _svhn() -> Data:
    file = np.load(Path(os.environ["DIRVAE_DATA"]) / "svhn_test10k.npz", allow_pickle=False)
    x = (file["x"].astype(np.float32) / 255).mean(-1).reshape(len(file["x"]), -1)
    train, validation = slice(7_000), slice(7_000, 8_000)
    options = {"n_components": 50, "max_epochs": 20, "batch_size": 100}
    return Data(x[train], file["y"][train], x[validation], file["y"][validation], Normal, options)


def _counts() -> Data:
    file = np.load(Path(os.environ["DIRVAE_DATA"]) / "20news_nvdm2000.npz", allow_pickle=False)
    parts = (file["train_data"].astype(np.float32), file["train_indices"].astype(np.int32))
    rows = sparse.csr_matrix((*parts, file["train_indptr"].astype(np.int64)), file["train_shape"])
    order = np.random.default_rng(0).permutation(rows.shape[0])
    order = order[np.asarray(rows.sum(1)).ravel()[order] > 0]
    x, y = rows[order], file["train_y"][order]
    options = {"n_components": 50, "max_epochs": 20, "batch_size": 200}
    return Data(x[:9_000], y[:9_000], x[9_000:10_000], y[9_000:10_000], Multinomial, options)


DATA: dict[str, Callable[[], Data]] = {
    "mnist": _mnist,
    "omniglot": _omniglot,
    "digits": _digits,
    "svhn": _svhn,
    "counts": _counts,
}


def run(data: Data, variant: str, seed: int) -> dict[str, Any]:
    """Fit and measure one estimator."""
    settings = {"likelihood": data.likelihood, **data.options, **VARIANTS[variant]}
    if settings.get("prior_concentration") == NEAR_ONE:
        settings["prior_concentration"] = 1 - 1 / settings["n_components"]
    start, model = time.perf_counter(), DirichletVAE(random_state=seed, **settings)
    callbacks = [CommitmentRelease()] if variant == RELEASED else []
    model.fit(data.x, trainer={"callbacks": callbacks})
    seconds = time.perf_counter() - start
    vae, rows = model.vae_, torch.from_numpy(_dense(data.validation)).float()
    with torch.no_grad():
        kl = torch.cat([vae.terms(part).kl for part in rows.split(1000)]).mean()
    means, validation_means = _means(model, data.x), _means(model, data.validation)
    return {
        "negative_elbo": -float(model.score_samples(data.validation).mean()),
        "kl": float(kl),
        "used_in_encoding": int((encoding_use(vae, rows[:MEASURED]) > 0.01).sum()),
        "used_in_decoding": int((decoding_use(vae, rows[:MEASURED]) > 0.01).sum()),
        "knn_error": knn_errors(means, data.y, validation_means, data.labels),
        "largest_share": None if variant.startswith("gaussian") else _largest(validation_means),
        "epochs": model.n_iter_,
        "seconds": round(seconds, 1),
    }


def _means(model: DirichletVAE, rows: Any) -> NDArray[Any]:
    """As `transform` has them, but in single precision, which takes an eighth of the time."""
    parts = (rows[start : start + 1000] for start in range(0, rows.shape[0], 1000))
    tensors = (torch.from_numpy(_dense(part)) for part in parts)
    return np.concatenate([posterior_means(model.vae_, x).numpy() for x in tensors])


def _largest(means: NDArray[Any]) -> float:
    """Of each row's shares the largest, on average."""
    return float(means.max(1).mean())


def _dense(rows: Any) -> NDArray[np.float32]:
    return np.asarray(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=list(DATA))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--quick", action="store_true", help="few rows, two epochs, kept nowhere")
    options = parser.parse_args()
    data = DATA[options.data]()
    data = data.first(500, 200) if options.quick else data
    for seed in options.seeds:
        for variant in options.variants:
            name = {"data": options.data, "variant": variant, "seed": seed}
            on_file = any(name.items() <= found.items() for found in record.done(FILE))
            if options.quick or not on_file:
                result = name | run(data, variant, seed)
                print(result, flush=True)
                if not options.quick:
                    record.add(FILE, result)


if __name__ == "__main__":
    main()
