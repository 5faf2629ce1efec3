"""Rows as text, against Python's own formatting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.text.rows import LONGEST_LINE, write_delimited_rows, write_movie_rows
from tests.reference.text import rows as reference

LARGEST = 2**31 - 1
ROW = st.tuples(
    st.integers(0, LARGEST),
    st.integers(0, LARGEST) | st.integers(1, 3),
    st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]) | st.floats(1, 5, width=32),
    st.integers(0, 2932896),
)
ROWS = st.lists(ROW, min_size=1, max_size=20)


def columns(rows):
    kinds = (np.int32, np.int32, np.float32, np.int32)
    return [
        frozen(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]


@settings(deadline=None, max_examples=200)
@given(ROWS, st.sampled_from([",", "::", "\t"]), st.integers(0, 2))
def test_delimited_rows_are_what_python_formats(rows, separator, time):
    table = columns(rows)
    text = np.zeros(LONGEST_LINE * len(rows), np.uint8)
    between = frozen(np.frombuffer(separator.encode(), np.uint8))
    n_bytes = write_delimited_rows(*table, between, np.int64(time), text)
    expected = reference.write_delimited_rows(*table, separator, time)
    assert text[:n_bytes].tobytes().decode() == expected
    read = [np.float32(line.split(separator)[2]) for line in expected.splitlines()]
    assert read == table[2].tolist()  # the decimals tell the very number


@settings(deadline=None, max_examples=200)
@given(ROWS, st.sampled_from([-1, 1, 2]))
def test_movies_stand_above_their_rows(rows, movie):
    table = columns(rows)
    text = np.zeros(LONGEST_LINE * len(rows), np.uint8)
    n_bytes, last = write_movie_rows(*table, np.int64(movie), text)
    assert text[:n_bytes].tobytes().decode() == reference.write_movie_rows(*table, movie)
    assert last == rows[-1][1]


@pytest.mark.parametrize("day", [0, 59, 60, 789, 11016, 11017, 11381, 13148, 2932896])
def test_days_at_the_ends_of_months_and_centuries(day):
    table = columns([(1, 1, 1.0, day)])
    text = np.zeros(LONGEST_LINE, np.uint8)
    n_bytes, _ = write_movie_rows(*table, np.int64(1), text)
    assert text[:n_bytes].tobytes() == f"1,1,{reference.date_text(day)}\n".encode()
