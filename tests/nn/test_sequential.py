"""Stacks of layers: what they consist of, what they refuse, and that threads do not matter."""

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.nn.sequential import Sequential, dense_stack
from tests.nn.gradients import Pass, check_gradients, in_float64


def stack(hidden=(6, 4), **settings):
    return dense_stack(5, hidden, generator=np.random.default_rng(0), **settings)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "selu"])
def test_gradients_of_a_whole_stack(activation, batch_norm):
    network = stack(activation=activation, batch_norm=batch_norm, dropout=0.2, input_dropout=0.1)
    check_gradients(network, 5)


def test_no_layers_are_the_identity():
    network = Sequential([])
    x = np.random.default_rng(0).standard_normal((7, 3))
    found = Pass(network, x, x)
    np.testing.assert_array_equal(found.output, x)
    np.testing.assert_array_equal(found.dx, x)


def test_sizes_and_names_of_the_parameters():
    shapes = {one.name: one.value.shape for one in stack(n_outputs=2).parameters}
    assert shapes == {
        "dense.1.weights": (5, 6),
        "dense.1.bias": (6,),
        "dense.2.weights": (6, 4),
        "dense.2.bias": (4,),
        "dense.3.weights": (4, 2),
        "dense.3.bias": (2,),
    }
    names = [one.name for one in stack((6,), batch_norm=True, n_outputs=0).parameters]
    assert names == ["dense.1.weights", "dense.1.scale", "dense.1.shift"]
    assert [one.name for one in stack((), name="x").parameters] == ["x.1.weights", "x.1.bias"]
    decaying = [one.name for one in stack((6,), batch_norm=True).parameters if one.decays]
    assert decaying == ["dense.1.weights", "dense.2.weights"]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_same_bits_for_any_number_of_threads_and_shards_that_predict_alike(batch_norm):
    network = in_float64(stack(batch_norm=batch_norm, dropout=0.5))
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((40, 5)), rng.standard_normal((40, 1))
    passes = [Pass(network, x, weights, threads=threads) for threads in (1, 2, 3)]
    for other in passes[1:]:
        np.testing.assert_array_equal(passes[0].dx, other.dx)
        for parameter in network.parameters:
            found = passes[0].gradient(parameter), other.gradient(parameter)
            np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("units", [0, -3, 1.5, True, "8"])
def test_a_layer_without_units_is_refused(units):
    with pytest.raises(ParameterError, match=f"hidden layer 2 has {units!r} units, but"):
        stack((4, units))


def test_an_error_in_a_shard_is_raised():
    def head(y, tape):
        raise ZeroDivisionError

    for threads in (1, 2):
        with pytest.raises(ZeroDivisionError):
            run(stack(), head, threads)
        with pytest.raises(ZeroDivisionError):
            run(stack(batch_norm=True), head, threads)


def run(network, head, threads):
    from fastmf.parallel import Team
    from tests.nn.gradients import tapes_of

    in_float64(network)
    with Team(threads) as team:
        x = np.ones((9, 5))
        network.run(tapes_of(9, 3), team, lambda tape: x[tape.rows], head, lambda dx, tape: None)
