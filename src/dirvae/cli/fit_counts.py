"""``dirvae fit counts``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.checkpoints import (
    CheckpointDir,
    Resume,
    fingerprint,
    place,
    resumable,
)
from dirvae.cli.counts import (
    COLUMNS_HELP,
    COUNTS_HELP,
    Covariates,
    DropMissing,
    Layer,
    Modality,
    SampleIds,
    Source,
    Transpose,
    read_counts,
    read_known,
)
from dirvae.cli.errors import say
from dirvae.cli.inputs import UTF8, Array, Encoding
from dirvae.cli.options import integer
from dirvae.cli.outputs import Force, Quiet, require_model_folder
from dirvae.cli.trainer import Logger, logged

__all__ = ["fit_counts"]


def fit_counts(
    context: typer.Context,
    counts: Annotated[str, typer.Argument(help=COUNTS_HELP)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Folder for the model.")
    ],
    components: Annotated[int, integer(2, "--components", "-k", help="Number of components.")] = 8,
    id_column: SampleIds = None,
    covariates: Covariates = None,
    covariate_columns: Annotated[
        str | None, typer.Option(metavar="LIST", help=COLUMNS_HELP, show_default="all")
    ] = None,
    drop_missing: DropMissing = False,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    array: Array = None,
    encoding: Encoding = UTF8,
    max_epochs: Annotated[
        int | None,
        integer(
            1,
            help="Number of passes over the samples.",
            show_default="as many as it takes to see 40,000 samples",
        ),
    ] = None,
    batch_size: Annotated[int, integer(1, help="Samples per step.")] = 100,
    seed: Annotated[
        int, integer(0, help="Seed of the random numbers. The same seed gives the same components.")
    ] = 0,
    logger: Logger = None,
    checkpoint_dir: CheckpointDir = None,
    resume: Resume = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Find components of counts, such as reads of microbes or cells. Save the model.

    Each sample is a mixture of components. Each component is a composition of features. With
    --covariates, the prior of the mixture depends on the sample's covariates. Then `dirvae effects`
    shows how the shares of components are associated with the covariates.

    Example: dirvae fit counts counts.csv --id-column sample --covariates samples.csv -o gut
    """
    inputs = [counts, covariates]
    require_model_folder(output, force or resume, inputs)
    folder = place(output, checkpoint_dir, inputs)
    trainer = logged(logger, output, inputs)
    source = Source(counts, array, id_column, encoding, transpose, layer, modality)
    told, rows = read_known(
        covariates, covariate_columns, read_counts(source), source, drop_missing=drop_missing
    )
    from dirvae.topics import CompositionModel

    verbose = not quiet and sys.stdout.isatty()
    how: dict[str, Any] = {
        "max_epochs": max_epochs,
        "batch_size": batch_size,
        "random_state": seed,
    }
    model = CompositionModel(components, verbose=verbose, **how)
    settings: dict[str, Any] = {
        "n_components": components,
        **how,
        "data": fingerprint(rows.x, rows.columns, None if told is None else told.to_csv()),
    }
    keep = checkpoint_dir is not None
    with resumable(folder, settings, context.obj, resume=resume, keep=keep):
        model.fit(
            rows.x,
            features=rows.columns,
            covariates=told,
            checkpoint_dir=folder,
            resume=resume,
            trainer=trainer(),
        )
        model.save(output)
    size = f"{rows.x.shape[0]:,} samples, {model.n_features_in_:,} features"
    say(f"{output}: {components} components of {size}, {model.n_iter_} epochs")
    samples: list[Any] = [output, *source.arguments()]
    if covariates is not None:
        samples += ["--covariates", covariates, *(["--drop-missing"] if drop_missing else [])]
    page = ["report", *samples, "-o", "report.html"]
    say(f"For a page: dirvae {shlex.join(map(str, page))}")
    then = ["topics", output] if covariates is None else ["effects", *samples]
    say(f"Next: dirvae {shlex.join(map(str, then))}")
