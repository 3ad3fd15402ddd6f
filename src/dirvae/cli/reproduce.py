"""``dirvae reproduce``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dirvae.cli.errors import INTERRUPTED, Stop, refuse
from dirvae.cli.options import one_of, whole, words_of
from dirvae.cli.outputs import require_results_folder
from dirvae.text import literal, nearest

if TYPE_CHECKING:
    from dirvae.reproduce.tables import Table

__all__ = ["reproduce"]

STUDIES = {
    "density-mnist": "likelihood, bound and all other measures of the models on MNIST",
    "density-omniglot": "the same on OMNIGLOT",
    "knn": "nearest neighbours in the latent space, of the models of density-mnist",
    "collapse": "which components are used, of the models of density-mnist",
    "supervised": "classifiers on the latent, of the models of density-mnist",
    "semi-supervised-mnist": "classification of MNIST with 10, 5 and 1 % of the labels",
    "semi-supervised-mnist-rot": "the same with rotated copies of the digits",
    "semi-supervised-omniglot": "the same of OMNIGLOT's alphabets",
    "semi-supervised-svhn": "the same of street view house numbers (not measured yet)",
    "topics-20news": "ProdLDA, NVDM and GSM with four latents each, on 20 Newsgroups",
    "topics-rcv1": "the same on Reuters-21578, which stands in for RCV1-v2",
}
TOPICS = "topics-"
SEMI_SUPERVISED = "semi-supervised-"
VIEWS = ("knn", "collapse", "supervised")


class Pixels(StrEnum):
    """How grey values are taken."""

    BINARISED = "binarised"
    GREY = "grey"


class Precision(StrEnum):
    """Of the training."""

    SINGLE = "32-true"
    HALF = "bf16-mixed"


class Device(StrEnum):
    """Where to train and measure."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="Which study; without it they are listed.")
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Folder for results, models, checkpoints."
        ),
    ] = Path("dirvae-reproduce"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Few models, images, epochs and draws: minutes.")
    ] = False,
    table: Annotated[
        bool, typer.Option("--table", help="Only show what is on file, beside the paper's.")
    ] = False,
    seeds: Annotated[int, whole(1, help="Runs of each model.")] = 1,
    first_seed: Annotated[int, whole(0, help="The first one's seed.")] = 0,
    rows: Annotated[
        str | None, typer.Option(metavar="LIST", help="Models, such as gaussian,dirichlet.")
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Training: of paper, ours, iwae (density)."),
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Labelled shares, such as 0.1,0.01 (semi-supervised)."),
    ] = None,
    pixels: Annotated[
        Pixels | None,
        typer.Option(
            metavar="NAME",
            parser=one_of(Pixels),
            help=f"{words_of(Pixels)} (density).",
            show_default="binarised",
        ),
    ] = None,
    epochs: Annotated[int | None, whole(1, help="Epochs, in place of the study's own.")] = None,
    samples: Annotated[
        int | None,
        whole(25, help="Draws for an image's likelihood (density).", show_default="1,000"),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            metavar="NAME",
            parser=one_of(Precision),
            help=f"{words_of(Precision)}, in place of the settings' own (density).",
        ),
    ] = None,
    device: Annotated[
        Device, typer.Option(metavar="NAME", parser=one_of(Device), help=f"{words_of(Device)}.")
    ] = Device.AUTO,
    threads: Annotated[int | None, whole(1, help="Threads of PyTorch on the CPU.")] = None,
) -> None:
    """Repeat a table of the DirVAE paper, its numbers beside ours.

    What is on file in the output folder is not run again, and a run that was broken off goes on.
    Several processes may share the folder, each with its own rows or seeds.
    """
    if name is None:
        _list_studies()
        return
    if name not in STUDIES:
        _list_studies(err=True)
        raise ValueError(
            f"{name!r} is no study, must be one of those above{nearest(name, STUDIES)}"
        )
    semi, topics = (name.startswith(kind) for kind in (SEMI_SUPERVISED, TOPICS))
    of_density = {
        "--settings": settings,
        "--pixels": pixels,
        "--samples": samples,
        "--precision": precision,
    }
    refuse(name, {} if semi else {"--shares": shares})
    refuse(name, of_density if semi or topics else {})
    of_runs = {**of_density, "--rows": rows, "--shares": shares, "--epochs": epochs}
    refuse("--table", of_runs if table else {})
    common = {
        "rows": _words(rows),
        "seeds": range(first_seed, first_seed + seeds),
        "epochs": epochs,
        "quick": quick,
    }
    if not table:
        require_results_folder(output)
        run = _density(settings, pixels, samples, precision)
        if semi or topics:
            run = _semi_supervised(shares) if semi else _topics
        _run(run, name, output, common, _available(device), threads)
    _show(_tables(name, output, quick))


Study = Callable[..., None]


def _density(
    settings: str | None, pixels: Pixels | None, samples: int | None, precision: Precision | None
) -> Study:
    def study(name: str, file: Path, common: dict[str, Any], bars: Any, device: str) -> None:
        from dirvae.reproduce.density import jobs, run_all

        drawn = (pixels or Pixels.BINARISED).value
        options = {"settings": _words(settings), "samples": samples, "pixels": drawn, **common}
        options["precision"] = precision.value if precision else None
        run_all(list(jobs(_data(name), **options)), file, bars, device)

    return study


def _semi_supervised(shares: str | None) -> Study:
    def study(name: str, file: Path, common: dict[str, Any], bars: Any, device: str) -> None:
        from dirvae.reproduce.semi_supervised import jobs, run_all

        wanted = list(jobs(_data(name), shares=_numbers("--shares", shares), **common))
        run_all(wanted, file, bars, device)

    return study


def _topics(name: str, file: Path, common: dict[str, Any], bars: Any, device: str) -> None:
    from dirvae.reproduce.topics import jobs, run_all

    run_all(list(jobs(_data(name), **common)), file, bars, device)


def _run(
    study: Study,
    name: str,
    output: Path,
    common: dict[str, Any],
    device: str,
    threads: int | None,
) -> None:
    import torch
    from rich.console import Console

    from dirvae.reproduce.progress import Bars

    if threads:
        torch.set_num_threads(threads)
    file = output / _file(name, common["quick"])
    try:
        with Bars(Console(stderr=True)) as bars:
            study(name, file, common, bars, device)
    except KeyboardInterrupt as error:
        raise Stop(
            "interrupted; the same command goes on from where it was", INTERRUPTED
        ) from error


def _data(name: str) -> str:
    """Name of the data set that a study is of."""
    if name in VIEWS:
        return "mnist"
    return name.removeprefix(SEMI_SUPERVISED).removeprefix(TOPICS).removeprefix("density-")


def _file(name: str, quick: bool) -> str:
    """Name of a study's result file; quick runs are kept apart."""
    study = "density-mnist" if name in VIEWS else name
    return f"{study}-quick.jsonl" if quick else f"{study}.jsonl"


def _tables(name: str, output: Path, quick: bool) -> list[Table]:
    from dirvae.reproduce import tables
    from dirvae.reproduce.record import done

    if name.startswith(SEMI_SUPERVISED):
        return [tables.semi_supervised_table(_data(name), done(output / _file(name, quick)))]
    if name.startswith(TOPICS):
        from dirvae.reproduce.topics_table import topics_table

        return [topics_table(_data(name), done(output / _file(name, quick)))]
    of = {
        "knn": tables.knn_table,
        "collapse": tables.collapse_table,
        "supervised": tables.supervised_table,
    }.get(name, tables.density_table)
    runs = {s: done(output / _file(s, quick)) for s in ("density-mnist", "density-omniglot")}
    # A view shows both data sets, the second where it has been run.
    shown = [s for s in runs if s == name or (name in VIEWS and (s == "density-mnist" or runs[s]))]
    return [of(_data(s), runs[s]) for s in shown]


def _show(tables: Sequence[Table]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Rich

    console = Console(width=None if sys.stdout.isatty() else 250)
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
    for name, summary in STUDIES.items():
        typer.echo(f"{name:<26} {summary}", err=err)


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",")]


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is {text!r}, must be numbers such as 0.1,0.01") from None


def _available(device: Device) -> str:
    import torch

    has_cuda = torch.cuda.is_available()
    if device is Device.CUDA and not has_cuda:
        raise ValueError("--device cuda is not available to PyTorch on this machine")
    return "cuda" if has_cuda and device is not Device.CPU else "cpu"
