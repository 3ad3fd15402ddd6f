"""Data in memory and on disk."""

from dirvae.data.arrays import ArrayDataset, Batch, loader
from dirvae.data.corpora import Texts, docstrings, newsgroups, read_texts
from dirvae.data.corpus import Corpus, Document, documents_in
from dirvae.data.counts import CountDataset, sparse_rows
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
