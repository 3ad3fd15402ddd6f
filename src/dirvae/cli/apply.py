"""``dirvae transform``, ``evaluate`` and ``info``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.counts import (
    COMPOSITION,
    DIRICHLET_VAE,
    TOPICS,
    CovariateColumns,
    Covariates,
    DropMissing,
    Layer,
    Modality,
    Source,
    Transpose,
    features_in_order,
    kind_of_model,
    read_samples,
)
from dirvae.cli.errors import print_json, refuse, say
from dirvae.cli.inputs import (
    ROWS,
    UTF8,
    Array,
    Encoding,
    IdColumn,
    LabelColumn,
    TextColumn,
    columns_in_order,
    covariates_of,
    id_columns_of,
    known_or_none,
    load_estimator,
    read_data,
    read_documents,
    refuse_texts,
)
from dirvae.cli.options import integer, number
from dirvae.cli.outputs import AsJson, Force, require_table, write_table
from dirvae.cli.texts import Strip, parts_of
from dirvae.formats import is_corpus, kind_of
from dirvae.levels import require_level
from dirvae.text import literal
from dirvae.words import meant
from dirvae.writing import whole

__all__ = ["evaluate", "info", "read_for", "transform"]

Model = Annotated[Path, typer.Argument(help="Folder that dirvae fit wrote.", show_default=False)]
Data = Annotated[
    str,
    typer.Argument(
        help=f"Rows of numbers: {ROWS}. For a model of topics or of counts: data in a form that "
        "dirvae fit topics or dirvae fit counts takes.",
        show_default=False,
    ),
]
SAMPLES = 100


def transform(
    model: Model,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write: .csv, .npy or .parquet. For a model of fit counts and .h5ad data, "
            "also .h5ad: a copy of the data with the proportions in obsm['X_dirvae'].",
        ),
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
    level: Annotated[
        float | None,
        number(
            help="Also write intervals of this level, such as .9, in columns NAME_lower and "
            "NAME_upper."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a table of the proportions of each row, with the columns that identify the row.

    The proportions are posterior means. If the latent is not on the simplex, the table has the
    posterior means of the latent instead.
    """
    kind = kind_of_model(model)
    into_h5ad = output.suffix == ".h5ad"
    if level is not None:
        _require_intervals(level, output, data, model, kind)
    if into_h5ad:
        _require_cells(output, data, model, kind)
    require_table(output, force, [data, model, covariates], more=(".h5ad",) * into_h5ad)
    if into_h5ad:
        changed = {"--transpose": transpose, "--drop-missing": drop_missing}
        refuse(f"{output}, which keeps the cells of {data}", changed)
    if output.suffix == ".npy":
        refuse(f"{output}, which has no ids of samples", {"--drop-missing": drop_missing})
    source = Source(data, array, id_column, encoding, transpose, layer, modality)
    known = covariates, covariate_columns, drop_missing
    estimator, ids, X, told = read_for(model, source, text_column, strip, *known, named=False)
    if into_h5ad:
        _write_h5ad(output, data, ids, estimator, X, told.get("covariates"))
        return
    if kind == TOPICS and is_corpus(data):
        _write_theta(estimator, X, output, id_column, told["covariates"])
        return
    names = list(estimator.get_feature_names_out())
    size = len(names)
    if level is not None:
        names = [f"{name}{end}" for name in names for end in ("", "_lower", "_upper")]
    for name in ids.keys() & set(names):
        raise ValueError(f"--id-column is {name!r}, which is also a component's column in {output}")
    if level is None:
        values = estimator.transform(X, **told)
    else:
        values = _with_ends(estimator.posterior(X, level=level, **told))
    write_table(output, values, names, ids)
    say(f"{output}: {len(values):,} rows, {size} components")


def _with_ends(found: Any) -> Any:
    """Each mean, then the ends of its interval, shape (N, 3 K)."""
    import numpy as np

    return np.stack([found.mean, found.lower, found.upper], 2).reshape(len(found.mean), -1)


def _require_intervals(level: float, output: Path, data: str, model: Path, kind: str) -> None:
    """Refuse intervals where there are none, or where a table has no columns for them."""
    require_level(level)
    if kind not in (TOPICS, COMPOSITION, DIRICHLET_VAE):
        refuse(f"{model}, which has no intervals", {"--level": True})
    if output.suffix == ".h5ad":
        refuse(f"{output}, which always has quantiles of 5% and 95%", {"--level": True})
    if output.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{output} must end in .csv or .parquet: --level adds named columns")
    if is_corpus(data):
        refuse(f"{data}, which is a corpus", {"--level": True})


def _require_cells(output: Path, data: str, model: Path, kind: str) -> None:
    """Refuse a copy of data that are no .h5ad file, or that the model cannot be asked of."""
    if kind_of(data) == output.suffix and kind == COMPOSITION:
        return
    why = (
        f"a .h5ad output is a copy of a .h5ad input, and {data} is none"
        if kind == COMPOSITION
        else f"{model} is not a model of counts"
    )
    other = "; dirvae export --format h5ad makes a new one" * (kind in (COMPOSITION, TOPICS))
    raise ValueError(f"{output} must end in .csv, .npy or .parquet: {why}{other}")


def _write_theta(
    estimator: Any, corpus: Any, output: Path, id_column: Sequence[str] | None, covariates: Any
) -> None:
    from dirvae.cli.corpus import counted
    from dirvae.topics.theta_files import write_theta

    how: dict[str, Any] = {"covariates": covariates}
    if output.suffix != ".npy":
        how["columns"] = id_column or id_columns_of(corpus)
    with counted("documents") as progress:
        write_theta(estimator, corpus, output, **how, progress=progress)
    say(f"{output}: {corpus.shape[0]:,} rows, {estimator._n_features_out} components")


def read_for(
    model: Path,
    source: Source,
    text_column: str | None = None,
    strip: str = "",
    covariates: Path | None = None,
    covariate_columns: str | None = None,
    drop_missing: bool = False,
    *,
    named: bool = True,
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Load a model and read data for it; options that do not go with the model are refused.

    Args:
        model: Folder of the model.
        source: The data.
        text_column: As the option has it, as has what follows.
        strip: Parts of messages that are left out.
        covariates: Table of what is known of samples.
        covariate_columns: Its columns.
        drop_missing: Whether samples are left out whose covariates are missing.
        named: Whether documents of a corpus need what identifies them, all in memory.

    Returns:
        The estimator, what identifies the rows, the rows as it takes them, and further arguments
        of its ``transform``.
    """
    data, array, id_column, encoding, transpose, layer, modality = source
    kind = kind_of_model(model)
    if kind == COMPOSITION:
        refuse_texts(f"{data}, which has counts", text_column)
        refuse(f"{data}, which has counts", {"--strip": strip})
        return _composition(model, source, covariates, covariate_columns, drop_missing)
    _refuse_counts(model, covariates, covariate_columns, drop_missing, transpose, layer, modality)
    columns = None if id_column is None else list(id_column)
    if kind == TOPICS:
        topics = _load(model)
        documents = read_documents(
            data,
            array=array,
            id_column=columns,
            text_column=text_column,
            encoding=encoding,
            strip=parts_of(strip),
            model=topics,
            named=named,
            kinds=topics.covariate_kinds_,
        )
        told = {"covariates": covariates_of(documents)}
        return topics, documents.ids, features_in_order(topics, documents, data), told
    refuse_texts(f"{model}, which has no topics", text_column)
    refuse(f"{model}, which has no topics", {"--strip": strip})
    rows, estimator = read_data(data, array, id_column, encoding), _load(model)
    return estimator, rows.ids, columns_in_order(estimator, rows, data), {}


def evaluate(
    model: Model,
    data: Data,
    samples: Annotated[
        int | None,
        integer(
            0,
            help="Draws per row to estimate the likelihood by importance sampling. With 0, "
            "the likelihood is not estimated.",
            show_default=str(SAMPLES),
        ),
    ] = None,
    certified: Annotated[
        bool,
        typer.Option(
            "--certified",
            help="For a VAE: also bound the likelihood, by Markov chains that start at the "
            "encoder's draws, for at most 100 rows. certified nll is at most certified gap too "
            "high if the rows are like those that the model draws. This takes minutes.",
        ),
    ] = False,
    array: Array = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    strip: Strip = "",
    encoding: Encoding = UTF8,
    covariates: Covariates = None,
    covariate_columns: CovariateColumns = None,
    drop_missing: DropMissing = False,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    level: Annotated[
        float | None,
        number(
            help="For topics: add intervals of this level, such as .9, to the measures. The "
            "intervals show how each measure would vary over other documents of the same kind."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good a model is on data.

    For a model of "dirvae fit vae", the measures are those of a VAE, such as the ELBO, in nats per
    row. For a model of "dirvae fit topics", they are coherence and other measures of topics. For a
    model of "dirvae fit counts", half of the features are hidden. The model predicts the counts of
    the hidden half from the other half. The log probability of the hidden counts is compared with
    a baseline. The baseline gives every sample the same mean composition.
    """
    from dirvae.cli.measures import measure, measure_composition, measure_topics

    kind = kind_of_model(model)
    of_rows = {"--samples": samples is not None, "--certified": certified}
    if kind == COMPOSITION:
        refuse(f"{model}, which has components", of_rows | {"--level": level})
        refuse_texts(f"{data}, which has counts", text_column, label_column)
        source = Source(data, array, id_column, encoding, transpose, layer, modality)
        known_of = covariates, covariate_columns, drop_missing
        estimator, _, X, told = _composition(model, source, *known_of)
        _print(measure_composition(estimator, X, **told), as_json)
        return
    _refuse_counts(model, covariates, covariate_columns, drop_missing, transpose, layer, modality)
    if kind == TOPICS:
        refuse(f"{model}, which has topics", of_rows)
        topics = _load(model)
        documents = read_documents(
            data,
            array=array,
            id_column=id_column,
            text_column=text_column,
            label_column=label_column,
            encoding=encoding,
            strip=parts_of(strip),
            model=topics,
            kinds=topics.covariate_kinds_,
        )
        labels = getattr(documents, "labels", None)
        known = None if labels is None else known_or_none(labels)
        if known is not None and not any(label is not None for label in known):
            raise ValueError("no document has a label: leave --label-column out")
        X, told = features_in_order(topics, documents, data), covariates_of(documents)
        _print(measure_topics(topics, X, known, told, level=level), as_json)
        return
    estimator = _load(model)
    if not hasattr(estimator, "score_samples"):
        raise ValueError(
            f"{model} holds a {type(estimator).__name__}: score it in Python, with its score(X, y)"
        )
    refuse_texts(f"{model}, which has no topics", text_column, label_column)
    refuse(f"{model}, which has no topics", {"--strip": strip, "--level": level})
    rows = read_data(data, array, id_column, encoding)
    draws = SAMPLES if samples is None else samples
    X = columns_in_order(estimator, rows, data)
    facts = measure(estimator, X, draws, certified=certified)
    _print(facts if as_json else _in_brief(facts), as_json)


def info(model: Model, as_json: AsJson = False) -> None:
    """Show the kind, sizes and training of a model."""
    from dirvae.persistence import load, read_config

    loaded, config = load(model), read_config(model)
    vae = getattr(loaded, "vae_", loaded)
    facts = {
        **{name: config[name] for name in ("kind", "dirvae", "format")},
        **(_facts(loaded) if hasattr(loaded, "transform") else {"latent": _latent(vae)}),
        "parameters": sum(p.numel() for p in vae.parameters()),
        "size_bytes": sum(file.stat().st_size for file in model.iterdir() if file.is_file()),
    }
    _print(facts, as_json)


def _latent(vae: Any) -> str:
    """Name of the latent's distribution, of a model that is no estimator."""
    law = vae.prior()
    return f"{type(getattr(law, 'base_dist', law)).__name__} of shape {tuple(law.event_shape)}"


def _facts(estimator: Any) -> dict[str, Any]:
    kept = estimator.history_[getattr(estimator, "best_epoch_", -1)] if estimator.history_ else {}
    has_likelihood = hasattr(estimator, "likelihood_")
    return {
        "latent": (
            getattr(estimator, "latent_", None) or meant("latent", estimator.latent)
        ).__name__,
        **({"likelihood": estimator.likelihood_.__name__} if has_likelihood else {}),
        "components": estimator._n_features_out,
        "columns": estimator.n_features_in_,
        "prior_concentration": _prior(estimator),
        "epochs": estimator.n_iter_,
        **{name: value for name, value in kept.items() if name != "epoch"},
    }


def _prior(estimator: Any) -> Any:
    """One number where all components have the same."""
    values = getattr(estimator, "prior_concentration_", None)
    if values is None:
        return None
    same = values.ndim == 0 or (values == values[0]).all()
    return float(values.flat[0]) if same else values.tolist()


def _composition(
    path: Path, source: Source, covariates: Path | None, columns: str | None, drop_missing: bool
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, what identifies samples, their counts, and what is known of them if anything."""
    estimator = _load(path)
    rows, X, told = read_samples(estimator, source, covariates, columns, drop_missing=drop_missing)
    return estimator, rows.ids, X, {} if told is None else {"covariates": told}


def _write_h5ad(output: Path, data: str, ids: Any, estimator: Any, X: Any, told: Any) -> None:
    """Write a copy of the file with what the model says of its rows."""
    import h5py
    import pandas
    from anndata.io import write_elem

    from dirvae.anndata import cell_tables
    from dirvae.data.hdf5 import names_in

    [names] = ids.values()
    tables = cell_tables(estimator, X, told, pandas.Index(names, dtype=object))
    with whole(output) as partial:
        shutil.copyfile(data, partial.name)
        with h5py.File(partial.name, "r+") as file:
            if not isinstance(file.get("obsm", h5py.HardLink(), getlink=True), h5py.HardLink):
                raise ValueError(
                    f"{data} has its obsm in another file, must have it in the same file"
                )
            obsm = file["obsm"] if "obsm" in file else file.create_group("obsm")
            names_in(Path(data), obsm)
            for name, table in tables.items():
                write_elem(obsm, name, table)
    say(f"{output}: obsm['X_dirvae'] and its _std, _q05 and _q95, of {len(names):,} rows")


def _refuse_counts(
    model: Path,
    covariates: Path | None,
    columns: str | None,
    drop_missing: bool,
    transpose: bool,
    layer: str | None,
    modality: str | None,
) -> None:
    """Refuse the options of counts, given for a model that is not of them."""
    told = {"--covariates": covariates, "--covariate-columns": columns}
    of_files = {"--transpose": transpose, "--layer": layer, "--modality": modality}
    given = {**told, "--drop-missing": drop_missing, **of_files}
    refuse(f"{model}, which is not a model of dirvae fit counts", given)


def _load(path: Path) -> Any:
    return load_estimator(path, "transform", ": load it in Python with dirvae.load")


def _in_brief(facts: dict[str, Any]) -> dict[str, Any]:
    """Without the values of each component, which would fill the screen."""
    diagnosis = {name: value for name, value in facts["diagnosis"].items() if name not in facts}
    unused = [
        str(number)
        for number, use in enumerate(facts["diagnosis"]["components"]["used_in"])
        if use != "encoding and decoding"
    ]
    listed = ", ".join(unused) or "none"
    brief = {name: value for name, value in facts.items() if name != "diagnosis"}
    return {**brief, **diagnosis, "not_used_in_both": listed}


def _print(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        shown = f"{value:,.5g}" if isinstance(value, float) else str(value)
        table.add_row(literal(name.replace("_", " ")), literal(shown))
    Console().print(table)
