"""Where results go: checked before work starts, so that nothing is lost and nothing in vain."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.formats import listed
from dirvae.writing import line_end, require_writable, save_array, try_writing, whole

__all__ = [
    "WIDE",
    "AsJson",
    "Force",
    "Inputs",
    "Quiet",
    "require_apart",
    "require_model_folder",
    "require_new",
    "require_page",
    "require_results_folder",
    "require_table",
    "write_table",
]

WIDE = 250  # columns of a table that is printed to a file
TABLE_SUFFIXES = (".csv", ".npy", ".parquet")
Force = Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bar.")]


Inputs = Iterable[str | Path | None]
"""Files and folders; words that name a data set, and None, are passed over."""


def require_apart(output: Path, inputs: Inputs, option: str = "--output") -> None:
    """Make sure that an output is none of the inputs, under whatever name, nor within one.

    Args:
        output: File or folder, which may not exist yet.
        inputs: Of the command.
        option: That names the output.

    Raises:
        ValueError: If it is.
    """
    for source in (Path(name) for name in inputs if name is not None):
        if not source.exists():
            continue
        for place in (output, *output.resolve().parents):
            if place.exists() and os.path.samefile(place, source):
                how = "is" if place == output else "is in"
                raise ValueError(f"{output} {how} the input {source}; choose another {option}")


def require_new(path: Path, force: bool) -> None:
    """Make sure that nothing is at ``path`` that the user did not give up.

    Raises:
        ValueError: If something is.
    """
    if os.path.lexists(path) and not force:
        raise ValueError(f"{path} exists: replace it with --force, or choose another --output")


def require_model_folder(path: Path, force: bool, inputs: Inputs = ()) -> None:
    """Make sure that a model can be saved at ``path``, and does not replace one unasked.

    Raises:
        ValueError: If a model is there and not ``force``, something else is, or an input.
        OSError: If nothing can be written there.
    """
    from dirvae.persistence.folder import holds_model, other_files, require_replaceable

    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; --output must be a folder or a new path")
    require_apart(path, inputs)
    if path.is_dir():
        others = other_files(path)
        if others:
            raise ValueError(
                f"{path} has files that are not part of a model ({others[0]}); choose another "
                "--output"
            )
        if holds_model(path):
            require_new(path, force)
    require_replaceable(path)


def require_results_folder(path: Path) -> None:
    """Make sure that files can be written in a folder, which may not exist yet.

    Raises:
        ValueError: If it is that of a model or of a corpus, or no folder.
        OSError: If nothing can be written there.
    """
    from dirvae.data.corpus.manifest import says_corpus
    from dirvae.persistence.folder import holds_model

    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; --output must be a folder or a new path")
    if holds_model(path):
        raise ValueError(f"{path} holds a model; choose another --output")
    if says_corpus(path):
        raise ValueError(f"{path} holds a corpus; choose another --output")
    require_writable(path)


def require_page(path: Path, force: bool, inputs: Inputs = ()) -> None:
    """Make sure that a page can be written to ``path``, and does not replace one unasked.

    Raises:
        ValueError: If it is no .html, a folder or an input, or exists and not ``force``.
        OSError: If nothing can be written there.
    """
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"{path} must end in .html")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; --output must be a file")
    require_apart(path, inputs)
    require_new(path, force)
    try_writing(path)


def require_table(
    path: Path, force: bool, inputs: Inputs = (), *, more: Sequence[str] = ()
) -> None:
    """Make sure that a table can be written to ``path``, and does not replace one unasked.

    Args:
        path: The file.
        force: Whether it may replace one.
        inputs: Of the command.
        more: Suffixes that it may have besides those of tables.

    Raises:
        ValueError: If its kind is unknown, it is a folder or an input, or exists and not ``force``.
        OSError: If nothing can be written there.
    """
    if path.suffix not in (*TABLE_SUFFIXES, *more):
        raise ValueError(f"{path} must end in {listed(TABLE_SUFFIXES)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; --output must be a file")
    require_apart(path, inputs)
    require_new(path, force)
    from dirvae.data.images import required  # numpy with it, which --help does not wait for

    if path.suffix in (".csv", ".parquet"):
        required("pandas", path)
    if path.suffix == ".parquet":
        required("pyarrow", path)
    try_writing(path)


def write_table(
    path: Path, values: Any, names: Sequence[str], ids: Mapping[str, Sequence[Any]]
) -> None:
    """Write a table whole or not at all.

    Args:
        path: ``.csv`` or ``.parquet``, a table with names and ids, or ``.npy``, the values alone.
        values: Shape (N, K).
        names: Of the K columns.
        ids: Columns to put first.
    """
    path.resolve().parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        _write(file, path.suffix, values, names, ids)


def _write(
    file: Any, suffix: str, values: Any, names: Sequence[str], ids: Mapping[str, Any]
) -> None:
    if suffix == ".npy":
        save_array(file, values)
        return
    import numpy as np

    from dirvae.data.images import required

    pandas = required("pandas", suffix)
    columns = {name: _numbers_exact(cells) for name, cells in ids.items()}
    frame = pandas.DataFrame({**columns, **dict(zip(names, np.asarray(values).T, strict=True))})
    if suffix == ".csv":
        texts = chain(names, columns, *columns.values())
        frame.to_csv(file, index=False, lineterminator=line_end(texts))
    else:
        required("pyarrow", suffix)
        frame.to_parquet(file, index=False)


def _numbers_exact(cells: Sequence[Any]) -> Any:
    """Cells of a column, of which pandas would round whole numbers beside others."""
    from dirvae.data.table_blocks import column_of, kind_of_cells

    are_whole = [type(cell) is int for cell in cells]
    if not any(are_whole) or (all(are_whole) and min(cells) >= 0 and max(cells) < 2**64):
        return cells  # pandas has a type for these, up to 64 bits without a sign
    return column_of(cells, kind_of_cells([cells]))
