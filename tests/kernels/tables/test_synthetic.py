"""The generator's kernels against their slow twins, and what the twins cannot show."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.synthetic.cells import alias_table
from fastmf.kernels.tables import synthetic as kernels
from tests.reference.tables import synthetic as reference

KEY = np.uint64(0xFEDCBA9876543210)


def choose(counts, weights, dense_from, key=KEY):
    starts = np.concatenate([[0], np.cumsum(counts)])
    accept, alias = alias_table(weights)
    taken = np.zeros(weights.size, dtype=np.uint8)
    items = np.full(starts[-1], 65535, dtype=np.uint16)
    kernels.choose_items(
        0, len(counts), starts, key, accept, alias, weights, dense_from,
        taken, np.empty(weights.size), np.empty(weights.size), items,
    )  # fmt: skip
    assert not taken.any()
    return starts, accept, alias, [items[a:b].tolist() for a, b in pairwise(starts)]


@pytest.mark.parametrize("dense_from", [0, 10, 1000])
def test_choose_items_is_its_twin(dense_from):
    rng = np.random.default_rng(1)
    weights = rng.lognormal(sigma=1.5, size=60)
    counts = rng.integers(1, 50, size=30)
    starts, accept, alias, chosen = choose(counts, weights, dense_from)
    expected = reference.choose_items(0, 30, starts, KEY, accept, alias, weights, dense_from)
    assert chosen == expected


@pytest.mark.parametrize("dense_from", [0, 1000])
def test_choose_items_can_empty_the_shelf(dense_from):
    weights = np.array([1e-3, 1.0, 1.0, 5.0, 20.0])
    *_, chosen = choose(np.array([5, 4, 5, 1]), weights, dense_from)
    assert sorted(chosen[0]) == sorted(chosen[2]) == [0, 1, 2, 3, 4]
    assert len(set(chosen[1])) == 4


@pytest.mark.parametrize("dense_from", [0, 1000])
def test_choose_items_draws_by_weight_without_replacement(dense_from):
    weights = np.array([1.0, 2.0, 3.0, 6.0]) / 12
    *_, chosen = choose(np.full(40_000, 2), weights, dense_from)
    held = np.bincount(np.concatenate(chosen), minlength=4) / 40_000
    exact = weights.copy()  # drawn first, or second behind each of the others
    for first in range(4):
        for second in set(range(4)) - {first}:
            exact[second] += weights[first] * weights[second] / (1 - weights[first])
    error = np.sqrt(exact * (1 - exact) / 40_000)
    np.testing.assert_array_less(np.abs(held - exact), 4.5 * error)


@given(
    weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50).map(np.array),
)
def test_alias_table_holds_the_weights(weights):
    accept, alias = alias_table(weights)
    keep = np.where(alias == np.arange(weights.size), 1.0, accept / 2**32)
    share = keep + np.bincount(alias, weights=1 - keep, minlength=weights.size)
    np.testing.assert_allclose(share / weights.size, weights / weights.sum(), atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 2000), seed=st.integers(0, 2**32))
def test_shuffled_positions_is_a_permutation_and_its_twin(n, seed):
    keys = np.random.default_rng(seed).integers(2**64, size=6, dtype=np.uint64)
    side = math.isqrt(n - 1) + 1
    positions = np.empty(n, dtype=np.int64)
    kernels.shuffled_positions(0, n, np.uint64(side), keys, positions)
    assert np.array_equal(np.sort(positions), np.arange(n))
    first, m = n // 3, min(20, n - n // 3)
    expected = reference.shuffled_positions(first, n, side, keys, m)
    np.testing.assert_array_equal(positions[first : first + m], expected)
    part = np.empty(m, dtype=np.int64)
    kernels.shuffled_positions(first, n, np.uint64(side), keys, part)
    np.testing.assert_array_equal(part, expected)


def test_shuffled_positions_look_random():
    n = 200_000
    keys = np.random.default_rng(3).integers(2**64, size=6, dtype=np.uint64)
    positions = np.empty(n, dtype=np.int64)
    kernels.shuffled_positions(0, n, np.uint64(math.isqrt(n - 1) + 1), keys, positions)
    # Where rows of each hundredth come from: 100 x 100 cells of 20 expected rows each.
    table = np.bincount(np.arange(n) // 2000 * 100 + positions // 2000, minlength=10_000)
    chi_square = ((table - 20) ** 2 / 20).sum()
    freedom = 99 * 99
    assert abs(chi_square - freedom) < 4.5 * math.sqrt(2 * freedom)
    neighbours = np.corrcoef(positions[:-1], positions[1:])[0, 1]
    assert abs(neighbours) < 4.5 / math.sqrt(n)


def test_gather_cells_and_planted_means_are_their_twins():
    rng = np.random.default_rng(4)
    users = rng.integers(30, size=500).astype(np.int32)
    items = rng.integers(20, size=500).astype(np.uint16)
    positions = rng.permutation(500)[:200]
    cell_users, cell_items = np.empty(200, dtype=np.int32), np.empty(200, dtype=np.int32)
    kernels.gather_cells(positions, users, items, cell_users, cell_items)
    expected_users, expected_items = reference.gather_cells(positions, users, items)
    np.testing.assert_array_equal(cell_users, expected_users)
    np.testing.assert_array_equal(cell_items, expected_items)
    model = [
        np.float32(3.6),
        *(rng.standard_normal(n).astype(np.float32) for n in (30, 20)),
        *(rng.standard_normal((n, 7)).astype(np.float32) for n in (30, 20)),
    ]
    means = np.empty(200, dtype=np.float32)
    kernels.planted_means(cell_users, cell_items, *model, means)
    expected = reference.planted_means(expected_users, expected_items, *model)
    np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.8])
@pytest.mark.parametrize("whole", [True, False])
def test_draw_ratings_is_its_twin(whole, noise):
    positions = np.arange(0, 3000, 7)
    means = np.linspace(-1, 7, positions.size).astype(np.float32)
    ratings = np.empty(positions.size, dtype=np.float32)
    kernels.draw_ratings(positions, means, KEY, noise, whole, ratings)
    expected = reference.draw_ratings(positions, means, KEY, noise, whole)
    np.testing.assert_allclose(ratings, expected, rtol=1e-6)


def test_draw_days_is_its_twin_and_stays_in_range():
    rng = np.random.default_rng(5)
    positions, m = np.arange(1000), 1000
    users, items = (rng.integers(n, size=m).astype(np.int32) for n in (40, 30))
    user_days, item_days = (rng.integers(100, 201, size=n).astype(np.int32) for n in (40, 30))
    user_days[0] = 200
    days = np.empty(m, dtype=np.int32)
    kernels.draw_days(positions, users, items, user_days, item_days, 200, KEY, days)
    expected = reference.draw_days(positions, users, items, user_days, item_days, 200, KEY)
    np.testing.assert_array_equal(days, expected)
    assert (days >= user_days[users]).all()
    assert (days >= item_days[items]).all()
    assert days.max() <= 200


@pytest.mark.parametrize("noise", [0.05, 0.8, 3.0])
@pytest.mark.parametrize("whole", [True, False])
def test_conditional_means_are_their_twins(whole, noise):
    means = np.linspace(-2, 8, 101).astype(np.float32)
    expected = np.empty(101)
    kernels.conditional_means(means, noise, whole, expected)
    np.testing.assert_allclose(
        expected, reference.conditional_means(means, noise, whole), atol=1e-7
    )


@pytest.mark.parametrize("whole", [True, False])
def test_without_noise_the_conditional_mean_is_the_rating(whole):
    means = np.linspace(-2, 8, 1001).astype(np.float32)
    expected, ratings = np.empty(1001), np.empty(1001, dtype=np.float32)
    kernels.conditional_means(means, 0.0, whole, expected)
    kernels.draw_ratings(np.arange(1001), means, KEY, 0.0, whole, ratings)
    np.testing.assert_array_equal(expected, ratings)


def test_positions_are_ordered_by_their_items():
    items = np.random.default_rng(3).integers(0, 30, 500).astype(np.uint16)
    counts = np.bincount(items, minlength=32)
    positions = np.empty(items.size, np.uint32)
    kernels.positions_by_item(items, np.cumsum(counts) - counts, positions)
    assert positions.tolist() == reference.positions_by_item(items).tolist()
