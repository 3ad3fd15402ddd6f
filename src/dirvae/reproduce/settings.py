"""How the models are trained: as the paper says, and as trains best at the same network size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.distributions import Bernoulli

from dirvae.distributions.inverse_cdf import multi_gamma_kl
from dirvae.models.mixture_prior import MixturePrior
from dirvae.models.vae import VAE
from dirvae.models.zoo import mlp_vae
from dirvae.objectives import Terms, doubly_reparameterized_bound, linear_warmup
from dirvae.reproduce.rows import Row
from dirvae.training import Training, adam, decaying_adam

__all__ = ["SETTINGS", "USUAL", "Setting", "build", "paper_bound", "training_of"]


class Setting(NamedTuple):
    """Networks and training; all of it is recorded with a run.

    Attributes:
        epochs: Most passes over the data.
        batch_size: Rows a step.
        patience: Epochs without a better validation ELBO before training stops.
        clip: Most that the gradient's norm may be; None for no limit.
        learning_rate: Adam's; None for the row's own.
        decay: Whether it falls to 0 in a straight line.
        warmup: Steps in which the KL's weight rises to 1.
        activation: Name of one of torch's.
        layer_norm: Whether hidden layers are normalized.
        exponential: Whether concentrations are exponentials, else softplus.
        standardize: Whether the decoder sees z standardized by the prior.
        start_at_mean: Whether the decoder starts at the mean image.
        paper_kl: Whether a row that the paper takes for gammas is trained with its KL.
        samples: Draws of the latent a row and step; several train the importance-weighted bound,
            with the doubly reparameterised gradient.
        precision: Lightning's, of the training. bfloat16 is for a GPU, or a CPU with instructions
            for it (avx512_bf16, AMX). On another, products of matrices take seven times as long and
            more: use ``dirvae reproduce --precision 32-true``.
        hidden_sizes: Widths of the encoder's layers.
        decoder_hidden_sizes: Widths of the decoder's layers.
    """

    epochs: int
    batch_size: int
    patience: int = 20
    clip: float | None = None
    learning_rate: float | None = None
    decay: bool = False
    warmup: int = 0
    activation: str = "GELU"
    layer_norm: bool = True
    exponential: bool = True
    standardize: bool = True
    start_at_mean: bool = True
    paper_kl: bool = False
    samples: int = 1
    precision: str = "32-true"
    hidden_sizes: tuple[int, ...] = (500, 500)
    decoder_hidden_sizes: tuple[int, ...] = (500,)

    def as_recorded(self) -> dict[str, Any]:
        """What a run's record says of it.

        Example:
            >>> "hidden_sizes" in SETTINGS["iwae"].as_recorded()
            False
        """
        told = self._asdict()
        for name in ("hidden_sizes", "decoder_hidden_sizes"):  # records of others are older
            if told[name] == self._field_defaults[name]:
                del told[name]
        return told


# The paper gives neither epochs nor the clip nor how it stopped.
SETTINGS = {
    "paper": Setting(
        epochs=200,
        batch_size=100,
        clip=5.0,
        activation="ReLU",
        layer_norm=False,
        exponential=False,
        standardize=False,
        start_at_mean=False,
        paper_kl=True,
    ),
    "ours": Setting(epochs=100, batch_size=200, learning_rate=4e-3, decay=True, warmup=1000),
    "iwae": Setting(
        epochs=150,
        batch_size=200,
        patience=150,
        learning_rate=4e-3,
        decay=True,
        warmup=1000,
        samples=5,
        precision="bf16-mixed",
    ),
}
USUAL = tuple(SETTINGS)
SETTINGS["iwae-200"] = SETTINGS["iwae"]._replace(  # networks of Burda et al. 2016, sec. 5.1
    epochs=300,
    patience=300,
    learning_rate=6e-3,
    activation="Tanh",
    layer_norm=False,
    hidden_sizes=(200, 200),
    decoder_hidden_sizes=(200, 200),
)
SETTINGS["paper-15"] = SETTINGS["paper"]._replace(batch_size=15)  # as the paper has for OMNIGLOT


def build(
    row: Row,
    setting: Setting,
    num_latent: int,
    images: Tensor,
    likelihood: Callable[..., Any] = Bernoulli,
) -> VAE:
    """Return the untrained model.

    Args:
        row: Latent and prior.
        setting: What the networks are like.
        num_latent: K.
        images: Training images, shape (N, D), whose moments the decoder may start at.
        likelihood: Distribution of an image given the latent.

    Example:
        >>> import torch
        >>> from dirvae.reproduce.rows import ROWS
        >>> vae = build(ROWS["gaussian"], SETTINGS["paper"], 3, torch.zeros(2, 8))
        >>> vae.embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    vae = mlp_vae(
        images.shape[1],
        row.Latent,
        row.prior(num_latent),
        likelihood=likelihood,
        hidden_sizes=setting.hidden_sizes,
        decoder_hidden_sizes=setting.decoder_hidden_sizes,
        layer_norm=setting.layer_norm,
        activation=getattr(nn, setting.activation),
        moments=(images.mean(0), images.std(0)) if setting.start_at_mean else None,
        commitment=row.commitment,
        prior_components=row.prior_components,
        with_proportions=row.with_proportions and setting.standardize,  # else it sees z alone
    )
    networks: Any = vae
    if row.released and row.prior_components:
        vae.prior = MixturePrior(row.prior(num_latent), row.prior_components)
    if not setting.exponential:
        networks.encoder.exponential = ()
    if not setting.standardize:
        networks.decoder.net.features = nn.Identity()
    for module in vae.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return vae


def paper_bound(terms: Terms, prior: nn.Module, *, kl_weight: float) -> Tensor:
    """Return the bound that the paper maximises for its own model, with the KL of MultiGammas.

    Args:
        terms: Terms of a model whose posterior has a concentration.
        prior: Module that returns a Dirichlet.
        kl_weight: Of the KL.

    Returns:
        Shape (B,), in nats.

    References:
        Joo et al. 2020, eq. 8.
    """
    q: Any = terms.q
    p: Any = prior()
    return terms.log_likelihood.mean(0) - kl_weight * multi_gamma_kl(
        q.concentration, p.concentration
    )


def training_of(row: Row, setting: Setting, vae: VAE, steps: int) -> Training:
    """Return objective, schedule and optimiser for a model.

    Args:
        row: The model's.
        setting: How to train.
        vae: The model.
        steps: How many optimiser steps are planned.
    """
    rate = setting.learning_rate or row.learning_rate
    optimizer = decaying_adam(rate, steps) if setting.decay else partial(adam, learning_rate=rate)
    options: dict[str, Any] = {"optimizer": optimizer}
    if setting.warmup:
        options["kl_schedule"] = linear_warmup(min(setting.warmup, steps // 2))
    if setting.paper_kl and row.as_multi_gamma:
        options["objective"] = partial(paper_bound, prior=vae.prior)
    elif setting.samples > 1:
        options |= {"num_samples": setting.samples, "importance": True}
        options["objective"] = doubly_reparameterized_bound
    return Training(vae, **options)
