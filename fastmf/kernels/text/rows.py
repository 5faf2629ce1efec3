"""Ratings as lines of text: what writes the layouts that the readers read."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["LONGEST_LINE", "write_delimited_rows", "write_movie_rows"]

LONGEST_LINE = 96
"""Bytes that no line takes more of, with separators of at most two bytes."""

_ZERO = 48
_NEWLINE = np.uint8(10)
_COMMA = np.uint8(44)
_MINUS = np.uint8(45)
_POINT = np.uint8(46)
_COLON = np.uint8(58)
_SECONDS_OF_DAY = np.int64(86_400)
_DECIMALS = 7


@kernel(inline="always")
def _write_integer(text, at, value):
    """Write a whole number of 0 or more; return the position behind it."""
    length = np.int64(1)
    power = np.int64(10)
    while length < 18 and value >= power:
        power *= 10
        length += 1
    rest = np.int64(value)
    for place in range(at + length - 1, at - 1, -1):
        digit = rest % 10
        text[np.uint64(place)] = np.uint8(_ZERO + digit)
        rest //= 10
    return at + length


@kernel(inline="always")
def _write_padded(text, at, value, length):
    """Write a whole number with zeros before it; return the position behind it."""
    rest = np.int64(value)
    for place in range(at + length - 1, at - 1, -1):
        text[np.uint64(place)] = np.uint8(_ZERO + rest % 10)
        rest //= 10
    return at + length


@kernel(inline="always")
def _write_date(text, at, days):
    """Write a day since 1970-01-01 as YYYY-MM-DD; return the position behind it.

    Years begin in March (E. G. Richards, "Mapping time", 1998, chapter 25); 1970 or later.
    """
    shifted = np.int64(days) + 719_468
    century = (4 * shifted + 3) // 146_097
    of_century = shifted - 146_097 * century // 4
    year = (4 * of_century + 3) // 1461
    of_year = of_century - 1461 * year // 4
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    number = month + 3 if month < 10 else month - 9
    at = _write_padded(text, at, 100 * century + year + (number <= 2), 4)
    text[np.uint64(at)] = _MINUS
    at = _write_padded(text, at + 1, number, 2)
    text[np.uint64(at)] = _MINUS
    return _write_padded(text, at + 1, day, 2)


@kernel(inline="always")
def _write_rating(text, at, rating):
    """Write a rating of 1 to 5, with seven decimals unless it is whole.

    As many decimals tell all float32 numbers from 1 on apart: reading gives the same bits.
    """
    whole = np.int64(rating)
    if np.float32(whole) == rating:
        return _write_integer(text, at, whole)
    scaled = np.int64(np.float64(rating) * 1e7 + 0.5)
    at = _write_integer(text, at, scaled // 10_000_000)
    text[np.uint64(at)] = _POINT
    return _write_padded(text, at + 1, scaled % 10_000_000, _DECIMALS)


@kernel(inline="always")
def _write_bytes(text, at, written):
    """Copy bytes; return the position behind them."""
    for place in range(written.size):
        text[np.uint64(at + place)] = written[np.uint64(place)]
    return at + written.size


@kernel
def write_delimited_rows(users, items, ratings, days, separator, time, text):
    """Write lines of user, item, rating and maybe a time.

    Parameters
    ----------
    users, items : (m,) int32, read-only
        Ids, 0 or more.
    ratings : (m,) float32, read-only
        From 1 to 5; with seven decimals unless whole.
    days : (m,) int32, read-only
        Days since 1970-01-01, 0 or more.
    separator : (s,) uint8, read-only
        One or two bytes.
    time : int64
        0 for none, 1 for Unix seconds of the day's beginning, 2 for YYYY-MM-DD.
    text : (n,) uint8, modified
        Receives the lines; `LONGEST_LINE` bytes a row are enough.

    Returns
    -------
    int64
        Bytes written.
    """
    at = np.int64(0)
    for row in range(users.size):
        at = _write_integer(text, at, users[row])
        at = _write_bytes(text, at, separator)
        at = _write_integer(text, at, items[row])
        at = _write_bytes(text, at, separator)
        at = _write_rating(text, at, ratings[row])
        if time > 0:
            at = _write_bytes(text, at, separator)
            if time == 1:
                at = _write_integer(text, at, np.int64(days[row]) * _SECONDS_OF_DAY)
            else:
                at = _write_date(text, at, days[row])
        text[np.uint64(at)] = _NEWLINE
        at += 1
    return at


@kernel
def write_movie_rows(users, items, ratings, days, movie, text):
    """Write lines ``user,rating,date``, and a line ``movie:`` wherever another one begins.

    Parameters
    ----------
    users, items : (m,) int32, read-only
        Ids, 0 or more.
    ratings : (m,) float32, read-only
        From 1 to 5; with seven decimals unless whole.
    days : (m,) int32, read-only
        Days since 1970-01-01, 0 or more.
    movie : int64
        The movie of the line before; -1 before the first.
    text : (n,) uint8, modified
        Receives the lines; `LONGEST_LINE` bytes a row are enough.

    Returns
    -------
    at : int64
        Bytes written.
    movie : int64
        The movie of the last line.
    """
    at = np.int64(0)
    movie = np.int64(movie)
    for row in range(users.size):
        if items[row] != movie:
            movie = np.int64(items[row])
            at = _write_integer(text, at, movie)
            text[np.uint64(at)] = _COLON
            text[np.uint64(at + 1)] = _NEWLINE
            at += 2
        at = _write_integer(text, at, users[row])
        text[np.uint64(at)] = _COMMA
        at = _write_rating(text, at + 1, ratings[row])
        text[np.uint64(at)] = _COMMA
        at = _write_date(text, at + 1, days[row])
        text[np.uint64(at)] = _NEWLINE
        at += 1
    return at, movie
