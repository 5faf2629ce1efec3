"""Running statistics of norms within compiled steps; gradients are tested with the shards'."""

import numpy as np
import pytest

from fastmf.kernels.networks import pair_norms as kernels
from fastmf.parallel import Team
from tests.kernels.networks.pair_networks import Case
from tests.reference.networks import pair_norms as reference


def test_statistics_side_by_side():
    case = Case([4], batch_norm=True, dropout=0.2)
    layers = case.steps._layers
    norms = layers.norm_state()
    assert isinstance(norms, kernels.Norms)
    assert norms.means.shape == norms.variances.shape == (32 + 16,)
    columns = [kernels.WIDTH, kernels.STRIDE, kernels.AT]
    assert layers.norms[:, columns].tolist() == [[18, 32, 0], [7, 16, 32]]
    assert layers.drops == {0: 1, 1: 2}
    assert (norms.momentum, norms.epsilon) == (0.1, 1e-5)


def test_a_batch_of_one_rating_is_normalized_by_the_running_statistics():
    case = Case([1, 1], batch_norm=True)
    before = [one.value.copy() for one in case.trunk.statistics]
    with Team(1) as team:
        assert np.isfinite(case.take(case.batches, [0.01, 0.01], team))
    for one, same in zip(case.trunk.statistics, before, strict=True):
        np.testing.assert_array_equal(one.value, same)


@pytest.mark.parametrize("n_rows", [200, 1100])  # in one shard, and in more
def test_running_statistics(n_rows):
    case = Case([n_rows], batch_norm=True, hidden=(18,))
    users, items, _ = case.batches[0]
    rows = [table.values[index] for table, index in zip(case.tables, (users, items), strict=True)]
    inputs = np.concatenate(rows, axis=1).astype(np.float64) @ case.trunk.parameters[0].value
    before = [one.value.copy() for one in case.trunk.statistics]
    expected = reference.running_statistics(inputs, 0.1, *before)
    with Team(2) as team:
        case.take(case.batches, [0.01], team)
    for one, wanted in zip(case.trunk.statistics, expected, strict=True):
        np.testing.assert_allclose(one.value, wanted, rtol=1e-5, atol=1e-6)
