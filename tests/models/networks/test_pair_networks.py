"""Networks over pairs: their gradients against central differences, in float64."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastmf.data.item_features import Features
from fastmf.models.networks.class_objectives import (
    ClassObjective,
    LikeObjective,
    RatingAndLikeObjective,
)
from fastmf.models.networks.features import FeatureLayer
from fastmf.models.networks.objectives import RatingObjective
from fastmf.models.networks.pair_networks import DotNetwork, PairNetwork, ScaledDotNetwork
from fastmf.nn import Sequential, Tape, dense_stack
from fastmf.nn.dropout import Dropout
from fastmf.nn.embedding_network import Lookup
from fastmf.parallel import Team

N_USERS, N_ITEMS, K, N = 5, 4, 3, 11
VALUES = np.array([1, 2, 3, 4, 5], np.float32)
LINEAR = RatingObjective(3.2, 1.4, 1.0, 5.0)


class Rows:
    """A table of embeddings in float64, as far as a network sees it."""

    def __init__(self, values):
        self.values = values
        self.n, self.width = values.shape
        self.dtype = values.dtype

    def gather(self, index, out, column=0):
        out[:, column : column + self.width] = self.values[index]


def batch_of(rng):
    return SimpleNamespace(
        user_index=rng.integers(0, N_USERS, N).astype(np.int32),
        item_index=rng.integers(0, N_ITEMS, N).astype(np.int32),
        value=rng.choice(VALUES, N),
    )


def lookups(rng, biased):
    users = Rows(rng.normal(size=(N_USERS, K + biased)))
    items = Rows(rng.normal(size=(N_ITEMS, K + biased)))
    return (
        Lookup(users, lambda batch: batch.user_index),
        Lookup(items, lambda batch: batch.item_index),
    )


def features(rng, side, n, cold_rate=0.0):
    levels = rng.integers(0, 6, 3 * n).astype(np.int32)
    starts = np.sort(rng.integers(0, 3 * n, 2 * (n + 1) + 1))
    starts[0], starts[-1] = 0, 3 * n
    numbers = rng.normal(size=(n + 1, 2)).astype(np.float32)
    known = Features(numbers, starts.astype(np.int64), levels, 2, 6)
    return FeatureLayer(known, side, 2, generator=rng, cold_rate=cold_rate)


def dot(rng, objective, biased=False, dropout=0.0):
    trunk = Sequential([Dropout(dropout)] if dropout else [])
    return DotNetwork(lookups(rng, biased), K, objective, trunk, biased_dot=biased)


def scaled(rng, objective, dropout=0.3):
    return ScaledDotNetwork(lookups(rng, True), K, objective, Sequential([Dropout(dropout)]))


def deep(rng, objective, biased=False, sides=(), **stack):
    cold_rate = stack.pop("cold_rate", 0.0)
    sizes = {"user": N_USERS, "item": N_ITEMS}
    known = [features(rng, side, sizes[side], cold_rate) for side in sides]
    trunk = dense_stack(
        2 * K + sum(layer.width for layer in known),
        (4, 3),
        generator=rng,
        n_outputs=objective.n_outputs,
        activation=stack.pop("activation", "tanh"),
        **stack,
    )
    return PairNetwork(lookups(rng, biased), K, objective, trunk, features=known, biased_dot=biased)


def rating(loss="mse", output="linear"):
    return RatingObjective(3.2, 1.4, 1.0, 5.0, loss, output)


CLASSES = ClassObjective(tuple(VALUES.tolist()), 1.4)
BOTH = RatingAndLikeObjective(rating("mae", "sigmoid"), LikeObjective(2.5, 0.6), 0.7, 1.9)
NETWORKS = {
    "dot": lambda rng: dot(rng, LINEAR),
    "dot with dropout": lambda rng: dot(rng, LINEAR, dropout=0.4),
    "bias-dot": lambda rng: dot(rng, rating(output="sigmoid"), biased=True),
    "bias-dot, mae": lambda rng: dot(rng, rating("mae"), biased=True),
    "bias-dot, rmse": lambda rng: dot(rng, rating("rmse"), biased=True),
    "scaled-dot": lambda rng: scaled(rng, LINEAR),
    "bce-dot": lambda rng: dot(rng, rating("bce", "sigmoid"), biased=True),
    "mlp": lambda rng: deep(rng, LINEAR),
    "mlp, relu output": lambda rng: deep(rng, rating(output="relu"), activation="selu"),
    "mlp, everything": lambda rng: deep(
        rng, rating("rmse", "sigmoid"), dropout=0.3, input_dropout=0.2, batch_norm=True
    ),
    "residual": lambda rng: deep(rng, LINEAR, biased=True, batch_norm=True, dropout=0.2),
    "hybrid": lambda rng: deep(rng, LINEAR, sides=("user", "item")),
    "hybrid, items": lambda rng: deep(rng, rating("rmse"), sides=("item",), input_dropout=0.2),
    "hybrid, some are new": lambda rng: deep(rng, LINEAR, sides=("user", "item"), cold_rate=0.5),
    "hybrid and dot, some are new": lambda rng: deep(
        rng, LINEAR, sides=("user", "item"), cold_rate=0.5, biased=True
    ),
    "classify": lambda rng: deep(rng, CLASSES),
    "classify and dot": lambda rng: deep(rng, CLASSES, biased=True),
    "interaction": lambda rng: deep(rng, LikeObjective(2.5, 0.6)),
    "interaction and dot": lambda rng: deep(rng, LikeObjective(2.5, 0.6), biased=True),
    "multitask": lambda rng: deep(rng, BOTH),
    "multitask and dot": lambda rng: deep(rng, BOTH, biased=True),
}


def run(network, batch, team):
    """Return loss, gradients of dense parameters by id, and gradients of the gathered rows."""
    halves = slice(0, 5), slice(5, N)
    tapes = [Tape(rows, N, step=3, seed=7, dtype=np.float64) for rows in halves]
    network._rows = np.zeros((N, network.n_columns))
    network._gradients = np.zeros((N, network.n_columns))
    factor = network.run(batch, tapes, team)
    dense = {
        id(one): factor * sum(tape.gradient(one) for tape in tapes) for one in network.parameters
    }
    return network.loss_of(sum(tape.loss for tape in tapes)), dense, network._gradients.copy()


def differences(measure, array):
    """Return the central differences of a loss by each element of an array."""
    step = 1e-6
    found = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + step
        above = measure()
        array[place] = kept - step
        found[place] = (above - measure()) / (2 * step)
        array[place] = kept
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_central_differences(name):
    rng = np.random.default_rng(5)
    network, batch = NETWORKS[name](rng), batch_of(rng)
    for one in network.parameters:
        one.value = one.value.astype(np.float64) + 0.1 * rng.normal(size=one.value.shape)
    with Team(2) as team:
        _, dense, rows = run(network, batch, team)
        for one in network.parameters:
            expected = differences(lambda: run(network, batch, team)[0], one.value)
            np.testing.assert_allclose(dense[id(one)], expected, rtol=1e-5, atol=1e-8)
        for lookup, columns in zip(network.lookups, network.columns, strict=True):
            found = np.zeros_like(lookup.table.values)
            np.add.at(found, lookup.index(batch), rows[:, columns])
            expected = differences(lambda: run(network, batch, team)[0], lookup.table.values)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
            assert np.abs(expected).max() > 1e-4
