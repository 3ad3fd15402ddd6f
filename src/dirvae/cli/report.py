"""``dirvae report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.counts import (
    CovariateColumns,
    DropMissing,
    Layer,
    Modality,
    Source,
    Transpose,
    features_in_order,
    is_composition,
    read_labels,
    read_samples,
)
from dirvae.cli.errors import refuse, say
from dirvae.cli.inputs import (
    UTF8,
    Array,
    Encoding,
    IdColumn,
    TextColumn,
    columns_in_order,
    covariates_of,
    known_or_none,
    load_estimator,
    read_data,
    read_documents,
    rows_of,
)
from dirvae.cli.outputs import Force, require_page
from dirvae.cli.texts import Strip, parts_of

__all__ = ["report", "write_page"]

NO_PAGE = ", and there is no page for it: give a model of dirvae fit topics, counts or vae"
LabelColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column of labels, to compare groups and to filter. For counts, a column of "
        "--covariates.",
    ),
]
TimeColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of years, dates or other numbers.")
]


def report(
    model: Annotated[Path, typer.Argument(help="Folder that dirvae fit wrote.")],
    data: Annotated[
        str | None, typer.Argument(help="Documents or rows to show, in a form that fit takes.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Page to write (.html).")
    ] = Path("report.html"),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    time_column: TimeColumn = None,
    id_column: IdColumn = None,
    covariates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="For topics: column of DATA whose effects are shown. Repeat the option for more. "
            "For counts: table of covariates, as for fit counts.",
        ),
    ] = None,
    covariate_columns: CovariateColumns = None,
    drop_missing: DropMissing = False,
    names: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help='File with names of topics, such as {"0": "Cars"}. A page can save this '
            ".json file.",
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title of the page.")] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also show the quality of scikit-learn's LDA.")
    ] = False,
    strip: Strip = "",
    encoding: Encoding = UTF8,
    array: Array = None,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    force: Force = False,
) -> None:
    """Write a page to explore a model and its data: one .html file that needs no internet.

    For topics, the page shows words, documents, and shares by label and over time. For a model of
    fit vae, the page shows what each component means. On this page, you can also change the latent
    and see the decoded result.
    """
    require_page(output, force, [data, model, names])
    columns = {
        "--text-column": text_column,
        "--label-column": label_column,
        "--time-column": time_column,
        "--id-column": id_column,
        "--covariates": covariates,
        "--array": array,
        "--strip": strip,
        "--baseline": baseline,
    }
    of_counts = {
        "--transpose": transpose,
        "--layer": layer,
        "--modality": modality,
        "--covariate-columns": covariate_columns,
        "--drop-missing": drop_missing,
    }
    if data is None:
        refuse("a report without data", {**columns, **of_counts})
    estimator = load_estimator(model, "report", NO_PAGE)
    given: dict[str, Any] = {} if title is None else {"title": title}
    if not hasattr(estimator, "topic_word_"):
        texts = {name: columns[name] for name in columns if name not in ("--id-column", "--array")}
        refuse(f"{model}, which has no topics", {**texts, "--names": names, **of_counts})
        _write_components(estimator, model, data, output, id_column, encoding, array, given)
        return
    if baseline:
        given["baseline"] = True
    if names is not None:
        from dirvae.report.explorer import read_names

        given["names"] = read_names(names)
    if data is not None and is_composition(model):
        unread = ("--text-column", "--time-column", "--strip")
        refuse(f"{data}, which has counts", {name: columns[name] for name in unread})
        source = Source(data, array, id_column, encoding, transpose, layer, modality)
        chosen = covariate_columns, label_column, drop_missing
        _write_composition(estimator, source, covariates, *chosen, output, given)
        return
    refuse(f"{model}, which is not a model of dirvae fit counts", of_counts)
    X = None
    if data is not None:
        extra = [name for name in (label_column, time_column) if name is not None]
        X = read_documents(
            data,
            array=array,
            id_column=[*(id_column or []), *extra] or None,
            text_column=text_column,
            encoding=encoding,
            strip=parts_of(strip),
            model=estimator,
            kinds={**dict.fromkeys(covariates or (), ""), **estimator.covariate_kinds_},
        )
        given["covariates"] = covariates_of(X)
        if not hasattr(X, "texts"):
            X = X._replace(x=features_in_order(estimator, X, data))
    write_page(estimator, X, output, label_column, time_column, id_column, given)


def _write_composition(
    estimator: Any,
    source: Source,
    covariates: list[str] | None,
    columns: str | None,
    label_column: str | None,
    drop_missing: bool,
    output: Path,
    given: dict[str, Any],
) -> None:
    if covariates is not None and len(covariates) > 1:
        raise ValueError(f"--covariates is {' '.join(covariates)}, must be one table for counts")
    table = None if covariates is None else Path(covariates[0])
    rows, X, told = read_samples(estimator, source, table, columns, drop_missing=drop_missing)
    labels = read_labels(table, label_column, rows, source)
    named = None if labels is None else {label_column: labels}
    given |= {"covariates": told, "ids": rows.ids or None, "labels": named}
    _save(estimator, X, output, given)


def _write_components(
    estimator: Any,
    model: Path,
    data: str | None,
    output: Path,
    id_column: list[str] | None,
    encoding: str,
    array: str | None,
    given: dict[str, Any],
) -> None:
    if data is None:
        raise ValueError(f"{model} has no topics: give the rows to show, in a form that fit takes")
    rows = read_data(data, array, id_column, encoding)
    if rows.ids:
        from dirvae.report.examples import document_names

        given["ids"] = document_names(rows.ids, rows.x.shape[0])[1]
    _save(estimator, columns_in_order(estimator, rows, data), output, given)


def _save(estimator: Any, X: Any, output: Path, given: dict[str, Any]) -> None:
    output.resolve().parent.mkdir(parents=True, exist_ok=True)
    page = estimator.report(X, output, **given)
    say(f"{output}: {len(page.encode()) / 1e6:.1f} MB; open it in a browser")


def write_page(
    estimator: Any,
    X: Any,
    output: Path,
    label_column: str | None,
    time_column: str | None,
    id_column: list[str] | None,
    given: dict[str, Any],
) -> None:
    """Write the page of a topic model.

    Args:
        estimator: The model.
        X: Documents as read, with labels and times among their ids; None for none.
        output: The page.
        label_column: Of labels, among the ids or read as such.
        time_column: Of times, among the ids.
        id_column: Of what the documents are called.
        given: Other arguments of the model's `report`.
    """
    if X is not None:
        from dirvae.data.text_tables import as_classes

        cells = X.ids.get(label_column)
        labels = getattr(X, "labels", None) if cells is None else as_classes(cells)
        extra = {label_column, time_column} - set(id_column or ())
        given |= {
            "labels": None if labels is None else {label_column or "label": known_or_none(labels)},
            "times": X.ids[time_column] if time_column else None,
            "ids": {name: ids for name, ids in X.ids.items() if name not in extra} or None,
        }
    _save(estimator, None if X is None else rows_of(X), output, given)
