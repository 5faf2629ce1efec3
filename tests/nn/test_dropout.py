"""Dropout in training and in prediction."""

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.nn.dropout import Dropout
from fastmf.nn.layers import Dense
from fastmf.nn.sequential import Sequential
from fastmf.nn.tape import Tape
from tests.nn.gradients import check_gradients


def ones(rows, columns=200):
    return np.ones((rows, columns), np.float32)


def test_gradients_of_a_network_with_dropout():
    generator = np.random.default_rng(0)
    layers = [
        Dropout(0.3, number=0),
        Dense(4, 5, generator=generator),
        Dropout(0.5, number=1),
        Dense(5, 2, generator=generator),
    ]
    check_gradients(Sequential(layers), 4)


def test_what_is_left_is_scaled_up_and_the_mean_kept():
    y = Dropout(0.2).forward(ones(1000), Tape(slice(0, 1000), 1000))
    assert set(np.unique(y)) == {0, np.float32(1.25)}
    assert y.mean() == pytest.approx(1, abs=0.01)


def test_the_way_back_drops_the_same():
    tape = Tape(slice(10, 20), 100, step=3)
    layer = Dropout(0.5)
    y = layer.forward(ones(10), tape)
    np.testing.assert_array_equal(layer.backward(ones(10), tape), y)


def test_prediction_and_rate_zero_drop_nothing():
    x = ones(3)
    assert Dropout(0.5).forward(x, Tape(slice(0, 3), 3, training=False)) is x
    assert Dropout(0.0).forward(x, Tape(slice(0, 3), 3)) is x


def test_another_step_layer_or_seed_drops_others_and_another_shard_does_not():
    def dropped(number=0, rows=slice(0, 10), **settings):
        tape = Tape(rows, 10, **settings)
        return Dropout(0.5, number=number).forward(ones(tape.n_rows), tape) == 0

    first = dropped()
    for other in (dropped(step=1), dropped(number=1), dropped(seed=1), dropped(seed=-1)):
        assert 0.4 < (first == other).mean() < 0.6
    np.testing.assert_array_equal(dropped(rows=slice(4, 10)), first[4:])


@pytest.mark.parametrize("rate", [-0.1, 1, float("nan")])
def test_rates_outside_the_limits_are_refused(rate):
    with pytest.raises(ParameterError, match=f"dropout is {rate}, but it must be at least 0"):
        Dropout(rate)
