"""Seconds to train a VAE on images, ours and pythae's: `python -m benchmarks images`.

MNIST as fixed pixels of 0 and 1, batches of 100, Adam, 50 latent dimensions, and the same layers
for all: 784-500-500 to 500-784, ReLU. The ways take turns, repetition after repetition, each time
in another order; the figure is the median of the ratios within one. The bar is that a Gaussian VAE
takes no longer here than with pythae.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.fit_overhead import pixels
from benchmarks.topic_peers import installed
from dirvae.models import zoo
from dirvae.reproduce.record import add
from dirvae.training import fit

RESULTS = Path(__file__).parent / "results" / "images.jsonl"
BATCH, K, WIDTH = 100, 50, 500
OURS, PEER = "dirvae, Gaussian", "pythae, Gaussian"
LAYERS: dict[str, Any] = {
    "hidden_sizes": (WIDTH, WIDTH),
    "decoder_hidden_sizes": (WIDTH,),
    "layer_norm": False,
    "activation": nn.ReLU,
}


def _gaussian(x: Tensor, epochs: int) -> None:
    vae = zoo.gaussian(x.shape[1], K, **LAYERS)
    fit(vae, x, max_epochs=epochs, batch_size=BATCH, verbose=False)


def _dirichlet(x: Tensor, epochs: int) -> None:
    vae = zoo.dirichlet(x.shape[1], K, **LAYERS)
    fit(vae, x, max_epochs=epochs, batch_size=BATCH, verbose=False)


def _pythae(x: Tensor, epochs: int) -> None:
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                *(nn.Linear(x.shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
            )
            self.mean, self.log_variance = nn.Linear(WIDTH, K), nn.Linear(WIDTH, K)

        def forward(self, rows: Tensor) -> Any:
            features = self.layers(rows)
            return ModelOutput(
                embedding=self.mean(features), log_covariance=self.log_variance(features)
            )

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                *(nn.Linear(K, WIDTH), nn.ReLU(), nn.Linear(WIDTH, x.shape[1]), nn.Sigmoid())
            )

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.layers(z))

    config = VAEConfig(input_dim=(x.shape[1],), latent_dim=K, reconstruction_loss="bce")
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            VAE(config, encoder=Encoder(), decoder=Decoder()),
            BaseDataset(x, torch.zeros(len(x))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=epochs,
                per_device_train_batch_size=BATCH,
                learning_rate=1e-3,
                no_cuda=True,
                keep_best_on_train=True,
            ),
        )
        trainer.train()


WAYS: dict[str, Callable[[Tensor, int], None]] = {
    OURS: _gaussian,
    "dirvae, Dirichlet": _dirichlet,
    PEER: _pythae,
}


def measure(ways: list[str], x: Tensor, epochs: int, repetitions: int) -> dict[str, Any]:
    """Seconds by way, and the ratios of pythae's to ours, repetition by repetition."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in ways:  # imports and first allocations are nobody's
        WAYS[name](x[: 20 * BATCH], 1)
    for turn in range(repetitions):
        for name in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
            torch.manual_seed(turn)
            start = time.perf_counter()
            WAYS[name](x, epochs)
            seconds[name].append(round(time.perf_counter() - start, 2))
            print(name, seconds[name][-1], flush=True)
    found: dict[str, Any] = {
        name: {"seconds": statistics.median(values), "runs": values}
        for name, values in seconds.items()
    }
    if PEER in seconds:
        ratios = [theirs / own for theirs, own in zip(seconds[PEER], seconds[OURS], strict=True)]
        found["times_as_fast"] = round(statistics.median(ratios), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    x, data = pixels(options.rows)
    x = torch.bernoulli(x, generator=torch.Generator().manual_seed(0))
    ways = [name for name in WAYS if name != PEER]
    if missing := installed("pythae"):
        print(f"pythae is left out: {missing}")
    else:
        ways.append(PEER)
    found = measure(ways, x, options.epochs, options.repetitions)
    setting = {"data": data, "rows": len(x), "epochs": options.epochs, "threads": options.threads}
    add(options.output, {**setting, "ways": found})


if __name__ == "__main__":
    main()
