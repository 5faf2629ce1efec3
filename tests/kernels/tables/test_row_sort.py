"""The passes that sort ratings by row against dictionaries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.grid import add_levels
from fastmf.kernels.tables import row_sort as kernels
from tests.reference.tables import row_sort as reference

CHECKED = settings(deadline=None, max_examples=60)
N_ROWS = 41
ROWS = st.lists(
    st.tuples(
        st.integers(0, N_ROWS - 1),
        st.sampled_from([0, 1, 7, 2**31 - 1]),
        st.sampled_from([1, 2, 3.5]),
    ),
    max_size=150,
)


def columns_of(ratings):
    rows, columns, values = zip(*ratings, strict=True) if ratings else ((), (), ())
    return frozen(rows, np.int32), frozen(columns, np.int32), frozen(values, np.float32)


@CHECKED
@given(ROWS, st.integers(0, 6))
def test_counts(ratings, shift):
    rows, _, _ = columns_of(ratings)
    by_row, by_bucket = np.zeros(N_ROWS, np.int64), np.zeros(((N_ROWS - 1) >> shift) + 1, np.int64)
    kernels.count_rows(rows, shift, by_row, by_bucket)
    assert by_row.tolist() == reference.counts(rows, N_ROWS)
    assert by_bucket.tolist() == reference.counts(rows >> shift, len(by_bucket))


@pytest.mark.parametrize("coded", [True, False])
@CHECKED
@given(ROWS, st.integers(0, 6))
def test_two_moves_sort_by_row_and_keep_the_order(coded, ratings, shift):
    rows, columns, values = columns_of(ratings)
    n = len(rows)
    keys, used = np.zeros(1024, np.uint32), np.zeros(1024, np.uint8)
    add_levels(values.view(np.uint32), keys, used, 0)
    slots = np.flatnonzero(used)
    code_of_slot = np.zeros(1024 if coded else 0, np.uint8)
    if coded:
        code_of_slot[slots] = np.arange(len(slots))
    counts = np.array(reference.counts(rows, N_ROWS))
    starts = np.concatenate([[0], np.cumsum(counts)])
    offsets = starts[: -1 : 1 << shift].copy()
    entries = np.zeros(n, np.uint64)
    moved = np.zeros(0 if coded else n, np.float32)
    table = keys, used, code_of_slot
    kernels.scatter_to_buckets(rows, columns, values, shift, *table, offsets, entries, moved)
    index, codes = np.zeros(n, np.int32), np.zeros(n if coded else 0, np.uint8)
    sorted_values = np.zeros(0 if coded else n, np.float32)
    for bucket in range(len(offsets)):
        of_rows = slice(bucket << shift, min((bucket + 1) << shift, N_ROWS))
        part = slice(starts[of_rows.start], starts[of_rows.stop])
        assert offsets[bucket] == part.stop
        places = starts[of_rows].copy()
        kernels.place_ratings(entries[part], moved[part], places, index, codes, sorted_values)
    found = keys[slots].view(np.float32)[codes] if coded else sorted_values
    expected = reference.sort(rows, columns, values)
    for row in range(N_ROWS):
        part = slice(starts[row], starts[row + 1])
        pairs = list(zip(index[part].tolist(), found[part].tolist(), strict=True))
        assert pairs == expected.get(row, [])


def test_a_row_number_within_its_bucket_fits():
    shift = max(0, (2**31 - 1).bit_length() - (kernels.MOST_BUCKETS.bit_length() - 1))
    assert shift <= 24
