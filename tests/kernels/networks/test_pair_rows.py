"""The first layer by distinct rows against gathered rows, entry by entry."""

import numpy as np
import pytest

from fastmf.data.arrays import frozen
from fastmf.kernels.networks import pair_rows as kernels
from fastmf.kernels.networks.pair_shards import Shard
from fastmf.kernels.products import pack
from fastmf.parallel import Team
from tests.kernels.networks.pair_networks import FACTORS, Case
from tests.reference.networks import pair_rows as reference

N = 60
NO_TICKS = np.zeros(0, np.int64)


class Layer:
    """The first layer of a network, with a sorted batch and memory, as kernels take it."""

    def __init__(self, biased):
        self.case = Case([N], hidden=(21, 3), biased=biased)
        steps, (*index, _) = self.case.steps, self.case.batches[0]
        bounds = frozen(np.array([0, N]))
        with Team(1) as team:
            for batches, rows in zip(steps._sorted, index, strict=True):
                batches.sort(rows, bounds, team)
        room = steps._room_for(N, 1)
        self.sides = [steps._side(number, room) for number in range(2)]
        self.history, self.index = steps._rows.history(), index
        self.layers, self.memory = steps._arrays_of_layers(room, np.arange(1)), room.memory
        for at, stride, turned, k, n, to in self.layers.packs:
            block = kernels.Block(self.layers.parameters, at, stride, bool(turned))
            pack(block, k, n, self.layers.packed, to)
        at = int(biased)
        tables = self.case.tables
        self.rows = [
            tables[0].values[index[0], at : at + FACTORS],
            tables[1].values[index[1], :FACTORS],
        ]
        self.weights = self.case.trunk.parameters[0].value

    def halve(self):
        for side in self.sides:
            n = int(side.n_touched[0])
            for first, last in ((0, n // 2), (n // 2, n)):
                terms = first, last, 0, self.history, self.layers, self.memory.scratch[0], NO_TICKS
                kernels.halves_of_rows(side, 0, 0, *terms)


@pytest.mark.parametrize("biased", [False, True])
def test_halves(biased):
    layer = Layer(biased)
    layer.halve()
    sums = sum(
        side.shown.halves.reshape(-1, 32)[side.shown.places, :21].astype(np.float64)
        for side in layer.sides
    )
    expected = reference.first_layer(*layer.rows, layer.weights)
    np.testing.assert_allclose(sums, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("biased", [False, True])
def test_gradients_and_the_first_step(biased):
    layer = Layer(biased)
    layer.halve()
    rng = np.random.default_rng(1)
    slopes = rng.standard_normal((N, 21)).astype(np.float32)
    errors = rng.standard_normal(N).astype(np.float32)
    before = [table.values.copy() for table in layer.case.tables]
    layer.case.group.steps.announce([0.01])
    memory = layer.memory
    memory.slopes[: N * 21], memory.errors[:] = slopes.ravel(), errors
    shard = Shard(
        *(0, 0, 0, 0, N, N, memory.capacity, memory.rooms[0], memory.scratch[0]),
        *(memory.slopes, memory.masks, memory.errors, NO_TICKS),
    )
    for side, other in (layer.sides, layer.sides[::-1]):
        terms = 0, int(side.n_touched[0]), 1, layer.history, layer.layers, shard, 0
        kernels.step_of_rows(side, other.shown, 0, 0, *terms)
    terms = *layer.rows, layer.weights.astype(np.float64), slopes
    by_weights, *by_rows = reference.first_layer_gradients(*terms)
    size = layer.weights.size
    np.testing.assert_allclose(
        layer.layers.gradients[0, :size].reshape(layer.weights.shape),
        by_weights,
        rtol=1e-4,
        atol=1e-4,
    )
    at = int(biased)
    for number, table in enumerate(layer.case.tables):
        whole = np.zeros((N, table.width))
        start = at if number == 0 else 0
        whole[:, start : start + FACTORS] = by_rows[number]
        if biased:
            whole[:, start : start + FACTORS] += errors[:, np.newaxis] * layer.rows[1 - number]
            whole[:, 0 if number == 0 else FACTORS] += errors
        summed = reference.by_row(layer.index[number], whole, table.n)
        mean = layer.case.group.states[number].kept[0].reshape(table.n, table.stride)
        np.testing.assert_allclose(10 * mean[:, : table.width], summed, rtol=1e-4, atol=1e-4)
        # The first step of Adam is of its rate, against the gradient.
        moved = table.values - before[number]
        np.testing.assert_allclose(moved, -0.01 * np.sign(summed), rtol=0, atol=1e-5)
