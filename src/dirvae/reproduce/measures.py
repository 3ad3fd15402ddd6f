"""All that is measured of a trained model, once: likelihood, collapse, representation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from dirvae.distributions import Dirichlet, draw, location_and_spread
from dirvae.distributions.inverse_cdf import multi_gamma_kl
from dirvae.evaluation import (
    Evidence,
    active_units,
    decoder_weight_norms,
    importance_sampled,
    knn_error,
    latent_moments,
    linear_probe_accuracy,
)
from dirvae.models.annealing import annealed_log_evidence
from dirvae.models.assess import decoding_use, encoding_use, log_evidence
from dirvae.models.vae import VAE
from dirvae.objectives import elbo
from dirvae.reproduce.images import Images
from dirvae.reproduce.progress import Track, silent

__all__ = ["Amounts", "doubtful_figures", "measure"]

ROWS = 500  # at a time
NEIGHBOURS = (3, 5, 10)
LEAPFROG_STEPS = 5  # more temperatures are worth more than longer trajectories

Figures = dict[str, Any]


class Amounts(NamedTuple):
    """How much is drawn; all of it is recorded with a run.

    Attributes:
        samples: S, draws of the latent for each test image's likelihood.
        annealed_images: Test images whose likelihood is checked by annealing.
        annealed_chains: Chains for each of them.
        annealed_temperatures: Steps from prior to posterior.
        probe_rows: Training rows that the linear probe and the SVM learn from.
    """

    samples: int = 1000
    annealed_images: int = 100
    annealed_chains: int = 2
    annealed_temperatures: int = 600
    probe_rows: int = 10_000


def measure(
    vae: VAE,
    images: Images,
    x: Tensor,
    amounts: Amounts,
    *,
    multi_gamma: bool = False,
    track: Track = silent,
) -> Figures:
    """Measure a model; the same model gives the same figures.

    Args:
        vae: The model, on the device where it is to be run.
        images: The data; embeddings for classifiers are of grey values.
        x: The test images as they are scored, drawn as 0 and 1 or not, shape (N, D).
        amounts: How much is drawn.
        multi_gamma: Whether to add the paper's own estimates for its own model.
        track: Shows progress.

    Returns:
        Nats are means over test images; errors are shares.
    """
    device = next(vae.parameters()).device
    x = x.to(device)
    vae.eval()
    found = _bound(vae, x, track) | _likelihood(vae, x, amounts, track)
    if multi_gamma:
        found |= doubtful_figures(vae, x, amounts.samples, track)
    for part in track((collapse, _representation), "components, classifiers"):
        found |= part(vae, images, x, amounts)
    return found | _annealed(vae, x, amounts, track)


def _generator(x: Tensor) -> torch.Generator:
    return torch.Generator(x.device).manual_seed(0)


@torch.no_grad()
def _bound(vae: VAE, x: Tensor, track: Track) -> Figures:
    generator, bounds, kls = _generator(x), [], []
    for rows in track(x.split(ROWS), "bound"):
        terms = vae.terms(rows, num_samples=8, generator=generator)
        bounds.append(elbo(terms))
        kls.append(terms.kl)
    bound, kl = (float(torch.cat(parts).double().mean()) for parts in (bounds, kls))
    return {"negative_elbo": -bound, "kl": kl, "reconstruction": -bound - kl}


def _likelihood(vae: VAE, x: Tensor, amounts: Amounts, track: Track) -> Figures:
    generator = _generator(x)
    evidence = Evidence.concatenate(
        log_evidence(vae, rows, amounts.samples, generator=generator)
        for rows in track(x.split(ROWS), f"likelihood, {amounts.samples} draws")
    )
    checked = evidence.value[: amounts.annealed_images]
    return {
        "nll": -evidence.mean,
        "nll_std_error": evidence.mean_std_error,
        "nll_unreliable_share": evidence.unreliable_share,
        "nll_of_annealed_images": -float(checked.mean()),
    }


def _annealed(vae: VAE, x: Tensor, amounts: Amounts, track: Track) -> Figures:
    """NLL of the first images without help from the encoder."""
    generator = _generator(x)
    evidence = Evidence.concatenate(
        annealed_log_evidence(
            vae,
            rows,
            num_chains=amounts.annealed_chains,
            num_temperatures=amounts.annealed_temperatures,
            num_leapfrog_steps=LEAPFROG_STEPS,
            generator=generator,
        )
        for rows in track(x[: amounts.annealed_images].split(25), "annealed likelihood")
    )
    return {"annealed_nll": -evidence.mean, "annealed_nll_std_error": evidence.mean_std_error}


@torch.no_grad()
def doubtful_figures(vae: VAE, x: Tensor, samples: int, track: Track = silent) -> Figures:
    """Return the paper's estimates for its own model, in nats.

    The likelihood weighs by the Dirichlet that was meant, not by the density of what was drawn; the
    bound has the KL of MultiGammas (docs/paper_likelihood.md).

    Args:
        vae: A model with an inverse-CDF Dirichlet.
        x: Shape (N, D).
        samples: S.
        track: Shows progress.
    """
    generator, evidence, bound = _generator(x), [], []
    model: Any = vae
    prior = model.prior().concentration
    for rows in track(x.split(max(1, 10_000 // samples)), "the paper's estimates"):
        law = model.encoder(rows)
        log_z = law.log().rsample((samples,), generator)
        likelihood = model.decoder(log_z.exp()).log_prob(rows)
        log_q = Dirichlet(law.concentration).log().log_prob(log_z)
        log_p = Dirichlet(prior).log().log_prob(log_z)
        weights = (likelihood + log_p - log_q).double().cpu().numpy()
        evidence.append(importance_sampled(weights).value)
        bound.append(likelihood.mean(0) - multi_gamma_kl(law.concentration, prior))
    return {
        "doubtful_nll": -float(np.concatenate(evidence).mean()),
        "doubtful_negative_elbo": -float(torch.cat(bound).mean()),
    }


@torch.no_grad()
def collapse(vae: VAE, images: Images, x: Tensor, _: Amounts) -> Figures:
    """Which components are used, and how they lie, beside the prior's own values."""
    generator = _generator(x)
    means, z = _embedded(vae, x, generator)
    prior = draw(vae.prior(), torch.Size([50_000]), generator).cpu().numpy()
    prior_var = location_and_spread(vae.prior())[1].cpu().square().numpy()
    encoding, decoding = encoding_use(vae, x), decoding_use(vae, x)
    used = encoding > 0.01, decoding > 0.01
    moments, of_prior = latent_moments(z), latent_moments(prior)
    return {
        "used_in_encoding": int(used[0].sum()),
        "used_in_decoding": int(used[1].sum()),
        "used_in_both": int((used[0] & used[1]).sum()),
        "active": int(active_units(means, 1.0, images.threshold).sum()),
        "active_prior": int((prior_var > images.threshold).sum()),
        "components": {
            "encoding_share": _short(encoding),
            "decoding_nats": _short(decoding),
            "weight_norms": _short(decoder_weight_norms(_first_weight(vae, means.shape[1]))),
            **{name: _short(values) for name, values in moments._asdict().items()},
            **{f"prior_{name}": _short(values) for name, values in of_prior._asdict().items()},
        },
    }


def _representation(vae: VAE, images: Images, x: Tensor, amounts: Amounts) -> Figures:
    """Errors of classifiers on grey images' posterior means, and on one draw of each posterior."""
    generator = _generator(x)
    train = _embedded(vae, images.train.to(x.device), generator)
    test = _embedded(vae, images.test.to(x.device), generator)
    labels = images.train_labels, images.test_labels
    means, samples = (
        {k: knn_error(a, labels[0], b, labels[1], k=k) for k in NEIGHBOURS}
        for a, b in zip(train, test, strict=True)
    )
    few = slice(amounts.probe_rows)
    probe = train[0][few], labels[0][few], test[0], labels[1]
    return {
        "knn_error": means,
        "knn_error_of_samples": samples,
        "linear_probe_error": 1 - linear_probe_accuracy(*probe),
        "svm_error": _svm_error(*probe),
    }


def _svm_error(
    train: ArrayLike, train_labels: ArrayLike, test: ArrayLike, test_labels: ArrayLike
) -> float:
    """Error of scikit-learn's SVC with its defaults on standardized embeddings."""
    machine = make_pipeline(StandardScaler(), SVC()).fit(train, train_labels)
    return float((machine.predict(test) != np.asarray(test_labels)).mean())


@torch.no_grad()
def _embedded(
    vae: VAE, x: Tensor, generator: torch.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Posterior means and one draw of each posterior, both (N, K)."""
    parts = x.split(ROWS)
    means = torch.cat([vae.embed(rows) for rows in parts])
    draws = torch.cat([draw(vae.encoder(rows), torch.Size(), generator) for rows in parts])
    return means.cpu().numpy(), draws.cpu().numpy()


def _first_weight(vae: VAE, num_latent: int) -> NDArray[np.float32]:
    """What the decoder's first layer does to each component, shape (H, K)."""
    layer: Any = vae.decoder.get_submodule("net.layers.0")
    weight: NDArray[np.float32] = layer.weight.detach().cpu().numpy()
    return weight.reshape(-1, num_latent)  # several features of a component, one after the other


def _short(values: NDArray[np.float64]) -> list[float | None]:
    """Four digits; None where a moment does not exist."""
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in values.tolist()]
