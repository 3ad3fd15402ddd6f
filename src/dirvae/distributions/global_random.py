"""Ways to avoid torch's global generators, and to share them between threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["DrawingFrom", "forked_generators"]

_DRAWS = {torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal, torch.bernoulli}
_DRAWS |= {torch.poisson, torch.multinomial, torch.binomial}
_DRAWS |= {torch._standard_gamma, torch._sample_dirichlet}
_DRAWS |= {Tensor.uniform_, Tensor.normal_, Tensor.exponential_, Tensor.random_, Tensor.bernoulli_}
_DRAWS |= {Tensor.cauchy_, Tensor.log_normal_, Tensor.geometric_, Tensor.multinomial}
_ONE_THREAD = threading.RLock()


class DrawingFrom(TorchFunctionMode):
    """Context in which this thread draws from ``generator`` instead of the global generator.

    It is for code that accepts no generator, such as the initialisation of networks or torch's own
    distributions. Dropout, compiled code and code in C++ still draw from the global generator.

    Args:
        generator: Generator of the device on which the draws are made.

    Example:
        >>> seeded = torch.Generator().manual_seed
        >>> with DrawingFrom(seeded(0)):
        ...     layer = torch.nn.Linear(2, 3)
        >>> with DrawingFrom(seeded(0)):
        ...     bool((torch.nn.Linear(2, 3).weight == layer.weight).all())
        True
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``; if it draws and has no generator, give it this one."""
        kwargs = kwargs or {}
        if func in _DRAWS or "generator" in kwargs:
            kwargs = {**kwargs, "generator": kwargs.get("generator") or self.generator}
        return func(*args, **kwargs)


@contextmanager
def forked_generators(seed: int, devices: Sequence[torch.device] = ()) -> Iterator[None]:
    """Context in which the global generators of the CPU and of devices have a given seed.

    In the end the generators are restored. It is for code that accepts no generator and that
    `DrawingFrom` does not reach. Only one thread at a time can be in this context, so that no
    thread draws the numbers of another.

    Args:
        seed: Seed of all these generators.
        devices: Accelerators of one kind.

    Example:
        >>> before = torch.get_rng_state()
        >>> with forked_generators(0):
        ...     first = torch.rand(3)
        >>> with forked_generators(0):
        ...     bool((torch.rand(3) == first).all())
        True
        >>> bool((torch.get_rng_state() == before).all())
        True
    """
    kind = devices[0].type if devices else "cuda"
    with _ONE_THREAD, torch.random.fork_rng(devices, device_type=kind):
        torch.default_generator.manual_seed(seed)
        for device in devices:
            module = torch.get_device_module(device)
            with module.device(device):
                module.manual_seed(seed)
        yield
