"""Counts as measures get them."""

from __future__ import annotations

from typing import Any

from scipy import sparse

from dirvae.data.sparse_matrix import checked_csr

__all__ = ["ENTRIES_AT_ONCE", "csr_counts"]

ENTRIES_AT_ONCE = 1_000_000  # of the counts, times topics: what is held in memory


def csr_counts(name: str, counts: Any) -> sparse.csr_matrix:
    """Return counts as CSR; sparse ones are checked before they are trusted.

    Args:
        name: What messages call them.
        counts: Shape (N, V), dense or a SciPy sparse matrix of any format.

    Raises:
        ValueError: If a sparse matrix is broken or has values that are not finite.

    Example:
        >>> csr_counts("counts", [[0, 2]]).nnz
        1
    """
    return checked_csr(name, counts) if sparse.issparse(counts) else sparse.csr_matrix(counts)
