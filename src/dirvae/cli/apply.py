"""``dirvae transform``, ``evaluate`` and ``info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dirvae.cli.errors import print_json, refuse, say
from dirvae.cli.inputs import (
    ROWS,
    UTF8,
    Array,
    Encoding,
    IdColumn,
    LabelColumn,
    TextColumn,
    in_order,
    known_or_none,
    load_estimator,
    read_data,
    read_documents,
    refuse_texts,
    rows_of,
)
from dirvae.cli.options import whole
from dirvae.cli.outputs import Force, require_table, write_table
from dirvae.text import literal

if TYPE_CHECKING:
    pass

__all__ = ["evaluate", "info", "transform"]

Model = Annotated[Path, typer.Argument(help="Folder that dirvae fit wrote.", show_default=False)]
Data = Annotated[
    str,
    typer.Argument(
        help=f"{ROWS}; for topics what fit topics takes.",
        show_default=False,
    ),
]
SAMPLES = 100
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def transform(
    model: Model,
    data: Data,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help=".csv, .npy or .parquet.")
    ],
    array: Array = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    encoding: Encoding = UTF8,
    force: Force = False,
) -> None:
    """Write the posterior mean of each row's latent, and the columns that identify the row."""
    require_table(output, force, [data, model])
    if _has_topics(model):
        documents = read_documents(
            data, array=array, id_column=id_column, text_column=text_column, encoding=encoding
        )
        ids, X = documents.ids, documents[0]
        estimator = _load(model)
    else:
        refuse_texts(f"{model}, which has no topics", text_column)
        rows = read_data(data, array, id_column, encoding)
        estimator, ids = _load(model), rows.ids
        X = in_order(estimator, rows, data)
    names = list(estimator.get_feature_names_out())
    for name in ids.keys() & set(names):
        raise ValueError(f"--id-column is {name!r}, which is a component's column in {output}")
    theta = estimator.transform(X)
    write_table(output, theta, names, ids)
    say(f"{output}: {theta.shape[0]:,} rows, {theta.shape[1]} components")


def evaluate(
    model: Model,
    data: Data,
    samples: Annotated[
        int | None,
        whole(
            0,
            help="Draws a row for the importance-sampled likelihood; 0 for none.",
            show_default=str(SAMPLES),
        ),
    ] = None,
    array: Array = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = UTF8,
    as_json: AsJson = False,
) -> None:
    """Score a model on rows: means over rows, in nats; of a topic model coherence and the like."""
    from dirvae.cli.measures import measure, measure_topics

    if _has_topics(model):
        refuse(f"{model}, which has topics", {"--samples": samples is not None})
        documents = read_documents(
            data,
            array=array,
            id_column=id_column,
            text_column=text_column,
            label_column=label_column,
            encoding=encoding,
        )
        labels = getattr(documents, "labels", None)
        known = None if labels is None else known_or_none(labels)
        if known is not None and not any(label is not None for label in known):
            raise ValueError("no document has a label: leave --label-column out")
        _print(measure_topics(_load(model), rows_of(documents), known), as_json)
        return
    estimator = _load(model)
    if not hasattr(estimator, "score_samples"):
        raise ValueError(
            f"{model} holds a {type(estimator).__name__}: score it in Python, with its score(X, y)"
        )
    refuse_texts(f"{model}, which has no topics", text_column, label_column)
    rows = read_data(data, array, id_column, encoding)
    draws = SAMPLES if samples is None else samples
    facts = measure(estimator, in_order(estimator, rows, data), draws)
    _print(facts if as_json else _in_brief(facts), as_json)


def info(model: Model, as_json: AsJson = False) -> None:
    """Say what a model is and how it was trained."""
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
    """Name of the latent's law, of a model that is no estimator."""
    law = vae.prior()
    return f"{type(getattr(law, 'base_dist', law)).__name__} of shape {tuple(law.event_shape)}"


def _facts(estimator: Any) -> dict[str, Any]:
    kept = estimator.history_[getattr(estimator, "best_epoch_", -1)] if estimator.history_ else {}
    has_likelihood = hasattr(estimator, "likelihood_")
    return {
        "latent": estimator.latent.__name__,
        **({"likelihood": estimator.likelihood_.__name__} if has_likelihood else {}),
        "components": estimator.n_components,
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


def _has_topics(path: Path) -> bool:
    from dirvae.persistence import read_config

    return bool(read_config(path).get("kind") == "TopicModel")


def _load(path: Path) -> Any:
    return load_estimator(path, "transform", ": load it in Python, dirvae.load")


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
