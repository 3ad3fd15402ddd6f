"""``dirvae compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.counts import (
    COMPOSITION,
    TOPICS,
    Covariates,
    DropMissing,
    Layer,
    Modality,
    Source,
    Transpose,
    features_in_order,
    kind_of_model,
    read_counts,
    read_known,
)
from dirvae.cli.errors import refuse, say
from dirvae.cli.inputs import (
    UTF8,
    Array,
    Encoding,
    TextColumn,
    covariates_of,
    load_estimator,
    read_documents,
    refuse_texts,
)
from dirvae.cli.outputs import Force, require_page
from dirvae.cli.texts import Strip, parts_of

__all__ = ["compare"]

IdColumn = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Column that identifies the rows of counts."),
]


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... [DATA]",
            help="Two to five folders that dirvae fit topics or fit counts wrote. The last word "
            "may be data, on which all models are compared.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Page to write (.html).")
    ] = Path("comparison.html"),
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title of the page.")] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    strip: Strip = "",
    encoding: Encoding = UTF8,
    array: Array = None,
    covariates: Covariates = None,
    drop_missing: DropMissing = False,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    force: Force = False,
) -> None:
    """Write a page that compares topic models: one .html file that needs no internet.

    Topics are matched by their words. With data, the page also shows how good each model is, and
    whether matched topics have the same documents. If the models have different vocabularies, only
    the words that all models have are compared.
    """
    folders, data = _parted(sources)
    require_page(output, force, [data, covariates, *folders])
    options = {
        "--text-column": text_column,
        "--id-column": id_column,
        "--strip": strip,
        "--array": array,
    }
    of_counts = {
        "--covariates": covariates,
        "--drop-missing": drop_missing,
        "--transpose": transpose,
        "--layer": layer,
        "--modality": modality,
    }
    if data is None:
        refuse("a comparison without data", {**options, **of_counts})
    classes = {kind_of_model(folder) for folder in folders}
    if not classes <= {TOPICS, COMPOSITION} or len(classes) > 1:
        raise ValueError("MODEL must be models of dirvae fit topics only, or of fit counts only")
    models = [load_estimator(folder, "top_words", "") for folder in folders]
    kinds = {name: kind for model in models for name, kind in model.covariate_kinds_.items()}
    rows: Any = None
    told = None
    if data is not None and classes == {COMPOSITION}:
        refuse_texts(f"{data}, which has counts", text_column)
        refuse(f"{data}, which has counts", {"--strip": strip})
        source = Source(data, array, id_column, encoding, transpose, layer, modality)
        asked: dict[str, Any] = {"kinds": kinds, "drop_missing": drop_missing}
        told, rows = read_known(covariates, None, read_counts(source), source, **asked)
    elif data is not None:
        refuse("models of dirvae fit topics", of_counts)
        rows = read_documents(
            data,
            array=array,
            id_column=id_column,
            text_column=text_column,
            encoding=encoding,
            strip=parts_of(strip),
            kinds=kinds,
        )
        told = covariates_of(rows)
    from dirvae.topics.comparison import compare_counts, require_same_columns

    counts = None
    if data is not None:
        if not hasattr(rows, "texts") and rows.columns is None:
            require_same_columns(models)
        counts = [model.counts(features_in_order(model, rows, data)) for model in models]
    names = _called(folders)
    output.resolve().parent.mkdir(parents=True, exist_ok=True)
    found = compare_counts(models, counts, names=names, covariates=told)
    page = found.report(output, title=title)
    say(f"{output}: {len(page.encode()) / 1e6:.1f} MB; open it in a browser")


def _parted(sources: Sequence[str]) -> tuple[list[Path], str | None]:
    """Folders of models, and the data, if the last of the sources is no model."""
    from dirvae.persistence.folder import holds_model

    *others, last = sources
    data = None if holds_model(Path(last)) else last
    folders = [Path(source) for source in (sources if data is None else others)]
    if not 2 <= len(folders) <= 5:
        raise ValueError(f"MODEL names {len(folders)} models, must name two to five")
    return folders, data


def _called(folders: Sequence[Path]) -> list[str]:
    """Names of the folders, with their parents' where two are alike."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
