"""The command ``dirvae``.

What needs PyTorch is imported inside the commands, so that help and bad usage answer at once.
"""

from __future__ import annotations

import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.apply import evaluate, info, transform
from dirvae.cli.compare import compare
from dirvae.cli.corpus import build, check
from dirvae.cli.effects import effects
from dirvae.cli.errors import OneSentenceGroup, PlainCommand, PlainGroup
from dirvae.cli.export import export
from dirvae.cli.fit import fit_vae
from dirvae.cli.fit_counts import fit_counts
from dirvae.cli.fit_topics import fit_topics
from dirvae.cli.options import one_of
from dirvae.cli.outputs import Force, require_model_folder, require_new, require_results_folder
from dirvae.cli.report import report
from dirvae.cli.reproduce import reproduce
from dirvae.cli.topics import topics

__all__ = ["app", "main"]

FIRST = ("demo", "fit", "corpus")  # before what needs a model


class Commands(OneSentenceGroup):
    """All commands, in the order in which they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names; groups would come last otherwise."""
        return sorted(super().list_commands(ctx), key=lambda name: name not in FIRST)


app = typer.Typer(
    cls=Commands,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


DEMOS = ("digits", "topics")


@app.command(cls=PlainCommand)
def demo(
    which: Annotated[
        str,
        typer.Argument(
            parser=one_of(DEMOS),
            help="digits: models of images, with three latents. topics: a topic model of texts.",
        ),
    ] = "digits",
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PATH", help="Folder for the report and the model."),
    ] = Path("dirvae-demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Train for fewer epochs. This takes seconds.")
    ] = False,
    force: Force = False,
) -> None:
    """Train on handwritten digits or on docstrings of Python packages, and write a report.

    No internet connection is needed.
    """
    require_results_folder(output)
    if which == "topics":
        from dirvae.demo.topics import FILES, run
    else:
        from dirvae.demo.digits import FILES, run
    require_new(output / FILES["report"], force)
    require_model_folder(output / FILES["model"], force)
    run(output, quick)


fit_app = typer.Typer(cls=PlainGroup)
app.add_typer(fit_app, name="fit")
fit_app.command("vae", cls=PlainCommand)(fit_vae)
fit_app.command("topics", cls=PlainCommand)(fit_topics)
fit_app.command("counts", cls=PlainCommand)(fit_counts)
COMMANDS = (topics, report, compare, effects, transform, evaluate, info, export, reproduce)
for command in COMMANDS:
    app.command(cls=PlainCommand)(command)


corpus_app = typer.Typer(cls=PlainGroup)
app.add_typer(corpus_app, name="corpus")
corpus_app.command("build", cls=PlainCommand)(build)
corpus_app.command("check", cls=PlainCommand)(check)


@corpus_app.callback()
def _corpus() -> None:
    """Store the word counts of documents in a folder on disk.

    The documents need not fit in memory.
    """


@fit_app.callback()
def _fit() -> None:
    """Train a model on your own data."""


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        typer.echo(f"dirvae {version('dirvae')}")
        raise typer.Exit


@app.callback()
def _dirvae(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Variational autoencoders with Dirichlet and other latents.

    Try `dirvae demo` first.
    """


def main() -> None:
    """Run the command line; letters that the terminal's encoding lacks are shown escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    app()
