"""Lines of the Netflix Prize, against expressions for them."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastmf.kernels.text.netflix import NO_MOVIE, read_movie_ratings, read_movie_users
from tests.reference.text import netflix as reference

LINE = st.one_of(
    st.sampled_from(
        [
            "1:", "17770:", "-3:", "007:", "2: \r", "x:", "1:2", ":", "", " ", "\r",
            "6,3,2005-09-06", "2649429,5,1999-11-11\r", "6,3,2005-09-06 \t", "6,3,2005-02-29",
            "6,3,2004-02-29", "6,0,2005-09-06", "6,6,2005-09-06", "6,3.5,2005-09-06", "6,3",
            "6,3,2005-09-06,7", "6, 3,2005-09-06", "6,3,2005-09-06T00:00:00", "-6,1,2000-01-01",
            "06,3,2005-09-06", "6,3,2005-9-6", "99999999999999999999,3,2005-09-06", "6", "6,",
            "6,2005-09-06", "6,2005-09-06 10:20:30", "\0", "é,3,2005-09-06", "6,3,2005-09-0",
        ]
    ),
    st.text(st.sampled_from("016,:-2 \r"), max_size=16),
)  # fmt: skip
TEXT = st.lists(LINE, max_size=12).map("\n".join)


def array(text: bytes) -> np.ndarray:
    data = np.frombuffer(text, np.uint8)
    return data


def ratings_of(text: bytes, movie: int, skip: bool, room: int = 20, start: int = 0):
    columns = [np.zeros(room, kind) for kind in (np.int64, np.int64, np.uint8, np.int32)]
    bad = np.zeros(3, np.int64)
    at, movie, n_rows, n_bad = read_movie_ratings(
        array(text), np.int64(start), np.int64(len(text)), np.int64(movie), skip,
        *columns, np.int64(0), bad, np.int64(0),
    )  # fmt: skip
    rows = list(zip(*(column[:n_rows].tolist() for column in columns), strict=True))
    return rows, n_bad, bad[: min(n_bad, 3)].tolist(), movie, at


@settings(deadline=None, max_examples=400)
@given(TEXT, st.booleans(), st.booleans())
@example("x:\n6,3,2005-09-06\n2:\n6,3,2005-09-06", True, True)
def test_ratings_are_what_expressions_find(text, skip, begun):
    data = text.encode()
    movie = 7 if begun else None
    rows, bad, last = reference.read_movie_ratings(data, movie, skip)
    found, n_bad, places, found_last, at = ratings_of(data, movie or NO_MOVIE, skip)
    assert found == rows
    assert n_bad == len(bad)
    assert places == bad[:3]
    assert at == (bad[0] if bad and not skip else len(data))
    if skip:
        assert found_last == (NO_MOVIE if last is None else last)


@settings(deadline=None, max_examples=300)
@given(TEXT, st.booleans())
def test_users_are_what_expressions_find(text, begun):
    data = text.encode()
    rows, bad, _ = reference.read_movie_users(data, 7 if begun else None)
    users, items = np.zeros(20, np.int64), np.zeros(20, np.int64)
    movie = np.int64(7) if begun else NO_MOVIE
    at, _, n_rows = read_movie_users(
        array(data), np.int64(0), np.int64(len(data)), movie, users, items, np.int64(0)
    )
    assert list(zip(users[:n_rows].tolist(), items[:n_rows].tolist(), strict=True)) == rows
    assert at == (len(data) if bad is None else bad)


def test_reading_stops_where_there_is_no_room_and_goes_on_from_there():
    text = b"1:\n6,3,2005-09-06\n7,4,2005-09-07\n2:\n8,5,2005-09-08\n"
    rows, n_bad, _, movie, at = ratings_of(text, NO_MOVIE, False, room=1)
    assert (rows, n_bad, movie) == ([(6, 1, 3, 13032)], 0, 1)
    assert text[at:].startswith(b"7,4")
    rows, _, _, movie, at = ratings_of(text, movie, False, start=at)
    assert [row[:3] for row in rows] == [(7, 1, 4), (8, 2, 5)]
    assert at == len(text)


@pytest.mark.parametrize("cut", range(4, 17))
def test_nothing_behind_the_end_is_read(cut):
    text = b"1:\n6,3,2005-09-06\n"
    whole = ratings_of(text, NO_MOVIE, True)
    columns = [np.zeros(3, kind) for kind in (np.int64, np.int64, np.uint8, np.int32)]
    _, _, n_rows, n_bad = read_movie_ratings(
        array(text), np.int64(0), np.int64(cut), NO_MOVIE, True,
        *columns, np.int64(0), np.zeros(3, np.int64), np.int64(0),
    )  # fmt: skip
    assert (n_rows, n_bad) == ((1, 0) if cut == 17 else (0, 1))
    assert len(whole[0]) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), change=st.none() | st.tuples(st.integers(0, 999), LINE))
def test_many_usual_rows_with_an_unusual_one_among_them(end, seed, change):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 10 ** rng.integers(1, 10, 40))
    dates = rng.integers(-4000, 60000, 40).astype("datetime64[D]")
    lines = [f"{u},{r},{d}" for u, r, d in zip(users, rng.integers(1, 6, 40), dates, strict=True)]
    if change is not None:
        lines[change[0] % 40] = change[1]
    text = "".join(line + end for line in lines).encode()
    rows, bad, _ = reference.read_movie_ratings(text, 7, True)
    found, n_bad, places, _, _ = ratings_of(text, 7, True, room=50)
    assert found == rows
    assert (n_bad, places) == (len(bad), bad[:3])


def test_every_day_of_a_calendar_is_right():
    days = np.arange("1968-01-01", "2101-01-01", dtype="datetime64[D]")
    text = "".join(f"7,3,{day}\n" for day in days).encode()
    found, n_bad, *_ = ratings_of(text, 1, False, room=days.size)
    assert n_bad == 0
    assert [row[3] for row in found] == days.astype(int).tolist()


@pytest.mark.parametrize("month", range(0, 20))
def test_no_day_is_made_up(month):
    for year in (1999, 2000, 2100):
        for day in (0, 1, 28, 29, 30, 31, 32, 99):
            text = f"7,3,{year}-{month:02d}-{day:02d}\n".encode() * 3
            exists = reference.days(text[4:14]) is not None
            assert len(ratings_of(text, 1, True)[0]) == (3 if exists else 0)
