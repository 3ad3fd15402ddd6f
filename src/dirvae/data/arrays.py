"""Arrays in memory as minibatches, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from dirvae.alignment import matched, require_plain
from dirvae.data.corpus.corpus import Corpus
from dirvae.data.corpus.part import CorpusPart
from dirvae.data.corpus.shards import digest_of
from dirvae.data.processes import agreed, share
from dirvae.data.sparse_matrix import sound_csr

__all__ = [
    "ArrayDataset",
    "Batch",
    "OrderedBatches",
    "ShuffledBatches",
    "fingerprint_of",
    "loader",
]

WINDOW = 10  # blocks on disk whose rows are shuffled together


class Batch(NamedTuple):
    """The rows of one minibatch.

    Attributes:
        x: Data, shape (B, D...).
        covariates: Covariates, which encoder and decoder get besides x, shape (B, C), or None.
        mask: True where x was observed, in the shape of x, or None.
        weight: Weight of each row in the objective, shape (B,), or None.
        label: One-hot classes, shape (B, L), or None. A row with an unknown class is all zeros.

    Example:
        >>> Batch(torch.zeros(2, 3)).x.shape
        torch.Size([2, 3])
    """

    x: Tensor
    covariates: Tensor | None = None
    mask: Tensor | None = None
    weight: Tensor | None = None
    label: Tensor | None = None

    def given(self) -> dict[str, Any]:
        """Covariates, labels and mask, if there are any, by the names of a model's arguments."""
        given = {"covariates": self.covariates, "label": self.label, "mask": self.mask}
        return {name: value for name, value in given.items() if value is not None}


class ArrayDataset(Dataset[Batch]):
    """Rows of a tensor, an array, a SciPy CSR matrix or a corpus, fetched in minibatches.

    A CSR matrix stays sparse, and a corpus stays on disk. Only the rows of a minibatch are dense.
    If x is a pandas object, other pandas objects are matched to x by index.

    Args:
        x: Data, shape (N, D...). A float array is stored as ``dtype``. Other numbers are cast when
            they are fetched. Or a `Corpus`, or some of its rows.
        covariates: Covariates, shape (N, C), optional.
        mask: True where x was observed, in the shape of x, optional.
        weight: Weights of rows, 0 or more, shape (N,), optional. They are scaled to a mean of 1.
        label: One-hot classes, shape (N, L), optional. A row with an unknown class is all zeros.
        binarize: Whether x has the probabilities that pixels are on. Each fetch then draws them
            anew as 0 or 1. Salakhutdinov & Murray 2008 draw once for all epochs. New draws in each
            epoch are usual, and make the test harder.
        generator: Random generator for these draws. If None, torch's global one.
        dtype: Type that x is cast to, and covariates, weights and labels with it. In float32,
            numbers of 1e8 and more have no fractions.

    Example:
        >>> ArrayDataset(np.eye(3))[[0, 2]].x
        tensor([[1., 0., 0.],
                [0., 0., 1.]])
    """

    def __init__(
        self,
        x: Any,
        covariates: Any = None,
        *,
        mask: Any = None,
        weight: Any = None,
        label: Any = None,
        binarize: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        given = {"covariates": covariates, "mask": mask, "weight": weight, "label": label}
        covariates, mask, weight, label = (
            matched(name, value, x, rows="x") for name, value in given.items()
        )
        self.x: Any = x if isinstance(x, Corpus | CorpusPart) else _in_memory(x, dtype)
        if len(self.x.shape) < 2:
            shape = tuple(self.x.shape)
            raise ValueError(f"x has shape {shape}, must be (N, D...), with a row for each example")
        self.covariates, self.label = (
            None if values is None else _tensor(values, name, dtype).to(dtype)
            for name, values in (("covariates", covariates), ("label", label))
        )
        self.mask = None if mask is None else _tensor(mask, "mask").bool()
        self.weight = None
        if weight is not None:
            self.weight = _mean_one(_tensor(weight, "weight", torch.float64)).to(dtype)
        self.binarize, self.generator, self.dtype = binarize, generator, dtype
        if self.mask is not None and self.mask.shape != self.x.shape:
            shapes = tuple(self.mask.shape), tuple(self.x.shape)
            raise ValueError(f"mask has shape {shapes[0]}, x has {shapes[1]}; they must agree")
        if self.mask is not None and not isinstance(self.x, Tensor):
            raise ValueError("mask needs a dense x; x is sparse")
        if self.blocks is None:
            _require_finite(self.x, self.mask)
        if binarize:
            _require_probabilities(self.observed())
        for name in given:
            values = getattr(self, name)
            if values is not None and len(values) != len(self):
                raise ValueError(
                    f"{name} has {len(values)} rows, x has {len(self)}; they must agree"
                )

    def __len__(self) -> int:
        return int(self.x.shape[0])

    @property
    def blocks(self) -> NDArray[np.int64] | None:
        """Numbers of the rows at which the shards of a corpus end; None for data in memory."""
        return self.x.ends if isinstance(self.x, Corpus | CorpusPart) else None

    @property
    def fingerprint(self) -> str:
        """Hash of all values and their order, by which a resumed training knows its data."""
        return fingerprint_of(self.x, self.covariates, self.mask, self.weight, self.label)

    def observed(self) -> Any:
        """All observed values, in any order, as a tensor; for a sparse x, its stored values.

        The stored values are an array. It is empty for a corpus, which checks its counts when they
        are read.
        """
        if self.blocks is not None:
            return np.empty(0)
        if isinstance(self.x, Tensor):
            return self.x if self.mask is None else self.x[self.mask]
        return self.x.data

    def __getitem__(self, rows: Sequence[int] | Tensor) -> Batch:
        index = torch.as_tensor(rows)
        if isinstance(self.x, Tensor):
            x = self.x[index].to(self.dtype)
        else:
            x = torch.from_numpy(self.x[index.numpy()].toarray()).to(self.dtype)
        others = (self.covariates, self.mask, self.weight, self.label)
        if self.binarize:
            mask = None if self.mask is None else self.mask[index]
            chance = x if mask is None else x.where(mask, torch.zeros_like(x))
            x = torch.bernoulli(chance, generator=self.generator)
        return Batch(x, *(None if values is None else values[index] for values in others))


class OrderedBatches(DistributedSampler[Tensor]):
    """Batches of row indices, in order. Processes that train together have a share each.

    Each row comes once in a pass of all processes, and each process makes the same number of steps.
    All make the same order, and the share of a process is a stretch of it. So of blocks on disk it
    reads only some. Lightning leaves a torch `DistributedSampler`, which this is, as it is.

    Attributes:
        num_processes: Number of processes that have a share. `training.fit` sets it.
    """

    num_processes = 1

    def __init__(self, num_rows: int, batch_size: int) -> None:
        # Not that of torch, which asks at once for processes, and for the rank.
        self.num_rows, self.batch_size = num_rows, batch_size

    def __len__(self) -> int:
        steps = -(-self.num_rows // (self.batch_size * self.num_processes))
        return min(steps, self.num_rows // self.num_processes)

    def __iter__(self) -> Iterator[Tensor]:
        if self.num_processes > 1:
            return self._share()
        windows = self._windows()
        first = next(windows)  # drawn at once, before whatever else draws
        return self._batches(chain([first], windows))

    def _batches(self, windows: Iterable[Tensor]) -> Iterator[Tensor]:
        rest = torch.empty(0, dtype=torch.int64)
        for rows in windows:
            *batches, rest = torch.cat([rest, rows]).split(self.batch_size)
            yield from batches
        yield rest

    def _share(self) -> Iterator[Tensor]:
        """Batches of this process, of equal size, or with one row more."""
        own, steps = share(self.num_rows, self.num_processes), len(self)
        windows, rest = self._stretch(own), torch.empty(0, dtype=torch.int64)
        for step in range(steps):
            size = (step + 1) * len(own) // steps - step * len(own) // steps
            while len(rest) < size:
                rest = torch.cat([rest, next(windows)])
            yield rest[:size]
            rest = rest[size:]

    def _stretch(self, own: range) -> Iterator[Tensor]:
        before = 0
        for rows in self._windows():
            start, stop = (max(end - before, 0) for end in (own.start, own.stop))
            yield rows[start:stop]
            before += len(rows)

    def _windows(self) -> Iterator[Tensor]:
        """Rows in the order that they are to come in, some after others."""
        yield torch.arange(self.num_rows)


class ShuffledBatches(OrderedBatches):
    """Batches of row indices, in a new order at each pass.

    Of blocks on disk the order is one of blocks, ten at a time, and of all rows of these ten. Rows
    of up to ten blocks are shuffled as those in memory are.

    The order comes from a generator, torch's global one if None is given, whose state a checkpoint
    holds: so a run that is resumed goes on with the very batches it would have had. The order of
    several processes comes from a seed that the first of them draws.
    """

    def __init__(
        self,
        num_rows: int,
        batch_size: int,
        generator: torch.Generator | None = None,
        blocks: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(num_rows, batch_size)
        self.generator = generator
        self.blocks = torch.tensor([0, num_rows] if blocks is None else blocks)

    def _windows(self) -> Iterator[Tensor]:
        """Rows of some blocks after others."""
        num_blocks, source = len(self.blocks) - 1, self._source()
        chosen = torch.arange(num_blocks)
        if num_blocks > WINDOW:
            chosen = torch.randperm(num_blocks, generator=source)
        for some in chosen.split(WINDOW):
            ends = ((self.blocks[block], self.blocks[block + 1]) for block in some.tolist())
            rows = torch.cat([torch.arange(int(start), int(end)) for start, end in ends])
            yield rows[torch.randperm(len(rows), generator=source)]

    def _source(self) -> torch.Generator | None:
        if self.num_processes == 1:
            return self.generator
        seed = int(torch.randint(2**62, (), generator=self.generator))
        return torch.Generator().manual_seed(agreed(seed, self.num_processes))


def loader(
    dataset: Any,
    batch_size: int,
    *,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
) -> DataLoader[Batch]:
    """Return a loader of minibatches, each of which is one fetch of many rows.

    Args:
        dataset: An `ArrayDataset` or `CountDataset`.
        batch_size: Rows per minibatch.
        shuffle: Whether rows come in a new random order in each pass.
        generator: Random generator for this order. If None, torch's global one.

    Example:
        >>> [len(batch.x) for batch in loader(ArrayDataset(np.eye(5)), 2)]
        [2, 2, 1]
    """
    order = OrderedBatches(len(dataset), batch_size)
    if shuffle:
        blocks = getattr(dataset, "blocks", None)
        order = ShuffledBatches(len(dataset), batch_size, generator, blocks)
    return DataLoader(dataset, sampler=order, batch_size=None, generator=generator)


def _in_memory(x: Any, dtype: torch.dtype) -> Any:
    return sound_csr("x", x) if sparse.issparse(x) else _tensor(x, "x", dtype)


def _tensor(values: Any, name: str, dtype: torch.dtype = torch.float32) -> Tensor:
    if isinstance(values, Tensor):
        if values.layout is not torch.strided:
            raise ValueError(f"{name} is a sparse tensor, must be dense, or a SciPy sparse matrix")
        return values
    require_plain(name, values)
    array = np.ascontiguousarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} is a {type(values).__name__}, must hold numbers only")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:  # of which torch can do little
        array = array.astype(np.int64 if array.dtype.itemsize < 8 else np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    copied = torch.from_numpy(array.copy())
    return copied.to(dtype) if array.dtype.kind == "f" else copied


def fingerprint_of(x: Any, *others: Tensor | None) -> str:
    """Hash of rows, wherever they lie, and of what is told of them."""
    if isinstance(x, CorpusPart):
        parts = [x.corpus.fingerprint, x.rows]
    elif isinstance(x, Corpus):
        parts = [x.fingerprint]
    else:
        arrays = [_bytes(x)] if isinstance(x, Tensor) else [x.data, x.indices, x.indptr]
        parts = [list(x.shape), *arrays]
    return digest_of(*parts, *(None if values is None else _bytes(values) for values in others))


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    """The memory of a tensor of any type; NumPy lacks some of torch's."""
    whole = values.detach().cpu().contiguous()
    # A last axis of length 1 may have any stride, of which torch gives no bytes.
    found: NDArray[np.uint8] = whole.unsqueeze(-1).view(torch.uint8).numpy()
    return found


def _mean_one(weight: Tensor) -> Tensor:
    if not bool((weight.isfinite() & (weight >= 0)).all()) or not bool(weight.sum() > 0):
        raise ValueError("weight must be finite, 0 or more, and not 0 in every row")
    weight = weight / weight.max()  # only ratios matter, and the sum may be out of range
    return weight / weight.mean()


def _require_probabilities(values: Any) -> None:
    if 0 not in values.shape and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"x has values from {values.min():g} to {values.max():g}, but binarize=True takes "
            "probabilities in [0, 1]"
        )


def _require_finite(x: Any, mask: Tensor | None) -> None:
    values = x if isinstance(x, Tensor) else torch.from_numpy(x.data)
    if not values.is_floating_point() or bool(values.sum().isfinite()):
        return
    bad = ~values.isfinite() if mask is None else ~values.isfinite() & mask
    if bool(bad.any()):
        where = int(bad.nonzero()[0][0])
        if not isinstance(x, Tensor):
            where = int(np.searchsorted(x.indptr, where, side="right")) - 1
        raise ValueError(f"x has a NaN or infinite value in row {where}; all values must be finite")
