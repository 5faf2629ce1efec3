"""What a command shows: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fastmf.training import Progress

__all__ = ["Console", "path_argument", "print_json"]


class Console:
    """The notes and the progress of one command, on stderr; silent when asked to be.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        from fastmf.training import SilentProgress, TqdmProgress

        self.progress: Progress = SilentProgress() if quiet else TqdmProgress(sys.stderr)

    def note(self, text: str) -> None:
        """Show one line."""
        self.progress.note(text)

    def notes(self, texts: tuple[str, ...]) -> None:
        """Show what reading a file had to say."""
        for text in texts:
            self.note(f"note: {text}")

    @contextmanager
    def work(self, description: str, unit: str, total: int = 0) -> Iterator[Callable[[int], None]]:
        """Show the progress of one piece of work.

        Parameters
        ----------
        description : str
            What is being done.
        unit : str
            What is counted.
        total : int, optional
            Units in all; 0 where nobody knows yet.

        Yields
        ------
        callable
            To be called with the units done since the last call.
        """
        self.progress.start(description, total, f" {unit}")
        try:
            yield self.progress.advance
        finally:
            self.progress.finish()


def path_argument(path: Path) -> str:
    """Write a path so that it can be pasted into a shell as an argument.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str
        Quoted where need be; a name that begins like an option begins with ``./``.
    """
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON object on stdout.

    Parameters
    ----------
    document : dict
        NumPy scalars become numbers; NaN and infinity are refused, for they are not JSON.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    click.echo(text)


def _plain(value: Any) -> Any:
    """Return the Python object behind a NumPy scalar or array."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} does not fit into JSON")
