"""Counts from .biom files, BIOM 1 (JSON) and BIOM 2 (HDF5)."""

from __future__ import annotations

from pathlib import Path

from dirvae.data.hdf5 import COPIES, opened, require_own
from dirvae.data.images import required
from dirvae.data.rows import SAMPLE, Rows, require_rows
from dirvae.data.sparse_matrix import checked_csr
from dirvae.data.text_files import damaged
from dirvae.reading import open_regular

__all__ = ["read_biom"]


def read_biom(path: Path) -> Rows:
    """Read the table of a .biom file, whose observations are features.

    Raises:
        ValueError: If it is damaged, or holds no rows of numbers.
        ImportError: If biom-format is not installed.
    """
    biom = required("biom", path, "biom")
    h5py = required("h5py", path, "biom")
    open_regular(path).close()
    if h5py.is_hdf5(path):
        with opened(path, "biom") as file:
            require_own(path, file, COPIES)
    try:
        table = biom.load_table(str(path))
    except Exception as error:  # of many kinds, from a damaged file
        raise damaged(path, error) from error
    x = checked_csr(str(path), table.matrix_data.T)
    require_rows(path, x)
    features, samples = (list(map(str, table.ids(axis))) for axis in ("observation", "sample"))
    return Rows(x, features, {SAMPLE: samples})
