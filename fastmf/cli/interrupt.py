"""Ctrl-C: lets a running epoch end and be saved, or ends the command at once."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmf.training import Progress

__all__ = ["TRAINING", "GracefulStop", "deliver_swallowed_interrupts", "graceful_interrupts"]

# What the training loop calls its own piece of work; before it there is nothing worth saving.
TRAINING = "training"


# Long enough for the callback that swallowed an interrupt to have returned.
_SECONDS_TO_REPEAT = 0.02


class GracefulStop:
    """Whether Ctrl-C asked for an end; wraps the progress to know when epochs begin.

    Parameters
    ----------
    progress : Progress
        Where progress is shown.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._epochs_began = False
        self.requested = False

    def start(self, description: str, total: int, unit: str) -> None:
        """Begin a piece of work."""
        self._epochs_began = self._epochs_began or description == TRAINING
        self._progress.start(description, total, unit)

    def advance(self, amount: int) -> None:
        """Tell that more units are done."""
        self._progress.advance(amount)

    def finish(self) -> None:
        """End the piece of work."""
        self._progress.finish()

    def note(self, text: str) -> None:
        """Show one line of text."""
        self._progress.note(text)

    def is_requested(self) -> bool:
        """Say whether to stop after this epoch."""
        return self.requested

    def handle(self, signal_number: int, frame: FrameType | None) -> None:
        """Take one Ctrl-C: the first one since epochs began is remembered, others end the command.

        Also once the last epoch is over: what was learned is not lost before it is saved.
        """
        if self.requested or not self._epochs_began:
            raise KeyboardInterrupt
        self.requested = True
        self._progress.note(
            "the model will be saved after this epoch; Ctrl-C again stops at once, saving nothing"
        )


@contextmanager
def graceful_interrupts(stop: GracefulStop) -> Iterator[None]:
    """Hand Ctrl-C to `stop` while the body runs; where it is ignored, as by nohup, it stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only it gets KeyboardInterrupt
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    before: Callable[..., object] | int | None = signal.signal(signal.SIGINT, stop.handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def deliver_swallowed_interrupts() -> None:
    """Repeat every Ctrl-C that falls into a callback from C, where Python can only report it.

    LLVM calls back while kernels are compiled or loaded from the cache; a KeyboardInterrupt that
    is raised in there is printed as ignored, and the command would go on. For the whole process.
    """
    report = sys.unraisablehook

    def repeat_or_report(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(_SECONDS_TO_REPEAT, _interrupt_main_thread).start()
        else:
            report(unraisable)

    sys.unraisablehook = repeat_or_report


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        # A true signal also ends what the main thread waits for.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
