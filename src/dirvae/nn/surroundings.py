"""Settings of the whole process, such as torch's defaults, which must not change results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch

__all__ = ["Overlapping", "pinned"]


class Overlapping:
    """A change of the whole process that threads share: the first makes it, the last undoes it.

    If each thread undid its own change, the first thread to leave would undo the change for the
    others. The last thread would then restore a state that another thread had changed.

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
    """Context with torch's original defaults, so that a caller's settings do not change results.

    The default dtype is float32 and the default device is the CPU. Gradients are recorded, and
    inference mode and autocast are off. It is also a decorator of functions. The default dtype is
    a setting of the whole process, so other threads see it too.

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
