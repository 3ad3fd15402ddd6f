"""What each of two processes sees of some fits: `python -m torch.distributed.run` starts it.

Each writes a file of its rank, which `test_processes` reads, so that all is done in one start.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from dirvae import DirichletVAE, SemiSupervisedVAE, TopicModel, fit
from dirvae.data import ArrayDataset, loader
from dirvae.models import zoo
from dirvae.training import Training, adam
from dirvae.training.checkpoints import WholeCheckpoints

TWO: dict[str, Any] = {"strategy": "ddp", "devices": 2}
FROZEN = partial(torch.optim.SGD, lr=0.0)
SIZES = {"topics": (303, 30), "rows": (103, 10), "few": (5, 128), "one each": (7, 1)}
TOPICS: dict[str, Any] = {"n_components": 3, "hidden_sizes": (20,), "learning_rate": 0.02}
EPOCHS, LABELLED = 8, 5


def images(num_rows: int = 103) -> Tensor:
    z = torch.rand(num_rows, 2, generator=torch.Generator().manual_seed(0)).round()
    return torch.cat([z, 1 - z, z.flip(1)], 1)


def documents() -> sparse.csr_matrix:
    """Counts of three planted topics."""
    rng, (num_rows, num_words) = np.random.default_rng(0), SIZES["topics"]
    beta = rng.dirichlet(np.full(num_words, 0.1), 3)
    theta = rng.dirichlet(np.full(3, 0.3), num_rows)
    return sparse.csr_matrix(rng.poisson(40 * theta @ beta).astype(np.float32))


def small(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return zoo.dirichlet(6, torch.ones(4), hidden_sizes=(16,), decoder_hidden_sizes=(16,))


def digest(module: nn.Module) -> str:
    values = (tensor.numpy().tobytes() for tensor in module.state_dict().values())
    return sha256(b"".join(values)).hexdigest()


@contextmanager
def rows_read(seen: list[list[int]]) -> Iterator[None]:
    """Note the rows of each batch that an `ArrayDataset` is asked for."""
    read = ArrayDataset.__getitem__

    def noted(self: ArrayDataset, rows: Any) -> Any:
        seen.append(torch.as_tensor(rows).tolist())
        return read(self, rows)

    ArrayDataset.__getitem__ = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        ArrayDataset.__getitem__ = read  # type: ignore[method-assign]


class Noise(lightning.Callback):
    """The latents of the first step, of rows that are alike: only noise tells them apart."""

    def __init__(self) -> None:
        self.latent: list[float] = []

    def on_train_batch_end(self, _: Any, training: Any, *others: Any) -> None:
        self.latent = self.latent or training.latent[0, 0].tolist()


quiet = partial(fit, verbose=False, seed=0, **TWO)


def passes(rank: int, folder: Path) -> Any:
    """Rows of two passes for training, and of two over rows for validation."""
    found: dict[str, Any] = {}
    for name in ("rows", "few", "one each"):
        size, batch_size = SIZES[name]
        x = images(size)
        for kind, options in {"data": {}, "validation": {"validation": x}}.items():
            seen: list[list[int]] = []
            with rows_read(seen):
                quiet(small(), x, max_epochs=2, batch_size=batch_size, **options)
            found[f"{name}, {kind}"] = seen
    own = loader(ArrayDataset(images()), 10, shuffle=True)
    seen = []
    with rows_read(seen):
        quiet(small(), own, max_epochs=2)
    return {**found, "rows, loader": seen, "after": [len(batch.x) for batch in own]}


def metrics(rank: int, folder: Path) -> Any:
    training = Training(small(), optimizer=FROZEN)
    x = images()
    [found] = quiet(training, x, validation=x[:51], max_epochs=1, batch_size=10)
    return {**found, "processes": training.num_processes}


def noise(rank: int, folder: Path) -> Any:
    found, same = {}, torch.ones(20, 6)
    for name, seed in (("generator", torch.Generator().manual_seed(3)), ("integer", 3)):
        drawn = Noise()
        quiet(small(), same, max_epochs=1, batch_size=10, seed=seed, callbacks=[drawn])
        found[name] = drawn.latent
    return found


def resumed(rank: int, folder: Path) -> Any:
    """Saves of each process, weights and epochs of a fit that was resumed, and its first noise."""
    saves, save = [], WholeCheckpoints.save_checkpoint

    def noted(self: Any, content: Any, path: Any, storage_options: Any = None) -> None:
        saves.append(Path(path).name)
        save(self, content, path, storage_options)

    WholeCheckpoints.save_checkpoint = noted  # type: ignore[method-assign]
    how: dict[str, Any] = {"checkpoint_dir": folder / "kept", "batch_size": 10}
    before, after, vae = Noise(), Noise(), small()
    seeded = torch.Generator().manual_seed
    same = torch.ones(20, 6)
    quiet(small(), same, max_epochs=2, seed=seeded(3), callbacks=[before], **how)
    history = quiet(vae, same, max_epochs=4, resume=True, seed=seeded(3), callbacks=[after], **how)
    WholeCheckpoints.save_checkpoint = save  # type: ignore[method-assign]
    epochs = [metrics["epoch"] for metrics in history]
    noise = {"before": before.latent, "after": after.latent}
    return {"saves": saves, "epochs": epochs, "weights": digest(vae), **noise}


def best(rank: int, folder: Path) -> Any:
    """A step size that is too large, from weights that differ between the processes."""
    vae, x = small(seed=rank), images()
    training = Training(vae, optimizer=partial(adam, learning_rate=0.3))
    history = quiet(training, x[:60], validation=x[60:], max_epochs=30, batch_size=5, patience=3)
    with torch.no_grad():
        kl = float(vae.terms(x[60:]).kl.mean())
    found = {"epoch": training.best_epoch, "epochs": len(history), "kl": kl}
    return {**found, "val_kl": history[training.best_epoch]["val_kl"], "weights": digest(vae)}


class StepSize(lightning.Callback):
    """Step sizes that the steps had."""

    def __init__(self) -> None:
        self.sizes: list[float] = []

    def on_train_batch_start(self, trainer: Any, *others: Any) -> None:
        self.sizes.append(trainer.optimizers[0].param_groups[0]["lr"])


def topics(rank: int, folder: Path) -> Any:
    """Both save to one folder at once."""
    steps = StepSize()
    model = TopicModel(**TOPICS, max_epochs=EPOCHS, batch_size=25, random_state=0)
    model.fit(documents(), trainer={**TWO, "callbacks": [steps]})
    model.save(folder / "topics")
    model.save(folder / f"topics{rank}")
    return {"elbo": model.history_[-1]["elbo"], "steps": steps.sizes}


def rows(rank: int, folder: Path) -> Any:
    """Of which the second learns its prior at the very end."""
    sizes: dict[str, Any] = {"hidden_sizes": (16,), "decoder_hidden_sizes": (16,)}
    model = DirichletVAE(3, max_epochs=4, batch_size=10, random_state=0, **sizes)
    found = [digest(model.fit(images().numpy(), trainer=TWO).vae_)]
    model.set_params(max_epochs=1, validation_fraction=0, prior_concentration="learn")
    return {"weights": [*found, digest(model.fit(images().numpy(), trainer=TWO).vae_)]}


def labelled(rank: int, folder: Path) -> Any:
    y, seen = np.arange(103) % 2, list[list[int]]()
    y[LABELLED:] = -1
    model = SemiSupervisedVAE(2, max_epochs=2, batch_size=20, hidden_sizes=(16,), random_state=0)
    with rows_read(seen):
        model.fit(images().numpy(), y, trainer=TWO)
    return {"rows": seen, "weights": digest(model.vae_)}


def refused(rank: int, folder: Path) -> Any:
    found = {}
    for name, x, seed in (("seeds", images(), rank), ("rows", images(1), 0)):
        try:
            quiet(small(), x, max_epochs=1, seed=torch.Generator().manual_seed(seed))
        except ValueError as error:
            found[name] = str(error)
    return found


def page(rank: int, folder: Path) -> Any:
    """The script of the page, with the corpus beside it."""
    os.chdir(folder)
    sys.argv = ["train.py", "2", "1"]
    runpy.run_path("train.py", run_name="__main__")


CHECKS = (passes, metrics, noise, resumed, best, topics, rows, labelled, refused, page)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    found = {check.__name__: check(rank, folder) for check in CHECKS}
    (folder / f"rank{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
