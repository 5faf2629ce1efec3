"""The passes that make the block grid against lists and dictionaries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels import grid as kernels
from tests.reference import grid as reference

CHECKED = settings(deadline=None, max_examples=80)
N_USERS, N_ITEMS = 40, 9
ROWS = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.sampled_from([1, 2, 3.5])
    ),
    max_size=150,
)


def columns_of(rows):
    users, items, ratings = zip(*rows, strict=True) if rows else ((), (), ())
    return frozen(users, np.int32), frozen(items, np.int32), frozen(ratings, np.float32)


def table_of(ratings, cuts=()):
    """Enter ratings, chunk by chunk; return the table and the number of distinct ones."""
    keys, used, distinct = np.zeros(1024, np.uint32), np.zeros(1024, np.uint8), 0
    for part in np.split(ratings.view(np.uint32), cuts):
        distinct = kernels.add_levels(frozen(part), keys, used, distinct)
    return keys, used, distinct


@CHECKED
@given(st.lists(st.floats(width=32, allow_nan=False), max_size=300), st.integers(0, 300))
def test_the_table_holds_every_distinct_rating_once(values, cut):
    ratings = frozen(values, np.float32)
    bits = ratings.view(np.uint32)
    keys, used, distinct = table_of(ratings, [min(cut, len(ratings))])
    expected = reference.distinct_ratings(bits)
    if expected is None:
        assert distinct == 256
        return
    assert distinct == used.sum() == len(expected)
    assert sorted(keys[used == 1].tolist()) == sorted(expected)
    for key in expected:
        slot = kernels.level_slot(np.uint32(key), keys, used)
        assert used[slot]
        assert keys[slot] == key


@pytest.mark.parametrize("n_distinct", [1, 254, 255, 256, 257, 3000])
def test_the_table_takes_255_distinct_ratings_and_no_more(n_distinct):
    ratings = frozen(np.resize(np.linspace(-1, 1, n_distinct), 4000), np.float32)
    for cuts in ((), (100, 200, 300)):
        _, used, distinct = table_of(ratings, cuts)
        assert distinct == min(n_distinct, 256)
        assert used.sum() == min(n_distinct, 255)


@CHECKED
@given(ROWS)
def test_counts(rows):
    users, _, _ = columns_of(rows)
    counts = np.full(N_USERS, 3, np.int64)
    kernels.add_counts(users, counts)
    np.testing.assert_array_equal(counts, 3 + np.bincount(users, minlength=N_USERS))


@CHECKED
@given(ROWS, st.floats(-5, 5))
def test_census(rows, shift):
    users, items, ratings = columns_of(rows)
    user_counts, item_counts = np.full(N_USERS, 3, np.int64), np.full(N_ITEMS, 4, np.int64)
    moments = np.array([10.0, 20.0])
    kernels.take_census(users, items, ratings, shift, user_counts, item_counts, moments)
    np.testing.assert_array_equal(user_counts, 3 + np.bincount(users, minlength=N_USERS))
    np.testing.assert_array_equal(item_counts, 4 + np.bincount(items, minlength=N_ITEMS))
    centred = ratings.astype(np.float64) - shift
    np.testing.assert_allclose(moments, [10 + centred.sum(), 20 + (centred**2).sum()], rtol=1e-12)


@st.composite
def cut_axes(draw, side=3):
    """Assign users and items to ranges of block rows and columns."""
    return tuple(
        np.sort(
            np.array(draw(st.lists(st.integers(0, side - 1), min_size=n, max_size=n)), np.uint8)
        )
        for n in (N_USERS, N_ITEMS)
    )


@CHECKED
@given(ROWS, cut_axes(), st.booleans(), st.integers(0, 150))
def test_scattering_moves_each_rating_to_its_block_in_order(rows, blocks, coded, cut):
    side = 3
    users, items, ratings = columns_of(rows)
    counts = np.zeros(side * side, np.int64)
    kernels.count_blocks(users, items, *blocks, side, counts)
    np.testing.assert_array_equal(counts, reference.count_blocks(users, items, *blocks, side))

    keys, used, _ = table_of(ratings)
    code_of_slot = np.zeros(1024 if coded else 0, np.uint8)
    if coded:
        code_of_slot[used == 1] = np.arange(used.sum()) + 7
    offsets = np.cumsum(counts) - counts
    entries = np.full(len(rows), 999, np.uint64)
    values_out = np.full(0 if coded else len(rows), np.nan, np.float32)
    for part in (slice(0, cut), slice(cut, None)):
        columns = (frozen(column[part]) for column in (users, items, ratings))
        out = (offsets, entries, values_out)
        kernels.scatter_ratings(*columns, *blocks, side, keys, used, code_of_slot, *out)
    np.testing.assert_array_equal(offsets, np.cumsum(counts))

    per_block = reference.blocks_of_rows(users, items, *blocks, side)
    order = [row for block in per_block for row in block]
    np.testing.assert_array_equal(entries >> 32, users[order])
    words = entries & 0xFFFFFFFF
    if coded:
        np.testing.assert_array_equal(words & 0xFFFFFF, items[order])
        slots = [kernels.level_slot(bits, keys, used) for bits in ratings.view(np.uint32)]
        np.testing.assert_array_equal(words >> 24, code_of_slot[slots][order])
    else:
        np.testing.assert_array_equal(words, items[order])
        np.testing.assert_array_equal(values_out, ratings[order])


@CHECKED
@given(ROWS, st.booleans(), st.integers(0, 5))
def test_a_block_is_written_as_the_batches_of_the_twin(rows, coded, to):
    first_user = 1000
    users = np.array([user + first_user for user, _, _ in rows], np.int64)
    words = np.arange(len(rows), dtype=np.uint32)
    entries = users.astype(np.uint64) << np.uint64(32) | words
    values = np.arange(0 if coded else len(rows), dtype=np.float32) / 2
    padding = np.uint32(123_456)
    counts = np.full(N_USERS, 77, np.int32)
    n_batches = kernels.count_batches(entries, first_user, counts)
    np.testing.assert_array_equal(counts, np.bincount(users - first_user, minlength=N_USERS))
    assert n_batches == reference.count_batches(users.tolist())

    batches = np.full((to + n_batches) * 5, 9, np.uint32)
    values_out = np.full(0 if coded else (to + n_batches) * 4, 9, np.float32)
    ends, sorted_words = np.empty(N_USERS, np.int64), np.empty_like(words)
    sorted_values = np.empty_like(values)
    kernels.sort_by_user(entries, values, first_user, counts, ends, sorted_words, sorted_values)
    in_order = np.argsort(users, kind="stable")
    np.testing.assert_array_equal(sorted_words, words[in_order])
    np.testing.assert_array_equal(ends, np.cumsum(counts))
    by_user = sorted_words, sorted_values, first_user, padding, counts, ends
    kernels.write_batches(*by_user, batches, values_out, to)
    assert (batches[: to * 5] == 9).all()
    assert (values_out[: to * 4] == 9).all()
    expected = reference.batches_of_block(users.tolist(), words.tolist())
    written = reference.unpack(batches[to * 5 :], values_out[to * 4 :])
    for (user, count, slots, rated), (user_expected, places) in zip(written, expected, strict=True):
        assert (user, count) == (user_expected, len(places))
        assert slots == places + [padding] * (4 - count)
        if not coded:
            assert rated.tolist() == [place / 2 for place in places] + [0.0] * (4 - count)
