"""Numbers and dates in text against regular expressions and the standard library."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastmf.kernels.text.numbers import (
    HARD,
    READ,
    UNREADABLE,
    read_date,
    read_integer,
    read_number,
)
from tests.reference.text import numbers as reference

AROUND = st.text(st.sampled_from("0123456789-+.eE,: T\n"), max_size=12)
WRITTEN = (
    st.integers(-(10**19), 10**19).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.decimals(-100, 100, places=3).map(str)
    | st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds"))
    | st.dates().map(str)
    | AROUND
)


def words(written: str, before: str, after: str) -> tuple[np.ndarray, np.int64, np.int64]:
    """Put a text between others that no word may take for part of it."""
    text = np.frombuffer((before + written + after).encode(), np.uint8)
    return text, np.int64(len(before)), np.int64(len(before) + len(written))


@settings(deadline=None, max_examples=500)
@given(WRITTEN, AROUND, AROUND)
@example("12345678", "9", "9")
@example("123456789012345678", "", "")
@example("1234567890123456789", "", "")
def test_integers_are_read_in_their_canonical_form_alone(written, before, after):
    text, at, stop = words(written, before, after)
    value, next_at = read_integer(text, at, stop)
    expected = reference.read_integer(written.encode())
    assert (None if next_at < 0 else (value, next_at - at)) == expected


@settings(deadline=None, max_examples=1000)
@given(WRITTEN, AROUND, AROUND)
@example("1e00000001", "", "")
@example("1e000000001", "", "")
@example("9007199254740993", "", "")
@example("-0", "", "")
@example("12345678.12345678", "", "")
@example("0.1234567890123456789", "", "")
def test_numbers_are_rounded_correctly_or_left(written, before, after):
    text, at, stop = words(written, before, after)
    value, next_at, status = read_number(text, at, stop)
    expected = reference.read_number(written.encode())
    if status == READ:
        assert (value, next_at - at) == expected
        assert math.copysign(1, value) == math.copysign(1, expected[0])
    else:
        assert next_at == -1
        hard = expected is not None and reference.is_hard(written.encode())
        assert status == (HARD if hard else UNREADABLE)
        assert hard or expected is None


@settings(deadline=None, max_examples=500)
@given(WRITTEN, AROUND, AROUND)
@example("2005-02-29", "", "")
@example("2004-02-29 23:59:59", "", "")
@example("1900-02-29", "", "")
@example("2000-02-29", "1", "1")
@example("2000-02-29T1", "", "2:13:14")
def test_dates_are_those_of_the_calendar(written, before, after):
    text, at, stop = words(written, before, after)
    value, next_at, status = read_date(text, at, stop)
    expected = reference.read_date(written.encode())
    assert (None if status != READ else (value, next_at - at)) == expected
    assert status in (READ, UNREADABLE)


@pytest.mark.parametrize("word", [read_integer, read_number, read_date])
@pytest.mark.parametrize("at", [0, 3])
def test_nothing_is_read_where_nothing_is(word, at):
    text = np.frombuffer(b"123", np.uint8)
    value, next_at, *_ = word(text, np.int64(at), np.int64(at))
    assert (value, next_at) == (0, -1)
