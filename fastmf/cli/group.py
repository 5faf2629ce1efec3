"""The `fastmf` command: finds its subcommands, and turns every error into one line."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import IO, Any, NoReturn

import click

from fastmf._version import __version__
from fastmf.cli.interrupt import deliver_swallowed_interrupts
from fastmf.errors import FastMFError

__all__ = ["COMMANDS", "CommandGroup", "Failure", "fastmf", "main"]

# Commands in the order of the help page; each is imported when it is asked for.
COMMANDS = {
    "demo": "fastmf.cli.demo:demo",
    "train": "fastmf.cli.train:train",
    "evaluate": "fastmf.cli.evaluate:evaluate",
    "predict": "fastmf.cli.predict:predict",
    "recommend": "fastmf.cli.recommend:recommend",
    "similar": "fastmf.cli.similar:similar",
    "explain": "fastmf.cli.explain:explain",
    "update": "fastmf.cli.update:update",
    "inspect": "fastmf.cli.inspect:inspect",
    "convert": "fastmf.cli.convert:convert",
    "split": "fastmf.cli.split:split",
    "doctor": "fastmf.cli.doctor:doctor",
}


class Failure(click.ClickException):
    """Work that failed: one line on stderr, exit status 1.

    Parameters
    ----------
    message : str
        What went wrong and how to mend it.
    """

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"fastmf: error: {self.format_message()}", file=file, err=True)


class CommandGroup(click.Group):
    """A group that imports a subcommand when it is asked for and words its errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; nothing but click's own exceptions leaves it."""
        ctx.meta["fastmf.began"] = time.perf_counter()
        try:
            result = super().invoke(ctx)
            # Here, where a closed pipe is still handled, rather than when Python ends.
            if sys.stdout is not None:  # closed by whoever started the process
                sys.stdout.flush()
        except (click.exceptions.Exit, click.exceptions.Abort, click.ClickException):
            raise
        except BrokenPipeError:
            raise  # click ends silently on it
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get("FASTMF_DEBUG"):
                traceback.print_exc()
            raise Failure(_one_line(error)) from error
        return result


def _one_line(error: BaseException) -> str:
    """Say in one line what an error is and what to do about it."""
    if isinstance(error, FastMFError):
        text = str(error)
    elif isinstance(error, KeyboardInterrupt):
        text = "interrupted: no result was written"
    elif isinstance(error, MemoryError):
        text = f"out of memory ({error or 'an array did not fit'}); free some, or ask for less"
    elif isinstance(error, UnicodeEncodeError):
        text = _unwritable(error)
    elif isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename is not None else ""
        text = f"{place}{error.strerror}"
    else:
        text = (
            f"unexpected {type(error).__name__}: {error}; this is a fault in fastmf: please report "
            "it with the traceback that FASTMF_DEBUG=1 shows"
        )
    return " ".join(text.split())


def _unwritable(error: UnicodeEncodeError) -> str:
    """Say which character does not fit where."""
    character = error.object[error.start : error.end]
    if error.encoding.lower().replace("-", "") == "utf8":
        return f"{error.object!r} is not valid UTF-8; write it in that encoding"
    return f"the output's encoding, {error.encoding}, has no {character!r}; set PYTHONUTF8=1"


@click.group(
    cls=CommandGroup,
    help="""Fast, reproducible recommenders from ratings: matrix factorization and neural networks.

\b
Try it on a generated sample:  fastmf demo
Train on your own ratings:     fastmf train ratings.csv --valid 0.1
Recommend:                     fastmf recommend ratings.model --user 42
""",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command explains itself: fastmf COMMAND --help",
)
@click.version_option(__version__, prog_name="fastmf")
def fastmf() -> None:
    """Do nothing of its own: the subcommand runs."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Exit status: 0 done; 1 the work failed, with one line on stderr; 2 wrong usage.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default the arguments of the process.
    """
    deliver_swallowed_interrupts()
    try:
        fastmf.main(None if arguments is None else list(arguments), prog_name="fastmf")
    except SystemExit as end:
        _end_process(end.code)
        raise
    raise AssertionError("click ends the process")


def _end_process(status: object) -> None:
    """End at once, after the functions registered for the end and with all output written.

    Python would first take itself apart, piece by piece: 0.2 s after training on 20 million
    ratings, a tenth of a command that finds them prepared.
    """
    if not isinstance(status, int):
        return
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed by whoever started the process
                stream.flush()
    except (OSError, ValueError):
        return  # Python has its own way with what cannot be written
    os._exit(status)
