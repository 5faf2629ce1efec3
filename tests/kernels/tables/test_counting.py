"""Counting kernels against plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.tables.counting import (
    count_bars,
    count_periods,
    count_values,
    gather_cells,
    sum_powers,
)
from tests.reference.tables import counting as reference

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(np.arange(-12, 30) / 2), max_size=300), st.integers(1, 40))
def test_distinct_values_until_there_are_too_many(values, most):
    values = frozen(values, np.float32)
    keys, counts = np.zeros(64, np.int32), np.zeros(64, np.int64)
    half = frozen(values[: len(values) // 2])
    taken = count_values(half, np.int64(most), keys, counts)
    if taken == len(half):
        taken += count_values(frozen(values[len(half) :]), np.int64(most), keys, counts)
    expected, row = reference.count_values(values, most)
    used = counts > 0
    levels = keys[used].view(np.float32).tolist()
    assert taken == row
    assert dict(zip(levels, counts[used].tolist(), strict=True)) == expected


@settings(deadline=None, max_examples=100)
@given(st.lists(FLOATS, min_size=1, max_size=63, unique=True))
def test_any_values_find_their_place_in_the_table(values):
    values = frozen(values * 2, np.float32)
    keys, counts = np.zeros(64, np.int32), np.zeros(64, np.int64)
    assert count_values(values, np.int64(63), keys, counts) == len(values)
    assert sorted(counts[counts > 0].tolist()) == [2] * (len(values) // 2)


def test_both_zeros_are_one_value():
    keys, counts = np.zeros(64, np.int32), np.zeros(64, np.int64)
    assert count_values(frozen([0.0, -0.0, 0.0], np.float32), np.int64(1), keys, counts) == 3
    assert keys[counts > 0].view(np.float32).tolist() == [0.0]


@settings(deadline=None, max_examples=100)
@given(st.lists(FLOATS, min_size=2, max_size=80), st.integers(1, 20))
def test_bars_are_decided_by_their_edges(values, n):
    values = frozen(values, np.float32)
    edges = np.linspace(float(values.min()), float(values.max()), n + 1)
    if edges[0] == edges[-1]:
        return
    counts = np.zeros(n, np.int64)
    count_bars(values, edges, counts)
    assert counts.tolist() == reference.count_bars(values, edges)


def test_values_on_the_edges_fall_where_numpy_has_them():
    edges = np.linspace(0.1, 0.7, 21)
    values = frozen(np.clip(edges, None, 0.7), np.float32)
    values = frozen(np.clip(values, np.float32(0.1), np.float32(0.7)))
    edges = np.linspace(float(values.min()), float(values.max()), 21)
    counts = np.zeros(20, np.int64)
    count_bars(values, edges, counts)
    assert counts.tolist() == np.histogram(values.astype(np.float64), edges)[0].tolist()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(-1e6, 1e6, width=32), max_size=50), st.floats(-1e6, 1e6))
def test_sums_of_deviations_and_squares(values, centre):
    values = frozen(values, np.float32)
    expected = reference.sum_powers(values, centre)
    assert sum_powers(values, centre) == pytest.approx(expected, rel=1e-12, abs=1e-7)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(-(2**63), 2**63 - 1),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50),
    st.integers(1, 20),
)
def test_periods(first, distances, n):
    distances = [distance % (2**63 - first) for distance in distances]
    time = frozen([first + distance for distance in distances], np.int64)
    width = max(-(-(max(distances) + 1) // n), 1)
    if width >= 2**63:
        return
    counts = np.zeros(n, np.int64)
    count_periods(time, np.int64(first), np.int64(width), counts)
    assert counts.tolist() == reference.count_periods(time, first, width, n)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(-4, 9)),
        max_size=60,
        unique_by=lambda row: row[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_cells_and_margins(rows, random):
    users, items, values = zip(*rows, strict=True) if rows else ((), (), ())
    users, items = frozen(users, np.int32), frozen(items, np.int32)
    values = frozen(values, np.float32)
    ranks = []
    for n, ranked in ((9, 4), (7, 3)):
        rank = np.full(n, -1, np.int8)
        rank[random.sample(range(n), ranked)] = np.arange(ranked)
        ranks.append(rank)
    cells, user_sums, item_sums = np.full((4, 3), np.nan, np.float32), np.zeros(4), np.zeros(3)
    gather_cells(users, items, values, *ranks, cells, user_sums, item_sums)
    wanted, of_users, of_items = reference.gather_cells(users, items, values, *ranks)
    found = {tuple(place): float(cells[tuple(place)]) for place in np.argwhere(~np.isnan(cells))}
    assert found == wanted
    assert user_sums.tolist() == [of_users[rank] for rank in range(4)]
    assert item_sums.tolist() == [of_items[rank] for rank in range(3)]
