"""``dirvae effects``."""

from __future__ import annotations

import os
import sys
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
    SampleIds,
    Source,
    Transpose,
    is_composition,
    read_samples,
)
from dirvae.cli.errors import print_json, say
from dirvae.cli.inputs import UTF8, Array, Encoding, load_estimator
from dirvae.cli.options import number
from dirvae.cli.outputs import WIDE, AsJson, Force, require_table, write_table
from dirvae.levels import LEVEL, in_percent
from dirvae.text import literal

__all__ = ["effects"]

VALUES = ("effect", "std_error", "lower", "upper")


def effects(
    model: Annotated[Path, typer.Argument(help="Folder that dirvae fit counts wrote.")],
    counts: Annotated[str, typer.Argument(help=COUNTS_HELP)],
    covariates: Covariates = None,
    covariate_columns: CovariateColumns = None,
    drop_missing: DropMissing = False,
    level: Annotated[float, number(help="Level of the intervals, between 0 and 1.")] = LEVEL,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="Table to write: .csv or .parquet."),
    ] = None,
    id_column: SampleIds = None,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    array: Array = None,
    encoding: Encoding = UTF8,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show how the share of each component is associated with the covariates of the samples.

    For a covariate of numbers, an effect is the change of the share when the covariate rises by 1.
    For a covariate of words, an effect is the change of the share from the reference level to
    another level. The intervals include the uncertainty of the shares. A star marks an interval
    that does not contain 0. Of many intervals, some have a star by chance. An effect is not
    necessarily causal.

    The intervals treat the components as known. So fit several seeds and compare the effects. The
    intervals also treat samples as independent. Repeated samples of one person are not independent.
    """
    if output is not None:
        require_table(output, force, [counts, model, covariates])
        if output.suffix == ".npy":
            raise ValueError(f"{output} must end in .csv or .parquet: the table has words, too")
    if covariates is None:
        raise ValueError("--covariates is missing: give a table of covariates of the samples")
    if not is_composition(model):
        raise ValueError(
            f"{model} is not a model of dirvae fit counts: compute its effects in Python"
        )
    estimator = load_estimator(model, "effects", "")
    source = Source(counts, array, id_column, encoding, transpose, layer, modality)
    _, X, told = read_samples(
        estimator, source, covariates, covariate_columns, drop_missing=drop_missing
    )
    found = estimator.effects(X, told, level=level)
    table = _rows(found, list(estimator.get_feature_names_out()), estimator.topic_names_)
    if output is not None:
        columns = {name: [row[name] for row in table] for name in table[0]}
        write_table(output, [()] * len(table), (), columns)  # texts among the numbers, as they are
        say(f"{output}: {len(table):,} effects on components")
    if as_json:
        print_json(table)
    elif output is None:
        _print(table, level)


def _rows(found: Any, columns: list[str], names: list[str]) -> list[dict[str, Any]]:
    """A row for each coefficient but the intercept, and each component; its name comes last."""
    return [
        {
            "component": k,
            "column": column,
            "covariate": of.covariate,
            "level": of.level,
            "reference": of.reference,
            **{name: float(getattr(found, name)[place, k]) for name in VALUES},
            "name": name,
        }
        for place, of in enumerate(found.coefficients[1:], 1)
        for k, (column, name) in enumerate(zip(columns, names, strict=True))
    ]


def _print(table: list[dict[str, Any]], level: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from dirvae.topics.effects import Coefficient

    # A file has room for all of a name; a terminal, or who sets COLUMNS, for what is left.
    roomy = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    shown = Table(box=None, pad_edge=False, expand=not roomy)
    shown.add_column("covariate")
    for name in ("component", "effect", f"{in_percent(level)} interval"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    shown.add_column("name", ratio=1, no_wrap=True, overflow="ellipsis")
    before = None
    for row in table:
        what = str(Coefficient(row["covariate"], "", row["level"], row["reference"]))
        star = "*" if row["lower"] > 0 or row["upper"] < 0 else ""
        interval = f"{row['lower']:+.4f} to {row['upper']:+.4f}"
        said = literal("" if what == before else what)
        shown.add_row(
            said,
            str(row["component"]),
            f"{row['effect']:+.4f}",
            interval,
            star,
            literal(row["name"]),
        )
        before = what
    console = Console(width=WIDE if roomy else None)
    console.print(shown)
    console.print(f"* The {in_percent(level)} interval does not contain 0.")
    console.print("Of many intervals, some have a star by chance.")
