"""Arrays and sparse matrices in files, sound and broken: nothing broken reaches compiled code."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from dirvae.data import read_rows


def npy(values: Any) -> bytes:
    np.save(file := io.BytesIO(), np.array(values))
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    np.savez(file := io.BytesIO(), **{name: np.array(value) for name, value in arrays.items()})
    return file.getvalue()


def csr(indices: Any, indptr: Any, shape: tuple[int, ...] = (2, 2), values: Any = None) -> bytes:
    """As `scipy.sparse.save_npz` writes it."""
    data = np.ones(len(indices)) if values is None else values
    return npz(format=b"csr", shape=shape, data=data, indices=indices, indptr=indptr)


def zipped(name: str, content: bytes) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def saved(matrix: Any) -> bytes:
    sparse.save_npz(file := io.BytesIO(), matrix)
    return file.getvalue()


NUMBERS = [[1, 2], [3, 4]]

FILES: dict[str, tuple[str, bytes, list[list[float]] | str]] = {
    "npy": ("x.npy", npy([[1, 2], [3, 4]]), NUMBERS),
    "npy that is a text": ("x.npy", b"1,2\n3,4\n", "what its name says (it is no array of"),
    "npz that is a text": ("x.npz", b"junk" * 50, "what its name says (it is no array of"),
    "npz with other files": (
        "x.npz",
        zipped("notes.txt", b"1,2"),
        "what its name says ('notes.txt' in it is no array)",
    ),
    "npz with arrays": ("x.npz", npz(x=[[1, 2], [3, 4]]), NUMBERS),
    "sparse npz": ("sparse.npz", saved(sparse.csr_matrix([[1, 2], [3, 4]])), NUMBERS),
    "sparse npz in coordinates": (
        "sparse.npz",
        saved(sparse.coo_array(([1, 2, 3, 1, 3], ([0, 0, 1, 1, 1], [0, 1, 0, 1, 1])))),
        NUMBERS,
    ),
    "sparse npz with duplicates": (
        "sparse.npz",
        csr([0, 1, 1, 0, 1], [0, 3, 5], values=[1.0, 1, 1, 3, 4]),
        NUMBERS,
    ),
    "index out of range": ("x.npz", csr([0, 2], [0, 1, 2]), "an index 2, must be from 0 to 1"),
    "index far out of range": ("x.npz", csr([0, 10**9], [0, 1, 2]), "an index 1000000000"),
    "negative index": ("x.npz", csr([0, -1], [0, 1, 2]), "an index -1, must be from 0 to 1"),
    "pointers that fall": (
        "x.npz",
        csr([0, 1, 0], [0, 9, 3]),
        "its pointers do not rise from 0 to 3, its entries",
    ),
    "pointers that end early": (
        "x.npz",
        csr([0, 1, 0], [0, 1, 2]),
        "its pointers end before its 3 values do",
    ),
    "pointers that end late": ("x.npz", csr([0], [0, 1, 7]), "cannot be read: it is cut off"),
    "too many pointers": ("x.npz", csr([0], [0, 1, 1, 1]), "cannot be read: it is cut off"),
    "too narrow a shape": ("x.npz", csr([0, 1], [0, 1, 2], (2, 1)), "an index 1, must be from"),
    "indices that are no whole numbers": (
        "x.npz",
        csr([0.0, 1.5], [0, 1, 2]),
        "'indices' in it are no whole numbers",
    ),
    "a format that is none": ("x.npz", npz(format=3, shape=(1, 1), data=[1.0]), "it is cut off"),
    "absurd width": ("x.npz", csr([0], [0, 1], (1, 2**40)), "has 1,099,511,627,776 columns"),
    "shape of one axis": ("x.npz", csr([0], [0, 1], (2,)), "cannot be read"),
    "negative shape": ("x.npz", csr([0], [0, 1], (1, -2)), "cannot be read"),
    "sparse NaN": (
        "x.npz",
        csr([0, 1], [0, 1, 2], values=[1.0, np.nan]),
        "has missing values (NaN), the first in row 2, column 2",
    ),
    "sparse words": ("x.npz", csr([0], [0, 1, 1], values=["a"]), "must be real numbers"),
}


@pytest.mark.parametrize(("name", "content", "expected"), FILES.values(), ids=FILES)
def test_files_of_arrays(name, content, expected, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=re.escape(expected)) as refusal:
            read_rows(path)
        assert name in str(refusal.value)
        assert "pickle" not in str(refusal.value)
        return
    x = read_rows(path).x
    assert sparse.issparse(x) == name.startswith("sparse")
    np.testing.assert_array_equal(x.toarray() if sparse.issparse(x) else x, expected)
