"""Batches of rows against NumPy's sorting."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels import rated_batches as kernels
from tests.kernels.rated_rows import random_rows, values_of
from tests.reference import rated_batches as reference

CHECKED = settings(deadline=None, max_examples=40)
N_COLUMNS = 30


def copied(rated, rows, parts, *, keep=1.0, salt=0, presence=0.0, factors=None):
    """Return all that the kernels make of some rows, cut into parts."""
    counts = np.diff(rated.starts)[rows]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    n = int(starts[-1])
    columns, values, inputs = np.empty(n, np.int32), *np.empty((2, n), np.float32)
    per_part = np.full((len(parts), N_COLUMNS), 77, np.int32)
    if factors is None:
        factors = np.ones(len(rated.starts) - 1, np.float32)
    given = np.float32(presence), factors, np.uint64(salt), np.float32(keep)
    for part, row in zip(parts, per_part, strict=True):
        to = row, columns, values, inputs
        kernels.copy_ratings(part[0], part[1], rated, rows, *given, starts, *to)
    column_starts = np.empty(N_COLUMNS + 1, np.int64)
    counts = per_part.copy()
    kernels.start_columns(per_part, column_starts)
    column_rows, places = np.empty((2, n), np.int32)
    column_inputs = np.empty(n, np.float32)
    for part, offsets in zip(parts, per_part, strict=True):
        rated_part = part[0], part[1], starts, columns, inputs, offsets
        kernels.place_by_column(*rated_part, column_rows, column_inputs, places)
    by_row = starts, columns, values, inputs
    return *by_row, counts, column_starts, column_rows, column_inputs, places


@CHECKED
@given(
    st.lists(st.integers(0, N_COLUMNS), min_size=1, max_size=8),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 10**6),
)
def test_ratings_by_row_and_by_column(counts, coded, n_parts, seed):
    rated = random_rows(counts, N_COLUMNS, seed, coded=coded)
    chosen = np.random.default_rng(seed).permutation(len(counts))
    rows = chosen[: 1 + seed % len(counts)].astype(np.int32)
    bounds = [len(rows) * part // n_parts for part in range(n_parts + 1)]
    parts = list(pairwise(bounds))
    found = copied(rated, rows, parts)
    expected = reference.batch(rated.starts, rated.other_index, values_of(rated), rows)
    for array, twin in zip(found[:3], expected, strict=True):
        np.testing.assert_array_equal(array, twin)
    np.testing.assert_array_equal(found[3], found[2], "nothing is dropped")
    assert found[4].sum() == len(found[1])
    twins = reference.by_column(found[0], found[1], found[3], N_COLUMNS)
    for array, twin in zip(found[5:], twins, strict=True):
        np.testing.assert_array_equal(array, twin)


@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_dropout_keeps_its_part_and_its_mean(keep):
    rated = random_rows([N_COLUMNS] * 400, N_COLUMNS, 0)
    rows = np.arange(400, dtype=np.int32)
    parts = [(0, 100), (100, 400)]
    values, inputs = copied(rated, rows, parts, keep=keep, salt=5)[2:4]
    kept = inputs != 0
    assert abs(kept[values != 0].mean() - keep) < 0.02
    np.testing.assert_allclose(inputs[kept], values[kept] / np.float32(keep), rtol=1e-6)
    again = copied(rated, rows, [(0, 400)], keep=keep, salt=5)[3]
    np.testing.assert_array_equal(again, inputs)
    other = copied(rated, rows, parts, keep=keep, salt=6)[3]
    assert (other != inputs).mean() > 0.1


def test_what_is_dropped_depends_on_the_rating_not_on_its_place_in_the_batch():
    rated = random_rows([20, 20, 20], N_COLUMNS, 0)
    one = copied(rated, np.array([2, 0, 1], np.int32), [(0, 3)], keep=0.5)
    two = copied(rated, np.array([1, 2], np.int32), [(0, 2)], keep=0.5)
    np.testing.assert_array_equal(one[3][:20], two[3][20:])
    np.testing.assert_array_equal(one[3][40:], two[3][:20])


def test_the_input_has_presence_and_factor_of_the_row():
    rated = random_rows([20, 10, 20], N_COLUMNS, 0)
    factors = np.array([1, 0.5, 3], np.float32)
    rows = np.array([2, 1], np.int32)
    found = copied(rated, rows, [(0, 2)], presence=1.5, factors=factors)
    starts, values, inputs = found[0], found[2], found[3]
    expected = (values.astype(np.float64) + 1.5) * np.repeat(factors[rows], np.diff(starts))
    np.testing.assert_allclose(inputs, expected, rtol=1e-6)
    np.testing.assert_array_equal(found[7], inputs[np.argsort(found[8])])
