"""Rows of numbers from what AnnData and MuData write: .h5ad and .h5mu."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from scipy import sparse

from dirvae.data.hdf5 import COPIES, member, opened, require_own
from dirvae.data.images import required
from dirvae.data.rows import SAMPLE, Rows, require_numbers, require_rows
from dirvae.data.sparse_matrix import checked_csr, require_size

__all__ = ["read_h5ad", "read_h5mu", "read_obs"]

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
    """Read what an .h5ad file says of its cells, a frame of pandas whose first column names them.

    Args:
        path: The file.
        encoding: Not used.

    Raises:
        ValueError: If it is damaged.
        ImportError: If anndata is not installed.
    """
    with _opened(path) as file:
        frame = _element(path, member(path, file, "obs"))
    frame.index.name = frame.index.name or SAMPLE
    return frame.reset_index(), ()


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
    names = ", ".join(there)
    if modality is None and len(there) == 1:
        [modality] = there
    if modality is None:
        raise ValueError(f"{path} has modalities {names}: choose one with --modality")
    if modality not in there:
        raise ValueError(f"{path} has no modality {modality!r}; it has {names}")
    return member(path, there, modality)


def _rows(path: Path, group: Any, layer: str | None) -> Rows:
    layers = list(member(path, group, "layers")) if "layers" in group else []
    if layer is not None and layer not in layers:
        others = f"its layers are {', '.join(layers)}" if layers else "it has none"
        raise ValueError(f"{path} has no layer {layer!r}; {others}")
    stored = member(path, *((group, "X") if layer is None else (group["layers"], layer)))
    x = _sparse(path, stored)
    require_rows(path, x)
    cells, genes = (_names(path, member(path, group, axis)) for axis in ("obs", "var"))
    if x.shape != (len(cells), len(genes)):
        raise ValueError(
            f"{path} cannot be read: its matrix is {x.shape[0]} x {x.shape[1]}, but it names "
            f"{len(cells)} cells and {len(genes)} genes"
        )
    others = ", ".join(layers)
    notes = (f"X taken; --layer takes one of {others}",) if layers and layer is None else ()
    return Rows(x, genes, {SAMPLE: cells}, notes)


def _names(path: Path, frame: Any) -> list[str]:
    return [str(name) for name in _element(path, member(path, frame, frame.attrs["_index"]))]


def _sparse(path: Path, stored: Any) -> sparse.csr_matrix:
    is_dense = hasattr(stored, "chunks")  # of h5py a data set, no group
    shape = tuple(int(side) for side in (stored.shape if is_dense else stored.attrs["shape"]))
    if len(shape) != 2:
        raise ValueError(f"{path} has a matrix of shape {shape}, must have rows and columns")
    require_size(str(path), *shape)
    if not is_dense:
        return checked_csr(str(path), _element(path, stored))
    require_numbers(path, stored)
    require_own(path, stored)
    step = max(1, VALUES_AT_ONCE // max(1, shape[1]))
    parts = [sparse.csr_matrix(stored[start : start + step]) for start in range(0, shape[0], step)]
    return checked_csr(str(path), sparse.vstack(parts, "csr"))
