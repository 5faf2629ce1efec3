"""Shards on their way through norms, against a whole batch in float64."""

import numpy as np
import pytest

from fastmf.kernels.networks import pair_norms
from fastmf.parallel import Team
from tests.kernels.networks.pair_networks import FACTORS, Case, dropouts, masked
from tests.reference.networks import pair_shards
from tests.reference.networks import pair_turns as reference

SETTINGS = {
    "one": {"hidden": (20,)},
    "two": {"hidden": (64, 16), "biased": True},
    "three": {"hidden": (70, 21, 33)},
    "dropout": {"hidden": (33, 70), "dropout": 0.3},
}


@pytest.mark.parametrize("n_rows", [9, 250, 600])  # in one tile, in more, and in two shards
@pytest.mark.parametrize("name", SETTINGS)
def test_what_enters_the_norms_and_the_gradients(name, n_rows):
    case = Case([n_rows], batch_norm=True, **SETTINGS[name])
    users, items, _ = case.batches[0]
    kept = [masked(layer, 0, (n_rows, width)) for layer, width in dropouts(case.trunk.layers)]
    layers, expected = reference.inputs_of_norms(case.twin.layers(kept))
    at = int(case.twin.biased)
    inner = (
        case.twin.values[0][users][:, at : at + FACTORS],
        case.twin.values[1][items][:, :FACTORS],
    )
    pair_shards.run(layers, np.concatenate(inner, axis=1))
    _, gradients = case.twin_gradients(case.batches[0], 0)
    with Team(2) as team:
        case.take(case.batches, [1e-9], team)
    (room,) = case.steps._room.memory.rooms
    table = case.steps._layers.norms
    assert len(table) == len(expected)
    for norm, x in zip(table, expected, strict=True):
        first, stride = n_rows * norm[pair_norms.AT], norm[pair_norms.STRIDE]
        rows = room[first : first + n_rows * stride].reshape(n_rows, stride)
        np.testing.assert_allclose(rows[:, : x.shape[1]], x, rtol=1e-4, atol=1e-4)
        assert not rows[:, x.shape[1] :].any()
    total = case.steps._dense_state.total
    starts = case.flat.starts.values()
    for one, start, wanted in zip(case.flat.parameters, starts, gradients[2:], strict=True):
        found = total[start : start + one.value.size].reshape(one.value.shape)
        size = max(np.abs(wanted).max(), 1e-2)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5 * size)
