"""The variational autoencoder: encoder, decoder and prior, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from dirvae.distributions import draw, draw_with_log_ratio
from dirvae.distributions.draws import formula_of_kl
from dirvae.distributions.moments import has_mean, posterior_mean
from dirvae.nn import Head
from dirvae.objectives import Terms, log_likelihood

__all__ = ["VAE", "Latents", "closed_form_kl", "latents", "mean_by_row", "require_batch"]


class VAE(nn.Module):
    """Variational autoencoder with any latent and any likelihood.

    Args:
        encoder: Module that returns q(z|x), called as ``encoder(x)`` or ``encoder(x, covariates)``.
            One event of q(z|x) is a whole latent, usually of shape (K,). If the events of q are
            single numbers, ``torch.distributions.Independent(q, 1)`` makes them vectors.
        decoder: Module that returns p(x|z), called as ``decoder(z)`` or ``decoder(z, covariates)``.
        prior: Module that returns p(z), called as ``prior()`` or ``prior(covariates)``.

    References:
        Kingma & Welling 2014. Conditional VAE: Sohn, Lee & Yan 2015.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> from dirvae.nn import MLP, Fixed, Head
        >>> encoder = Head(MLP(8, (16,)), 3, Dirichlet)
        >>> decoder = Head(MLP(3, (16,)), 8, torch.distributions.Bernoulli)
        >>> vae = VAE(encoder, decoder, Fixed(Dirichlet, concentration=torch.ones(3)))
        >>> vae(torch.ones(4, 8), num_samples=2).log_likelihood.shape
        torch.Size([2, 4])
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior

    def forward(self, x: Tensor, covariates: Tensor | None = None, **options: Any) -> Terms:
        """Return `terms`: q(z|x), draws of z, their log-likelihood and the KL."""
        return self.terms(x, covariates, **options)

    def infer(self, x: Tensor, *context: Tensor) -> Distribution:
        """Return q(z|x), the output of the encoder, batch shape (B,)."""
        return cast(Distribution, self.encoder(x, *context))

    def terms(
        self,
        x: Tensor,
        covariates: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        num_samples: int = 1,
        importance: bool = False,
        generator: torch.Generator | None = None,
    ) -> Terms:
        """Log-likelihood and KL of each example, from which objectives are computed.

        Args:
            x: Shape (B, D...).
            covariates: Shape (B, C), or None. Encoder, decoder and prior all get them.
            mask: Shape of x, True where observed. The encoder sees 0 where it is False.
            num_samples: S, draws of the latent for each example.
            importance: Whether to compute ``log_ratio``, which importance weighting needs.
            generator: Source of the noise; the global one if None.

        Returns:
            `Terms` in nats. The log-likelihood has shape (S, B), the KL has shape (B,).

        Raises:
            ValueError: If encoder or decoder returns a distribution of another batch shape.
        """
        context = () if covariates is None else (covariates,)
        q = self.infer(_observed(x, mask), *context)
        require_batch(q, "encoder", (x.shape[0],))
        found = latents(
            q, self.prior(*context), num_samples, importance=importance, generator=generator
        )
        law = self.decoder(found.z, *context)
        require_batch(law, "decoder", (num_samples, x.shape[0]))
        return Terms(log_likelihood=log_likelihood(law, x, mask), q=q, **found._asdict())

    def embed(
        self, x: Tensor, covariates: Tensor | None = None, *, mask: Tensor | None = None
    ) -> Tensor:
        """Posterior mean of the latent, shape (B, K).

        If q has no formula for its mean, the mean of each row is estimated from 256 draws. The
        noise is fixed, and is the same for each row.
        """
        context = () if covariates is None else (covariates,)
        # A subclass may infer in another way than by the encoder alone.
        q = self.encoder if type(self).infer is VAE.infer else self.infer
        return mean_by_row(q, _observed(x, mask), *context)

    def reconstruct(
        self, x: Tensor, covariates: Tensor | None = None, *, mask: Tensor | None = None
    ) -> Tensor:
        """Mean of p(x|z) at the posterior mean of z, shape of ``x``."""
        context = () if covariates is None else (covariates,)
        return mean_by_row(self.decoder, self.embed(x, covariates, mask=mask), *context)

    def sample(
        self,
        num_samples: int,
        covariates: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws of x from the model.

        Args:
            num_samples: Number of draws N. With covariates, N is their number of rows.
            covariates: Shape (N, C).
            generator: Source of the noise; the global one if None.

        Returns:
            Shape (N, D...).

        Raises:
            ValueError: If the covariates do not have N rows, or the prior has another batch shape
                than () or (N,).
        """
        if covariates is not None and len(covariates) != num_samples:
            rows = len(covariates)
            raise ValueError(f"covariates has {rows} rows, must have num_samples={num_samples}")
        context = () if covariates is None else (covariates,)
        prior = self.prior(*context)
        require_batch(prior, "prior", (), (num_samples,))
        shape = torch.Size([] if prior.batch_shape else [num_samples])
        return draw(self.decoder(draw(prior, shape, generator), *context), torch.Size(), generator)


def _observed(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x.where(mask.bool(), torch.zeros_like(x))


class Latents(NamedTuple):
    """Draws of the latent and its KL; the fields are explained in `Terms`."""

    z: Tensor
    kl: Tensor
    kl_is_exact: bool
    log_ratio: Tensor | None = None
    log_q: Tensor | None = None
    path: Tensor | None = None


def latents(
    q: Distribution,
    prior: Distribution,
    num_samples: int,
    *,
    importance: bool = False,
    generator: torch.Generator | None = None,
) -> Latents:
    """Draw from q(z|x); compute its KL from the prior by a formula, or else from the draws.

    Example:
        >>> from torch.distributions import Normal
        >>> latents(Normal(torch.zeros(4), 2.0), Normal(0.0, 1.0), 3).z.shape
        torch.Size([3, 4])
    """
    divergence, shape = closed_form_kl(q, prior), torch.Size([num_samples])
    if divergence is not None and q.has_rsample and not importance:
        return Latents(draw(q, shape, generator), divergence, True)
    z, log_ratio, log_q, path = draw_with_log_ratio(q, prior, shape, generator)
    exact = divergence is not None
    divergence = -log_ratio.mean(0) if divergence is None else divergence
    return Latents(z, divergence, exact, log_ratio, None if q.has_rsample else log_q, path)


def closed_form_kl(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) of shape (B,), or None where no formula is registered.

    Example:
        >>> from torch.distributions import Cauchy, Gumbel
        >>> print(closed_form_kl(Cauchy(0.0, 1.0), Gumbel(0.0, 1.0)))
        None
    """
    try:
        return formula_of_kl(q, p).expand(q.batch_shape)
    except NotImplementedError:
        return None


def require_batch(law: Distribution, module: str, *allowed: Sequence[int]) -> None:
    """Raise ValueError unless the distribution that a module returns has one of the batch shapes.

    Another one would often broadcast, and the numbers be wrong without a word.

    Args:
        law: The distribution.
        module: Name of the module in the message.
        allowed: The batch shapes.

    Example:
        >>> require_batch(torch.distributions.Normal(torch.zeros(4, 2), 1.0), "encoder", (4,))
        Traceback (most recent call last):
        ValueError: encoder returned Normal of batch shape (4, 2), must be (4,); if its events are
        single numbers, torch.distributions.Independent(law, 1) makes them vectors
    """
    found = tuple(law.batch_shape)
    if found not in allowed:
        told = " or ".join(str(tuple(shape)) for shape in allowed)
        longer = len(found) > len(allowed[0])
        hint = (
            "; if its events are single numbers, torch.distributions.Independent(law, 1) makes "
            "them vectors"
        )
        raise ValueError(
            f"{module} returned {type(law).__name__} of batch shape {found}, must be {told}"
            f"{hint if longer else ''}"
        )


def mean_by_row(conditional: Callable[..., Distribution], *context: Tensor) -> Tensor:
    """Mean of each row's distribution, by `posterior_mean` of each row alone.

    If the mean is estimated from draws, rows are computed one at a time. So each row gets the same
    noise in every batch and at every place in it.

    Args:
        conditional: Function of tensors with B rows that returns a distribution of batch shape
            (B,).
        context: These tensors, each (B, ...), dense or sparse CSR.

    Returns:
        Shape (B, ...).

    Example:
        >>> from dirvae.models.zoo import softmax_gaussian
        >>> vae = softmax_gaussian(4, 2)
        >>> means = mean_by_row(vae.infer, torch.eye(4))
        >>> bool((mean_by_row(vae.infer, torch.eye(4).flip(0)).flip(0) == means).all())
        True
    """
    law = conditional(*context)
    if not len(context[0]) or has_mean(law):
        return posterior_mean(law)
    return torch.cat([posterior_mean(q) for q in _laws(conditional, *context)])


def _laws(conditional: Callable[..., Distribution], *context: Tensor) -> Iterator[Distribution]:
    """The distribution of each row by itself, batch shape (1,)."""
    if isinstance(conditional, Head):  # whose network takes all rows at once in a fraction of time
        return map(conditional.law, conditional.raw(*context).split(1))
    dense = (part if part.layout is torch.strided else part.to_dense() for part in context)
    return map(conditional, *(part.split(1) for part in dense))
