"""The bar on a terminal, and only notes elsewhere."""

import io
import threading
import time

import pytest

from fastmf.training import SilentProgress, TqdmProgress
from fastmf.training import progress as module


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(stream):
    progress = TqdmProgress(stream)
    progress.start("training", 1000, " ratings")
    progress.advance(400)
    progress.note("epoch 1/2  train RMSE 0.9000")
    progress.advance(600)
    progress.finish()
    return stream.getvalue()


def test_a_terminal_gets_a_bar_with_rate_and_notes_above_it():
    shown = show(Terminal())
    assert "training" in shown
    assert "ratings/s" in shown
    assert "epoch 1/2  train RMSE 0.9000\n" in shown
    assert shown.endswith("\r"), "the bar is removed"


def test_a_log_gets_the_notes_only():
    assert show(io.StringIO()) == "epoch 1/2  train RMSE 0.9000\n"


def test_standard_error_is_the_default(capsys):
    progress = TqdmProgress()
    progress.note("a line")
    captured = capsys.readouterr()
    assert captured.err == "a line\n"
    assert captured.out == ""


def test_a_second_start_ends_the_first_bar():
    stream = Terminal()
    progress = TqdmProgress(stream)
    progress.start("reading", 10, " rows")
    progress.advance(10)
    progress.start("training", 20, " ratings")
    progress.advance(20)
    progress.finish()
    assert stream.getvalue().rindex("reading") < stream.getvalue().index("training")


@pytest.mark.parametrize("progress", [SilentProgress(), TqdmProgress(io.StringIO())])
def test_work_of_unknown_size_and_calls_out_of_turn_do_no_harm(progress):
    progress.advance(3)
    progress.finish()
    progress.start("compiling kernels", 0, "")
    progress.finish()
    progress.finish()


def test_advance_from_many_threads_loses_nothing():
    stream = Terminal()
    progress = TqdmProgress(stream)
    progress.start("training", 8000, "")

    def advance():
        for _ in range(1000):
            progress.advance(1)

    threads = [threading.Thread(target=advance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.note("all done")  # draws the bar anew below the note
    assert "8.00k/8.00k" in stream.getvalue().split("all done")[1]
    progress.finish()


@pytest.fixture
def quick(monkeypatch):
    """A clock that ticks, and tells a log, after hundredths of a second."""
    monkeypatch.setattr(module, "_SECONDS_A_TICK", 0.01)
    monkeypatch.setattr(module, "_SECONDS_UNTOLD", 0.01)


def work_until(stream, told):
    """Do work without a count until the stream shows something of it, at most a minute."""
    progress = TqdmProgress(stream)
    progress.start("compiling kernels", 0, "")
    end = time.monotonic() + 60
    while not told() and time.monotonic() < end:
        time.sleep(0.005)
    progress.finish()
    progress.finish()


@pytest.mark.usefixtures("quick")
def test_the_clock_of_work_without_a_count_moves_by_itself():
    stream = Terminal()
    work_until(stream, lambda: "compiling kernels: 00:01" in stream.getvalue())
    shown = stream.getvalue()
    assert "compiling kernels: 00:00" in shown
    assert "compiling kernels: 00:01" in shown
    assert "/s" not in shown
    assert shown.endswith("\r"), "the clock is removed"
    time.sleep(0.05)
    assert stream.getvalue() == shown, "and stands still"


@pytest.mark.usefixtures("quick")
def test_a_log_is_told_once_of_long_work_without_a_count():
    stream = io.StringIO()
    work_until(stream, stream.getvalue)
    assert stream.getvalue() == "compiling kernels\n"


def test_a_log_is_not_told_of_short_work_without_a_count():
    stream = io.StringIO()
    work_until(stream, lambda: True)
    assert stream.getvalue() == ""


class Closed(Terminal):
    """Whoever read this has gone after some bytes."""

    def __init__(self, error, left):
        super().__init__()
        self.error, self.left = error, left

    def write(self, text):
        self.left -= len(text)
        if self.left < 0:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(5, "gone"), ValueError("closed")])
@pytest.mark.parametrize("left", [0, 30, 200])
def test_work_goes_on_where_nobody_can_see_it(error, left):
    progress = TqdmProgress(Closed(error, left))
    for _ in range(3):
        progress.start("training", 100, " ratings")
        for _ in range(20):
            progress.advance(5)
            progress.note("x" * 20)
        progress.finish()


def test_a_process_without_standard_error_shows_nothing(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    progress = TqdmProgress()
    progress.start("training", 10, "")
    progress.advance(10)
    progress.note("a line")
    progress.finish()
