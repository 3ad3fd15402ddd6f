"""KLs of laws with events of one shape: of others they may broadcast to a meaningless number."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import Tensor
from torch.distributions import Categorical, Distribution
from torch.distributions import register_kl as register

__all__ = ["register_kl", "require_same_events"]

Divergence = Callable[[Any, Any], Tensor]


def require_same_events(q: Distribution, p: Distribution) -> None:
    """Raise ValueError if the events of ``q`` and ``p`` differ in shape or number."""
    if isinstance(q, Categorical) and isinstance(p, Categorical):
        of_q, of_p = q.param_shape[-1], p.param_shape[-1]
        if of_q != of_p:
            raise ValueError(f"q has {of_q} categories and p has {of_p}, must be the same number")
    if q.event_shape != p.event_shape:
        raise ValueError(
            f"q has events of shape {tuple(q.event_shape)} and p of {tuple(p.event_shape)}: "
            "both must be distributions of the same events, such as Independent(q, 1) for vectors"
        )


def register_kl(type_q: type, type_p: type) -> Callable[[Divergence], Divergence]:
    """`torch.distributions.register_kl`, of a function that gets events of one shape only."""

    def registered(divergence: Divergence) -> Divergence:
        @register(type_q, type_p)
        @wraps(divergence)
        def checked(q: Any, p: Any) -> Tensor:
            require_same_events(q, p)
            return divergence(q, p)

        return checked

    return registered
