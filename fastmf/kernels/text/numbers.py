"""Numbers and dates in text: the words that parsers of text are written in.

Digits are read eight at a time: eight bytes are one 64-bit word, the length of a run of digits is
told by the position of a bit, and three multiplications turn up to eight digits into a number,
without a loop and without a branch for each digit (Langdale and Lemire 2019, "Parsing gigabytes of
JSON per second", section 3; Mula and Lemire's published code for eight digits).

Nothing is raised: what a word does not read is told by a status, and the caller decides whether to
give the text to a slower parser. Every position counts bytes of `text`; no byte at or past `stop`
is taken for part of a number.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.text.words import WORD_BYTES, eight_bytes, trailing_zeros

__all__ = [
    "HARD",
    "READ",
    "UNREADABLE",
    "read_date",
    "read_integer",
    "read_number",
]

READ = np.int64(0)
"""The value is what the text says."""

HARD = np.int64(1)
"""The text may be such a value, but takes a slower parser to read."""

UNREADABLE = np.int64(2)
"""The text is no such value."""

_MOST_DIGITS = 18  # as many as always fit an int64
_MINUS = 45
_PLUS = 43
_POINT = 46
_ZERO = 48
_NINE = 57

# Bytes of a word are its text from the lowest on.
_ZEROS = np.uint64(0x3030303030303030)
_PAST_NINE = np.uint64(0x7676767676767676)
_HIGH_BITS = np.uint64(0x8080808080808080)

# 10**22 is the largest power of ten that a double holds exactly.
_POWERS = np.array([float(10**power) for power in range(23)])
_WHOLE_POWERS = np.array([10**power for power in range(_MOST_DIGITS + 1)], np.int64)
_EXACT = np.int64(1 << 53)
_FAR = np.int64(1 << 20)

_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_DATE_BYTES = 10
_DATE_TIME_BYTES = 19


@kernel(forceinline=True, _nrt=False)
def _up_to_eight_digits(text, at, stop):
    """Read a run of at most eight digits; return its value and their number, maybe 0."""
    digits = eight_bytes(text, at) ^ _ZEROS
    # A byte above nine sets its high bit. A carry out of a byte only reaches those behind it.
    others = ((digits + _PAST_NINE) | digits) & _HIGH_BITS
    count = min(np.int64(trailing_zeros(others) >> np.uint64(3)), stop - at)
    value = np.int64(0)
    if count > 0:
        # Digits move up, so that what stands before them are zeros.
        digits <<= np.uint64(8 * (WORD_BYTES - count))
        digits = (digits * np.uint64(1 + (10 << 8))) >> np.uint64(8)
        digits &= np.uint64(0x00FF00FF00FF00FF)
        digits = (digits * np.uint64(1 + (100 << 16))) >> np.uint64(16)
        digits &= np.uint64(0x0000FFFF0000FFFF)
        value = np.int64((digits * np.uint64(1 + (10_000 << 32))) >> np.uint64(32))
    return value, count


@kernel(forceinline=True, _nrt=False)
def _more_digits(text, at, stop, value, count):
    """Go on behind a run of eight digits; a count above `_MOST_DIGITS` means that some are left."""
    more = np.int64(WORD_BYTES)
    while more == WORD_BYTES and count <= _MOST_DIGITS:
        part, more = _up_to_eight_digits(text, at + count, stop)
        count += more
        if count <= _MOST_DIGITS:
            value = value * _WHOLE_POWERS[np.uint64(more)] + part
    return value, count


@kernel(forceinline=True, _nrt=False)
def _read_digits(text, at, stop):
    """Read a run of digits; return its value, right up to `_MOST_DIGITS`, and their number."""
    value, count = _up_to_eight_digits(text, at, stop)
    if count == WORD_BYTES:
        value, count = _more_digits(text, at, stop, value, count)
    return value, count


@kernel(forceinline=True, _nrt=False)
def read_integer(text, at, stop):
    """Read an integer in its canonical form: an optional minus, no zero or plus before the digits.

    Two texts of one integer, such as 7 and 007, can be two ids: only one of them is read.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Where it stands.
    at, stop : int64
        First byte, and the end of what may be read, at most n.

    Returns
    -------
    value : int64
    next_at : int64
        Position behind the last digit; -1 where there is no such integer of at most 18 digits.
    """
    value = np.int64(0)
    next_at = np.int64(-1)
    if at < stop:
        negative = np.int64(text[np.uint64(at)] == _MINUS)
        begin = at + negative
        value, count = _read_digits(text, begin, stop)
        if 0 < count <= _MOST_DIGITS:
            superfluous = text[np.uint64(begin)] == _ZERO and count + negative > 1
            next_at = np.int64(-1) if superfluous else begin + count
        if negative:
            value = -value
    return value, next_at


@kernel(forceinline=True, _nrt=False)
def _read_exponent(text, at, stop):
    """Read an exponent where an e is; return it and the position behind it, -1 without digits."""
    exponent = np.int64(0)
    if at < stop and (text[np.uint64(at)] | np.uint8(32)) == 101:
        at += 1
        negative = at < stop and text[np.uint64(at)] == _MINUS
        if negative or (at < stop and text[np.uint64(at)] == _PLUS):
            at += 1
        exponent, count = _up_to_eight_digits(text, at, stop)
        # Eight digits, and maybe more that were not read, are too many for a double anyway.
        exponent = _FAR if count == WORD_BYTES else exponent
        exponent = -exponent if negative else exponent
        at = at + count if count > 0 else np.int64(-1)
    return exponent, at


@kernel(forceinline=True, _nrt=False)
def _scaled(mantissa, power):
    """Return mantissa * 10**power, rounded once, for powers from -22 to 22."""
    value = np.float64(mantissa)
    if power < 0:
        value /= _POWERS[np.uint64(-power)]
    elif power > 0:
        value *= _POWERS[np.uint64(power)]
    return value


@kernel(forceinline=True, _nrt=False)
def read_number(text, at, stop):
    """Read a decimal number as the double nearest to it.

    An optional minus, digits with an optional point among, before or behind them, an optional
    exponent. Where the digits, at most 18, make a whole number below 2**53 and the power of ten is
    at most 22, both are exact doubles and one multiplication or division rounds once (Clinger 1990,
    "How to read floating point numbers accurately", section 3). All else is `HARD`.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Where it stands.
    at, stop : int64
        First byte, and the end of what may be read, at most n.

    Returns
    -------
    value : float64
    next_at : int64
        Position behind the number; -1 unless it was read.
    status : int64
        `READ`, `HARD` or `UNREADABLE`.
    """
    value = np.float64(0.0)
    next_at = np.int64(-1)
    status = UNREADABLE
    if at < stop:
        negative = text[np.uint64(at)] == _MINUS
        place = at + np.int64(negative)
        mantissa, count = _read_digits(text, place, stop)
        place += count
        power = np.int64(0)
        if place < stop and text[np.uint64(place)] == _POINT:
            decimals, n_decimals = _read_digits(text, place + 1, stop)
            place += 1 + n_decimals
            count += n_decimals
            if count <= _MOST_DIGITS:
                mantissa = mantissa * _WHOLE_POWERS[np.uint64(n_decimals)] + decimals
                power = -n_decimals
        exponent, place = _read_exponent(text, place, stop)
        power += exponent
        if count > 0 and place >= 0:
            status = HARD
            if count <= _MOST_DIGITS and mantissa < _EXACT and abs(power) <= 22:
                status = READ
                next_at = place
                value = _scaled(mantissa, power)
                value = -value if negative else value
    return value, next_at, status


@kernel(forceinline=True, _nrt=False)
def _two_digits(text, at):
    """Return the number that two digits make; 100 or more where one is none."""
    tens = np.int64(text[np.uint64(at)]) - _ZERO
    ones = np.int64(text[np.uint64(at + 1)]) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else np.int64(10_000)


@kernel(forceinline=True, _nrt=False)
def _days_since_1970(year, month, day):
    """Count days in the Gregorian calendar, years beginning in March; year 1 or later."""
    years = year - np.int64(month <= 2)
    century = years // 100
    month_from_march = (month + 9) % 12
    days = years * 365 + years // 4 - century + century // 4
    return days + (153 * month_from_march + 2) // 5 + day - 1 - 719_468


@kernel(forceinline=True, _nrt=False)
def _is_day(year, month, day):
    """Whether there is such a day, from the year 1 to the year 9999."""
    valid = 1 <= year <= 9999 and 1 <= month <= 12
    if valid:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        last = _MONTH_DAYS[np.uint64(month - 1)] + np.int64(leap and month == 2)
        valid = 1 <= day <= last
    return valid


@kernel(forceinline=True, _nrt=False)
def read_date(text, at, stop):
    """Read YYYY-MM-DD, or that with a T or a space and HH:MM:SS behind it, as universal time.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Where it stands.
    at, stop : int64
        First byte, and the end of what may be read, at most n.

    Returns
    -------
    seconds : int64
        Since 1970-01-01 00:00:00.
    next_at : int64
        Position behind the date, 10 or 19 bytes after `at`; -1 unless it was read.
    status : int64
        `READ`; or `UNREADABLE`, also where a time of the day is not as above.
    """
    seconds = np.int64(0)
    next_at = np.int64(-1)
    status = UNREADABLE
    if at + _DATE_BYTES <= stop and text[np.uint64(at + 4)] == text[np.uint64(at + 7)] == _MINUS:
        year = _two_digits(text, at) * 100 + _two_digits(text, at + 2)
        month = _two_digits(text, at + 5)
        day = _two_digits(text, at + 8)
        if _is_day(year, month, day):
            seconds = _days_since_1970(year, month, day) * 86_400
            next_at = at + _DATE_BYTES
            status = READ
    if (
        status == READ
        and next_at < stop
        and (text[np.uint64(next_at)] == 84 or text[np.uint64(next_at)] == 32)
    ):
        status = UNREADABLE
        next_at = np.int64(-1)
        if (
            at + _DATE_TIME_BYTES <= stop
            and text[np.uint64(at + 13)] == 58
            and text[np.uint64(at + 16)] == 58
        ):
            hour = _two_digits(text, at + 11)
            minute = _two_digits(text, at + 14)
            second = _two_digits(text, at + 17)
            if hour < 24 and minute < 60 and second < 60:
                seconds += hour * 3600 + minute * 60 + second
                next_at = at + _DATE_TIME_BYTES
                status = READ
    return seconds, next_at, status
