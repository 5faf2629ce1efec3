"""Gradients of a network against central differences, in float64."""

import numpy as np

from fastmf.nn.tape import Tape, Workspace, shards
from fastmf.parallel import Team

STEP = 1e-5


def in_float64(network):
    """Turn all parameters of a layer or network to float64, and away from their plain start."""
    rng = np.random.default_rng(3)
    for parameter in network.parameters:
        shape = parameter.value.shape
        parameter.value = parameter.value + 0.3 * rng.standard_normal(shape)
    for statistic in getattr(network, "statistics", ()):
        statistic.value = statistic.value + 0.3 * rng.random(statistic.value.shape)
    return network


def tapes_of(n_rows, shard_rows, *, step=2, training=True):
    return [
        Tape(
            rows,
            n_rows,
            workspace=Workspace(),
            step=step,
            seed=5,
            training=training,
            dtype=np.float64,
        )
        for rows in shards(n_rows, shard_rows)
    ]


class Pass:
    """A network forward and back on `x`, for the loss ``sum(weights * output)``."""

    def __init__(self, network, x, weights, shard_rows=3, threads=1):
        self.tapes = tapes_of(len(x), shard_rows)
        self.output = np.zeros(weights.shape)
        self.dx = np.zeros_like(x)
        kept = [statistic.value.copy() for statistic in network.statistics]

        def head(y, tape):
            self.output[tape.rows] = y
            return weights[tape.rows].copy()

        def sink(dx, tape):
            self.dx[tape.rows] = dx

        with Team(threads) as team:
            network.run(self.tapes, team, lambda tape: x[tape.rows], head, sink)
        # Running statistics must not drift from one evaluation to the next.
        for statistic, value in zip(network.statistics, kept, strict=True):
            statistic.value = value
        self.loss = float((self.output * weights).sum())

    def gradient(self, parameter):
        return sum(tape.gradient(parameter) for tape in self.tapes)


def differences(array, loss):
    """Return the gradient of a loss by an array's elements, which are changed and set back."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        value = array[place]
        array[place] = value + STEP
        above = loss()
        array[place] = value - STEP
        below = loss()
        array[place] = value
        found[place] = (above - below) / (2 * STEP)
    return found


def check_gradients(network, n_inputs, *, n_rows=8, shard_rows=3):
    """Compare the gradients by the input and by every parameter with central differences."""
    in_float64(network)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n_rows, n_inputs))
    n_outputs = network.forward(x, tapes_of(n_rows, n_rows, training=False)[0]).shape[1]
    weights = rng.standard_normal((n_rows, n_outputs))

    def loss():
        return Pass(network, x, weights, shard_rows).loss

    found = Pass(network, x, weights, shard_rows)
    np.testing.assert_allclose(found.dx, differences(x, loss), rtol=1e-6, atol=1e-7)
    for parameter in network.parameters:
        expected = differences(parameter.value, loss)
        assert np.abs(expected).max() > 1e-3, "a gradient that is zero tells nothing"
        np.testing.assert_allclose(found.gradient(parameter), expected, rtol=1e-6, atol=1e-7)
