"""Batch norm over several shards, in training and in prediction."""

import numpy as np
import pytest

from fastmf.nn.activations import RELU, Activate
from fastmf.nn.layers import Dense
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.sequential import Sequential
from fastmf.nn.tape import Tape
from tests.nn.gradients import Pass, check_gradients, in_float64


def network():
    generator = np.random.default_rng(0)
    return Sequential(
        [
            Dense(4, 5, generator=generator, bias=False),
            BatchNorm(5),
            Activate(RELU),
            Dense(5, 3, generator=generator, bias=False),
            BatchNorm(3),
        ]
    )


@pytest.mark.parametrize("shard_rows", [2, 3, 100])
def test_gradients(shard_rows):
    check_gradients(network(), 4, shard_rows=shard_rows)


def test_gradients_of_a_norm_in_front():
    check_gradients(Sequential([BatchNorm(4)]), 4)


def test_gradients_of_a_batch_of_one_row_which_uses_the_running_statistics():
    check_gradients(network(), 4, n_rows=1)


def outputs(norm, x, shard_rows=3):
    return Pass(Sequential([norm]), x, np.zeros_like(x), shard_rows).output


@pytest.mark.parametrize("shard_rows", [3, 4, 100])
def test_columns_of_the_whole_batch_are_standardised(shard_rows):
    x = 5 + 3 * np.random.default_rng(0).standard_normal((10, 4))
    y = outputs(in_float64_unscaled(BatchNorm(4)), x, shard_rows)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-4)


def in_float64_unscaled(norm):
    for one in (*norm.parameters, *norm.statistics):
        one.value = one.value.astype(np.float64)
    return norm


def test_running_statistics_move_by_the_momentum_towards_mean_and_unbiased_variance():
    norm = BatchNorm(4, momentum=0.25)
    x = 5 + np.random.default_rng(0).standard_normal((10, 4)).astype(np.float32)
    tape = Tape(slice(0, 10), 10)
    norm.sum_forward(x, tape)
    norm.combine_forward([tape])
    np.testing.assert_allclose(norm.mean.value, 0.25 * x.mean(axis=0), rtol=1e-5)
    expected = 0.75 + 0.25 * x.var(axis=0, ddof=1)
    np.testing.assert_allclose(norm.variance.value, expected, rtol=1e-5)


def test_prediction_uses_the_running_statistics_row_by_row():
    norm = in_float64(BatchNorm(3))
    x = np.random.default_rng(0).standard_normal((5, 3))
    y = norm.forward(x, Tape(slice(0, 5), 5, training=False, dtype=np.float64))
    standard = (x - norm.mean.value) / np.sqrt(norm.variance.value + 1e-5)
    np.testing.assert_allclose(y, standard * norm.scale.value + norm.shift.value)


def test_one_row_leaves_the_running_statistics():
    norm = in_float64(BatchNorm(3))
    before = norm.mean.value.copy(), norm.variance.value.copy()
    tape = Tape(slice(0, 1), 1, dtype=np.float64)
    x = np.ones((1, 3))
    norm.sum_forward(x, tape)
    norm.combine_forward([tape])
    y = norm.forward(x, tape)
    predicting = Tape(slice(0, 1), 1, training=False, dtype=np.float64)
    np.testing.assert_array_equal(y, norm.forward(x, predicting))
    np.testing.assert_array_equal(before, (norm.mean.value, norm.variance.value))


def test_a_constant_column_becomes_its_shift():
    norm = BatchNorm(2)
    x = np.full((6, 2), 7, np.float32)
    tape = Tape(slice(0, 6), 6)
    norm.sum_forward(x, tape)
    norm.combine_forward([tape])
    np.testing.assert_allclose(norm.forward(x, tape), 0, atol=1e-3)
