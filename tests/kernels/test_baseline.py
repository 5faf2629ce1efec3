"""Sums per user and per item against plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.baseline import add_ratings, add_residuals
from tests.reference import baseline as reference

ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 6), st.floats(-1e6, 1e6, width=32)), max_size=60
)


def columns_of(rows):
    users, items, ratings = zip(*rows, strict=True) if rows else ((), (), ())
    return frozen(users, np.int32), frozen(items, np.int32), frozen(ratings, np.float32)


@settings(deadline=None, max_examples=100)
@given(ROWS)
def test_sums_and_counts_of_ratings(rows):
    users, items, ratings = columns_of(rows)
    for index, n in ((users, 5), (items, 7)):
        totals = np.tile([1.0, 2.0], (n, 1))
        add_ratings(index, ratings, totals)
        sums, counts = totals.T
        expected_sums, expected_counts = reference.add_ratings(index, ratings, n)
        np.testing.assert_allclose(sums, 1 + expected_sums, rtol=1e-12, atol=1e-8)
        np.testing.assert_array_equal(counts, 2 + expected_counts)


@settings(deadline=None, max_examples=100)
@given(ROWS, st.floats(-10, 10))
def test_sums_and_counts_of_residuals(rows, mean):
    users, items, ratings = columns_of(rows)
    item_bias = np.linspace(-1, 1, 7)
    totals = np.tile([1.0, 2.0], (5, 1))
    add_residuals(users, items, ratings, mean + item_bias, totals)
    sums, counts = totals.T
    expected = reference.add_residuals(users, items, ratings, mean + item_bias, 5)
    np.testing.assert_allclose(sums, 1 + expected[0], rtol=1e-12, atol=1e-8)
    np.testing.assert_array_equal(counts, 2 + expected[1])


@pytest.mark.parametrize("kernel", ["ratings", "residuals"])
def test_nan_reaches_the_sum_of_its_own_row_only(kernel):
    users, items, ratings = columns_of([(0, 0, 1.0), (1, 1, float("nan")), (2, 2, 3.0)])
    totals = np.zeros((3, 2))
    if kernel == "ratings":
        add_ratings(users, ratings, totals)
    else:
        add_residuals(users, items, ratings, np.full(3, 0.5), totals)
    sums, counts = totals.T
    assert np.isnan(sums).tolist() == [False, True, False]
    assert counts.tolist() == [1, 1, 1]
