"""Rows of numbers from what AnnData and MuData write: .h5ad and .h5mu."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from dirvae.data.hdf5 import COPIES, member, names_in, opened, require_own
from dirvae.data.images import required
from dirvae.data.rows import SAMPLE, Rows, require_numbers, require_rows
from dirvae.data.sparse_matrix import checked_csr, require_size, widened
from dirvae.text import some_of

__all__ = ["read_h5ad", "read_h5mu", "read_obs", "streamed_h5ad"]

VALUES_AT_ONCE = 10_000_000  # of a dense matrix, that is made sparse part by part


def read_h5ad(path: Path, layer: str | None = None) -> Rows:
    """Read the matrix of an .h5ad file, cells by genes, or one of its layers.

    A matrix that is stored dense is made sparse part by part.

    Args:
        path: The file.
        layer: Which layer; X by default.

    Raises:
        ValueError: If it is damaged, has no such layer, or holds no rows of numbers.
        ImportError: If anndata is not installed.
    """
    with _opened(path) as file:
        return _rows(path, file, layer)


def read_h5mu(path: Path, modality: str | None = None, layer: str | None = None) -> Rows:
    """Read the matrix of one modality of an .h5mu file, as `read_h5ad` does.

    Args:
        path: The file.
        modality: Which; the only one by default.
        layer: Which layer of it; X by default.

    Raises:
        ValueError: As `read_h5ad`, or if there is no such modality, or several and none is named.
        ImportError: If anndata is not installed.
    """
    with _opened(path) as file:
        return _rows(path, _modality(path, file, modality), layer)


def read_obs(path: Path, encoding: str = "") -> tuple[Any, tuple[str, ...]]:
    """Read the table of cells of an .h5ad file, a pandas DataFrame whose first column names them.

    Args:
        path: The file.
        encoding: Not used.

    Raises:
        ValueError: If it is damaged.
        ImportError: If anndata is not installed.
    """
    with _opened(path) as file:
        frame = _element(path, member(path, file, "obs"))
    if not isinstance(frame, import_module("pandas").DataFrame):
        raise ValueError(f"{path} has an obs that is not a table of cells")
    name = frame.index.name or SAMPLE
    while name in frame.columns:
        name = f"{name}_name"
    return frame.rename_axis(index=name).reset_index(), ()


@contextmanager
def streamed_h5ad(
    path: Path, layer: str | None = None
) -> Iterator[tuple[list[str], list[str], Iterator[sparse.csr_matrix]]]:
    """Open the matrix of an .h5ad file, to be read some rows at a time.

    One that is stored by columns is read whole.

    Args:
        path: The file.
        layer: Which layer; X by default.

    Yields:
        Names of the genes, names of the cells, and the rows, some after others.

    Raises:
        ValueError: As `read_h5ad` does.
        ImportError: If anndata is not installed.
    """
    with _opened(path) as file:
        stored = _stored(path, file, layer)
        cells, genes = (_names(path, member(path, file, axis)) for axis in ("obs", "var"))
        _require_named(path, _shape(path, stored), cells, genes)
        yield genes, cells, _blocks(path, stored)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    required("anndata.io", path, "anndata")
    with opened(path, "anndata") as file:
        yield file


def _element(path: Path, stored: Any) -> Any:
    require_own(path, stored, COPIES)
    return import_module("anndata.io").read_elem(stored)


def _modality(path: Path, file: Any, modality: str | None) -> Any:
    there = member(path, file, "mod")
    names = some_of(names_in(path, there))
    if modality is None and len(there) == 1:
        [modality] = there
    if modality is None:
        raise ValueError(f"{path} has modalities {names}: choose one with --modality")
    if modality not in there:
        raise ValueError(f"{path} has no modality {modality!r}; it has {names}")
    return member(path, there, modality)


def _rows(path: Path, group: Any, layer: str | None) -> Rows:
    x = _sparse(path, _stored(path, group, layer))
    require_rows(path, x)
    cells, genes = (_names(path, member(path, group, axis)) for axis in ("obs", "var"))
    _require_named(path, x.shape, cells, genes)
    layers = _layers(path, group)
    others = some_of(layers)
    notes = (f"X is read; --layer can be one of {others}",) if layers and layer is None else ()
    return Rows(x, genes, {SAMPLE: cells}, notes)


def _stored(path: Path, group: Any, layer: str | None) -> Any:
    layers = _layers(path, group)
    if layer is not None and layer not in layers:
        others = f"its layers are {some_of(layers)}" if layers else "it has none"
        raise ValueError(f"{path} has no layer {layer!r}; {others}")
    return member(path, *((group, "X") if layer is None else (group["layers"], layer)))


def _layers(path: Path, group: Any) -> list[str]:
    if "layers" not in names_in(path, group):
        return []
    return list(names_in(path, member(path, group, "layers")))


def _require_named(path: Path, shape: Any, cells: list[str], genes: list[str]) -> None:
    if shape != (len(cells), len(genes)):
        raise ValueError(
            f"{path} cannot be read: its matrix is {shape[0]} x {shape[1]}, but it names "
            f"{len(cells)} cells and {len(genes)} genes"
        )


def _names(path: Path, frame: Any) -> list[str]:
    return [str(name) for name in _element(path, member(path, frame, frame.attrs["_index"]))]


def _sparse(path: Path, stored: Any) -> sparse.csr_matrix:
    _shape(path, stored)
    if not _is_dense(stored):
        return checked_csr(str(path), _element(path, stored))
    require_own(path, stored)
    return checked_csr(str(path), sparse.vstack(list(_blocks(path, stored)), "csr"))


def _is_dense(stored: Any) -> bool:
    return hasattr(stored, "chunks")  # of h5py a data set, no group


def _shape(path: Path, stored: Any) -> tuple[int, ...]:
    found = stored.shape if _is_dense(stored) else stored.attrs["shape"]
    shape = tuple(int(side) for side in found)
    if len(shape) != 2:
        raise ValueError(f"{path} has a matrix of shape {shape}, must have rows and columns")
    require_size(str(path), *shape)
    return shape


def _blocks(path: Path, stored: Any) -> Iterator[sparse.csr_matrix]:
    """Rows, as many at a time as have ten million values."""
    rows, width = _shape(path, stored)
    if _is_dense(stored):
        require_numbers(path, stored)
        require_own(path, stored, 0)
        step = max(1, VALUES_AT_ONCE // max(1, width))
        for start in range(0, rows, step):
            yield sparse.csr_matrix(widened(stored[start : start + step]))
    elif stored.attrs.get("encoding-type") == "csr_matrix":
        yield from _csr_blocks(path, stored, width)
    else:
        yield checked_csr(str(path), _element(path, stored))


def _csr_blocks(path: Path, stored: Any, width: int) -> Iterator[sparse.csr_matrix]:
    require_own(path, stored, 0)
    pointers = stored["indptr"][:].astype(np.int64)
    start = 0
    while start < len(pointers) - 1:
        room = np.searchsorted(pointers, pointers[start] + VALUES_AT_ONCE, side="right") - 1
        end = max(start + 1, min(int(room), len(pointers) - 1))
        part = slice(pointers[start], pointers[end])
        arrays = stored["data"][part], stored["indices"][part], pointers[start : end + 1]
        own = (*arrays[:2], arrays[2] - arrays[2][0])
        yield checked_csr(str(path), sparse.csr_matrix(own, (end - start, width)))
        start = end
