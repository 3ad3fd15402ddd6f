"""Base classes of the distributions: expansion, values, parameters, and the simplex in logs."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all

from dirvae.distributions._quantile import as_value
from dirvae.distributions.log_space import log_proportions
from dirvae.distributions.precision import full_precision, validate_if_eager

__all__ = [
    "Law",
    "OfNumbers",
    "OfProportions",
    "OnSimplex",
    "Reparameterized",
    "require_parts",
]


class Law(Distribution):
    """Base of distributions that can be expanded and that accept plain numbers as values.

    Example:
        >>> class Coin(Law):
        ...     arg_constraints = {"probs": constraints.unit_interval}
        ...
        ...     def __init__(self, probs, validate_args=None):
        ...         self.probs = probs
        ...         super().__init__(probs.shape, validate_args=validate_args)
        >>> Coin(torch.full((3,), 0.5)).expand((2, 3)).probs.shape
        torch.Size([2, 3])
    """

    batched: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes (tensors or distributions) whose shape begins with the batch shape.

    If this is empty, the names in ``arg_constraints`` are used.
    """

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """Return a copy with batch shape ``batch_shape``, of the same class and attributes.

        The constructor is not called. So a subclass may have more attributes and another
        constructor, and need not define ``expand``.

        Args:
            batch_shape: The new batch shape.
            _instance: An instance that is filled instead of a new copy, as in torch. None makes a
                copy.

        Raises:
            ValueError: If the batch cannot be expanded to that shape.
        """
        old, shape = self.batch_shape, torch.Size(batch_shape)
        if not _expands(old, shape):
            raise ValueError(
                f"batch_shape is {tuple(shape)}, which the batch shape {tuple(old)} of this "
                f"{type(self).__name__} cannot be expanded to"
            )
        new: Self = self.__new__(type(self)) if _instance is None else _instance
        new.__dict__.update({**self.__dict__, **new.__dict__})
        for name in self._batched:
            part = self.__dict__[name]
            size = part.batch_shape if isinstance(part, Distribution) else part.shape
            new.__dict__[name] = part.expand(shape + size[len(old) :])
        new._batch_shape = shape
        return new

    @property
    def _batched(self) -> tuple[str, ...]:
        return self.batched or tuple(self.arg_constraints)

    @property
    def _like(self) -> Tensor:
        """A tensor of the dtype and device of the values."""
        like: Tensor = getattr(self, self._batched[0])
        return like

    def _checked(self, value: Tensor | float) -> Tensor:
        """Return ``value`` as a tensor, refused outside the support where values are checked."""
        if not isinstance(value, Tensor):
            value = as_value(value, self._like)
        if self._validate_args:
            self._validate_sample(value)
        return value


class Reparameterized(Law):
    """A distribution whose draws are differentiable functions of its parameters and of noise.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> issubclass(Dirichlet, Reparameterized)
        True
    """

    has_rsample = True

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw values that are differentiable in the parameters.

        Their shape is ``sample_shape`` + batch shape + event shape.
        """
        raise NotImplementedError

    def sample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw the same values as `rsample`, without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape, generator)


class OfNumbers(Reparameterized):
    """Base of distributions whose parameters are single numbers for each member of the batch.

    One draw has shape ``event_size``.

    Args:
        parameters: The parameters named in ``arg_constraints``, in the same order. They are
            broadcast against each other.
        validate_args: Whether to check parameters and values.
    """

    event_size: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        *parameters: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        together = [full_precision(value) for value in broadcast_all(*parameters)]
        for name, value in zip(self.arg_constraints, together, strict=True):
            setattr(self, name, value)
        event_shape = torch.Size(self.event_size)
        super().__init__(together[0].shape, event_shape, validate_if_eager(validate_args))


class OfProportions(Reparameterized):
    """Base of distributions whose parameters are vectors, one entry for each of K >= 2 proportions.

    Args:
        parameters: The parameters named in ``arg_constraints``, in the same order, of shape
            (..., K). They are broadcast against each other.
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If there are fewer than two components.
    """

    def __init__(self, *parameters: Tensor, validate_args: bool | None = None) -> None:
        together = torch.broadcast_tensors(*map(full_precision, parameters))
        shape = together[0].shape
        require_parts(shape, *self.arg_constraints)
        for name, value in zip(self.arg_constraints, together, strict=True):
            setattr(self, name, value)
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_if_eager(validate_args))


class OnSimplex(Reparameterized):
    """Base of distributions of z on the simplex whose draws and densities are computed as log z.

    A subclass defines `log`. This is the distribution of log z, with a density on log z_1 ..
    log z_{K-1}. The subclass also defines its moments and its KL divergences, if it has any.

    Example:
        >>> from dirvae.distributions import LogDirichlet
        >>> class Uniform(OnSimplex):
        ...     arg_constraints = {}
        ...
        ...     def __init__(self, size):
        ...         super().__init__(torch.Size(), torch.Size([size]))
        ...
        ...     def log(self):
        ...         return LogDirichlet(torch.ones(self.event_shape))
        >>> round(float(Uniform(3).log_prob(torch.tensor([0.2, 0.3, 0.5])).exp()), 4)
        2.0
    """

    support = constraints.simplex

    def log(self) -> Reparameterized:
        """Return the distribution of log z."""
        raise NotImplementedError

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw z, shape ``sample_shape`` + (..., K)."""
        return self.log().rsample(sample_shape, generator).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density on the simplex (Lebesgue measure on z_1 .. z_{K-1}), in nats."""
        log_z = log_proportions(self._checked(value))
        log_prob: Tensor = self.log().log_prob(log_z) - log_z[..., :-1].sum(-1)
        return log_prob

    def entropy(self) -> Tensor:
        """Entropy on the simplex, in nats."""
        law = self.log()
        entropy: Tensor = law.entropy() + law.mean[..., :-1].sum(-1)
        return entropy


def require_parts(shape: torch.Size, name: str, *others: str) -> None:
    """Raise ValueError unless parameters, broadcast to ``shape``, have two components or more.

    Example:
        >>> require_parts(torch.Size([5, 1]), "loc")
        Traceback (most recent call last):
        ValueError: loc has shape (5, 1), must have a last dimension of at least 2 components
    """
    if len(shape) < 1 or shape[-1] < 2:
        together = f" together with {' and '.join(others)}" if others else ""
        raise ValueError(
            f"{name} has shape {tuple(shape)}{together}, "
            "must have a last dimension of at least 2 components"
        )


def _expands(old: torch.Size, new: torch.Size) -> bool:
    padded = (1,) * (len(new) - len(old)) + tuple(old)
    return len(padded) == len(new) and all(a in (1, b) for a, b in zip(padded, new, strict=True))
