"""Rows from files that people have: arrays, tables, folders of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
from scipy import sparse

from dirvae.data.image_sets import mnist
from dirvae.data.images import read_images
from dirvae.data.rows import Rows, rows_of
from dirvae.data.text_files import UTF8
from dirvae.formats import FORMATS, NUMBERS, kind_of, listed, taking

__all__ = ["Rows", "read_rows"]

KINDS = f"{', '.join(NUMBERS)}, a folder of .png or .jpg images, or the word mnist"


def read_rows(
    source: str | Path,
    *,
    array: str | None = None,
    id_columns: Sequence[str] = (),
    encoding: str = UTF8,
    layer: str | None = None,
    modality: str | None = None,
) -> Rows:
    """Read rows of numbers from a file or folder. Nothing in a file is unpickled.

    Images are in a folder, in MNIST, or in an array of 8-bit integers with more than two axes. They
    are scaled to [0, 1] and flattened: height before width before channels.

    A text table may be separated by commas, semicolons, tabs or bars (``|``). It may have decimal
    commas, and names of rows as R writes them. It may be compressed with gzip. All of this is
    recognised, and ``notes`` says so. If the format is not certain, ValueError is raised. A first
    line of numbers alone is read as a row, except for the numbers 0, 1, ..., D - 1, which are names
    of columns.

    Args:
        source: A file of a kind in `dirvae.formats.NUMBERS`. Or a folder of ``.png`` or ``.jpg``
            images of one size. Or ``mnist`` (see `mnist`). An ``.npz`` file has a SciPy sparse
            matrix, or an array ``x``, ``X`` or ``x_train``, or a single array with two axes or
            more. A text table may be compressed, such as ``.csv.gz``.
        array: Name of another array of an ``.npz`` file or of MNIST.
        id_columns: Columns of a table that identify rows, and are not data. A first column without
            a name always counts as such a column, and is called ``row``.
        encoding: Encoding of a ``.csv`` or ``.tsv`` file. UTF-16 is recognised by its byte-order
            mark.
        layer: Layer of an ``.h5ad`` or ``.h5mu`` file. If None, X.
        modality: Modality of an ``.h5mu`` file. If None, the file must have only one.

    Returns:
        The rows, with notes on what was recognised and changed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty, cut off or of another kind, has rows of different lengths,
            or has values that are not finite numbers.
        ImportError: If a package that reads such files is not installed; the message says which.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(path := Path(folder, "x.npy"), np.full((2, 3, 3), 255, np.uint8))
        ...     rows = read_rows(path)
        >>> rows.x.shape, float(rows.x.max()), rows.notes
        ((2, 9), 1.0, ('2 images of 3 x 3, scaled to [0, 1] and flattened to 9 columns',))
    """
    path, is_mnist = Path(source), str(source) == "mnist"
    if not path.exists() and not is_mnist:
        raise FileNotFoundError(f"{source} does not exist; data are {KINDS}")
    kind = kind_of(path)
    if array and not is_mnist and kind not in taking("array"):
        files = listed(taking("array"))
        raise ValueError(f"{source} is not a {files} file, so it has no array {array!r} to choose")
    for option, value in (("layer", layer), ("modality", modality)):
        if value and kind not in taking(option):
            files = listed(taking(option))
            raise ValueError(f"{source} is not a {files} file, so it has no {option} {value!r}")
    if id_columns and kind not in taking("id_columns"):
        raise ValueError(f"{source} is not a table, so it has no column {id_columns[0]!r}")
    if encoding != UTF8 and kind not in taking("encoding", NUMBERS):
        files = listed(taking("encoding", NUMBERS))
        raise ValueError(f"{source} is not a {files} file, so it has no encoding {encoding!r}")
    if is_mnist:
        return rows_of("mnist", mnist(array or "x_train"))
    rows = _read(
        path,
        array=array,
        id_columns=id_columns,
        encoding=encoding,
        layer=layer,
        modality=modality,
    )
    _require_finite(path, rows)
    return rows


def _read(path: Path, **options: Any) -> Rows:
    if path.is_dir():
        names, pixels = read_images(path)
        return rows_of(path, pixels)._replace(ids={"file": names})
    if kind_of(path) not in NUMBERS:
        raise ValueError(f"{path} is of a type that cannot be read; data are {KINDS}")
    row = FORMATS[kind_of(path)]
    rows: Rows = resolve_name(row.numbers)(path, **{name: options[name] for name in row.options})
    return rows


def _require_finite(path: Path, rows: Rows) -> None:
    values = rows.x.data if sparse.issparse(rows.x) else rows.x
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    row, column, value = _first_not_finite(rows.x)
    kind = "missing values (NaN)" if np.isnan(value) else "infinite values"
    name = repr(rows.columns[column]) if rows.columns else column + 1
    raise ValueError(
        f"{path} has {kind}, the first in row {row + 1}, column {name} (counted from 1): fill them "
        "in or leave these rows out"
    )


def _first_not_finite(x: Any) -> tuple[int, int, float]:
    if sparse.issparse(x):
        entries = x.tocoo()
        first = np.flatnonzero(~np.isfinite(entries.data))[0]
        return entries.row[first], entries.col[first], entries.data[first]
    row, column = np.argwhere(~np.isfinite(x))[0]
    return row, column, x[row, column]
