"""``dirvae effects``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.counts import (
    COUNTS_HELP,
    CovariateColumns,
    Covariates,
    DropMissing,
    Layer,
    Modality,
    Source,
    Transpose,
    complete,
    features_in_order,
    is_composition,
    read_counts,
    read_covariates,
)
from dirvae.cli.errors import print_json, say
from dirvae.cli.inputs import UTF8, Array, Encoding, IdColumn, load_estimator
from dirvae.cli.options import number
from dirvae.cli.outputs import AsJson, Force, require_table, write_table
from dirvae.text import literal

__all__ = ["effects"]

VALUES = ("effect", "std_error", "lower", "upper")


def effects(
    model: Annotated[Path, typer.Argument(help="Folder that dirvae fit counts wrote.")],
    counts: Annotated[str, typer.Argument(help=COUNTS_HELP)],
    covariates: Covariates = None,
    covariate_columns: CovariateColumns = None,
    drop_missing: DropMissing = False,
    level: Annotated[float, number(help="Level of the intervals, between 0 and 1.")] = 0.95,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="Table to write: .csv or .parquet."),
    ] = None,
    id_column: IdColumn = None,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    array: Array = None,
    encoding: Encoding = UTF8,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show how the share of each component goes with what is known of the samples.

    For numbers, an effect is the change of the share for one unit more. For words, it is the change
    from the reference level to another. Intervals include what the counts leave uncertain about the
    shares. A star marks intervals that leave out 0. An effect need not be a cause.
    """
    if output is not None:
        require_table(output, force, [counts, model, covariates])
        if output.suffix == ".npy":
            raise ValueError(f"{output} must end in .csv or .parquet: it is a table of words, too")
    if covariates is None:
        raise ValueError("--covariates is missing: a table of what is known of the samples")
    if not is_composition(model):
        raise ValueError(f"{model} is not of dirvae fit counts: ask for effects in Python")
    estimator = load_estimator(model, "effects", "")
    source = Source(counts, array, id_column, encoding, transpose, layer, modality)
    rows = read_counts(source)
    known = estimator.covariate_kinds_
    told = read_covariates(covariates, covariate_columns, rows, source, kinds=known)
    told, rows = complete(told, rows, drop_missing, covariates)
    found = estimator.effects(features_in_order(estimator, rows, counts), told, level=level)
    table = _rows(found, list(estimator.get_feature_names_out()))
    if output is not None:
        ids = {name: [row[name] for row in table] for name in table[0] if name not in VALUES}
        write_table(output, [[row[name] for name in VALUES] for row in table], VALUES, ids)
        say(f"{output}: {len(table):,} effects on components")
    if as_json:
        print_json(table)
    elif output is None:
        _print(table, level)


def _rows(found: Any, columns: list[str]) -> list[dict[str, Any]]:
    """A row for each coefficient but the intercept, and each component."""
    return [
        {
            "component": k,
            "column": column,
            "covariate": of.covariate,
            "level": of.level,
            "reference": of.reference,
            **{name: float(getattr(found, name)[place, k]) for name in VALUES},
        }
        for place, of in enumerate(found.coefficients[1:], 1)
        for k, column in enumerate(columns)
    ]


def _print(table: list[dict[str, Any]], level: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from dirvae.topics.effects import Coefficient

    shown = Table(box=None, pad_edge=False)
    shown.add_column("covariate")
    for name in ("component", "effect", f"{level:.0%} interval"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    before = None
    for row in table:
        what = str(Coefficient(row["covariate"], "", row["level"], row["reference"]))
        star = "*" if row["lower"] > 0 or row["upper"] < 0 else ""
        interval = f"{row['lower']:+.4f} to {row['upper']:+.4f}"
        said = literal("" if what == before else what)
        shown.add_row(said, str(row["component"]), f"{row['effect']:+.4f}", interval, star)
        before = what
    Console().print(shown)
