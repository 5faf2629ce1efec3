"""The text of the Netflix Prize: a line ``movie:`` and under it a line for each rating or user."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.text.numbers import READ, read_date, read_integer
from fastmf.kernels.text.words import eight_bytes, trailing_zeros

__all__ = ["NO_MOVIE", "read_movie_ratings", "read_movie_users"]

NO_MOVIE = np.int64(-(2**63))
"""Stands for the movie before any movie was named; no id that is read is that small."""

_NEWLINE = 10
_COMMA = 44
_ZERO = 48
_COLON = 58
_DATE_BYTES = 10
_SECONDS_OF_DAY = 86_400

# Eight bytes as one number, the first lowest: what a row looks like with all its digits 0.
_ZEROS = np.uint64(0x3030303030303030)
_HEAD = np.uint64(int.from_bytes(b",0,0000-", "little"))
_TAIL = np.uint64(int.from_bytes(b"00-00\0\0\0", "little"))
_TAIL_BYTES = np.uint64(0xFFFFFFFFFF)
# Where a comma or a minus stands.
_HEAD_MARKS = np.uint64(0xFF00000000FF00FF)
_TAIL_MARKS = np.uint64(0xFF0000)
_PAST_NINE = np.uint64(0x7676767676767676)
_HIGH_BITS = np.uint64(0x8080808080808080)
_DIGIT = np.uint64(15)

# Indexed by 16 times the years since 1970, and the month; 0 days where there is no such month.
_FIRST_YEAR, _YEARS, _MONTH_SLOTS = 1970, 128, 16
_MONTHS = np.arange("1970-01", "2098-02", dtype="datetime64[M]").astype("datetime64[D]")
_of_months = np.zeros((_YEARS, _MONTH_SLOTS), np.int32)
_of_months[:, 1:13] = _MONTHS[:-1].astype(np.int32).reshape(-1, 12) - 1
_BEFORE_MONTH = _of_months.ravel()
_of_months = np.zeros((_YEARS, _MONTH_SLOTS), np.int32)
_of_months[:, 1:13] = np.diff(_MONTHS).astype(np.int32).reshape(-1, 12)
_DAYS_OF_MONTH = _of_months.ravel()


@kernel(inline="always")
def _is_blank(byte):
    """Whether a byte is a space, a tab or a carriage return."""
    return byte == 32 or byte == 9 or byte == 13  # noqa: PLR1714 - Numba is faster so


@kernel(inline="always")
def _behind_line(text, at, stop):
    """Return the position behind a line of which only blanks are left; -1 where more is left."""
    while at < stop and _is_blank(text[np.uint64(at)]):
        at += 1
    behind = np.int64(-1)
    if at >= stop:
        behind = np.int64(stop)
    elif text[np.uint64(at)] == _NEWLINE:
        behind = np.int64(at + 1)
    return behind


@kernel(inline="always")
def _skip_line(text, at, stop):
    """Return the position behind a line, and whether its last byte that is no blank is a colon."""
    last = np.uint8(0)
    while at < stop and text[np.uint64(at)] != _NEWLINE:
        if not _is_blank(text[np.uint64(at)]):
            last = text[np.uint64(at)]
        at += 1
    return min(np.int64(at + 1), np.int64(stop)), last == _COLON


@kernel(inline="always")
def _digit(word, byte):
    """Return the digit at a byte of a word whose digits are numbers."""
    return (word >> np.uint64(8 * byte)) & _DIGIT


@kernel(inline="always")
def _value(digits, count):
    """Return the number that the first 1 to 7 bytes of a word of digits make."""
    digits <<= np.uint64(64 - 8 * count)
    digits = (digits * np.uint64(1 + (10 << 8))) >> np.uint64(8)
    digits &= np.uint64(0x00FF00FF00FF00FF)
    digits = (digits * np.uint64(1 + (100 << 16))) >> np.uint64(16)
    digits &= np.uint64(0x0000FFFF0000FFFF)
    return np.int64((digits * np.uint64(1 + (10_000 << 32))) >> np.uint64(32))


@kernel
def _read_usual_rows(text, at, stop, movie, users, items, ratings, days, n_rows):
    """Read rows as long as each is written as nearly all are: 9 ns a row instead of 20.

    Users of at most seven digits, years from 1970 to 2097, no blanks but the carriage return that
    all rows have or none. Only the number of a user's digits must be known before the next row can
    be begun; whether this one was as expected is asked once, by a branch that the processor
    foresees.
    """
    carriage = np.int64(at > 1 and text[np.uint64(at - 2)] == 13)
    line_end = np.uint64(_NEWLINE << 8 | 13) if carriage else np.uint64(_NEWLINE)
    end_bytes = np.uint64(0xFFFF) if carriage else np.uint64(0xFF)
    while at + 32 <= stop and n_rows < users.size and movie != NO_MOVIE:
        user = eight_bytes(text, at) ^ _ZEROS
        others = ((user + _PAST_NINE) | user) & _HIGH_BITS
        count = np.int64(trailing_zeros(others) >> np.uint64(3))
        zeros = (user & np.uint64(0xFF)) == np.uint64(0) and count > 1
        head = eight_bytes(text, at + count) ^ _HEAD
        word = eight_bytes(text, at + count + 8)
        tail = (word ^ _TAIL) & _TAIL_BYTES
        others = ((head + _PAST_NINE) | head | (tail + _PAST_NINE) | tail) & _HIGH_BITS
        others |= (head & _HEAD_MARKS) | (tail & _TAIL_MARKS)
        others |= ((word >> np.uint64(40)) & end_bytes) ^ line_end
        rating = _digit(head, 1)
        year = _digit(head, 3) * np.uint64(1000) + _digit(head, 4) * np.uint64(100)
        year += _digit(head, 5) * np.uint64(10) + _digit(head, 6) - np.uint64(_FIRST_YEAR)
        month = _digit(tail, 0) * np.uint64(10) + _digit(tail, 1)
        day = _digit(tail, 3) * np.uint64(10) + _digit(tail, 4)
        slot = (year * np.uint64(_MONTH_SLOTS) + month) & np.uint64(_YEARS * _MONTH_SLOTS - 1)
        # What is less than 0 wraps around and is too large.
        usual = (others == np.uint64(0)) & (rating - np.uint64(1) < np.uint64(5))
        usual &= (year < np.uint64(_YEARS)) & (month < np.uint64(_MONTH_SLOTS))
        usual &= day - np.uint64(1) < np.uint64(_DAYS_OF_MONTH[slot])
        usual &= (count > 0) & (count < 8) & (not zeros)
        if not usual:
            break
        row = np.uint64(n_rows)
        users[row] = _value(user, count)
        items[row] = movie
        ratings[row] = np.uint8(rating)
        days[row] = np.int32(_BEFORE_MONTH[slot] + np.int64(day))
        n_rows += 1
        at += count + 14 + carriage
    return at, n_rows


@kernel(inline="always")
def _read_rating(text, at, stop):
    """Read ``rating,date`` and the line's end; return both and the position behind, or -1."""
    rating = np.int64(0)
    days = np.int64(0)
    behind = np.int64(-1)
    end = at + 2 + _DATE_BYTES
    if end <= stop and text[np.uint64(at + 1)] == _COMMA:
        rating = np.int64(text[np.uint64(at)]) - _ZERO
        # No time of the day: reading would not stop at the date otherwise.
        seconds, _, status = read_date(text, at + 2, end)
        if 1 <= rating <= 5 and status == READ:
            days = seconds // _SECONDS_OF_DAY
            behind = _behind_line(text, end, stop)
    return rating, days, behind


@kernel
def read_movie_ratings(
    text, at, stop, movie, skip, users, items, ratings, days, n_rows, bad, n_bad
):
    """Read lines ``movie:`` and ``user,rating,date``.

    A rating is a whole number from 1 to 5, a date is YYYY-MM-DD, ids are integers in their
    canonical form; blanks may stand at the end of a line, and blank lines are passed over.

    Parameters
    ----------
    text : (n,) uint8, read-only
        The text.
    at, stop : int64
        Start of the first line to read, and the end of the last.
    movie : int64
        Movie that lines before the first ``movie:`` belong to, or `NO_MOVIE`: those are unusable.
    skip : bool
        Whether to pass over unusable lines. An unusable ``movie:`` makes those under it unusable.
    users, items : (m,) int64, modified
        Receive raw ids from `n_rows` on.
    ratings : (m,) uint8, modified
        Receives the ratings.
    days : (m,) int32, modified
        Receives the dates, in days since 1970-01-01.
    n_rows : int64
        Rows there are already.
    bad : (b,) int64, modified
        Receives the positions of unusable lines from `n_bad` on, as many as it holds.
    n_bad : int64
        Unusable lines there are already.

    Returns
    -------
    at : int64
        `stop`; or less: the unusable line that ended reading, or the first without room.
    movie : int64
        Movie of the last line.
    n_rows, n_bad : int64
        Rows and unusable lines now.

    Notes
    -----
    Writes only to its own arguments, so calls with arrays of their own run in parallel.
    """
    while at < stop:
        # After the last row, what follows finds nothing before the stop.
        at, n_rows = _read_usual_rows(text, at, stop, movie, users, items, ratings, days, n_rows)
        behind = np.int64(-1)
        value, place = read_integer(text, at, stop)
        if 0 <= place < stop and text[np.uint64(place)] == _COMMA:
            rating, day, behind = _read_rating(text, place + 1, stop)
            if movie == NO_MOVIE:
                behind = np.int64(-1)
            if behind >= 0:
                if n_rows >= users.size:
                    break
                row = np.uint64(n_rows)
                users[row] = value
                items[row] = movie
                ratings[row] = np.uint8(rating)
                days[row] = np.int32(day)
                n_rows += 1
        elif 0 <= place < stop and text[np.uint64(place)] == _COLON:
            behind = _behind_line(text, place + 1, stop)
            if behind >= 0:
                movie = value
        else:
            behind = _behind_line(text, at, stop)
        if behind < 0:
            if n_bad < bad.size:
                bad[n_bad] = at
            n_bad += 1
            if not skip:
                break
            behind, names_movie = _skip_line(text, at, stop)
            if names_movie:
                movie = NO_MOVIE
        at = behind
    return np.int64(at), np.int64(movie), np.int64(n_rows), np.int64(n_bad)


@kernel
def read_movie_users(text, at, stop, movie, users, items, n_rows):
    """Read lines ``movie:`` and ``user`` or ``user,date``.

    Parameters
    ----------
    text : (n,) uint8, read-only
        The text.
    at, stop : int64
        Start of the first line to read, and the end of the last.
    movie : int64
        Movie that lines before the first ``movie:`` belong to, or `NO_MOVIE`: those are unusable.
    users, items : (m,) int64, modified
        Receive raw ids from `n_rows` on.
    n_rows : int64
        Rows there are already.

    Returns
    -------
    at : int64
        `stop`; or less: the first line that is unusable or without room.
    movie : int64
        Movie of the last line.
    n_rows : int64
        Rows now.

    Notes
    -----
    Writes only to its own arguments, so calls with arrays of their own run in parallel.
    """
    while at < stop:
        behind = np.int64(-1)
        value, place = read_integer(text, at, stop)
        if 0 <= place < stop and text[np.uint64(place)] == _COLON:
            behind = _behind_line(text, place + 1, stop)
            if behind >= 0:
                movie = value
        elif place >= 0 and movie != NO_MOVIE and n_rows < users.size:
            if place < stop and text[np.uint64(place)] == _COMMA:
                _, place, _ = read_date(text, place + 1, min(place + 1 + _DATE_BYTES, stop))
            if place >= 0:
                behind = _behind_line(text, place, stop)
                users[n_rows] = value
                items[n_rows] = movie
                n_rows += np.int64(behind >= 0)
        elif place < 0:
            behind = _behind_line(text, at, stop)
        if behind < 0:
            break
        at = behind
    return np.int64(at), np.int64(movie), np.int64(n_rows)
