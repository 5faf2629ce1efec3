"""Gradients of compiled steps against their twin, and the twin against central differences."""

import numpy as np
import pytest

from fastmf.parallel import Team
from tests.kernels.networks.pair_networks import Case
from tests.reference.networks import pair_shards as reference

SETTINGS = {
    "plain": {},
    "dropout": {"dropout": 0.3},
    "residual": {"batch_norm": True, "dropout": 0.2, "biased": True},
    "penalties": {"l2": 0.05, "biased": True},
}


@pytest.mark.parametrize("n_rows", [9, 600])  # in one shard, and in more
@pytest.mark.parametrize("name", SETTINGS)
def test_gradients(name, n_rows):
    case = Case([n_rows], **SETTINGS[name])
    _, expected = case.twin_gradients(case.batches[0], 0)
    with Team(2) as team:
        case.take(case.batches, [1e-9], team)
    total = case.steps._dense_state.total
    found = [
        total[start : start + one.value.size].reshape(one.value.shape)
        for one, start in zip(case.flat.parameters, case.flat.starts.values(), strict=True)
    ]
    # Adam's first mean is a tenth of the gradient; of rows that no rating names it stays zero.
    for state, table in zip(case.group.states, case.tables, strict=True):
        mean = state.kept[0].reshape(table.n, table.stride)
        assert not mean[:, table.width :].any()
        found.insert(len(found) - len(case.flat.parameters), 10 * mean[:, : table.width])
    for one, wanted in zip(found, expected, strict=True):
        size = np.abs(wanted).max()
        np.testing.assert_allclose(one, wanted, rtol=0, atol=1e-5 * max(size, 1e-2))


@pytest.mark.parametrize("name", SETTINGS)
def test_the_twin_by_central_differences(name):
    case = Case([50], **SETTINGS[name])
    batch, twin, rng = case.batches[0], case.twin, np.random.default_rng(1)

    def loss():
        fit = case.twin_gradients(batch, 0)[0]
        rows = zip(twin.values[:2], batch[:2], strict=True)
        return fit + twin.penalty * sum((table[index] ** 2).sum() for table, index in rows) / 50

    _, gradients = case.twin_gradients(batch, 0)
    for value, gradient in zip(twin.values, gradients, strict=True):
        for place in rng.integers(0, value.size, 4):
            at = np.unravel_index(place, value.shape)
            kept, ends = value[at], []
            for shift in (1e-6, -1e-6):
                value[at] = kept + shift
                ends.append(loss())
            value[at] = kept
            slope = (ends[0] - ends[1]) / 2e-6
            assert gradient[at] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_a_chain_has_all_layers_behind_the_first():
    layers = Case([4], dropout=0.2).steps._layers
    assert (layers.width, layers.stride, layers.rectified) == (18, 32, True)
    assert layers.chain[:, :3].tolist() == [[1, 18, 18], [0, 18, 7], [1, 7, 7], [0, 7, 1]]
    assert (layers.drops, len(layers.norms)) == ({0: 1, 2: 2}, 0)


def test_what_a_norm_does_in_the_twin():
    x = np.random.default_rng(0).normal(3, 5, (60, 2))
    y, _ = reference.normalize(x, np.array([1.0, 2.0]), np.array([0.0, 7.0]))
    np.testing.assert_allclose(y.mean(axis=0), [0, 7], atol=1e-9)
    np.testing.assert_allclose(y.std(axis=0), [1, 2], rtol=1e-5)
