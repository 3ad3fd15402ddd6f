"""VAEs that are made by name, all from the same parts; each cites its paper.

In all of them, encoder and decoder are multilayer perceptrons. The latent is standardized by the
prior's mean and standard deviation before the decoder sees it. Without this, values on a simplex of
K parts would be near 1/K and hardly vary. A decoder that gets such values starts by ignoring them.
If the latent is a scaled or standardized Dirichlet, or a Concrete, the decoder sees its log ratios
instead. The guide to training explains these defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Distribution,
    Normal,
    OneHotCategorical,
    RelaxedOneHotCategorical,
)

from dirvae.distributions import (
    Dirichlet,
    InverseCDFDirichlet,
    ScaledDirichlet,
    SoftmaxNormal,
    StandardizedDirichlet,
    StickBreakingKumaraswamy,
)
from dirvae.models.latents import decoder_view, default_concentration, head_options, standard_prior
from dirvae.models.likelihoods import data_features, likelihood_head
from dirvae.models.mixture_prior import MixturePrior
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE
from dirvae.nn import MLP, Fixed, Head

__all__ = [
    "concrete",
    "dirichlet",
    "gaussian",
    "inverse_cdf_dirichlet",
    "mlp_labelled_vae",
    "mlp_vae",
    "scaled_dirichlet",
    "softmax_gaussian",
    "standardized_dirichlet",
    "stick_breaking",
]


def mlp_vae(
    num_features: int,
    Latent: Callable[..., Distribution],
    prior: Fixed,
    *,
    likelihood: Callable[..., Distribution] = Bernoulli,
    hidden_sizes: Sequence[int] | int = (500, 500),
    decoder_hidden_sizes: Sequence[int] | int = (500,),
    layer_norm: bool = True,
    activation: Callable[[], nn.Module] = nn.GELU,
    num_covariates: int = 0,
    moments: tuple[Tensor, Tensor] | None = None,
    commitment: float = 0.0,
    prior_components: int | None = None,
    with_proportions: bool = False,
) -> VAE:
    """VAE with any latent, whose encoder and decoder are multilayer perceptrons.

    Args:
        num_features: D, size of x.
        Latent: Distribution of q(z|x), a subclass of `torch.distributions.Distribution`.
        prior: p(z); its event shape (K,) is the latent's.
        likelihood: Distribution of p(x|z).
        hidden_sizes: Widths of the encoder's hidden layers, or one number for a single layer.
        decoder_hidden_sizes: The same for the decoder.
        layer_norm: Whether each hidden layer is normalized.
        activation: Constructor of the activation.
        num_covariates: C, number of covariates that encoder and decoder see in addition.
        moments: Mean and standard deviation of the data, each (D,). The decoder starts at the mean
            if the likelihood allows it. A Gaussian likelihood has the mean as origin and the
            standard deviation as unit.
        commitment: The smallest concentration of a posterior, as a multiple of the prior's
            concentration at the start. Only for latents of a Dirichlet kind with a Dirichlet
            prior. Above 1, no component's posterior can equal its prior. So even a component that
            is out of use costs nats. With ``prior_components`` too, no distribution of the
            `MixturePrior` then becomes more certain than ``prior``.
        prior_components: Number of distributions of a `MixturePrior`, which starts around ``prior``
            and is learned. If None, ``prior`` itself is used.
        with_proportions: Whether the decoder sees the proportions beside their log ratios. Only for
            latents whose log ratios it sees.

    Raises:
        ValueError: If ``commitment`` is negative or infinite. If it is not 0 and the latent or the
            prior is not a Dirichlet. If ``prior_components`` is given and no `MixturePrior` can be
            made from ``prior``. If ``with_proportions`` is given and the decoder sees no log
            ratios.

    References:
        Razavi, van den Oord, Poole & Vinyals 2019, "Preventing posterior collapse with
        delta-VAEs" (a posterior that cannot equal the prior).

    Example:
        >>> prior = Fixed(torch.distributions.Laplace, loc=torch.zeros(3), scale=torch.ones(3))
        >>> vae = mlp_vae(8, torch.distributions.Laplace, prior, hidden_sizes=(16,))
        >>> vae.embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    options: dict[str, Any] = {"layer_norm": layer_norm, "activation": activation}
    features = data_features(likelihood, moments)
    encoder = _network(num_features + num_covariates, hidden_sizes, features, **options)
    view = decoder_view(Latent, prior, with_proportions)
    num_seen = prior().event_shape[0] * (2 if with_proportions else 1)
    decoder = _network(num_seen + num_covariates, decoder_hidden_sizes, view, **options)
    q = _posterior(encoder, Latent, prior, commitment)
    p: nn.Module = prior
    if prior_components is not None:
        p = MixturePrior(prior, prior_components, less_certain=commitment > 1)
    return VAE(q, likelihood_head(decoder, num_features, likelihood, moments), p)


def _network(
    size: int,
    hidden_sizes: Sequence[int] | int,
    features: nn.Module | None,
    *,
    layer_norm: bool = True,
    activation: Callable[[], nn.Module] = nn.GELU,
) -> MLP:
    return MLP(
        size,
        (hidden_sizes,) if isinstance(hidden_sizes, int) else hidden_sizes,
        layer_norm=layer_norm,
        activation=activation,
        features=features,
    )


def _posterior(
    net: MLP, Latent: Callable[..., Distribution], prior: Fixed, commitment: float = 0.0
) -> Head:
    num_latent = prior().event_shape[0]
    return Head(net, num_latent, Latent, **head_options(Latent, prior, commitment))


def mlp_labelled_vae(
    num_features: int,
    num_classes: int,
    Latent: Callable[..., Distribution],
    prior: Fixed,
    *,
    likelihood: Callable[..., Distribution] = Bernoulli,
    label_in_encoder: bool = False,
    hidden_sizes: Sequence[int] | int = (500, 500),
    decoder_hidden_sizes: Sequence[int] | int = (500,),
    classifier_hidden_sizes: Sequence[int] | int = (500, 500),
    moments: tuple[Tensor, Tensor] | None = None,
) -> LabelledVAE:
    """`LabelledVAE` of multilayer perceptrons with any latent; p(y) is uniform.

    Args:
        num_features: D, size of x.
        num_classes: C.
        Latent: Distribution of q(z|x, y).
        prior: p(z); its event shape (K,) is the latent's.
        likelihood: Distribution of p(x|z, y).
        label_in_encoder: Whether the encoder sees y (Kingma et al. 2014) or not (Joo et al. 2020).
        hidden_sizes: Widths of the encoder's hidden layers, or one number for a single layer.
        decoder_hidden_sizes: The same for the decoder.
        classifier_hidden_sizes: The same for the classifier.
        moments: As in `mlp_vae`.

    Example:
        >>> prior = Fixed(Dirichlet, concentration=torch.ones(3))
        >>> vae = mlp_labelled_vae(8, 2, Dirichlet, prior, hidden_sizes=(16,))
        >>> vae.log_labels(torch.zeros(4, 8)).shape
        torch.Size([4, 2])
    """
    features = data_features(likelihood, moments)
    num_labels = num_classes if label_in_encoder else 0
    encoder = _network(num_features + num_labels, hidden_sizes, features)
    classifier = _network(num_features, classifier_hidden_sizes, features)
    decoder = _network(
        prior().event_shape[0] + num_classes,
        decoder_hidden_sizes,
        decoder_view(Latent, prior),
    )
    return LabelledVAE(
        VAE(
            _posterior(encoder, Latent, prior),
            likelihood_head(decoder, num_features, likelihood, moments),
            prior,
        ),
        classifier=Head(classifier, num_classes, OneHotCategorical),
        label_prior=Fixed(OneHotCategorical, probs=torch.full((num_classes,), 1 / num_classes)),
        label_in_encoder=label_in_encoder,
    )


def gaussian(num_features: int, num_latent: int, **options: Any) -> VAE:
    """Gaussian latent (Kingma & Welling 2014). The options are those of `mlp_vae`.

    Example:
        >>> gaussian(8, 3).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    return mlp_vae(num_features, Normal, standard_prior(Normal, num_latent), **options)


def softmax_gaussian(num_features: int, num_latent: int, **options: Any) -> VAE:
    """Softmax of a Gaussian: GVAE-Softmax of Joo et al. 2020, with the exact KL on the simplex.

    Example:
        >>> softmax_gaussian(8, 3).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = standard_prior(SoftmaxNormal, num_latent)
    return mlp_vae(num_features, SoftmaxNormal, prior, **options)


def dirichlet(num_features: int, prior_concentration: Tensor | int, **options: Any) -> VAE:
    """Dirichlet latent with exact samples, gradients and KL.

    Args:
        num_features: D, size of x.
        prior_concentration: Positive tensor of shape (K,). Or the number K, for a concentration of
            1 - 1/K in each of K components.
        options: The options of `mlp_vae`.

    Raises:
        ValueError: If K is less than 2.

    Example:
        >>> dirichlet(8, torch.ones(3)).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
        >>> dirichlet(8, 4, hidden_sizes=16).prior().concentration
        tensor([0.7500, 0.7500, 0.7500, 0.7500])
    """
    prior = _dirichlet_prior(prior_concentration)
    return mlp_vae(num_features, Dirichlet, prior, **options)


def _dirichlet_prior(concentration: Tensor | int) -> Fixed:
    if isinstance(concentration, int):
        if concentration < 2:
            raise ValueError(f"prior_concentration is {concentration}, must be K, 2 or more")
        concentration = default_concentration(concentration)
    return Fixed(Dirichlet, concentration=concentration)


def scaled_dirichlet(num_features: int, prior_concentration: Tensor | int, **options: Any) -> VAE:
    """Dirichlet prior and scaled Dirichlet posterior, whose means and precisions are free.

    Of the latents on the simplex in this module it has the tightest bounds. The arguments are those
    of `dirichlet`.

    References:
        `ScaledDirichlet`.

    Example:
        >>> scaled_dirichlet(8, torch.ones(3)).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = _dirichlet_prior(prior_concentration)
    return mlp_vae(num_features, ScaledDirichlet, prior, **options)


def standardized_dirichlet(
    num_features: int, prior_concentration: Tensor | int, **options: Any
) -> VAE:
    """The same posterior as in `scaled_dirichlet`, with other parameters, which train better.

    The parameters are place and certainty. The arguments are those of `dirichlet`.

    References:
        `StandardizedDirichlet`.

    Example:
        >>> standardized_dirichlet(8, torch.ones(3)).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = _dirichlet_prior(prior_concentration)
    return mlp_vae(num_features, StandardizedDirichlet, prior, **options)


def inverse_cdf_dirichlet(
    num_features: int, prior_concentration: Tensor | int, **options: Any
) -> VAE:
    """Dirichlet by the inverse Gamma CDF approximation (Joo et al. 2020, sec. 3.1).

    The prior is a Dirichlet. The KL is estimated by Monte Carlo, with the true density of the
    draws. The arguments are those of `dirichlet`.

    Example:
        >>> inverse_cdf_dirichlet(8, torch.ones(3)).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = _dirichlet_prior(prior_concentration)
    return mlp_vae(num_features, InverseCDFDirichlet, prior, **options)


def concrete(num_features: int, num_latent: int, temperature: float = 0.5, **options: Any) -> VAE:
    """Relaxed one-hot vectors: the Concrete, or Gumbel-softmax, latent.

    Posterior and prior have the same temperature. The KL is estimated from draws, with the density
    of the relaxed vectors that the decoder gets. The decoder sees their log ratios. (Jang et al.
    use the KL of the one-hot distributions instead, whose draws the decoder does not get.)

    Args:
        num_features: D, size of x.
        num_latent: K.
        temperature: Positive. Towards 0 the vectors become one-hot and the gradients noisy.
        options: The options of `mlp_vae`.

    References:
        Maddison, Mnih & Teh 2017, "The Concrete distribution", eq. 10 and sec. C.3; Jang, Gu &
        Poole 2017, "Categorical reparameterization with Gumbel-softmax".

    Example:
        >>> concrete(8, 3).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    parameters = {"temperature": torch.tensor(temperature), "logits": torch.zeros(num_latent)}
    prior = Fixed(RelaxedOneHotCategorical, **parameters)
    return mlp_vae(num_features, RelaxedOneHotCategorical, prior, **options)


def stick_breaking(
    num_features: int, num_latent: int, prior_concentration: float = 5.0, **options: Any
) -> VAE:
    """Stick breaking with Kumaraswamy sticks and a GEM prior (Nalisnick & Smyth 2017).

    Args:
        num_features: D, size of x.
        num_latent: K, the number of parts after which stick breaking is truncated.
        prior_concentration: Concentration of the GEM, positive.
        options: The options of `mlp_vae`.

    Example:
        >>> stick_breaking(8, 3).embed(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """
    concentration = torch.tensor(prior_concentration)
    prior = standard_prior(StickBreakingKumaraswamy, num_latent, concentration)
    return mlp_vae(num_features, StickBreakingKumaraswamy, prior, **options)
