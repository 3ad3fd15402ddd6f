"""``dirvae reproduce``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dirvae.cli.errors import INTERRUPTED, Stop, refuse
from dirvae.cli.options import available, integer, one_of, words_of
from dirvae.cli.outputs import WIDE, require_results_folder
from dirvae.reproduce.studies import STUDIES, Study
from dirvae.text import literal, nearest

if TYPE_CHECKING:
    from dirvae.reproduce.tables import Table

__all__ = ["reproduce"]

PIXELS = ("binarised", "grey")
PRECISIONS = ("32-true", "bf16-mixed")
DEVICES = ("auto", "cpu", "cuda")


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="Study to run. Without a name, all studies are listed.")
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Folder for results, models, checkpoints."
        ),
    ] = Path("dirvae-reproduce"),
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Use few models, images, epochs and draws. This takes minutes."
        ),
    ] = False,
    table: Annotated[
        bool,
        typer.Option(
            "--table", help="Show stored results beside the paper's results, and run nothing."
        ),
    ] = False,
    seeds: Annotated[int, integer(1, help="Number of runs of each model.")] = 1,
    first_seed: Annotated[int, integer(0, help="Seed of the first run.")] = 0,
    rows: Annotated[
        str | None, typer.Option(metavar="LIST", help="Models to run, such as gaussian,dirichlet.")
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Ways of training (density, certificates): paper, ours, iwae, iwae-200, paper-15.",
        ),
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Shares of rows with a label (semi-supervised), such as 0.1,0.01."
        ),
    ] = None,
    pixels: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            parser=one_of(PIXELS),
            help=f"Pixels (density): {words_of(PIXELS)}.",
            show_default="binarised",
        ),
    ] = None,
    epochs: Annotated[
        int | None, integer(1, help="Number of epochs, instead of the study's.")
    ] = None,
    samples: Annotated[
        int | None,
        integer(
            25, help="Draws per image, to estimate the likelihood (density).", show_default="1,000"
        ),
    ] = None,
    temperatures: Annotated[
        int | None,
        integer(1, help="Steps from encoder to posterior (certificates).", show_default="300"),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            parser=one_of(PRECISIONS),
            help="Floating-point precision (density), instead of the one of --settings: "
            f"{words_of(PRECISIONS)}.",
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="NAME", parser=one_of(DEVICES), help=f"Device: {words_of(DEVICES)}."),
    ] = "auto",
    threads: Annotated[
        int | None, integer(1, help="Number of threads of PyTorch on the CPU.")
    ] = None,
) -> None:
    """Reproduce a table of the DirVAE paper, with the paper's numbers beside ours.

    Runs whose results are in the output folder are not repeated. An interrupted run is continued.
    Several processes may use the same folder, each with its own models or seeds. Options
    marked (density), (certificates) or (semi-supervised) can only be used with those studies.
    """
    if name is None:
        _list_studies()
        return
    if name not in STUDIES:
        _list_studies(err=True)
        raise ValueError(
            f"{name!r} is not a study; the studies are listed above{nearest(name, STUDIES)}"
        )
    study = STUDIES[name]
    own: dict[str, Any] = {
        "shares": shares,
        "settings": settings,
        "pixels": pixels,
        "samples": samples,
        "temperatures": temperatures,
        "precision": precision,
    }
    refuse(name, {f"--{key}": own[key] for key in own if key not in study.options})
    chosen = {**own, "rows": rows, "epochs": epochs}
    if table:
        refuse("--table", {f"--{key}": value for key, value in chosen.items()})
    else:
        require_results_folder(output)
        chosen |= {"rows": _words(rows), "settings": _words(settings), "shares": _numbers(shares)}
        options = {key: value for key, value in chosen.items() if value is not None}
        options |= {"seeds": range(first_seed, first_seed + seeds), "quick": quick}
        _run(study, output, _available(device), threads, options)
    _show(study.tables(output, quick))


def _run(study: Study, output: Path, device: str, threads: int | None, options: Any) -> None:
    import torch
    from rich.console import Console

    from dirvae.reproduce.progress import Bars

    if threads:
        torch.set_num_threads(threads)
    try:
        with Bars(Console(stderr=True)) as bars:
            study.run(output, bars, device, **options)
    except KeyboardInterrupt as error:
        raise Stop("interrupted; to continue, run the same command again", INTERRUPTED) from error


def _show(tables: Sequence[Table]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Rich

    console = Console(width=None if sys.stdout.isatty() else WIDE)
    for table in tables:
        options: dict[str, Any] = {"box": SIMPLE_HEAD, "pad_edge": False}
        options |= {"title": literal(table.title), "caption": literal(table.note)}
        shown = Rich(caption_justify="left", **options)
        for number, column in enumerate(table.header):
            shown.add_column(literal(column), justify="right" if number else "left")
        for row in table.rows:
            shown.add_row(*map(literal, row))
        console.print(shown)


def _list_studies(err: bool = False) -> None:
    for study in STUDIES.values():
        typer.echo(f"{study.name:<26} {study.help}", err=err)


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",")]


def _numbers(shares: str | None) -> list[float] | None:
    if shares is None:
        return None
    try:
        return [float(word) for word in shares.split(",")]
    except ValueError:
        raise ValueError(f"--shares is {shares!r}, must be numbers such as 0.1,0.01") from None


def _available(device: str) -> str:
    import torch

    if available(device) != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
