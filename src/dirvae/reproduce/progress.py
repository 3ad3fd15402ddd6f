"""One display for all bars of a study: runs, epochs, and the steps of measuring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dirvae.text import visible

__all__ = ["Bars", "Track", "silent"]

T = TypeVar("T")
Track = Callable[[Sequence[Any], str], Iterable[Any]]
"""From items and a text to the same items, with a bar beside the text that follows them."""


def silent(items: Sequence[T], text: str) -> Iterable[T]:
    """Follow without showing anything.

    Example:
        >>> list(silent([1, 2], "counting"))
        [1, 2]
    """
    return items


class Bars:
    """Bars of Rich, to be used as a context.

    Args:
        console: Where they go; lines may be printed on it meanwhile.

    Example:
        >>> with Bars(Console(quiet=True)) as bars:
        ...     list(bars.track("ab", "letters"))
        ['a', 'b']
    """

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<40}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
        )
        self.progress = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def track(self, items: Sequence[T], text: str) -> Iterator[T]:
        """Give the items one by one under a bar of their own."""
        with self._task(text, len(items)) as task:
            for item in items:
                yield item
                self.progress.advance(task)

    @contextmanager
    def epochs(self, total: int, text: str) -> Iterator[Callback]:
        """Give a callback that moves a bar on by one an epoch."""
        with self._task(text, total) as task:
            yield _Epochs(self.progress, task)

    @contextmanager
    def aside(self) -> Iterator[bool]:
        """Leave the terminal to another display for a while; say whether there is a terminal."""
        self.progress.stop()
        try:
            yield self.progress.console.is_terminal
        finally:
            self.progress.start()

    @contextmanager
    def _task(self, text: str, total: int) -> Iterator[Any]:
        task = self.progress.add_task(visible(text), total=total)
        try:
            yield task
        finally:
            self.progress.remove_task(task)


class _Epochs(Callback):
    def __init__(self, progress: Progress, task: Any) -> None:
        self.progress, self.task = progress, task

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.progress.update(self.task, completed=trainer.current_epoch + 1)
