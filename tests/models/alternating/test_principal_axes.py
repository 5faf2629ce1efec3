"""Turned rows predict what they did, and their outer products add up to a diagonal."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fastmf.models.alternating.als_rows import (
    explicit_system,
    factor_lanes,
    implicit_system,
    padded_rows,
)
from fastmf.models.alternating.principal_axes import to_principal_axes
from fastmf.parallel import Team


def tables(system, n_users=50, n_items=31, seed=0):
    """Return padded rows of users and of items, and ratings of each item."""
    rng = np.random.default_rng(seed)
    k = system.unknowns - system.biased
    mixed = rng.standard_normal((k, k))
    rows = []
    for n in (n_users, n_items):
        factors = (rng.standard_normal((n, k)) @ mixed).astype(np.float32)
        rows.append(padded_rows(system, factors, rng.standard_normal(n).astype(np.float32)))
    return *rows, rng.integers(0, 9, n_items)


SYSTEMS = [explicit_system(1), explicit_system(20), implicit_system(17, 1.0)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_products_stay_and_the_gram_matrix_is_diagonal(system):
    users, items, counts = tables(system)
    lanes, shape = factor_lanes(system), (-1, system.stride)
    before = users.reshape(shape)[:, lanes] @ items.reshape(shape)[:, lanes].T
    rest = items.reshape(shape).copy()
    rest[:, lanes] = 0
    with Team(2) as team:
        spread = to_principal_axes(items, counts, [users], system, team)
    p, q = users.reshape(shape)[:, lanes], items.reshape(shape)[:, lanes]
    np.testing.assert_allclose(p @ q.T, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())
    gram = q.T @ q
    scale = 1e-5 * gram.max()
    np.testing.assert_allclose(gram, np.diag(spread.gram[lanes]), atol=scale)
    assert np.delete(spread.gram, np.r_[lanes]).max(initial=0) == 0
    expected = counts @ items.reshape(shape).astype(np.float64) ** 2 / counts.sum()
    np.testing.assert_allclose(spread.squares, expected, rtol=1e-4)
    now = items.reshape(shape).copy()
    now[:, lanes] = 0
    np.testing.assert_array_equal(now, rest, "what is no factor stays")


def test_the_same_bits_for_any_team():
    results = []
    for threads in (1, 2, 4):
        users, items, counts = tables(SYSTEMS[1], n_users=500)
        with Team(threads) as team:
            spread = to_principal_axes(items, counts, [users], SYSTEMS[1], team)
        results.append((users.tobytes(), items.tobytes(), *(part.tobytes() for part in spread)))
    assert results[0] == results[1] == results[2]


def test_rows_that_are_not_finite_stay():
    users, items, counts = tables(SYSTEMS[1])
    items[40] = np.nan
    before = users.copy()
    with Team(1) as team:
        to_principal_axes(items, counts, [users], SYSTEMS[1], team)
    np.testing.assert_array_equal(users, before)


def test_items_without_any_rating_do_not_divide_by_zero():
    users, items, counts = tables(SYSTEMS[1])
    with Team(1) as team:
        spread = to_principal_axes(items, 0 * counts, [users], SYSTEMS[1], team)
    assert not spread.squares.any()


@pytest.mark.parametrize("factors", [50, 256])
def test_the_same_bits_for_any_threads_of_blas(factors):
    system, results = implicit_system(factors, 1.0), []
    for threads in (1, 2):
        users, items, counts = tables(system, n_items=700)
        with Team(1) as team, threadpool_limits(threads, user_api="blas"):
            to_principal_axes(items, counts, [users], system, team)
        results.append((users.tobytes(), items.tobytes()))
    assert results[0] == results[1]
