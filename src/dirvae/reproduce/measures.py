"""All that is measured of a trained model, once: likelihood, collapse, representation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.assessment import (
    Bound,
    annealed_log_evidence,
    bound_of,
    diagnose,
    log_evidence,
    posterior_draws,
    posterior_means,
)
from dirvae.distributions import Dirichlet
from dirvae.distributions.inverse_cdf import multi_gamma_kl
from dirvae.evaluation import (
    Evidence,
    Use,
    importance_sampled,
    knn_errors,
    linear_probe_accuracy,
    svm_accuracy,
)
from dirvae.models.vae import VAE
from dirvae.reproduce.images import Images
from dirvae.reproduce.progress import Track, silent

__all__ = ["Amounts", "measure"]

ROWS = 500  # at a time
LEAPFROG_STEPS = 5  # more temperatures are worth more than longer trajectories

ON_FILE = {
    "encoding_variance": "encoding_share",
    "decoding_cost": "decoding_nats",
    "weight_norm": "weight_norms",
}  # what measures of components are called in records

Figures = dict[str, Any]


class Amounts(NamedTuple):
    """How much is drawn; all of it is recorded with a run.

    Attributes:
        samples: S, draws of the latent for each test image's likelihood.
        annealed_images: Test images whose likelihood is checked by annealing.
        annealed_chains: Chains for each of them.
        annealed_temperatures: Steps from prior to posterior.
        probe_rows: Training rows that the linear probe and the SVM learn from.
        diagnosed_images: Test images by which the use of components is judged.
    """

    samples: int = 1000
    annealed_images: int = 100
    annealed_chains: int = 2
    annealed_temperatures: int = 600
    probe_rows: int = 10_000
    diagnosed_images: int = 2_000


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
    likelihood = _likelihood_and_doubtful if multi_gamma else _likelihood
    found = _bound(vae, x, track) | likelihood(vae, x, amounts, track)
    for part in track((collapse, _representation), "components, classifiers"):
        found |= part(vae, images, x, amounts)
    return found | _annealed(vae, x, amounts, track)


def _generator(x: Tensor) -> torch.Generator:
    return torch.Generator(x.device).manual_seed(0)


def _bound(vae: VAE, x: Tensor, track: Track) -> Figures:
    generator = _generator(x)
    found = Bound.concatenate(
        bound_of(vae, rows, generator=generator) for rows in track(x.split(ROWS), "bound")
    )
    return {
        "negative_elbo": -found.mean,
        "kl": found.mean_kl,
        "reconstruction": -found.mean_log_likelihood,
    }


def _likelihood(vae: VAE, x: Tensor, amounts: Amounts, track: Track) -> Figures:
    generator = _generator(x)
    evidence = Evidence.concatenate(
        log_evidence(vae, rows, amounts.samples, generator=generator)
        for rows in track(x.split(ROWS), f"likelihood, {amounts.samples} draws")
    )
    return _nll(evidence, amounts)


def _nll(evidence: Evidence, amounts: Amounts) -> Figures:
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
def _likelihood_and_doubtful(vae: VAE, x: Tensor, amounts: Amounts, track: Track) -> Figures:
    """Likelihood of the paper's own model, and the paper's estimates, of the same draws.

    The paper's likelihood weighs by the Dirichlet that was meant, not by the density of what was
    drawn. Its bound has the KL of MultiGammas.
    """
    generator, honest, doubtful, bound = _generator(x), [], [], []
    model: Any = vae
    prior = model.prior().concentration
    for rows in track(x.split(max(1, 10_000 // amounts.samples)), "likelihood, and the paper's"):
        law = model.encoder(rows)
        log_z = law.log().rsample((amounts.samples,), generator)
        likelihood = model.decoder(log_z.exp()).log_prob(rows)
        joint = likelihood + Dirichlet(prior).log().log_prob(log_z)
        meant = Dirichlet(law.concentration)
        honest.append(_evidence(joint - law.log().log_prob(log_z)))
        doubtful.append(_evidence(joint - meant.log().log_prob(log_z)))
        bound.append(likelihood.mean(0) - multi_gamma_kl(law.concentration, prior))
    return _nll(Evidence.concatenate(honest), amounts) | {
        "doubtful_nll": -Evidence.concatenate(doubtful).mean,
        "doubtful_negative_elbo": -float(torch.cat(bound).double().mean()),
    }


def _evidence(log_weights: Tensor) -> Evidence:
    return importance_sampled(log_weights.double().cpu().numpy())


def collapse(vae: VAE, images: Images, x: Tensor, amounts: Amounts) -> Figures:
    """Which components are used, and how they lie, beside the prior's own values."""
    found = diagnose(vae, x[: amounts.diagnosed_images], generator=_generator(x))
    encoding, decoding, both = (
        sum(use in wanted for use in found.uses)
        for wanted in ((Use.BOTH, Use.ENCODING), (Use.BOTH, Use.DECODING), (Use.BOTH,))
    )
    return {
        "used_in_encoding": encoding,
        "used_in_decoding": decoding,
        "used_in_both": both,
        "active": found.active(images.threshold),
        "active_prior": found.active_prior(images.threshold),
        "mutual_information": found.information.value,
        "mutual_information_bound": found.information.bound,
        "marginal_kl_is_exact": found.marginal_kl.exact,
        "components": {
            ON_FILE.get(name, name): _short(values)
            for name, values in found.by_component.items()
            if name != "prior_marginal_kl"  # 0 but for the error of an estimate
        },
    }


def _representation(vae: VAE, images: Images, x: Tensor, amounts: Amounts) -> Figures:
    """Errors of classifiers on grey images' posterior means, and of neighbours on draws too."""
    generator, pair = _generator(x), (images.train.to(x.device), images.test.to(x.device))
    model: Any = vae
    embedded = [posterior_means(vae, rows) for rows in pair]
    means = [rows.cpu().numpy() for rows in embedded]
    seen = [model.decoder.net.features(rows).cpu().numpy() for rows in embedded]
    draws = [posterior_draws(vae, rows, generator=generator).cpu().numpy() for rows in pair]
    labels = images.train_labels, images.test_labels
    few = slice(amounts.probe_rows)
    probe = means[0][few], labels[0][few], means[1], labels[1]
    return {
        "knn_error": knn_errors(means[0], labels[0], means[1], labels[1]),
        "knn_error_as_decoded": knn_errors(seen[0], labels[0], seen[1], labels[1]),
        "knn_error_of_samples": knn_errors(draws[0], labels[0], draws[1], labels[1]),
        "linear_probe_error": 1 - linear_probe_accuracy(*probe),
        "svm_error": 1 - svm_accuracy(*probe),
    }


def _short(values: NDArray[np.float64]) -> list[float | None]:
    """Four digits; None where a moment does not exist."""
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in values.tolist()]
