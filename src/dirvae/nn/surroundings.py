"""What surrounds a network in its process: torch's defaults, which must not show in results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch

__all__ = ["Overlapping", "pinned"]


class Overlapping:
    """A change of the whole process that threads share: the first makes it, the last undoes it.

    If each thread undid its own change, the first to leave would undo it for the others. The last
    would leave it as another had made it.

    Args:
        change: Function that returns a context manager, which makes the change.

    Example:
        >>> from contextlib import nullcontext
        >>> loud = Overlapping(lambda: nullcontext())
        >>> with loud, loud:
        ...     loud.inside
        2
    """

    def __init__(self, change: Callable[[], AbstractContextManager[object]]) -> None:
        self.change, self.inside = change, 0
        self._lock, self._made = threading.Lock(), ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self.inside == 0:
                self._made.enter_context(self.change())
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1
            if self.inside == 0:
                self._made.close()


@contextmanager
def _single() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


_SINGLE_PRECISION = Overlapping(_single)
_AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


@contextmanager
def pinned() -> Iterator[None]:
    """Torch as it comes, for a while: whatever a caller has set, the same result.

    Numbers are float32 and on the CPU unless something says otherwise, gradients are recorded, and
    there is neither inference mode nor autocast. Also a decorator of functions. The precision is
    that of the whole process; other threads see it too.

    Example:
        >>> with torch.inference_mode(), torch.device("meta"), pinned():
        ...     torch.zeros(1, requires_grad=True).device
        device(type='cpu')
    """
    with ExitStack() as stack:
        stack.enter_context(_SINGLE_PRECISION)
        if torch.empty(0).device.type != "cpu":  # the mode costs a little at every call
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in filter(torch.is_autocast_enabled, _AUTOCAST_DEVICES):
            stack.enter_context(torch.autocast(device, enabled=False))
        yield
