"""Work that is done by several processes, in order, with a few tasks in memory at a time.

Processes of this machine are started here. For other machines a user gives an executor.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import Any

__all__ = ["Workers", "in_order", "require_workers"]

WORTH = 3  # tasks, of a second each, that are done before workers have started
AHEAD = 2  # tasks for each worker that wait or are done
AT_ONCE = 64  # tasks of an executor that wait or are done; how many workers it has is not known

Workers = int | Executor
"""A number of processes, or an executor that has its own."""


def require_workers(workers: Workers) -> None:
    """Raise ValueError unless there is a worker."""
    if not isinstance(workers, Executor) and (type(workers) is not int or workers < 1):
        raise ValueError(
            f"workers is {workers!r}, must be a whole number, 1 or more, or an executor"
        )


def in_order(
    function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], workers: Workers
) -> Iterator[Any]:
    """Yield what a function makes of tasks, in their order.

    Few tasks are done here, since workers take seconds to start.

    Args:
        function: Of a module; what it takes and returns is sent between processes.
        tasks: Arguments of each call.
        workers: Processes, 1 for this one alone; or an executor, which does all tasks.
    """
    waiting_tasks = iter(tasks)
    if isinstance(workers, Executor):
        yield from _in_order(workers, function, waiting_tasks, AT_ONCE)
        return
    first = list(islice(waiting_tasks, WORTH if workers > 1 else 0))
    if workers < 2 or len(first) < WORTH:
        for task in chain(first, waiting_tasks):
            yield function(*task)
        return
    with _pool(workers, function.__module__) as pool:
        yield from _in_order(pool, function, chain(first, waiting_tasks), AHEAD * workers)


def _in_order(
    executor: Executor,
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    at_once: int,
) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    try:
        for task in tasks:
            waiting.append(executor.submit(function, *task))
            if len(waiting) >= at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _pool(workers: int, module: str) -> ProcessPoolExecutor:
    # Not by fork: threads of this process, such as of PyTorch, would leave locks behind.
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([module])  # imported once, not by each worker
    else:
        context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Let a worker end when the process that started it was killed."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
