"""How embeddings of networks start."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastmf.models.networks.fitting import embedding_tables, shrunk_biases
from fastmf.models.networks.parameters import NetworkParameters

K, N = 8, SimpleNamespace(n_users=3000, n_items=2000)
DEVIATIONS = {
    "normal": 0.05,
    "uniform": 0.05 / np.sqrt(3),
    "he": np.sqrt(2 / K),
}


def tables(initial, *, biased=False, seed=0):
    parameters = NetworkParameters(factors=K, initial=initial)
    return embedding_tables(parameters, N, np.random.default_rng(seed), biased=biased)


@pytest.mark.parametrize("initial", DEVIATIONS)
def test_rows_start_with_the_variance_that_is_told(initial):
    for table in tables(initial):
        assert table.values.std() == pytest.approx(DEVIATIONS[initial], rel=0.02)
        assert abs(table.values.mean()) < 0.02 * DEVIATIONS[initial] + 1e-3


def test_glorots_variance_is_by_the_shape_of_the_table():
    users, items = tables("glorot")
    assert users.values.std() == pytest.approx(np.sqrt(2 / (N.n_users + K)), rel=0.02)
    assert items.values.std() == pytest.approx(np.sqrt(2 / (N.n_items + K)), rel=0.02)


def test_what_is_uniform_ends_at_its_limit():
    for table in tables("uniform"):
        assert 0.0499 < np.abs(table.values).max() <= 0.05


def test_biases_start_at_zero_and_do_not_decay():
    users, items = tables("normal", biased=True)
    assert (users.values[:, 0] == 0).all()
    assert (items.values[:, -1] == 0).all()
    assert (users.values[:, 1:] != 0).all()
    assert (items.values[:, :-1] != 0).all()
    np.testing.assert_array_equal(users.decays, [False] + [True] * K)
    np.testing.assert_array_equal(items.decays, [True] * K + [False])


def test_biases_of_few_ratings_are_near_that_of_the_unknown():
    biases = np.array([1.0, 1.0, 1.0, -2.0, 0.5], np.float32)
    found = shrunk_biases(biases, np.array([0, 1, 10**6, 5]))
    np.testing.assert_allclose(found, [0.5, 0.5 + 0.5 / 6, 1.0, -0.75, 0.5], rtol=1e-5)
    assert found.dtype == np.float32
