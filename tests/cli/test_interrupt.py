"""Ctrl-C: the running epoch is finished and saved; before the first one nothing is written."""

import os
import signal
import time

import pytest

from fastmf import load_model
from fastmf.cli.interrupt import TRAINING, GracefulStop, graceful_interrupts
from fastmf.training import SilentProgress

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
FOREVER = ("--factors", 4, "--epochs", 1_000_000, "--patience", 0)


def test_in_training_the_model_is_saved_after_the_epoch(start, ratings, workplace):
    process = start("train", ratings, *FOREVER, "--valid", 0.1, "--out", "m", "--json")
    seen = iter(process.stderr.readline, "")
    assert any(line.startswith("epoch       3/") for line in seen)
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 1
    model = load_model(workplace / "m")
    assert model.stopped_ == "interrupted"
    assert model.epochs_run_ >= 3
    last = rest.splitlines()[-1]
    assert last == f"interrupted: the model after epoch {model.best_epoch_} is saved in m"
    assert '"stopped": "interrupted"' in out
    assert "Traceback" not in rest


def test_before_the_first_epoch_nothing_is_written(start, workplace, cache_folder):
    rows = "".join(f"{n % 9973},{n % 997},{n % 5}\n" for n in range(1_000_000))
    (workplace / "large.csv").write_text("user,item,rating\n" + rows)
    process = start("train", "large.csv", *FOREVER, "--quiet")
    deadline = time.monotonic() + 60
    # The store's unfinished folder appears when reading begins.
    while not any(cache_folder.rglob("*.unfinished*")) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert err == "fastmf: error: interrupted: no result was written\n"
    assert [file.name for file in workplace.iterdir()] == ["large.csv"]
    assert not list(cache_folder.rglob("*.unfinished*"))


def test_an_interrupt_while_reading_is_one_line(run, ratings, workplace, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastmf.cli.train.load_ratings", interrupted)
    result = run("train", ratings, status=1)
    assert result.stderr == "fastmf: error: interrupted: no result was written\n"
    assert [file.name for file in workplace.iterdir()] == ["ratings.csv"]


def test_an_interrupt_of_the_report_says_that_the_model_is_saved(run, ratings, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastmf.cli.train_report.TrainReport.show", interrupted)
    result = run("train", ratings, "--factors", 2, "--epochs", 1, "--quiet", status=1)
    assert result.stderr == "interrupted: the model is saved in ratings.model\n"
    assert load_model("ratings.model").epochs_run_ == 1


def test_an_interrupted_split_leaves_neither_file(run, ratings, workplace, monkeypatch):
    from fastmf.cli import rating_table

    written = []
    write = rating_table.write_ratings

    def second_interrupted(part, writer, progress):
        if written:
            raise KeyboardInterrupt
        written.append(part)
        write(part, writer, progress)

    monkeypatch.setattr(rating_table, "write_ratings", second_interrupted)
    run("split", ratings, "--out-train", "t.csv", "--out-valid", "v.csv", status=1)
    assert [file.name for file in workplace.iterdir()] == ["ratings.csv"]


def test_the_first_is_remembered_while_epochs_run_and_the_second_ends_at_once():
    stop = GracefulStop(SilentProgress())
    with graceful_interrupts(stop):
        stop.start("laying out blocks", 0, "")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        stop.start(TRAINING, 10, "ratings")
        signal.raise_signal(signal.SIGINT)
        assert stop.is_requested()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_was_learned_is_not_lost_before_it_is_saved():
    stop = GracefulStop(SilentProgress())
    with graceful_interrupts(stop):
        stop.start(TRAINING, 10, "ratings")
        stop.finish()
        signal.raise_signal(signal.SIGINT)
    assert stop.is_requested()


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with graceful_interrupts(GracefulStop(SilentProgress())):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) is before


def test_the_loop_calls_its_work_what_the_handler_looks_for(ratings):
    from fastmf import BiasedMF, RunSettings, read_ratings

    class Recorder(SilentProgress):
        def __init__(self):
            self.started = []

        def start(self, description, total, unit):
            self.started.append(description)

    progress = Recorder()
    run = RunSettings(progress=progress)
    BiasedMF(factors=2, epochs=1).fit(read_ratings(ratings), run=run)
    assert TRAINING in progress.started


def test_an_interrupt_that_a_callback_swallows_comes_again(start):
    # Python only reports what is raised while an object is finalised, as in callbacks from C.
    script = """
import signal, sys, time
from fastmf.cli.interrupt import deliver_swallowed_interrupts
deliver_swallowed_interrupts()
class Swallows:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)
try:
    Swallows()
    time.sleep(30)
except KeyboardInterrupt:
    sys.exit(42)
"""
    process = start(script=script)
    _, err = process.communicate(timeout=25)
    assert process.returncode == 42
    assert err == ""


def test_an_ignored_interrupt_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stop = GracefulStop(SilentProgress())
        with graceful_interrupts(stop):
            stop.start(TRAINING, 10, "ratings")
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert not stop.is_requested()
    finally:
        signal.signal(signal.SIGINT, before)
