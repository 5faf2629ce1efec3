"""Slow twins of fastmf.kernels.text.numbers: regular expressions and the standard library."""

import calendar
import datetime
import re
from fractions import Fraction

_INTEGER = re.compile(rb"(?:0|-?[1-9][0-9]*)(?![0-9])")
_NUMBER = re.compile(rb"-?(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++|(?![eE]))")
_DATE = re.compile(rb"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(rb"[T ]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])")


def read_integer(text: bytes) -> tuple[int, int] | None:
    """Return the canonical integer of at most 18 digits that a text begins with, and its length."""
    found = _INTEGER.match(text)
    if found is None or len(found[0].lstrip(b"-")) > 18:
        return None
    return int(found[0]), len(found[0])


def read_number(text: bytes) -> tuple[float, int] | None:
    """Return the number that a text begins with, correctly rounded, and its length."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    return float(found[0]), len(found[0])


def is_hard(text: bytes) -> bool:
    """Whether a number has more digits, or a higher power of ten, than doubles hold exactly."""
    mantissa, _, exponent = _NUMBER.match(text)[0].lstrip(b"-").lower().partition(b"e")
    whole, _, decimals = mantissa.partition(b".")
    digits = whole + decimals
    power = int(exponent or b"0") - len(decimals)
    return (
        len(digits) > 18
        or Fraction(int(digits)) >= 2**53
        or abs(power) > 22
        or len(exponent.lstrip(b"+-")) > 7
    )


def read_date(text: bytes) -> tuple[int, int] | None:
    """Return Unix seconds of the date a text begins with, and of a time behind it; the length."""
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        day = datetime.date(*(int(group) for group in found.groups()))
    except ValueError:
        return None
    seconds = calendar.timegm(day.timetuple())
    rest = text[found.end() :]
    if not rest.startswith((b"T", b" ")):
        return seconds, found.end()
    time = _TIME.match(rest)
    if time is None:
        return None
    hour, minute, second = (int(group) for group in time.groups())
    return seconds + hour * 3600 + minute * 60 + second, found.end() + time.end()
