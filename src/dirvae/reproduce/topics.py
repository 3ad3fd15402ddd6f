"""Topic models of the paper's table: ProdLDA, NVDM and GSM, each with four latents.

The latents: the model's own (a Gaussian, or its softmax), sticks, the paper's Dirichlet by the
inverse CDF, and the exact Dirichlet. Decoders are the originals'; every encoder has one hidden
layer, as wide as the paper's. All latents of a model train alike. They have Adam, a KL that is
warmed up, and early stopping on the bound of a tenth of the training documents. ProdLDA has its
paper's step size; at that one NVDM with a latent on the simplex stays at the words' frequencies,
and stops there.

Words are ranked as the originals rank them: by the topic's weights in a product of experts, by
probability in a mixture. NPMI is over whole training documents, of the ten first words.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import gammaln, softmax
from torch.distributions import Distribution

from dirvae.assessment import lower_bound, word_scores
from dirvae.data import CountDataset, sparse_rows
from dirvae.distributions import Dirichlet, InverseCDFDirichlet, StickBreakingKumaraswamy
from dirvae.evaluation import split_tokens, top_word_ids
from dirvae.models.vae import VAE
from dirvae.objectives import linear_warmup
from dirvae.reproduce.bags import Bags, bags
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.record import Run
from dirvae.reproduce.runs import make_missing, require_known
from dirvae.topics.decoder import decoder_of
from dirvae.topics.decoders import ProductDecoder
from dirvae.topics.inference import decoded_perplexity
from dirvae.topics.zoo import gsm, nvdm, prodlda
from dirvae.training import Training, adam, fit

__all__ = ["DATA", "LATENTS", "MODELS", "QUICK_ROWS", "ROWS", "Job", "Plan", "jobs", "run_all"]

MODELS: dict[str, Callable[..., VAE]] = {"prodlda": prodlda, "nvdm": nvdm, "gsm": gsm}
LATENTS: dict[str, Callable[..., Distribution] | None] = {
    "own": None,
    "stick_breaking": StickBreakingKumaraswamy,
    "inverse_cdf_dirichlet": InverseCDFDirichlet,
    "dirichlet": Dirichlet,
}
ROWS = {f"{model}_{latent}": (model, latent) for model, latent in product(MODELS, LATENTS)}
"""From the name of a row to its model and its latent."""
QUICK_ROWS = tuple(name for name, (model, _) in ROWS.items() if model == "prodlda")
LEARNING_RATES = {"prodlda": 2e-3, "nvdm": 1e-2, "gsm": 1e-2}  # see the module's documentation
STICKS = 5.0  # of the GEM, as Nalisnick & Smyth have it
HELD_OUT = 10  # every tenth training document says when to stop
QUICK_EVERY, QUICK_EPOCHS = 5, 10


class Corpus(NamedTuple):
    """A file and what the paper has on it.

    Attributes:
        file: Name of the file, without its suffix.
        num_topics: K.
        hidden: Width of the encoder.
        concentration: Of the Dirichlet prior, by model.
    """

    file: str
    num_topics: int
    hidden: int
    concentration: dict[str, float]


_OF_20NEWS = {"prodlda": 0.98, "nvdm": 0.95, "gsm": 0.20}
DATA = {
    "20news": Corpus("20news_nvdm2000", 50, 500, _OF_20NEWS),
    "20news-v1995": Corpus("20news_v1995", 50, 500, _OF_20NEWS),
    "rcv1": Corpus("reuters_modapte5000", 100, 1000, {"prodlda": 0.99, "nvdm": 0.90, "gsm": 0.01}),
}
"""From the name of a study's data to their file."""


class Plan(NamedTuple):
    """How a model is trained; all of it is recorded with a run.

    Attributes:
        num_topics: K.
        hidden: Width of the encoder's layer.
        concentration: Of the prior (Dirichlet or sticks); None for the model's own latent.
        learning_rate: Adam's, the same for all latents of a model.
        epochs: Most passes over the data.
        patience: Epochs without a better bound of the held-out documents before training stops.
        warmup: Epochs in which the KL's weight rises to 1.
        batch_size: Documents a step.
        every: 1 for all documents, n for every n-th.
    """

    num_topics: int
    hidden: int
    concentration: float | None
    learning_rate: float
    epochs: int = 100
    patience: int = 20
    warmup: int = 10
    batch_size: int = 200
    every: int = 1


class Job(NamedTuple):
    """One run to be made.

    Attributes:
        data: Name in `DATA`.
        row: Name in `ROWS`.
        seed: Of weights, order and noise.
        plan: The training.
    """

    data: str
    row: str
    seed: int
    plan: Plan

    @property
    def key(self) -> Run:
        """What a run on file must agree with to be this one."""
        key: Run = json.loads(json.dumps({**self._asdict(), "plan": self.plan._asdict()}))
        return key

    def model(self, num_words: int) -> VAE:
        """Return the untrained model."""
        name, latent = ROWS[self.row]
        options: dict[str, Any] = {"hidden_sizes": (self.plan.hidden,)}
        if Latent := LATENTS[latent]:
            options |= {"Latent": Latent, "concentration": self.plan.concentration}
        return MODELS[name](self.plan.num_topics, num_words, **options)


def jobs(
    data: str,
    *,
    rows: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    epochs: int | None = None,
    quick: bool = False,
) -> Iterator[Job]:
    """Yield the runs of a study, all models of one seed before the next.

    Args:
        data: Name in `DATA`.
        rows: Names in `ROWS`; all by default, those of ProdLDA for a quick study.
        seeds: One run each.
        epochs: In place of the plan's own.
        quick: Whether to take few documents and epochs.

    Raises:
        ValueError: If a row is not known.

    Example:
        >>> [job.plan.concentration for job in jobs("20news", rows=["gsm_own", "gsm_dirichlet"])]
        [None, 0.2]
    """
    rows = rows or (QUICK_ROWS if quick else tuple(ROWS))
    require_known("rows", rows, ROWS)
    epochs = epochs or (QUICK_EPOCHS if quick else None)
    corpus = DATA[data]
    for seed, row in product(seeds, rows):
        model, latent = ROWS[row]
        known = {"own": None, "stick_breaking": STICKS}
        concentration = known.get(latent, corpus.concentration[model])
        plan = Plan(corpus.num_topics, corpus.hidden, concentration, LEARNING_RATES[model])
        if epochs:
            plan = plan._replace(epochs=epochs, warmup=min(plan.warmup, epochs // 2))
        yield Job(data, row, seed, plan._replace(every=QUICK_EVERY) if quick else plan)


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
    data = bags(DATA[wanted[0].data].file)
    make_missing(
        wanted,
        file,
        bars,
        lambda job: run(job, data, bars, device),
        lambda job, result: f"{job.row}, seed {job.seed}: {_outcome(result)}",
    )


def _outcome(result: Run) -> str:
    failed: str | None = result.get("failed")
    return failed or f"NPMI {result['npmi']:.3f}, TD25 {result['td25']:.3f}"


def run(job: Job, data: Bags, bars: Bars, device: str = "cpu") -> Run:
    """Train and score one model, or say why training failed."""
    plan = job.plan
    train, test = data.train[:: plan.every], data.test[:: plan.every]
    held_out = np.arange(train.shape[0]) % HELD_OUT == 0
    with torch.random.fork_rng():
        torch.manual_seed(job.seed)
        vae = job.model(train.shape[1])
    steps = math.ceil((~held_out).sum() / plan.batch_size)
    training = Training(
        vae,
        kl_schedule=linear_warmup(max(1, plan.warmup * steps)),
        optimizer=partial(adam, learning_rate=plan.learning_rate),
    )
    start = time.perf_counter()
    try:
        with bars.epochs(plan.epochs, f"{job.row}, seed {job.seed}") as bar:
            history = fit(
                training,
                CountDataset(train[~held_out]),
                validation=CountDataset(train[held_out]),
                max_epochs=plan.epochs,
                batch_size=plan.batch_size,
                patience=plan.patience,
                seed=job.seed,
                verbose=False,
                accelerator=device,
                callbacks=[bar],
            )
    except FloatingPointError as error:
        return job.key | {"failed": str(error)}
    seconds = round(time.perf_counter() - start, 1)
    best = max(history[plan.warmup :] or history, key=lambda epoch: epoch["val_elbo"])
    return job.key | {
        "matrix": DATA[job.data].file,
        "train_documents": int((~held_out).sum()),
        **measures(vae.cpu(), train),
        "perplexity": completion_perplexity(vae, test),
        "perplexity_by_bound": bound_perplexity(vae, test),
        "epochs": len(history),
        "validation_elbo": best["val_elbo"],
        "validation_kl": best["val_kl"],
        "training_seconds": seconds,
    }


@torch.no_grad()
def measures(vae: VAE, train: Any) -> dict[str, float]:
    """Coherence, diversity and frequency of the top words, by both ways of ranking them."""
    decoder = decoder_of(vae)
    law = decoder.topics.double().numpy()
    ranked = law
    if isinstance(decoder, ProductDecoder):
        ranked = softmax(decoder.weight.double().numpy(), axis=1)
    found = {}
    for ending, topics in (("", ranked), ("_by_probability", law)):
        scores = word_scores(partial(top_word_ids, topics), train)
        found[f"npmi{ending}"] = scores.npmi
        found[f"td25{ending}"] = scores.diversity
        found[f"frequency{ending}"] = scores.document_frequency
    return found


@torch.no_grad()
def completion_perplexity(vae: VAE, test: Any, rows: int = 500) -> float:
    """Perplexity of half of each document's tokens, encoded from the other half.

    By the decoder's own distribution at the posterior mean, so that it serves products of experts
    too.

    Args:
        vae: A topic model, in evaluation mode.
        test: Counts, CSR, shape (N, V).
        rows: Documents at a time.
    """
    encoded, scored = split_tokens(test)
    parts = (encoded[first : first + rows] for first in range(0, test.shape[0], rows))
    z = torch.cat([vae.embed(sparse_rows(part)) for part in parts])
    return decoded_perplexity(vae.decoder, z, scored)


@torch.no_grad()
def bound_perplexity(vae: VAE, test: Any, rows: int = 500) -> float:
    """Perplexity as topic models with encoders are scored: each document's words are encoded too.

    Exp of the mean over documents of minus the bound a token. The bound is of the words in their
    order: it lacks the multinomial coefficient.

    Args:
        vae: A topic model, in evaluation mode.
        test: Counts, CSR, shape (N, V); documents without words are left out.
        rows: Documents at a time.

    References:
        Miao, Yu & Blunsom 2016, "Neural variational inference for text processing", sec. 5.1.
    """
    test = test[np.flatnonzero(test.sum(1))]
    generator = torch.Generator().manual_seed(0)
    costs = []
    for first in range(0, test.shape[0], rows):
        x = test[first : first + rows].toarray()
        bound = lower_bound(vae, torch.from_numpy(x).float(), generator=generator).numpy()
        orders = gammaln(x.sum(1) + 1) - gammaln(x + 1).sum(1)
        costs.append((orders - bound) / x.sum(1))
    return float(np.exp(np.concatenate(costs).mean()))
