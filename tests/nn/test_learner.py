"""The learner: steps, epochs, clipping, regularization, the best epoch, threads."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from fastmf.errors import DivergenceError, ParameterError
from fastmf.metrics import RatingErrors
from fastmf.nn import NetworkLearner, TrainingPlan
from fastmf.nn.learner import lower_rate
from fastmf.nn.optimizers import SGD, Adam
from fastmf.nn.schedules import LearningRate
from fastmf.parallel import Team
from fastmf.training import RunSettings
from tests.nn.plain_network import TABLE_RATE, Batch, Batches, PlainNetwork, errors_of

SPREAD = 1.5


def learner_of(network, batches, team, rate=0.01, validate=None, **plan):
    plan = {"epochs": 5, "optimizer": Adam(), "learning_rate": LearningRate(rate), **plan}
    return NetworkLearner(
        network,
        batches,
        TrainingPlan(**plan),
        team,
        ratings_per_epoch=len(batches.all.value),
        spread=SPREAD,
        validate=validate,
    )


def parameters_of(network):
    dense = [one.value.copy() for one in (*network.parameters, *network.statistics)]
    return [*dense, network.users.rows.copy(), network.items.rows.copy()]


class Watch:
    """A progress that adds up."""

    def __init__(self):
        self.done = 0
        self.notes = []

    def start(self, description, total, unit):
        self.total = total

    def advance(self, amount):
        self.done += amount

    def finish(self):
        pass

    def note(self, text):
        self.notes.append(text)


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True}, {"dropout": 0.05}], ids=str)
def test_a_network_learns(settings):
    network, batches = PlainNetwork(**settings), Batches()
    before = errors_of(network, batches.all).rmse
    watch = Watch()
    with Team(2) as team:
        learner = learner_of(
            network, batches, team, epochs=30, validate=lambda: errors_of(network, batches.all)
        )
        outcome = learner.train(RunSettings(progress=watch, patience=None))
    assert before > 1
    assert errors_of(network, batches.all).rmse < 0.1
    assert outcome.history[outcome.best_epoch - 1].valid_rmse < 0.1
    assert watch.done == watch.total == 30 * 1200
    assert len(learner.losses) == len(watch.notes) == 30
    first = outcome.history[0]
    assert first.train_rmse == pytest.approx(learner.losses[0] ** 0.5, rel=1e-6)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_the_same_bits_for_any_number_of_threads(batch_norm, loss):
    found = []
    for threads in (1, 2, 3):
        # More than one shard, and a last batch of one row.
        network, batches = PlainNetwork(loss, batch_norm=batch_norm, dropout=0.3), Batches(2401)
        batches.batch_size, batches.n_batches = 1200, 3
        with Team(threads) as team:
            learner_of(network, batches, team, epochs=3, clip_norm=0.1).train(RunSettings())
        found.append(parameters_of(network))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_a_step_of_plain_descent_goes_down_the_whole_loss(loss):
    """Regularization of rows and weights included, over several shards."""
    rate, row_pull, weight_pull = 1e-3, 0.03, 0.02
    network = PlainNetwork(loss, row_pull, activation="tanh", hidden=(5,))
    batch = Batches(1100).all

    def whole_loss():
        errors = errors_of(network, batch)
        rows = network.users.rows[batch.user_index], network.items.rows[batch.item_index]
        squares = sum((one.astype(np.float64) ** 2).sum() for one in rows) / len(batch.value)
        weights = sum(
            (p.value.astype(np.float64) ** 2).sum() for p in network.parameters if p.decays
        )
        fit = errors.mse if loss == "mse" else errors.rmse
        return fit + row_pull * squares + weight_pull * weights

    with Team(2) as team:
        plan = {"optimizer": SGD(momentum=0.0), "weight_regularization": weight_pull}
        learner = learner_of(network, Batches(), team, rate, **plan)
        tables = network.users, network.items
        arrays = [*(p.value for p in network.parameters), *(t.rows for t in tables)]
        before = [array.copy() for array in arrays]
        expected = []
        for array in arrays:
            place = np.unravel_index(3 % array.size, array.shape)
            values = []
            for shift in (0.01, -0.01):
                array[place] += np.float32(shift)
                values.append(whole_loss())
                array[place] -= np.float32(shift)
            expected.append((values[0] - values[1]) / 0.02)
            array[...] = before[len(expected) - 1]
        found_loss = learner.step(batch)
    errors = errors_of_start(before, network, batch)
    assert found_loss == pytest.approx(errors.mse if loss == "mse" else errors.rmse, rel=1e-5)
    rates = [rate] * len(network.parameters) + [TABLE_RATE * rate] * 2
    for array, start, slope, step in zip(arrays, before, expected, rates, strict=True):
        place = np.unravel_index(3 % array.size, array.shape)
        assert (start[place] - array[place]) / step == pytest.approx(slope, rel=0.02, abs=2e-3)


def errors_of_start(before, network, batch):
    other = PlainNetwork(activation="tanh", hidden=(5,))
    tables = other.users, other.items
    arrays = [*(p.value for p in other.parameters), *(t.rows for t in tables)]
    for array, start in zip(arrays, before, strict=True):
        array[...] = start
    return errors_of(other, batch)


def test_clipping_limits_the_norm_of_everything_together():
    moved = []
    for clip in (None, 1e9, 0.01):
        network = PlainNetwork()
        before = parameters_of(network)
        with Team(1) as team:
            settings = {"optimizer": SGD(momentum=0.0), "clip_norm": clip}
            learner_of(network, Batches(), team, 1.0, **settings).step(Batches().all)
        steps = [a - b for a, b in zip(parameters_of(network), before, strict=True)]
        # In gradients: the rate is 1.
        steps[-2:] = [step / TABLE_RATE for step in steps[-2:]]
        moved.append(np.concatenate([step.ravel() for step in steps]).astype(np.float64))
    np.testing.assert_array_equal(moved[0], moved[1])
    assert np.linalg.norm(moved[0]) > 0.1
    assert np.linalg.norm(moved[2]) == pytest.approx(0.01, rel=1e-3)
    direction = moved[2] @ moved[0] / np.linalg.norm(moved[2]) / np.linalg.norm(moved[0])
    assert direction == pytest.approx(1, abs=1e-5)


def test_what_was_kept_is_restored_running_statistics_included():
    network, batches = PlainNetwork(batch_norm=True), Batches()
    with Team(2) as team:
        learner = learner_of(network, batches, team)
        learner.step(batches.all)
        learner.keep()
        before = parameters_of(network)
        learner.step(batches.all)
        changed = [(a != b).any() for a, b in zip(before, parameters_of(network), strict=True)]
        assert all(changed)
        learner.restore()
        assert network.group.finished == 1
    for one, other in zip(before, parameters_of(network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_validation_there_are_no_errors():
    with Team(1) as team:
        assert learner_of(PlainNetwork(), Batches(), team).validate() is None


@pytest.mark.parametrize("clip", [None, 1e6])
def test_divergence_names_the_learning_rate(clip):
    with Team(1) as team, pytest.raises(DivergenceError) as caught:
        learner_of(PlainNetwork(), Batches(), team, 100.0, optimizer=SGD(), clip_norm=clip).train(
            RunSettings()
        )
    assert "lower the learning rate (it is 100; try 10)" in str(caught.value)
    assert ("clip_norm" in str(caught.value)) == (clip is None)


@pytest.mark.parametrize(
    ("rate", "usual", "told"),
    [
        (100.0, 0.008, "(it is 100; try 0.008)"),
        (100.0, None, "(it is 100; try 10)"),
        (0.03, 0.008, "(it is 0.03; try 0.003)"),
        (1e-6, 0.008, "(it is 0.000001; try 0.0000001)"),
        (1 / 3, 1.0, "(it is 0.333333; try 0.03)"),
    ],
)
def test_a_lower_rate_is_told_without_exponents(rate, usual, told):
    assert lower_rate(rate, usual) == f"lower the learning rate {told}"


def test_the_schedule_runs_over_all_steps():
    """The last step of a linear schedule is nearly none."""
    network, batches = PlainNetwork(), Batches()
    with Team(1) as team:
        rate = LearningRate(0.01, "linear")
        learner = learner_of(network, batches, team, learning_rate=rate, epochs=1)
        moved = []
        for batch in batches.epoch(0, team):
            before = network.users.rows.copy()
            learner.step(Batch(*batch))
            moved.append(np.abs(network.users.rows - before).sum())
    assert moved[-1] < 0.3 * moved[0]


@pytest.mark.parametrize(
    ("rate", "epochs_run"),
    [
        (LearningRate(0.01), 3),  # the best epoch is the first, and then patience
        (LearningRate(0.01, "constant", warm_up=0.5), 6),
        (LearningRate(0.01, "linear"), 6),
        (LearningRate(0.01, "step"), 6),
    ],
    ids=str,
)
def test_patience_counts_once_the_rate_is_what_it_stays(rate, epochs_run):
    rising = iter(range(8))
    network, batches = PlainNetwork(), Batches(100)
    with Team(1) as team:
        learner = learner_of(
            network,
            batches,
            team,
            epochs=8,
            learning_rate=rate,
            validate=lambda: RatingErrors(1.0 + next(rising), 1.0, 1.0, 1),
        )
        outcome = learner.train(RunSettings(patience=2))
    assert (outcome.stopped, len(outcome.history)) == ("patience", epochs_run)


def test_blas_has_one_thread_while_training_and_its_own_number_after():
    def threads():
        found = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
        assert found
        return found

    seen = []
    network, batches = PlainNetwork(), Batches(100)

    def validate():
        seen.append(threads())
        return errors_of(network, batches.all)

    before = threads()
    with Team(1) as team:
        learner_of(network, batches, team, epochs=1, validate=validate).train(RunSettings())
    assert set(seen[0]) == {1}
    assert threads() == before


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"clip_norm": 0}, "clip_norm is 0, but it must be above 0"),
        ({"clip_norm": float("nan")}, "clip_norm is nan, but"),
        ({"weight_regularization": -1}, "weight_regularization is -1, but it must be at least 0"),
    ],
)
def test_plans_outside_the_limits_are_refused(plan, message):
    with pytest.raises(ParameterError, match=message):
        TrainingPlan(1, Adam(), LearningRate(1), **plan)
