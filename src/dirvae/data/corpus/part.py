"""Some rows of a corpus, to be used as the corpus is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.corpus.corpus import Corpus

__all__ = ["CorpusPart"]


class CorpusPart:
    """Some rows of a corpus, which are read as they are asked for.

    Args:
        corpus: The corpus.
        rows: Their numbers, in the order that they are to have.

    Attributes:
        shape: Number of these rows, and V.
        ends: As those of the corpus, where rows rise; otherwise of one block.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     corpus = Corpus.of_counts(f"{folder}/corpus", [np.diag([1, 2, 3])])
        ...     print(CorpusPart(corpus, np.array([2, 0]))[:].toarray().tolist())
        [[0.0, 0.0, 3.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, corpus: Corpus, rows: NDArray[np.int64]) -> None:
        self.corpus, self.rows = corpus, rows
        self.shape = len(rows), corpus.shape[1]
        rises = bool((np.diff(rows) > 0).all())
        self.ends = np.searchsorted(rows, corpus.ends) if rises else np.array([0, len(rows)])

    def __getitem__(self, rows: Any) -> sparse.csr_matrix:
        return self.corpus[self.rows[rows]]

    def blocks(self, num_rows: int) -> Iterator[sparse.csr_matrix]:
        """Yield all rows in their order, some at a time."""
        for start in range(0, self.shape[0], num_rows):
            yield self[start : start + num_rows]
