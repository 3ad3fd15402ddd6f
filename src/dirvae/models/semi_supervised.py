"""A VAE for rows of which some have a known class; it infers the class of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, OneHotCategorical

from dirvae.distributions import draw
from dirvae.distributions.noise import standard_normal
from dirvae.models.vae import VAE, latents, mean_by_row, require_batch
from dirvae.objectives import Terms, log_likelihood

__all__ = ["LabelledVAE", "adversarial_divergence"]

NEARBY = 0.05  # of the radius: where the power method looks how q(y|x) changes
OFTEN = 0.1  # classes of less than that share of q(y|x) are decoded now and then only


class LabelledVAE(nn.Module):
    r"""A VAE and a classifier, with a class y and a latent z: p(y) p(z) p(x|z, y).

    The posterior is q(y|x) q(z|x, y) (model M2 of Kingma et al.), or q(y|x) q(z|x). If y is
    unknown, the bound is a sum over the classes. So y needs no gradient estimator:

    .. math:: \log p(x) \ge \sum_y q(y|x) \Big[\mathrm E \log p(x|z, y)
              - \mathrm{KL}(q(z|x, y) \| p(z))\Big] - \mathrm{KL}(q(y|x) \| p(y))

    To save time, a class with q(y|x) below 0.1 is decoded only with probability q(y|x) / 0.1. When
    it is decoded, its weight is 0.1. The most probable class gets the weight that makes the sum of
    the weights 1. The sum and its gradient stay unbiased. A row whose class is clear needs about
    one decoding, instead of one for each of the C classes.

    Args:
        vae: The VAE for a known y. Its decoder is called as ``decoder(z, y)`` with y one-hot, its
            prior as ``prior()``. Its encoder is called as ``encoder(x, y)`` if
            ``label_in_encoder``, else as ``encoder(x)``.
        classifier: Module that returns q(y|x), a `torch.distributions.OneHotCategorical`.
        label_prior: Module that returns p(y), also a `torch.distributions.OneHotCategorical`. It is
            called as ``label_prior()``.
        label_in_encoder: Whether the encoder sees y.

    References:
        Kingma, Rezende, Mohamed & Welling 2014, eq. 6-7 (M2); Joo et al. 2020, sec. 4.3, with
        q(z|x), which does not see y.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> from dirvae.nn import MLP, Fixed, Head
        >>> classes, bernoulli = OneHotCategorical, torch.distributions.Bernoulli
        >>> encoder, decoder = Head(MLP(8, ()), 3, Dirichlet), Head(MLP(5, ()), 8, bernoulli)
        >>> vae = VAE(encoder, decoder, Fixed(Dirichlet, concentration=torch.ones(3)))
        >>> uniform = Fixed(classes, probs=torch.full((2,), 0.5))
        >>> classifier = Head(MLP(8, ()), 2, classes)
        >>> model = LabelledVAE(vae, classifier=classifier, label_prior=uniform)
        >>> y = torch.tensor([[0.0, 1.0], [0.0, 0.0]])  # the second is unknown
        >>> model.terms(torch.ones(2, 8), y).kl.shape
        torch.Size([2])
    """

    def __init__(
        self,
        vae: VAE,
        *,
        classifier: nn.Module,
        label_prior: nn.Module,
        label_in_encoder: bool = False,
    ) -> None:
        super().__init__()
        self.vae, self.classifier, self.label_prior = vae, classifier, label_prior
        self.label_in_encoder = label_in_encoder

    @property
    def encoder(self) -> nn.Module:
        """The encoder of the VAE."""
        return self.vae.encoder

    @property
    def decoder(self) -> nn.Module:
        """The decoder of the VAE."""
        return self.vae.decoder

    @property
    def prior(self) -> nn.Module:
        """The prior of the VAE."""
        return self.vae.prior

    def forward(self, x: Tensor, label: Tensor | None = None, **options: Any) -> Terms:
        """Return `terms`."""
        return self.terms(x, label, **options)

    def terms(
        self,
        x: Tensor,
        label: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        num_samples: int = 1,
        importance: bool = False,
        generator: torch.Generator | None = None,
    ) -> Terms:
        """Log-likelihood and KL of each example; if y is unknown, their expectations over q(y|x).

        Args:
            x: Shape (B, D...).
            label: One-hot classes, shape (B, C). Rows of zeros are unknown classes; None if all are
                unknown.
            mask: Must be None.
            num_samples: S, draws of the latent for each example.
            importance: Must be False, because a sum over classes has no single importance weight.
            generator: Source of the noise; the global one if None.

        Returns:
            Terms with leading shape (S, B), in nats. ``kl`` is the KL of z plus the KL of y. If y
            is known, -log p(y) replaces the KL of y. So the ELBO is a bound of log p(x) or, if y is
            known, of log p(x, y). ``log_label`` is log q(y|x), 0 if y is unknown. ``q`` and ``z``
            are those at the expected class, which is the known class or the probabilities q(y|x).

        Raises:
            ValueError: If ``mask`` or ``importance`` is given, or the latent has no ``rsample``, or
                encoder or decoder returns a distribution of another batch shape.
        """
        if mask is not None or importance:
            raise ValueError("a LabelledVAE has no mask and no importance: leave them out")
        log_q, log_p = self.log_labels(x), _logits(self.label_prior())
        y = torch.zeros_like(log_q) if label is None else label.to(log_q)
        known = y.sum(-1) > 0
        share = torch.where(known.unsqueeze(-1), y, log_q.exp())
        log_label = (y * log_q).sum(-1)
        kl_label = (share * (log_q - log_p)).sum(-1) - log_label

        # A row is decoded under every class that it may have; a labelled row under its own alone.
        weights, kept = _thinned(share, generator)
        row, place = kept.nonzero(as_tuple=True)
        one_hot, weight = torch.eye(y.shape[-1]).to(y)[place], weights[row, place]
        expected = self.posterior(x, share.detach())
        # With q(z|x) all classes of a row share its draws.
        q = self.posterior(x[row], one_hot) if self.label_in_encoder else expected
        require_batch(q, "encoder", (len(row if self.label_in_encoder else x),))
        if not q.has_rsample:
            raise ValueError(f"the latent {type(q).__name__} has no path, which is needed here")
        found = latents(q, self.prior(), num_samples, generator=generator)
        z, kl = found.z, found.kl
        paired = z if self.label_in_encoder else z[:, row]
        law = self.decoder(paired, one_hot)
        require_batch(law, "decoder", (num_samples, len(row)))
        likelihood = log_likelihood(law, x[row])
        if self.label_in_encoder:
            kl = _sum_by(row, kl * weight, len(x))
            z = draw(expected, torch.Size([num_samples]), generator).detach()
        return Terms(
            log_likelihood=_sum_by(row, likelihood * weight, len(x)),
            kl=kl + kl_label,
            kl_is_exact=found.kl_is_exact,
            log_ratio=None,
            log_q=None,
            q=expected,
            z=z,
            log_label=log_label,
        )

    def log_labels(self, x: Tensor) -> Tensor:
        """Log q(y|x) of every class, shape (B, D...) -> (B, C)."""
        return _logits(self.classifier(x))

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """Return q(z|x, y), batch shape (B,).

        Args:
            x: Shape (B, D...).
            y: One-hot classes or their probabilities, shape (B, C). If None, q(y|x) is used.
        """
        if not self.label_in_encoder:
            return self.vae.infer(x)
        return self.vae.infer(x, self.log_labels(x).exp() if y is None else y)

    def infer(self, x: Tensor, *context: Tensor) -> Distribution:
        """Return `posterior`; every VAE has it under this name."""
        return self.posterior(x, *context)

    def embed(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Posterior mean of the latent, shape (B, K); q(y|x) stands for an unknown class."""
        return self.vae.embed(x, self._completed(x, label) if self.label_in_encoder else None)

    def reconstruct(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Mean of p(x|z, y) at the posterior mean of z, shape of ``x``.

        For an unknown class y, the probabilities q(y|x) are used.
        """
        return mean_by_row(self.decoder, self.embed(x, label), self._completed(x, label))

    def sample(
        self,
        num_samples: int,
        label: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw N = ``num_samples`` values of x.

        Their classes are ``label``, one-hot of shape (N, C), or are drawn from p(y) if it is None.
        """
        if label is None:
            probs = self.label_prior().probs
            place = torch.multinomial(probs, num_samples, replacement=True, generator=generator)
            label = torch.eye(len(probs)).to(probs)[place]
        if len(label) != num_samples:
            rows = len(label)
            raise ValueError(f"label has {rows} rows, must have num_samples={num_samples}")
        prior = self.prior()
        require_batch(prior, "prior", ())
        z = draw(prior, torch.Size([num_samples]), generator)
        return draw(self.decoder(z, label), torch.Size(), generator)

    def _completed(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Classes where they are known, their probabilities where not, shape (B, C)."""
        share = self.log_labels(x).exp()
        return share if y is None else torch.where(y.sum(-1, keepdim=True) > 0, y.to(share), share)


def adversarial_divergence(
    log_labels: Callable[[Tensor], Tensor],
    x: Tensor,
    radius: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""KL(q(y|x) || q(y|x + r)) of each row, where r is close to the worst small change of the row.

    Used as a penalty, it trains a classifier not to change in a ball around each row, labelled or
    not. The change r is found by one step of the power method. Gradients go through q(y|x + r)
    only.

    Args:
        log_labels: Function from rows to log q(y|x), shape (B, D) -> (B, C).
        x: Shape (B, D).
        radius: Half-axes of the ellipsoid of changes, shape (D,) or () for a ball, positive.
        generator: Source of the random direction that the step starts from; the global one if None.

    Returns:
        Shape (B,), in nats.

    References:
        Miyato, Maeda, Koyama & Ishii, "Virtual adversarial training: a regularization method for
        supervised and semi-supervised learning", 2019, Algorithm 1.

    Example:
        >>> classifier = nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax(-1))
        >>> adversarial_divergence(classifier, torch.zeros(5, 3), torch.tensor(0.1)).shape
        torch.Size([5])
    """
    with torch.no_grad():
        log_q = log_labels(x)
    start = standard_normal(x.shape, log_q, generator)
    step = (NEARBY * _unit(start)).requires_grad_()
    with torch.enable_grad():
        near = _divergence(log_q, log_labels(x + radius * step)).sum()
        (direction,) = torch.autograd.grad(near, step)
    return _divergence(log_q, log_labels(x + radius * _unit(direction)))


def _divergence(log_q: Tensor, log_p: Tensor) -> Tensor:
    return (log_q.exp() * (log_q - log_p)).sum(-1)


def _unit(rows: Tensor) -> Tensor:
    # By its largest part first: the square of a tiny gradient would underflow.
    largest = rows.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    return nn.functional.normalize(rows / largest, dim=-1)


def _thinned(share: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Weights of mean ``share``, each row's of sum 1, and which are not left out, (B, C) each."""
    top = share.argmax(-1, keepdim=True)
    chance = (share.detach() / OFTEN).clamp(max=1)
    noise = torch.rand(chance.shape, generator=generator, device=chance.device)
    kept = (noise < chance).scatter(-1, top, True)
    others = torch.where(kept, share / chance.clamp(min=1e-30), 0.0).scatter(-1, top, 0.0)
    return others.scatter(-1, top, 1 - others.sum(-1, keepdim=True)), kept


def _logits(law: OneHotCategorical) -> Tensor:
    return torch.log_softmax(law.logits, -1)


def _sum_by(row: Tensor, values: Tensor, count: int) -> Tensor:
    """Sums over pairs of the same row, shape (..., P) -> (..., B)."""
    sums = values.new_zeros(*values.shape[:-1], count)
    return sums.index_add(-1, row, values)
