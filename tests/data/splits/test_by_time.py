"""Holding out the latest ratings, against sorting."""

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf import Ratings, random_split, time_split
from fastmf.data.splits import unix_seconds
from fastmf.errors import DataError, ParameterError
from tests.data.splits.parts import make_ratings, parted

TIMES = st.one_of(
    st.lists(st.integers(-5, 5), min_size=2, max_size=80),
    st.lists(st.integers(-(10**10), 10**10), min_size=2, max_size=80),
    st.lists(st.sampled_from([0, 1, 65_535, 65_536, 65_537, 2**32, 2**36]), min_size=2),
)


def timed(times):
    return Ratings.from_arrays(np.arange(len(times)), np.arange(len(times)), times, times)


def rows_of(view):
    return np.flatnonzero(np.unpackbits(view.selected_rows, bitorder="little"))


@settings(deadline=None, max_examples=150)
@given(TIMES, st.floats(0.01, 0.99))
def test_a_fraction_has_its_exact_size_and_holds_the_latest(times, fraction):
    ratings = timed(times)
    n = round(fraction * len(times))
    if n in (0, len(times)):
        with pytest.raises(ParameterError, match=r"holds out (nothing|everything)"):
            time_split(ratings, fraction)
        return
    train, held_out = time_split(ratings, fraction)
    parted(ratings, train, held_out)
    latest = sorted(range(len(times)), key=lambda row: (times[row], row))[-n:]
    assert rows_of(held_out).tolist() == sorted(latest)


@settings(deadline=None, max_examples=60)
@given(TIMES, st.integers(-6, 6))
def test_since_a_time(times, since):
    ratings = timed(times)
    expected = [row for row, time in enumerate(times) if time >= since]
    if len(expected) in (0, len(times)):
        with pytest.raises(ParameterError, match=r"since .* holds out (nothing|everything)"):
            time_split(ratings, since=since)
        return
    train, held_out = time_split(ratings, since=since)
    parted(ratings, train, held_out)
    assert rows_of(held_out).tolist() == expected


@pytest.mark.parametrize("n_times", [1, 50, 10**9])
def test_more_rows_than_a_range_and_any_number_of_threads(n_times):
    ratings = make_ratings(300_000, n_users=5000, n_items=4000, n_times=n_times)
    n = round(0.3 * len(ratings))
    expected = np.sort(np.lexsort((np.arange(len(ratings)), ratings.time))[-n:])
    for threads in (1, 3):
        _, held_out = time_split(ratings, 0.3, num_threads=threads)
        np.testing.assert_array_equal(rows_of(held_out), expected)


def test_a_selection_is_split_within_itself():
    chosen, _ = random_split(make_ratings(2000, n_times=20), 0.5)
    train, held_out = time_split(chosen, 0.25)
    parted(chosen, train, held_out)
    assert len(held_out) == round(0.25 * len(chosen))
    assert train.time.max() <= held_out.time.min()


def test_known_users_and_items_only():
    ratings = make_ratings(300)
    train, held_out = time_split(ratings, 0.5, keep_known=True)
    parted(ratings, train, held_out)
    assert set(held_out.item_index) <= set(train.item_index)
    assert len(held_out) < 150
    assert "went back to it" in held_out.notes[-1]


UTC_PLUS_1 = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (1_117_584_000, 1_117_584_000),
        (np.int64(5), 5),
        ("2005-06-01", 1_117_584_000),
        (" 2005-06-01 12:30", 1_117_629_000),
        ("2005-06-01T01:00:00+01:00", 1_117_584_000),
        (datetime.date(2005, 6, 1), 1_117_584_000),
        (datetime.datetime(2005, 6, 1, 1, tzinfo=UTC_PLUS_1), 1_117_584_000),
        (np.datetime64("2005-06-01"), 1_117_584_000),
        (np.datetime64("1969-12-31T23:59:59.5"), -1),
    ],
    ids=str,
)
def test_moments(moment, seconds):
    assert unix_seconds(moment) == seconds


@pytest.mark.parametrize("moment", ["yesterday", "", None, 1.5, True, np.datetime64("NaT")])
def test_what_is_no_date_is_refused(moment):
    with pytest.raises(ParameterError, match="is no date; write it like 2005-06-01"):
        unix_seconds(moment)


def test_a_date_outside_the_data_names_its_dates():
    ratings = timed([0, 86_400])
    for since, side in (("1999-12-31", "nothing"), ("1950-01-01", "everything")):
        message = f"since {since} .*1970-01-01.*1970-01-02.* of 2 ratings holds out {side}"
        with pytest.raises(ParameterError, match=message):
            time_split(ratings, since=since)


def test_without_times_there_is_nothing_to_split_by():
    ratings = Ratings.from_arrays([1, 2], [1, 2], [1, 2])
    with pytest.raises(DataError, match=r"no times to split by; name their column .*--time-col"):
        time_split(ratings, 0.5)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "give either fraction or since"),
        ({"fraction": 0.1, "since": 5}, "give either fraction or since"),
        ({"fraction": 2}, "is 2, but it must lie between 0 and 1"),
        ({"since": "soon"}, "'soon' is no date"),
    ],
)
def test_what_means_nothing_is_refused(options, complaint):
    with pytest.raises(ParameterError, match=complaint):
        time_split(timed([1, 2, 3]), **options)
