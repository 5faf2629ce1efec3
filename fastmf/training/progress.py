"""Progress of long work: the interface that the rooms report to, and a bar on stderr."""

from __future__ import annotations

import sys
from typing import Any, Protocol, TextIO

from tqdm import tqdm

__all__ = ["Progress", "SilentProgress", "TqdmProgress"]


class Progress(Protocol):
    """Something that shows how far long work has come."""

    def start(self, description: str, total: int, unit: str) -> None:
        """Begin a piece of work of `total` units, ending the one before."""

    def advance(self, amount: int) -> None:
        """Tell that `amount` more units are done. May be called from any thread."""

    def finish(self) -> None:
        """End the piece of work."""

    def note(self, text: str) -> None:
        """Show one line of text."""


class SilentProgress:
    """Shows nothing."""

    def start(self, description: str, total: int, unit: str) -> None:
        """Do nothing."""

    def advance(self, amount: int) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class TqdmProgress:
    """A bar with rate and time left, and notes above it.

    Parameters
    ----------
    stream : text file, optional
        Where to show it; default standard error. Where that is not a terminal, only the notes
        are written, so that a log holds no bars.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: tqdm[Any] | None = None

    def start(self, description: str, total: int, unit: str) -> None:
        """Begin a bar of `total` units, ending the one before."""
        self.finish()
        self._bar = tqdm(
            desc=description,
            total=total,
            unit=unit,
            unit_scale=True,
            leave=False,
            file=self._stream,
            disable=not self._stream.isatty(),
            mininterval=0.2,
        )

    def advance(self, amount: int) -> None:
        """Move the bar. May be called from any thread."""
        if self._bar is not None:
            self._bar.update(amount)

    def finish(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        tqdm.write(text, file=self._stream)
        self._stream.flush()
