"""Counts of words in documents as sparse minibatches: no document is ever dense."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.utils.data import Dataset

from dirvae.alignment import matched, require_plain
from dirvae.data.arrays import Batch, fingerprint_of
from dirvae.data.corpus import Corpus
from dirvae.data.sparse_matrix import checked_csr

__all__ = ["CountDataset", "sparse_rows"]

# Torch says once a process that these are new. To hear it out here, rather than to change the
# filters of warnings at each batch, does not disturb other threads, whose filters they are too.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Sparse", UserWarning)
    torch.zeros(1, 1, device="cpu").to_sparse_csr()


class CountDataset(Dataset[Batch]):
    """Rows of counts, fetched in minibatches as sparse CSR tensors.

    Args:
        x: Counts, 0 or more, shape (N, V): a SciPy sparse matrix, an array or a `Corpus`.
        covariates: Covariates, which encoder and decoder get besides x, shape (N, C), optional.
        label: One-hot classes, shape (N, L), optional. A row with an unknown class is all zeros.

    Example:
        >>> batch = CountDataset([[2, 0], [0, 3]])[[1]]
        >>> batch.x.to_dense()
        tensor([[0., 3.]])
    """

    def __init__(self, x: Any, covariates: Any = None, *, label: Any = None) -> None:
        self.x: Any = x if isinstance(x, Corpus) else _checked(x)
        self.covariates = self._rows("covariates", covariates, x)
        self.label = self._rows("label", label, x)

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def __getitem__(self, rows: Sequence[int] | Tensor) -> Batch:
        index = torch.as_tensor(rows)
        covariates, label = (
            None if values is None else values[index] for values in (self.covariates, self.label)
        )
        return Batch(sparse_rows(self.x[index.numpy()]), covariates, label=label)

    @property
    def blocks(self) -> NDArray[np.int64] | None:
        """Rows at which the shards of a corpus end; None of what is in memory."""
        return self.x.ends if isinstance(self.x, Corpus) else None

    @property
    def fingerprint(self) -> str:
        """As `ArrayDataset.fingerprint`."""
        return fingerprint_of(self.x, self.covariates, self.label)

    def _rows(self, name: str, given: Any, x: Any) -> Tensor | None:
        values = matched(name, given, x, rows="x")
        if values is None:
            return None
        if len(values) != len(self):
            raise ValueError(f"{name} has {len(values)} rows, x has {len(self)}; they must agree")
        require_plain(name, values)
        return torch.from_numpy(np.array(values, dtype=np.float32))


def _checked(x: Any) -> sparse.csr_matrix:
    counts = checked_csr("x", x if sparse.issparse(x) else sparse.csr_matrix(x))
    parts = counts.data.astype(np.float32, copy=False), counts.indices, counts.indptr
    return sparse.csr_matrix(parts, shape=counts.shape)  # which shares what it can


def sparse_rows(x: sparse.csr_matrix, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return a SciPy CSR matrix as a sparse CSR tensor of the same rows.

    The indices are not checked here. Pass an unknown matrix through `checked_csr` first.

    Example:
        >>> sparse_rows(sparse.csr_matrix([[0, 2]])).shape
        torch.Size([1, 2])
    """
    crow, col = (
        torch.from_numpy(part.astype(np.int32, copy=False)) for part in (x.indptr, x.indices)
    )
    values = torch.from_numpy(x.data).to(dtype)
    return torch.sparse_csr_tensor(crow, col, values, x.shape, check_invariants=False)
