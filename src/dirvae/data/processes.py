"""What processes that train one model together share out, agree on and add up."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import distributed

__all__ = ["agreed", "share", "summed"]

T = TypeVar("T")


def share(num_rows: int, num_processes: int) -> range:
    """Rows of this process. The shares follow each other and differ by one row at most.

    Example:
        >>> share(10, num_processes=1)
        range(0, 10)
    """
    rank = distributed.get_rank() if num_processes > 1 else 0
    return range(rank * num_rows // num_processes, (rank + 1) * num_rows // num_processes)


def agreed(value: T, num_processes: int) -> T:
    """The value of the first process, in all of them.

    Example:
        >>> agreed("a", num_processes=1)
        'a'
    """
    told = [value]
    if num_processes > 1:
        distributed.broadcast_object_list(told)
    return told[0]


def summed(values: NDArray[Any], num_processes: int) -> NDArray[Any]:
    """The sum of an array over processes, the same in all of them, to the bit.

    Example:
        >>> import numpy as np
        >>> summed(np.ones(2), num_processes=1)
        array([1., 1.])
    """
    if num_processes == 1:
        return values
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    total = torch.from_numpy(values).to(device)
    distributed.all_reduce(total)
    found: NDArray[Any] = total.cpu().numpy()
    return found
