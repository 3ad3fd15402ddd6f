"""Data in memory and on disk."""

from dirvae.data.arrays import ArrayDataset, Batch, loader
from dirvae.data.files import Rows, read_rows
from dirvae.data.images import mnist, read_images

__all__ = [
    "ArrayDataset",
    "Batch",
    "Rows",
    "loader",
    "mnist",
    "read_images",
    "read_rows",
]
