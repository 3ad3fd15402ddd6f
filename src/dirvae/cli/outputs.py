"""Where results go: checked before work starts, and never left half-written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["require_model_folder", "require_table", "require_writable", "write_table"]

TABLE_SUFFIXES = (".csv", ".npy", ".parquet")


def require_writable(folder: Path) -> None:
    """Make a folder and try it out.

    Raises:
        OSError: If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"{folder} cannot be written to: {error.strerror}") from error


def require_model_folder(path: Path) -> None:
    """Make sure that a model can be saved at ``path``: nothing is there, or an earlier model.

    Raises:
        ValueError: If something else is there.
        OSError: If nothing can be written there.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; --output must be a folder, which may not exist yet")
    if path.is_dir():
        foreign = sorted({entry.name for entry in path.iterdir()} - _files_of_model(path))
        if foreign:
            raise ValueError(
                f"{path} holds other files than a model ({foreign[0]}); choose another --output"
            )
    require_writable(path if path.is_dir() else path.resolve().parent)


def _files_of_model(path: Path) -> set[str]:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        return {"manifest.json", *manifest["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def require_table(path: Path) -> None:
    """Make sure that a table can be written to ``path``.

    Raises:
        ValueError: If its kind is unknown, or it is a folder.
        OSError: If nothing can be written there.
    """
    if path.suffix not in TABLE_SUFFIXES:
        raise ValueError(f"{path} must end in {', '.join(TABLE_SUFFIXES)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; --output must be a file")
    from dirvae.data.images import required  # numpy with it, which --help does not wait for

    if path.suffix != ".npy":
        required("pandas", path)
    if path.suffix == ".parquet":
        required("pyarrow", path)
    require_writable(path.resolve().parent)


def write_table(
    path: Path, values: Any, names: Sequence[str], ids: Mapping[str, Sequence[Any]]
) -> None:
    """Write to a temporary name beside ``path``, then rename.

    Args:
        path: ``.csv`` or ``.parquet``, a table with names and ids, or ``.npy``, the values alone.
        values: Shape (N, K).
        names: Of the K columns.
        ids: Columns to put first.
    """
    handle, temporary = tempfile.mkstemp(suffix=path.suffix, prefix=".", dir=path.resolve().parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, path.suffix, values, names, ids)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(
    file: Any, suffix: str, values: Any, names: Sequence[str], ids: Mapping[str, Any]
) -> None:
    import numpy as np

    if suffix == ".npy":
        np.save(file, values)
        return
    from dirvae.data.images import required

    pandas = required("pandas", suffix)
    frame = pandas.DataFrame({**ids, **dict(zip(names, np.asarray(values).T, strict=True))})
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    else:
        required("pyarrow", suffix)
        frame.to_parquet(file, index=False)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
