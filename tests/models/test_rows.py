"""Padded rows: what is where, and what comes back out."""

import numpy as np
import pytest

from fastmf import random_split
from fastmf.data.layout import build_grid
from fastmf.kernels.sgd import row_length
from fastmf.models.rows import PaddedRows, Start, StepSizes, StepTables
from fastmf.parallel import Team
from tests.models.tables import planted

EDGES = [1, 13, 14, 15, 16, 30, 47, 50]


@pytest.fixture(scope="module")
def grid():
    ratings, _ = random_split(planted(300, 60, 50), 0.7)
    with Team(1) as team:
        made = build_grid(ratings, team)
    assert 0 in made.user_counts
    assert 0 in made.item_counts
    return made


def start(grid, k, seed=0, **changes):
    return PaddedRows.random(grid, k, Start(0.1, **changes), np.random.default_rng(seed))


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
@pytest.mark.parametrize("product", [3.2, -3.2])
def test_products_start_around_a_given_number(grid, k, product):
    arrays = start(grid, k, product=product).compact(1.0)
    users, items = arrays[0][grid.user_counts > 0], arrays[1][grid.item_counts > 0]
    assert np.mean(users @ items.T) == pytest.approx(product, rel=0.1)
    assert users.std() == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("k", EDGES)
@pytest.mark.parametrize("product", [0, 1.0])
def test_non_negative_factors_start_so_and_biases_at_zero(grid, k, product):
    arrays = start(grid, k, product=product, non_negative=True).compact(1.0)
    for factors in arrays[:2]:
        assert factors.min() == 0, "without ratings"
        assert factors.max() > 0
    assert not arrays.user_bias.any()
    assert not arrays.item_bias.any()


@pytest.mark.parametrize("k", EDGES)
def test_the_constant_of_items_is_in_every_product_and_in_no_bias(grid, k):
    rows = start(grid, k, item_constant=-2.5)
    users, items = rows.users.reshape(-1, rows.stride), rows.items.reshape(-1, rows.stride)
    arrays = rows.compact(3.0)
    assert not arrays.item_bias.any()
    assert not arrays.unknown_bias.any()
    n_users, n_items = rows.n_users, rows.n_items
    products = users[:n_users] @ items[:n_items].T
    np.testing.assert_allclose(
        products, arrays.user_factors @ arrays.item_factors.T / 3 - 2.5, atol=1e-5
    )
    assert users[rows.unknown_user] @ items[rows.unknown_item] == -2.5
    assert not items[n_items : n_items + grid.side].any(), "spare rows stay zero"


@pytest.mark.parametrize("k", EDGES)
def test_what_was_not_learned_gets_the_mean_of_what_was(grid, k, monkeypatch):
    monkeypatch.setattr("fastmf.models.rows._ROWS_AT_ONCE", 7)
    rows = start(grid, k, product=1.0, item_constant=-1.0)
    rng = np.random.default_rng(2)
    rows.users.reshape(-1, rows.stride)[: rows.n_users, -2] = rng.normal(size=rows.n_users)
    before = rows.compact(1.0)
    for _ in range(2):  # what was filled in before does not count
        rows.average_unlearned(grid.user_counts, grid.item_counts)
    after = rows.compact(1.0)
    sides = (
        (0, 2, after.unknown_user_factors, after.unknown_bias[0], grid.user_counts),
        (1, 3, after.unknown_item_factors, after.unknown_bias[1], grid.item_counts),
    )
    for factors, bias, unknown_factors, unknown_bias, counts in sides:
        learned = counts > 0
        np.testing.assert_array_equal(after[factors][learned], before[factors][learned])
        mean = before[factors][learned].mean(axis=0, dtype=np.float64)
        expected = np.tile(mean, (np.count_nonzero(~learned), 1))
        np.testing.assert_allclose(after[factors][~learned], expected, rtol=1e-5)
        np.testing.assert_allclose(unknown_factors, mean, rtol=1e-5)
        mean_bias = before[bias][learned].mean(dtype=np.float64)
        np.testing.assert_allclose(after[bias][~learned], mean_bias, rtol=1e-4, atol=1e-7)
        assert unknown_bias == pytest.approx(mean_bias, rel=1e-4, abs=1e-7)


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
    tables = steps.lane_rates.reshape(12, 16)
    user_in_item, items_in_user, item_keep, *user_keeps = tables[:7]
    n_tail = max(k - (row_length(k) - 16), 0)
    is_factor = np.arange(16) < n_tail
    np.testing.assert_array_equal(tables[7], np.where(is_factor, 0, -np.inf))
    for count, rated in enumerate(tables[8:], 1):
        np.testing.assert_array_equal(rated, np.arange(16) < 4 * count)
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
