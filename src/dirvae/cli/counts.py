"""What the commands read of compositions: counts, and a table of what is known of the samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from dirvae.cli.errors import refuse, require_also, say
from dirvae.cli.inputs import NO_KINDS, UTF8, OnDisk, known_or_none, read_data, tell
from dirvae.formats import NUMBERS, TABLES, kind_of, listed, taking
from dirvae.text import some_of

if TYPE_CHECKING:
    from dirvae.data.files import Rows

__all__ = [
    "COLUMNS_HELP",
    "COMPOSITION",
    "COUNTS_HELP",
    "DIRICHLET_VAE",
    "TOPICS",
    "CovariateColumns",
    "Covariates",
    "DropMissing",
    "Layer",
    "Modality",
    "SampleIds",
    "Source",
    "Transpose",
    "complete",
    "features_in_order",
    "is_composition",
    "kind_of_model",
    "read_counts",
    "read_covariates",
    "read_known",
    "read_labels",
    "read_samples",
]

COMPOSITION = "CompositionModel"
TOPICS = "TopicModel"
DIRICHLET_VAE = "DirichletVAE"

COUNTS_HELP = f"Counts of features in samples, one row per sample: {listed(NUMBERS)}."
Transpose = Annotated[
    bool, typer.Option("--transpose", help="The counts have one row per feature, not per sample.")
]
Layer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Layer to read from the {listed(taking('layer'))} file.",
        show_default="the matrix X",
    ),
]
Modality = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help=f"Modality to read from the {listed(taking('modality'))} file."
    ),
]
Covariates = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Table of covariates (known properties of the samples, such as age), as "
        f"{listed(TABLES)}. The table needs a column of the samples' ids.",
    ),
]
COLUMNS_HELP = "Columns of --covariates to use, such as diet,age."
CovariateColumns = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help=COLUMNS_HELP,
        show_default="those that the model was fitted with, or else all",
    ),
]
SampleIds = Annotated[
    list[str] | None,
    typer.Option(
        "--id-column",
        metavar="NAME",
        help="Column of the samples' ids in the table of counts. If the table has such a column, "
        "this option is needed. The table of --covariates is matched by its column of the same "
        "name or, if it has none, by its first column.",
    ),
]
DropMissing = Annotated[
    bool,
    typer.Option("--drop-missing", help="Leave out samples with missing covariates."),
]


class Source(NamedTuple):
    """A file of counts, and how it is read.

    Attributes:
        path: The file.
        array: Which array of it.
        id_column: Columns that identify samples; with ``transpose`` that of features.
        encoding: Of a file of text.
        transpose: Whether its rows are features.
        layer: Which layer of it.
        modality: Which modality of it.
    """

    path: str
    array: str | None = None
    id_column: Sequence[str] | None = None
    encoding: str = UTF8
    transpose: bool = False
    layer: str | None = None
    modality: str | None = None

    def arguments(self) -> list[str]:
        """The file and its options, as on the command line."""
        given: list[tuple[str, str | None]] = [
            ("--id-column", name) for name in self.id_column or ()
        ]
        given += [("--array", self.array), ("--layer", self.layer), ("--modality", self.modality)]
        given.append(("--encoding", None if self.encoding == UTF8 else self.encoding))
        flags = ["--transpose"] if self.transpose else []
        words = [word for option, value in given if value for word in (option, value)]
        return [self.path, *flags, *words]


def read_counts(source: Source) -> Rows:
    """Read counts with a row for each sample, and say what was done to them."""
    for option in ("layer", "modality"):
        if kind_of(source.path) not in taking(option):
            what = f"{source.path}, which is not a {listed(taking(option))} file"
            refuse(what, {f"--{option}": getattr(source, option)})
    rows = read_data(
        source.path,
        source.array,
        source.id_column,
        source.encoding,
        layer=source.layer,
        modality=source.modality,
    )
    if source.transpose:
        from dirvae.data.rows import transposed

        rows = transposed(source.path, rows)
    return rows


def kind_of_model(path: Path) -> str:
    """Name of the class that a model's folder holds."""
    from dirvae.persistence import read_config

    return str(read_config(path).get("kind"))


def is_composition(path: Path) -> bool:
    """Whether a model's folder holds what ``dirvae fit counts`` writes."""
    return kind_of_model(path) == COMPOSITION


def features_in_order(model: Any, rows: Any, path: str) -> Any:
    """Counts in the order of the model's features, by name where both have names; texts as texts.

    Features that the counts lack are 0, and others are left out, which is said.

    Raises:
        ValueError: If none of the names is known to the model.
    """
    if hasattr(rows, "texts"):
        return rows.texts
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # checked here
    names = getattr(model, "vocabulary_", None)
    if isinstance(rows, OnDisk):  # the model sees to it that words are its own
        return rows.x
    if names is None or rows.columns is None or rows.columns == names.tolist():
        return rows.x
    import numpy as np
    from scipy import sparse

    place = {name: column for column, name in enumerate(names)}
    if len(set(rows.columns)) < len(rows.columns):
        again = next(name for name in rows.columns if rows.columns.count(name) > 1)
        raise ValueError(f"{path} has two features named {again!r}; each name must be unique")
    known = [column for column, name in enumerate(rows.columns) if name in place]
    if not known:
        raise ValueError(
            f"{path} has none of the model's {len(names)} features. A feature of the model is "
            f"{names[0]!r}, one of the file is {rows.columns[0]!r}. If the latter is a sample, add "
            "--transpose"
        )
    lacking, new = len(names) - len(known), len(rows.columns) - len(known)
    if lacking:
        say(
            f"{path}: {lacking:,} of the model's {len(names):,} features are not in it; their "
            "counts are taken as 0"
        )
    if new:
        say(f"{path}: left out {new:,} features that the model does not have")
    x = sparse.csc_matrix(rows.x)[:, known].tocoo()
    columns = [place[rows.columns[column]] for column in known]
    shape = (x.shape[0], len(names))
    return sparse.csr_matrix((x.data, (x.row, np.asarray(columns)[x.col])), shape)


def read_samples(
    model: Any,
    source: Source,
    covariates: Path | None,
    columns: str | None = None,
    *,
    drop_missing: bool = False,
) -> tuple[Rows, Any, Any]:
    """Samples as read, their counts by the features of the model, and what is known of them.

    Args:
        model: The fitted model.
        source: The samples.
        covariates: The table of what is known of them.
        columns: Its columns, as the option has them.
        drop_missing: Whether samples are left out whose covariates are missing.
    """
    known = {"kinds": model.covariate_kinds_, "drop_missing": drop_missing}
    told, rows = read_known(covariates, columns, read_counts(source), source, **known)
    return rows, features_in_order(model, rows, source.path), told


def read_known(
    path: Path | None,
    columns: str | None,
    rows: Rows,
    source: Source,
    *,
    drop_missing: bool,
    kinds: Mapping[str, str] = NO_KINDS,
) -> tuple[Any, Rows]:
    """Read what is known of samples, and return it with these samples; see `complete`.

    Args:
        path: As in `read_covariates`, as are those that follow.
        columns: Its columns.
        rows: The samples.
        source: Where they are from.
        drop_missing: Whether samples are left out of which something is missing.
        kinds: Columns by default.
    """
    told = read_covariates(path, columns, rows, source, kinds=kinds)
    if path is None:
        require_also("--covariates", {"--drop-missing": drop_missing})
        return None, rows
    return complete(told, rows, drop_missing, path)


def read_covariates(
    path: Path | None,
    columns: str | None,
    rows: Rows,
    source: Source,
    *,
    kinds: Mapping[str, str] = NO_KINDS,
) -> Any:
    """Read what is known of samples, a pandas DataFrame in their order; None for no path.

    Args:
        path: The table.
        columns: Its columns, as the option has them.
        rows: The samples.
        source: Where they are from.
        kinds: Columns by default, those that a model was fitted to, and what they have; all columns
            if empty.
    """
    if path is None:
        require_also("--covariates", {"--covariate-columns": columns})
        return None
    if not rows.ids and kind_of(source.path) not in taking("id_columns"):
        raise ValueError(
            f"--covariates is matched by the samples' ids, but {source.path} has no ids: give the "
            "counts in a table that has them"
        )
    if not rows.ids:
        raise ValueError(
            f"--covariates is matched by the samples' ids, but {source.path} has no ids: name the "
            "column of ids with --id-column"
        )
    if len(rows.ids) > 1:
        raise ValueError(f"--covariates needs one --id-column, but there are {len(rows.ids)}")
    from dirvae.data.metadata import read_metadata

    [(key, ids)] = rows.ids.items()
    chosen = list(kinds) if columns is None else [name.strip() for name in columns.split(",")]
    of_text = kind_of(path) in taking("encoding")
    encoding = source.encoding if of_text else UTF8
    frame, notes = read_metadata(
        path, ids, id_column=key, columns=chosen, encoding=encoding, kinds=kinds
    )
    tell(str(path), notes)
    return frame


def read_labels(
    path: Path | None, column: str | None, rows: Rows, source: Source
) -> list[str | None] | None:
    """Read the label of each sample, None where it has none; None for no column.

    Args:
        path: The table of what is known of samples.
        column: Its column of labels.
        rows: The samples.
        source: Where they are from.
    """
    if column is None:
        return None
    if path is None:
        raise ValueError("--label-column names a column of --covariates: give --covariates, too")
    from dirvae.data.metadata import read_metadata
    from dirvae.data.text_tables import as_classes

    [(key, ids)] = rows.ids.items()
    encoding = source.encoding if kind_of(path) in taking("encoding") else UTF8
    named: dict[str, Any] = {"id_column": key, "columns": [column], "kinds": {column: "words"}}
    frame, _ = read_metadata(path, ids, encoding=encoding, **named)
    return known_or_none(as_classes(frame[column].tolist()))


def complete(frame: Any, rows: Rows, drop: bool, path: Path) -> tuple[Any, Rows]:
    """Return covariates and samples without those that have missing values, where asked to.

    Raises:
        ValueError: If there are some, and ``drop`` is not, or all have.
    """
    missing = frame.isna()
    if not missing.to_numpy().any():
        return frame, rows
    count = int(missing.any(axis=1).sum())
    worst = some_of(f"{name} ({n})" for name, n in missing.sum().items() if n)
    if not drop:
        raise ValueError(
            f"{path} has missing values in {count} of the {len(frame)} samples: {worst}; leave "
            "these samples out with --drop-missing"
        )
    kept = (~missing.any(axis=1)).to_numpy()
    if not kept.any():
        raise ValueError(f"{path} has missing values in all samples: {worst}")
    say(f"{path}: left out {count} samples with missing values: {worst}")
    ids = {
        name: [value for value, keep in zip(values, kept, strict=True) if keep]
        for name, values in rows.ids.items()
    }
    left = rows._replace(x=rows.x[kept], ids=ids, kept=kept.nonzero()[0].tolist())
    return frame[kept].reset_index(drop=True), left
