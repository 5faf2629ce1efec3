"""Lines of delimited text, parsed at once into columns.

For the flags of the kernels see `fastmf.kernels.text.words`.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.text.numbers import read_date, read_integer, read_number
from fastmf.kernels.text.words import eight_bytes, trailing_zeros

__all__ = [
    "DATE",
    "DOUBLED",
    "INTEGER",
    "NUMBER",
    "RUNS",
    "SINGLE",
    "SKIPPED",
    "TEXT",
    "parse_columns",
]

SKIPPED, INTEGER, NUMBER, DATE, TEXT = (np.uint8(kind) for kind in range(5))
SINGLE, DOUBLED, RUNS = (np.uint8(style) for style in range(3))

_LINE_FEED = np.uint8(10)
_RETURN = np.uint8(13)
_TAB = np.uint8(9)
_SPACE = np.uint8(32)
_QUOTE = np.uint8(34)
_MISSING = np.array(
    [
        int.from_bytes(word, "little")
        for word in (b"NA", b"N/A", b"NULL", b"null", b"NaN", b"nan", b"None")
    ],
    np.uint64,
)

_ONES = np.uint64(0x0101010101010101)
_HIGH_BITS = np.uint64(0x8080808080808080)
_CONTROLS = np.uint64(0x2020202020202020)


@kernel(forceinline=True, _nrt=False)
def _letters(word, separator):
    """Count the bytes, from the lowest, before a separator or a control byte; at most 8."""
    parted = word ^ (np.uint64(separator) * _ONES)
    # Borrows only reach bytes above the first one found.
    found = ((parted - _ONES) & ~parted) | ((word - _CONTROLS) & ~word)
    return np.int64(trailing_zeros(found & _HIGH_BITS) >> np.uint64(3))


@kernel(forceinline=True, _nrt=False)
def _text_end(text, at, stop, separator, style):
    """Find where a field that begins at `at` ends; -1 where a slower parser must look."""
    if at < stop and text[np.uint64(at)] == _QUOTE:
        return np.int64(-1)
    end = at
    while True:
        end += _letters(eight_bytes(text, end), separator)
        if end >= stop:
            return stop
        byte = text[np.uint64(end)]
        if byte == separator:
            if style != DOUBLED or (end + 1 < stop and text[np.uint64(end + 1)] == separator):
                return end
            end += 1
        elif byte < _SPACE:
            if byte == _TAB and style != RUNS:
                return np.int64(-1)
            return end if _TAB <= byte <= _RETURN else np.int64(-1)


@kernel(forceinline=True, _nrt=False)
def _is_missing(text, at, end):
    """Whether a field is one of the words that stand for no value, or may be of blanks alone."""
    length = end - at
    missing = length == 0 or text[np.uint64(at)] == _SPACE
    if 2 <= length <= 4:
        word = eight_bytes(text, at) & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))
        for place in range(_MISSING.size):
            missing = missing or word == _MISSING[place]
    return missing


@kernel(forceinline=True, _nrt=False)
def _copy(text, at, end, letters, slot, to):
    """Copy bytes eight at a time; up to seven more are written behind them."""
    while at < end:
        word = eight_bytes(text, at)
        letters[slot, to] = np.uint8(word)
        letters[slot, to + 1] = np.uint8(word >> np.uint64(8))
        letters[slot, to + 2] = np.uint8(word >> np.uint64(16))
        letters[slot, to + 3] = np.uint8(word >> np.uint64(24))
        letters[slot, to + 4] = np.uint8(word >> np.uint64(32))
        letters[slot, to + 5] = np.uint8(word >> np.uint64(40))
        letters[slot, to + 6] = np.uint8(word >> np.uint64(48))
        letters[slot, to + 7] = np.uint8(word >> np.uint64(56))
        at += 8
        to += 8


@kernel(forceinline=True, _nrt=False)
def _behind_blanks(text, at, stop):
    """Return the position behind spaces and tabs."""
    while at < stop and (text[np.uint64(at)] == _SPACE or text[np.uint64(at)] == _TAB):
        at += 1
    return at


@kernel(forceinline=True, _nrt=False)
def _behind_separator(text, at, stop, separator, style):
    """Return the position behind a separator; -1 where there is none."""
    if at >= stop:
        return np.int64(-1)
    if style == RUNS:
        behind = _behind_blanks(text, at, stop)
        return behind if behind > at else np.int64(-1)
    if text[np.uint64(at)] != separator:
        return np.int64(-1)
    if style == SINGLE:
        return at + 1
    doubled = at + 1 < stop and text[np.uint64(at + 1)] == separator
    return at + 2 if doubled else np.int64(-1)


@kernel(forceinline=True, _nrt=False)
def _behind_line_end(text, at, stop, line_end):
    """Return the position behind the end of a line, or of the text; -1 where there is none."""
    if at >= stop:
        return stop
    if text[np.uint64(at)] == line_end:
        return at + 1
    if text[np.uint64(at)] != _RETURN:
        return np.int64(-1)
    if at + 1 >= stop:
        return stop
    return at + 2 if text[np.uint64(at + 1)] == line_end else np.int64(-1)


@kernel(forceinline=True, _nrt=False)
def _behind_record(text, at, stop, style, line_end):
    """Return the position behind a line whose fields are read; -1 where they are not, or more."""
    if at < 0:
        return at
    if style == RUNS:
        at = _behind_blanks(text, at, stop)
    return _behind_line_end(text, at, stop, line_end)


@kernel(forceinline=True, _nrt=False)
def _read_whole(text, at, stop, kind):
    """Read an integer, or a date as seconds since 1970; -1 stands for the position of neither."""
    if kind == INTEGER:
        return read_integer(text, at, stop)
    seconds, behind, _ = read_date(text, at, stop)
    return seconds, behind


@kernel(forceinline=True, _nrt=False)
def _next_line(text, at, stop, line_end):
    """Return where the next line begins."""
    while at < stop and text[np.uint64(at)] != line_end:
        at += 1
    return min(at + 1, stop)


@kernel(_nrt=False)
def parse_columns(
    text, start, stop, separator, style, line_end, kinds, slots, integers, numbers, letters, aside
):
    """Parse lines of delimited text into columns.

    A line that is not of the expected form is set aside: it may be unusable, or take a slower
    parser. Of that form are canonical integers, decimal numbers, dates, and text without quotes at
    its start and without control bytes.

    Parameters
    ----------
    text : (n,) uint8, read-only
        The text.
    start, stop : int64
        Where the first line begins and the last one ends.
    separator : uint8
        The byte that parts fields.
    style : uint8
        Whether one such byte parts fields, or two (`DOUBLED`), or any run of spaces and tabs
        (`RUNS`), which may also stand at both ends of a line.
    line_end : uint8
        The byte that ends lines; before it may stand a carriage return.
    kinds : (f,) uint8, read-only
        What each field of a line is: `SKIPPED`, `INTEGER`, `NUMBER`, `DATE` or `TEXT`.
    slots : (f,) int64, read-only
        Which row of `integers`, `numbers` or `letters` takes it.
    integers : (i, m + 1) int64, modified
        Integers; dates in seconds since 1970; where each text ends in `letters`, from column 1 on.
    numbers : (j, m) float32, modified
        Numbers.
    letters : (k, b) uint8, modified
        The bytes of texts, one behind the other; at least as long as the text and 8 more.
    aside : (a, 2) int64, modified
        Begin and end of the lines set aside.

    Returns
    -------
    n_rows : int64
        Rows parsed.
    n_aside : int64
        Lines set aside; when it is `a` and more are to be, parsing ends.
    at : int64
        Where parsing ended: `stop`, or the start of a line for which there is no room.

    Notes
    -----
    Writes only to its own arguments, so calls for different texts run in parallel.
    """
    at = start
    row = np.int64(0)
    n_aside = np.int64(0)
    last = kinds.size - 1
    for slot in range(letters.shape[0]):
        integers[slot, 0] = 0
    while at < stop and row < numbers.shape[1]:
        begin = at
        if style == RUNS:
            at = _behind_blanks(text, at, stop)
        blank = _behind_line_end(text, at, stop, line_end)
        if blank >= 0:
            at = blank
            continue
        field = 0
        while at >= 0 and field <= last:
            kind = kinds[np.uint64(field)]
            slot = slots[np.uint64(field)]
            if kind == INTEGER or kind == DATE:  # noqa: PLR1714, SIM109 - Numba is faster so
                value, at = _read_whole(text, at, stop, kind)
                integers[slot, row] = value
            elif kind == NUMBER:
                number, at, _ = read_number(text, at, stop)
                numbers[slot, row] = np.float32(number)
            else:
                end = _text_end(text, at, stop, separator, style)
                # Blanks at the end of a line part no field.
                end = np.int64(-1) if style == RUNS and end == at else end
                if kind == TEXT and end >= 0:
                    to = integers[slot, row]
                    _copy(text, at, end, letters, slot, to)
                    integers[slot, row + 1] = to + end - at
                    end = np.int64(-1) if _is_missing(text, at, end) else end
                at = end
            if at >= 0 and field < last:
                at = _behind_separator(text, at, stop, separator, style)
            field += 1
        at = _behind_record(text, at, stop, style, line_end)
        if at >= 0:
            row += 1
            continue
        if n_aside == aside.shape[0]:
            return row, n_aside, begin
        at = _next_line(text, begin, stop, line_end)
        aside[n_aside, 0] = begin
        aside[n_aside, 1] = at
        n_aside += 1
    return row, n_aside, at
