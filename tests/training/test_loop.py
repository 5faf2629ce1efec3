"""The training loop, driven by a learner whose errors are written down beforehand."""

import itertools
import math
import time

import numpy as np
import pytest

from fastmf.errors import DivergenceError, ParameterError
from fastmf.metrics import RatingErrors
from fastmf.training import RunSettings, train


class FakeLearner:
    """Has the errors it is given; its one parameter is the number of epochs it has run."""

    ratings_per_epoch = 100
    spread = 1.0
    remedy = "lower the learning rate"

    def __init__(self, valid=None, train_rmse=None, *, pause=(0.0, 0.0)):
        self.valid = valid
        self.train_rmse = train_rmse or itertools.repeat(0.9)
        self._train = iter(self.train_rmse)
        self.parameter = 0
        self.kept = None
        self.epochs = []
        self.pause = pause
        self.n_kept = 0

    def run_epoch(self, epoch, progress):
        time.sleep(self.pause[0])
        self.epochs.append(epoch)
        self.parameter = epoch + 1
        progress.advance(self.ratings_per_epoch)
        return next(self._train)

    def validate(self):
        time.sleep(self.pause[1])
        if self.valid is None:
            return None
        rmse = self.valid[self.parameter - 1]
        return RatingErrors(rmse=rmse, mae=rmse / 2, mse=rmse**2, n_ratings=7)

    def keep(self):
        self.n_kept += 1
        self.kept = self.parameter

    def restore(self):
        self.parameter = self.kept


class Recorder:
    """A progress that writes down what it was told."""

    def __init__(self):
        self.calls = []

    def start(self, description, total, unit):
        self.calls.append(("start", description, total))

    def advance(self, amount):
        self.calls.append(("advance", amount))

    def finish(self):
        self.calls.append(("finish",))

    def note(self, text):
        self.calls.append(("note", text))


def test_all_epochs_run_without_validation_and_the_last_one_stays():
    learner = FakeLearner()
    outcome = train(learner, 7, RunSettings(patience=2))
    assert learner.epochs == list(range(7))
    assert (outcome.best_epoch, outcome.stopped, learner.parameter) == (7, "finished", 7)
    assert learner.n_kept == 0
    assert [record.epoch for record in outcome.history] == list(range(1, 8))
    assert all(record.valid_rmse is record.valid_mae is None for record in outcome.history)


@pytest.mark.parametrize(
    ("valid", "best"),
    [
        ([0.9, 0.8, 0.7, 0.6], 4),
        ([0.9, 0.6, 0.7, 0.8], 2),
        ([0.5, 0.6, 0.7, 0.8], 1),
        ([0.9, 0.7, 0.7, 0.7], 2),
        ([0.9, 0.7, 0.8, 0.6], 4),
    ],
)
def test_the_best_epoch_is_restored(valid, best):
    learner = FakeLearner(valid)
    outcome = train(learner, 4, RunSettings(patience=None))
    assert (outcome.best_epoch, learner.parameter) == (best, best)
    assert [record.valid_rmse for record in outcome.history] == valid
    assert [record.valid_mae for record in outcome.history] == [rmse / 2 for rmse in valid]
    assert outcome.stopped == "finished"


@pytest.mark.parametrize(
    ("patience", "epochs_run", "best", "stopped"),
    [
        (1, 5, 4, "patience"),
        (2, 6, 4, "patience"),
        (3, 7, 4, "patience"),
        (4, 8, 4, "finished"),  # patience runs out as the epochs do: nothing is cut short
        (5, 8, 4, "finished"),
        (None, 8, 4, "finished"),
    ],
)
def test_patience_counts_epochs_without_a_better_one(patience, epochs_run, best, stopped):
    valid = [0.9, 0.95, 0.8, 0.7, 0.75, 0.76, 0.77, 0.78]
    learner = FakeLearner(valid)
    outcome = train(learner, 8, RunSettings(patience=patience))
    assert len(outcome.history) == epochs_run
    assert (outcome.best_epoch, learner.parameter) == (best, best)
    assert outcome.stopped == stopped


@pytest.mark.parametrize("valid", [None, [0.5, 0.6, 0.7, 0.8]])
def test_a_stop_ends_after_the_running_epoch_with_the_best_model(valid):
    learner = FakeLearner(valid)
    answers = iter([False, False, True])
    outcome = train(learner, 4, RunSettings(stop=lambda: next(answers)))
    assert outcome.stopped == "interrupted"
    assert len(outcome.history) == 3
    best = 3 if valid is None else 1
    assert (outcome.best_epoch, learner.parameter) == (best, best)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 5.01, 1e30])
@pytest.mark.parametrize("epoch", [1, 3])
def test_divergence_of_the_training_loss(bad, epoch):
    losses = [0.9, 0.9, 0.9, 0.9]
    losses[epoch - 1] = bad
    progress = Recorder()
    with pytest.raises(DivergenceError, match=f"epoch {epoch}.*lower the learning rate") as raised:
        train(FakeLearner(train_rmse=losses), 4, RunSettings(progress=progress))
    assert "\n" not in str(raised.value)
    assert progress.calls[-1] == ("finish",)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_of_the_validation_loss(bad):
    with pytest.raises(DivergenceError, match="epoch 2"):
        train(FakeLearner([0.9, bad, 0.9]), 3, RunSettings())


def test_a_loss_below_five_spreads_goes_on():
    losses = [4.99, 4.99, 2.0]
    assert len(train(FakeLearner(train_rmse=losses), 3, RunSettings()).history) == 3


def test_validation_ratings_far_from_the_training_ones_are_no_divergence():
    outcome = train(FakeLearner([100.0, 90.0]), 2, RunSettings())
    assert outcome.best_epoch == 2


def test_seconds_add_up_training_without_validation():
    learner = FakeLearner([0.9, 0.8, 0.7], pause=(0.01, 0.05))
    seconds = [record.seconds for record in train(learner, 3, RunSettings()).history]
    assert seconds == sorted(set(seconds))
    assert seconds[0] >= 0.01
    assert 0.03 <= seconds[-1] < 3 * 0.05


def test_progress_is_started_advanced_noted_and_finished():
    progress = Recorder()
    train(FakeLearner([0.95, 0.85]), 2, RunSettings(progress=progress))
    kinds = [call[0] for call in progress.calls]
    assert kinds == ["start", "advance", "note", "advance", "note", "finish"]
    assert progress.calls[0][2] == 200
    first, second = (call[1] for call in progress.calls if call[0] == "note")
    assert all(word in first for word in ("1/2", "0.9000", "0.9500"))
    assert all(word in second for word in ("2/2", "0.8500"))


def test_progress_is_finished_when_an_epoch_fails():
    class Failing(FakeLearner):
        def run_epoch(self, epoch, progress):
            raise KeyboardInterrupt

    progress = Recorder()
    with pytest.raises(KeyboardInterrupt):
        train(Failing(), 2, RunSettings(progress=progress))
    assert progress.calls[-1] == ("finish",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("patience", -3), ("patience", "x"), ("patience", 2.5), ("patience", True)),
        *(("max_memory", "1GiB"), ("max_memory", -1), ("progress", 5), ("stop", 5)),
    ],
)
def test_settings_of_another_kind_are_refused(name, value):
    with pytest.raises(ParameterError, match=f"^{name} is {value!r}, but it must ") as raised:
        RunSettings(**{name: value})
    assert "\n" not in str(raised.value)


def test_no_patience_runs_all_epochs():
    assert RunSettings(patience=0).patience is None
    assert RunSettings(patience=np.int64(3)).patience == 3


def test_settings_of_a_call_are_those_given_or_the_defaults():
    given = RunSettings(patience=7)
    assert RunSettings.of(given) is given
    assert RunSettings.of(None) == RunSettings()
    with pytest.raises(ParameterError, match=r"^run is 5, but it must be fastmf\.RunSettings"):
        RunSettings.of(5)


@pytest.mark.parametrize(("patience_after", "epochs_run"), [(0, 3), (1, 3), (2, 4), (None, 6)])
def test_patience_counts_from_where_the_learner_says(patience_after, epochs_run):
    valid = [0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    run = RunSettings(patience=2)
    outcome = train(FakeLearner(valid), 8, run, patience_after=patience_after)
    assert (len(outcome.history), outcome.best_epoch) == (epochs_run, 1)


def test_a_plateau_in_the_first_half_does_not_end_training():
    valid = [0.9, 0.91, 0.91, 0.91, 0.91, 0.6, 0.5, 0.4]
    outcome = train(FakeLearner(valid), 8, RunSettings(patience=2))
    assert outcome.stopped == "finished"
    assert outcome.best_epoch == 8
