"""Location and spread of any distribution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from dirvae.distributions.draws import draw

__all__ = ["has_mean", "location_and_spread", "posterior_mean"]


def has_mean(law: Distribution) -> bool:
    """Whether a distribution has a formula for its mean, so that the mean needs no draws.

    Example:
        >>> has_mean(torch.distributions.Normal(0.0, 1.0))
        True
    """
    try:
        law.mean  # noqa: B018
    except NotImplementedError:
        return False
    return True


def posterior_mean(q: Distribution, num_samples: int = 256) -> Tensor:
    """Mean of ``q``, or its mode where the mean is not finite.

    If ``q`` has no formula for its mean, the mean is estimated by Monte Carlo with ``num_samples``
    draws. The noise is fixed, so that the same ``q`` gives the same answer. But the noise of a row
    depends on the row's place in the batch.

    Returns:
        Shape ``q.batch_shape + q.event_shape``.

    Example:
        >>> posterior_mean(torch.distributions.Cauchy(torch.tensor(3.0), torch.tensor(1.0)))
        tensor(3.)
    """
    try:
        mean = q.mean
    except NotImplementedError:
        return draw(q, torch.Size([num_samples]), torch.Generator().manual_seed(0)).mean(0)
    if bool(mean.isfinite().all()):
        return mean
    # Where the mode has no density the parameters are NaN, and so must the answer be.
    known = ~q.log_prob(q.mode).isnan()
    known = known.reshape(known.shape + (1,) * len(q.event_shape))
    return torch.where(known & ~mean.isfinite(), q.mode, mean)


def location_and_spread(p: Distribution, num_samples: int = 4096) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, or median and scaled interquartile range.

    The latter two are used if the former have no formula, or are not all finite. They are estimated
    from ``num_samples`` draws. The range is scaled to the standard deviation of a Gaussian.

    Returns:
        Two tensors of shape ``p.batch_shape + p.event_shape``.

    Example:
        >>> location_and_spread(torch.distributions.Normal(torch.zeros(1), torch.ones(1) / 2))
        (tensor([0.]), tensor([0.5000]))
    """
    try:
        mean, std = p.mean, p.variance.sqrt()
        if bool((mean.isfinite() & std.isfinite() & (std > 0)).all()):
            return mean, std
    except NotImplementedError:
        pass
    z = draw(p, torch.Size([num_samples]), torch.Generator().manual_seed(0))
    low, median, high = z.quantile(z.new_tensor([0.25, 0.5, 0.75]), 0)
    # 1.349 quartile ranges make one standard deviation of a Gaussian.
    return median, ((high - low) / 1.349).clamp(min=torch.finfo(z.dtype).eps)
