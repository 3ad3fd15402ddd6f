"""Work that is done by several processes, in order, with a few tasks in memory at a time."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import Any

__all__ = ["in_order"]

WORTH = 3  # tasks, of a second each, that are done before workers have started
AHEAD = 2  # tasks for each worker that wait or are done


def in_order(
    function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], workers: int
) -> Iterator[Any]:
    """Yield what a function makes of tasks, in their order.

    Few tasks are done here, since workers take seconds to start.

    Args:
        function: Of a module; what it takes and returns is sent between processes.
        tasks: Arguments of each call.
        workers: Processes; 1 for this one alone.
    """
    waiting_tasks = iter(tasks)
    first = list(islice(waiting_tasks, WORTH if workers > 1 else 0))
    if workers < 2 or len(first) < WORTH:
        for task in chain(first, waiting_tasks):
            yield function(*task)
        return
    with _pool(workers, function.__module__) as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for task in chain(first, waiting_tasks):
                waiting.append(pool.submit(function, *task))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


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
