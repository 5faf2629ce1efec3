"""The search for duplicate pairs against sets and dictionaries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.tables import pairs as kernels
from tests.reference.tables import pairs as reference

ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=120)


def columns_of(rows):
    users, items = np.array(rows, np.int32).T.copy()
    users.flags.writeable = items.flags.writeable = False
    return users, items


def offsets_of(users, n_users):
    counts = np.zeros(n_users, np.int64)
    kernels.count_rows(users, counts)
    np.testing.assert_array_equal(counts, np.bincount(users, minlength=n_users))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    offsets.flags.writeable = False
    return offsets


def rows_by_user(users, first, offsets):
    rows, cursors = np.empty(offsets[-1], np.int64), offsets[:-1].copy()
    kernels.group_rows(users, np.int64(first), cursors, rows)
    rows.flags.writeable = False
    return rows


@pytest.mark.parametrize("key_type", [np.uint32, np.uint64])
@settings(deadline=None, max_examples=100)
@given(ROWS, st.integers(0, 3), st.data())
def test_repeats_of_two_ranges_of_buckets_add_up(key_type, rows, bits, data):
    users, items = columns_of(rows)
    n_buckets = 1 << bits
    counts = np.zeros(n_buckets, np.int64)
    kernels.count_buckets(users, np.int64(bits), counts)
    np.testing.assert_array_equal(counts, np.bincount(users % n_buckets, minlength=n_buckets))
    cut = data.draw(st.integers(0, n_buckets))
    total = 0
    for first, last in ((0, cut), (cut, n_buckets)):
        starts = np.concatenate([[0], np.cumsum(counts[first:last])])
        keys = np.empty(starts[-1], key_type)
        cursors = starts[:-1].copy()
        kernels.scatter_pairs(
            users, items, np.int64(bits), np.int64(10), np.int64(first), cursors, keys
        )
        np.testing.assert_array_equal(cursors, starts[1:])
        keys.flags.writeable = False
        for bucket in range(first, last):
            within = users % n_buckets == bucket
            mine = keys[starts[bucket - first] : starts[bucket - first + 1]]
            np.testing.assert_array_equal(mine // 10 * n_buckets + bucket, users[within])
            np.testing.assert_array_equal(mine % 10, items[within])
            table = np.empty(256, key_type)
            total += kernels.count_repeats(mine, np.int64(8), table)
    assert total == reference.repeats(users, items)


@pytest.mark.parametrize("key_type", [np.uint32, np.uint64])
@settings(deadline=None, max_examples=100)
@given(st.data())
def test_repeats_are_counted_in_a_table_that_is_nearly_full(key_type, data):
    largest = int(np.iinfo(key_type).max) - 1
    values = st.integers(0, 3) | st.integers(largest - 3, largest) | st.integers(0, largest)
    keys = data.draw(st.lists(values, max_size=15))
    table = np.empty(16, key_type)
    column = np.array(keys, key_type)
    column.flags.writeable = False
    assert kernels.count_repeats(column, np.int64(4), table) == len(keys) - len(set(keys))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 9) | st.integers(60, 70) | st.integers(0, 639), max_size=50))
def test_repeats_are_counted_by_a_bit_each(keys):
    column = np.array(keys, np.uint32)
    column.flags.writeable = False
    seen = np.full(10, 7, np.uint64)
    for _ in range(2):  # whatever the bits were before
        assert kernels.count_repeats_by_bits(column, seen) == len(keys) - len(set(keys))


@settings(deadline=None, max_examples=100)
@given(ROWS, st.integers(1, 3))
def test_repeats_are_counted_run_by_run(rows, words):
    users, items = columns_of(sorted(rows))
    indices = (items * 6 * words).astype(
        np.int32
    )  # in all words; runs longer and shorter than they
    indices.flags.writeable = False
    seen = np.zeros(words, np.uint64)
    found = kernels.count_repeats_in_runs(indices, offsets_of(users, 7), seen)
    assert found == reference.repeats(users, items)
    assert not seen.any()


@settings(deadline=None, max_examples=150)
@given(ROWS)
def test_only_the_last_row_of_each_pair_keeps_its_bit(rows):
    users, items = columns_of(rows)
    offsets = offsets_of(users, 7)
    keep = np.packbits(np.ones(len(rows), bool), bitorder="little")
    previous = np.full(10, -1, np.int64)
    pairs, dropped, first, second = kernels.mark_repeats(
        offsets, rows_by_user(users, 0, offsets), items, previous, keep
    )
    groups = reference.rows_of_pairs(users, items).values()
    repeating = [group for group in groups if len(group) > 1]
    kept = np.flatnonzero(np.unpackbits(keep, bitorder="little")[: len(rows)])
    assert kept.tolist() == sorted(group[-1] for group in groups)
    assert pairs == len(repeating)
    assert dropped == sum(len(group) - 1 for group in repeating)
    assert (previous == -1).all()
    wanted = min((group[:2] for group in repeating), key=lambda two: two[1], default=[-1, -1])
    assert [first, second] == wanted


@settings(deadline=None, max_examples=100)
@given(ROWS, st.booleans())
def test_every_row_gets_the_mean_or_the_sum_of_its_pair(rows, averaged):
    users, items = columns_of(rows)
    offsets = offsets_of(users, 7)
    value = np.linspace(0.1, 5, len(rows), dtype=np.float32)
    totals, counts = np.zeros(10), np.zeros(10, np.int64)
    expected = value.copy()
    for group in reference.rows_of_pairs(users, items).values():
        if len(group) > 1:
            values = value[group].astype(np.float64)
            expected[group] = np.float32(values.mean() if averaged else values.sum())
    by_user = rows_by_user(users, 0, offsets)
    kernels.merge_repeats(offsets, by_user, items, averaged, totals, counts, value)
    np.testing.assert_allclose(value, expected, rtol=1e-7)
    assert not totals.any()
    assert not counts.any()
