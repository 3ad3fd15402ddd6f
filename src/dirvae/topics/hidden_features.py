"""How well a model of compositions tells the counts of features that it was not shown."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from dirvae.data.counts import sparse_rows
from dirvae.distributions import DirichletMultinomial
from dirvae.nn.surroundings import pinned
from dirvae.topics.decoders import OverdispersedDecoder
from dirvae.topics.inference import MixtureVAE

__all__ = ["hidden_features_log_prob"]

Floats = NDArray[np.float64]
ROWS_AT_ONCE = 500


@pinned()
@torch.no_grad()
def hidden_features_log_prob(
    vae: MixtureVAE,
    counts: sparse.csr_matrix,
    covariates: Any = None,
    *,
    theta_of_all: Floats | None = None,
    seed: int = 0,
) -> Floats:
    r"""Log probability in nats of half of the features' counts, given the others', shape (N,).

    A random half of the features is shown. Theta is its posterior mean given their counts alone.
    The counts of the hidden features, given their total, are again Dirichlet-multinomial, with
    concentration :math:`s \theta^\top \beta` in these features.

    Args:
        vae: A VAE with an `OverdispersedDecoder`.
        counts: Shape (N, D).
        covariates: What the prior is told, shape (N, C), or None.
        theta_of_all: The same for every sample, shape (K,), in place of what is inferred.
        seed: Of the halves.

    Example:
        >>> from dirvae.topics import CompositionModel
        >>> counts = np.random.default_rng(0).poisson(3, (30, 6))
        >>> model = CompositionModel(2, max_epochs=1, hidden_sizes=(8,), random_state=0).fit(counts)
        >>> hidden_features_log_prob(model.vae_, model.counts(counts)).shape
        (30,)
    """
    wide: Any = copy.deepcopy(vae).double().eval()
    shown = np.random.default_rng(seed).permutation(counts.shape[1]) < counts.shape[1] // 2
    found = []
    for start in range(0, counts.shape[0], ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        context = () if covariates is None else (torch.as_tensor(covariates[part]).double(),)
        if theta_of_all is None:
            theta = _inferred(wide, counts[part], torch.from_numpy(shown), context)
        else:
            theta = torch.from_numpy(theta_of_all).expand(counts[part].shape[0], -1)
        hidden = torch.from_numpy(counts[part].toarray()[:, ~shown])
        law = wide.decoder(theta).concentration[:, torch.from_numpy(~shown)]
        found.append(DirichletMultinomial(law, validate_args=False).log_prob(hidden).numpy())
    return np.concatenate(found)


def _inferred(
    vae: Any, counts: sparse.csr_matrix, shown: Tensor, context: tuple[Tensor, ...]
) -> Tensor:
    """Posterior mean of theta by the shown features alone, shape (B, K).

    Of a part of the features the law is the same with beta, prior and precision of that part: the
    mixture in it has the weights theta_k times the share of component k that is in it.
    """
    beta = vae.decoder.topics * shown
    share = beta.sum(1)
    x = sparse_rows((counts @ sparse.diags(shown.double().numpy())).tocsr(), torch.float64)
    prior = vae.prior(*context).concentration
    prior = prior.expand(x.shape[0], -1)
    total = prior.sum(-1, keepdim=True)
    mean = prior @ share.unsqueeze(1) / total  # of each sample, whose covariates have their say
    decoder: OverdispersedDecoder = copy.deepcopy(vae.decoder)
    decoder.log_precision = nn.Parameter(decoder.log_precision + mean.squeeze(1).log())
    steps = vae.num_steps * decoder.more_steps
    words = (beta / share.unsqueeze(1)).t().contiguous()
    q = decoder.infer(x, vae.encoder(x), prior * share / mean, words, steps)
    assigned = (q.concentration - prior * share / mean).clamp(min=0)
    # As of rates with gamma priors: counts of a component that hardly shows are not blown up.
    theta = (prior + assigned) / (total + share / mean * assigned.sum(-1, keepdim=True))
    return theta / theta.sum(-1, keepdim=True)
