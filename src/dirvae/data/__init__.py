"""Data in memory and on disk.

PyTorch is imported only when a name that needs it is first used. So processes that count words
start without PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dirvae.data.corpora import Texts, docstrings, newsgroups, read_texts
from dirvae.data.corpus import Corpus, Document, documents_in
from dirvae.data.files import Rows, read_rows
from dirvae.data.image_sets import (
    fashion_mnist,
    mnist,
    omniglot,
    omniglot_iwae,
    rotated_mnist,
    svhn,
)
from dirvae.data.images import read_images
from dirvae.data.sparse_matrix import checked_csr

if TYPE_CHECKING:
    from dirvae.data.arrays import ArrayDataset, Batch, loader
    from dirvae.data.counts import CountDataset, sparse_rows

__all__ = [
    "ArrayDataset",
    "Batch",
    "Corpus",
    "CountDataset",
    "Document",
    "Rows",
    "Texts",
    "checked_csr",
    "docstrings",
    "documents_in",
    "fashion_mnist",
    "loader",
    "mnist",
    "newsgroups",
    "omniglot",
    "omniglot_iwae",
    "read_images",
    "read_rows",
    "read_texts",
    "rotated_mnist",
    "sparse_rows",
    "svhn",
]

_ARRAYS, _COUNTS = "dirvae.data.arrays", "dirvae.data.counts"
_HOMES = {
    "ArrayDataset": _ARRAYS,
    "Batch": _ARRAYS,
    "loader": _ARRAYS,
    "CountDataset": _COUNTS,
    "sparse_rows": _COUNTS,
}


def __getattr__(name: str) -> Any:
    """Import a name that needs PyTorch when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
