"""``dirvae export``."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, NamedTuple

import typer

from dirvae.cli.apply import Model, read_for
from dirvae.cli.counts import (
    CovariateColumns,
    Covariates,
    DropMissing,
    Layer,
    Modality,
    Source,
    Transpose,
    kind_of_model,
)
from dirvae.cli.errors import refuse, say
from dirvae.cli.inputs import UTF8, Array, Encoding, IdColumn, TextColumn
from dirvae.cli.options import one_of, words_of
from dirvae.cli.outputs import (
    Force,
    Inputs,
    require_apart,
    require_new,
    require_results_folder,
)
from dirvae.cli.texts import Strip
from dirvae.writing import try_writing

__all__ = ["FORMATS", "export"]


class Format(NamedTuple):
    """A form that models are exported to.

    Attributes:
        write: The function of `dirvae.export` that does it.
        suffix: Of the file; "" for a folder.
        takes_data: Whether it may have DATA.
        needs_data: Whether it must have DATA.
        takes_ids: Whether it writes what identifies rows.
    """

    write: str
    suffix: str
    takes_data: bool = True
    needs_data: bool = True
    takes_ids: bool = False


FORMATS = {
    "csv": Format("dirvae.export:to_csv", "", needs_data=False, takes_ids=True),
    "h5ad": Format("dirvae.export:to_h5ad", ".h5ad", takes_ids=True),
    "pyldavis": Format("dirvae.export:to_pyldavis", ".json"),
    "onnx": Format("dirvae.export:to_onnx", ".onnx", False, False),
    "torch-export": Format("dirvae.export:to_torch_export", ".pt2", False, False),
}


def export(
    model: Model,
    data: Annotated[
        str | None,
        typer.Argument(help="Data, as for dirvae transform. Needed for h5ad and pyldavis."),
    ] = None,
    *,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            parser=one_of(FORMATS),
            help=f"Format: {words_of(FORMATS)}. The last two write encoder and decoder as one "
            "program.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PATH", help="File to write; for csv, a folder."),
    ],
    array: Array = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    strip: Strip = "",
    encoding: Encoding = UTF8,
    covariates: Covariates = None,
    covariate_columns: CovariateColumns = None,
    drop_missing: DropMissing = False,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    force: Force = False,
) -> None:
    """Export a model, and what it says of your data, to the format of another tool.

    csv: tables of the topics, their words, and the proportions (theta).

    h5ad: counts and topics for scanpy. The proportions are in obsm, and so are their 5 % and 95 %
    quantiles (_q05, _q95). The covariates are in obs.

    pyldavis: the arguments of pyLDAvis.prepare, as JSON.

    onnx, torch-export: a program that computes theta and the decoder's mean from rows.
    """
    row = FORMATS[form]
    if data is None and row.needs_data:
        raise ValueError(
            f"--format {form} needs DATA after MODEL, such as the data that the model was fitted to"
        )
    if data is not None and not row.takes_data:
        raise ValueError(f"--format {form} takes no DATA; leave {data} out")
    kind = kind_of_model(model)
    of_topics = kind in ("TopicModel", "CompositionModel")
    if form in ("h5ad", "pyldavis") and not of_topics:
        raise ValueError(f"--format {form} needs a model of topics or counts; {model} is a {kind}")
    _require_output(output, row, force, [model, data, covariates], data is not None, of_topics)
    given: dict[str, Any] = {}
    if data is None:
        options = {"--array": array, "--id-column": id_column, "--text-column": text_column}
        others = {"--strip": strip, "--covariates": covariates, "--transpose": transpose}
        others |= {"--covariate-columns": covariate_columns, "--drop-missing": drop_missing}
        files = {"--layer": layer, "--modality": modality}
        refuse("an export without DATA", {**options, **others, **files})
        from dirvae.cli.inputs import load_estimator
        from dirvae.persistence import load

        # A program is made of any VAE, a table of estimators alone.
        in_python = ": load it in Python with dirvae.load"
        estimator = load_estimator(model, "transform", in_python) if row.takes_data else load(model)
    else:
        source = Source(data, array, id_column, encoding, transpose, layer, modality)
        known = covariates, covariate_columns, drop_missing
        read = read_for(model, source, text_column, strip, *known)
        estimator, ids, X, told = read
        given = {"X": X, **told, **({"ids": ids} if row.takes_ids else {})}
    write = resolve_name(row.write)
    output.resolve().parent.mkdir(parents=True, exist_ok=True)
    write(estimator, output, **given)
    say(f"{output}: {form} of {model}")


def _require_output(
    output: Path, row: Format, force: bool, inputs: Inputs, with_data: bool, of_topics: bool
) -> None:
    require_apart(output, inputs)
    if not row.suffix:
        from dirvae.export.tables import csv_files

        require_results_folder(output)
        for name in csv_files(with_data, of_topics=of_topics):
            require_new(output / name, force)
        return
    if output.suffix != row.suffix:
        raise ValueError(f"{output} must end in {row.suffix}")
    if output.is_dir():
        raise ValueError(f"{output} is a folder; --output must be a file")
    require_new(output, force)
    try_writing(output)
