"""Progress of long work: the interface that the rooms report to, and a bar on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from tqdm import tqdm

__all__ = ["Progress", "SilentProgress", "TqdmProgress"]

# Of work whose units nobody counts: how often a bar shows its time, and how long such work takes
# before a log tells of it.
_SECONDS_A_TICK = 1.0
_SECONDS_UNTOLD = 2.0


class Progress(Protocol):
    """Something that shows how far long work has come."""

    def start(self, description: str, total: int, unit: str) -> None:
        """Begin a piece of work, ending the one before.

        Parameters
        ----------
        description : str
            What is done, in a word or two.
        total : int
            Units of work; 0 where that is not known.
        unit : str
            Name of the units, with a space before it, such as `` ratings``. Where it is empty and
            the total is 0, nothing is counted, and only time passes.
        """

    def advance(self, amount: int) -> None:
        """Tell of work done. May be called from any thread.

        Parameters
        ----------
        amount : int
            Units done since the last call.
        """

    def finish(self) -> None:
        """End the piece of work."""

    def note(self, text: str) -> None:
        """Show one line of text.

        Parameters
        ----------
        text : str
        """


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
    """A bar with rate and time left, and notes above it; a clock where nothing is counted.

    Parameters
    ----------
    stream : text file, optional
        Where to show it; default standard error. Where that is not a terminal, only the notes
        are written, so that a log holds no bars, and what is done where that takes long and
        nothing is counted.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        # None where the process was started without a standard error.
        self._stream: TextIO | None = stream or sys.stderr
        self._bar: tqdm[Any] | None = None
        self._clock: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self, description: str, total: int, unit: str) -> None:
        """Begin a bar, ending the one before; see `Progress.start`."""
        self.finish()
        counted = bool(total or unit)
        with self._showing() as stream:
            self._bar = tqdm(
                desc=description,
                total=total,
                unit=unit,
                unit_scale=True,
                leave=False,
                file=stream,
                disable=stream is None or not stream.isatty(),
                mininterval=0.2,
                bar_format=None if counted else "{desc}: {elapsed}",
            )
            if not counted:
                self._ended.clear()
                self._clock = threading.Thread(
                    target=self._tell_time, args=[self._bar, description], daemon=True
                )
                self._clock.start()

    def advance(self, amount: int) -> None:
        """Move the bar; see `Progress.advance`. May be called from any thread."""
        bar = self._bar
        if bar is not None:
            with self._showing():
                bar.update(amount)

    def finish(self) -> None:
        """Remove the bar."""
        clock, self._clock = self._clock, None
        if clock is not None:
            self._ended.set()
            clock.join()
        bar, self._bar = self._bar, None
        if bar is not None:
            with self._showing():
                bar.close()

    def note(self, text: str) -> None:
        """Write a line above the bar; see `Progress.note`."""
        with self._showing() as stream:
            if stream is not None:
                tqdm.write(text, file=stream)
                stream.flush()

    def _tell_time(self, bar: tqdm[Any], description: str) -> None:
        """Move the clock of a terminal, or tell a log what takes so long, until the work ends."""
        if bar.disable:
            if not self._ended.wait(_SECONDS_UNTOLD):
                self.note(description)
            return
        while not self._ended.wait(_SECONDS_A_TICK):
            with self._showing():
                bar.refresh()

    @contextmanager
    def _showing(self) -> Iterator[TextIO | None]:
        """Show nothing more once nobody can see it: the work goes on where a pipe was closed."""
        try:
            yield self._stream
        except (OSError, ValueError):  # ValueError: the stream itself was closed
            self._stream = None
            if self._bar is not None:
                self._bar.disable = True
                self._bar = None
