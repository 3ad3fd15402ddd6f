"""Inference of topic models, where numbers are small."""

from __future__ import annotations

import torch
from torch.distributions import OneHotCategorical

from dirvae.distributions import Dirichlet
from dirvae.models.diagnosis import diagnose
from dirvae.models.topic_decoders import MixtureDecoder
from dirvae.models.topic_zoo import topic_prior, topic_vae
from dirvae.models.zoo import mlp_labelled_vae
from dirvae.nn import Fixed
from dirvae.objectives import elbo


def test_gradients_are_finite_for_sparse_priors_and_short_documents() -> None:
    torch.manual_seed(0)
    prior = topic_prior(Dirichlet, 100, 0.01, learn=True)
    vae = topic_vae(MixtureDecoder(100, 2000), Dirichlet, prior)
    x = torch.zeros(6, 2000)
    for row, words in enumerate((1, 2, 5, 10, 20, 50)):
        x[row, torch.randperm(2000)[:words]] = 1.0
    elbo(vae.train().terms(x)).sum().backward()
    learned = [(name, p) for name, p in vae.named_parameters() if p.numel()]
    for name, parameter in learned:
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


def test_models_with_inference_of_their_own_are_diagnosed() -> None:
    torch.manual_seed(0)
    prior = topic_prior(Dirichlet, 3, 0.5)
    topics = topic_vae(MixtureDecoder(3, 8), Dirichlet, prior)
    assert diagnose(topics, torch.eye(8)).decoding_cost.shape == (3,)
    labelled = mlp_labelled_vae(
        8, 2, Dirichlet, Fixed(Dirichlet, concentration=torch.ones(3)), label_in_encoder=True
    )
    labels = OneHotCategorical(torch.ones(2)).sample(torch.Size([8]))
    assert diagnose(labelled, torch.eye(8), labels).decoding_cost.shape == (3,)
