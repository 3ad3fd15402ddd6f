"""Bad usage and bad data end in one sentence and exit code 2; other faults keep their traceback."""

from __future__ import annotations

import codecs
import errno
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from dirvae.text import as_json, visible

__all__ = [
    "INTERRUPTED",
    "OneSentenceGroup",
    "PlainCommand",
    "PlainGroup",
    "Stop",
    "print_json",
    "refuse",
    "require_also",
    "say",
    "sentence",
]

EXPECTED = (ValueError, TypeError, OSError, ArithmeticError, ImportError, MemoryError)
INTERRUPTED = 130
LONGEST = 500  # characters of what is told
OPTIONS = {
    "n_components": "components",
    "random_state": "seed",
    "y": "label_column",
    "times": "time_column",
}


class Stop(Exception):  # noqa: N818 - not always an error
    """Ends the program with a sentence and an exit code."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class PlainCommand(TyperCommand):
    """A command whose help names no types of Python, such as ``<bool>`` beside a flag.

    An error that begins with the name of an argument of Python, such as ``max_epochs is 0``, is
    told with that of the option, if it was given.
    """

    def __init__(self, *args: Any, help: str | None = None, **options: Any) -> None:
        super().__init__(*args, help=_in_paragraphs(help), **options)

    def get_params(self, ctx: Any) -> Any:
        """Options and arguments, with what help shows beside them."""
        return _without_types(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError) as error:
            name, _, said = str(error).partition(" ")
            option = next((p for p in self.params if p.name == OPTIONS.get(name, name)), None)
            if option is None or not self._may_mean(option, name, ctx):
                raise
            raise ValueError(f"{option.opts[0]} {said}") from error

    @staticmethod
    def _may_mean(option: Any, name: str, ctx: Any) -> bool:
        # An argument of the option's own name may be another thing's, if the option is not given.
        given = ctx.get_parameter_source(option.name)
        return name in OPTIONS or (given is not None and given.name == "COMMANDLINE")


class PlainGroup(TyperGroup):
    """Commands whose help names no types of Python; another is answered by their names."""

    def get_params(self, ctx: Any) -> Any:
        """Options, with what help shows beside them."""
        return _without_types(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is asked for."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            words = ", ".join(known)
            raise Stop(
                f"{ctx.command_path} has no command {visible(name)}; its commands are {words}"
            )
        return super().resolve_command(ctx, args)


def _in_paragraphs(help: str | None) -> str:
    """Text without the line breaks of its docstring: a terminal may be narrower than those."""
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(help or "").split("\n\n"))


def _without_types(params: Sequence[Any]) -> Sequence[Any]:
    for param in params:
        if param.param_type_name == "argument":
            param.display_type_rich = lambda ctx: ""  # its text says what it is
        elif param.is_flag:
            param.metavar = ""
    return params


class OneSentenceGroup(PlainGroup):
    """Commands whose expected errors are told in one sentence on stderr, as warnings are.

    The arguments are at hand in the commands as ``context.obj``.
    """

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run; ends in `SystemExit`."""
        arguments = sys.argv[1:] if args is None else list(args)
        options |= {"standalone_mode": False, "obj": arguments}
        try:
            sys.exit(super().main(arguments or ["--help"], *rest, **options))
        except Exception as error:
            # Usage errors: their class is click's or typer's own, depending on the version.
            if not hasattr(error, "format_message"):
                raise
            _end(error.format_message(), 2)
        except typer.Abort:
            _end("interrupted", INTERRUPTED)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with _warnings_told():
                return super().invoke(ctx)
        except Stop as stop:
            _end(str(stop), stop.exit_code)
        except KeyboardInterrupt:
            _end("interrupted", INTERRUPTED)
        except BrokenPipeError:
            raise
        except EXPECTED as error:
            _end(sentence(error), 2)
        except RuntimeError as error:
            within = error.__context__  # Path.resolve makes such an error of it before Python 3.13
            if not isinstance(within, OSError) or within.errno != errno.ELOOP:
                raise
            _end(sentence(within), 2)


def refuse(what: str, given: Mapping[str, Any]) -> None:
    """Raise ValueError for the first option that was given and would not be read.

    Args:
        what: What the options cannot be used with.
        given: From options to their values, None, False or empty where not given.
    """
    for option, value in given.items():
        if value:
            raise ValueError(f"{option} cannot be used with {what}")


def require_also(other: str, given: Mapping[str, Any]) -> None:
    """Raise ValueError for the first option that was given without another that it needs.

    Args:
        other: The option that was not given.
        given: As in `refuse`.
    """
    for option, value in given.items():
        if value:
            raise ValueError(f"{option} needs {other}")


def sentence(error: BaseException) -> str:
    """Return what an error says, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; give fewer rows or columns at a time"
    first, *_ = str(error).strip().split("\n\n")
    told = _on_one_line(first) or type(error).__name__
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}..."  # a file's names may be long


def _on_one_line(text: object) -> str:
    return " ".join(str(text).split())


def say(text: str) -> None:
    """Tell what is being done, on one line; on stderr, so that stdout holds results only."""
    typer.echo(visible(text), err=True)


def print_json(facts: Any) -> None:
    """Print results as JSON, in ASCII alone where stdout takes no other letters."""
    unicode = codecs.lookup(sys.stdout.encoding or "ascii").name.startswith("utf")
    typer.echo(as_json(facts, ascii_only=not unicode))


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Say what a command warns of, without the place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda told, *place, **rest: say(f"Warning: {_on_one_line(told)}")
        yield


def _end(message: str, exit_code: int) -> None:
    say(f"Error: {message}" if exit_code != INTERRUPTED else message[0].upper() + message[1:])
    sys.exit(exit_code)
