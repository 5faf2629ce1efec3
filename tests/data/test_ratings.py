import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings, read_ratings
from fastmf.errors import DataError, ParameterError
from tests.data.tables import assert_same, make_frame
from tests.reference.tables import pairs as reference


def in_memory(frame):
    return Ratings.from_arrays(*(frame[name] for name in frame.columns))


def bits(mask):
    return np.packbits(mask, bitorder="little")


@pytest.mark.parametrize("text", [False, True])
def test_arrays_become_dense_columns(text):
    frame = make_frame(text=text)
    ratings = in_memory(frame)
    assert_same(ratings, frame)
    assert ratings.notes == ()
    assert ratings.source is None


def test_a_whole_table_gives_views_and_nothing_can_be_written():
    ratings = in_memory(make_frame())
    chunk = ratings.chunk(3, 9)
    assert np.shares_memory(chunk.value, ratings.value)
    for column in (*chunk, ratings.user_index, ratings.time):
        assert not column.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 130), st.data())
def test_a_selection_is_what_a_mask_takes(n_rows, data):
    ratings = in_memory(make_frame(n_rows))
    masks = [
        np.array(data.draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows)))
        for _ in range(2)
    ]
    view = ratings.select(bits(masks[0])).select(bits(masks[1]))
    mask = masks[0] & masks[1]
    assert len(view) == mask.sum()
    assert view.n_rows == n_rows
    assert view.rating_range == ratings.rating_range
    for name in ("user_index", "item_index", "value", "time"):
        np.testing.assert_array_equal(getattr(view, name), getattr(ratings, name)[mask])
    start = data.draw(st.integers(0, n_rows))
    stop = data.draw(st.integers(start, n_rows))
    for got, whole in zip(view.chunk(start, stop), ratings.chunk(start, stop), strict=True):
        np.testing.assert_array_equal(got, whole[mask[start:stop]])
        assert not got.flags.writeable
    np.testing.assert_array_equal(
        view.times(start, stop), ratings.time[start:stop][mask[start:stop]]
    )
    assert view.count(start, stop) == mask[start:stop].sum()
    assert ratings.count(start, stop) == stop - start


def test_chunks_cover_all_rows_in_order():
    ratings = in_memory(make_frame(100))
    assert ratings.ranges(33) == [(0, 33), (33, 66), (66, 99), (99, 100)]
    view = ratings.select(bits(np.arange(100) % 3 == 0))
    values = np.concatenate([chunk.value for chunk in view.chunks(33)])
    np.testing.assert_array_equal(values, ratings.value[::3])


def test_bits_beyond_the_last_row_select_nothing():
    ratings = in_memory(make_frame(9))
    assert len(ratings.select(np.full(2, 255, np.uint8))) == 9


@pytest.mark.parametrize(
    "bitmap", [np.zeros(1, np.uint8), np.zeros(2, bool), np.zeros(9, np.uint8)]
)
def test_a_bitmap_of_another_size_or_type_is_refused(bitmap):
    with pytest.raises(ValueError, match="takes 2 bytes"):
        in_memory(make_frame(9)).select(bitmap)


@pytest.mark.parametrize("rows", [(-1, 3), (3, 2), (0, 10)])
def test_a_chunk_outside_the_table_is_refused(rows):
    with pytest.raises(IndexError, match=r"not within \[0, 9\)"):
        in_memory(make_frame(9)).chunk(*rows)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60),
    st.sampled_from(["last", "mean"]),
)
def test_duplicates_are_resolved_as_by_a_dictionary(rows, how):
    users, items = np.array(rows).T
    values = np.arange(len(rows), dtype=np.float32) / 3
    time = np.arange(len(rows)) + 10
    ratings = Ratings.from_arrays(users, items, values, time, duplicates=how)
    kept, expected = reference.resolve(users, items, values, how)
    np.testing.assert_array_equal(ratings.time, time[kept])
    np.testing.assert_array_equal(ratings.users.take(ratings.user_index), users[kept])
    np.testing.assert_array_equal(ratings.items.take(ratings.item_index), items[kept])
    np.testing.assert_allclose(ratings.value, expected, rtol=1e-6)
    assert ratings.rating_range == (ratings.value.min(), ratings.value.max())
    assert bool(ratings.notes) == (len(kept) < len(rows))


def test_duplicates_are_counted_in_a_note():
    arrays = ([1, 1, 2, 1, 2], ["a", "b", "a", "a", "b"], [1, 2, 3, 4, 5])
    assert Ratings.from_arrays(*arrays).notes == (
        "1 duplicate (user, item) pair: kept the last of each in the file "
        "(--duplicates mean, sum or error to do otherwise)",
    )
    arrays = ([1, 1, 1, 2, 2], ["a"] * 5, [1, 2, 3, 4, 5])
    assert (
        "2 duplicate (user, item) pairs: kept the mean of each, 3 rows dropped"
        in (Ratings.from_arrays(*arrays, duplicates="mean").notes[0])
    )


def test_duplicates_can_be_an_error_that_shows_the_first():
    arrays = ([1, 2, 2, 1, 2], ["a", "a", "b", "a", "b"], [1, 2, 3, 4, 5])
    with pytest.raises(
        DataError, match=r"2 duplicate .* the first: arrays, row 4, repeats .* row 1"
    ):
        Ratings.from_arrays(*arrays, duplicates="error")
    with pytest.raises(
        ParameterError, match="duplicates is 'first', but it must be one of last, mean"
    ):
        Ratings.from_arrays(*arrays, duplicates="first")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([1], [2, 3], [4]), "the arrays differ in length: 1, 2, 1"),
        (([], [], []), "no ratings"),
        (([1, None], [2, 3], [4, 5]), "arrays, row 2: the user id is missing"),
        (([1, 2], [2.5, 3], [4, 5]), "the item column holds double .* neither integers nor text"),
        (([1, 2], [2, 3], [4, np.nan]), "arrays, row 2: the rating is (nan|missing)"),
        (([1, 2], [2, 3], ["4", "x"]), "the rating column holds string, not numbers"),
        ((np.ones((2, 2)), [2, 3], [4, 5]), "have 2 dimensions"),
        (
            ([1, "a"], [2, 3], [4, 5]),
            "ids must be of one type: 1 comes first, and in row 2 'a'",
        ),
    ],
)
def test_arrays_that_are_no_ratings_are_refused(arrays, message):
    with pytest.raises(DataError, match=message):
        Ratings.from_arrays(*arrays)


def test_columns_outlive_the_ratings_they_came_from(tmp_path):
    frame = make_frame()
    frame.to_parquet(tmp_path / "r.parquet")
    ratings = read_ratings(tmp_path / "r.parquet")
    value, users = ratings.value, ratings.users
    del ratings
    gc.collect()
    np.testing.assert_array_equal(value, frame["rating"].to_numpy(np.float32))
    assert users.take([0])[0] == frame["userId"][0]
