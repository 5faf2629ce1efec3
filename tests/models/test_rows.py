"""Padded rows: what is where, and what comes back out."""

import numpy as np
import pytest

from fastmf.data.layout import build_grid
from fastmf.kernels.sgd import row_length
from fastmf.models.rows import PaddedRows, StepSizes, StepTables
from fastmf.parallel import Team
from tests.models.tables import planted

EDGES = [1, 13, 14, 15, 16, 30, 47, 50]


@pytest.fixture(scope="module")
def grid():
    ratings = planted(300, 60, 50)
    with Team(1) as team:
        return build_grid(ratings, team)


def start(grid, k, seed=0):
    return PaddedRows.random(grid, k, 0.1, np.random.default_rng(seed))


@pytest.mark.parametrize("k", EDGES)
def test_rows_begin_with_normal_factors_no_bias_and_ones(grid, k):
    rows = start(grid, k)
    n_users, n_items = len(grid.user_counts), len(grid.item_counts)
    users, items = rows.users.reshape(-1, rows.stride), rows.items.reshape(-1, rows.stride)
    assert users.shape == (n_users + 1, row_length(k))
    assert items.shape == (n_items + grid.side + 1, row_length(k))
    arrays = rows.compact(1.0)
    for factors, counts in ((arrays[0], grid.user_counts), (arrays[1], grid.item_counts)):
        assert factors.shape == (len(counts), k)
        assert factors.flags.c_contiguous
        assert factors[counts > 0].all()
        assert not factors[counts == 0].any()
    assert not arrays.user_bias.any()
    assert not arrays.item_bias.any()
    drawn = np.concatenate([factors[factors != 0] for factors in arrays[:2]])
    assert np.std(drawn) == pytest.approx(0.1, rel=0.3)
    # Two ones meet two zero biases: a product of rows is that of the factors.
    np.testing.assert_allclose(users[3] @ items[4], arrays[0][3] @ arrays[1][4], atol=1e-6)


@pytest.mark.parametrize("k", EDGES)
def test_spare_rows_are_zero_and_the_unknown_predict_nothing(grid, k):
    rows = start(grid, k)
    users, items = rows.users.reshape(-1, rows.stride), rows.items.reshape(-1, rows.stride)
    n_items = len(grid.item_counts)
    assert not items[n_items : n_items + grid.side].any()
    known_item = items[:n_items]
    assert not (known_item @ users[rows.unknown_user]).any()
    assert not (users @ items[rows.unknown_item]).any()


@pytest.mark.parametrize("k", EDGES)
def test_compact_arrays_predict_what_the_rows_do_in_rating_units(grid, k):
    rows = start(grid, k)
    rng = np.random.default_rng(1)
    users, items = rows.users.reshape(-1, rows.stride), rows.items.reshape(-1, rows.stride)
    n_users, n_items = len(grid.user_counts), len(grid.item_counts)
    user_lane = np.flatnonzero(items[0] == 1)
    item_lane = np.flatnonzero(users[0] == 1)
    assert len(user_lane) == len(item_lane) == 1
    users[:n_users, user_lane[0]] = rng.normal(size=n_users)
    items[:n_items, item_lane[0]] = rng.normal(size=n_items)
    arrays = rows.compact(2.5)
    expected = 2.5 * (users[:n_users].astype(np.float64) @ items[:n_items].T)
    predicted = arrays.user_factors @ arrays.item_factors.T
    predicted += arrays.user_bias[:, np.newaxis] + arrays.item_bias
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_the_generator_alone_decides_the_start(grid):
    np.testing.assert_array_equal(start(grid, 9).users, start(grid, 9).users)
    assert not np.array_equal(start(grid, 9).users, start(grid, 9, seed=1).users)


def test_rows_start_at_cache_lines(grid):
    rows = start(grid, 20)
    assert rows.users.ctypes.data % 64 == rows.items.ctypes.data % 64 == 0


def test_a_copy_returns(grid):
    rows = start(grid, 9)
    before = rows.users.copy(), rows.items.copy()
    kept = rows.empty_like()
    assert not kept.users.any()
    rows.copy_to(kept)
    rows.users += 1
    rows.items += 1
    kept.copy_to(rows)
    np.testing.assert_array_equal(rows.users, before[0])
    np.testing.assert_array_equal(rows.items, before[1])


@pytest.mark.parametrize("k", EDGES)
def test_step_tables_name_each_factor_and_bias_of_the_tail_once(k):
    steps = StepTables.of(k, StepSizes(0.1, 0.4, 0.5, 0.25))
    user_in_item, items_in_user, item_keep, *user_keeps = steps.lane_rates.reshape(7, 16)
    n_tail = max(k - (row_length(k) - 16), 0)
    is_factor = np.arange(16) < n_tail
    # Beside the factors there is one bias in each: its rate is four times that of the factors.
    for rates in (user_in_item, items_in_user):
        assert (rates[is_factor] == 1).all()
        assert sorted(rates[~is_factor].tolist()) == [0] * (15 - n_tail) + [4]
    item_bias, user_bias = np.argmax(user_in_item == 4), np.argmax(items_in_user == 4)
    assert item_bias != user_bias
    for bias, count, keep in (
        (item_bias, 1, item_keep),
        *((user_bias, count, keep) for count, keep in enumerate(user_keeps, 1)),
    ):
        expected = np.where(is_factor, 1 - count * 0.1 * 0.5, 1)
        expected[bias] = 1 - count * 0.4 * 0.25
        np.testing.assert_allclose(keep, expected, rtol=1e-6)
    np.testing.assert_allclose(steps.user_keep, 1 - np.arange(1, 5) * 0.1 * 0.5, rtol=1e-6)
    assert steps.item_keep == np.float32(1 - 0.1 * 0.5)
    assert steps.learning_rate == np.float32(0.1)
