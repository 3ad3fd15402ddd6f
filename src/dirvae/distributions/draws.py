"""Draws, log ratios and KL divergences for any two distributions, by the best available way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    MixtureSameFamily,
    VonMises,
    kl_divergence,
)

from dirvae.distributions._kl import require_same_events
from dirvae.distributions.global_random import DrawingFrom, forked_generators

__all__ = ["Draws", "KLResult", "draw", "draw_with_log_ratio", "formula_of_kl", "kl", "log_law"]

MOST_AT_ONCE = 2**24  # numbers: torch's mixtures draw from all of their parts and keep one


class KLResult(NamedTuple):
    """A KL divergence, and how it was computed.

    Attributes:
        value: KL(q || p) in nats, shape (B,).
        exact: True for a closed form (or a converged quadrature), False for Monte Carlo.
        std_error: Standard error of ``value``, shape (B,). None if ``exact``, or from one draw.

    Example:
        >>> from torch.distributions import Normal
        >>> kl(Normal(0.0, 1.0), Normal(0.0, 1.0))
        KLResult(value=tensor(0.), exact=True, std_error=None)
    """

    value: Tensor
    exact: bool
    std_error: Tensor | None


class Draws(NamedTuple):
    """Draws of a distribution with their log ratios.

    The shape of each tensor begins with S + (B,), sample shape and batch shape.

    Attributes:
        z: The draws.
        log_ratio: log p(z) - log q(z), in nats: the log of an importance weight, or minus one term
            of the KL.
        log_q: log q(z), in nats. If the draws were made as log z, the log density of log z.
        path: The tensor that was drawn: z or its logarithm. All pathwise gradients flow through it.

    Example:
        >>> from torch.distributions import Normal
        >>> draws = draw_with_log_ratio(Normal(0.0, 1.0), Normal(0.0, 1.0))
        >>> draws.path is draws.z
        True
    """

    z: Tensor
    log_ratio: Tensor
    log_q: Tensor
    path: Tensor


def kl(
    q: Distribution,
    p: Distribution,
    *,
    num_samples: int = 1,
    generator: torch.Generator | None = None,
) -> KLResult:
    r"""KL(q || p): the closed form if one is registered, else Monte Carlo with draws from ``q``.

    .. math:: \mathrm{KL}(q \| p) \approx \frac1S \sum_s \log q(z_s) - \log p(z_s), \quad z_s \sim q

    The gradient of the Monte Carlo value is unbiased. If ``q`` has ``rsample``, the gradient is
    pathwise. Otherwise a score-function term, whose value is zero, carries the gradient.

    Args:
        q: Distribution with batch shape (B,).
        p: Distribution over the same events, batch shape (B,) or ().
        num_samples: S >= 1, number of draws for Monte Carlo. A closed form ignores it.
        generator: Source of these draws; the global one if None.

    Returns:
        The divergence with its standard error.

    Raises:
        ValueError: If the events differ in shape, or a log density is NaN.

    Example:
        >>> from torch.distributions import Gumbel, Normal
        >>> kl(Normal(0.0, 1.0), Normal(0.0, 1.0)).exact
        True
        >>> kl(Normal(torch.zeros(2), torch.ones(2)), Gumbel(0.0, 1.0)).value.shape
        torch.Size([2])
    """
    if num_samples < 1:
        raise ValueError(f"num_samples is {num_samples}, must be at least 1")
    try:
        return KLResult(formula_of_kl(q, p), exact=True, std_error=None)
    except NotImplementedError:
        pass
    draws = draw_with_log_ratio(q, p, torch.Size([num_samples]), generator)
    terms = -draws.log_ratio
    if not q.has_rsample:
        terms = terms + terms.detach() * (draws.log_q - draws.log_q.detach())
    error = None if num_samples == 1 else terms.detach().std(0) / num_samples**0.5
    return KLResult(terms.mean(0), exact=False, std_error=error)


def formula_of_kl(q: Distribution, p: Distribution) -> Tensor:
    """KL(q || p) by the formula that is registered for the two, shape (B,).

    Raises:
        NotImplementedError: If there is none.
        ValueError: If the events differ in shape.

    Example:
        >>> from torch.distributions import Bernoulli
        >>> formula_of_kl(Bernoulli(torch.tensor([0.5, 0.5])), Bernoulli(0.5))
        tensor([0., 0.])
    """
    require_same_events(q, p)
    own = p.base_dist if isinstance(p, Independent) else p
    # Some formulas of torch index by masks of one side, which must be of the shape of both.
    if type(own).__module__.startswith("torch.") and not isinstance(own, MixtureSameFamily):
        p = p.expand(torch.broadcast_shapes(q.batch_shape, p.batch_shape))
    divergence: Tensor = kl_divergence(q, p)
    return divergence


def draw(
    q: Distribution,
    sample_shape: torch.Size = torch.Size(),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw from ``q`` by ``rsample`` if it has one, else by ``sample``.

    ``generator`` is passed to the sampling method of ``q`` if that method accepts a generator and
    both are on the same kind of device. This also works inside `Independent`. Otherwise
    ``generator`` gives a seed. With this seed torch's own distributions draw from a new generator.
    All others draw from the global generators, which are seeded for the draw and then restored.
    Only one thread at a time makes such a draw.

    Args:
        q: Any distribution.
        sample_shape: The sample shape S.
        generator: Source; the global one if None.

    Returns:
        Shape S + (B,) + event.

    Example:
        >>> q = torch.distributions.Normal(torch.zeros(3), 1.0)
        >>> seeded = torch.Generator().manual_seed
        >>> a, b = (draw(q, torch.Size([2]), seeded(0)) for _ in range(2))
        >>> bool((a == b).all())
        True
    """
    shape = torch.Size(sample_shape)
    if isinstance(q, MixtureSameFamily):
        numbers = q.component_distribution.batch_shape.numel() * q.event_shape.numel()
        most = max(1, MOST_AT_ONCE // max(1, numbers))
        if shape.numel() > most:
            parts = torch.arange(shape.numel()).split(most)
            z = torch.cat([draw(q, torch.Size([len(part)]), generator) for part in parts])
            return z.reshape(shape + z.shape[1:])
    if generator is None:
        return q.rsample(shape) if q.has_rsample else q.sample(shape)
    if isinstance(q, Independent):
        return draw(q.base_dist, shape, generator)
    method: Any = q.rsample if q.has_rsample else q.sample
    device = _device_of(q)
    same_device = generator.device.type == device.type
    if same_device and _takes_generator(method.__func__):
        drawn: Tensor = method(shape, generator=generator)
        return drawn
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    if _is_plain(q) and device.type != "meta":
        with DrawingFrom(torch.Generator(device).manual_seed(seed)):
            return method(shape)
    with forked_generators(seed, [] if device.type in ("cpu", "meta") else [device]):
        forked: Tensor = method(shape)
        return forked


def draw_with_log_ratio(
    q: Distribution,
    p: Distribution,
    sample_shape: torch.Size = torch.Size(),
    generator: torch.Generator | None = None,
) -> Draws:
    """Draw z from ``q`` with log p(z) - log q(z).

    ``q`` and ``p`` may both offer ``.log()``: the distribution of log z, or of the pair
    (log z, log(1 - z)). Then everything is computed from these log distributions, which do not
    underflow. ``log_q`` is then the log density of log z. The log ratio, and the gradients at a
    given z, are the same as without ``.log()``.

    Args:
        q: Distribution with batch shape (B,).
        p: Distribution over the same events, batch shape (B,) or ().
        sample_shape: The sample shape S.
        generator: Source; the global one if None.

    Returns:
        `Draws`: z and ``path``, and the log ratio and log density, both of shape S + (B,).

    Raises:
        ValueError: If the events differ in shape, or the ratio is NaN.

    Example:
        >>> from torch.distributions import Beta
        >>> draws = draw_with_log_ratio(Beta(2.0, 3.0), Beta(2.0, 3.0))
        >>> float(draws.log_ratio)
        0.0
    """
    require_same_events(q, p)
    logs = (log_law(q), log_law(p))
    if logs[0] is None or logs[1] is None or logs[0].event_shape != logs[1].event_shape:
        path = z = draw(q, sample_shape, generator)
        log_q, log_p = q.log_prob(z), p.log_prob(z)
    else:
        path = draw(logs[0], sample_shape, generator)
        z = (path if logs[0].event_shape == q.event_shape else path[..., 0]).exp()
        log_q, log_p = logs[0].log_prob(path), logs[1].log_prob(path)
    return Draws(z, _no_nan(log_p - log_q, q, p), log_q, path)


def log_law(q: Distribution) -> Distribution | None:
    """Return the distribution of log z, or of the pair (log z, log(1 - z)), for z ~ ``q``.

    None if ``q`` has no method ``log``. Distributions inside `Independent` and
    `MixtureSameFamily` are found too.

    Example:
        >>> log_law(torch.distributions.Normal(0.0, 1.0)) is None
        True
    """
    if isinstance(q, Independent):
        base = log_law(q.base_dist)
        dims = q.reinterpreted_batch_ndims
        return base and Independent(base, dims, validate_args=False)
    if isinstance(q, MixtureSameFamily):
        base = log_law(q.component_distribution)
        return base and MixtureSameFamily(q.mixture_distribution, base, validate_args=False)
    method = getattr(q, "log", None)
    return method() if callable(method) else None


@lru_cache(maxsize=256)
def _takes_generator(method: Callable[..., Tensor]) -> bool:
    return "generator" in inspect.signature(method).parameters


def _no_nan(log_ratio: Tensor, q: Distribution, p: Distribution) -> Tensor:
    if not torch.compiler.is_compiling() and bool(log_ratio.detach().isnan().any()):
        raise ValueError(
            f"the log ratio of p={type(p).__name__} to q={type(q).__name__} is NaN at a draw of q: "
            "their parameters must be finite, and their densities must be defined at all draws of "
            "q, also at those that are rounded, such as proportions of 0"
        )
    return log_ratio


def _device_of(q: Distribution) -> torch.device:
    """The device of the first tensor that ``q`` or a distribution inside it holds."""
    for value in vars(q).values():
        if isinstance(value, Tensor):
            return value.device
    return _device_of(inner[0]) if (inner := _inner(q)) else torch.device("cpu")


def _inner(q: Distribution) -> list[Distribution]:
    return [value for value in vars(q).values() if isinstance(value, Distribution)]


def _is_plain(q: Distribution) -> bool:
    """Whether all of ``q`` is torch's own, and draws by functions that `DrawingFrom` sees."""
    own = type(q).__module__.startswith("torch.distributions.")
    return own and not isinstance(q, VonMises) and all(map(_is_plain, _inner(q)))  # its is compiled
