"""How well the defaults train: binarised MNIST, 10 epochs, K = 50, hidden layers 500-500 / 500.

    python -m studies.mnist_ten_epochs              # all runs, skipping those on file
    python -m studies.mnist_ten_epochs --figure     # only draw the picture

The default, a Gaussian, and the plain Dirichlet that was the default before, with its parts undone.
Each pixel is drawn as Bernoulli(grey / 255): anew at each step in training, once with seed 0 for
the 10,000 test images. Settings were chosen on the last 10,000 training images, never on the test
set. The estimator holds out a tenth of the training images unless told not to; the plain models
train on all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from dirvae import DirichletVAE, fit
from dirvae.assessment import decoding_use, encoding_use, lower_bound, posterior_means
from dirvae.data import ArrayDataset, mnist
from dirvae.distributions import Dirichlet
from dirvae.evaluation import knn_errors
from dirvae.models import zoo
from dirvae.models.latents import default_concentration
from dirvae.objectives import linear_warmup
from dirvae.reproduce import record
from dirvae.training import Training, decaying_adam
from dirvae.writing import whole
from studies import RESULTS

FILE = RESULTS / "mnist_ten_epochs.jsonl"
FIGURE = Path(__file__).parent.parent / "docs/images/mnist_ten_epochs.png"
K, EPOCHS, BATCH = 50, 10, 200
STEPS = EPOCHS * 60_000 // BATCH


def estimator(x: Tensor, seed: int, **options: Any) -> Any:
    """The estimator, the default one without options, at the settings of this experiment."""
    settings = {"max_epochs": EPOCHS, "batch_size": BATCH, "random_state": seed, **options}
    return DirichletVAE(n_components=K, **settings).fit(x.numpy()).vae_


def gaussian(x: Tensor, seed: int, *, learning_rate: float) -> Any:
    """A Gaussian VAE of the same networks, by plain Adam."""
    torch.manual_seed(seed)
    vae = zoo.gaussian(784, K, moments=(x.mean(0), x.std(0)))
    adam = partial(torch.optim.Adam, lr=learning_rate)
    return trained(Training(vae, optimizer=adam), x, seed)


def dirichlet(
    x: Tensor,
    seed: int,
    *,
    change: Callable[[Any], None] = lambda vae: None,
    warmup: int = 1000,
    optimizer: Any = None,
    **options: Any,
) -> Any:
    """The estimator's model of a plain Dirichlet with one part undone, trained on all images."""
    torch.manual_seed(seed)
    options = {"moments": (x.mean(0), x.std(0)), **options}
    vae = zoo.dirichlet(784, default_concentration(K), **options)
    change(vae)
    schedule = linear_warmup(warmup)
    optimizer = optimizer or decaying_adam(4e-3, STEPS)
    return trained(Training(vae, kl_schedule=schedule, optimizer=optimizer), x, seed)


def trained(training: Training, x: Tensor, seed: int) -> Any:
    data = ArrayDataset(x, binarize=True)
    fit(training, data, max_epochs=EPOCHS, batch_size=BATCH, seed=seed, verbose=False)
    return training.vae


def softplus(vae: Any) -> None:
    vae.encoder.exponential = ()


def raw_latent(vae: Any) -> None:
    vae.decoder.net.features = nn.Identity()


VARIANTS: dict[str, Callable[[Tensor, int], Any]] = {
    "default": estimator,
    "Gaussian latent, all else as the default": partial(estimator, latent=Normal),
    "default, on all 60,000 images": partial(estimator, validation_fraction=0),
    "Gaussian latent, on all 60,000 images": partial(
        estimator, latent=Normal, validation_fraction=0
    ),
    "Gaussian, Adam 1e-3": partial(gaussian, learning_rate=1e-3),
    "Gaussian, Adam 5e-4": partial(gaussian, learning_rate=5e-4),
    "Dirichlet latent": partial(estimator, latent=Dirichlet),
    "all 60,000 images": dirichlet,
    "latent not standardized": partial(dirichlet, change=raw_latent),
    "softplus for exponential": partial(dirichlet, change=softplus),
    "no layer norm": partial(dirichlet, layer_norm=False),
    "ReLU for GELU": partial(dirichlet, activation=nn.ReLU),
    "no warm-up": partial(dirichlet, warmup=0),
    "Adam 1e-3, no decay": partial(dirichlet, optimizer=partial(torch.optim.Adam, lr=1e-3)),
    "none of them": partial(
        dirichlet,
        change=lambda vae: (softplus(vae), raw_latent(vae)),
        layer_norm=False,
        activation=nn.ReLU,
        warmup=0,
        optimizer=partial(torch.optim.Adam, lr=1e-3),
    ),
}
SEVERAL = list(VARIANTS)[:4]  # of which several seeds are trained


def run(variant: str, seed: int) -> dict[str, Any]:
    """Train and measure one model."""
    x, grey = (
        torch.from_numpy(mnist(name)).reshape(-1, 784) / 255 for name in ("x_train", "x_test")
    )
    test = torch.bernoulli(grey, generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    vae = VARIANTS[variant](x, seed)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        kl = torch.cat([vae.terms(rows).kl for rows in test.split(1000)]).mean()
    generator = torch.Generator().manual_seed(0)
    means = [posterior_means(vae, images).numpy() for images in (x, grey)]
    neighbours = knn_errors(means[0], mnist("y_train"), means[1], mnist("y_test"))
    return {
        "variant": variant,
        "seed": seed,
        "negative_elbo": -float(lower_bound(vae, test, generator=generator).mean()),
        "kl": float(kl),
        "active_in_encoding": int((encoding_use(vae, test) > 0.01).sum()),
        "active_in_decoding": int((decoding_use(vae, test) > 0.01).sum()),
        "knn_error": neighbours,
        "seconds": round(seconds, 1),
    }


def draw(runs: list[dict[str, Any]]) -> None:
    """Draw every variant's negative ELBO, one dot a seed."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names = [name for name in VARIANTS if any(r["variant"] == name for r in runs)][::-1]
    figure, axes = plt.subplots(figsize=(7.5, 0.36 * len(names) + 1.2), layout="constrained")
    for height, name in enumerate(names):
        found = [r["negative_elbo"] for r in runs if r["variant"] == name]
        color = "#7a7a7a" if name.startswith("Gaussian") else "#c4572f"
        axes.plot(found, [height] * len(found), "o", color=color, alpha=0.75, markersize=6)
        middle = sorted(found)[len(found) // 2]
        axes.annotate(f"{middle:.1f}", (max(found), height), (8, -3), textcoords="offset points")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("negative ELBO of the test set, nats (lower is better)")
    title = "Binarised MNIST after 10 epochs: the default, a Gaussian, a Dirichlet and its parts"
    figure.suptitle(title, x=0.01, ha="left")
    axes.margins(x=0.16)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    with whole(FIGURE) as file:
        figure.savefig(file, dpi=150, format=FIGURE.suffix[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seeds", type=int, default=3, help="seeds of the default and the Gaussian"
    )
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--figure", action="store_true", help="only draw the figure")
    options = parser.parse_args()
    for variant in [] if options.figure else options.variants:
        for seed in range(options.seeds if variant in SEVERAL else 1):
            if not any((r["variant"], r["seed"]) == (variant, seed) for r in record.done(FILE)):
                result = run(variant, seed)
                record.add(FILE, result)
                print(result, flush=True)
    draw(record.done(FILE))


if __name__ == "__main__":
    main()
